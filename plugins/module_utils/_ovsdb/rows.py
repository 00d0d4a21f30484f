# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bridges and ports have in common: map options, differences between rows and wishes, marks. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import interface_name
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import Columns
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import (
    MARK,
    MARK_VALUE,
    Attachments,
    Switch,
    Value,
    mark_of,
)

VSCTL_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "timeout": {"type": "int", "default": 10},
    "database": {"type": "str"},
}

#: In check mode: the bridges whose datapath type an earlier call would have changed, see Plan. All of their interfaces
#: are opened anew by that.
REOPENED = "bridges on another datapath"

#: A map option: each key with its value, None where it is to be removed.
Texts = Mapping[str, "str | None"]

#: Each datapath has a port of its own, which belongs to no bridge.
OWN_DEVICES = frozenset({"ovs-netdev", "ovs-system"})


def texts(checks: Checks, option: str, given: Mapping[Any, Any] | None) -> Texts | None:
    """A map option as Open vSwitch stores it, everything as text: what YAML takes for a number is one with its digits.

    Booleans are written `true` and `false`, as ovs-vswitchd reads them.
    """
    if given is None:
        return None
    found: dict[str, str | None] = {}
    for key, value in given.items():
        try:
            found[_text(key)] = None if value is None else _text(value)
        except ValueError as error:
            checks.error(option, f"{key}: {error}")
        if str(key).startswith(MARK):
            checks.error(option, f"{key} is the mark of an owner: give the owner with `owner`")
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    mistake = ""
    if isinstance(value, (dict, list, tuple)):
        mistake = "a list or a dictionary cannot be stored there; give text"
    elif "\0" in str(value):
        mistake = "a NUL character cannot be stored there; take it out"
    if mistake:
        raise ValueError(mistake)
    return str(value)


def name_for_ovs(value: Any) -> str:
    """Check the name of a link that ovs-vsctl is to be told.

    Raises:
        ValueError: The kernel would refuse it, or ovs-vsctl would take it for an option.
    """
    name = interface_name(value)
    if name.startswith("-"):
        raise ValueError(f"{name!r} begins with a '-', which ovs-vsctl takes for an option; choose another name")
    return name


@dataclass
class Difference:
    """Collects how a row differs from what is wanted of it: what to write, and what the diff says."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    keys: list[tuple[str, str, str | None]] = field(default_factory=list)

    def value(self, option: str, old: Any, new: Any, column: str | None = None, stored: Value | None = None) -> None:
        """One option of one column; `new` None leaves it as it is. `stored` is how the column says `new`."""
        if new is None or old == new:
            return
        self.before[option], self.after[option] = old, new
        self.values[column or option] = new if stored is None else stored

    def clear(self, option: str, old: Any) -> None:
        """Empty a column that may be."""
        if old is not None:
            self.before[option], self.after[option] = old, None
            self.values[option] = ()

    def map(self, option: str, old: Mapping[str, str], wanted: Texts | None) -> None:
        """One map option: key by key, the others stay."""
        changed = {key: value for key, value in (wanted or {}).items() if old.get(key) != value}
        if changed:
            self.before[option] = {key: old.get(key) for key in changed}
            self.after[option] = changed
            self.keys.extend((option, key, value) for key, value in changed.items())

    def mark(self, owners: tuple[str, ...], owner: str) -> None:
        """Put an owner's mark beside those that are there."""
        if owner not in owners:
            self.before["owners"], self.after["owners"] = list(owners), sorted([*owners, owner])
            self.keys.append(("external_ids", mark_of(owner), MARK_VALUE))

    def unmark(self, owners: tuple[str, ...], owner: str) -> None:
        self.before["owners"], self.after["owners"] = list(owners), [name for name in owners if name != owner]
        self.keys.append(("external_ids", mark_of(owner), None))

    @property
    def columns(self) -> Columns:
        return Columns(dict(self.values), tuple(self.keys))


def stays(owners: Collection[str], owner: str | None) -> bool:
    """Whether something that is to be absent is none of the owner's."""
    return owner is not None and owner not in owners


def shared(owners: Collection[str], owner: str | None) -> list[str]:
    """The other owners of something of the owner's: it goes with the last of them."""
    return [name for name in owners if name != owner] if owner is not None else []


def lost_taps(switch: Switch, attachments: Attachments) -> frozenset[str]:
    """The internal interfaces on the userspace datapath whose device is gone, with its namespace or by itself.

    ovs-vswitchd keeps the descriptor of such a device and shows nothing of it; nor does it show where a device is that
    was moved into a namespace. As long as it holds a device that no interface is called after (which was renamed,
    then), none is taken for gone: which one it is cannot be told.
    """
    return _lost(switch, "netdev", attachments.taps)


def lost_vports(switch: Switch, attachments: Attachments) -> frozenset[str]:
    """The same for the kernel's datapath."""
    return _lost(switch, "system", attachments.vports)


def _lost(switch: Switch, datapath_type: str, held: frozenset[str] | None) -> frozenset[str]:
    if held is None:
        return frozenset()
    internal = {
        interface.name
        for bridge in switch.bridges
        for port in bridge.ports
        for interface in port.interfaces
        if bridge.datapath_type == datapath_type and interface.type == "internal" and interface.works
    }
    strangers = held - internal - OWN_DEVICES
    return frozenset() if strangers else frozenset(internal - held)


def assumptions(switch: Switch, check_mode: bool) -> list[str]:
    """The warning about an Open vSwitch that could not be looked at."""
    if switch.unavailable:
        return [f"Taken as started by an earlier task, and without bridges: Open vSwitch. Now {switch.unavailable}"]
    if check_mode and switch.running is False:
        return ["Not running, and taken as started by an earlier task: ovs-vswitchd"]
    return []


def taken_by(entry: object, name: str, switch: Switch) -> InvalidEntry | None:
    """The mistake of naming something after what Open vSwitch has as another kind of thing already."""
    found = switch.port_with(name)
    if found is not None and found[1].name != name:
        return InvalidEntry(
            entry, "name", f"{name} is an interface of the bond {found[1].name} on {found[0].name}: choose another name"
        )
    if found is not None and found[1].fake_bridge:
        return InvalidEntry(
            entry,
            "name",
            f"{name} is a VLAN bridge (ovs-vsctl calls it fake) of {found[0].name}: choose another name, or remove it",
        )
    return None

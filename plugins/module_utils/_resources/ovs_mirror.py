# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mirrors of Open vSwitch: their options, and how to converge them. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import OWNER_OPTIONS, Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OVSDB
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.differences import Difference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.mirrors import (
    MIRROR_PORTS,
    MIRROR_SETTINGS,
    Mirror,
    find_mirrors,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import (
    VSCTL_OPTIONS,
    MapOption,
    bridge_name,
    parse_map,
    port_name,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.row_operations import AddRow, RemoveRow, SetRow
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import (
    compare_settings,
    parse_settings,
    specs,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_planner import OvsPlanner
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ABridge, APort

#: The options by which a mirror selects packets.
_SELECTIONS = ("select_all", "select_vlans", "select_src_ports", "select_dst_ports")


@dataclass(frozen=True)
class WantedMirror:
    """One mirror as it is wanted; what is not given is left untouched. `ports` are names, by option."""

    entry: Entry
    present: bool
    name: str
    bridge: str
    settings: Mapping[str, Value] = field(default_factory=dict)
    ports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    external_ids: MapOption | None = None


class MirrorResource(Resource[WantedMirror, Switch]):
    """The resource of the module ovs_mirror."""

    list_option = "mirrors"
    identity = "name"
    backends = (OVSDB, KERNEL)
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "name": {"type": "str"},
        "bridge": {"type": "str"},
        **specs(MIRROR_SETTINGS),
        "select_src_ports": {"type": "list", "elements": "str"},
        "select_dst_ports": {"type": "list", "elements": "str"},
        "output_port": {"type": "str"},
        "external_ids": {"type": "dict"},
    }
    call_options: Mapping[str, Mapping[str, Any]] = {
        **OWNER_OPTIONS,
        **VSCTL_OPTIONS,
        "exact": {"type": "bool", "default": False},
    }

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedMirror:
        checks = Checks(entry)
        if not options["name"]:
            checks.error("name", "a mirror must have a name; give one")
        if not options.get("bridge"):
            checks.error("bridge", "it is required, because two bridges may have mirrors of one name; give it")
        ports = {
            option: tuple(sorted(set(_parse_ports(checks, option, options[option]))))
            for option in MIRROR_PORTS
            if options.get(option) is not None
        }
        wanted = WantedMirror(
            entry,
            options["state"] == "present",
            options["name"],
            checks.value("bridge", bridge_name, options.get("bridge") or None),
            parse_settings(checks, MIRROR_SETTINGS, options),
            ports,
            parse_map(checks, "external_ids", options.get("external_ids")),
        )
        if wanted.ports.get("output_port") and "output_vlan" in wanted.settings:
            checks.error("output_vlan", "packets go to a port or to a VLAN; give only one of `output_port` and it")
        checks.done()
        return wanted

    def key(self, desired: WantedMirror) -> object:
        return (desired.bridge, desired.name)

    def read(self, host: Host, call: Call[WantedMirror]) -> Switch:
        nothing_wanted = not any(mirror.present for mirror in call.entries)
        return host.use(OVSDB).read(call.check_mode, nothing_wanted=nothing_wanted)

    def plan(self, actual: Switch, call: Call[WantedMirror]) -> Plan:
        return MirrorPlanner(actual, call).run()


def _parse_ports(checks: Checks, option: str, given: Any) -> list[str]:
    if isinstance(given, str):
        return [name for name in (checks.value(option, port_name, given or None),) if name]
    return checks.each(option, port_name, given)


class MirrorPlanner(OvsPlanner[WantedMirror]):
    """Plans the mirrors of one call."""

    # Present

    def present(self, wanted: WantedMirror) -> None:
        if self.switch.bridge(wanted.bridge) is None:
            self.require(
                wanted.entry,
                "bridge",
                f"the bridge {wanted.bridge} does not exist; create it first, e.g. with netns.fabric.ovs_bridge",
                ABridge(wanted.bridge),
            )
        for option, names in wanted.ports.items():
            for name in names:
                self._check_port(wanted, option, name)
        mirror = self._find(wanted)
        if mirror is None:
            self._check_new(wanted)
        elif self.call.options.get("exact") and (self.call.owner is None or mirror.owners):
            wanted = _complete(wanted)
        self._converge(wanted, mirror)

    def _check_port(self, wanted: WantedMirror, option: str, name: str) -> None:
        """Check that a port is on the bridge, or is going to be.

        Raises:
            InvalidEntry: It does not exist, or is on another bridge.
        """
        found = self.switch.port(name)
        if found is None:
            self.require(
                wanted.entry,
                option,
                f"the port {name} does not exist; add it first, e.g. with netns.fabric.ovs_port",
                APort(name),
            )
        elif found[0].name != wanted.bridge and not self.call.simulated:
            raise InvalidEntry(
                wanted.entry,
                option,
                f"the port {name} is on the bridge {found[0].name}, and a mirror sees the ports of its own bridge; "
                "choose another port",
            )

    def _check_new(self, wanted: WantedMirror) -> None:
        """Check that a new mirror selects something and knows where to send it.

        Raises:
            InvalidEntry: It would do nothing.
        """
        if not any({**wanted.settings, **wanted.ports}.get(option) for option in _SELECTIONS):
            raise InvalidEntry(
                wanted.entry,
                "select_all",
                "a mirror that selects nothing mirrors nothing; set `select_all: true`, or give `select_src_ports`, "
                "`select_dst_ports` or `select_vlans`",
            )
        if not wanted.ports.get("output_port") and "output_vlan" not in wanted.settings:
            raise InvalidEntry(
                wanted.entry, "output_port", "it is required to create a mirror, or `output_vlan`; give one of them"
            )

    def _converge(self, wanted: WantedMirror, mirror: Mirror | None) -> None:
        row = mirror.row if mirror else Row("Mirror", "")
        difference = Difference()
        compare_settings(difference, MIRROR_SETTINGS, row, wanted.settings)
        difference.compare_map("external_ids", row.strings("external_ids"), wanted.external_ids)
        if self.call.owner and (mirror is None or mirror.owners):
            difference.add_owner(mirror.owners if mirror else (), self.call.owner)
        ports = _compare_ports(difference, wanted, mirror)
        target = _target(wanted.bridge, wanted.name)
        if mirror is None:
            difference.values["name"] = wanted.name
            place = ("Bridge", wanted.bridge, "mirrors", "Mirror")
            operation = AddRow(*place, difference.columns, wanted.name, ports=ports)
            after = {"bridge": wanted.bridge, **difference.after}
            self.changes.append(Change(wanted.entry, target, None, after, (operation,)))
        elif difference.after:
            change = SetRow("Mirror", row.uuid, difference.columns, ports)
            self.changes.append(Change(wanted.entry, target, difference.before, difference.after, (change,)))

    def _find(self, wanted: WantedMirror) -> Mirror | None:
        bridge = self.switch.bridge(wanted.bridge)
        found = find_mirrors(self.switch, bridge) if bridge else []
        return next((mirror for mirror in found if mirror.name == wanted.name), None)

    # Absent

    def absent(self, wanted: WantedMirror) -> None:
        mirror = self._find(wanted)
        if mirror is not None:
            self._release(wanted.entry, mirror)

    def prune(self) -> None:
        listed = {(mirror.bridge, mirror.name) for mirror in self.call.entries}
        for mirror in self._all():
            if self.call.owner in mirror.owners and (mirror.bridge, mirror.name) not in listed:
                self._release(Entry(mirror.name), mirror)

    def _all(self) -> Iterator[Mirror]:
        for bridge in self.switch.bridges:
            yield from find_mirrors(self.switch, bridge)

    def _release(self, entry: Entry, mirror: Mirror) -> None:
        self.release(
            entry,
            f"the mirror {mirror.name} of {mirror.bridge}",
            mirror.owners,
            delete=partial(self._delete, entry, mirror),
            disown=partial(self._disown, entry, mirror),
        )

    def _delete(self, entry: Entry, mirror: Mirror) -> None:
        operation = RemoveRow("Bridge", mirror.bridge, "mirrors", mirror.row.uuid)
        before = {"bridge": mirror.bridge, **mirror.declare()}
        self.changes.append(Change(entry, _target(mirror.bridge, mirror.name), before, None, (operation,)))

    def _disown(self, entry: Entry, mirror: Mirror) -> None:
        difference = Difference()
        difference.remove_owner(mirror.owners, self.call.owner or "")
        operation = SetRow("Mirror", mirror.row.uuid, difference.columns)
        target = _target(mirror.bridge, mirror.name)
        self.changes.append(Change(entry, target, difference.before, difference.after, (operation,)))


def _complete(wanted: WantedMirror) -> WantedMirror:
    """Return what is wanted with a new mirror's value for what is omitted."""
    settings = {setting.option: setting.default for setting in MIRROR_SETTINGS}
    ports: dict[str, tuple[str, ...]] = dict.fromkeys(MIRROR_PORTS, ())
    return replace(wanted, settings={**settings, **wanted.settings}, ports={**ports, **wanted.ports})


def _compare_ports(difference: Difference, wanted: WantedMirror, mirror: Mirror | None) -> dict[str, tuple[str, ...]]:
    """Return the columns whose ports are to change; one output excludes the other."""
    asked = dict(wanted.ports)
    present = mirror.ports if mirror else {}
    if wanted.settings.get("output_vlan", ()) != ():
        asked["output_port"] = ()
    elif asked.get("output_port") and mirror is not None:
        difference.clear("output_vlan", mirror.row.optional("output_vlan"))
    changed: dict[str, tuple[str, ...]] = {}
    for option, names in asked.items():
        column = MIRROR_PORTS[option]
        if names != present.get(column, ()):
            difference.before[option], difference.after[option] = list(present.get(column, ())), list(names)
            changed[column] = names
    return changed


def _target(bridge: str, name: str) -> str:
    return f"mirror {bridge}/{name}"

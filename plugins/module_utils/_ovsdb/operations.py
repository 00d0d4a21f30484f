# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The writes that Open vSwitch can be asked for, each with its way back and the shell lines that do the same. Pure.

The notation of values and the commands are those of ovs-vsctl(8).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import (
    REOPEN,
    REOPEN_KEY,
    Atom,
    Interface,
    Row,
    Switch,
    Uuid,
    Value,
)

#: One command of ovs-vsctl with its arguments.
Command = tuple[str, ...]

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_LIKE_A_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def literal(atom: Atom) -> str:
    """An atom in the notation of ovs-vsctl(8), "Database Values": a string is quoted as JSON unless it needs none.

    Everything outside ASCII is escaped, so that it does not depend on the locale.
    """
    if isinstance(atom, Uuid):
        return atom.text
    if isinstance(atom, bool):
        return "true" if atom else "false"
    if isinstance(atom, (int, float)):
        return str(atom)
    bare = _BARE.fullmatch(atom) and atom not in ("true", "false") and not _LIKE_A_UUID.fullmatch(atom)
    return atom if bare else json.dumps(atom)


def assignment(column: str, value: Value) -> str:
    """`column=value`, for a scalar, a set or a map."""
    if isinstance(value, Mapping):
        pairs = (f"{literal(key)}={literal(item)}" for key, item in value.items())
        return f"{column}={{{','.join(pairs)}}}"
    if isinstance(value, tuple):
        return f"{column}=[{','.join(map(literal, value))}]"
    return f"{column}={literal(value)}"


@dataclass(frozen=True)
class Columns:
    """What is to become of a row's columns.

    `values` are set as a whole; () clears one that may be empty. `keys` are those of map columns: (column, key, value),
    where None removes the key.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    keys: tuple[tuple[str, str, str | None], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.values or self.keys)

    def assignments(self) -> list[str]:
        return [
            *(assignment(column, value) for column, value in self.values.items()),
            *(f"{column}:{literal(key)}={literal(value)}" for column, key, value in self.keys if value is not None),
        ]

    def removals(self, table: str, record: str) -> list[Command]:
        return [
            ("remove", table, literal(record), column, literal(key))
            for column, key, value in self.keys
            if value is None
        ]

    def commands(self, table: str, record: str) -> list[Command]:
        assignments = self.assignments()
        setting: list[Command] = [("set", table, literal(record), *assignments)] if assignments else []
        return [*setting, *self.removals(table, record)]

    def inverse(self, row: Row) -> Columns:
        """What gives the row these columns back as they are."""
        return Columns(
            {column: row.columns.get(column, ()) for column in self.values},
            tuple((column, key, row.strings(column).get(key)) for column, key, _value in self.keys),
        )


def recreation(rows: Sequence[Row]) -> list[Command]:
    """Rows with all their configuration, as they were; what they say of each other is kept."""
    names = {row.uuid: _name_of(row) for row in rows}
    return [
        (
            f"--id={names[row.uuid]}",
            "create",
            row.table,
            *(assignment(column, _renamed(value, names)) for column, value in sorted(row.configuration.items())),
        )
        for row in rows
    ]


def _name_of(row: Row) -> str:
    """What a row that is to be created goes by within its transaction, which may create many."""
    return "@row_" + row.uuid.replace("-", "_")


def _renamed(value: Value, names: Mapping[str, str]) -> Value:
    if isinstance(value, tuple):
        return tuple(_renamed_atom(element, names) for element in value)
    if isinstance(value, Mapping):
        return {key: _renamed_atom(item, names) for key, item in value.items()}
    return _renamed_atom(value, names)


def _renamed_atom(atom: Atom, names: Mapping[str, str]) -> Atom:
    return Uuid(names.get(atom.text, atom.text)) if isinstance(atom, Uuid) else atom


@dataclass(frozen=True)
class OvsOperation:
    """A write to Open vSwitch.

    Nearly all are of one phase, so that they make up one transaction. In transactions of their own come first those
    that have to, and last those that delete: what a link of ovs-vswitchd's had on it, such as addresses, goes with the
    link and is not given back with the row, so all else must have succeeded before.
    """

    phase = Phase.CREATE
    backend = "ovsdb"
    #: What it sets in the row of an interface.
    interface = Columns()

    def transaction(self) -> Sequence[Command]:
        """The commands of ovs-vsctl that do it."""
        raise NotImplementedError

    def undo(self, before: Switch) -> Sequence[Command]:
        """The commands of ovs-vsctl that take it back, `before` being what there was."""
        raise NotImplementedError

    def undo_after(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        """What is left to do in a transaction of its own once `undo` has taken effect."""
        return ()

    def requests(self) -> Sequence[Command]:
        """What ovs-vswitchd is asked for by ovs-appctl before the transaction."""
        return ()

    def results(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        """The interfaces that ovs-vswitchd sets up for it, by name."""
        return ()

    def carried_along(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        """The interfaces of others that ovs-vswitchd opens anew for it, by name."""
        return ()

    @property
    def mtu(self) -> bool:
        """Whether it asks for an MTU."""
        return "mtu_request" in self.interface.values

    def size(self, before: Switch) -> int:  # noqa: ARG002  # every operation has this signature
        """How many interfaces ovs-vswitchd opens or closes for it, which is what takes time."""
        return 1

    def commands(self) -> Sequence[str]:
        return [
            *(shlex.join(["ovs-appctl", *request]) for request in self.requests()),
            shlex.join(["ovs-vsctl", *joined(self.transaction())]),
        ]


def joined(commands: Iterable[Command]) -> list[str]:
    """Several commands as the arguments of one ovs-vsctl, the one transaction that they are."""
    arguments: list[str] = []
    for command in commands:
        arguments.extend(["--", *command] if arguments or command[0].startswith("-") else command)
    return arguments


@dataclass(frozen=True)
class AddBridge(OvsOperation):
    """`interface` is for the bridge's local interface."""

    name: str
    columns: Columns = Columns()
    interface: Columns = Columns()

    def transaction(self) -> Sequence[Command]:
        return [
            ("add-br", self.name),
            *self.columns.commands("Bridge", self.name),
            *self.interface.commands("Interface", self.name),
        ]

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return [("--if-exists", "del-br", self.name)]

    def results(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return [self.name]


@dataclass(frozen=True)
class SetBridge(OvsOperation):
    """Another datapath type has ovs-vswitchd open all of the bridge's interfaces anew.

    `interface` is for the bridge's local interface.
    """

    name: str
    columns: Columns
    interface: Columns = Columns()

    def transaction(self) -> Sequence[Command]:
        return [*self.columns.commands("Bridge", self.name), *self.interface.commands("Interface", self.name)]

    def undo(self, before: Switch) -> Sequence[Command]:
        bridge = before.bridge(self.name)
        if bridge is None:
            return ()
        local = _as_it_was(self.interface, bridge.local).commands("Interface", self.name) if bridge.local else ()
        return [*self.columns.inverse(bridge.row).commands("Bridge", self.name), *local]

    def undo_after(self, before: Switch) -> Sequence[Command]:
        bridge = before.bridge(self.name)
        local = bridge.local if bridge else None
        return _no_longer_asked_for(self.interface, local).commands("Interface", self.name) if local else ()

    def results(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return [self.name] if self.mtu or "datapath_type" in self.columns.values else []

    def carried_along(self, before: Switch) -> Sequence[str]:
        bridge = before.bridge(self.name)
        if bridge is None or "datapath_type" not in self.columns.values:
            return ()
        # A port that did not work before either is no fault of this change.
        return [each.name for port in bridge.ports for each in port.interfaces if each.works and each.name != self.name]

    def size(self, before: Switch) -> int:
        return 1 + len(self.carried_along(before))


@dataclass(frozen=True)
class DeleteBridge(OvsOperation):
    """Its ports go with it."""

    name: str
    phase: Phase = Phase.REMOVE

    def transaction(self) -> Sequence[Command]:
        return [("--if-exists", "del-br", self.name)]

    def undo(self, before: Switch) -> Sequence[Command]:
        bridge = before.bridge(self.name)
        if bridge is None:
            return ()
        rows = before.with_all_it_takes_along([bridge.row])
        return [*recreation(rows), ("add", "Open_vSwitch", ".", "bridges", _name_of(bridge.row))]

    def size(self, before: Switch) -> int:
        bridge = before.bridge(self.name)
        return len(bridge.ports) if bridge else 1


@dataclass(frozen=True)
class AddPort(OvsOperation):
    bridge: str
    name: str
    port: Columns = Columns()
    interface: Columns = Columns()

    def transaction(self) -> Sequence[Command]:
        return [
            ("add-port", self.bridge, self.name, *self.port.assignments()),
            *self.interface.commands("Interface", self.name),
        ]

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return [("--if-exists", "del-port", self.name)]

    def results(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return [self.name]


@dataclass(frozen=True)
class SetPort(OvsOperation):
    """`interface_name` is that of the port's interface; nearly always the port's own."""

    name: str
    interface_name: str
    port: Columns = Columns()
    interface: Columns = Columns()

    def transaction(self) -> Sequence[Command]:
        return [
            *self.port.commands("Port", self.name),
            *self.interface.commands("Interface", self.interface_name),
        ]

    def undo(self, before: Switch) -> Sequence[Command]:
        found = before.port(self.name)
        if found is None:
            return ()
        return [
            *self.port.inverse(found[1].row).commands("Port", self.name),
            *_as_it_was(self.interface, found[1].interface).commands("Interface", self.interface_name),
        ]

    def undo_after(self, before: Switch) -> Sequence[Command]:
        found = before.port(self.name)
        if found is None:
            return ()
        return _no_longer_asked_for(self.interface, found[1].interface).commands("Interface", self.interface_name)

    def results(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return [self.interface_name]


@dataclass(frozen=True)
class MovePort(OvsOperation):
    """To another bridge, with all that its row says.

    A port's row lives as long as a bridge refers to it: taken off the one and put on the other in one transaction, it
    stays the row that it is. An internal port's device is made anew on the host.
    """

    name: str
    interface_name: str
    bridge: str
    to: str

    def transaction(self) -> Sequence[Command]:
        return _handed_over(self.name, self.bridge, self.to)

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return _handed_over(self.name, self.to, self.bridge)

    def results(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return [self.interface_name]


_KEPT_BY_THE_LINK = ("mtu_request", "mac")


def _as_it_was(columns: Columns, interface: Interface) -> Columns:
    """What gives an interface these columns back.

    A link keeps an MTU and an address that nobody asks for any more: so the old ones are asked for, at first.
    """
    inverse = columns.inverse(interface.row)
    in_effect = _in_effect(interface)
    kept = {column: in_effect.get(column, ()) if value == () else value for column, value in inverse.values.items()}
    return Columns(kept, inverse.keys)


def _no_longer_asked_for(columns: Columns, interface: Interface) -> Columns:
    """Once _as_it_was() has taken effect: what nobody has asked for before."""
    inverse = columns.inverse(interface.row)
    return Columns(
        {column: value for column, value in inverse.values.items() if column in _KEPT_BY_THE_LINK and value == ()}
    )


def _in_effect(interface: Interface) -> Mapping[str, Value]:
    """What a link has of what can be asked for."""
    found = {"mtu_request": interface.mtu, "mac": interface.mac_in_use if interface.type == "internal" else None}
    return {column: value for column, value in found.items() if value is not None}


def _handed_over(port: str, bridge: str, to: str) -> list[Command]:
    # Unique within a transaction of many: the name goes in, in letters that an identifier may have.
    reference = "@port_" + (port if port.isidentifier() and port.isascii() else "x" + port.encode().hex())
    return [
        (f"--id={reference}", "get", "Port", literal(port)),
        ("remove", "Bridge", literal(bridge), "ports", reference),
        ("add", "Bridge", literal(to), "ports", reference),
    ]


@dataclass(frozen=True)
class DeletePort(OvsOperation):
    bridge: str
    name: str
    phase: Phase = Phase.REMOVE

    def transaction(self) -> Sequence[Command]:
        return [("--if-exists", "del-port", self.bridge, self.name)]

    def undo(self, before: Switch) -> Sequence[Command]:
        found = before.port(self.name)
        if found is None:
            return ()
        rows = before.with_all_it_takes_along([found[1].row])
        return [*recreation(rows), ("add", "Bridge", literal(self.bridge), "ports", _name_of(found[1].row))]


@dataclass(frozen=True)
class CloseInterface(OvsOperation):
    """Have ovs-vswitchd let go of a device that it has lost, in a transaction of its own.

    It looks at a device again when the interface's type changes; a change there and back within one transaction goes
    unseen. As a patch port the interface needs no device, and what its peer is called says, should the run end here,
    what it was: the next run goes on from there. The row stays, and the OpenFlow port number with it.
    """

    port: str
    interface_name: str
    type: str
    phase: Phase = Phase.RELEASE

    def transaction(self) -> Sequence[Command]:
        return Columns({"type": "patch"}, (("options", "peer", REOPEN + self.type),)).commands(
            "Interface", self.interface_name
        )

    def undo(self, before: Switch) -> Sequence[Command]:
        found = before.port(self.port)
        peer = found[1].interface.options.get("peer") if found else None
        return _reopened(self.interface_name, self.type, peer)


@dataclass(frozen=True)
class OpenInterface(OvsOperation):
    """Have ovs-vswitchd open the device anew, after CloseInterface."""

    interface_name: str
    type: str
    #: What the option `peer` was, where it has a meaning of its own.
    peer: str | None = None

    def transaction(self) -> Sequence[Command]:
        return _reopened(self.interface_name, self.type, self.peer)

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return ()  # that of CloseInterface does it

    def results(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return [self.interface_name]


def _reopened(interface: str, kind: str, peer: str | None) -> list[Command]:
    stored = "" if kind == "system" else kind
    return Columns({"type": stored}, (("options", "peer", peer),)).commands("Interface", interface)


@dataclass(frozen=True)
class CloseLocalInterface(OvsOperation):
    """Have ovs-vswitchd make a bridge's own device again, on the userspace datapath.

    Its type cannot change, so its datapath port is taken away; the next change of the configuration, whatever it is,
    has ovs-vswitchd add it again. The bridge's other ports are not touched.
    """

    bridge: str
    phase: Phase = Phase.RELEASE

    def requests(self) -> Sequence[Command]:
        return [("dpctl/del-if", "netdev@ovs-netdev", self.bridge)]

    def transaction(self) -> Sequence[Command]:
        return Columns(keys=(("external_ids", REOPEN_KEY, "true"),)).commands("Interface", self.bridge)

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return OpenLocalInterface(self.bridge).transaction()


@dataclass(frozen=True)
class OpenLocalInterface(OvsOperation):
    """Take away the mark that CloseLocalInterface has left."""

    bridge: str

    def transaction(self) -> Sequence[Command]:
        return Columns(keys=(("external_ids", REOPEN_KEY, None),)).commands("Interface", self.bridge)

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return ()

    def results(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return [self.bridge]

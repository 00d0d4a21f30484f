# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations on Open vSwitch, each with its rollback and the equivalent shell lines. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database import DatabaseOperation
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import (
    COLLECTOR_SET,
    REOPEN,
    REOPEN_KEY,
    Interface,
    Switch,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import (
    NO_COLUMNS,
    Columns,
    Command,
    identifier,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value


@dataclass(frozen=True)
class OvsOperation(DatabaseOperation[Switch]):
    """A write to Open vSwitch.

    Transactions of their own are needed by those that ovs-vswitchd must have applied before the others, and by those
    that delete. Deletions come last: a link that ovs-vswitchd deletes loses its addresses, which a rollback of the row
    does not restore.
    """

    backend = "ovsdb"
    program = "ovs-vsctl"
    #: What it sets in the row of an interface.
    interface = NO_COLUMNS

    def requests(self) -> Sequence[Command]:
        """Return the commands of ovs-appctl that come before the transaction."""
        return ()

    def expected_interfaces(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        """Return the names of the interfaces that ovs-vswitchd sets up for it."""
        return ()

    def reopened_interfaces(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        """Return the names of the other interfaces that ovs-vswitchd re-opens because of it."""
        return ()

    @property
    def mtu(self) -> bool:
        """Whether it requests an MTU."""
        return "mtu_request" in self.interface.values

    def size(self, before: Switch) -> int:  # noqa: ARG002  # every operation has this signature
        """Return how many interfaces ovs-vswitchd opens or closes for it, which is what takes time."""
        return 1

    def commands(self) -> Sequence[str]:
        return [*(shlex.join(["ovs-appctl", *request]) for request in self.requests()), *super().commands()]


@dataclass(frozen=True)
class AddBridge(OvsOperation):
    """Add a bridge; `interface` is for its local interface."""

    name: str
    columns: Columns = NO_COLUMNS
    interface: Columns = NO_COLUMNS

    def transaction(self) -> Sequence[Command]:
        return [
            ("add-br", self.name),
            *self.columns.commands("Bridge", self.name),
            *self.interface.commands("Interface", self.name),
        ]

    def is_applied(self, now: Switch) -> bool:
        return _has_bridge(now, self.name, self.columns, self.interface)

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return [("--if-exists", "del-br", self.name)]

    def expected_interfaces(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return [self.name]


@dataclass(frozen=True)
class SetBridge(OvsOperation):
    """Change a bridge; `interface` is for its local interface.

    Another datapath type makes ovs-vswitchd re-open all of the bridge's interfaces.
    """

    name: str
    columns: Columns
    interface: Columns = NO_COLUMNS

    def transaction(self) -> Sequence[Command]:
        return [*self.columns.commands("Bridge", self.name), *self.interface.commands("Interface", self.name)]

    def is_applied(self, now: Switch) -> bool:
        return _has_bridge(now, self.name, self.columns, self.interface)

    def undo(self, before: Switch) -> Sequence[Command]:
        bridge = before.bridge(self.name)
        if bridge is None:
            return ()
        local = _restore(self.interface, bridge.local).commands("Interface", self.name) if bridge.local else ()
        return [*self.columns.inverse(bridge.row).commands("Bridge", self.name), *local]

    def undo_after(self, before: Switch) -> Sequence[Command]:
        bridge = before.bridge(self.name)
        local = bridge.local if bridge else None
        return _withdraw_requests(self.interface, local).commands("Interface", self.name) if local else ()

    def expected_interfaces(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return [self.name] if self.mtu or "datapath_type" in self.columns.values else []

    def reopened_interfaces(self, before: Switch) -> Sequence[str]:
        bridge = before.bridge(self.name)
        if bridge is None or "datapath_type" not in self.columns.values:
            return ()
        # A port that did not work before is no fault of this change.
        return [each.name for port in bridge.ports for each in port.interfaces if each.works and each.name != self.name]

    def size(self, before: Switch) -> int:
        return 1 + len(self.reopened_interfaces(before))


@dataclass(frozen=True)
class DeleteBridge(OvsOperation):
    """Delete a bridge, its ports with it, and the sets of collectors that refer to it.

    The database keeps a row of a bridge as long as a set of collectors refers to it, and no bridge of its name could be
    created. `collectors` are their UUIDs.
    """

    name: str
    collectors: tuple[str, ...] = ()
    phase: Phase = Phase.REMOVE

    def transaction(self) -> Sequence[Command]:
        return [
            *(("--if-exists", "destroy", COLLECTOR_SET, uuid) for uuid in self.collectors),
            ("--if-exists", "del-br", self.name),
        ]

    def is_applied(self, now: Switch) -> bool:
        return now.bridge(self.name) is None

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return ()  # the deleted rows are re-created

    def deleted_rows(self, before: Switch) -> Sequence[Row]:
        bridge = before.bridge(self.name)
        return [bridge.row, *(before.rows[uuid] for uuid in self.collectors)] if bridge else ()

    def size(self, before: Switch) -> int:
        bridge = before.bridge(self.name)
        return len(bridge.ports) if bridge else 1


@dataclass(frozen=True)
class AddPort(OvsOperation):
    """Add a port to a bridge: of one interface, which has its name, or a bond of `members`."""

    bridge: str
    name: str
    port: Columns = NO_COLUMNS
    interface: Columns = NO_COLUMNS
    members: tuple[str, ...] = ()

    @property
    def _interfaces(self) -> tuple[str, ...]:
        return self.members or (self.name,)

    def transaction(self) -> Sequence[Command]:
        command = "add-bond" if self.members else "add-port"
        adding = (command, self.bridge, self.name, *self.members)
        settings = (self.interface.commands("Interface", name) for name in self._interfaces)
        return [(*adding, *self.port.assignments()), *chain.from_iterable(settings)]

    def is_applied(self, now: Switch) -> bool:
        return all(_has_port(now, self.name, self.port, name, self.interface) for name in self._interfaces)

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return [("--if-exists", "del-port", self.name)]

    def expected_interfaces(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return self._interfaces

    def size(self, before: Switch) -> int:  # noqa: ARG002  # every operation has this signature
        return len(self._interfaces)


@dataclass(frozen=True)
class SetPort(OvsOperation):
    """Change a port and one of its interfaces; `interface_name` is the port's name unless it is a bond."""

    name: str
    interface_name: str
    port: Columns = NO_COLUMNS
    interface: Columns = NO_COLUMNS

    def transaction(self) -> Sequence[Command]:
        return [
            *self.port.commands("Port", self.name),
            *self.interface.commands("Interface", self.interface_name),
        ]

    def is_applied(self, now: Switch) -> bool:
        return _has_port(now, self.name, self.port, self.interface_name, self.interface)

    def undo(self, before: Switch) -> Sequence[Command]:
        found = before.port(self.name)
        interface = before.interfaces.get(self.interface_name)
        if found is None:
            return ()
        # An interface that was not there yet is deleted again.
        restored = _restore(self.interface, interface).commands("Interface", self.interface_name) if interface else []
        return [*self.port.inverse(found[1].row).commands("Port", self.name), *restored]

    def undo_after(self, before: Switch) -> Sequence[Command]:
        interface = before.interfaces.get(self.interface_name)
        if interface is None:
            return ()
        return _withdraw_requests(self.interface, interface).commands("Interface", self.interface_name)

    def expected_interfaces(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return [self.interface_name]


@dataclass(frozen=True)
class MovePort(OvsOperation):
    """Move a port to another bridge, with its whole row.

    The database deletes a port's row once no bridge refers to it. In one transaction the reference moves from the one
    bridge to the other, so the row is kept. The device of an internal port is re-created on the host.
    """

    name: str
    bridge: str
    to: str

    def transaction(self) -> Sequence[Command]:
        return _move(self.name, self.bridge, self.to)

    def is_applied(self, now: Switch) -> bool:
        found = now.port(self.name)
        return found is not None and found[0].name == self.to

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return _move(self.name, self.to, self.bridge)

    def expected_interfaces(self, before: Switch) -> Sequence[str]:
        found = before.port(self.name)
        return found[1].members if found else ()


#: The columns whose value the link keeps after the request for it was withdrawn.
_KEPT_BY_LINK = ("mtu_request", "mac")


def _restore(columns: Columns, interface: Interface) -> Columns:
    """Return what gives an interface these columns back.

    A link keeps an MTU and an address that is no longer requested: so the old ones are requested at first.
    """
    inverse = columns.inverse(interface.row)
    in_effect = _values_in_effect(interface)
    kept = {column: in_effect.get(column, ()) if value == () else value for column, value in inverse.values.items()}
    return Columns(kept, inverse.keys)


def _withdraw_requests(columns: Columns, interface: Interface) -> Columns:
    """Return what clears, once _restore() has taken effect, the requests that did not exist before."""
    inverse = columns.inverse(interface.row)
    return Columns(
        {column: value for column, value in inverse.values.items() if column in _KEPT_BY_LINK and value == ()}
    )


def _values_in_effect(interface: Interface) -> Mapping[str, Value]:
    """Return the values that a link has of what can be requested."""
    found = {"mtu_request": interface.mtu, "mac": interface.mac_in_use if interface.type == "internal" else None}
    return {column: value for column, value in found.items() if value is not None}


def _move(port: str, bridge: str, to: str) -> list[Command]:
    reference = identifier("port", port)
    return [
        (f"--id={reference}", "get", "Port", port),
        ("remove", "Bridge", bridge, "ports", reference),
        ("add", "Bridge", to, "ports", reference),
    ]


@dataclass(frozen=True)
class DeletePort(OvsOperation):
    """Delete a port from a bridge."""

    bridge: str
    name: str
    phase: Phase = Phase.REMOVE

    def transaction(self) -> Sequence[Command]:
        return [("--if-exists", "del-port", self.bridge, self.name)]

    def is_applied(self, now: Switch) -> bool:
        return now.port(self.name) is None

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return ()  # the deleted rows are re-created

    def deleted_rows(self, before: Switch) -> Sequence[Row]:
        found = before.port(self.name)
        return [found[1].row] if found else []


@dataclass(frozen=True)
class CloseInterface(OvsOperation):
    """Make ovs-vswitchd close a device that it has lost, in a transaction of its own.

    It opens a device again when the interface's type changes; it does not see a change there and back within one
    transaction. Meanwhile the interface is a patch port, which needs no device. The name of its peer records the
    former type, so that the next run can complete the repair where this one is interrupted. The row is kept, and the
    OpenFlow port number with it.
    """

    port: str
    interface_name: str
    type: str
    phase: Phase = Phase.RELEASE

    @property
    def _columns(self) -> Columns:
        return Columns({"type": "patch"}, (("options", "peer", REOPEN + self.type),))

    def transaction(self) -> Sequence[Command]:
        return self._columns.commands("Interface", self.interface_name)

    def is_applied(self, now: Switch) -> bool:
        return _has_interface(now, self.interface_name, self._columns)

    def undo(self, before: Switch) -> Sequence[Command]:
        interface = before.interfaces.get(self.interface_name)
        peer = interface.options.get("peer") if interface else None
        return _opened(self.type, peer).commands("Interface", self.interface_name)


@dataclass(frozen=True)
class OpenInterface(OvsOperation):
    """Make ovs-vswitchd open the device again, after CloseInterface."""

    interface_name: str
    type: str
    #: The option `peer` as it was before CloseInterface.
    peer: str | None = None

    def transaction(self) -> Sequence[Command]:
        return _opened(self.type, self.peer).commands("Interface", self.interface_name)

    def is_applied(self, now: Switch) -> bool:
        return _has_interface(now, self.interface_name, _opened(self.type, self.peer))

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return ()  # the rollback of CloseInterface does it

    def expected_interfaces(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return [self.interface_name]


def _opened(kind: str, peer: str | None) -> Columns:
    return Columns({"type": "" if kind == "system" else kind}, (("options", "peer", peer),))


@dataclass(frozen=True)
class CloseLocalInterface(OvsOperation):
    """Make ovs-vswitchd re-create a bridge's own device, on the userspace datapath.

    Its type cannot change, so its datapath port is deleted; at the next change of the configuration, whatever it is,
    ovs-vswitchd adds it again. The bridge's other ports are not touched.
    """

    bridge: str
    #: The datapath port, where that is not the name: a number for a name of digits, which dpctl takes for a number, and
    #: the empty text where there is none.
    datapath_port: str | None = None
    phase: Phase = Phase.RELEASE

    def requests(self) -> Sequence[Command]:
        port = self.bridge if self.datapath_port is None else self.datapath_port
        return [("dpctl/del-if", "netdev@ovs-netdev", port)] if port else []

    def transaction(self) -> Sequence[Command]:
        return _REOPENING.commands("Interface", self.bridge)

    def is_applied(self, now: Switch) -> bool:
        return _has_interface(now, self.bridge, _REOPENING)

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return _REOPENED.commands("Interface", self.bridge)


@dataclass(frozen=True)
class OpenLocalInterface(OvsOperation):
    """Remove the key that CloseLocalInterface has set, which makes ovs-vswitchd add the device again."""

    bridge: str

    def transaction(self) -> Sequence[Command]:
        return _REOPENED.commands("Interface", self.bridge)

    def is_applied(self, now: Switch) -> bool:
        return _has_interface(now, self.bridge, _REOPENED)

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return ()

    def expected_interfaces(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return [self.bridge]


_REOPENING = Columns(keys=(("external_ids", REOPEN_KEY, "true"),))
_REOPENED = Columns(keys=(("external_ids", REOPEN_KEY, None),))


# Whether the database has what an operation writes


def _has_bridge(switch: Switch, name: str, columns: Columns, interface: Columns) -> bool:
    bridge = switch.bridge(name)
    if bridge is None or not columns.are_set(bridge.row):
        return False
    return not interface or _has_interface(switch, name, interface)


def _has_port(switch: Switch, name: str, columns: Columns, interface_name: str, interface: Columns) -> bool:
    found = switch.port_with(interface_name)
    if found is None or found[1].name != name or not columns.are_set(found[1].row):
        return False
    return _has_interface(switch, interface_name, interface)


def _has_interface(switch: Switch, name: str, columns: Columns) -> bool:
    found = switch.port_with(name)
    return found is not None and any(
        columns.are_set(interface.row) for interface in found[1].interfaces if interface.name == name
    )

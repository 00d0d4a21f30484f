# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of Open vSwitch as plain values: bridges with their ports and interfaces, put together from rows. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database import Database
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import (
    Row,
    collect_dependents,
    drop_references,
    find_uuids,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import is_like_a_uuid
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import (
    BRIDGE,
    FLOW_SAMPLE_COLLECTOR_SET,
    INTERFACE,
    OPEN_VSWITCH,
    PORT,
    TABLES,
)

#: The key in external_ids by which an owner owns a row, less the owner's name. The value is always MARK_VALUE.
MARK = "netns.fabric/"
MARK_VALUE = "owner"

#: The table of the sets of collectors for IPFIX, each of one bridge.
COLLECTOR_SET = FLOW_SAMPLE_COLLECTOR_SET.name

#: How the option `peer` begins while a port whose device ovs-vswitchd has lost is re-opened; the port's type follows.
REOPEN = "netns.fabric.reopen."
#: The key in external_ids of a bridge's local interface that says the same of it.
REOPEN_KEY = "netns.fabric.reopen"

#: The kind of the links that ovs-vswitchd creates on each datapath. It takes over one that exists already, such as a
#: killed ovs-vswitchd leaves.
OWN_KIND: Mapping[str, str] = {"system": "openvswitch", "netdev": "tun"}

#: The fault of an interface that ovs-vswitchd has not set up and says nothing about.
NO_REASON = "ovs-vswitchd reports no reason in the database; see its log"


@dataclass(frozen=True)
class Interface:
    """A row of the table Interface.

    `type` is never empty: the empty string of the database is "system". `ofport` is None where ovs-vswitchd has not set
    the interface up, and -1 where it could not. `ifindex` is 0 where ovs-vswitchd sees no such link in its own network
    namespace, None where it has not looked.
    """

    name: str
    type: str = "system"
    ofport: int | None = None
    ifindex: int | None = None
    error: str = ""
    mac: str | None = None
    mac_in_use: str | None = None
    mtu: int | None = None
    mtu_request: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    external_ids: Mapping[str, str] = field(default_factory=dict)
    other_config: Mapping[str, str] = field(default_factory=dict)
    row: Row = field(default_factory=lambda: Row("Interface", ""))

    @property
    def works(self) -> bool:
        """Whether ovs-vswitchd has set it up."""
        return self.ofport is not None and self.ofport != -1

    @property
    def fault(self) -> str:
        """What is wrong with it after it was set up; empty for nothing.

        A patch port without its peer works as soon as the peer exists.
        """
        if not self.works:
            return self.error or NO_REASON
        if self.error and self.type != "patch":
            return self.error
        if self.type == "system" and self.ifindex == 0:
            return "there is no such device on the host any more"
        return ""

    @property
    def reopening(self) -> str | None:
        """The type that it had, where a run was interrupted while it re-opened the interface."""
        peer = self.options.get("peer", "")
        return peer[len(REOPEN) :] if self.type == "patch" and peer.startswith(REOPEN) else None


@dataclass(frozen=True)
class Port:
    """A row of the table Port with its interfaces: one, or several for a bond."""

    name: str
    interfaces: tuple[Interface, ...] = ()
    tag: int | None = None
    trunks: tuple[int, ...] = ()
    vlan_mode: str | None = None
    protected: bool = False
    fake_bridge: bool = False
    external_ids: Mapping[str, str] = field(default_factory=dict)
    other_config: Mapping[str, str] = field(default_factory=dict)
    row: Row = field(default_factory=lambda: Row("Port", ""))

    @property
    def owners(self) -> tuple[str, ...]:
        return find_owners(self.external_ids)

    @property
    def interface(self) -> Interface:
        """The interface of a port that has just one; the first of a bond."""
        return self.interfaces[0] if self.interfaces else Interface(self.name)

    @property
    def is_bond(self) -> bool:
        return len(self.interfaces) > 1

    @property
    def members(self) -> tuple[str, ...]:
        """The names of its interfaces."""
        return tuple(interface.name for interface in self.interfaces)


@dataclass(frozen=True)
class Bridge:
    """A row of the table Bridge with its ports. `datapath_type` is never empty: that is "system"."""

    name: str
    datapath_type: str = "system"
    fail_mode: str | None = None
    protocols: tuple[str, ...] = ()
    external_ids: Mapping[str, str] = field(default_factory=dict)
    other_config: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    row: Row = field(default_factory=lambda: Row("Bridge", ""))

    @property
    def owners(self) -> tuple[str, ...]:
        return find_owners(self.external_ids)

    @property
    def local(self) -> Interface | None:
        """The bridge's own interface."""
        return next((port.interface for port in self.ports if port.name == self.name), None)

    @property
    def works(self) -> bool:
        """Whether ovs-vswitchd has set the bridge up. One that it has not set up has no port of its own."""
        return self.local is not None and self.local.works


@dataclass(frozen=True)
class Switch(Database):
    """The whole of Open vSwitch on the host.

    `unavailable` is the message of why nothing could be read, where that is not a failure, and `cause` is that message
    without the cure. `running` is whether ovs-vswitchd runs, `daemon` its process id; None where that is unknown.
    """

    bridges: tuple[Bridge, ...] = ()
    unavailable: str = ""
    cause: str = ""
    running: bool | None = None
    daemon: int | None = None
    interface_types: frozenset[str] = frozenset()
    external_ids: Mapping[str, str] = field(default_factory=dict)
    other_config: Mapping[str, str] = field(default_factory=dict)
    root: Row = field(default_factory=lambda: Row("Open_vSwitch", ""))
    rows: Mapping[str, Row] = field(default_factory=dict)

    @cached_property
    def _bridges(self) -> Mapping[str, Bridge]:
        return {bridge.name: bridge for bridge in self.bridges}

    @cached_property
    def _ports(self) -> Mapping[str, tuple[Bridge, Port]]:
        return {port.name: (bridge, port) for bridge in self.bridges for port in bridge.ports}

    @cached_property
    def _interfaces(self) -> Mapping[str, tuple[Bridge, Port]]:
        return {
            interface.name: (bridge, port)
            for bridge in self.bridges
            for port in bridge.ports
            for interface in port.interfaces
        }

    @cached_property
    def uuid_names(self) -> tuple[str, ...]:
        """The names of interfaces that are UUIDs."""
        return tuple(name for name in self._interfaces if is_like_a_uuid(name))

    @cached_property
    def interfaces(self) -> Mapping[str, Interface]:
        """The interfaces of all ports, by name."""
        return {each.name: each for bridge in self.bridges for port in bridge.ports for each in port.interfaces}

    def without(
        self,
        bridges: Collection[str],
        ports: Collection[str],
        uuids: Collection[str] = (),
        references: Collection[tuple[str, str]] = (),
    ) -> Switch:
        """Return the same without these bridges and ports, without rows, and without references of one row to another.

        What is deleted with a row is left out as well.
        """
        if not (bridges or ports or uuids or references):
            return self
        gone = {row.uuid for row in collect_dependents(filter(None, map(self.rows.get, uuids)), self.rows)}
        rows = {uuid: row for uuid, row in self.rows.items() if uuid not in gone}
        for referrer, uuid in references:
            if referrer in rows:
                rows[referrer] = drop_references(rows[referrer], {uuid})
        left = (bridge for bridge in self.bridges if bridge.name not in bridges)
        return replace(self, bridges=tuple(_restrict_bridge(bridge, ports, rows) for bridge in left), rows=rows)

    def bridge(self, name: str) -> Bridge | None:
        return self._bridges.get(name)

    def port(self, name: str) -> tuple[Bridge, Port] | None:
        """Return the port of that name and the bridge that it is on."""
        return self._ports.get(name)

    def collectors(self, bridge: Bridge) -> tuple[str, ...]:
        """Return the UUIDs of the sets of collectors that refer to a bridge."""
        rows = (row for row in self.rows.values() if row.table == COLLECTOR_SET)
        return tuple(row.uuid for row in rows if bridge.row.uuid in row.references())

    def all_rows(self) -> Sequence[Row]:
        return [self.root, *self.rows.values()]

    def find(self, table: str, record: str) -> Row | None:
        """Return the row that ovs-vsctl finds by `record`.

        That is the name of a bridge or a port, in the table QoS that of a port that refers to the row; `.` in the table
        Open_vSwitch; or a UUID.
        """
        if table == "Open_vSwitch":
            return self.root
        if table == "Bridge":
            bridge = self.bridge(record)
            return bridge.row if bridge else None
        found = self.port(record)
        if found is None or table == "Port":
            return found[1].row if found else self.rows.get(record)
        return next(filter(None, map(self.rows.get, find_uuids(found[1].row.columns.get("qos", ())))), None)

    def port_with(self, interface: str) -> tuple[Bridge, Port] | None:
        """Return the port that has an interface of that name, and its bridge."""
        return self._interfaces.get(interface)


def _restrict_bridge(bridge: Bridge, without: Collection[str], rows: Mapping[str, Row]) -> Bridge:
    """Return a bridge without some of its ports, with the rows as they are then."""
    ports = (port for port in bridge.ports if port.name not in without)
    return replace(
        bridge,
        ports=tuple(replace(port, row=rows.get(port.row.uuid, port.row)) for port in ports),
        row=rows.get(bridge.row.uuid, bridge.row),
    )


Named = TypeVar("Named", Interface, Port, Bridge)


def build_switch(tables: Iterable[Iterable[Row]]) -> Switch:
    """Put the switch together from the rows of TABLES.

    Raises:
        ValueError: A row has no name.
    """
    by_table = {table.name: [*rows] for table, rows in zip(TABLES, tables)}
    interfaces = {row.uuid: Interface(**INTERFACE.read(row.columns), row=row) for row in by_table["Interface"]}
    ports = {row.uuid: _build_port(row, interfaces) for row in by_table["Port"]}
    root = next(iter(by_table["Open_vSwitch"]), Row("Open_vSwitch", ""))
    settings = OPEN_VSWITCH.read(root.columns)
    return Switch(
        bridges=_sort_by_name(_build_bridge(row, ports) for row in by_table["Bridge"]),
        interface_types=frozenset(settings["iface_types"]),
        external_ids=settings["external_ids"],
        other_config=settings["other_config"],
        root=root,
        rows={row.uuid: row for name, rows in by_table.items() if name != "Open_vSwitch" for row in rows},
    )


def _build_port(row: Row, interfaces: Mapping[str, Interface]) -> Port:
    columns = PORT.read(row.columns)
    columns["interfaces"] = _sort_by_name(interfaces[uuid] for uuid in columns["interfaces"] if uuid in interfaces)
    return Port(**columns, row=row)


def _build_bridge(row: Row, ports: Mapping[str, Port]) -> Bridge:
    columns = BRIDGE.read(row.columns)
    columns["ports"] = _sort_by_name(ports[uuid] for uuid in columns["ports"] if uuid in ports)
    return Bridge(**columns, row=row)


def _sort_by_name(items: Iterable[Named]) -> tuple[Named, ...]:
    """Sort by name: the order of the database differs from host to host."""
    return tuple(sorted(items, key=lambda item: item.name))


def find_owners(external_ids: Mapping[str, str]) -> tuple[str, ...]:
    """Return the owners that a row's external_ids name."""
    return tuple(sorted(key[len(MARK) :] for key in external_ids if key.startswith(MARK)))


def owner_key(owner: str) -> str:
    """Return the key in external_ids by which an owner owns a row."""
    return MARK + owner

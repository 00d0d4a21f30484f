# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was read from Open vSwitch, as plain values. Pure.

The tables and columns are those of ovs-vswitchd.conf.db(5); JSON cells are in the notation of RFC 7047, 5.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar, Union, cast

#: The key in external_ids that marks a row as an owner's, less the owner's name. The value is always MARK_VALUE.
MARK = "netns.fabric/"
MARK_VALUE = "owner"

#: How the option `peer` begins while a port that ovs-vswitchd has lost is opened anew; the port's type follows.
REOPEN = "netns.fabric.reopen."
#: The key in external_ids of a bridge's local interface that says the same of it.
REOPEN_KEY = "netns.fabric.reopen"

#: The OpenFlow number of a bridge's local port.
OFPP_LOCAL = 65534

#: The kind of the links that ovs-vswitchd makes on each datapath. It takes over one that it finds, such as it leaves
#: itself when it is killed.
OWN_KIND: Mapping[str, str] = {"system": "openvswitch", "netdev": "tun"}

#: Read together, in this order. The last seven hold what a bridge refers to and takes along when it is deleted.
TABLES = (
    "Open_vSwitch",
    "Bridge",
    "Port",
    "Interface",
    "Controller",
    "Mirror",
    "NetFlow",
    "sFlow",
    "IPFIX",
    "Flow_Table",
    "AutoAttach",
)

#: Columns in which ovs-vswitchd reports; every other column is configuration.
STATUS_COLUMNS: Mapping[str, frozenset[str]] = {
    "Bridge": frozenset({"datapath_id", "datapath_version", "rstp_status", "status"}),
    "Port": frozenset({"bond_active_slave", "rstp_statistics", "rstp_status", "statistics", "status"}),
    "Interface": frozenset(
        {
            "admin_state",
            "bfd_status",
            "cfm_fault",
            "cfm_fault_status",
            "cfm_flap_count",
            "cfm_health",
            "cfm_remote_mpids",
            "cfm_remote_opstate",
            "duplex",
            "error",
            "ifindex",
            "lacp_current",
            "link_resets",
            "link_speed",
            "link_state",
            "mac_in_use",
            "mtu",
            "statistics",
            "status",
        }
    ),
    "Controller": frozenset({"is_connected", "role", "status"}),
    "Mirror": frozenset({"statistics"}),
    "AutoAttach": frozenset(),
}


@dataclass(frozen=True)
class Uuid:
    """A reference to a row."""

    text: str


Atom = Union[bool, int, float, str, Uuid]
#: A scalar, a set (a tuple, whatever its size but one) or a map. A set with one element is that element.
Value = Union[Atom, tuple[Atom, ...], Mapping[Atom, Atom]]


def value_of(cell: Any) -> Value:
    """A value from its JSON notation: a bare scalar, or a pair that begins with "uuid", "set" or "map"."""
    if not isinstance(cell, list):
        return cast(Atom, cell)
    kind, content = cell
    if kind == "uuid":
        return Uuid(content)
    if kind == "set":
        return tuple(_atom(element) for element in content)
    if kind == "map":
        return {_atom(key): _atom(value) for key, value in content}
    raise ValueError(f"not a value of OVSDB: {cell!r}")


def _atom(cell: Any) -> Atom:
    return cast(Atom, value_of(cell))  # neither sets nor maps nest


def elements(value: Value) -> tuple[Atom, ...]:
    """The elements of a set column."""
    return value if isinstance(value, tuple) else (cast(Atom, value),)


@dataclass(frozen=True)
class Row:
    """A row of any table: its columns by name."""

    table: str
    uuid: str
    columns: Mapping[str, Value] = field(default_factory=dict)

    def optional(self, column: str) -> Any:
        """The value of a column that holds one or none."""
        value = self.columns.get(column, ())
        return None if value == () else value

    def strings(self, column: str) -> Mapping[str, str]:
        """A map column of strings."""
        value = self.columns.get(column)
        return {str(key): str(item) for key, item in value.items()} if isinstance(value, Mapping) else {}

    @property
    def configuration(self) -> Mapping[str, Value]:
        """The columns that are configuration and not empty.

        An interface's OpenFlow number counts: given back with a row, it stays the same.
        """
        status = STATUS_COLUMNS.get(self.table, frozenset())
        return {
            column: value
            for column, value in self.columns.items()
            if column not in status and not column.startswith("_") and value not in ((), "", {}) and value != -1
        }

    def references(self) -> Iterator[str]:
        """The rows that this one refers to."""
        for value in self.configuration.values():
            for element in value.values() if isinstance(value, Mapping) else elements(value):
                if isinstance(element, Uuid):
                    yield element.text


def tables_of(text: str) -> list[list[Row]]:
    """The rows of every table in the output of `ovs-vsctl --format=json`: a document for each, in the order of TABLES.

    Raises:
        ValueError: It is not that.
    """
    decoder = json.JSONDecoder()
    position = 0
    documents: list[Mapping[str, Any]] = []
    text = text.strip()
    while position < len(text):
        document, position = decoder.raw_decode(text, position)
        documents.append(document)
        while position < len(text) and text[position].isspace():
            position += 1
    if len(documents) != len(TABLES):
        raise ValueError(f"{len(documents)} tables where {len(TABLES)} were asked for")
    return [_rows(table, document) for table, document in zip(TABLES, documents)]


def _rows(table: str, document: Mapping[str, Any]) -> list[Row]:
    headings = document["headings"]
    rows = []
    for cells in document["data"]:
        columns = {name: value_of(cell) for name, cell in zip(headings, cells)}
        uuid = cast(Uuid, columns.pop("_uuid"))
        rows.append(Row(table, uuid.text, columns))
    return rows


@dataclass(frozen=True)
class Interface:
    """A row of the table Interface.

    `type` is never empty: what the database says with the empty string is "system". `ofport` is None where
    ovs-vswitchd has not set the interface up, and -1 where it could not. `ifindex` is 0 where it sees no such link in
    its own network namespace, None where it has not looked.
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
    row: Row = Row("Interface", "")

    @property
    def works(self) -> bool:
        """Whether ovs-vswitchd has set it up."""
        return self.ofport is not None and self.ofport != -1

    @property
    def fault(self) -> str:
        """What is wrong with it once it was set up; empty for nothing.

        A patch port without its other half works as soon as that is there.
        """
        if not self.works:
            return self.error or "no reason is given in the database; its log has one"
        if self.error and self.type != "patch":
            return self.error
        if self.type == "system" and self.ifindex == 0:
            return "there is no such device on the host any more"
        return ""

    @property
    def reopening(self) -> str | None:
        """The type it had, where a run was interrupted while it opened the interface anew."""
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
    row: Row = Row("Port", "")

    @property
    def owners(self) -> tuple[str, ...]:
        return owners_in(self.external_ids)

    @property
    def interface(self) -> Interface:
        """The one that a port of a single interface has; the first of a bond."""
        return self.interfaces[0] if self.interfaces else Interface(self.name)


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
    row: Row = Row("Bridge", "")

    @property
    def owners(self) -> tuple[str, ...]:
        return owners_in(self.external_ids)

    @property
    def local(self) -> Interface | None:
        """The bridge's own interface."""
        return next((port.interface for port in self.ports if port.name == self.name), None)

    @property
    def works(self) -> bool:
        """Whether ovs-vswitchd has set the bridge up. One that it has not has no port of its own."""
        return self.local is not None and self.local.works


@dataclass(frozen=True)
class Switch:
    """The whole of Open vSwitch on the host.

    `unavailable` says why nothing could be read, where that is no failure. `running` is whether ovs-vswitchd is up,
    `daemon` its process id; None where that cannot be told.
    """

    bridges: tuple[Bridge, ...] = ()
    unavailable: str = ""
    running: bool | None = None
    daemon: int | None = None
    interface_types: frozenset[str] = frozenset()
    row: Row = Row("Open_vSwitch", "")
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

    def without(self, bridges: Collection[str], ports: Collection[str]) -> Switch:
        """The same without these bridges, and without these ports."""
        if not bridges and not ports:
            return self
        left = (bridge for bridge in self.bridges if bridge.name not in bridges)
        return replace(
            self,
            bridges=tuple(
                replace(bridge, ports=tuple(port for port in bridge.ports if port.name not in ports)) for bridge in left
            ),
        )

    def bridge(self, name: str) -> Bridge | None:
        return self._bridges.get(name)

    def port(self, name: str) -> tuple[Bridge, Port] | None:
        """The port of that name and the bridge that it is on."""
        return self._ports.get(name)

    def port_with(self, interface: str) -> tuple[Bridge, Port] | None:
        """The port that has an interface of that name, and its bridge."""
        return self._interfaces.get(interface)

    def with_all_it_takes_along(self, rows: Iterable[Row]) -> list[Row]:
        """These rows and all that go with them when they are deleted, each once."""
        found: dict[str, Row] = {}
        waiting = list(rows)
        while waiting:
            row = waiting.pop(0)
            if row.uuid not in found:
                found[row.uuid] = row
                waiting.extend(self.rows[uuid] for uuid in row.references() if uuid in self.rows)
        return list(found.values())


Named = TypeVar("Named", Interface, Port, Bridge)


def switch_of(tables: Iterable[Iterable[Row]]) -> Switch:
    """The switch from the rows of TABLES."""
    by_table = dict(zip(TABLES, ([*rows] for rows in tables)))
    root = next(iter(by_table["Open_vSwitch"]), Row("Open_vSwitch", ""))
    interfaces = {row.uuid: _interface(row) for row in by_table["Interface"]}
    ports = {row.uuid: _port(row, interfaces) for row in by_table["Port"]}
    return Switch(
        bridges=_sorted(_bridge(row, ports) for row in by_table["Bridge"]),
        interface_types=frozenset(str(name) for name in elements(root.columns.get("iface_types", ()))),
        row=root,
        rows={row.uuid: row for name, rows in by_table.items() if name != "Open_vSwitch" for row in rows},
    )


def _interface(row: Row) -> Interface:
    return Interface(
        name=str(row.columns["name"]),
        type=str(row.columns["type"]) or "system",
        ofport=row.optional("ofport"),
        ifindex=row.optional("ifindex"),
        error=row.optional("error") or "",
        mac=_lower(row.optional("mac")),
        mac_in_use=_lower(row.optional("mac_in_use")),
        mtu=row.optional("mtu"),
        mtu_request=row.optional("mtu_request"),
        options=row.strings("options"),
        external_ids=row.strings("external_ids"),
        row=row,
    )


def _port(row: Row, interfaces: Mapping[str, Interface]) -> Port:
    trunks = [vlan for vlan in elements(row.columns["trunks"]) if isinstance(vlan, int)]
    return Port(
        name=str(row.columns["name"]),
        interfaces=_sorted(interfaces[uuid] for uuid in _uuids(row, "interfaces") if uuid in interfaces),
        tag=row.optional("tag"),
        trunks=tuple(sorted(trunks)),
        vlan_mode=row.optional("vlan_mode"),
        protected=bool(row.columns.get("protected")),
        fake_bridge=bool(row.columns.get("fake_bridge")),
        external_ids=row.strings("external_ids"),
        other_config=row.strings("other_config"),
        row=row,
    )


def _bridge(row: Row, ports: Mapping[str, Port]) -> Bridge:
    return Bridge(
        name=str(row.columns["name"]),
        datapath_type=str(row.columns["datapath_type"]) or "system",
        fail_mode=row.optional("fail_mode"),
        protocols=tuple(sorted(str(name) for name in elements(row.columns["protocols"]))),
        external_ids=row.strings("external_ids"),
        other_config=row.strings("other_config"),
        ports=_sorted(ports[uuid] for uuid in _uuids(row, "ports") if uuid in ports),
        row=row,
    )


def _sorted(items: Iterable[Named]) -> tuple[Named, ...]:
    """By name: the database has no order that would be the same on another host."""
    return tuple(sorted(items, key=lambda item: item.name))


def _uuids(row: Row, column: str) -> list[str]:
    return [element.text for element in elements(row.columns[column]) if isinstance(element, Uuid)]


def _lower(text: str | None) -> str | None:
    return text.lower() if text else None


def owners_in(external_ids: Mapping[str, str]) -> tuple[str, ...]:
    """The owners whose mark is in a row's external_ids."""
    return tuple(sorted(key[len(MARK) :] for key in external_ids if key.startswith(MARK)))


def mark_of(owner: str) -> str:
    """The key of an owner's mark."""
    return MARK + owner


@dataclass(frozen=True)
class Attachments:
    """What ovs-vswitchd has open, where that could be looked at.

    `packet_sockets` are the links, by index, that it reads packets from (packet(7)); a link that was deleted is not
    among them, nor one that was made again under the same name. `taps` are the names of the tap devices that it holds,
    wherever they have been moved and whatever they have been renamed to. `vports` are the internal ports of the
    kernel's datapath.
    """

    packet_sockets: frozenset[int] | None = None
    taps: frozenset[str] | None = None
    vports: frozenset[str] | None = None


#: A port in the output of `ovs-appctl dpctl/show`.
_DATAPATH_PORT = re.compile(r"^\s+port \d+: (\S+) \(internal")


def internal_ports_of(text: str) -> frozenset[str]:
    """The internal ports that `ovs-appctl dpctl/show` lists for the kernel's datapath."""
    found: set[str] = set()
    of_the_kernel = False
    for line in text.splitlines():
        if not line.startswith(" "):
            of_the_kernel = line.startswith("system@")
        match = _DATAPATH_PORT.match(line)
        if match and of_the_kernel:
            found.add(match[1])
    return frozenset(found)

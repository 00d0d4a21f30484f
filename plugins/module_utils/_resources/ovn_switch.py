# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logical switches of OVN: their options, and how to converge them. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import ip_address, network
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.logical_addresses import (
    DYNAMIC,
    ip_addresses,
    is_dynamic,
    logical_address,
    secure_address,
    split_addresses,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_operations import (
    DeleteRow,
    Place,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_plan import (
    PART_OF,
    Changes,
    WantedRow,
    find_parts,
    part_of,
    use_settings,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import Northbound, row_name
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import between
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import Setting, parse_settings, specs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Atom, Uuid, Value
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_planner import (
    OvnPlanner,
    OvnResource,
    WantedEntry,
    map_keys,
    row_text,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_things import ALogicalPort

SWITCH, PORT, DHCP, DNS = "Logical_Switch", "Logical_Switch_Port", "DHCP_Options", "DNS"
VIF = "vif"

_TEXT: Mapping[str, Any] = {"type": "str"}
SWITCH_SETTINGS = (
    Setting("subnet", _TEXT, "other_config", "subnet", check=lambda value: _network(value, 4)),
    Setting("ipv6_prefix", _TEXT, "other_config", "ipv6_prefix", check=lambda value: _network(value, 6)),
)
PORT_SETTINGS = (
    Setting("addresses", {"type": "list", "elements": "str"}, "addresses", check=logical_address),
    Setting("port_security", {"type": "list", "elements": "str"}, "port_security", check=secure_address),
    Setting("requested_chassis", _TEXT, "options", "requested-chassis"),
    Setting("router_port", _TEXT, "options", "router-port", check=row_text),
    Setting("network", _TEXT, "options", "network_name"),
    Setting("tag", {"type": "int"}, "tag", check=between(1, 4095)),
    Setting("enabled", {"type": "bool"}, "enabled"),
)
#: The option that a type of port needs, and that no other one has; and its addresses where none are given.
TYPES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    VIF: ("", ()),
    "router": ("router_port", ("router",)),
    "localnet": ("network", ("unknown",)),
    "localport": ("", ()),
}
_MAPS = ("options", "external_ids")
#: What a DHCP server of each IP version has to know (ovn-nb(5), DHCP_Options).
_DHCP_REQUIRED: Mapping[int, tuple[str, ...]] = {4: ("server_id", "server_mac"), 6: ("server_id",)}
#: The options that are 1 or 0 (ovn-nb(5), "Boolean DHCP Options"); OVN does not understand another word.
_DHCP_FLAGS = frozenset({"ip_forward_enable", "router_discovery", "ethernet_encap"})
_DHCP_DEFAULTS: Mapping[int, Mapping[Atom, Atom]] = {4: {"lease_time": "3600"}, 6: {}}


@dataclass(frozen=True)
class Dhcp:
    """What the ports of a switch are served by DHCP, in one IP version; nothing where there is no row."""

    version: int
    row: WantedRow | None = None
    #: The ports that are served so.
    ports: tuple[str, ...] = field(default=())

    @property
    def column(self) -> str:
        """The column of a port."""
        return f"dhcpv{self.version}_options"


class SwitchResource(OvnResource):
    """The resource of the module ovn_switch."""

    list_option = "switches"
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "name": _TEXT,
        **specs(SWITCH_SETTINGS),
        "ports": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "type": {"type": "str", "choices": list(TYPES), "default": VIF},
                **specs(PORT_SETTINGS),
                **{name: {"type": "dict"} for name in _MAPS},
            },
        },
        **{
            f"dhcpv{version}": {
                "type": "dict",
                "options": {"cidr": _TEXT, "options": {"type": "dict"}},
            }
            for version in (4, 6)
        },
        "dns": {"type": "dict"},
        "other_config": {"type": "dict"},
        "external_ids": {"type": "dict"},
    }

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedEntry:
        checks = Checks(entry)
        name = checks.value("name", row_text, options["name"]) or ""
        keys: dict[tuple[str, str], str | None] = map_keys(checks, options, ("other_config", "external_ids"))
        for setting in SWITCH_SETTINGS:
            if (setting.column, setting.key) in keys:
                checks.error("other_config", f"use the option `{setting.option}` for `{setting.key}`")
        _columns, typed = use_settings(SWITCH_SETTINGS, parse_settings(checks, SWITCH_SETTINGS, options), exact=False)
        children: dict[str, tuple[WantedRow, ...]] = {}
        if options.get("ports") is not None:
            children["ports"] = tuple(_parse_ports(checks, options["ports"]))
        if options.get("dns") is not None:
            children["dns_records"] = _parse_dns(checks, name, options["dns"])
        dhcp = [
            _parse_dhcp(checks, name, version, options[f"dhcpv{version}"], children.get("ports"))
            for version in (4, 6)
            if options.get(f"dhcpv{version}") is not None
        ]
        checks.done()
        row = WantedRow(SWITCH, name, {"name": name}, {**keys, **typed}, children=children)
        return WantedEntry(entry, options["state"] == "present", name, row, dhcp)

    def ensures(self, desired: WantedEntry) -> Iterator[object]:
        for port in desired.row.children.get("ports", ()) if desired.present else ():
            yield ALogicalPort(port.label)

    def plan(self, actual: Northbound, call: Call[WantedEntry]) -> Plan:
        return SwitchPlanner(actual, call).run()


def _network(value: Any, version: int) -> str:
    found = network(value)
    if found.version != version:
        raise ValueError(f"{found} is an IPv{found.version} network, and an IPv{version} one belongs here")
    return str(found)


# Ports


def _parse_ports(checks: Checks, given: list[Mapping[str, Any]]) -> Iterator[WantedRow]:
    names: set[str] = set()
    places: dict[str, str] = {}
    for number, options in enumerate(given):
        place = f"ports[{number}]."
        port = _parse_port(checks, options, place)
        if port.label in names:
            checks.error(f"{place}name", f"{port.label} is listed twice; leave one of them out")
        names.add(port.label)
        for address in split_addresses(_strings(port.columns["addresses"])):
            first = places.setdefault(address, place)
            if first != place:
                checks.error(
                    f"{place}addresses",
                    f"{address} is an address of {first.rstrip('.')} as well; in a switch it belongs to one port",
                )
        yield port


def _strings(value: Value) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, tuple) else (str(value),)


def _parse_port(checks: Checks, options: Mapping[str, Any], place: str) -> WantedRow:
    name = checks.value(f"{place}name", row_text, options["name"]) or ""
    kind = options.get("type") or VIF
    own, addresses = TYPES[kind]
    for other, (option, _addresses) in TYPES.items():
        if option and option != own and options.get(option):
            checks.error(f"{place}{option}", f"it is for a port of the type {other}, and this one is {kind}; remove it")
    if own and not options.get(own):
        checks.error(f"{place}{own}", f"it is required for a port of the type {kind}; give it")
    wanted = dict(parse_settings(checks, PORT_SETTINGS, options, place))
    if options.get("addresses") is None:
        wanted["addresses"] = addresses
    columns, keys = use_settings(PORT_SETTINGS, wanted, exact=True)
    given = map_keys(checks, options, _MAPS, place)
    for setting in PORT_SETTINGS:
        if (setting.column, setting.key) in given:
            checks.error(f"{place}options", f"use the option `{setting.option}` for `{setting.key}`")
    # ovn-nb(5), Logical_Switch_Port, addresses.
    if sum(map(is_dynamic, _strings(columns["addresses"]))) > 1:
        checks.error(f"{place}addresses", f"a port has one entry with `{DYNAMIC}` at most; leave the others out")
    columns = {"name": name, "type": "" if kind == VIF else kind, **columns}
    return WantedRow(PORT, name, columns, {**keys, **given})


# DHCP and DNS


def _parse_dhcp(
    checks: Checks, switch: str, version: int, given: Mapping[str, Any], ports: tuple[WantedRow, ...] | None
) -> Dhcp:
    option = f"dhcpv{version}"
    if not given.get("cidr"):
        if given.get("options"):
            checks.error(f"{option}.cidr", "it is required; give it, or an empty dictionary for no DHCP")
        return Dhcp(version)
    if ports is None:
        checks.error(option, "DHCP is for the ports that the entry lists; give `ports`, too")
    cidr = checks.value(f"{option}.cidr", lambda value: _network(value, version), given["cidr"])
    settings: dict[Atom, Atom] = {**_DHCP_DEFAULTS[version]}
    for name, value in (given.get("options") or {}).items():
        if value is not None:
            settings[str(name)] = _dhcp_text(str(name), value)
    for name in _DHCP_REQUIRED[version]:
        if name not in settings:
            checks.error(f"{option}.options", f"`{name}` is required; OVN answers no request without it")
    keys: dict[tuple[str, str], str | None] = {("external_ids", PART_OF): part_of(SWITCH, switch)}
    row = WantedRow(DHCP, switch, {"cidr": str(cidr), "options": settings}, keys)
    served = tuple(port.label for port in ports or () if cidr and _is_served(port, str(cidr)))
    return Dhcp(version, row, served)


def _dhcp_text(name: str, value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"{{{', '.join(map(str, value))}}}"
    if name in _DHCP_FLAGS:
        return {"true": "1", "false": "0"}.get(str(value).lower(), str(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_served(port: WantedRow, cidr: str) -> bool:
    """Return whether a port gets its address by DHCP from a network."""
    addresses = _strings(port.columns["addresses"])
    return port.columns["type"] == "" and (
        any(map(is_dynamic, addresses)) or any(address in network(cidr) for address in ip_addresses(addresses))
    )


def _parse_dns(checks: Checks, switch: str, given: Mapping[str, Any]) -> tuple[WantedRow, ...]:
    records: dict[Atom, Atom] = {}
    for name, addresses in given.items():
        values = addresses if isinstance(addresses, (list, tuple)) else str(addresses).split()
        found = checks.each(f"dns.{name}", ip_address, values)
        # OVN looks a name up in lower case.
        records[str(name).lower()] = " ".join(map(str, found))
    keys: dict[tuple[str, str], str | None] = {("external_ids", PART_OF): part_of(SWITCH, switch)}
    return (WantedRow(DNS, "of the switch", {"records": records}, keys),) if records else ()


# The plan


class SwitchPlanner(OvnPlanner):
    """Plans the switches of one call."""

    tables: Mapping[str, str] = {SWITCH: "logical switch"}
    parts = (DHCP, DNS)
    unique = ("ports",)

    def complete(self, wanted: WantedEntry, row: Row | None, changes: Changes) -> None:
        ports = wanted.row.children.get("ports")
        for dhcp in wanted.extra:
            present = [
                each
                for each in (find_parts(self.northbound, DHCP, row) if row else ())
                if (":" in str(each.columns["cidr"])) == (dhcp.version == 6)
            ]
            self._stop_serving(dhcp, {port.label for port in ports or ()}, present, changes)
            self._converge_dhcp(dhcp, present, changes)

    def _converge_dhcp(self, dhcp: Dhcp, present: list[Row], changes: Changes) -> None:
        option = f"dhcpv{dhcp.version}"
        for row in present if dhcp.row is None else present[1:]:
            places = tuple(Place(PORT, port.uuid, dhcp.column) for port in self._served_by(row, dhcp))
            changes.operations.append(DeleteRow(DHCP, row.uuid, places))
            changes.before[option], changes.after[option] = changes.describe(row), None
        if dhcp.row is None:
            return
        uuid = present[0].uuid if present else ""
        if present:
            changes.converge(dhcp.row, present[0], f"{option}.")
        served = tuple(
            Place(PORT, name, dhcp.column, True) for name in dhcp.ports if not self._is_served(name, dhcp, uuid)
        )
        if not present:
            changes.create_part(dhcp.row, served, option)
        elif served:
            changes.refer(present[0], served, option)

    def _stop_serving(self, dhcp: Dhcp, staying: set[str], present: list[Row], changes: Changes) -> None:
        """Plan that no port that stays refers to the row any more if it is not served."""
        for row in present[:1] if dhcp.row else ():
            for port in self._served_by(row, dhcp):
                name = row_name(port)
                if name in staying - {*dhcp.ports}:
                    changes.converge(WantedRow(PORT, columns={dhcp.column: ()}), port, f"ports {name} ")

    def _served_by(self, row: Row, dhcp: Dhcp) -> list[Row]:
        users = (self.northbound.rows[uuid] for uuid in self.northbound.users(row.uuid))
        return sorted((port for port in users if port.columns.get(dhcp.column) == Uuid(row.uuid)), key=row_name)

    def _is_served(self, name: str, dhcp: Dhcp, uuid: str) -> bool:
        port = self.northbound.find(PORT, name)
        return bool(uuid) and port is not None and port.columns.get(dhcp.column) == Uuid(uuid)

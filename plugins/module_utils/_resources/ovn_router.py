# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logical routers of OVN: their options, and how to converge them. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import (
    interface_address,
    ip_address,
    mac_address,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.matches import (
    TRAFFIC_OPTIONS,
    address_or_network,
    all_of,
    find_version_error,
    is_port,
    match_addresses,
    parse_traffic,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_plan import (
    Changes,
    WantedRow,
    use_settings,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import Northbound
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import between
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import Setting, parse_settings, specs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Atom, Value
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_load_balancers import (
    LOAD_BALANCER,
    LOAD_BALANCERS,
    parse_load_balancers,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_planner import (
    OvnPlanner,
    OvnResource,
    WantedEntry,
    map_keys,
    refuse_repeated,
    row_text,
)

ROUTER = "Logical_Router"
DISCARD = "discard"
#: What hosts do with an advertisement of the router (ovn-nb(5), Logical_Router_Port, ipv6_ra_configs).
ADDRESS_MODES = ("slaac", "dhcpv6_stateful", "dhcpv6_stateless")
#: The priority of the first gateway chassis; each further one has one less.
_FIRST_PRIORITY = 100

_TEXT: Mapping[str, Any] = {"type": "str"}
_TEXTS: Mapping[str, Any] = {"type": "list", "elements": "str"}


def _interface(value: Any) -> str:
    return str(interface_address(value))


def _address(value: Any) -> str:
    return str(ip_address(value))


def _network(value: Any) -> str:
    """Check a network, or an address, which OVN has without a prefix length."""
    found = address_or_network(value)
    return str(found.network_address if found.prefixlen == found.max_prefixlen else found)


def _prefix(value: Any) -> str:
    return str(address_or_network(value))


PORT_SETTINGS = (
    Setting("mac", _TEXT, "mac", check=mac_address),
    Setting("networks", _TEXTS, "networks", check=_interface),
    Setting("peer", _TEXT, "peer", check=row_text),
    Setting("enabled", {"type": "bool"}, "enabled"),
)
ROUTE_SETTINGS = (
    Setting("prefix", _TEXT, "ip_prefix", check=_prefix),
    Setting("nexthop", _TEXT, "nexthop", check=lambda value: value if value == DISCARD else _address(value)),
    Setting("policy", {"type": "str", "choices": ["dst-ip", "src-ip"]}, "policy"),
    Setting("output_port", _TEXT, "output_port", check=row_text),
    Setting("route_table", _TEXT, "route_table", default=""),
)
POLICY_SETTINGS = (
    Setting("priority", {"type": "int"}, "priority", check=between(0, 32767)),
    Setting("action", {"type": "str", "choices": ["allow", "drop", "reroute"]}, "action"),
    Setting("nexthops", _TEXTS, "nexthops", check=_address),
)
NAT_SETTINGS = (
    Setting("type", {"type": "str", "choices": ["snat", "dnat", "dnat_and_snat"]}, "type"),
    Setting("external_ip", _TEXT, "external_ip", check=_address),
    Setting("logical_ip", _TEXT, "logical_ip", check=_network),
    Setting("logical_port", _TEXT, "logical_port", check=row_text),
    Setting("external_mac", _TEXT, "external_mac", check=mac_address),
)
_MAPS = ("options", "external_ids")


def _spec(settings: Sequence[Setting], *required: str, **more: Any) -> dict[str, Any]:
    options = {**specs(settings), **more}
    return {
        "type": "list",
        "elements": "dict",
        "options": {
            name: {**option, "required": True} if name in required else option for name, option in options.items()
        },
    }


class RouterResource(OvnResource):
    """The resource of the module ovn_router."""

    list_option = "routers"
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "name": _TEXT,
        "ports": _spec(
            PORT_SETTINGS,
            *("name", "mac", "networks"),
            name=_TEXT,
            gateway_chassis=_TEXTS,
            ipv6_ra_configs={"type": "dict"},
            **{name: {"type": "dict"} for name in _MAPS},
        ),
        "routes": _spec(ROUTE_SETTINGS, "prefix", "nexthop"),
        "policies": _spec(
            POLICY_SETTINGS,
            *("priority", "action"),
            input_port=_TEXT,
            **{"from": _TEXTS, "to": _TEXTS},
            **TRAFFIC_OPTIONS,
        ),
        "nat": _spec(NAT_SETTINGS, "type", "external_ip", "logical_ip"),
        "load_balancers": LOAD_BALANCERS,
        "options": {"type": "dict"},
        "external_ids": {"type": "dict"},
    }

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedEntry:
        checks = Checks(entry)
        name = checks.value("name", row_text, options["name"]) or ""
        keys = map_keys(checks, options, _MAPS)
        children: dict[str, tuple[WantedRow, ...]] = {}
        for option, (column, parse) in _LISTS.items():
            if options.get(option) is not None:
                children[column] = tuple(
                    parse(checks, each, f"{option}[{number}].") for number, each in enumerate(options[option])
                )
                refuse_repeated(checks, option, children[column])
        if options.get("load_balancers") is not None:
            children["load_balancer"] = parse_load_balancers(checks, ROUTER, name, options["load_balancers"])
        _check_networks(checks, children.get("ports", ()))
        _check_translations(checks, children.get("nat", ()))
        checks.done()
        row = WantedRow(ROUTER, name, {"name": name}, keys, children=children)
        return WantedEntry(entry, options["state"] == "present", name, row)

    def plan(self, actual: Northbound, call: Call[WantedEntry]) -> Plan:
        return RouterPlanner(actual, call).run()


def _use(checks: Checks, settings: Sequence[Setting], options: Mapping[str, Any], place: str) -> dict[str, Value]:
    columns, _keys = use_settings(settings, parse_settings(checks, settings, options, place), exact=True)
    return columns


def _parse_port(checks: Checks, options: Mapping[str, Any], place: str) -> WantedRow:
    name = checks.value(f"{place}name", row_text, options["name"]) or ""
    columns = {"name": name, **_use(checks, PORT_SETTINGS, options, place)}
    if not columns["networks"]:
        checks.error(f"{place}networks", "a port of a router has an address at least; give one")
    hosts = checks.each(f"{place}gateway_chassis", row_text, options.get("gateway_chassis"))
    chassis = tuple(
        WantedRow(
            "Gateway_Chassis",
            host,
            # As ovn-nbctl names it.
            {"name": f"{name}-{host}", "chassis_name": host, "priority": _FIRST_PRIORITY - number},
        )
        for number, host in enumerate(hosts)
    )
    refuse_repeated(checks, f"{place}gateway_chassis", chassis)
    if len(chassis) > _FIRST_PRIORITY:
        checks.error(f"{place}gateway_chassis", f"there are more than {_FIRST_PRIORITY} hosts; leave some out")
    columns["ipv6_ra_configs"] = _parse_advertised(checks, options.get("ipv6_ra_configs") or {}, place)
    keys = map_keys(checks, options, _MAPS, place)
    return WantedRow("Logical_Router_Port", name, columns, keys, children={"gateway_chassis": chassis})


def _parse_advertised(checks: Checks, given: Mapping[str, Any], place: str) -> Mapping[Atom, Atom]:
    given = {name: value for name, value in given.items() if value is not None}
    mode = given.get("address_mode")
    if given and mode not in ADDRESS_MODES:
        cause = f"`address_mode` is {mode!r}, and without one of {', '.join(ADDRESS_MODES)} OVN advertises nothing"
        checks.error(f"{place}ipv6_ra_configs", cause)
    return {str(name): str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()}


def _parse_route(checks: Checks, options: Mapping[str, Any], place: str) -> WantedRow:
    columns = _use(checks, ROUTE_SETTINGS, options, place)
    prefix, nexthop = str(columns["ip_prefix"]), str(columns["nexthop"])
    if nexthop != DISCARD and (":" in prefix) != (":" in nexthop):
        checks.error(f"{place}nexthop", f"{nexthop} is of another IP version than {prefix}; give both of one")
    return WantedRow("Logical_Router_Static_Route", f"{prefix} {nexthop}", columns)


def _parse_policy(checks: Checks, options: Mapping[str, Any], place: str) -> WantedRow:
    columns = _use(checks, POLICY_SETTINGS, options, place)
    sources, targets = (
        checks.each(f"{place}{option}", address_or_network, options.get(option)) for option in ("from", "to")
    )
    for option in ("from", "to"):
        if options.get(option) == []:
            checks.error(f"{place}{option}", "an empty list matches nothing; leave it out for everything")
    error = find_version_error(options.get("protocol"), [*sources, *targets])
    if error:
        checks.error(f"{place}protocol", error)
    inport = checks.value(f"{place}input_port", row_text, options.get("input_port"))
    terms = [
        is_port("inport", inport) if inport else "",
        "ip",
        match_addresses("src", sources),
        match_addresses("dst", targets),
        parse_traffic(checks, options, place),
    ]
    is_rerouted = options.get("action") == "reroute"
    if is_rerouted != bool(columns["nexthops"]):
        cure = (
            "is required for `action: reroute`; give it" if is_rerouted else "is for `action: reroute` only; remove it"
        )
        checks.error(f"{place}nexthops", f"it {cure}")
    match = all_of(terms)
    columns = {"match": match, **columns}
    return WantedRow("Logical_Router_Policy", f"{columns['priority']} {match}", columns)


def _parse_nat(checks: Checks, options: Mapping[str, Any], place: str) -> WantedRow:
    columns = _use(checks, NAT_SETTINGS, options, place)
    kind, external, logical = (str(columns[name]) for name in ("type", "external_ip", "logical_ip"))
    if columns["external_ip"] != () and columns["logical_ip"] != () and (":" in external) != (":" in logical):
        checks.error(f"{place}logical_ip", f"{logical} is of another IP version than {external}; give both of one")
    if kind != "snat" and "/" in logical:
        checks.error(f"{place}logical_ip", f"{logical} is a network, and {kind} is for one address; give that")
    given = [option for option in ("logical_port", "external_mac") if columns[option] != ()]
    if given and kind != "dnat_and_snat":
        checks.error(f"{place}{given[0]}", "it is for a floating address, `type: dnat_and_snat`; remove it")
    elif len(given) == 1:
        other = "external_mac" if given == ["logical_port"] else "logical_port"
        checks.error(
            f"{place}{other}",
            f"it is required with `{given[0]}`, for an address that is translated on the host of the port; give both",
        )
    return WantedRow("NAT", f"{kind} {external} {logical}", columns)


#: The options that are lists of rows, each with its column and how an entry is parsed.
_LISTS: Mapping[str, tuple[str, Any]] = {
    "ports": ("ports", _parse_port),
    "routes": ("static_routes", _parse_route),
    "policies": ("policies", _parse_policy),
    "nat": ("nat", _parse_nat),
}


def _check_networks(checks: Checks, ports: Sequence[WantedRow]) -> None:
    """Note networks of different ports that overlap: the router would know no way to an address in both."""
    seen: list[tuple[str, Any]] = []
    for number, port in enumerate(ports):
        networks = [interface_address(text).network for text in _strings(port.columns["networks"])]
        for each in networks:
            for other, earlier in seen:
                if each.overlaps(earlier):
                    checks.error(f"ports[{number}].networks", f"{each} overlaps {earlier} of {other}; choose another")
        seen.extend((port.label, each) for each in networks)


def _strings(value: Value) -> Iterator[str]:
    yield from map(str, value if isinstance(value, tuple) else (value,))


def _check_translations(checks: Checks, rows: Sequence[WantedRow]) -> None:
    """Note translations of which OVN would take one and ignore the other."""
    seen: dict[tuple[str, str], int] = {}
    for number, row in enumerate(rows):
        is_source = row.columns["type"] == "snat"
        column = "logical_ip" if is_source else "external_ip"
        key = ("snat" if is_source else "dnat", str(row.columns[column]))
        first = seen.setdefault(key, number)
        if first != number and row.key != rows[first].key:
            checks.error(
                f"nat[{number}].{column}", f"{key[1]} is translated by nat[{first}] already; leave one of them out"
            )


class RouterPlanner(OvnPlanner):
    """Plans the routers of one call."""

    tables: Mapping[str, str] = {ROUTER: "logical router"}
    parts = (LOAD_BALANCER,)
    unique = ("ports",)

    def complete(self, wanted: WantedEntry, row: Row | None, changes: Changes) -> None:  # noqa: ARG002  # every planner has this signature
        """Check that something translates: OVN ignores what needs a gateway where there is none.

        Raises:
            InvalidEntry: There is no gateway.
        """
        for option, column in (("nat", "nat"), ("load_balancers", "load_balancer")):
            if wanted.row.children.get(column) and not self._has_gateway(wanted, row):
                raise InvalidEntry(
                    wanted.entry,
                    option,
                    "OVN ignores it on a router without a gateway; give `gateway_chassis` to a port, or "
                    "`options: {chassis: HOST}` to the router",
                )

    def _has_gateway(self, wanted: WantedEntry, row: Row | None) -> bool:
        present = row.strings("options").get("chassis") if row else None
        if wanted.row.keys.get(("options", "chassis"), present):
            return True
        ports = wanted.row.children.get("ports")
        if ports is not None:
            return any(port.children["gateway_chassis"] for port in ports)
        rows = self.northbound.refer(row, "ports") if row else ()
        return any(self.northbound.refer(port, "gateway_chassis") for port in rows)

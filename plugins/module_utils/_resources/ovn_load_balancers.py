# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The load balancers of a logical router, by which ports are published. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import ip_address, port
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_plan import PART_OF, WantedRow, part_of
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import at_least
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Atom
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_planner import refuse_repeated, row_text

LOAD_BALANCER = "Load_Balancer"

_TIMES = ("interval", "timeout", "success_count", "failure_count")
LOAD_BALANCERS: Mapping[str, Any] = {
    "type": "list",
    "elements": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "protocol": {"type": "str", "choices": ["tcp", "udp", "sctp"], "default": "tcp"},
        "address": {"type": "str", "required": True},
        "port": {"type": "int", "required": True},
        "backends": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "address": {"type": "str", "required": True},
                "port": {"type": "int", "required": True},
                "logical_port": {"type": "str"},
                "source": {"type": "str"},
            },
        },
        "health_check": {"type": "dict", "options": {name: {"type": "int"} for name in _TIMES}},
    },
}


def parse_load_balancers(
    checks: Checks, table: str, parent: str, given: Sequence[Mapping[str, Any]]
) -> tuple[WantedRow, ...]:
    """Return the rows of load balancers that belong to a row; errors are noted."""
    rows = []
    seen: dict[tuple[str, str], int] = {}
    for number, options in enumerate(given):
        place = f"load_balancers[{number}]."
        row, endpoint = _parse(checks, options, place, part_of(table, parent))
        first = seen.setdefault(endpoint, number)
        if first != number:
            checks.error(
                f"{place}port", f"{' '.join(endpoint)} is published by load_balancers[{first}] already; choose another"
            )
        rows.append(row)
    refuse_repeated(checks, "load_balancers", rows)
    return tuple(rows)


def _parse(checks: Checks, options: Mapping[str, Any], place: str, parent: str) -> tuple[WantedRow, tuple[str, str]]:
    name = checks.value(f"{place}name", row_text, options["name"]) or ""
    endpoint = _parse_endpoint(checks, options, place)
    backends: list[str] = []
    mappings: dict[Atom, Atom] = {}
    is_checked = options.get("health_check") is not None
    for number, backend in enumerate(options["backends"]):
        where = f"{place}backends[{number}]."
        backends.append(_parse_endpoint(checks, backend, where))
        if backends[-1].startswith("[") != endpoint.startswith("["):
            checks.error(f"{where}address", "it is of another IP version than the published address; give both of one")
        if is_checked:
            # OVN finds a backend's mapping by its address as that is in `vips`, in brackets for IPv6.
            mappings[backends[-1].rpartition(":")[0]] = _parse_mapping(checks, backend, where)
    if not backends:
        checks.error(f"{place}backends", "without a backend packets are dropped; give one at least")
    protocol = options.get("protocol") or "tcp"
    vips: dict[Atom, Atom] = {endpoint: ",".join(backends)}
    columns = {"name": name, "protocol": protocol, "vips": vips, "ip_port_mappings": mappings}
    health = tuple(_parse_health(checks, options, place, endpoint))
    keys: dict[tuple[str, str], str | None] = {("external_ids", PART_OF): parent}
    return WantedRow(LOAD_BALANCER, name, columns, keys, children={"health_check": health}), (protocol, endpoint)


def _parse_endpoint(checks: Checks, options: Mapping[str, Any], place: str) -> str:
    address = checks.value(f"{place}address", ip_address, options["address"])
    number = checks.value(f"{place}port", port, options["port"])
    return f"[{address}]:{number}" if address and address.version == 6 else f"{address}:{number}"


def _parse_mapping(checks: Checks, backend: Mapping[str, Any], place: str) -> str:
    """Return from which address of which port OVN asks a backend for its health."""
    found = {}
    for option, check in (("logical_port", row_text), ("source", ip_address)):
        if backend.get(option) is None:
            checks.error(f"{place}{option}", "it is required for a health check; give it, or remove `health_check`")
        found[option] = checks.value(f"{place}{option}", check, backend.get(option))
    source = found["source"]
    return f"{found['logical_port']}:{f'[{source}]' if ':' in str(source) else source}"


def _parse_health(checks: Checks, options: Mapping[str, Any], place: str, endpoint: str) -> list[WantedRow]:
    if options.get("health_check") is None:
        return []
    if options.get("protocol") == "sctp":
        checks.error(f"{place}health_check", "OVN checks the health of TCP and UDP only; remove it")
    times: dict[Atom, Atom] = {}
    for name in _TIMES:
        value = checks.value(f"{place}health_check.{name}", at_least(1), options["health_check"].get(name))
        if value is not None:
            times[name] = str(value)
    return [WantedRow("Load_Balancer_Health_Check", endpoint, {"vip": endpoint, "options": times})]

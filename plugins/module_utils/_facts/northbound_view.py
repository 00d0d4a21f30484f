# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""OVN's northbound database as the module returns it: what modules create, each with all that belongs to it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._facts.switch_view import without_marks
from ansible_collections.netns.fabric.plugins.module_utils._facts.view import FilteredFacts
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_plan import PART_OF, Changes, find_parts
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import (
    Northbound,
    owners_of,
    row_name,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value

#: The tables of what modules create, by the key of the result.
_TABLES: Mapping[str, str] = {
    "switches": "Logical_Switch",
    "routers": "Logical_Router",
    "port_groups": "Port_Group",
    "address_sets": "Address_Set",
}
#: Columns of a port that refer to rows without names, which are reported with the switch.
_NAMELESS = ("dhcpv4_options", "dhcpv6_options")


def northbound_view(facts: FilteredFacts) -> dict[str, Any]:
    """Return the rows that the owner owns."""
    northbound = facts.host.northbound
    return {
        "available": not northbound.unavailable,
        "reason": northbound.unavailable,
        **{
            key: [_describe(northbound, row) for row in northbound.table(table) if facts.owns(owners_of(row))]
            for key, table in _TABLES.items()
        },
    }


def _describe(northbound: Northbound, row: Row) -> dict[str, Any]:
    columns = _clean(Changes(northbound).describe(row))
    found = {
        "name": row_name(row),
        "owners": list(owners_of(row)),
        "columns": {name: columns[name] for name in sorted(columns) if name != "name"},
    }
    if row.table == "Logical_Switch":
        served = find_parts(northbound, "DHCP_Options", row)
        ports = northbound.refer(row, "ports")
        found["dhcp"] = [{name: _plain(each.columns[name]) for name in ("cidr", "options")} for each in served]
        found["up"] = sorted(row_name(port) for port in ports if port.columns.get("up") is True)
    return found


def _plain(value: Value) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _clean(value: Any) -> Any:
    """Return what was described without what this collection notes in rows, and without references to nameless rows."""
    if isinstance(value, list):
        found = [_clean(each) for each in value]
        return sorted(found, key=lambda each: (str(each.get("name")) if isinstance(each, dict) else "", str(each)))
    if not isinstance(value, dict):
        return value
    columns = {name: _clean(each) for name, each in value.items() if name not in _NAMELESS}
    if "external_ids" in columns:
        others = without_marks(columns["external_ids"])
        columns["external_ids"] = {key: each for key, each in others.items() if key != PART_OF}
    return columns

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mirrors: their options as declarations, and those that a bridge has. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import vlan
from ansible_collections.netns.fabric.plugins.module_utils._core.vlans import format_vlans, vlan_range
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import between
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row, find_uuids
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import (
    Setting,
    declare_settings,
    describe_settings,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Switch, find_owners

MIRROR_SETTINGS = (
    Setting("select_all", {"type": "bool"}, "select_all", default=False),
    Setting("select_vlans", {"type": "list", "elements": "str"}, "select_vlan", check=vlan_range, show=format_vlans),
    Setting("output_vlan", {"type": "int"}, "output_vlan", check=vlan),
    Setting("snaplen", {"type": "int"}, "snaplen", check=between(14, 65535)),
)
#: The options that name ports, each with its column.
MIRROR_PORTS: Mapping[str, str] = {
    "select_src_ports": "select_src_port",
    "select_dst_ports": "select_dst_port",
    "output_port": "output_port",
}


@dataclass(frozen=True)
class Mirror:
    """A row of the table Mirror. `ports` are the names of the ports that it refers to, by column."""

    bridge: str
    name: str
    row: Row
    ports: Mapping[str, tuple[str, ...]]

    @property
    def owners(self) -> tuple[str, ...]:
        return find_owners(self.external_ids)

    @property
    def external_ids(self) -> Mapping[str, str]:
        return self.row.strings("external_ids")

    def describe(self) -> dict[str, Any]:
        """Return all options of the mirror, without the maps."""
        names = {option: list(self.ports.get(column, ())) for option, column in MIRROR_PORTS.items()}
        output = names.pop("output_port")
        return {**describe_settings(MIRROR_SETTINGS, self.row), **names, "output_port": output[0] if output else None}

    def declare(self) -> dict[str, Any]:
        """Return the options that it has otherwise than a new one."""
        described = self.describe()
        names = {option: described[option] for option in MIRROR_PORTS if described[option]}
        return {**declare_settings(MIRROR_SETTINGS, self.row), **names}


def find_mirrors(switch: Switch, bridge: Bridge) -> list[Mirror]:
    """Return the mirrors of a bridge, by name."""
    names = {port.row.uuid: port.name for each in switch.bridges for port in each.ports}
    found = []
    for uuid in find_uuids(bridge.row.columns.get("mirrors", ())):
        row = switch.rows.get(uuid)
        if row is None:
            continue
        ports = {
            column: tuple(sorted(names[port] for port in find_uuids(row.columns.get(column, ())) if port in names))
            for column in MIRROR_PORTS.values()
        }
        found.append(Mirror(bridge.name, str(row.columns.get("name", "")), row, ports))
    return sorted(found, key=lambda mirror: (mirror.name, mirror.row.uuid))

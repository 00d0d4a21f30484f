# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of Open vSwitch that are read, as declarations (ovs-vswitchd.conf.db(5)). Pure.

A table is read and compared, and its rows are re-created on a rollback, because it is declared here. Its columns are
declared where their meaning matters, with the name of the attribute that they become.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import (
    Value,
    read_flag,
    read_mac,
    read_map,
    read_name,
    read_numbers,
    read_optional,
    read_references,
    read_strings,
    read_text,
    read_type,
)


@dataclass(frozen=True)
class Table:
    """A table: its columns whose meaning matters, each with its reader, and those in which a daemon reports.

    Every column that is not in `status` is configuration. A row is deleted with the last reference to it, but those of
    `weak` columns do not count: the deletion removes them as well.
    """

    name: str
    columns: Mapping[str, Callable[[Value], Any]] = field(default_factory=dict)
    status: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()
    #: Whether its rows exist without a reference to them.
    is_root: bool = False

    def read(self, columns: Mapping[str, Value]) -> dict[str, Any]:
        """Return the declared columns of a row. A column that this release of Open vSwitch lacks is empty.

        Raises:
            ValueError: A name is missing.
        """
        return {name: reader(columns.get(name, ())) for name, reader in self.columns.items()}


OPEN_VSWITCH = Table("Open_vSwitch", {"iface_types": read_strings, "external_ids": read_map, "other_config": read_map})

BRIDGE = Table(
    "Bridge",
    {
        "name": read_name,
        "datapath_type": read_type,
        "fail_mode": read_optional,
        "protocols": read_strings,
        "external_ids": read_map,
        "other_config": read_map,
        "ports": read_references,
    },
    frozenset({"datapath_id", "datapath_version", "rstp_status", "status"}),
)

PORT = Table(
    "Port",
    {
        "name": read_name,
        "interfaces": read_references,
        "tag": read_optional,
        "trunks": read_numbers,
        "vlan_mode": read_optional,
        "protected": read_flag,
        "fake_bridge": read_flag,
        "external_ids": read_map,
        "other_config": read_map,
    },
    frozenset({"bond_active_slave", "rstp_statistics", "rstp_status", "statistics", "status"}),
)

INTERFACE = Table(
    "Interface",
    {
        "name": read_name,
        "type": read_type,
        "ofport": read_optional,
        "ifindex": read_optional,
        "error": read_text,
        "mac": read_mac,
        "mac_in_use": read_mac,
        "mtu": read_optional,
        "mtu_request": read_optional,
        "options": read_map,
        "external_ids": read_map,
        "other_config": read_map,
    },
    frozenset(
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
)

#: What a bridge refers to and what is deleted with it.
CONTROLLER = Table("Controller", {}, frozenset({"is_connected", "role", "status"}))
MIRROR = Table(
    "Mirror", {}, frozenset({"statistics"}), frozenset({"output_port", "select_dst_port", "select_src_port"})
)
NETFLOW = Table("NetFlow", {})
SFLOW = Table("sFlow", {})
IPFIX = Table("IPFIX", {})
FLOW_TABLE = Table("Flow_Table", {})
AUTO_ATTACH = Table("AutoAttach", {})
#: What the table Open_vSwitch refers to.
SSL = Table("SSL", {})
#: What refers to a bridge, and has to be deleted before it.
FLOW_SAMPLE_COLLECTOR_SET = Table("Flow_Sample_Collector_Set", {}, is_root=True)
#: What a port refers to.
QOS = Table("QoS", {}, is_root=True)
QUEUE = Table("Queue", {}, is_root=True)

#: All of them, read together, in this order.
TABLES = (
    OPEN_VSWITCH,
    BRIDGE,
    PORT,
    INTERFACE,
    CONTROLLER,
    MIRROR,
    NETFLOW,
    SFLOW,
    IPFIX,
    FLOW_TABLE,
    AUTO_ATTACH,
    SSL,
    FLOW_SAMPLE_COLLECTOR_SET,
    QOS,
    QUEUE,
)

TABLES_BY_NAME: Mapping[str, Table] = {table.name: table for table in TABLES}
ROOT_TABLES = frozenset(table.name for table in TABLES if table.is_root)

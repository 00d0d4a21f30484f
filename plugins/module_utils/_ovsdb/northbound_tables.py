# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of OVN's northbound database that are read, as declarations (ovn-nb(5)). Pure.

Those that no module writes are here because their rows are deleted with others, and re-created on a rollback.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import Table

#: All of them, read together, in this order. They have been there since OVN 20.03.
TABLES = (
    Table("Logical_Switch", weak=frozenset({"copp", "dns_records", "load_balancer"}), is_root=True),
    Table(
        "Logical_Switch_Port",
        # What ovn-northd and ovn-controller report.
        status=frozenset({"dynamic_addresses", "up"}),
        weak=frozenset({"dhcpv4_options", "dhcpv6_options", "mirror_rules"}),
    ),
    Table("ACL"),
    Table("QoS"),
    Table("Forwarding_Group"),
    Table("Logical_Router", weak=frozenset({"copp", "load_balancer"}), is_root=True),
    Table("Logical_Router_Port", status=frozenset({"ipv6_prefix", "status"})),
    Table("Logical_Router_Static_Route", weak=frozenset({"bfd"})),
    Table("Logical_Router_Policy", weak=frozenset({"bfd_sessions"})),
    Table("NAT", weak=frozenset({"gateway_port"})),
    Table("Gateway_Chassis"),
    Table("HA_Chassis_Group", is_root=True),
    Table("HA_Chassis"),
    Table("Load_Balancer", is_root=True),
    Table("Load_Balancer_Health_Check"),
    Table("Port_Group", weak=frozenset({"ports"}), is_root=True),
    Table("Address_Set", is_root=True),
    Table("DHCP_Options", is_root=True),
    Table("DNS", is_root=True),
)

TABLES_BY_NAME: Mapping[str, Table] = {table.name: table for table in TABLES}

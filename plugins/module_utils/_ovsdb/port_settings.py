# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a port that are columns of its rows, as declarations (ovs-vswitchd.conf.db(5)). Pure."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._core.vlans import format_vlans, vlan_range
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import at_least
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import Setting

#: Without effect on a port of one interface.
BOND_SETTINGS = (
    Setting("bond_mode", {"type": "str", "choices": ["active-backup", "balance-slb", "balance-tcp"]}, "bond_mode"),
    Setting("bond_updelay", {"type": "int"}, "bond_updelay", check=at_least(0), default=0),
    Setting("bond_downdelay", {"type": "int"}, "bond_downdelay", check=at_least(0), default=0),
)

#: Of the table Port.
PORT_SETTINGS = (
    *BOND_SETTINGS,
    Setting("lacp", {"type": "str", "choices": ["active", "passive", "off"]}, "lacp"),
    Setting("lacp_time", {"type": "str", "choices": ["slow", "fast"]}, "other_config", key="lacp-time"),
    Setting("cvlans", {"type": "list", "elements": "str"}, "cvlans", check=vlan_range, show=format_vlans),
)

#: Of the table Interface; each member of a bond has them.
INTERFACE_SETTINGS = (
    Setting("ingress_policing_rate", {"type": "int"}, "ingress_policing_rate", check=at_least(0), default=0),
    Setting("ingress_policing_burst", {"type": "int"}, "ingress_policing_burst", check=at_least(0), default=0),
)

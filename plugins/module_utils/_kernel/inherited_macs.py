# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links that have the MAC address of another one, and follow it: re-created with it they would no longer do so. Pure.

Netlink does not report how an address was assigned (addr_assign_type, Documentation/ABI/testing/sysfs-class-net), but
it shows: a VLAN that was given none has that of its parent (vlan_dev_init() in net/8021q/vlan_dev.c), and so have an
ipvlan and a macvlan in the mode passthru; a bridge has the lowest one of its ports, and without ports an identifier
without an address (br_stp_recalculate_bridge_id() in net/bridge/br_stp_if.c).
"""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import data_of
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceName

#: Its content is a priority of two bytes and an address.
IFLA_BR_BRIDGE_ID = 11


def inherits_mac(state: KernelState, namespace: NamespaceName, link: Link) -> bool:
    """Whether a link has the MAC address of what it is on, or that of one of its ports, and follows it."""
    if link.kind == "bridge":
        ports = [each.mac for each in state.namespace(namespace).links if each.master == link.index]
        identifier = data_of(link.information).get(IFLA_BR_BRIDGE_ID, b"")
        return link.mac == min(ports) if ports else not any(identifier[2:])
    base = state.base_of(link)
    return base is not None and base[1].mac == link.mac

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's own network stack at a port's end of a veth pair on the userspace datapath. Pure.

There ovs-vswitchd reads the packets of a link beside the kernel of the host, which has them as well (packet(7)). It
would answer for any address of the host, at the end itself (arp(7), ip-sysctl, arp_ignore), so that packets go round
Open vSwitch, and with it round VLANs, protected ports and flows. The end is not for the host, and its stack leaves it
alone: what is for the host comes in by the local interface of a bridge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import in_full
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import SetSysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import (
    PortState,
    WantedPort,
    is_userspace,
)

#: By the names of ip-sysctl: no ARP, no packet from where the host would not send the answer, whoever the frame is for.
PARAMETERS: Mapping[str, str] = {
    # The highest value wins, that of `all` or that of the link, and 8 is the highest.
    "ipv4.conf.arp_ignore": "8",
    # No route leads to a link without an address, so that no source is valid there.
    "ipv4.conf.rp_filter": "1",
    "ipv4.conf.drop_unicast_in_l2_multicast": "1",
    "ipv6.conf.disable_ipv6": "1",
}


def queries(present: Iterable[WantedPort]) -> dict[tuple[NamespaceName, str], str | None]:
    """Return the kernel parameters that have to be read: those of the ports, and those that a new link has."""
    names = ["default", *(port.name for port in present if port.type in (None, "system"))]
    return {(None, in_full(name, short)): None for name in names for short in PARAMETERS}


def leave_alone(
    state: PortState,
    wanted: WantedPort,
    bridge: Bridge,
    kind: str,
    link: Link | None,
    diff: tuple[dict[str, object], dict[str, object]],
) -> list[SetSysctl]:
    """Return the operations by which the host's stack leaves a port's end of a veth pair alone; note them in a diff.

    `link` is None where the end is yet to be created.
    """
    if kind != "system" or not is_userspace(bridge, state.system_works) or (link and link.kind != "veth"):
        return []
    operations = []
    for short, value in PARAMETERS.items():
        now = state.kernel.sysctl(None, in_full(wanted.name if link else "default", short))
        if now not in (None, value):  # None: a kernel without it, or without IPv6
            diff[0][short], diff[1][short] = now, value
            operations.append(SetSysctl(None, in_full(wanted.name, short), value))
    return operations

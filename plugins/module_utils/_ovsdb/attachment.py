# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The devices that ovs-vswitchd has open, and the internal interfaces whose device it has lost. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch

#: Each datapath has a port of its own, which belongs to no bridge.
OWN_DEVICES = frozenset({"ovs-netdev", "ovs-system"})


@dataclass(frozen=True)
class Attachments:
    """The devices that ovs-vswitchd has open; None where that could not be read.

    `packet_sockets` are the links, by index, that it reads packets from (packet(7)). A link that was deleted is not
    among them, nor one that was re-created under the same name. `taps` are the names of the tap devices that it holds,
    wherever they were moved and whatever they were renamed to. `vports` are the internal ports of the kernel's
    datapath.
    """

    packet_sockets: frozenset[int] | None = None
    taps: frozenset[str] | None = None
    vports: frozenset[str] | None = None


def lost_taps(switch: Switch, attachments: Attachments) -> frozenset[str]:
    """Return the internal interfaces on the userspace datapath whose device no longer exists.

    It may have been deleted with the namespace that it was in, or alone. ovs-vswitchd keeps the descriptor of such a
    device and reports nothing; nor does it report where a device is that was moved into a namespace. While it holds a
    device that no interface is named after, which was renamed, no device counts as lost: any of them may be that one.
    """
    return _find_lost(switch, "netdev", attachments.taps)


def lost_vports(switch: Switch, attachments: Attachments) -> frozenset[str]:
    """Return the internal interfaces on the kernel's datapath whose device no longer exists."""
    return _find_lost(switch, "system", attachments.vports)


def _find_lost(switch: Switch, datapath_type: str, held: frozenset[str] | None) -> frozenset[str]:
    if held is None:
        return frozenset()
    internal = {
        interface.name
        for bridge in switch.bridges
        for port in bridge.ports
        for interface in port.interfaces
        if bridge.datapath_type == datapath_type and interface.type == "internal" and interface.works
    }
    renamed = held - internal - OWN_DEVICES
    return frozenset() if renamed else frozenset(internal - held)

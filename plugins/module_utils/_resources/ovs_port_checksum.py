# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The transmit checksums of the far end of a port's veth pair, which the userspace datapath depends on. Pure.

The userspace datapath forwards packets as it gets them. A TCP or UDP packet whose checksum was left to a device that
never computes it is dropped by the receiver; ping computes its own. So the far end must compute its checksums.
"""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import (
    PortLink,
    PortState,
    WantedPort,
    is_userspace,
)


def needs_checksums(state: PortState, wanted: WantedPort, bridge: Bridge | None, kind: str) -> bool:
    """Return whether the far end of a port on this bridge, of this type, must compute its checksums."""
    return wanted.tx_checksum == "auto" and kind == "system" and is_userspace(bridge, state.system_works)


def is_far_end_unknown(state: PortState, wanted: WantedPort) -> bool:
    """Return whether a far end that must compute its checksums is in a namespace that was not read."""
    found = state.switch.port_with(wanted.name)
    bridge = state.switch.bridge(wanted.bridge or (found[0].name if found else ""))
    kind = wanted.type or (found[1].interface.type if found else "system")
    if not needs_checksums(state, wanted, bridge, kind):
        return False
    link = state.kernel.link(None, wanted.name)
    return bool(link and link.peer and not link.peer.known)


def compute_checksums(link: PortLink) -> list[Operation]:
    """Return the operation that makes a far end compute its checksums, unless it does so already."""
    if link.far is None or (link.link is not None and not (link.far_link and link.far_link.tx_checksum)):
        return []
    return [op.SetTxChecksum(link.far.namespace, link.far.name, enabled=False)]


def describe_unknown_far_end(name: str, link: PortLink, simulated: bool) -> str:
    """Return the warning about a far end that is not known; empty where there is none, as with a physical link."""
    if link.link is None and simulated:
        return (
            "the veth pair does not exist yet, so check mode cannot report the change of its far end's checksum "
            "offload; give `peer`"
        )
    if link.link is not None and link.link.kind == "veth":
        return (
            f"the far end of {name} is in a namespace without a name and was not read; TCP fails unless its transmit "
            "checksum offload is off (run `ethtool -K LINK tx off` there)"
        )
    return ""

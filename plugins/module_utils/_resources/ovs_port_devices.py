# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The devices of ports: the links that they use, and those that ovs-vswitchd has lost and must re-open. Pure."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import operations as ovs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import (
    ExistingPort,
    Peer,
    PortLink,
    PortState,
    WantedPort,
    is_userspace,
)

#: The attributes of a port that decide which network is behind it.
ATTACHMENT = frozenset({"attached", "bridge", "members", "protected", "tag", "trunks", "type", "vlan_mode"})


def find_link(state: PortState, wanted: WantedPort, simulated: bool) -> PortLink:
    """Return the port's link and its far end; in a simulation as what manages the pair will have left them.

    That repairs a pair by moving its misplaced end into place, and re-creates it where the two ends do not belong
    together. What the port needs depends on which.
    """
    link = state.kernel.link(None, wanted.name)
    far = state.kernel.far_end(link) if link else None
    present = PortLink(link, Peer(far[0], far[1].name) if far else None, far[1] if far else None)
    peer = wanted.peer
    if not simulated or peer is None or present.far == peer or (link and link.kind != "veth"):
        return present
    opposite = state.kernel.link(peer.namespace, peer.name)
    if link and not opposite:
        return replace(present, far=peer)
    misplaced = state.kernel.far_end(opposite) if opposite and not link else None
    if misplaced is not None and misplaced[0] is None:
        return PortLink(misplaced[1], peer, opposite)
    return PortLink(None, peer)


def needs_vports(state: PortState, wanted: WantedPort) -> bool:
    """Return whether the port is an internal one on the kernel's datapath whose link is not on the host."""
    found = state.switch.port(wanted.name)
    if found is None or found[1].is_bond or state.kernel.link(None, wanted.name):
        return False
    return found[0].datapath_type == "system" and found[1].interface.type == "internal"


def needs_reopening(port: ExistingPort, state: PortState, lost: frozenset[str]) -> bool:
    """Return whether ovs-vswitchd has lost the device, which it does not report, and must open it again.

    `lost` are the internal interfaces whose device no longer exists.
    """
    if port.interface.reopening:
        return True
    moves = port.bridge.name != port.target.name or port.kind != port.interface.type
    opened_anyway = moves or not port.bridge.works or port.bridge.name in state.reopened
    if opened_anyway or state.switch.running is False:
        return False
    if port.kind == "system":
        return _is_link_lost(port, state)
    return port.kind == "internal" and (port.interface.name in lost or not port.interface.works)


def moves_tunnel(port: ExistingPort) -> bool:
    """Return whether a tunnel gets to another bridge.

    ovs-vswitchd opens the new one before it closes the old one, which it refuses with `File exists`: no two tunnels of
    one kind have the same options (tnl_port_add() in ofproto/tunnel.c).
    """
    is_tunnel = port.kind not in ("system", "internal", "patch")
    return is_tunnel and port.bridge.name != port.target.name and port.kind == port.interface.type


def _is_link_lost(port: ExistingPort, state: PortState) -> bool:
    """Return whether a port no longer reads and writes its link of the host.

    A link that was re-created under its name has another index and is not the one that is open. Where the open links
    cannot be read, a link that nobody listens to counts as lost. The kernel's datapath enslaves its links, and takes
    one that was re-created on its own.
    """
    link = port.link.link
    userspace = is_userspace(port.bridge, state.system_works)
    if link is None:
        return userspace and port.interface.works
    if not port.interface.works:
        # A link that gets the port's name by an earlier task is opened by ovs-vswitchd on its own.
        return link.name == port.interface.name
    if not userspace:
        return link.master == 0
    sockets = state.attachments.packet_sockets
    return link.index not in sockets if sockets is not None else link.promiscuity == 0


def reopen(port: ExistingPort) -> list[Operation]:
    """Return the operations that re-open a port's device: one transaction closes it, another opens it."""
    name = port.interface.name
    if port.interface.reopening:
        return [ovs.OpenInterface(name, port.kind)]
    peer = port.interface.options.get("peer")
    return [ovs.CloseInterface(port.name, name, port.kind), ovs.OpenInterface(name, port.kind, peer)]


def configured_type(interface: Interface) -> str:
    """Return the interface's type, whatever an interrupted run has made of it."""
    return interface.reopening or interface.type


def without_reopening(interface: Interface) -> Interface:
    """Return an interface without what an interrupted run has left in it, which OpenInterface removes."""
    if not interface.reopening:
        return interface
    options = {key: value for key, value in interface.options.items() if key != "peer"}
    return replace(interface, type=interface.reopening, options=options)


def announce(bridge: Bridge, link: PortLink) -> list[Operation]:
    """Return the operations after which neighbours know the addresses behind a port that is attached elsewhere now.

    The bridge has the lowest hardware address of its ports, and another one where these change
    (ovs-vswitchd.conf.db(5), other_config:hwaddr).
    """
    far = [op.Announce(link.far.namespace, link.far.name)] if link.far else []
    return [op.Announce(None, bridge.name), *far]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paths that are probed, and the subnets that they run in. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address, Network
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_model import ROUTER
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.nodes import Place, is_link_local
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.segments import Segment
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.walk import Walk


@dataclass(frozen=True)
class ProbePath:
    """From where to what. Two probes of the same path cannot expect different results."""

    place: Place
    to: Address
    protocol: str = "icmp"
    port: int | None = None
    #: The address and the port that a published port leads to.
    service: tuple[Address, int] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Member:
    """An address in a broadcast domain, and the node that has it."""

    place: Place
    address: Address
    #: Whether it is behind a protected port.
    protected: bool = False


#: A subnet within a broadcast domain.
Subnet = tuple[Segment, Network]
Subnets = dict[Subnet, list[Member]]


def collect_subnets(walk: Walk) -> tuple[Subnets, Subnets]:
    """Return the members of all subnets of all broadcast domains, and the bridges' own addresses in each."""
    members: Subnets = {}
    gateways: Subnets = {}
    for place, node in walk.nodes.items():
        for interface in node.interfaces:
            segment = interface.segment
            # A probe to a link-local IPv6 address would have to name the interface too.
            for address in interface.addresses if segment is not None else ():
                if segment is not None and not is_link_local(address.ip):
                    on_bridge = place in (None, ROUTER) and segment[0] == "bridge"
                    subnets = gateways if on_bridge else members
                    member = Member(place, address.ip, interface.protected)
                    subnets.setdefault((segment, address.network), []).append(member)
    return members, gateways

# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probes that show whether a topology carries traffic, for the module reachability.

Pure. Their number grows linearly: within a broadcast domain and subnet each namespace probes the next one, the last one
the first, and each probes the bridge's address; all pairs would be a square.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._topology_checks import Segment, segment_of
from ansible_collections.netns.fabric.plugins.module_utils._topology_model import Namespace, Target, Topology
from ansible_collections.netns.fabric.plugins.module_utils._validation import Address, Interface, Network

Probe = dict[str, Any]
Pair = tuple["str | None", Address]
"""From which namespace (None: the host), to which address."""


@dataclass(frozen=True)
class Member:
    """An address in a broadcast domain, and where it is."""

    namespace: str | None
    address: Address
    lonely: bool = False
    """A protected port: it sees the bridge and unprotected ports only, never another protected one."""


Subnets = dict[tuple[Segment, Network], list[Member]]


TIMEOUT = 10.0
"""Seconds. It costs nothing where an answer comes, and a link that was just made may take a second to carry anything;
a neighbour that has come back with another MAC address, some eight."""


def probes(topology: Topology) -> list[Probe]:
    """What is to be reached: neighbours and gateways by ICMP and TCP, then the outside as ``verify_outside`` says."""
    subnets, gateways = _subnets(topology)
    pairs: dict[Pair, None] = {}  # A dict for a set that keeps its order.
    for key, members in subnets.items():
        for pair in _within(members, gateways.get(key, [])):
            pairs.setdefault(pair)
    found = [_probe(namespace, address, protocol) for namespace, address in pairs for protocol in ("icmp", "tcp")]
    return found + [
        _probe(namespace.name, target.address, "icmp" if target.port is None else "tcp", target.port)
        for namespace in topology.namespaces
        for target in topology.outside
        if _leads_outside(namespace, target, topology)
    ]


def _probe(namespace: str | None, address: Address, protocol: str, port: int | None = None) -> Probe:
    probe: Probe = {"to": str(address), "protocol": protocol, "timeout": TIMEOUT}
    if namespace is not None:
        probe["namespace"] = namespace
    if port is not None:
        probe["port"] = port
    return probe


def _subnets(topology: Topology) -> tuple[Subnets, Subnets]:
    """All subnets of all broadcast domains: the members of each, and the bridge's own addresses in each."""
    # In secure mode a bridge forwards what its flows say and nothing else: what can be reached is not for us to tell.
    silent = {bridge.name for bridge in topology.bridges if bridge.switch.get("fail_mode") == "secure"}
    members: Subnets = {}
    for segment, address, member in _members(topology):
        if segment[1] not in silent:
            members.setdefault((segment, address.network), []).append(member)
    gateways: Subnets = {}
    for bridge in topology.bridges:
        if bridge.local.get("enabled", True) and bridge.name not in silent:
            for address in bridge.addresses or ():
                segment = ("bridge", bridge.name, 0)
                gateways.setdefault((segment, address.network), []).append(Member(None, address.ip))
    return members, gateways


def _members(topology: Topology) -> Iterator[tuple[Segment, Interface, Member]]:
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            segment = segment_of(attachment)
            if segment is not None and attachment.options.get("enabled", True):
                lonely = attachment.port.get("protected", False)
                for address in _probed(attachment.addresses):
                    yield segment, address, Member(namespace.name, address.ip, lonely)
    for index, link in enumerate(topology.links):
        if link.near.options.get("enabled", True) and link.far.options.get("enabled", True):
            for end in (link.near, link.far):
                for address in _probed(end.addresses):
                    yield ("link", index, 0), address, Member(end.namespace, address.ip)


def _probed(addresses: tuple[Interface, ...] | None) -> Iterator[Interface]:
    """Link-local IPv6 addresses are left out: a probe to one would have to name the interface too."""
    return (address for address in addresses or () if not (address.version == 6 and address.is_link_local))


def _within(members: list[Member], gateways: list[Member]) -> Iterator[Pair]:
    ring = [member for member in members if not member.lonely]
    for index, member in enumerate(ring):
        neighbour = ring[(index + 1) % len(ring)]
        if neighbour.namespace != member.namespace:
            yield member.namespace, neighbour.address
    for member in members:
        for gateway in gateways:
            if gateway.namespace != member.namespace:
                yield member.namespace, gateway.address


def _leads_outside(namespace: Namespace, target: Target, topology: Topology) -> bool:
    """Whether a namespace has a route to the target, and an address that NAT covers."""
    routed = any(
        route.version == target.address.version and (route.destination is None or target.address in route.destination)
        for route in namespace.routes
    )
    return routed and any(
        address.ip in rule.source
        for attachment in namespace.interfaces
        for address in attachment.addresses or ()
        if address.version == target.address.version
        for rule in topology.nat
    )

# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probes that show whether a topology carries the traffic that it should, and none that it should not.

Pure. Their number grows linearly; all pairs would be a square:

- within a broadcast domain and subnet each namespace probes the next one, the last one the first, and each probes the
  bridge's address; of large ones, where each probes the bridge's address, only some probe the next one;
- by each route through a router namespace one address behind it;
- each address of a namespace is put to the test against one in another broadcast domain, and a protected port against
  the next one;
- what is outside, from every namespace.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import (
    MAIN_TABLE,
    PROBE_TIMEOUT_MAX,
    Address,
    Network,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.checks import Segment
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Namespace, Target, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.walk import (
    Place,
    Verdict,
    Walk,
    is_link_local,
)

Probe = dict[str, Any]

TIMEOUT = 10.0
"""Seconds. It costs nothing where an answer comes, and a link that was just made may take a second to carry anything;
a neighbour that has come back with another MAC address, two or three. Of more than PATIENT_UP_TO namespaces in
proportion: what all of them multicast when their links come up keeps a switch busy for so long."""

PATIENT_UP_TO = 200

TIMEOUT_OF_SILENCE = 1.0
"""Seconds, for what is not to answer: they are spent whenever all is well, by all such probes together. What leaks
answers within some milliseconds."""

TRIED = 4
"""Addresses behind a router that are looked at to find one that must be reached."""


LARGE_SUBNET = 100
"""Addresses in one subnet of a broadcast domain. Above that, who probes the bridge's address need not probe the next
one: each pair costs a question to all, which a switch copies to every port, and two entries in the kernel's neighbour
table, which is one for all namespaces and has room for 1024."""

SAMPLE = 16
"""Legs from one namespace to the next that remain in a subnet as large as that."""


@dataclass(frozen=True)
class Leg:
    """From where to what. Two probes of the same leg cannot expect different things."""

    place: Place
    to: Address
    protocol: str = "icmp"
    port: int | None = None


@dataclass(frozen=True)
class Member:
    """An address in a broadcast domain, and where it is."""

    place: Place
    address: Address
    lonely: bool = False
    """Behind a protected port."""


_Subnet = tuple[Segment, Network]
Subnets = dict[_Subnet, list[Member]]


def probes(topology: Topology) -> list[Probe]:
    """What is to be reached, what is not, then what the user asks besides, who has the last word on a leg."""
    walk = Walk(topology)
    own = {Leg(probe.namespace, probe.to, probe.protocol, probe.port): probe for probe in topology.probes}
    expected: dict[Leg, bool] = {}
    members, gateways = _subnets(walk)
    for legs, reachable in (
        (_both(_inside(members, gateways, walk)), True),
        (_both(_behind_routers(topology, members, walk)), True),
        (_outside(topology), True),
        (_apart(members, walk, _Joined(topology, walk)), False),
        (_not_let_out(topology, walk), False),
    ):
        for leg in legs:
            expected.setdefault(leg, reachable)
    patience = min(PROBE_TIMEOUT_MAX, TIMEOUT * max(1, len(topology.namespaces) / PATIENT_UP_TO))

    def probe(leg: Leg, reachable: bool, timeout: float | None = None) -> Probe:
        usual = patience if reachable else TIMEOUT_OF_SILENCE
        return _probe(leg, reachable, usual if timeout is None else timeout)

    derived = [probe(leg, reachable) for leg, reachable in expected.items() if leg not in own]
    return derived + [probe(leg, asked.reachable, asked.timeout) for leg, asked in own.items()]


def _probe(leg: Leg, reachable: bool, timeout: float) -> Probe:
    probe: Probe = {"to": str(leg.to), "protocol": leg.protocol, "timeout": timeout}
    if leg.place is not None:
        probe["namespace"] = leg.place
    if leg.port is not None:
        probe["port"] = leg.port
    if not reachable:
        probe["expect"] = "unreachable"
    return probe


def _both(legs: Iterable[Leg]) -> Iterator[Leg]:
    """By ICMP and by TCP."""
    for leg in legs:
        yield leg
        yield Leg(leg.place, leg.to, "tcp")


# --- within a broadcast domain -------------------------------------------------------------------------------------


def _subnets(walk: Walk) -> tuple[Subnets, Subnets]:
    """All subnets of all broadcast domains: the members of each, and the bridge's own addresses in each."""
    members: Subnets = {}
    gateways: Subnets = {}
    for place, node in walk.nodes.items():
        for attached in node.attached:
            segment = attached.segment
            # A probe to a link-local IPv6 address would have to name the interface too.
            for address in attached.addresses if segment is not None else ():
                if segment is not None and not is_link_local(address.ip):
                    on_bridge = place is None and segment[0] == "bridge"
                    subnets = gateways if on_bridge else members
                    member = Member(place, address.ip, attached.lonely)
                    subnets.setdefault((segment, address.network), []).append(member)
    return members, gateways


def _inside(members: Subnets, gateways: Subnets, walk: Walk) -> Iterator[Leg]:
    for key, here in members.items():
        to_gateway = _reached(_to_gateways(here, gateways.get(key, [])), walk)
        around = _reached(_ring(here), walk)
        if len(here) > LARGE_SUBNET:
            around = _thinned(around, {leg.place for leg in to_gateway})
        yield from around
        yield from to_gateway


def _reached(legs: Iterable[Leg], walk: Walk) -> list[Leg]:
    return [leg for leg in legs if walk.reaches(leg.place, leg.to) is Verdict.YES]


def _thinned(around: list[Leg], probing_gateway: set[Place]) -> list[Leg]:
    """Some of the legs, evenly spread, and all of those whose start is not put to the test otherwise."""
    step = max(1, len(around) // SAMPLE)
    return [leg for index, leg in enumerate(around) if index % step == 0 or leg.place not in probing_gateway]


def _ring(members: list[Member]) -> Iterator[Leg]:
    ring = [member for member in members if not member.lonely]
    for index, member in enumerate(ring):
        neighbour = ring[(index + 1) % len(ring)]
        if neighbour.place != member.place:
            yield Leg(member.place, neighbour.address)


def _to_gateways(members: list[Member], gateways: list[Member]) -> Iterator[Leg]:
    for member in members:
        for gateway in gateways:
            if gateway.place != member.place:
                yield Leg(member.place, gateway.address)


# --- through router namespaces -------------------------------------------------------------------------------------


def _behind_routers(topology: Topology, members: Subnets, walk: Walk) -> Iterator[Leg]:
    """For each route of each namespace one address that it leads to through a router, not the same one for all."""
    if not any(node.place is not None and node.forwards for node in walk.nodes.values()):
        return
    behind = {version: _Behind(members, version, walk) for version in (4, 6)}
    for index, namespace in enumerate(topology.namespaces):
        for route in namespace.routes:
            if route.gateway is not None and route.table in (None, MAIN_TABLE):
                for address in behind[route.version].some(route.destination, index):
                    if _is_routed(namespace.name, address, walk):
                        yield Leg(namespace.name, address)
                        break


def _is_routed(place: Place, to: Address, walk: Walk) -> bool:
    return len(walk.trace(place, to).hops) > 1 and walk.reaches(place, to) is Verdict.YES


class _Behind:
    """An address of each subnet, of those of which it is clear whose they are."""

    def __init__(self, members: Subnets, version: int, walk: Walk) -> None:
        clear: dict[_Subnet, Address] = {}
        for key, here in members.items():
            for member in here:
                # A router's own address would not show that it forwards.
                if version not in walk.nodes[member.place].forwards and len(walk.holders[member.address]) == 1:
                    clear.setdefault(key, member.address)
        self._addresses = sorted(address for address in clear.values() if address.version == version)

    def some(self, network: Network | None, start: int) -> list[Address]:
        """A few in a network (None: everywhere), beginning somewhere."""
        first, last = 0, len(self._addresses)
        if network is not None:
            first = bisect_left(self._addresses, network.network_address)
            last = bisect_right(self._addresses, network.broadcast_address)
        count = last - first
        return [self._addresses[first + (start + step) % count] for step in range(min(TRIED, count))]


# --- what is kept apart --------------------------------------------------------------------------------------------


class _Joined:
    """The broadcast domains between which the user expects something to be reached that nothing declared explains.

    A cable between two bridges that somebody else laid, say: that the one is not reached from the other is then not for
    us to demand.
    """

    def __init__(self, topology: Topology, walk: Walk) -> None:
        self._walk = walk
        self._pairs: set[tuple[Segment, Segment]] = set()
        for probe in topology.probes:
            if probe.reachable and walk.reaches(probe.namespace, probe.to) is not Verdict.YES:
                for holder in walk.holders.get(probe.to, ()):
                    self._join(walk.segments_of(probe.namespace), walk.segments_of(holder))

    def _join(self, near: set[Segment], far: set[Segment]) -> None:
        if not near & far:
            self._pairs.update(pair for one in near for other in far for pair in ((one, other), (other, one)))

    def __contains__(self, leg: Leg) -> bool:
        if not self._pairs:
            return False
        near = self._walk.segments_of(leg.place)
        far = {segment for holder in self._walk.holders.get(leg.to, ()) for segment in self._walk.segments_of(holder)}
        return any((one, other) in self._pairs for one in near for other in far)


def _apart(members: Subnets, walk: Walk, joined: _Joined) -> Iterator[Leg]:
    """For each address, one that must not be reached from there: of its own subnet elsewhere, or of the next domain."""
    for here in members.values():
        lonely = [member for member in here if member.lonely]
        for member, neighbour in zip(lonely, [*lonely[1:], *lonely[:1]]):
            if _must_not(leg := Leg(member.place, neighbour.address), walk, joined):
                yield leg
    following = _Following(members)
    for key, here in members.items():
        for index, member in enumerate(here):
            candidates = (Leg(member.place, other.address) for other in following.of(key, index))
            yield from [leg for leg in candidates if _must_not(leg, walk, joined)][:1]


def _must_not(leg: Leg, walk: Walk, joined: _Joined) -> bool:
    different = leg.place is not None and leg.place not in walk.holders.get(leg.to, ())
    return different and walk.reaches(leg.place, leg.to) is Verdict.NO and leg not in joined


class _Following:
    """For each member of a subnet, one of the same subnet in the next domain, and one of the next domain at all."""

    def __init__(self, members: Subnets) -> None:
        self._members = members
        by_network: dict[Network, list[_Subnet]] = {}
        by_segment: dict[tuple[int, Segment], _Subnet] = {}
        for key in members:
            by_network.setdefault(key[1], []).append(key)
            by_segment.setdefault((key[1].version, key[0]), key)
        self._same = {key: after for keys in by_network.values() for key, after in _each_and_next(keys)}
        self._next: dict[tuple[int, Segment], _Subnet] = {}
        for version in (4, 6):
            keys = [key for (family, _segment), key in by_segment.items() if family == version]
            self._next.update({(version, key[0]): after for key, after in _each_and_next(keys)})

    def of(self, key: _Subnet, index: int) -> Iterator[Member]:
        for other in (self._same[key], self._next[key[1].version, key[0]]):
            if other[0] != key[0]:
                there = self._members[other]
                yield there[index % len(there)]


def _each_and_next(keys: list[_Subnet]) -> Iterator[tuple[_Subnet, _Subnet]]:
    return zip(keys, [*keys[1:], *keys[:1]])


# --- outside -------------------------------------------------------------------------------------------------------

#: Addresses that nobody out there has a way back to (RFC 1918, RFC 6598, RFC 4193).
_PRIVATE = tuple(
    ip_network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)


def _is_private(address: Address) -> bool:
    return any(address in network for network in _PRIVATE)


def _leg_outside(place: Place, target: Target) -> Leg:
    return Leg(place, target.address, "icmp" if target.port is None else "tcp", target.port)


def _outside(topology: Topology) -> Iterator[Leg]:
    for namespace in topology.namespaces:
        for target in topology.outside:
            if _has_route(namespace, target) and _is_let_out(namespace, target, topology):
                yield _leg_outside(namespace.name, target)


def _has_route(namespace: Namespace, target: Target) -> bool:
    return any(
        route.version == target.address.version and (route.destination is None or target.address in route.destination)
        for route in namespace.routes
    )


def _is_let_out(namespace: Namespace, target: Target, topology: Topology) -> bool:
    """Whether NAT covers an address of the namespace."""
    return any(
        address.ip in rule.source
        for attachment in namespace.interfaces
        for address in attachment.addresses or ()
        if address.version == target.address.version
        for rule in topology.nat
    )


def _not_let_out(topology: Topology, walk: Walk) -> Iterator[Leg]:
    """From where the outside must not be reached: no route at all, or by the host, which lets others out and not this.

    The latter where the source is a private address and the target is none: otherwise there may be a way back without
    NAT. Where the host lets nobody out, somebody else may see to it.
    """
    letting_out = {rule.source.version for rule in topology.nat if rule.namespace is None}
    for namespace in topology.namespaces:
        for target in topology.outside:
            if walk.holders.get(target.address) or _is_let_out(namespace, target, topology):
                continue
            if walk.reaches(namespace.name, target.address) is Verdict.NO or (
                target.address.version in letting_out and _ends_at_the_host(namespace.name, target.address, walk)
            ):
                yield _leg_outside(namespace.name, target)


def _ends_at_the_host(place: Place, to: Address, walk: Walk) -> bool:
    node = walk.nodes[place]
    own = [address for address in node.own if address.version == to.version and not is_link_local(address)]
    found, first = walk.gateway_of(place, to)
    by_host = found and first is None and node.sure
    return by_host and not _is_private(to) and bool(own) and all(map(_is_private, own))

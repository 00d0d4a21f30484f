# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probes that show whether a topology carries the traffic that it should carry, and no other.

Pure. Their number grows linearly, whereas that of all pairs grows with the square:

- from each host to each other one of a mesh one path is probed;
- within a broadcast domain and subnet each namespace probes the next one, the last one the first, and each probes the
  bridge's address; in large ones, where each probes the bridge's address, only some probe the next one;
- for each route through a router namespace one address behind it is probed;
- each address of a namespace is probed from another broadcast domain, and a protected port from another one, and must
  not answer;
- for each route that refuses packets one address that it is about is probed, and must not answer;
- what is outside is probed from every namespace; without addresses there, one namespace of each masqueraded network
  shows that what it sends is translated;
- each policy is probed by some of the paths that it is about, and every path expects what the policies say of it;
- a published port is probed from its router and from a neighbour of the service; where it is limited to some senders,
  also from one that is not one of them, and must not answer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.expectations import (
    DELIVERED,
    REACHABLE,
    UNREACHABLE,
    is_forbidding,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import (
    Address,
    Network,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.distant import paths_over_meshes
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.isolation import isolated_paths
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_model import ROUTER
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.masquerading import masquerading_probes
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Namespace,
    Nat,
    Target,
    Topology,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.nodes import Place, is_link_local
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.paths import (
    Member,
    ProbePath,
    Subnet,
    Subnets,
    collect_subnets,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.patience import Patience
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policies import Policies
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policy_probes import PolicyProbes
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policy_routing import find_route, read_rule
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.published import published_paths
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.walk import Verdict, Walk

Probe = dict[str, Any]

#: Addresses behind a router that are tried to find one that must be reached.
CANDIDATES_MAX = 4

#: Addresses in one subnet of a broadcast domain. Above that, who probes the bridge's address need not probe the next
#: one: each pair costs a question to all, which a switch copies to every port, and two entries in the kernel's
#: neighbour table, which is one for all namespaces and has room for 1024.
LARGE_SUBNET = 100

#: Paths from one namespace to the next that remain in a subnet as large as that.
SAMPLE = 16


def derive_probes(topology: Topology, policies: Policies) -> list[Probe]:
    """Return what must be reached, what must not, and the user's own probes, which override those of the same path."""
    walk = Walk(topology)
    own = {ProbePath(probe.namespace, probe.to, probe.protocol, probe.port): probe for probe in topology.probes}
    expected: dict[ProbePath, bool] = {}
    # Who limits the size of an echo request outside is not known.
    outside = dict.fromkeys(_paths_outside(replace(topology, nat=policies.topology.nat), walk))
    members, gateways = collect_subnets(walk)
    published = [*published_paths(topology, members, walk)]
    for paths, reachable in (
        (_with_tcp(_paths_within_subnets(members, gateways, walk)), True),
        (_with_tcp(paths_over_meshes(topology, members, walk)), True),
        (_with_tcp(_paths_through_routers(topology, members, walk)), True),
        (outside, True),
        ((path for path, is_sender in published if is_sender), True),
        ((path for path, is_sender in published if not is_sender), False),
        (isolated_paths(topology, members, walk), False),
        (_forbidden_paths_outside(topology, walk), False),
        (_paths_to_refused(topology, walk), False),
    ):
        for path in paths:
            if path.place not in topology.elsewhere and not _is_mute(path, walk):
                expected.setdefault(path, reachable)
    judge = PolicyProbes(policies, walk)
    for path in judge.paths():
        if path.place not in topology.elsewhere and not _is_mute(path, walk):
            expected.setdefault(path, True)
    patience = Patience(topology, walk)

    def build(path: ProbePath, expect: str, full_size: bool, timeout: float | None = None) -> Probe:
        wait = patience.silence if is_forbidding(expect) else patience.answer
        return _build_probe(path, expect, full_size, wait(path) if timeout is None else timeout)

    derived: dict[ProbePath, Probe] = {}
    for given, reachable in expected.items():
        path, expect = (judge.expect(given) or (given, "")) if reachable else (given, UNREACHABLE)
        if expect == REACHABLE:
            expect = _expect(path, walk)
        if expect and path not in own and path not in derived:
            full_size = not is_forbidding(expect) and path.protocol == "icmp" and path not in outside
            derived[path] = build(path, expect, full_size=full_size)
    users = (build(path, probe.expect, probe.full_size, probe.timeout) for path, probe in own.items())
    return [*derived.values(), *masquerading_probes(topology, walk, patience.everywhere, judge.may_ping), *users]


def _is_mute(path: ProbePath, walk: Walk) -> bool:
    """Return whether nobody can answer: a logical router answers ICMP echo requests, and nothing else."""
    return path.protocol != "icmp" and ROUTER in walk.holders.get(path.to, ())


def _expect(path: ProbePath, walk: Walk) -> str:
    """Return what a derived probe expects that has to arrive.

    What the host itself lets in is the business of its own packet filter: the topology declares the path to it, and no
    service on it.
    """
    is_own = path.service is None and None in walk.holders.get(path.to, ())
    return DELIVERED if is_own else REACHABLE


def _build_probe(path: ProbePath, expect: str, full_size: bool, timeout: float) -> Probe:
    probe: Probe = {"to": str(path.to), "protocol": path.protocol, "timeout": timeout}
    if path.place is not None:
        probe["namespace"] = path.place
    if path.port is not None:
        probe["port"] = path.port
    if path.service is not None:
        probe["forwarded_to"], probe["forwarded_port"] = str(path.service[0]), path.service[1]
    if expect != REACHABLE:
        probe["expect"] = expect
    if full_size:
        probe["full_size"] = True
    return probe


def _with_tcp(paths: Iterable[ProbePath]) -> Iterator[ProbePath]:
    """Yield each path by ICMP and by TCP."""
    for path in paths:
        yield path
        yield ProbePath(path.place, path.to, "tcp")


# --- within a broadcast domain -------------------------------------------------------------------------------------


def _paths_within_subnets(members: Subnets, gateways: Subnets, walk: Walk) -> Iterator[ProbePath]:
    for key, subnet in members.items():
        to_gateways = _select_reachable(_paths_to_gateways(subnet, gateways.get(key, [])), walk)
        ring = _select_reachable(_paths_in_ring(subnet), walk)
        if len(subnet) > LARGE_SUBNET:
            ring = _thin_out(ring, {path.place for path in to_gateways})
        yield from ring
        yield from to_gateways


def _select_reachable(paths: Iterable[ProbePath], walk: Walk) -> list[ProbePath]:
    return [path for path in paths if walk.reaches(path.place, path.to) is Verdict.YES]


def _thin_out(ring: list[ProbePath], probing_gateway: set[Place]) -> list[ProbePath]:
    """Return some of the paths, evenly spread, and all of those whose start is not probed otherwise."""
    step = max(1, len(ring) // SAMPLE)
    return [path for index, path in enumerate(ring) if index % step == 0 or path.place not in probing_gateway]


def _paths_in_ring(subnet: list[Member]) -> Iterator[ProbePath]:
    ring = [member for member in subnet if not member.protected]
    for index, member in enumerate(ring):
        neighbour = ring[(index + 1) % len(ring)]
        if neighbour.place != member.place:
            yield ProbePath(member.place, neighbour.address)


def _paths_to_gateways(subnet: list[Member], gateways: list[Member]) -> Iterator[ProbePath]:
    for member in subnet:
        for gateway in gateways:
            if gateway.place != member.place:
                yield ProbePath(member.place, gateway.address)


# --- through router namespaces -------------------------------------------------------------------------------------


def _paths_through_routers(topology: Topology, members: Subnets, walk: Walk) -> Iterator[ProbePath]:
    """Yield for each route of each namespace one address behind a router, not the same one for all."""
    if not any(node.place is not None and node.forwarded_versions for node in walk.nodes.values()):
        return
    candidates = {version: _RoutedAddresses(members, version, walk) for version in (4, 6)}
    for index, namespace in enumerate(topology.namespaces):
        for route in namespace.routes:
            if route.gateway is not None and route.is_main:
                for address in candidates[route.version].select(route.destination, index):
                    if _is_routed(namespace.name, address, walk):
                        yield ProbePath(namespace.name, address)
                        break


def _paths_to_refused(topology: Topology, walk: Walk) -> Iterator[ProbePath]:
    """Yield for each route that refuses packets one address in the topology that it is about."""
    refusing = [
        (index, namespace.name, route)
        for index, namespace in enumerate(topology.namespaces)
        for route in namespace.routes
        if route.kind != "unicast"
    ]
    holders = walk.holders if refusing else {}
    addresses = {
        version: sorted(address for address in holders if address.version == version and not is_link_local(address))
        for version in (4, 6)
    }
    for index, name, route in refusing:
        for address in _select(addresses[route.version], route.destination, index):
            if name not in holders[address] and walk.reaches(name, address) is Verdict.NO:
                yield ProbePath(name, address)
                break


def _is_routed(place: Place, to: Address, walk: Walk) -> bool:
    return len(walk.trace(place, to).hops) > 1 and walk.reaches(place, to) is Verdict.YES


class _RoutedAddresses:
    """One address of each subnet, of those that a single node has."""

    def __init__(self, members: Subnets, version: int, walk: Walk) -> None:
        unique: dict[Subnet, Address] = {}
        for key, subnet in members.items():
            for member in subnet:
                # A router's own address would not show that it forwards.
                is_router = version in walk.nodes[member.place].forwarded_versions
                if not is_router and len(walk.holders[member.address]) == 1:
                    unique.setdefault(key, member.address)
        self._addresses = sorted(address for address in unique.values() if address.version == version)

    def select(self, network: Network | None, start: int) -> list[Address]:
        """Return a few of the addresses in a network (None: of all), from a position that depends on ``start``."""
        return _select(self._addresses, network, start)


def _select(addresses: Sequence[Address], network: Network | None, start: int) -> list[Address]:
    """Return a few of the sorted addresses that are in a network (None: of all)."""
    first, last = 0, len(addresses)
    if network is not None:
        first = bisect_left(addresses, network.network_address)
        last = bisect_right(addresses, network.broadcast_address)
    count = last - first
    return [addresses[first + (start + step) % count] for step in range(min(CANDIDATES_MAX, count))]


# --- outside -------------------------------------------------------------------------------------------------------

#: Addresses that nobody outside has a route back to (RFC 1918, RFC 6598, RFC 4193).
_PRIVATE = tuple(
    ip_network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)


def _is_private(address: Address) -> bool:
    return any(address in network for network in _PRIVATE)


def _build_path_outside(place: Place, target: Target) -> ProbePath:
    return ProbePath(place, target.address, "icmp" if target.port is None else "tcp", target.port)


def _paths_outside(topology: Topology, walk: Walk) -> Iterator[ProbePath]:
    routers = {rule.namespace for rule in topology.nat}
    known = {namespace.name: namespace for namespace in topology.namespaces if namespace.name in routers}

    def is_translated(namespace: Namespace, target: Target, before: frozenset[str]) -> bool:
        """Return whether NAT covers what a namespace sends, and what a router namespace makes of it.

        A router that sends by the host needs NAT there; of another one the way outside is not declared.
        """
        for rule in _find_rules(namespace, target, topology, excluded=False):
            router = known.get(rule.namespace or "")
            if router is None or not _ends_at_host(router.name, target.address, walk):
                return True
            if router.name not in before and is_translated(router, target, before | {router.name}):
                return True
        return False

    for namespace in topology.namespaces:
        for target in topology.outside:
            if _has_route(namespace, target) and is_translated(namespace, target, frozenset({namespace.name})):
                yield _build_path_outside(namespace.name, target)


def _has_route(namespace: Namespace, target: Target) -> bool:
    """Return whether a namespace sends to a target, by its main table.

    A rule may decide otherwise; what it is about depends on more than is declared.
    """
    if _has_rule(namespace, target):
        return False
    best = find_route(namespace.routes, target.address)
    return best is not None and best.kind == "unicast"


def _has_rule(namespace: Namespace, target: Target) -> bool:
    """Return whether a rule may be about what a namespace sends to a target."""
    version, address = target.address.version, target.address
    return any(read_rule(rule).fits(address, ()) is not False for rule in namespace.rules if rule.version == version)


def _find_rules(namespace: Namespace, target: Target, topology: Topology, excluded: bool) -> Iterator[Nat]:
    """Yield the NAT that covers an address of a namespace; `excluded`: also where the target is excluded from it."""
    for source in _find_sources(namespace, target, topology):
        for rule in topology.nat:
            if source in rule.source and (excluded or not any(target.address in each for each in rule.excluded)):
                yield rule


def _find_sources(namespace: Namespace, target: Target, topology: Topology) -> list[Address]:
    """Return the addresses that a namespace may send to a target from.

    Those are the ones of the links that its route leaves by: a router has others towards those that it routes for. They
    are all that it has where the link is not known, or has none itself.
    """
    plugs = topology.plugs.get(namespace.name, ())
    route = None if _has_rule(namespace, target) else find_route(namespace.routes, target.address)
    if route is not None and route.source is not None:
        return [route.source]
    hops = route.hops if route is not None else ()
    leaving = [plug for plug in plugs if any(hop.leaves_by(plug) for hop in hops)]
    version = target.address.version
    own = [
        [
            each.ip
            for plug in some
            for each in plug.addresses or ()
            if each.version == version and not is_link_local(each.ip)
        ]
        for some in (leaving, plugs)
    ]
    return own[0] or own[1]


def _forbidden_paths_outside(topology: Topology, walk: Walk) -> Iterator[ProbePath]:
    """Yield the paths by which the outside must not be reached.

    There is no route at all; or the packet leaves by the host, which masquerades other networks and not this one. The
    latter where the source is a private address and the target is none: otherwise there may be a route back without
    NAT. Where the host masquerades nothing, another program may do it.
    """
    masqueraded_versions = {rule.source.version for rule in topology.nat if rule.namespace is None}
    for namespace in topology.namespaces:
        for target in topology.outside:
            if walk.holders.get(target.address) or any(_find_rules(namespace, target, topology, excluded=True)):
                continue
            if walk.reaches(namespace.name, target.address) is Verdict.NO or (
                target.address.version in masqueraded_versions and _ends_at_host(namespace.name, target.address, walk)
            ):
                yield _build_path_outside(namespace.name, target)


def _ends_at_host(place: Place, to: Address, walk: Walk) -> bool:
    node = walk.nodes[place]
    own = [address for address in node.own_addresses if address.version == to.version and not is_link_local(address)]
    found, first = walk.find_gateway(place, to)
    by_host = found and first is None and node.fully_declared
    return by_host and not _is_private(to) and bool(own) and all(map(_is_private, own))

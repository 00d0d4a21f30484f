# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the policies of a topology mean for its probes: what each path is to expect, and paths that show them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ansible_collections.netns.fabric.plugins.module_utils._core.expectations import (
    REACHABLE,
    REJECTED,
    SILENT,
    UNREACHABLE,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.policies import (
    ALLOW,
    DROP,
    IN,
    OUT,
    REJECT,
    Connection,
    Policy,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.transports import PROBED, TRANSPORTS, port_range
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import PolicyEntry
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.paths import ProbePath
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policies import Policies
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.walk import Verdict, Walk

#: Paths that show one policy, for each of its protocols and ports.
SAMPLE = 16
#: Ports of one policy that are probed.
PORTS_MAX = 2
#: Namespaces that are tried to find one that reaches a path's end.
CANDIDATES_MAX = 4
#: The probes that may expect a rejection of one destination: a kernel sends some ICMP errors at once, and then one in a
#: second (ip-sysctl, icmp_ratelimit). Of further ones it is expected that they are not answered.
REJECTIONS_MAX = 3
#: The first port that is tried for what no policy names.
_FIRST_PORT = 7
_ECHO_REQUEST = {4: 8, 6: 128}
_EXPECTED = {ALLOW: REACHABLE, DROP: SILENT, REJECT: REJECTED}


class PolicyProbes:
    """Judges the paths of a topology by its policies."""

    def __init__(self, policies: Policies, walk: Walk) -> None:
        self._policies = policies
        self._walk = walk
        self._rejections: dict[Address, int] = {}
        named = {port for entry in policies.topology.policies for ports in entry.ports for port in port_range(ports)}
        #: A port that no policy is about, unless by a range that contains it.
        self._other_port = next(port for port in range(_FIRST_PORT, 65536) if port not in named)

    def expect(self, path: ProbePath) -> tuple[ProbePath, str] | None:
        """Return a path that is to be probed, and what it expects; None where the policies leave that open.

        A path by TCP without a port is probed on a port that no policy names, if the policies name others.
        """
        decision, is_own = self._decide(path)
        if decision is None and path.protocol == "tcp" and path.port is None:
            path = replace(path, port=self._other_port, service=(path.to, self._other_port))
            decision, is_own = self._decide(path)
        if decision is None:
            return None
        expected = _EXPECTED[decision]
        if expected == REJECTED:
            self._rejections[path.to] = self._rejections.get(path.to, 0) + 1
            # What a namespace itself rejects may not even be sent, with another error.
            if is_own or self._rejections[path.to] > REJECTIONS_MAX:
                expected = UNREACHABLE
        return path, expected

    def may_ping(self, name: str, to: Address) -> bool:
        """Return whether the policies are known to let a namespace ping an address."""
        return self._decide(ProbePath(name, to))[0] == ALLOW

    def _decide(self, path: ProbePath) -> tuple[str | None, bool]:
        """Return what becomes of the first packet of a path, and whether the namespace that it begins in decides."""
        by_namespace = self._policies.by_namespace
        destination, port = path.service if path.service is not None else (path.to, path.port)
        ends = self._walk.holders.get(destination, ())
        sender = by_namespace.get(path.place) if path.place is not None else None
        receivers = [by_namespace[end] for end in ends if end is not None and end in by_namespace]
        sources = self._sources(path.place, path.to) if sender or receivers else []
        going = {
            self._decide_in(sender, OUT, source, path.to, path, path.port) if sender else ALLOW for source in sources
        }
        if going - {ALLOW}:
            return going.pop() if len(going) == 1 else None, True
        if not receivers:
            return ALLOW, True
        peers = self._peers(path, sources) if len(ends) == 1 else []
        coming = {self._decide_in(receivers[0], IN, destination, peer, path, port) for peer in peers}
        return coming.pop() if len(coming) == 1 else None, False

    def _decide_in(
        self, policy: Policy, direction: str, local: Address, peer: Address, path: ProbePath, port: int | None
    ) -> str | None:
        icmp_type = _ECHO_REQUEST[peer.version] if path.protocol == "icmp" else None
        return policy.decide(direction, Connection(local, peer, path.protocol, port, icmp_type))

    def _sources(self, place: str | None, to: Address) -> list[Address]:
        """Return the addresses that a packet may be sent from."""
        hops = self._walk.trace(place, to).hops
        if hops and hops[0].sources:
            return list(hops[0].sources)
        own = self._policies.addresses.get(place, ())
        return [network.network_address for network in own if network.version == to.version]

    def _peers(self, path: ProbePath, sources: list[Address]) -> list[Address]:
        """Return the addresses that a packet may come from where it ends: NAT on its way may change it."""
        trace = self._walk.trace(path.place, path.to)
        routers = [hop.place for hop in trace.hops[1:] if self._walk.nodes[hop.place].nat]
        if path.service is not None and path.service[0] != path.to:
            routers += [place for place in self._walk.holders.get(path.to, ()) if place not in routers]
        return [
            *sources,
            *(
                network.network_address
                for router in routers
                for network in self._policies.addresses.get(router, ())
                if network.version == path.to.version
            ),
            *(
                address
                for router in routers
                for rule in self._walk.nodes[router].nat
                for address in rule.pool or ()
                if address.version == path.to.version
            ),
        ]

    # Paths that show the policies

    def paths(self) -> Iterator[ProbePath]:
        """Yield paths that each policy is about: some of those that it names, evenly spread."""
        for entry in self._policies.topology.policies:
            targets, senders = self._targets(entry), self._senders(entry)
            step = -(-len(targets) // SAMPLE) or 1
            for index, (place, to) in enumerate(targets[::step]):
                source = self._source_for(senders, place, to, index)
                for protocol, port in _services(entry, self._other_port) if source is not None else ():
                    path = ProbePath(source, to, protocol, port, None if port is None else (to, port))
                    # What the host itself lets in is the business of its own packet filter.
                    if place is not None or port is None or self._decide(path)[0] != ALLOW:
                        yield path

    def _targets(self, entry: PolicyEntry) -> list[tuple[str | None, Address]]:
        """Return whom a policy leads to, each namespace and the host with one address of each version."""
        side = self._policies.side(entry.destination)
        names = [namespace.name for namespace in self._policies.topology.namespaces]
        places: list[str | None] = [name for name in names if side is None or self._policies.selects(side, name)]
        places += [None] if side is not None and side.host else []
        found: list[tuple[str | None, Address]] = []
        for place in places:
            first: dict[int, Address] = {}
            for network in self._policies.addresses.get(place, ()):
                first.setdefault(network.version, network.network_address)
            found += [(place, address) for address in first.values()]
        return found

    def _senders(self, entry: PolicyEntry) -> list[str]:
        """Return the namespaces whose connections a policy is about."""
        side = self._policies.side(entry.source)
        names = [namespace.name for namespace in self._policies.topology.namespaces]
        seen = (name for name in names if name in self._walk.nodes)  # not those of other hosts that no mesh leads to
        return [name for name in seen if side is None or self._policies.selects(side, name)]

    def _source_for(self, senders: list[str], target: str | None, to: Address, index: int) -> str | None:
        """Return one of these namespaces that reaches an address, not the same one for all."""
        rotated = (senders[(index + step) % len(senders)] for step in range(min(CANDIDATES_MAX, len(senders))))
        return next((name for name in rotated if name != target and self._walk.reaches(name, to) is Verdict.YES), None)


def _services(entry: PolicyEntry, other_port: int) -> Iterable[tuple[str, int | None]]:
    """Return the protocols and ports that show a policy."""
    if entry.protocol in TRANSPORTS and entry.protocol not in PROBED:
        return []
    if entry.ports:
        return [(entry.protocol or "tcp", port_range(ports)[0]) for ports in entry.ports[:PORTS_MAX]]
    if entry.protocol == "icmp":
        return [("icmp", None)]
    protocols = PROBED if entry.protocol is None else (entry.protocol,)
    return [(protocol, other_port) for protocol in protocols]

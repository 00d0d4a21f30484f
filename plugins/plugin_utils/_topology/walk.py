# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way of a packet through a topology, as far as it is declared: followed from hop to hop, there and back.

Pure. There are three verdicts, because a declaration is not complete: the host's own forwarding and firewall are
unknown, except for what it drops between isolated links, and so are the far side of an existing link, flows (fail mode
secure), and addresses that were not given. A false alarm on a working host is worse than a path that is not probed, so
doubt is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Optional

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import MAIN_TABLE, Address
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.isolated_links import IsolatedLinks
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_model import ROUTER
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_router import LogicalRouter
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Namespace, Nat, Route, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.nodes import (
    Node,
    NodeInterface,
    Place,
    is_link_local,
    may_lead_further,
    network_key,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policy_routing import Lookup
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.segments import Segment, segment_of

#: Routers that a packet is followed through.
HOPS_MAX = 16


class Verdict(Enum):
    """Whether a packet is answered, by the declaration."""

    YES = "it is"
    NO = "it is not"
    UNKNOWN = "that depends on what is not declared"


@dataclass(frozen=True)
class Hop:
    """A node that sends a packet on, and the interface that it leaves by."""

    place: Place
    egress: NodeInterface
    #: The source addresses that a packet of the node's own may have.
    sources: tuple[Address, ...]


@dataclass(frozen=True)
class Trace:
    """A packet's way: the hops that it takes, and the node that it arrives at."""

    verdict: Verdict
    hops: tuple[Hop, ...] = ()
    end: Place = None

    @property
    def places(self) -> list[Place]:
        """All nodes on the way."""
        return [*(hop.place for hop in self.hops), self.end]


#: Where a node sends a packet: the interface and the gateway, or that there is none.
NextHop = tuple[Optional[Hop], Optional[Address], Verdict]


class Walk:
    """Follows packets through a topology.

    Building it is linear in the topology, and one question costs as much as there are hops and prefix lengths.
    """

    def __init__(self, topology: Topology) -> None:
        self.nodes: dict[Place, Node] = {None: Node(None, fully_declared=False)}
        self.holders: dict[Address, list[Place]] = {}
        self._owners: dict[tuple[Segment, Address], tuple[Place, NodeInterface]] = {}
        self._present: dict[Segment, list[Place]] = {}
        self._lengths: dict[int, set[int]] = {4: {0}, 6: {0}}
        # What these forward, their flows say; in secure mode they forward nothing else.
        self._by_flows = {
            bridge.name for bridge in topology.bridges if bridge.flows or bridge.switch.get("fail_mode") == "secure"
        }
        self._bridges = {bridge.name for bridge in topology.bridges}
        for bridge in topology.bridges:
            local = NodeInterface(bridge.name, ("bridge", bridge.name, 0), bridge.addresses or ())
            if not bridge.logical or bridge.addresses:
                self._attach(bridge.place, local, bridge.enabled)
        if topology.logical:
            self.nodes.setdefault(ROUTER, Node(ROUTER)).forwarded_versions = {4, 6}
        self._router = LogicalRouter(topology)
        for own in topology.host_links:
            interface = NodeInterface(own.name, segment_of(own), own.addresses or ())
            self._attach(None, interface, own.options.get("enabled", True))
        for namespace in topology.namespaces:
            self._add_namespace(namespace)
        for index, link in enumerate(topology.links):
            # A veth pair carries nothing unless both of its ends are up.
            enabled = all(end.options.get("enabled", True) for end in (link.near, link.far))
            for end in (link.near, link.far):
                interface = NodeInterface(end.name, ("link", index, 0), end.addresses or ())
                self._attach(end.namespace, interface, enabled)
                self.nodes[end.namespace].read_link_sysctls(end.options.get("sysctls", {}))
        for rule in topology.nat:
            self._add_nat(rule)
        self._isolated = IsolatedLinks(topology)
        self._host_links = {
            interface.segment: interface.name for interface in self.nodes[None].interfaces if interface.segment
        }
        for node in self.nodes.values():
            node.forwarded_versions -= node.blocked_versions
        self._ambiguous = set(self._possibly_joined())
        leading = {bridge.name for bridge in topology.bridges if bridge.leads_elsewhere}
        leading |= {port.peer[0] for bridge in topology.bridges for port in bridge.ports if port.peer}
        self._ambiguous |= {each for each in self._present if each[0] == "bridge" and each[1] in leading}
        self._segments_with_routers = {
            interface.segment
            for node in self.nodes.values()
            if node.place is not None and len(node.interfaces) > 1
            for interface in node.interfaces
        }

    # --- building ----------------------------------------------------------------------------------------------

    def _add_namespace(self, namespace: Namespace) -> None:
        node = self.nodes[namespace.name] = Node(
            namespace.name,
            declares_routes="routes" in namespace.declares,
            declares_rules="rules" in namespace.declares,
            has_vrfs=any(attachment.kind == "vrf" for attachment in namespace.interfaces),
            # Some interfaces of what is on another host are left out.
            fully_declared=not namespace.incomplete,
        )
        for attachment in namespace.interfaces:
            protected = attachment.port.get("protected", False)
            interface = NodeInterface(attachment.name, segment_of(attachment), attachment.addresses or (), protected)
            self._attach(namespace.name, interface, attachment.options.get("enabled", True))
            node.read_link_sysctls(attachment.options.get("sysctls", {}))
            node.fully_declared = node.fully_declared and not may_lead_further(attachment)
        for route in namespace.routes:
            node.add_route(route)
            self._lengths[route.version].add(route.destination.prefixlen if route.destination else 0)
        for rule in namespace.rules:
            node.add_rule(rule)
        node.read_sysctls(namespace)

    def _attach(self, place: Place, interface: NodeInterface, enabled: bool) -> None:
        node = self.nodes.setdefault(place, Node(place))
        for address in interface.addresses:
            # Linux answers for each of its addresses on every interface (arp_ignore), those of one that is down, too.
            node.own_addresses.add(address.ip)
            holders = self.holders.setdefault(address.ip, [])
            if place not in holders:
                holders.append(place)
            self._lengths[address.version].add(address.network.prefixlen)
        if not enabled or interface.name == "lo":
            return
        node.attach(interface)
        if interface.segment is not None:
            self._present.setdefault(interface.segment, []).append(place)
            for address in interface.addresses:
                self._owners[interface.segment, address.ip] = (place, interface)

    def _add_nat(self, rule: Nat) -> None:
        node = self.nodes.get(rule.namespace)
        # The logical router translates what leaves it by its way outside only, which no other node is on.
        if node is not None and rule.exit is None:
            node.nat.append(rule)
            if rule.options.get("ip_forward", True):
                node.forwarded_versions.add(rule.source.version)

    def _possibly_joined(self) -> Iterator[Segment]:
        """Yield broadcast domains that a node may bridge to others: those with an interface that has no address."""
        for node in self.nodes.values():
            for interface in node.interfaces:
                # On the host, the end of a link; a bridge's own local port is not what joins it to another bridge.
                is_bare_end = node.place is None and not interface.addresses and interface.name not in self._bridges
                if interface.segment is not None and (is_bare_end or node.may_bridge):
                    yield interface.segment

    # --- asking ------------------------------------------------------------------------------------------------

    def reaches(self, place: Place, to: Address) -> Verdict:
        """Return whether what a namespace (or the host) sends to an address is answered."""
        there = self.trace(place, to)
        if there.verdict is not Verdict.YES or not there.hops:
            return there.verdict
        sources = there.hops[0].sources
        answered = bool(sources) and all(self._is_answered(there.hops, there.end, source, to) for source in sources)
        # An answer that takes another way proves nothing either: a route back may have been learnt.
        return Verdict.YES if answered else Verdict.UNKNOWN

    def trace(self, place: Place, to: Address, source: Address | None = None) -> Trace:
        """Follow a packet one way; without a source address, it has one of the place's own."""
        hops: list[Hop] = []
        sources = (source,) if source is not None else self._own_sources(place, to.version)
        node = self.nodes[place]
        while len(hops) <= HOPS_MAX:
            if to in node.own_addresses or node.has_vrfs:
                return Trace(Verdict.UNKNOWN if node.has_vrfs else Verdict.YES, tuple(hops), node.place)
            stopped = self._find_verdict_of_router(node, hops[-1], to) if hops else None
            if stopped is not None:
                return Trace(stopped)
            hop, gateway, verdict = self._find_next_hop(node, to, sources)
            if hop is None:
                return Trace(verdict)
            following = self._follow(node, hop, gateway or to, to)
            if isinstance(following, Verdict):
                return Trace(following)
            hops.append(hop)
            if node.nat:
                sources = ()  # It may have another one by now.
            node = self.nodes[following]
        return Trace(Verdict.UNKNOWN)

    def _find_verdict_of_router(self, node: Node, hop: Hop, to: Address) -> Verdict | None:
        """Return why a packet that a node has received is not followed further; None where the node forwards it."""
        if node.place is None:
            return self._find_verdict_of_host(hop, to)
        if node.place == ROUTER and self._router.drops(hop.egress.segment, to):
            return Verdict.NO
        return None if to.version in node.forwarded_versions else Verdict.UNKNOWN

    def _find_verdict_of_host(self, hop: Hop, to: Address) -> Verdict:
        """Return whether the host drops what it has received; what it forwards is not declared."""
        segment = hop.egress.segment
        link = self._host_links.get(segment) if segment is not None else None
        return Verdict.NO if link is not None and self._isolated.drops(link, to) else Verdict.UNKNOWN

    def _own_sources(self, place: Place, version: int) -> tuple[Address, ...]:
        """Return the source addresses that a node's own packets may have."""
        return tuple(address for address in self.nodes[place].own_addresses if address.version == version)

    def _find_next_hop(self, node: Node, to: Address, sources: Collection[Address]) -> NextHop:
        """Return the interface and the gateway by the first rule whose table has a route, or why there is none."""
        for lookup in node.lookups[to.version]:
            fits = lookup.fits(to, sources)
            if fits is None:
                return _UNKNOWN_HOP
            if fits and lookup.table is None:
                return None, None, Verdict.NO
            found = self._look_up(node, lookup, to) if fits else None
            if found is not None:
                return found
        # In IPv6 a router may have advertised a way (RFC 4861), and where one is near, so may a routing daemon.
        has_no_route = node.is_leaf and to.version == 4
        is_alone = has_no_route and node.interfaces[0].segment not in self._segments_with_routers
        return None, None, Verdict.NO if is_alone else Verdict.UNKNOWN

    def _look_up(self, node: Node, lookup: Lookup, to: Address) -> NextHop | None:
        """Return what a table says by the longest prefix (RFC 1812, 5.2.4.3); None where the next rule decides."""
        number = MAIN_TABLE if lookup.table is None else lookup.table
        for length in sorted(self._lengths[to.version], reverse=True):
            if length <= lookup.suppressed:
                return None
            key = network_key(to, length)
            direct = node.connected.get(key, []) if number == MAIN_TABLE else []
            if direct:
                # The same subnet on two interfaces: which of them the kernel uses is not declared.
                return (_build_hop(node, direct[0], to), None, Verdict.YES) if len(direct) == 1 else _UNKNOWN_HOP
            if key in node.table(number):
                return self._follow_static(node, node.table(number)[key], to)
        return None

    def _follow_static(self, node: Node, routes: list[Route], to: Address) -> NextHop | None:
        lowest = min(route.cost for route in routes)
        best = [route for route in routes if route.cost == lowest]
        if len(best) != 1 or not node.fully_declared:
            return _UNKNOWN_HOP
        route = best[0]
        if route.kind != "unicast":
            return None if route.kind == "throw" else (None, None, Verdict.NO)
        egress = None if route.next_hops else _find_egress(node, route)
        if egress is None:  # Of several next hops the kernel takes one for each connection.
            return _UNKNOWN_HOP
        sources = (route.source,) if route.source is not None else _source_addresses(egress, to.version)
        return Hop(node.place, egress, sources), route.gateway, Verdict.YES

    def _follow(self, node: Node, hop: Hop, towards: Address, to: Address) -> Place | Verdict:
        """Return the node that has the next address on the way, or the verdict where none has."""
        egress = hop.egress
        segment = egress.segment
        if segment is None or (segment[0] == "bridge" and segment[1] in self._by_flows):
            return Verdict.UNKNOWN
        place, far = self._owners.get((segment, towards), (None, None))
        if far is not None and not (egress.protected and far.protected):
            return place
        if towards != to:
            return Verdict.UNKNOWN  # A gateway that is not declared.
        apart = node.fully_declared and self._is_apart(segment, to, within=far is not None)
        return Verdict.NO if apart else Verdict.UNKNOWN

    def _is_apart(self, segment: Segment, to: Address, within: bool) -> bool:
        """Return whether nobody in a broadcast domain answers for an address that is declared elsewhere.

        ``within``: it is declared here, behind a protected port.
        """
        holders = self.holders.get(to, [])
        if not holders or None in holders or segment in self._ambiguous:
            return False
        present = self._present.get(segment, [])
        if any(self.nodes[place].may_proxy for place in present):
            return False
        expected = 1 if within else 0
        return all(self.nodes[holder].fully_declared and present.count(holder) == expected for holder in holders)

    def _is_answered(self, hops: tuple[Hop, ...], end: Place, source: Address, to: Address) -> bool:
        """Return whether the answer takes the way back that the packet came, through address translation, too."""
        for index, hop in enumerate(hops[1:], 1):
            rules = [rule for rule in self.nodes[hop.place].nat if _masquerades(rule, source, to, hop.egress)]
            if rules:
                translated = rules[0].pool or _source_addresses(hop.egress, to.version)
                return (
                    len(set(translated)) == 1
                    and self._returns([*(earlier.place for earlier in hops[:index]), hop.place], source, to)
                    and self._is_answered(hops[index:], end, translated[0], to)
                )
        return self._returns([*(hop.place for hop in hops), end], source, to)

    def _returns(self, places: list[Place], source: Address, to: Address) -> bool:
        """Return whether the answer, which comes from the address that was asked, takes the same way back."""
        back = self.trace(places[-1], source, to)
        return back.verdict is Verdict.YES and back.places == places[::-1]

    def segments_of(self, place: Place) -> set[Segment]:
        """Return the broadcast domains that a node is in."""
        return {interface.segment for interface in self.nodes[place].interfaces if interface.segment is not None}

    def find_gateway(self, place: Place, to: Address) -> tuple[bool, Place]:
        """Return whether the way to an address outside leads to a node of the topology first, and to which one."""
        hop, gateway, _verdict = self._find_next_hop(self.nodes[place], to, self._own_sources(place, to.version))
        if hop is None or gateway is None or hop.egress.segment is None:
            return False, None
        following = self._follow(self.nodes[place], hop, gateway, to)
        return (False, None) if isinstance(following, Verdict) else (True, following)


_UNKNOWN_HOP: NextHop = (None, None, Verdict.UNKNOWN)


def _build_hop(node: Node, egress: NodeInterface, to: Address) -> Hop:
    sources = tuple(address.ip for address in egress.addresses if to in address.network)
    return Hop(node.place, egress, sources)


def _source_addresses(egress: NodeInterface, version: int) -> tuple[Address, ...]:
    return tuple(
        address.ip for address in egress.addresses if address.version == version and not is_link_local(address.ip)
    )


def _find_egress(node: Node, route: Route) -> NodeInterface | None:
    """Return the interface that a route leaves by; None if it is unknown."""
    if route.device is not None:
        found = [interface for interface in node.interfaces if interface.name == route.device]
    else:
        gateway = route.gateway
        found = [
            interface
            for interface in node.interfaces
            if any(gateway is not None and gateway in address.network for address in interface.addresses)
        ]
    return found[0] if len(found) == 1 else None


def _masquerades(rule: Nat, source: Address, to: Address, egress: NodeInterface) -> bool:
    is_leaving = source in rule.source and not any(to in network for network in (rule.source, *rule.excluded))
    return is_leaving and rule.options.get("out_interface") in (None, egress.name)

# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a packet goes in a topology, by what is declared: followed from hop to hop, there and back.

Pure. There are three verdicts, as a declaration does not tell everything: nothing is known of the host's own forwarding
and firewall, of the far side of a link that existed before, of flows (fail mode secure), and of addresses that were not
given. A false alarm on a host that works is worse than a leg that is not asked about, so doubt is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Optional

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import (
    FORWARDING,
    MAIN_TABLE,
    Address,
    Interface,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.checks import Segment, segment_of
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    Namespace,
    Nat,
    Route,
    Topology,
)

Place = Optional[str]
"""A namespace; None is the host."""

HOPS_MAX = 16
"""Routers that a packet is followed through."""

_FORWARDING = {
    4: (FORWARDING[4], "net.ipv4.conf.all.forwarding"),
    6: (FORWARDING[6],),
}


class Verdict(Enum):
    """What the declaration says of a leg."""

    YES = "it is answered"
    NO = "it is not"
    UNKNOWN = "that depends on what is not declared"


@dataclass(frozen=True)
class Attached:
    """An interface that is up, and the broadcast domain that it is in (None: one that cannot be told)."""

    name: str
    segment: Segment | None
    addresses: tuple[Interface, ...]
    lonely: bool = False
    """A protected port: it sees the bridge and unprotected ports only, never another protected one."""


_Key = tuple[int, int, int]
"""A network: IP version, prefix length, and the bits of the prefix."""


def _key(address: Address, length: int) -> _Key:
    return address.version, length, int(address) >> (address.max_prefixlen - length)


@dataclass
class Node:
    """A namespace, or the host: what it is cabled to, and where it sends what."""

    place: Place
    attached: list[Attached] = field(default_factory=list)
    own: set[Address] = field(default_factory=set)
    sure: bool = True
    """All that decides where it sends a packet is declared."""
    forwards: set[int] = field(default_factory=set)
    """The IP versions that it is declared to forward."""
    proxies: bool = False
    """It may answer for the addresses of others (proxy_arp, proxy_ndp)."""
    nat: list[Nat] = field(default_factory=list)
    connected: dict[_Key, list[Attached]] = field(default_factory=dict)
    static: dict[_Key, list[Route]] = field(default_factory=dict)

    def attach(self, attached: Attached) -> None:
        self.attached.append(attached)
        for address in attached.addresses:
            if not is_link_local(address.ip):
                networks = self.connected.setdefault(_key(address.ip, address.network.prefixlen), [])
                if attached not in networks:
                    networks.append(attached)

    def add_route(self, route: Route) -> None:
        if route.table not in (None, MAIN_TABLE):
            self.sure = False  # Somewhere there are rules that lead to that table, and not here.
            return
        destination = route.destination
        key = (route.version, 0, 0) if destination is None else _key(destination.network_address, destination.prefixlen)
        self.static.setdefault(key, []).append(route)

    @property
    def is_leaf(self) -> bool:
        """One cable and no route: there is nothing that it could send by to another subnet."""
        return self.place is not None and self.sure and len(self.attached) == 1 and not self.static

    @property
    def may_bridge(self) -> bool:
        several = self.place is not None and len(self.attached) > 1
        return several and any(not attached.addresses for attached in self.attached)


@dataclass(frozen=True)
class Hop:
    """From a node, by an interface."""

    place: Place
    egress: Attached
    sources: tuple[Address, ...]
    """The addresses that a packet of its own may come from."""


@dataclass(frozen=True)
class Trace:
    """How far a packet comes: the hops up to where it arrives, and where that is."""

    verdict: Verdict
    hops: tuple[Hop, ...] = ()
    end: Place = None

    @property
    def places(self) -> list[Place]:
        return [*(hop.place for hop in self.hops), self.end]


def is_link_local(address: Address) -> bool:
    return address.version == 6 and address.is_link_local


class Walk:
    """The topology as a packet sees it.

    Building it is linear in the topology, and one question costs as much as there are hops and prefix lengths.
    """

    def __init__(self, topology: Topology) -> None:
        self.nodes: dict[Place, Node] = {None: Node(None, sure=False)}
        self.holders: dict[Address, list[Place]] = {}
        self._owners: dict[tuple[Segment, Address], tuple[Place, Attached]] = {}
        self._present: dict[Segment, list[Place]] = {}
        self._lengths: dict[int, set[int]] = {4: {0}, 6: {0}}
        # In secure mode a bridge forwards what its flows say and nothing else.
        self._secure = {bridge.name for bridge in topology.bridges if bridge.switch.get("fail_mode") == "secure"}
        self._bridges = {bridge.name for bridge in topology.bridges}
        for bridge in topology.bridges:
            local = Attached(bridge.name, ("bridge", bridge.name, 0), bridge.addresses or ())
            self._attach(None, local, bridge.enabled)
        for namespace in topology.namespaces:
            self._namespace(namespace)
        for index, link in enumerate(topology.links):
            # A cable carries nothing unless both of its ends are up.
            enabled = all(end.options.get("enabled", True) for end in (link.near, link.far))
            for end in (link.near, link.far):
                self._attach(end.namespace, Attached(end.name, ("link", index, 0), end.addresses or ()), enabled)
        for rule in topology.nat:
            self._nat(rule)
        self._murky = set(self._perhaps_joined())
        self._routers_near = {
            attached.segment
            for node in self.nodes.values()
            if node.place is not None and len(node.attached) > 1
            for attached in node.attached
        }

    # --- building ----------------------------------------------------------------------------------------------

    def _namespace(self, namespace: Namespace) -> None:
        node = self.nodes[namespace.name] = Node(namespace.name)
        for attachment in namespace.interfaces:
            lonely = attachment.port.get("protected", False)
            attached = Attached(attachment.name, segment_of(attachment), attachment.addresses or (), lonely)
            self._attach(namespace.name, attached, attachment.options.get("enabled", True))
            node.sure = node.sure and not _may_be_more(attachment)
        for route in namespace.routes:
            node.add_route(route)
            self._lengths[route.version].add(route.destination.prefixlen if route.destination else 0)
        _read_sysctls(node, namespace)

    def _attach(self, place: Place, attached: Attached, enabled: bool) -> None:
        node = self.nodes.setdefault(place, Node(place))
        for address in attached.addresses:
            # Linux answers for each of its addresses on every interface (arp_ignore), that of one put down included.
            node.own.add(address.ip)
            holders = self.holders.setdefault(address.ip, [])
            if place not in holders:
                holders.append(place)
            self._lengths[address.version].add(address.network.prefixlen)
        if not enabled or attached.name == "lo":
            return
        node.attach(attached)
        if attached.segment is not None:
            self._present.setdefault(attached.segment, []).append(place)
            for address in attached.addresses:
                self._owners[attached.segment, address.ip] = (place, attached)

    def _nat(self, rule: Nat) -> None:
        node = self.nodes.get(rule.namespace)
        if node is not None:
            node.nat.append(rule)
            if rule.options.get("ip_forward", True):
                node.forwards.add(rule.source.version)

    def _perhaps_joined(self) -> Iterator[Segment]:
        """Broadcast domains that a node may bridge to others: one with an interface that has no address."""
        for node in self.nodes.values():
            for attached in node.attached:
                # On the host, the end of a cable; a bridge's own local port is not what joins it to another bridge.
                bare_end = node.place is None and not attached.addresses and attached.name not in self._bridges
                if attached.segment is not None and (bare_end or node.may_bridge):
                    yield attached.segment

    # --- asking ------------------------------------------------------------------------------------------------

    def reaches(self, place: Place, to: Address) -> Verdict:
        """Whether what a namespace (or the host) sends to an address is answered."""
        there = self.trace(place, to)
        if there.verdict is not Verdict.YES or not there.hops:
            return there.verdict
        sources = there.hops[0].sources
        answered = bool(sources) and all(self._answered(there.hops, there.end, source, to) for source in sources)
        # An answer that goes astray is no proof either: a route back may have been learnt.
        return Verdict.YES if answered else Verdict.UNKNOWN

    def trace(self, place: Place, to: Address) -> Trace:
        """Follow a packet one way."""
        hops: list[Hop] = []
        node = self.nodes[place]
        while len(hops) <= HOPS_MAX:
            if to in node.own:
                return Trace(Verdict.YES, tuple(hops), node.place)
            if hops and (node.place is None or to.version not in node.forwards):
                return Trace(Verdict.UNKNOWN)
            hop, gateway, verdict = self._next_hop(node, to)
            if hop is None:
                return Trace(verdict)
            following = self._follow(node, hop, gateway or to, to)
            if isinstance(following, Verdict):
                return Trace(following)
            hops.append(hop)
            node = self.nodes[following]
        return Trace(Verdict.UNKNOWN)

    def _next_hop(self, node: Node, to: Address) -> tuple[Hop | None, Address | None, Verdict]:
        """The interface and the gateway by the longest prefix (RFC 1812, 5.2.4.3); or the verdict, if there is none."""
        for length in sorted(self._lengths[to.version], reverse=True):
            key = _key(to, length)
            direct = node.connected.get(key, [])
            if direct:
                # The same subnet on two interfaces: which one is taken is nobody's to say.
                return (_hop(node, direct[0], to), None, Verdict.YES) if len(direct) == 1 else _LOST
            if key in node.static:
                return self._static(node, node.static[key], to)
        # By IPv6 a router may have told of a way (RFC 4861), and where one is near, so may a routing daemon.
        bare = node.is_leaf and to.version == 4 and node.attached[0].segment not in self._routers_near
        return None, None, Verdict.NO if bare else Verdict.UNKNOWN

    def _static(self, node: Node, routes: list[Route], to: Address) -> tuple[Hop | None, Address | None, Verdict]:
        lowest = min(route.metric or 0 for route in routes)
        best = [route for route in routes if (route.metric or 0) == lowest]
        if len(best) != 1 or not node.sure:
            return _LOST
        route = best[0]
        egress = _egress(node, route)
        if egress is None:
            return _LOST
        sources = (route.source,) if route.source is not None else _sources(egress, to.version)
        return Hop(node.place, egress, sources), route.gateway, Verdict.YES

    def _follow(self, node: Node, hop: Hop, towards: Address, to: Address) -> Place | Verdict:
        """The node that has the next address on the way, or what else can be said."""
        egress = hop.egress
        segment = egress.segment
        if segment is None or (segment[0] == "bridge" and segment[1] in self._secure):
            return Verdict.UNKNOWN
        place, far = self._owners.get((segment, towards), (None, None))
        if far is not None and not (egress.lonely and far.lonely):
            return place
        if towards != to:
            return Verdict.UNKNOWN  # A gateway that is somebody else's.
        apart = node.sure and self._is_apart(segment, to, within=far is not None)
        return Verdict.NO if apart else Verdict.UNKNOWN

    def _is_apart(self, segment: Segment, to: Address, within: bool) -> bool:
        """Whether nobody in a broadcast domain answers for an address that is declared elsewhere.

        ``within``: it is declared here, behind a protected port.
        """
        holders = self.holders.get(to, [])
        if not holders or None in holders or segment in self._murky:
            return False
        present = self._present.get(segment, [])
        if any(self.nodes[place].proxies for place in present):
            return False
        return all(self.nodes[holder].sure and present.count(holder) == (1 if within else 0) for holder in holders)

    def _answered(self, hops: tuple[Hop, ...], end: Place, source: Address, to: Address) -> bool:
        """Whether the answer comes back the way that the packet came, through address translation too."""
        for index, hop in enumerate(hops[1:], 1):
            if any(_masquerades(rule, source, to, hop.egress) for rule in self.nodes[hop.place].nat):
                translated = _sources(hop.egress, to.version)
                return (
                    len(translated) == 1
                    and self._returns([*(earlier.place for earlier in hops[:index]), hop.place], source)
                    and self._answered(hops[index:], end, translated[0], to)
                )
        return self._returns([*(hop.place for hop in hops), end], source)

    def _returns(self, places: list[Place], source: Address) -> bool:
        back = self.trace(places[-1], source)
        return back.verdict is Verdict.YES and back.places == places[::-1]

    def segments_of(self, place: Place) -> set[Segment]:
        """The broadcast domains that a node is in."""
        return {attached.segment for attached in self.nodes[place].attached if attached.segment is not None}

    def gateway_of(self, place: Place, to: Address) -> tuple[bool, Place]:
        """Whether the way to an address that is not of the topology leads to a node of it first, and to which."""
        hop, gateway, _verdict = self._next_hop(self.nodes[place], to)
        if hop is None or gateway is None or hop.egress.segment is None:
            return False, None
        following = self._follow(self.nodes[place], hop, gateway, to)
        return (False, None) if isinstance(following, Verdict) else (True, following)


_LOST = (None, None, Verdict.UNKNOWN)


def _hop(node: Node, egress: Attached, to: Address) -> Hop:
    network = [address.ip for address in egress.addresses if to in address.network]
    return Hop(node.place, egress, tuple(network))


def _sources(egress: Attached, version: int) -> tuple[Address, ...]:
    return tuple(
        address.ip for address in egress.addresses if address.version == version and not is_link_local(address.ip)
    )


def _egress(node: Node, route: Route) -> Attached | None:
    """The interface that a route leaves by; None if it cannot be told."""
    if route.device is not None:
        found = [attached for attached in node.attached if attached.name == route.device]
    else:
        gateway = route.gateway
        found = [
            attached
            for attached in node.attached
            if any(gateway is not None and gateway in address.network for address in attached.addresses)
        ]
    return found[0] if len(found) == 1 else None


def _masquerades(rule: Nat, source: Address, to: Address, egress: Attached) -> bool:
    return source in rule.source and to not in rule.source and rule.options.get("out_interface") in (None, egress.name)


def _may_be_more(attachment: Attachment) -> bool:
    """Whether there may be addresses, links or routes behind an interface that are not declared."""
    if attachment.bridge is None:
        return attachment.name != "lo"
    explicit_trunk = "trunks" in attachment.port or attachment.port.get("vlan_mode") not in (None, "access")
    return explicit_trunk or attachment.addresses is None


def _read_sysctls(node: Node, namespace: Namespace) -> None:
    for name, value in namespace.options.get("sysctls", {}).items():
        key = name.replace("/", ".")
        if "proxy_" in key:
            node.proxies = True
        for version, keys in _FORWARDING.items():
            if key in keys and str(value) in ("1", "True"):
                node.forwards.add(version)

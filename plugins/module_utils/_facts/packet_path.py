# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The path of a packet through the namespaces of a host, as the kernel would forward it. Pure.

What is not understood on its way leaves a doubt, or makes it unknown where the packet ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_address

from ansible_collections.netns.fabric.plugins.module_utils._core.text import printable
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._facts.filters import Branch, PacketFilter
from ansible_collections.netns.fabric.plugins.module_utils._facts.routing import NoRoute, Router
from ansible_collections.netns.fabric.plugins.module_utils._facts.segments import (
    LinkKey,
    Segments,
    Way,
    place,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall import translations as nat
from ansible_collections.netns.fabric.plugins.module_utils._firewall.conditions import (
    ESTABLISHED,
    ND_ANSWER,
    ND_REQUEST,
    NEW,
    UNTRACKED,
    Packet,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    FORWARD,
    INPUT,
    OUTPUT,
    POSTROUTING,
    PREROUTING,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceName

#: How a path ends: at a namespace, at a link that leads off this machine, nowhere, or not known where.
ARRIVED, LEFT, DROPPED, UNKNOWN = "arrived", "left", "dropped", "unknown"
#: Namespaces that a packet passes; a longer path is a loop.
_HOPS_MAX = 8
#: Possibilities that are followed side by side.
_BRANCHES_MAX = 16


#: The link-local address that a neighbour outside this machine may have.
UNKNOWN_NEIGHBOUR = ip_address("fe80::ffff:ffff:ffff:fffe")


@dataclass(frozen=True)
class Translated:
    """A translation of a connection: where, and the address before and after; the one before may not be known."""

    namespace: NamespaceName
    is_source: bool
    before: Address | None
    after: Address


@dataclass(frozen=True)
class Transit:
    """A packet on its way; at its end `end` says which, and `reason` why."""

    namespace: NamespaceName
    source: Address | None
    destination: Address
    protocol: str
    port: int | None
    state: str = NEW
    source_port: int | None = None
    in_link: Link | None = None
    doubts: frozenset[str] = frozenset()
    routers: tuple[NamespaceName, ...] = ()
    translated: tuple[Translated, ...] = ()
    #: Of an answer: the translations that have been reversed.
    reversed: frozenset[Translated] = frozenset()
    end: str = ""
    reason: str = ""

    def ended(self, end: str, reason: str = "") -> Transit:
        return replace(self, end=end, reason=reason)

    def doubting(self, *doubts: str) -> Transit:
        found = frozenset(filter(None, doubts)) - self.doubts
        return replace(self, doubts=self.doubts | found) if found else self

    def is_translated_in(self, name: NamespaceName) -> bool:
        return any(found.namespace == name and not found.is_source for found in self.translated)

    def packet(self, name: str = "", out: str = "", is_local: bool = False) -> Packet:
        """Return what rules see of it, with the names of the links that it comes in and goes out by."""
        return Packet(
            self.source,
            self.destination,
            self.protocol,
            self.port,
            in_interface=name,
            state=self.state,
            is_local=is_local,
            out_interface=out,
            is_translated=self.is_translated_in(self.namespace),
            source_port=self.source_port,
        )


class Network:
    """All namespaces of a machine with what connects them."""

    def __init__(
        self,
        segments: Segments,
        routers: Mapping[NamespaceName, Router],
        filters: Mapping[NamespaceName, PacketFilter],
    ) -> None:
        self.segments = segments
        self.routers = routers
        self.filters = filters
        self._answers: dict[tuple[LinkKey, int], dict[Address, list[tuple[LinkKey, Way]]]] = {}

    @cached_property
    def unfollowed(self) -> dict[Address, str]:
        """The addresses on links of kinds that are not followed, and these links."""
        return {
            address.interface.ip: self.name_of((name, link.index))
            for name, router in self.routers.items()
            for link in router.state.links
            if link.up and not self.segments.is_followed(link)
            for address in router.state.addresses_of(link)
        }

    # Where packets start

    def send_from(self, transit: Transit, link: Link | None = None) -> list[Transit]:
        """Return how the paths end of a packet that a namespace sends, by a link if one is given."""
        return [*self._start(transit, link)][:_BRANCHES_MAX]

    def enter_by(self, members: Mapping[LinkKey, Way], transit: Transit) -> list[Transit]:
        """Return how the paths end of a packet that comes from outside this machine to one of these links."""
        found = (self._take(transit, key, way) for key, way in members.items())
        return [end for ends in found for end in ends][:_BRANCHES_MAX]

    def _start(self, transit: Transit, link: Link | None) -> Iterator[Transit]:
        router = self.routers[transit.namespace]
        out = self._outgoing(router, transit, link)
        name = out.name if isinstance(out, Link) else ""
        is_local = router.has(transit.destination)
        local_name = "lo" if is_local else name
        for branch in self._branches(OUTPUT, transit, transit.packet(out=local_name, is_local=is_local)):
            yield from self._output(router, branch, link)

    def _outgoing(self, router: Router, transit: Transit, link: Link | None) -> Link | NoRoute:
        if link is not None:
            return link
        found = router.route(transit.destination)
        return found if isinstance(found, NoRoute) else found.link

    def _output(self, router: Router, transit: Transit, link: Link | None) -> Iterator[Transit]:
        if transit.end:
            yield transit
            return
        if router.has(transit.destination):
            yield self._reverse(transit).ended(ARRIVED)
            return
        yield from self._route(router, transit, link, OUTPUT)

    # One namespace

    def _take(self, transit: Transit, key: LinkKey, way: Way) -> Iterator[Transit]:
        """Yield how the paths end of a packet that a namespace has got by a link."""
        router = self.routers[key[0]]
        link = router.state.link_at(key[1])
        if link is None:
            return
        if len(transit.routers) >= _HOPS_MAX:
            yield transit.ended(DROPPED, "it goes round in a circle")
            return
        arrived = replace(transit, namespace=key[0], in_link=link).doubting(*way.doubts)
        arrived = self._cross(arrived, way)
        if not arrived.end:
            arrived = arrived.doubting(self.filters[key[0]].bridged_doubt())
            packet = arrived.packet(link.name, is_local=router.has(arrived.destination, link.index))
            arrived = self._judge(arrived, PREROUTING, packet)
        if arrived.end:
            yield arrived
            return
        packet = arrived.packet(link.name, is_local=router.has(arrived.destination, link.index))
        for branch in self._branches(PREROUTING, arrived, packet):
            found = branch
            if branch.destination != arrived.destination and not branch.end:
                # Whether a filter on this hook sees the packet before or after it is translated is not read.
                again = self.filters[key[0]].judge(PREROUTING, branch.packet(link.name))
                found = branch.doubting(again.refusal, *again.doubts)
            yield from self._forward(router, self._reverse_source(found), link)

    def _cross(self, transit: Transit, way: Way) -> Transit:
        """Return a packet after the kernel's bridges on its way, whose frames a packet filter may have."""
        for crossing in way.crossings:
            found = replace(transit, namespace=crossing.namespace).doubting(
                self.filters[crossing.namespace].bridged_doubt()
            )
            if self.routers[crossing.namespace].filters_bridged(transit.destination.version):
                found = self._judge(found, FORWARD, found.packet(crossing.bridge, crossing.bridge))
            transit = replace(found, namespace=transit.namespace)
        return transit

    def _forward(self, router: Router, transit: Transit, link: Link) -> Iterator[Transit]:
        if transit.end:
            yield transit
            return
        if transit.source is not None and router.refuses_source(transit.source, link):
            yield transit.ended(DROPPED, f"{place(router.name)} has rp_filter on: its route back is another one")
        elif router.has(transit.destination, link.index):
            judged = self._judge(transit, INPUT, transit.packet(link.name, is_local=True))
            yield judged if judged.end else self._reverse(judged).ended(ARRIVED)
        elif transit.destination.is_link_local:
            yield transit.ended(DROPPED, f"nobody has the address {transit.destination}")
        elif not router.forwards(transit.destination.version, link):
            yield transit.ended(
                DROPPED, f"{place(router.name)} does not forward what comes in by {printable(link.name)}"
            )
        else:
            passed = replace(transit, routers=(*transit.routers, router.name))
            yield from self._route(router, passed, None, FORWARD)

    def _route(self, router: Router, transit: Transit, link: Link | None, hook: str) -> Iterator[Transit]:
        """Yield how the paths end of a packet that a namespace sends on."""
        hop = router.route(transit.destination)
        if link is not None:
            out, neighbour, chosen, doubt = link, transit.destination, None, ""
        elif isinstance(hop, NoRoute):
            end = UNKNOWN if hop.is_unknown else DROPPED
            yield transit.ended(end, f"{place(router.name)}: {hop.reason}")
            return
        else:
            out, neighbour, chosen, doubt = hop.link, hop.address, hop.source, hop.doubt
        if doubt:
            transit = transit.doubting(f"{doubt} ({place(router.name)})")
        if hook == OUTPUT and transit.source is None and transit.state == NEW:
            source = chosen or router.address_on(out, transit.destination.version, neighbour)
            if source is None:
                yield transit.ended(DROPPED, f"{place(router.name)} has no address that it could send from")
                return
            transit = replace(transit, source=source)
        incoming = transit.in_link.name if hook == FORWARD and transit.in_link else ""
        for each in (hook, POSTROUTING):
            if not transit.end:
                transit = self._judge(transit, each, transit.packet(incoming, out.name))
        if transit.end:
            yield transit
            return
        for branch in self._branches(POSTROUTING, transit, transit.packet(incoming, out.name), out, neighbour):
            yield from self._transmit(router, self._reverse_destination(branch), out, neighbour)

    def _transmit(self, router: Router, transit: Transit, link: Link, neighbour: Address) -> Iterator[Transit]:
        """Yield how the paths end of a packet that is sent to a neighbour at a link."""
        if transit.end:
            yield transit
            return
        segment = self.segments.of((router.name, link.index))
        found = self._answering((router.name, link.index), neighbour)
        for key, way in found:
            yield from self._take(transit.doubting(*self._request(router, link, neighbour, [key])), key, way)
        if found:
            return
        if segment.outside:
            transit = transit.doubting(*self._request(router, link, neighbour, []))
            first, *_others = segment.outside
            yield transit.ended(LEFT, f"it leaves by {self.name_of(first)}")
        elif segment.lost or neighbour in self.unfollowed:
            lost = segment.lost or self.unfollowed[neighbour]
            yield transit.ended(UNKNOWN, f"the link {lost}, whose kind is not followed")
        elif any(self.routers[key[0]].proxies(key[1]) for key in segment.members):
            yield transit.ended(
                UNKNOWN, f"a neighbour that answers for other addresses (proxy_arp), such as {neighbour}"
            )
        else:
            where = f"{printable(link.name)} of {place(router.name)}"
            yield transit.ended(DROPPED, f"no neighbour at {where} has the address {neighbour}")

    # Requests for a neighbour's address, which in IPv6 are packets that filters see (RFC 4861)

    def _request(self, router: Router, link: Link, neighbour: Address, found: Sequence[LinkKey]) -> Iterator[str]:
        """Yield what may refuse the request for a neighbour's address, or the answer."""
        own = router.address_on(link, neighbour.version, neighbour)
        if neighbour.version == 4 or own is None:
            return
        request, answer = _resolving(own, neighbour)
        yield from self._refusing(router, OUTPUT, replace(request, in_interface="", out_interface=link.name))
        yield from self._refusing(router, INPUT, replace(answer, in_interface=link.name, out_interface=""))
        for name, index in found:
            other = self.routers[name].state.link_at(index)
            if other is not None:
                yield from self._reply(self.routers[name], other, request, answer)

    def _reply(self, router: Router, link: Link, request: Packet, answer: Packet) -> Iterator[str]:
        yield from self._refusing(router, INPUT, replace(request, in_interface=link.name, out_interface=""))
        answer = replace(answer, in_interface="", out_interface=link.name, is_local=False)
        yield from self._refusing(router, OUTPUT, answer)

    def _refusing(self, router: Router, hook: str, packet: Packet) -> Iterator[str]:
        for cause in self.filters[router.name].judge(hook, packet).causes:
            yield f"requests for a neighbour's address in IPv6: {cause}"

    def request_from_outside(self, key: LinkKey, version: int) -> list[str]:
        """Return what may refuse a request, from outside this machine, for the address of a link."""
        router, link = self.routers[key[0]], self.segments.link(key)
        own = router.address_on(link, version) if link is not None else None
        if version == 4 or link is None or own is None:
            return []
        request, answer = _resolving(UNKNOWN_NEIGHBOUR, own)
        return [*self._reply(router, link, replace(request, source=None), answer)]

    def _answering(self, key: LinkKey, neighbour: Address) -> Sequence[tuple[LinkKey, Way]]:
        """Return which links on the segment of a link answer for an address, and how frames get there."""
        index = (key, neighbour.version)
        if index not in self._answers:
            found: dict[Address, list[tuple[LinkKey, Way]]] = {}
            for member, way in self.segments.of(key).members.items():
                for address in self.routers[member[0]].answered(neighbour.version, member[1]):
                    found.setdefault(address, []).append((member, way))
            self._answers[index] = found
        return self._answers[index].get(neighbour, ())

    def name_of(self, key: LinkKey) -> str:
        """Return a link in words."""
        link = self.segments.link(key)
        name = printable(link.name) if link else "?"
        return name if key[0] is None else f"{name} of {place(key[0])}"

    # What the packet filters do

    def _judge(self, transit: Transit, hook: str, packet: Packet) -> Transit:
        states = [packet]
        if transit.state == NEW and transit.protocol == "tcp":
            # A connection is of use only if what follows its first packet passes as well.
            states.append(replace(packet, state=ESTABLISHED))
        for each in states:
            found = self.filters[transit.namespace].judge(hook, each)
            if found.refusal:
                return transit.ended(DROPPED, found.refusal)
            transit = transit.doubting(*found.doubts)
        return transit

    def _branches(
        self, hook: str, transit: Transit, packet: Packet, out: Link | None = None, neighbour: Address | None = None
    ) -> Iterator[Transit]:
        """Yield a packet as the rules for NAT on a hook may leave it. Those see the first packet of a connection."""
        if hook == OUTPUT:
            transit = self._reverse_source(transit)
        branches = self.filters[transit.namespace].translate(hook, packet) if transit.state == NEW else (Branch(None),)
        for branch in branches:
            found = self._apply(transit.doubting(branch.doubt), branch, hook, out, neighbour)
            if hook == OUTPUT and not found.end:
                found = self._judge_output(found)
            yield found

    def _judge_output(self, transit: Transit) -> Transit:
        """Return a packet of the namespace itself after the filter on the hook output, if it remains inside."""
        router = self.routers[transit.namespace]
        if not router.has(transit.destination):
            return transit  # judged once its route is known
        judged = self._judge(transit, OUTPUT, transit.packet(out="lo", is_local=True))
        return judged if judged.end else self._judge(judged, INPUT, judged.packet("lo", is_local=True))

    def _apply(
        self, transit: Transit, branch: Branch, hook: str, out: Link | None, neighbour: Address | None
    ) -> Transit:
        found = branch.translation
        if found is None:
            return transit
        name = transit.namespace
        router = self.routers[name]
        version = transit.destination.version
        if found.kind in (nat.MASQUERADE, nat.SNAT) and hook == POSTROUTING and out is not None:
            after = found.address or router.address_on(out, version, neighbour)
            if after is None:
                return transit.ended(DROPPED, f"{place(name)} has no address to translate to")
            made = Translated(name, True, transit.source, after)
            return replace(transit, source=after, translated=(*transit.translated, made))
        if found.kind in (nat.DNAT, nat.REDIRECT) and hook != POSTROUTING:
            target = found.address
            if found.kind == nat.REDIRECT:
                loopback = ip_address("127.0.0.1" if version == 4 else "::1")
                target = router.address_on(transit.in_link, version) if transit.in_link else loopback
            if target is None:
                return transit.ended(UNKNOWN, f"the rules for NAT of {place(name)}")
            made = Translated(name, False, transit.destination, target)
            port = found.port or transit.port
            return replace(transit, destination=target, port=port, translated=(*transit.translated, made))
        return transit.ended(UNKNOWN, f"the rules for NAT of {place(name)}, which are not followed")

    # Answers

    def _reverse_source(self, transit: Transit) -> Transit:
        """Return an answer with the address to which a translated source belongs."""
        for found in transit.translated if transit.state == ESTABLISHED else ():
            is_here = found.namespace == transit.namespace and found.is_source
            if is_here and found not in transit.reversed and transit.destination == found.after and found.before:
                return replace(transit, destination=found.before, reversed=transit.reversed | {found})
        return transit

    def _reverse_destination(self, transit: Transit) -> Transit:
        """Return an answer with the source that the other side has sent to."""
        for found in transit.translated if transit.state == ESTABLISHED else ():
            is_here = found.namespace == transit.namespace and not found.is_source
            if is_here and found not in transit.reversed and transit.source == found.after and found.before:
                return replace(transit, source=found.before, reversed=transit.reversed | {found})
        return transit

    def _reverse(self, transit: Transit) -> Transit:
        return self._reverse_destination(self._reverse_source(transit))


def _resolving(sender: Address, neighbour: Address) -> tuple[Packet, Packet]:
    """Return the request for a neighbour's address, and its answer. Neither belongs to a connection."""
    group = ip_address(int(ip_address("ff02::1:ff00:0")) | int(neighbour) & 0xFFFFFF)
    request = Packet(sender, group, "icmp", state=UNTRACKED, is_local=False, icmp_type=ND_REQUEST)
    return request, Packet(neighbour, sender, "icmp", state=UNTRACKED, icmp_type=ND_ANSWER)


def answer_to(transit: Transit, destination: Address) -> Transit:
    """Return the answer of a namespace at which a packet has arrived, to an address.

    A source that is not known is that of a packet from outside, which has this address then.
    """
    translated = tuple(
        replace(found, before=destination) if found.before is None else found for found in transit.translated
    )
    return Transit(
        transit.namespace,
        transit.destination,
        transit.source or destination,
        transit.protocol,
        None,
        state=ESTABLISHED,
        source_port=transit.port,
        doubts=transit.doubts,
        translated=translated,
    )


def is_complete(transit: Transit, translated: Sequence[Translated]) -> bool:
    """Return whether every translation of a connection has been reversed for an answer."""
    return len(transit.reversed) == len(translated)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of each namespace can be reached from where, from what was read of the host. Pure.

An answer has three values. Where a rule or a link is not understood, it depends on that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from ansible_collections.netns.fabric.plugins.module_utils._core.text import printable
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._facts.filters import (
    PacketFilter,
    PublishedPorts,
    published_ports,
)
from ansible_collections.netns.fabric.plugins.module_utils._facts.model import HostFacts
from ansible_collections.netns.fabric.plugins.module_utils._facts.packet_path import (
    ARRIVED,
    LEFT,
    UNKNOWN,
    UNKNOWN_NEIGHBOUR,
    Network,
    Transit,
    answer_to,
    is_complete,
)
from ansible_collections.netns.fabric.plugins.module_utils._facts.routing import LOCAL_TABLE, Router
from ansible_collections.netns.fabric.plugins.module_utils._facts.segments import LinkKey, Segment, Segments, place
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Ruleset
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceName

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.sockets import Socket

#: The three answers, the best one first.
OPEN, DEPENDS, CLOSED = "open", "depends", "closed"
_ORDER = {OPEN: 0, DEPENDS: 1, CLOSED: 2}
#: Services of a namespace that are checked: a tenant can open any number of sockets.
SERVICES_MAX = 64


@dataclass(frozen=True)
class Source:
    """Where packets come from: namespaces that are in the same position, the host, or a link to other machines.

    `names` are those that it stands for; two of them are tried, because one may be the destination.
    """

    names: tuple[NamespaceName, ...] = ()
    outside: str = ""
    #: Of outside: which links take its packets, and the namespace that has the link.
    entry: Segment = field(default_factory=Segment)


@dataclass(frozen=True)
class Service:
    """What is listening at a port; without a port: any that no rule of a packet filter is about."""

    protocol: str
    port: int | None = None
    device: int = 0
    #: The addresses of each IP version that it is bound to; None for all of the namespace.
    ipv4: frozenset[Address] | None = None
    ipv6: frozenset[Address] | None = None

    def is_bound_to(self, address: Address) -> bool:
        bound = self.ipv4 if address.version == 4 else self.ipv6
        return bound is None or address in bound


@dataclass(frozen=True)
class Answer:
    """Whether a source reaches a service, at which addresses and by which routers; on what that depends, or why not."""

    verdict: str
    at: tuple[str, ...] = ()
    routers: tuple[NamespaceName, ...] = ()
    published: bool = False
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Try:
    """An address, and a port, that a source may send to; of a link-local address, the link that it is sent by."""

    address: Address
    port: int | None
    published: bool = False
    via: Link | None = None


class Exposure:
    """Computes the exposure of namespaces."""

    def __init__(self, facts: HostFacts) -> None:
        self._facts = facts
        names = [name for name in facts.kernel.namespaces if name in facts.inside]
        self._segments = Segments(facts)
        self._routers = {
            name: Router(facts.kernel.namespace(name), facts.namespace(name).parameters)
            for name in facts.kernel.namespaces
        }
        self._filters = {name: self._filter_of(name) for name in facts.kernel.namespaces}
        self._network = Network(self._segments, self._routers, self._filters)
        self._names = names

    def _filter_of(self, name: NamespaceName) -> PacketFilter:
        ruleset = self._facts.rulesets.get(name)
        is_unread = ruleset is None and (self._facts.namespace(name).tables or name not in self._facts.inside)
        unread = f"the packet filter of {place(name)}, which could not be read" if is_unread else ""
        return PacketFilter(name, ruleset or Ruleset(), unread)

    # Sources

    @cached_property
    def sources(self) -> list[Source]:
        """Return the places that packets may come from; namespaces in the same position are one."""
        groups: dict[object, list[NamespaceName]] = {}
        for name in self._names:
            groups.setdefault(self._position(name), []).append(name)
        found = [Source(tuple(names)) for names in groups.values()]
        links = [*self._segments.outward_links()]
        found += [Source(outside=self._network.name_of(key), entry=self._segments.entered_by(key)) for key in links]
        ports = self._segments.tunnel_ports()
        return found + [Source(outside=printable(port), entry=self._segments.entered_by_port(port)) for port in ports]

    @cached_property
    def _networks(self) -> list[Any]:
        """The networks that rules distinguish sources by."""
        texts = {
            value
            for each in self._filters.values()
            for chain in each.ruleset.chains.values()
            for rule in chain.rules
            for name in ("saddr", "daddr")
            for value in (*rule.values(name), *rule.values(name, negated=True))
        }
        return [ip_network(text) for text in sorted(texts)]

    def _position(self, name: NamespaceName) -> object:
        """Return what decides where a namespace's packets get; equal for namespaces in the same position."""
        router = self._routers[name]
        if name is None or not self._filters[name].is_empty or self._has_other_sources:
            return name or "the host"
        state = router.state
        segments = {}
        for link in state.links:
            if link.up and not link.loopback:
                key = (name, link.index)
                segment = self._segments.of(key)
                segments[link.index] = (frozenset({*segment.members, key}), frozenset(segment.outside), segment.lost)
        addresses = [
            (segments.get(each.index), each.network, each.refused, self._classes_of(each.interface.ip))
            for each in state.addresses
            if each.index in segments and not each.interface.ip.is_link_local
        ]
        routes = [
            (replace(each, device=None), segments.get(each.device or 0))
            for each in state.routes
            if each.table != LOCAL_TABLE and (each.device is None or each.device in segments)
        ]
        return (frozenset(segments.values()), frozenset(addresses), frozenset(routes), len(state.links))

    @cached_property
    def _has_other_sources(self) -> bool:
        """Return whether rules distinguish addresses by more than networks, such as sets."""
        chains = (chain for each in self._filters.values() for chain in each.ruleset.chains.values())
        others = (found.value for chain in chains for rule in chain.rules for found in rule.criteria)
        return any('"saddr"' in text or '"daddr"' in text for text in others)

    def _classes_of(self, address: Address) -> tuple[int, ...]:
        return tuple(number for number, network in enumerate(self._networks) if address in network)

    # Services

    def services(self, name: NamespaceName) -> dict[Service, list[Socket]]:
        """Return what is listening in a namespace for others: all sockets of a port are one service."""
        found: dict[tuple[str, int, int], list[Socket]] = {}
        for socket in self._facts.namespace(name).sockets:
            if not ip_address(socket.address).is_loopback:
                found.setdefault((socket.protocol, socket.port, socket.device), []).append(socket)
        return {
            Service(protocol, port, device, _bound(sockets, 4), _bound(sockets, 6)): sockets
            for (protocol, port, device), sockets in sorted(found.items())
        }

    # Answers

    def answers(self, name: NamespaceName, service: Service) -> Iterator[tuple[Source, Answer]]:
        """Yield whether each source reaches a service of a namespace."""
        for source in self.sources:
            others = [each for each in source.names if each != name]
            if source.outside or others:
                yield source, self._best(self._attempts(source, others[:1], name, service))

    def _attempts(
        self, source: Source, sender: Sequence[NamespaceName], name: NamespaceName, service: Service
    ) -> Iterator[tuple[_Try, Answer]]:
        for each in self._tries(source, sender, name, service):
            if sender:
                answer = self._ask(sender[0], name, service, each)
            else:
                answer = self._ask_from_outside(source, name, service, each)
            lost = self._network.unfollowed.get(each.address)
            if lost is not None and answer.verdict == CLOSED:
                answer = Answer(DEPENDS, reasons=(f"the link {lost}, whose kind is not followed",))
            yield each, answer

    def _best(self, found: Iterable[tuple[_Try, Answer]]) -> Answer:
        """Return one answer for all addresses of a service: the best one, with the addresses that have it."""
        answers = [*found]
        if not answers:
            return Answer(CLOSED, reasons=("it has no address",))
        best = min((answer for _each, answer in answers), key=lambda answer: _ORDER[answer.verdict])
        same = [(each, answer) for each, answer in answers if answer.verdict == best.verdict]
        direct = [answer for each, answer in same if not each.published]
        reasons = (reason for answer in direct or [answer for _each, answer in same] for reason in answer.reasons)
        return Answer(
            best.verdict,
            tuple(dict.fromkeys(_format(each) for each, _answer in same)) if best.verdict != CLOSED else (),
            # What is reached directly does not need the routers by which it is reached as well.
            min((answer.routers for answer in direct or [answer for _each, answer in same]), key=len),
            best.verdict != CLOSED and not direct,
            tuple(dict.fromkeys(reasons)),
        )

    def _tries(
        self, source: Source, sender: Sequence[NamespaceName], name: NamespaceName, service: Service
    ) -> Iterator[_Try]:
        own = list(self._addresses_of(name, service))
        for link, address in own:
            if not address.is_link_local:
                yield _Try(address, service.port)
            elif sender:
                for out in self._links_towards(sender[0], (name, link.index)):
                    yield _Try(address, service.port, via=out)
            elif (name, link.index) in source.entry.members:
                yield _Try(address, service.port)
        if service.port is not None:
            addresses = {address for _link, address in own}
            yield from self._published_tries(source, sender, service, addresses)

    def _addresses_of(self, name: NamespaceName, service: Service) -> Iterator[tuple[Link, Address]]:
        for version in (4, 6):
            for link, address in self._routers[name].addresses(version):
                if service.is_bound_to(address) and service.device in (0, link.index):
                    yield link, address

    def _links_towards(self, sender: NamespaceName, key: LinkKey) -> Iterator[Link]:
        """Yield the links of a namespace that are on the segment of a link."""
        for link in self._routers[sender].state.links:
            if not link.loopback and link.up and key in self._segments.of((sender, link.index)).members:
                yield link

    @cached_property
    def _published(self) -> list[tuple[NamespaceName, PublishedPorts]]:
        return [(name, each) for name, known in self._filters.items() for each in published_ports(known.ruleset)]

    def _published_tries(
        self, source: Source, sender: Sequence[NamespaceName], service: Service, addresses: set[Address]
    ) -> Iterator[_Try]:
        for router, each in self._published:
            port = each.leading_to(service.port) if service.port is not None else None
            if each.protocol == service.protocol and each.address in addresses and port is not None:
                for address in self._addresses_towards(router, source, sender, each):
                    yield _Try(address, port, published=True)

    def _addresses_towards(
        self, router: NamespaceName, source: Source, sender: Sequence[NamespaceName], each: PublishedPorts
    ) -> Iterator[Address]:
        """Yield the addresses of a router that a source would use for a published port: the nearest, and the outer."""
        if each.at is not None:
            yield each.at
            return
        version = each.address.version
        nearest = source.entry.members.keys() if source.outside else self._neighbours_of(sender[0])
        outer = {link.index for link in self._outer_links(router, version)}
        found = []
        for link, address in self._routers[router].addresses(version):
            if not address.is_link_local and ((router, link.index) in nearest or link.index in outer):
                found.append(address)
        if sender and sender[0] == router and not found:
            found = [address for _link, address in self._routers[router].addresses(version)][:1]
        yield from dict.fromkeys(found)

    def _outer_links(self, router: NamespaceName, version: int) -> Iterator[Link]:
        """Yield the links of a router that lead out: by its default route, or off this machine."""
        known = self._routers[router]
        for route in known.state.routes:
            link = known.state.link_at(route.device or 0)
            if link is not None and route.version == version and ip_network(route.destination).prefixlen == 0:
                yield link
        for name, index in self._segments.outward_links():
            link = known.state.link_at(index) if name == router else None
            if link is not None:
                yield link

    def _neighbours_of(self, sender: NamespaceName) -> set[LinkKey]:
        links = [link for link in self._routers[sender].state.links if link.up and not link.loopback]
        return {key for link in links for key in self._segments.of((sender, link.index)).members}

    # One attempt

    def _ask(self, sender: NamespaceName, name: NamespaceName, service: Service, each: _Try) -> Answer:
        start = Transit(sender, None, each.address, service.protocol, each.port)
        ends = self._network.send_from(start, each.via)
        return self._judge(ends, name, service, lambda end: self._answers_to(sender, end, each))

    def _answers_to(self, sender: NamespaceName, end: Transit, each: _Try) -> Answer:
        if end.source is None:
            return Answer(DEPENDS, reasons=("its source",))
        out = self._link_back(end, each)
        return self._judge_back(self._network.send_from(answer_to(end, end.source), out), end, sender)

    def _link_back(self, end: Transit, each: _Try) -> Link | None:
        return end.in_link if each.address.is_link_local else None

    def _judge_back(self, ends: Sequence[Transit], end: Transit, sender: NamespaceName, link: str = "") -> Answer:
        def judge(back: Transit) -> Answer:
            is_there = back.end == LEFT if link else back.end == ARRIVED and back.namespace == sender
            if back.end == UNKNOWN:
                return Answer(DEPENDS, reasons=(back.reason,))
            if is_there and is_complete(back, end.translated):
                return Answer(DEPENDS if back.doubts else OPEN, reasons=tuple(sorted(back.doubts)))
            return Answer(CLOSED, reasons=(f"answers do not get back: {back.reason or 'by another way'}",))

        return _combine([judge(back) for back in ends])

    def _ask_from_outside(self, source: Source, name: NamespaceName, service: Service, each: _Try) -> Answer:
        answers = []
        for key, way in source.entry.members.items():
            start = Transit(key[0], None, each.address, service.protocol, each.port)
            start = start.doubting(*self._network.request_from_outside(key, each.address.version))
            ends = self._network.enter_by({key: way}, start)
            answers.append(self._judge(ends, name, service, partial(self._answers_outside, source, key)))
        if not answers:
            return Answer(CLOSED, reasons=(f"nobody takes what comes in by {source.outside}",))
        # A neighbour outside sends to whichever of them it likes.
        return min(answers, key=lambda answer: _ORDER[answer.verdict])

    def _answers_outside(self, source: Source, key: LinkKey, end: Transit) -> Answer:
        link = self._segments.link(key)
        sender = None if link is None else self._routers[key[0]].neighbour_address(link, end.destination.version)
        if end.destination.is_link_local:
            ends = self._network.send_from(answer_to(end, UNKNOWN_NEIGHBOUR), end.in_link)
            return self._judge_back(ends, end, None, link=source.outside)
        if sender is None:
            return Answer(DEPENDS, reasons=(f"the route back to what is behind {source.outside}",))
        return self._judge_back(self._network.send_from(answer_to(end, sender)), end, None, link=source.outside)

    def _judge(self, ends: Sequence[Transit], name: NamespaceName, service: Service, back: Any) -> Answer:
        """Return whether a packet that ends at these places reaches a service, and its answer the sender."""
        answers = []
        for end in ends:
            if end.end == UNKNOWN:
                answers.append(Answer(DEPENDS, reasons=(end.reason,)))
            elif end.end != ARRIVED or not self._is_at(end, name, service):
                answers.append(Answer(CLOSED, reasons=(end.reason or "something else is at this address",)))
            else:
                returned = back(end)
                is_open = returned.verdict == OPEN and not end.doubts
                reasons = tuple(dict.fromkeys((*sorted(end.doubts), *returned.reasons)))
                verdict = CLOSED if returned.verdict == CLOSED else OPEN if is_open else DEPENDS
                answers.append(
                    Answer(verdict, routers=end.routers, reasons=returned.reasons if verdict == CLOSED else reasons)
                )
        return _combine(answers)

    def _is_at(self, end: Transit, name: NamespaceName, service: Service) -> bool:
        link = end.in_link.index if end.in_link else 0
        is_there = end.namespace == name and end.port == service.port and service.device in (0, link)
        return is_there and service.is_bound_to(end.destination)


def _bound(sockets: Sequence[Socket], version: int) -> frozenset[Address] | None:
    """Return the addresses of an IP version that sockets are bound to; None for all of the namespace."""
    found = set()
    for socket in sockets:
        address = ip_address(socket.address)
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        if address.is_unspecified and (address.version == version or (not socket.v6only and version == 4)):
            return None
        if version == (mapped or address).version and not address.is_unspecified:
            found.add(mapped or address)
    return frozenset(found)


def _combine(answers: Sequence[Answer]) -> Answer:
    """Return one answer for several possibilities: if they differ, it depends on what decides between them."""
    if not answers:
        return Answer(CLOSED, reasons=("nobody takes it",))
    verdicts = {answer.verdict for answer in answers}
    reasons = tuple(dict.fromkeys(reason for answer in answers for reason in answer.reasons))
    routers = max((answer.routers for answer in answers), key=len)
    if len(verdicts) == 1:
        return Answer(answers[0].verdict, routers=routers, reasons=reasons)
    return Answer(DEPENDS, routers=routers, reasons=reasons or ("which of several ways it takes",))


def _format(each: _Try) -> str:
    address = f"{each.address}%{each.via.name}" if each.via is not None else str(each.address)
    if each.port is None:
        return address
    return f"[{address}]:{each.port}" if each.address.version == 6 else f"{address}:{each.port}"

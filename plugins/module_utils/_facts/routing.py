# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a namespace does with an address: it has it, routes to it, answers for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import chain

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import MAIN_TABLE, Address
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    REFUSING_KINDS,
    Link,
    NamespaceName,
    NamespaceState,
    Route,
)

#: The tables that every namespace has besides the main one: default and local (linux/rtnetlink.h).
_DEFAULT_TABLE, LOCAL_TABLE = 253, 255

#: The parameters of a link that decide on forwarded packets, and on which links answer for an address.
LINK_PARAMETERS = (
    "net.ipv4.conf.{}.forwarding",
    "net.ipv4.conf.{}.rp_filter",
    "net.ipv4.conf.{}.arp_ignore",
    "net.ipv4.conf.{}.proxy_arp",
    "net.ipv6.conf.{}.force_forwarding",
)
#: Those of a namespace.
PARAMETERS = (
    "net.ipv6.conf.all.forwarding",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.all.arp_ignore",
    "net.ipv4.conf.all.proxy_arp",
    "net.bridge.bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-ip6tables",
)


#: The value of arp_ignore with which a link answers no request (ip-sysctl).
NO_ARP = 8


def parameter_of(pattern: str, link: str) -> str:
    """Return a link's parameter; a dot in its name is a slash there (sysctl(8))."""
    return pattern.format(link.replace(".", "/"))


@dataclass(frozen=True)
class NextHop:
    """Where packets to an address go: the link, and the address of the neighbour. `doubt` is why that may be wrong."""

    link: Link
    address: Address
    source: Address | None = None
    doubt: str = ""


@dataclass(frozen=True)
class NoRoute:
    """Why there is no route; it is unknown where routes are not understood."""

    reason: str
    is_unknown: bool = False


class Router:
    """The addresses, routes and parameters of one namespace."""

    def __init__(self, state: NamespaceState, parameters: Mapping[str, str]) -> None:
        self.state = state
        self.name: NamespaceName = state.name
        self._parameters = parameters
        self._routes: dict[Address, NextHop | NoRoute] = {}
        self._sources: dict[tuple[int, int, Address | None], Address | None] = {}

    # Addresses

    @cached_property
    def _links_by_address(self) -> Mapping[Address, list[int]]:
        found: dict[Address, list[int]] = {}
        for address in self.state.addresses:
            if not address.refused:
                found.setdefault(address.interface.ip, []).append(address.index)
        return found

    def has(self, address: Address, index: int | None = None) -> bool:
        """Return whether packets to an address are for this namespace; a link-local one is of one link."""
        if address.is_loopback:
            return index is None
        indexes = self._links_by_address.get(address, ())
        return index in indexes if address.is_link_local and index is not None else bool(indexes)

    def answered(self, version: int, index: int) -> Iterable[Address]:
        """Return the addresses for which it answers when a neighbour at a link asks.

        In IPv4 those of its other links, too, unless arp_ignore is set; in IPv6 not (ip-sysctl, RFC 4861).
        """
        if version == 4 and self._highest("arp_ignore", index) == NO_ARP:
            return []
        if version == 4 and self._highest("arp_ignore", index) == 0:
            return [address for address in self._links_by_address if address.version == 4]
        state = self.state.link_at(index)
        own = self.state.addresses_of(state) if state else []
        return [address.interface.ip for address in own if not address.refused]

    def addresses(self, version: int) -> Iterator[tuple[Link, Address]]:
        """Yield the addresses of links that are up, and the links, without those of the loopback's own networks."""
        for address in self.state.addresses:
            link = self.state.link_at(address.index)
            ip = address.interface.ip
            if ip.version == version and link is not None and link.up and not ip.is_loopback and not address.refused:
                yield link, ip

    def address_on(self, link: Link, version: int, towards: Address | None = None) -> Address | None:
        """Return the address that packets have which it sends by a link."""
        key = (link.index, version, towards)
        if key not in self._sources:
            self._sources[key] = self._find_source(link, version, towards)
        return self._sources[key]

    def _find_source(self, link: Link, version: int, towards: Address | None) -> Address | None:
        found = [
            address.interface
            for address in self.state.addresses_of(link)
            if address.interface.version == version and not address.refused
        ]
        if towards is not None and towards.is_link_local:
            found = [interface for interface in found if interface.ip.is_link_local] or found
        else:
            found = [interface for interface in found if not interface.ip.is_link_local]
        near = [interface.ip for interface in found if towards is not None and towards in interface.network]
        others = (ip for _link, ip in self.addresses(version) if not ip.is_link_local)
        return next(chain(near, (interface.ip for interface in found), others), None)

    def neighbour_address(self, link: Link, version: int) -> Address | None:
        """Return an address that a neighbour at a link may have: the first free one of the link's first network."""
        for address in self.state.addresses_of(link):
            network = address.interface.network
            if network.version == version and network.num_addresses > 2 and not network.is_link_local:
                first = (network.network_address + number for number in range(1, min(network.num_addresses - 1, 1024)))
                return next((ip for ip in first if ip not in self._links_by_address), None)
        return None

    # Parameters

    def _value(self, key: str) -> int | None:
        text = self._parameters.get(key, "")
        return int(text) if text.lstrip("-").isdigit() else None

    def _of_link(self, pattern: str, link: str) -> int | None:
        return self._value(parameter_of(pattern, link))

    def _highest(self, name: str, index: int) -> int:
        """Return the higher one of a link's value and that of `all`, which counts for these (ip-sysctl)."""
        link = self.state.link_at(index)
        pattern = f"net.ipv4.conf.{{}}.{name}"
        return max(self._of_link(pattern, link.name if link else "all") or 0, self._of_link(pattern, "all") or 0)

    def forwards(self, version: int, link: Link) -> bool:
        """Return whether it forwards packets that come in by a link."""
        if version == 4:
            return self._of_link("net.ipv4.conf.{}.forwarding", link.name) == 1
        is_forced = self._of_link("net.ipv6.conf.{}.force_forwarding", link.name) == 1
        return is_forced or self._value("net.ipv6.conf.all.forwarding") in (1, 2)

    def proxies(self, index: int) -> bool:
        return bool(self._highest("proxy_arp", index))

    def filters_bridged(self, version: int) -> bool:
        """Return whether the packet filter has the packets that its bridges forward (br_netfilter)."""
        return self._value(f"net.bridge.bridge-nf-call-{'iptables' if version == 4 else 'ip6tables'}") == 1

    def refuses_source(self, source: Address, link: Link) -> bool:
        """Return whether rp_filter drops a packet with a source that has come in by a link (RFC 3704)."""
        mode = self._highest("rp_filter", link.index) if source.version == 4 else 0
        if mode == 0:
            return False
        back = self.route(source)
        if isinstance(back, NoRoute):
            return not back.is_unknown
        return mode == 1 and back.link.index != link.index and not back.doubt

    # Routes

    @cached_property
    def _tables(self) -> Mapping[int, list[tuple[IPv4Network | IPv6Network, Route]]]:
        """The routes of each IP version, those first that count first."""
        found: dict[int, list[tuple[IPv4Network | IPv6Network, Route]]] = {4: [], 6: []}
        for route in self.state.routes:
            if route.table in (MAIN_TABLE, _DEFAULT_TABLE):
                found[route.version].append((ip_network(route.destination), route))
        for routes in found.values():
            routes.sort(key=lambda each: (each[1].table != MAIN_TABLE, -each[0].prefixlen, each[1].metric))
        return found

    @cached_property
    def _versions_with_rules(self) -> frozenset[int]:
        """The IP versions with other rules than those that every namespace begins with."""
        return frozenset(rule.version for rule in self.state.rules if not rule.is_default)

    def route(self, address: Address) -> NextHop | NoRoute:
        """Return where packets to an address go by the main table."""
        if address not in self._routes:
            self._routes[address] = self._find_route(address)
        return self._routes[address]

    def _find_route(self, address: Address) -> NextHop | NoRoute:
        has_rules = address.version in self._versions_with_rules
        doubt = "the rules of its policy routing" if has_rules else ""
        thrown: set[int] = set()  # the tables in which the lookup has ended
        for network, route in self._tables[address.version]:
            link = self.state.link_at(route.device or 0)
            if address not in network or route.table in thrown or (link is not None and not link.up):
                continue
            if route.kind == "throw":
                thrown.add(route.table)
                continue
            if route.kind in REFUSING_KINDS:
                return NoRoute(f"a route of type {route.kind}", is_unknown=has_rules)
            if link is None or route.kind != "unicast":
                return NoRoute(f"the route to {route.destination}, which has several next hops or a special type", True)
            gateway = ip_address(route.gateway) if route.gateway else address
            source = ip_address(route.source) if route.source else None
            return NextHop(link, gateway, source, doubt)
        return NoRoute(f"it has no route to {address}", is_unknown=has_rules)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The links of the host that a topology isolates, and what may be forwarded by them. Pure.

Those are its bridges, and the ends of its links on the host. What is declared is open: what is masqueraded may leave
the host, a published port may be reached, and a route of a namespace by the host to the network of another link. The
networks of a link are those of its addresses, and those to which a declared route of the host leads by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import (
    Address,
    Interface,
    Network,
    is_rule_safe,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    Forward,
    Nat,
    Topology,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.nodes import network_key


@dataclass(frozen=True)
class HostLink:
    """A link of the host: a bridge, or an end of a veth pair.

    `local` are the host's own addresses on it, `remote` those of the namespaces behind it, and `routed` the networks
    that the host's routes lead to by it.
    """

    name: str
    isolate: bool | None
    local: tuple[Interface, ...]
    remote: tuple[Interface, ...]
    routed: tuple[Network, ...] = ()

    @cached_property
    def networks(self) -> list[Network]:
        """The networks behind it, without link-local ones, which nobody forwards."""
        own = (address.network for address in (*self.local, *self.remote) if not address.is_link_local)
        return list(dict.fromkeys((*own, *self.routed)))

    def leads_to(self, network: Network) -> bool:
        """Return whether the host sends to a network by it: another one may be behind a link that the bridge has."""
        sent = dict.fromkeys((*(address.network for address in self.local), *self.routed))
        return network in sent or any(_common(network, wider) == network for wider in sent)


@dataclass(frozen=True)
class Reach:
    """A network that may be reached, and the link that the host sends there by; None: that is not declared."""

    network: Network
    link: str | None


@dataclass(frozen=True)
class IsolatedLinks:
    """The links of the host that a topology declares, and those that it isolates."""

    topology: Topology
    links: tuple[HostLink, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "links", tuple(_with_routes(self.topology, [*_host_links(self.topology)])))

    @cached_property
    def isolated(self) -> dict[str, HostLink]:
        """The isolated ones by their names."""
        return {link.name: link for link in self.links if self._is_isolated(link)}

    @cached_property
    def open(self) -> list[str]:
        """The names of the others."""
        return [link.name for link in self.links if link.name not in self.isolated]

    def _is_isolated(self, link: HostLink) -> bool:
        if link.isolate is not None:
            return link.isolate
        # What NAT leaves by, or a port is published on, or has a link of the host as a port, leads to others.
        return link.name not in self._outer and is_rule_safe(link.name)

    @cached_property
    def _outer(self) -> frozenset[str]:
        rules: list[Nat | Forward] = [*self.topology.nat, *self.topology.forwards]
        named = (rule.options.get(name) for rule in rules for name in ("out_interface", "in_interface"))
        uplinked = (bridge.name for bridge in self.topology.bridges if any(port.uplinks for port in bridge.ports))
        return frozenset((*filter(None, named), *uplinked))

    @cached_property
    def _nat(self) -> list[Nat]:
        return [rule for rule in self.topology.nat if rule.namespace is None]

    @cached_property
    def _routed_sources(self) -> list[Network]:
        """The masqueraded networks that are behind a router which no declared route of the host names.

        The host has no address in them.
        """
        local = [address for link in self.links for address in link.local]
        routed = {network for link in self.links for network in link.routed}
        return [
            rule.source
            for rule in self._nat
            if not any(address.network.overlaps(rule.source) for address in local)
            and not any(_common(network, rule.source) == rule.source for network in routed)
        ]

    def networks(self, link: HostLink) -> list[Network]:
        """Return the networks that packets may come from by a link."""
        return list(dict.fromkeys((*link.networks, *self._routed_sources)))

    def outbound(self, link: HostLink) -> Iterator[dict[str, str]]:
        """Yield what may leave the host from behind a link."""
        for rule in self._nat:
            by = {"out_interface": rule.options["out_interface"]} if "out_interface" in rule.options else {}
            for network in self.networks(link):
                common = _common(rule.source, network)
                if common is not None:
                    yield {"source": str(common), **by}

    @cached_property
    def reached(self) -> dict[str, list[Reach]]:
        """The networks of other links that namespaces behind each link have a route to by the host."""
        found: dict[str, list[Reach]] = {}
        by_gateway = {address.ip: link for link in self.links for address in link.local}
        for namespace in self.topology.namespaces:
            for route in namespace.routes:
                links = [by_gateway[hop.gateway] for hop in route.hops if hop.gateway in by_gateway]
                for link in dict.fromkeys(link.name for link in links):
                    if route.destination is not None:
                        found.setdefault(link, []).extend(self._common_with_others(route.destination, link))
        return found

    def _common_with_others(self, destination: Network, link: str) -> Iterator[Reach]:
        """Yield what a network has in common with those of other links."""
        for other in self.links:
            for network in other.networks if other.name != link else ():
                common = _common(destination, network)
                if common is not None:
                    is_known = other.leads_to(network) and is_rule_safe(other.name)
                    yield Reach(common, other.name if is_known else None)

    def drops(self, source: str, to: Address) -> bool:
        """Return whether the host drops what comes in by a link of the topology for an address behind another one."""
        link = self.isolated.get(source)
        behind = [
            other.name
            for other in self.links
            if any(to in address.network for address in other.local if to != address.ip)
        ]
        if link is None or len(behind) != 1 or behind[0] == source or behind[0] not in self.isolated:
            return False
        return not any(to in reach.network for reach in self.reached.get(source, ()))


def isolation_entries(topology: Topology) -> list[dict[str, object]]:
    """Return the entries for the module isolation."""
    declared = IsolatedLinks(topology)
    return [
        _drop_empty(
            link=link.name,
            networks=[str(network) for network in declared.networks(link)],
            outbound=_unique(declared.outbound(link)),
            reaches=[
                _drop_empty(destination=str(reach.network), out_interface=reach.link)
                for reach in dict.fromkeys(declared.reached.get(link.name, ()))
            ],
        )
        for link in declared.isolated.values()
    ]


def _host_links(topology: Topology) -> Iterator[HostLink]:
    plugged: dict[str, list[Attachment]] = {bridge.name: [] for bridge in topology.bridges}
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            plugged.get(attachment.bridge or "", []).append(attachment)
    for bridge in topology.bridges:
        if bridge.logical:
            continue  # The host has no link to it.
        here = plugged[bridge.name]
        remote = tuple(address for attachment in here for address in attachment.addresses or ())
        yield HostLink(bridge.name, bridge.isolate, bridge.addresses or (), remote)
    for link in topology.links:
        for end, far in ((link.near, link.far), (link.far, link.near)):
            if end.namespace is None and far.namespace is not None:
                yield HostLink(end.name, end.isolate, end.addresses or (), far.addresses or ())


def _with_routes(topology: Topology, links: Sequence[HostLink]) -> Iterator[HostLink]:
    """Yield the links with the networks that the host's declared routes lead to by them."""
    by_network = {
        network_key(address.ip, address.network.prefixlen): link.name for link in links for address in link.local
    }
    lengths = sorted({length for _version, length, _bits in by_network}, reverse=True)
    found: dict[str | None, dict[Network, None]] = {}
    for route in topology.routes[None]:
        if route.destination is None:
            continue  # A default route leads outside.
        for hop in route.hops:
            name = hop.device
            if name is None and hop.gateway is not None:
                longest = hop.gateway.max_prefixlen
                keys = (network_key(hop.gateway, length) for length in lengths if length <= longest)
                name = next((by_network[key] for key in keys if key in by_network), None)
            found.setdefault(name, {})[route.destination] = None
    for link in links:
        yield replace(link, routed=tuple(found.get(link.name, ())))


def _common(one: Network, other: Network) -> Network | None:
    """Return what two networks have in common: of two that overlap, one contains the other."""
    if not one.overlaps(other):
        return None
    return max(one, other, key=lambda network: network.prefixlen)


def _unique(entries: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for entry in entries:
        if entry not in found:
            found.append(entry)
    return found


def _drop_empty(**options: str | Sequence[object] | None) -> dict[str, object]:
    return {name: value for name, value in options.items() if value}

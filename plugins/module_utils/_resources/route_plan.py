# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The routes of one namespace: which of them are as wanted, and how the others get there. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from ipaddress import ip_address, ip_network

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Network
from ansible_collections.netns.fabric.plugins.module_utils._kernel import routing_operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS, data_of
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceState, NextHop, Route
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import RTPROT_STATIC
from ansible_collections.netns.fabric.plugins.module_utils._resources.route_model import WantedNextHop, WantedRoute
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import (
    AGateway,
    ALink,
    ALinkUp,
    ASubnet,
    AVrf,
)


def _ensured_networks(
    state: NamespaceState, ensured: Iterable[ASubnet | ALinkUp | AVrf]
) -> Iterator[tuple[str | None, Network]]:
    """Yield the networks on links: those of new addresses, and of existing ones once their link is up."""
    for thing in ensured:
        if isinstance(thing, ASubnet):
            yield thing.link, thing.network
        elif isinstance(thing, ALinkUp):
            link = state.link(thing.name)
            for address in state.addresses_of(link) if link else ():
                yield thing.name, address.interface.network


class NamespaceRoutes:
    """The routes of one namespace, and what is planned of them so far.

    With `is_exact`, a route has none of the settings that its entry does not give.
    """

    def __init__(
        self, state: NamespaceState, ensured: Iterable[ASubnet | ALinkUp | AVrf], is_exact: bool = False
    ) -> None:
        self.state = state
        self._is_exact = is_exact
        #: The networks that earlier steps of the sequence put on links, each with its link (None: any).
        self._ensured = list(_ensured_networks(state, ensured))
        self._tables = {thing.name: thing.table for thing in ensured if isinstance(thing, AVrf)}
        #: Routes that are declared, or removed by what is planned so far.
        self._settled: set[int] = set()
        #: The planned routes without a gateway, by which later routes may reach theirs: destination and link.
        self._direct: list[tuple[str, str | None]] = []

    # VRFs

    def table_of(self, wanted: WantedRoute) -> int | None:
        """Return the table of a route; None where it is that of a VRF which does not exist."""
        if wanted.vrf is None:
            return wanted.table
        link = self.state.named(wanted.vrf)
        if wanted.vrf in self._tables or link is None or link.kind != "vrf":
            return self._tables.get(wanted.vrf)
        table: int | None = KINDS["vrf"].decode(data_of(link.information)).get("table")
        return table

    def refuse_other_kind(self, wanted: WantedRoute) -> None:
        """Refuse a link that is not a VRF.

        Raises:
            InvalidEntry: It is none.
        """
        link = self.state.named(wanted.vrf or "")
        if link is not None:
            kind = link.kind or "physical link"
            raise InvalidEntry(wanted.entry, "vrf", f"{link.name} is a {kind}, not a VRF; correct the name")

    # Planning

    def settle(self, wanted: WantedRoute) -> bool:
        """Whether the route exists already, which is noted."""
        matching = self._matching(wanted)
        if matching:
            self._settled.add(id(matching[0]))
        return bool(matching)

    def plan_add(self, wanted: WantedRoute) -> Change:
        """Plan a route that does not exist; static ones that the kernel would not have beside it are replaced.

        Raises:
            InvalidEntry: A route that is not static is in its place.
        """
        rivals = self._rivals_of(wanted)
        operations: list[Operation] = []
        for route in rivals:
            self._settled.add(id(route))
            operations.append(op.RemoveRoute(self.state.name, self._spec_of(route)))
        spec = self._new_spec(wanted)
        operations.append(op.AddRoute(self.state.name, spec))
        if wanted.is_direct:
            self._direct.append((wanted.destination, wanted.device))
        before = {"routes": [self._spec_of(route).description() for route in rivals]} if rivals else None
        after = {"routes": [spec.description()]}
        return Change(wanted.entry, self._target(wanted.destination), before, after, tuple(operations))

    def _new_spec(self, wanted: WantedRoute) -> op.RouteSpec:
        return op.RouteSpec(
            wanted.destination,
            wanted.gateway,
            self._name_of(wanted.device),
            wanted.metric,
            self.table_of(wanted) or 0,  # 0: not known in check mode, and not written
            wanted.source,
            kind=wanted.kind or "unicast",
            mtu=wanted.mtu,
            onlink=bool(wanted.onlink),
            protocol=RTPROT_STATIC if wanted.protocol is None else wanted.protocol,
            next_hops=tuple(
                op.NextHopSpec(hop.gateway, self._name_of(hop.device), hop.weight, bool(hop.onlink))
                for hop in wanted.next_hops
            ),
            vrf=self._name_of(wanted.vrf),
        )

    def _name_of(self, device: str | None) -> str | None:
        """Return the name of a link, which an entry may give by an alternative name."""
        link = self.state.named(device) if device else None
        return link.name if link else device

    def plan_remove(self, wanted: WantedRoute) -> Iterator[Change]:
        """Plan the removal of the routes that fit an entry."""
        for route in self._matching(wanted):
            yield from self._plan_remove(wanted.entry, route)

    def plan_remove_others(self, tables: Collection[int | None], protocols: Collection[int | None]) -> Iterator[Change]:
        """Plan the removal of the static routes in these tables, and of those with these protocols, not declared."""
        for route in self.state.routes:
            if route.table in tables and (route.static or route.protocol in protocols):
                yield from self._plan_remove(Entry(f"{self.state.name}: {route.destination}"), route)

    def _rivals_of(self, wanted: WantedRoute) -> list[Route]:
        """Return the static routes that the kernel would not have beside the wanted one.

        Raises:
            InvalidEntry: One of them is not static.
        """
        place = (wanted.destination, self.table_of(wanted), wanted.kernel_metric, 0, None)
        rivals = [
            route
            for route in self.state.routes
            if (route.destination, route.table, route.metric, route.tos, route.origin) == place
        ]
        for route in rivals:
            if not route.static and route.protocol != wanted.protocol:
                raise InvalidEntry(
                    wanted.entry,
                    "metric",
                    f"`{self._spec_of(route).description()}` exists and is not a static route (protocol "
                    f"{route.protocol}), so it stays; give this route another metric",
                )
        return rivals

    # What the kernel would refuse

    def obstacles(self, hop: WantedNextHop, table: int | None) -> Iterator[tuple[str, str, object]]:
        """Yield why the kernel would refuse a next hop: the option, the message, what would have to exist."""
        link = self.state.named(hop.device) if hop.device else None
        if hop.device and link is None:
            where = f"the namespace {self.state.name}" if self.state.name else "the host"
            names = ", ".join(sorted(link.name for link in self.state.links))
            message = (
                f"there is no link {hop.device} in {where}, which has {names}; correct the name, or create it first"
            )
            yield "device", message, ALink(self.state.name, hop.device)
        if hop.device and not (link and link.up):
            message = f"{hop.device} is down; bring it up before adding a route through it"
            yield "device", message, ALinkUp(self.state.name, hop.device)
        if hop.gateway and not hop.onlink and not self._reaches(hop.gateway, hop.device, link, table):
            vrf = next((name for name, own in self._vrfs.items() if self._reaches(hop.gateway, None, None, own)), None)
            if vrf is not None:
                apart = f"{hop.gateway} is reached in the VRF {vrf} only; add `vrf: {vrf}`, or the `device`"
                yield "gateway", apart, AGateway(self.state.name, hop.gateway)
                return
            owner = f"{hop.device} has no" if hop.device else "no link that is up has an"
            message = (
                f"{owner} address whose network contains "
                f"{hop.gateway} (addresses here: {self._addresses(link)}); correct the gateway, or give a link an "
                "address in its subnet"
            )
            yield "gateway", message, AGateway(self.state.name, hop.gateway)

    def _addresses(self, link: Link | None) -> str:
        """Return the addresses whose subnet a gateway may be in: those of the link, if there is one, or all."""
        found = self.state.addresses_of(link) if link else self.state.addresses
        return ", ".join(sorted(str(address) for address in found if not address.made_by_kernel)) or "none"

    @cached_property
    def _vrfs(self) -> dict[str, int | None]:
        """The tables of the VRFs that exist."""
        vrfs = [link for link in self.state.links if link.kind == "vrf"]
        return {link.name: KINDS["vrf"].decode(data_of(link.information)).get("table") for link in vrfs}

    def _reaches(self, gateway: str, device: str | None, link: Link | None, table: int | None) -> bool:
        """Whether an existing or planned route leads to the gateway itself, through the device if one is named.

        Without a device, the kernel does not look for it in the tables of VRFs (fib_check_nh_v4_gw()).
        """
        address = ip_address(gateway)
        if address.version == 6 and address.is_link_local:
            return True
        apart = set(self._vrfs.values())
        there = [
            route.destination
            for route in self.state.routes
            if _is_direct(route)
            and ((link and route.device == link.index) if device else route.table == table or route.table not in apart)
        ]
        planned = [destination for destination, name in self._direct if not device or name == device]
        ensured = [network for name, network in self._ensured if None in (name, device) or name == device]
        return any(address in ip_network(destination) for destination in (*there, *planned, *ensured))

    # What is as wanted

    def _matching(self, wanted: WantedRoute) -> list[Route]:
        """Return the routes that have every attribute that the entry gives: static ones, or of its protocol."""
        place = (wanted.destination, self.table_of(wanted))
        return [
            route
            for route in self.state.routes
            if (route.destination, route.table) == place
            and (route.static if wanted.protocol is None else route.protocol == wanted.protocol)
            and self._fits(route, wanted)
        ]

    def _fits(self, route: Route, wanted: WantedRoute) -> bool:
        if wanted.present:
            kind = wanted.kind or "unicast"
            if route.kind != kind or route.special or route.tos or route.origin:
                return False
            # A route without a gateway differs from one with any gateway: an omitted gateway does not mean "any".
            if (wanted.gateway, len(wanted.next_hops)) != (route.gateway, len(route.next_hops)):
                return False
        if wanted.next_hops and not self._fit_next_hops(route.next_hops, wanted.next_hops):
            return False
        given_and_found: Sequence[tuple[object, object]] = (
            (wanted.kind, route.kind),
            (wanted.gateway, route.gateway),
            (self._index_of(wanted.device), route.device),
            (wanted.kernel_metric if wanted.present or wanted.metric is not None else None, route.metric),
        )
        settings = ((wanted.source, route.source), (wanted.mtu, route.mtu), (wanted.onlink, route.onlink))
        if wanted.present and self._is_exact:
            return all(given in (None, found) for given, found in given_and_found) and all(
                (given or None) == (found or None) for given, found in settings
            )
        return all(given in (None, found) for given, found in (*given_and_found, *settings))

    def _index_of(self, device: str | None) -> int | None:
        """Return the index of a link, None for any, and one that no link has for a link that does not exist."""
        link = self.state.named(device) if device else None
        return None if device is None else link.index if link else -1

    def _fit_next_hops(self, found: Sequence[NextHop], wanted: Sequence[WantedNextHop]) -> bool:
        """Whether each next hop is there, in any order, and no other one."""
        left = list(found)
        for hop in sorted(wanted, key=lambda each: each.device is None):
            index = self._index_of(hop.device)
            same = [
                each
                for each in left
                if (each.gateway, each.weight, each.onlink) == (hop.gateway, hop.weight, bool(hop.onlink))
                and index in (None, each.device)
            ]
            if not same:
                return False
            left.remove(same[0])
        return not left

    def _plan_remove(self, entry: Entry, route: Route) -> Iterator[Change]:
        if id(route) in self._settled:
            return
        self._settled.add(id(route))
        spec = self._spec_of(route)
        step = op.RemoveRoute(self.state.name, spec)
        yield Change(entry, self._target(route.destination), {"routes": [spec.description()]}, None, (step,))

    def _spec_of(self, route: Route) -> op.RouteSpec:
        return op.RouteSpec(
            route.destination,
            route.gateway,
            self._link_name(route.device),
            route.metric or None,
            route.table,
            route.source,
            route.tos,
            route.origin,
            kind=route.kind,
            mtu=route.mtu,
            onlink=route.onlink,
            protocol=RTPROT_STATIC if route.static else route.protocol,
            next_hops=tuple(
                op.NextHopSpec(hop.gateway, self._link_name(hop.device), hop.weight, hop.onlink)
                for hop in route.next_hops
            ),
        )

    def _link_name(self, index: int | None) -> str | None:
        link = self.state.link_at(index) if index else None
        return link.name if link else None

    def _target(self, destination: str) -> str:
        name = "default" if destination in ("0.0.0.0/0", "::/0") else destination
        return f"route {self.state.name or 'host'} {name}"


def _is_direct(route: Route) -> bool:
    """Return whether the destination of a route is on a link itself, so that gateways there are reached by it."""
    return route.kind == "unicast" and not route.special and route.gateway is None and not route.next_hops

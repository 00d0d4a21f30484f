# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Static routes: what is wanted of them, and how to get there. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import in_full
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    DEFAULT_RULES,
    KernelState,
    NamespaceName,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.trial import MULTIPATH, TABLES
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_names import refuse_long_name
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_sysctls import (
    DISABLE_IPV6,
    Queries,
    describe_missing_ipv6,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import require_namespace
from ansible_collections.netns.fabric.plugins.module_utils._resources.route_model import (
    ROUTE_OPTIONS,
    WantedNextHop,
    WantedRoute,
    parse_route,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.route_plan import NamespaceRoutes
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import (
    ALink,
    ALinkUp,
    AnAddress,
    ASubnet,
    AVrf,
)


class RouteResource(Resource[WantedRoute, KernelState]):
    list_option = "routes"
    identity = "destination"
    backends = (KERNEL,)
    entry_options = ROUTE_OPTIONS
    call_options: Mapping[str, Mapping[str, Any]] = {"exact": {"type": "bool", "default": False}}

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedRoute:
        return parse_route(entry, options)

    def key(self, desired: WantedRoute) -> object:
        return desired.namespace, desired.table or desired.vrf, desired.destination, desired.kernel_metric

    def ensures(self, desired: WantedRoute) -> Iterable[object]:
        on_link = desired.present and desired.is_direct
        return [ASubnet(desired.namespace, desired.device, ip_network(desired.destination))] if on_link else []

    def read(self, host: Host, call: Call[WantedRoute]) -> KernelState:
        kernel = host.use(KERNEL)
        state = kernel.read([route.namespace for route in call.entries], addresses=True, routes=True)
        new = [route for route in call.entries if route.present and not _has_route_to(state, route)]
        queries: Queries = {}
        for route in new:
            if route.version == 6:
                links = [link.name for link in state.namespace(route.namespace).links]
                names = [hop.device for hop in route.hops if hop.device] or links
                for name in ("default", *names):
                    queries[route.namespace, in_full(name, DISABLE_IPV6)] = None
        if queries:
            state = kernel.with_sysctls(state, queries)
        needs = {need for route in new for need in _needs(route)}
        return kernel.with_routing(state, sorted(needs)) if needs else state

    def plan(self, actual: KernelState, call: Call[WantedRoute]) -> Plan:
        return _RoutePlanner(actual, call).run()


def _has_route_to(state: KernelState, wanted: WantedRoute) -> bool:
    """Whether there is a route to the destination by the same links, and so IPv6 on them."""
    space = state.namespace(wanted.namespace)
    devices = {link.index for hop in wanted.hops if hop.device and (link := space.named(hop.device))}
    return any(
        route.destination == wanted.destination
        and route.kind == (wanted.kind or "unicast")
        and bool(route.next_hops) == bool(wanted.next_hops)
        and devices <= set(route.devices)
        for route in space.routes
    )


def _needs(wanted: WantedRoute) -> Iterator[str]:
    """Yield what a route needs that a kernel may lack."""
    if wanted.version == 4 and wanted.next_hops:
        yield MULTIPATH
    if wanted.vrf is None and wanted.table not in DEFAULT_RULES.values():
        yield TABLES


class _RoutePlanner(Planner[WantedRoute]):
    """Plans the routes of one call."""

    def __init__(self, actual: KernelState, call: Call[WantedRoute]) -> None:
        super().__init__(call)
        self._actual = actual
        self._namespaces: dict[NamespaceName, NamespaceRoutes] = {}
        #: What earlier steps of the sequence ensure, by namespace.
        self._ensured: dict[NamespaceName, list[ASubnet | ALinkUp | AVrf]] = {}
        for thing in call.ensured or ():
            if isinstance(thing, (ASubnet, ALinkUp, AVrf)):
                self._ensured.setdefault(thing.namespace, []).append(thing)

    def ordered(self) -> Iterable[WantedRoute]:
        """Return the entries of one namespace after the other, routes without a gateway first.

        By one of these the gateway of another may be reached.
        """
        first: dict[NamespaceName, int] = {}
        for route in self.call.entries:
            first.setdefault(route.namespace, len(first))
        return sorted(self.call.entries, key=lambda route: (first[route.namespace], _has_gateway(route)))

    def _routes_of(self, namespace: NamespaceName) -> NamespaceRoutes:
        if namespace not in self._namespaces:
            is_exact = namespace is not None and bool(self.call.options.get("exact"))
            self._namespaces[namespace] = NamespaceRoutes(
                self._actual.namespace(namespace), self._ensured.get(namespace, ()), is_exact
            )
        return self._namespaces[namespace]

    def check(self) -> Iterable[FabricError]:
        """Return which entries are the same, where one gives the table and another one the VRF that it is of."""
        seen: dict[object, Entry] = {}
        for wanted in self.call.entries:
            table = self._routes_of(wanted.namespace).table_of(wanted)
            key = (wanted.namespace, table, wanted.destination, wanted.kernel_metric)
            first = wanted.entry if table is None else seen.setdefault(key, wanted.entry)
            if first is not wanted.entry:
                yield InvalidEntry(wanted.entry, "vrf", f"is the same route as {first}; leave one of them out")

    def present(self, wanted: WantedRoute) -> None:
        require_namespace(self, self._actual, wanted.entry, "namespace", wanted.namespace)
        routes = self._routes_of(wanted.namespace)
        table = routes.table_of(wanted)
        if table is None:
            routes.refuse_other_kind(wanted)
            message = f"there is no VRF {wanted.vrf} here; correct the name, or create it first, with netns.fabric.link"
            self.require(wanted.entry, "vrf", message, ALink(wanted.namespace, str(wanted.vrf)))
        if table is not None and routes.settle(wanted):
            return
        for need, option in ((MULTIPATH, "nexthops"), (TABLES, "table")):
            reason = self._actual.refused_routing.get(need)
            if reason and need in _needs(wanted):
                raise InvalidEntry(wanted.entry, option, reason)
        is_new = wanted.version == 6 and not _has_route_to(self._actual, wanted)
        cause = self._describe_missing_ipv6(wanted) if is_new else ""
        if cause:
            raise InvalidEntry(wanted.entry, "device" if wanted.device else "destination", cause)
        errors = self._check_source(wanted)
        for hop in wanted.hops:
            errors += self._check_hop(wanted, hop, routes)
        if errors:
            raise InvalidEntries(errors)
        self.changes.append(routes.plan_add(wanted))

    def _check_source(self, wanted: WantedRoute) -> list[FabricError]:
        """Return that no link has the preferred source, which the kernel refuses (fib_valid_prefsrc())."""
        if wanted.source is None or self._has_address(wanted.namespace, wanted.source):
            return []
        where = f"the namespace {wanted.namespace}" if wanted.namespace else "the host"
        found = self._actual.namespace(wanted.namespace).addresses
        addresses = ", ".join(sorted(str(each.interface.ip) for each in found if not each.made_by_kernel)) or "none"
        message = (
            f"no link in {where} has the address {wanted.source} (addresses here: {addresses}); correct it, or give a "
            "link this address first"
        )
        try:
            self.require(wanted.entry, "source", message, AnAddress(wanted.namespace, wanted.source))
        except InvalidEntry as error:
            return [error]
        return []

    def _has_address(self, namespace: NamespaceName, source: str) -> bool:
        """Whether packets may have this source: the address of a link, or of a local route of IPv4."""
        state, address = self._actual.namespace(namespace), ip_address(source)
        local = [route.destination for route in state.routes if route.kind == "local" and address.version == 4]
        return any(address == each.interface.ip for each in state.addresses) or any(
            address in ip_network(destination) for destination in local
        )

    def _check_hop(self, wanted: WantedRoute, hop: WantedNextHop, routes: NamespaceRoutes) -> list[FabricError]:
        """Return what the kernel would refuse of a next hop, or note what is assumed for it."""
        try:
            if hop.device and routes.state.named(hop.device) is None:
                refuse_long_name(wanted.entry, f"{hop.path}device", hop.device)
            for option, message, thing in routes.obstacles(hop, routes.table_of(wanted)):
                if not self.call.ensures(thing):
                    self.require(wanted.entry, hop.path + option, message, thing)
                    break  # what else is missing cannot be seen
        except InvalidEntry as error:
            return [error]
        return []

    def _describe_missing_ipv6(self, wanted: WantedRoute) -> str:
        """Return why there can be no IPv6 route, with the cure; empty where there can be one.

        The kernel refuses a route by a link on which IPv6 is off (ip6_route_info_create_nh() in net/ipv6/route.c); one
        that refuses packets uses none.
        """
        state, namespace = self._actual, wanted.namespace
        links = {link.name: link for link in state.namespace(namespace).links}
        given = [hop.device for hop in wanted.hops if hop.device]
        found = {name: state.named(namespace, name) for name in given}
        names = [link.name if link else name for name, link in found.items()] or list(links) or ["lo"]
        if not wanted.is_unicast and state.sysctl(namespace, in_full("default", DISABLE_IPV6)) is not None:
            return ""
        causes = [
            describe_missing_ipv6(state, (namespace, name), links.get(name), None, {}, "correct the destination")
            for name in names
        ]
        is_refused = any(causes) if given else all(causes)
        return next(filter(None, causes)) if is_refused else ""

    def absent(self, wanted: WantedRoute) -> None:
        self.changes.extend(self._routes_of(wanted.namespace).plan_remove(wanted))

    def finish(self) -> None:
        """With `exact`, remove the other static routes of each namespace, from the tables that it has entries for.

        Those with a protocol that its entries give count as static ones.
        """
        if not self.call.options.get("exact"):
            return
        for name in dict.fromkeys(route.namespace for route in self.call.entries):
            if name is not None:
                routes = self._routes_of(name)
                entries = [route for route in self.call.entries if route.namespace == name]
                tables = {routes.table_of(route) for route in entries}
                protocols = {route.protocol for route in entries}
                self.changes.extend(routes.plan_remove_others(tables, protocols))


def _has_gateway(route: WantedRoute) -> bool:
    return any(hop.gateway is not None for hop in route.hops)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Static routes: what is wanted of them, and how to get there. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import in_full
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Network
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    Link,
    NamespaceName,
    NamespaceState,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_names import refuse_long_name
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_sysctls import (
    DISABLE_IPV6,
    Queries,
    describe_missing_ipv6,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import require_namespace
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import (
    AGateway,
    ALink,
    ALinkUp,
    ASubnet,
)

#: The metric of an IPv6 route that was given none (linux/ipv6_route.h, IP6_RT_PRIO_USER); IPv4 takes 0.
IPV6_METRIC = 1024


@dataclass(frozen=True)
class WantedRoute:
    """One route as it is wanted; None: any."""

    entry: Entry
    present: bool
    namespace: NamespaceName
    destination: str
    gateway: str | None = None
    device: str | None = None
    metric: int | None = None
    table: int = validation.MAIN_TABLE
    source: str | None = None

    @property
    def version(self) -> int:
        return 6 if ":" in self.destination else 4

    @property
    def kernel_metric(self) -> int:
        return self.metric or (IPV6_METRIC if self.version == 6 else 0)


class RouteResource(Resource[WantedRoute, KernelState]):
    list_option = "routes"
    identity = "destination"
    backends = (KERNEL,)
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "namespace": {"type": "str"},
        "destination": {"type": "str"},
        "gateway": {"type": "str"},
        "device": {"type": "str"},
        "metric": {"type": "int"},
        "table": {"type": "int", "default": validation.MAIN_TABLE},
        "source": {"type": "str"},
    }
    call_options: Mapping[str, Mapping[str, Any]] = {"exact": {"type": "bool", "default": False}}

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedRoute:
        checks = Checks(entry)
        gateway = checks.value("gateway", validation.ip_address, options.get("gateway"))
        source = checks.value("source", validation.ip_address, options.get("source"))
        route = WantedRoute(
            entry=entry,
            present=options["state"] == "present",
            namespace=checks.value("namespace", validation.namespace_name, options.get("namespace")),
            destination=_destination(checks, options["destination"], gateway or source),
            gateway=str(gateway) if gateway else None,
            device=checks.value("device", validation.existing_interface_name, options.get("device")),
            metric=options.get("metric"),
            table=options["table"],
            source=str(source) if source else None,
        )
        _check(checks, route)
        checks.done()
        return route

    def key(self, desired: WantedRoute) -> object:
        return desired.namespace, desired.table, desired.destination, desired.kernel_metric

    def ensures(self, desired: WantedRoute) -> Iterable[object]:
        on_link = desired.present and desired.gateway is None
        return [ASubnet(desired.namespace, desired.device, ip_network(desired.destination))] if on_link else []

    def read(self, host: Host, call: Call[WantedRoute]) -> KernelState:
        kernel = host.use(KERNEL)
        state = kernel.read([route.namespace for route in call.entries], addresses=True, routes=True)
        queries: Queries = {}
        for route in call.entries:
            if route.present and route.version == 6 and not _has_route_to(state, route):
                links = state.namespace(route.namespace).links
                names = [route.device] if route.device else [link.name for link in links]
                for name in ("default", *names):
                    queries[route.namespace, in_full(name, DISABLE_IPV6)] = None
        return kernel.with_sysctls(state, queries) if queries else state

    def plan(self, actual: KernelState, call: Call[WantedRoute]) -> Plan:
        return _RoutePlanner(actual, call).run()


def _has_route_to(state: KernelState, wanted: WantedRoute) -> bool:
    """Whether there is a route to the destination by the link, and so IPv6 on it."""
    space = state.namespace(wanted.namespace)
    device = space.named(wanted.device) if wanted.device else None
    return any(
        route.destination == wanted.destination and (device is None or route.device == device.index)
        for route in space.routes
    )


def _destination(checks: Checks, given: str, other_end: Any) -> str:
    if given == "default":
        return "::/0" if other_end is not None and other_end.version == 6 else "0.0.0.0/0"
    return str(checks.value("destination", validation.network, given) or "0.0.0.0/0")


def _check(checks: Checks, route: WantedRoute) -> None:
    for option, value in (("gateway", route.gateway), ("source", route.source)):
        if value is not None and ip_address(value).version != route.version:
            checks.error(
                option,
                f"{value} is of another IP version than the destination {route.destination}; give both of one version",
            )
    if route.present and not route.gateway and not route.device:
        checks.error("gateway", "a route needs a gateway, a device or both")
    if route.gateway and ip_address(route.gateway).is_link_local and route.version == 6 and not route.device:
        checks.error("device", f"the gateway {route.gateway} is link-local; give the device that it is reached through")
    if route.metric is not None and not 0 <= route.metric < 1 << 32:
        checks.error("metric", "a metric is a number from 0 to 4294967295")
    if not 0 < route.table < 1 << 32:
        checks.error("table", "a routing table is a number from 1 to 4294967295; 254 is the main one")


class _RoutePlanner(Planner[WantedRoute]):
    """Plans the routes of one call."""

    def __init__(self, actual: KernelState, call: Call[WantedRoute]) -> None:
        super().__init__(call)
        self._actual = actual
        self._namespaces: dict[NamespaceName, _NamespaceRoutes] = {}
        #: What earlier steps of the sequence ensure, by namespace.
        self._ensured: dict[NamespaceName, list[ASubnet | ALinkUp]] = {}
        for thing in call.ensured or ():
            if isinstance(thing, (ASubnet, ALinkUp)):
                self._ensured.setdefault(thing.namespace, []).append(thing)

    def ordered(self) -> Iterable[WantedRoute]:
        """Return the entries of one namespace after the other, routes without a gateway first.

        By one of these the gateway of another may be reached.
        """
        first: dict[NamespaceName, int] = {}
        for route in self.call.entries:
            first.setdefault(route.namespace, len(first))
        return sorted(self.call.entries, key=lambda route: (first[route.namespace], route.gateway is not None))

    def _routes_of(self, namespace: NamespaceName) -> _NamespaceRoutes:
        if namespace not in self._namespaces:
            self._namespaces[namespace] = _NamespaceRoutes(
                self._actual.namespace(namespace), self._ensured.get(namespace, ())
            )
        return self._namespaces[namespace]

    def present(self, wanted: WantedRoute) -> None:
        require_namespace(self, self._actual, wanted.entry, "namespace", wanted.namespace)
        routes = self._routes_of(wanted.namespace)
        if routes.settle(wanted):
            return
        is_new = wanted.version == 6 and not _has_route_to(self._actual, wanted)
        cause = self._describe_missing_ipv6(wanted) if is_new else ""
        if cause:
            raise InvalidEntry(wanted.entry, "device" if wanted.device else "destination", cause)
        if wanted.device and routes.state.named(wanted.device) is None:
            refuse_long_name(wanted.entry, "device", wanted.device)
        for option, message, thing in routes.obstacles(wanted):
            if not self.call.ensures(thing):
                self.require(wanted.entry, option, message, thing)
                break  # what else is missing cannot be seen
        self.changes.append(routes.plan_add(wanted))

    def _describe_missing_ipv6(self, wanted: WantedRoute) -> str:
        """Return why there can be no IPv6 route, with the cure; empty where there can be one.

        The kernel refuses a route by a link on which IPv6 is off (ip6_route_info_create_nh() in net/ipv6/route.c).
        """
        state, namespace = self._actual, wanted.namespace
        links = {link.name: link for link in state.namespace(namespace).links}
        device = state.named(namespace, wanted.device) if wanted.device else None
        names = [device.name if device else wanted.device] if wanted.device else list(links) or ["lo"]
        causes = [
            describe_missing_ipv6(state, (namespace, name), links.get(name), None, {}, "correct the destination")
            for name in names
        ]
        return causes[0] if all(causes) else ""

    def absent(self, wanted: WantedRoute) -> None:
        self.changes.extend(self._routes_of(wanted.namespace).plan_remove(wanted))

    def finish(self) -> None:
        """With `exact`, remove the other static routes of each namespace, from the tables that it has entries for."""
        if not self.call.options.get("exact"):
            return
        for name in dict.fromkeys(route.namespace for route in self.call.entries):
            if name is not None:
                tables = {route.table for route in self.call.entries if route.namespace == name}
                self.changes.extend(self._routes_of(name).plan_remove_others(tables))


def _ensured_networks(
    state: NamespaceState, ensured: Iterable[ASubnet | ALinkUp]
) -> Iterator[tuple[str | None, Network]]:
    """Yield the networks on links: those of new addresses, and of existing ones once their link is up."""
    for thing in ensured:
        if isinstance(thing, ASubnet):
            yield thing.link, thing.network
        else:
            link = state.link(thing.name)
            for address in state.addresses_of(link) if link else ():
                yield thing.name, address.interface.network


class _NamespaceRoutes:
    """The routes of one namespace, and what is planned of them so far."""

    def __init__(self, state: NamespaceState, ensured: Iterable[ASubnet | ALinkUp]) -> None:
        self.state = state
        #: The networks that earlier steps of the sequence put on links, each with its link (None: any).
        self._ensured = list(_ensured_networks(state, ensured))
        #: Routes that are declared, or removed by what is planned so far.
        self._settled: set[int] = set()
        #: The planned routes without a gateway, by which later routes may reach theirs: destination and link.
        self._direct: list[tuple[str, str | None]] = []

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
        spec = op.RouteSpec(
            wanted.destination,
            wanted.gateway,
            self._name_of_device(wanted),
            wanted.metric,
            wanted.table,
            wanted.source,
        )
        operations.append(op.AddRoute(self.state.name, spec))
        if wanted.gateway is None:
            self._direct.append((wanted.destination, wanted.device))
        before = {"routes": [_describe(self._spec_of(route)) for route in rivals]} if rivals else None
        after = {"routes": [_describe(spec)]}
        return Change(wanted.entry, self._target(wanted.destination), before, after, tuple(operations))

    def _name_of_device(self, wanted: WantedRoute) -> str | None:
        """Return the name of the device, which an entry may give by an alternative name."""
        link = self.state.named(wanted.device) if wanted.device else None
        return link.name if link else wanted.device

    def plan_remove(self, wanted: WantedRoute) -> Iterator[Change]:
        """Plan the removal of the routes that fit an entry."""
        for route in self._matching(wanted):
            yield from self._plan_remove(wanted.entry, route)

    def plan_remove_others(self, tables: set[int]) -> Iterator[Change]:
        """Plan the removal of the static routes in these tables that are not declared."""
        for route in self.state.routes:
            if route.static and route.table in tables:
                yield from self._plan_remove(Entry(f"{self.state.name}: {route.destination}"), route)

    def _rivals_of(self, wanted: WantedRoute) -> list[Route]:
        """Return the static routes that the kernel would not have beside the wanted one.

        Raises:
            InvalidEntry: One of them is not static.
        """
        place = (wanted.destination, wanted.table, wanted.kernel_metric, 0, None)
        rivals = [
            route
            for route in self.state.routes
            if (route.destination, route.table, route.metric, route.tos, route.origin) == place
        ]
        for route in rivals:
            if not route.static:
                raise InvalidEntry(
                    wanted.entry,
                    "metric",
                    f"`{_describe(self._spec_of(route))}` exists and is not a static route (protocol "
                    f"{route.protocol}), so it stays; give this route another metric",
                )
        return rivals

    def obstacles(self, wanted: WantedRoute) -> Iterator[tuple[str, str, object]]:
        """Yield why the kernel would refuse the route: the option, the message, what would have to exist."""
        link = self.state.named(wanted.device) if wanted.device else None
        if wanted.device and link is None:
            where = f"the namespace {self.state.name}" if self.state.name else "the host"
            names = ", ".join(sorted(link.name for link in self.state.links))
            message = (
                f"there is no link {wanted.device} in {where}, which has {names}; correct the name, or create it first"
            )
            yield "device", message, ALink(self.state.name, wanted.device)
        if wanted.device and not (link and link.up):
            message = f"{wanted.device} is down; bring it up before adding a route through it"
            yield "device", message, ALinkUp(self.state.name, wanted.device)
        if wanted.gateway and not self._reaches(wanted.gateway, wanted.device, link):
            owner = f"{wanted.device} has no" if wanted.device else "no link that is up has an"
            message = (
                f"{owner} address whose network contains "
                f"{wanted.gateway} (addresses here: {self._addresses(link)}); correct the gateway, or give a link an "
                "address in its subnet"
            )
            yield "gateway", message, AGateway(self.state.name, wanted.gateway)

    def _addresses(self, link: Link | None) -> str:
        """Return the addresses whose subnet a gateway may be in: those of the link, if there is one, or all."""
        found = self.state.addresses_of(link) if link else self.state.addresses
        return ", ".join(sorted(str(address) for address in found if not address.made_by_kernel)) or "none"

    def _reaches(self, gateway: str, device: str | None, link: Link | None) -> bool:
        """Whether an existing or planned route leads to the gateway itself, through the device if one is named."""
        address = ip_address(gateway)
        if address.version == 6 and address.is_link_local:
            return True
        there = [
            route.destination
            for route in self.state.routes
            if route.gateway is None and not route.special and (not device or (link and route.device == link.index))
        ]
        planned = [destination for destination, name in self._direct if not device or name == device]
        ensured = [network for name, network in self._ensured if None in (name, device) or name == device]
        return any(address in ip_network(destination) for destination in (*there, *planned, *ensured))

    def _same_destination(self, wanted: WantedRoute) -> list[Route]:
        return [
            route
            for route in self.state.routes
            if route.static and (route.destination, route.table) == (wanted.destination, wanted.table)
        ]

    def _matching(self, wanted: WantedRoute) -> list[Route]:
        """Return the static routes that have every attribute that the entry gives."""
        return [route for route in self._same_destination(wanted) if self._fits(route, wanted)]

    def _fits(self, route: Route, wanted: WantedRoute) -> bool:
        # A route without a gateway differs from one with any gateway: an omitted gateway does not mean "any".
        if wanted.present and (route.gateway != wanted.gateway or route.special or route.tos or route.origin):
            return False
        link = self.state.link_at(route.device) if route.device else None
        given_and_found: Sequence[tuple[object, object]] = (
            (wanted.gateway, route.gateway),
            (self._name_of_device(wanted), link.name if link else None),
            (wanted.kernel_metric if wanted.present or wanted.metric is not None else None, route.metric),
            (wanted.source, route.source),
        )
        return not any(given is not None and given != found for given, found in given_and_found)

    def _plan_remove(self, entry: Entry, route: Route) -> Iterator[Change]:
        if id(route) in self._settled:
            return
        self._settled.add(id(route))
        spec = self._spec_of(route)
        step = op.RemoveRoute(self.state.name, spec)
        yield Change(entry, self._target(route.destination), {"routes": [_describe(spec)]}, None, (step,))

    def _spec_of(self, route: Route) -> op.RouteSpec:
        link = self.state.link_at(route.device) if route.device else None
        return op.RouteSpec(
            route.destination,
            route.gateway,
            link.name if link else None,
            route.metric or None,
            route.table,
            route.source,
            route.tos,
            route.origin,
        )

    def _target(self, destination: str) -> str:
        return f"route {self.state.name or 'host'} {_name_of(destination)}"


def _name_of(destination: str) -> str:
    return "default" if destination in ("0.0.0.0/0", "::/0") else destination


def _describe(spec: op.RouteSpec) -> str:
    return " ".join([_name_of(spec.destination), *spec.arguments()[1:]])

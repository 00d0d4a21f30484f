# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Static routes: what is wanted of them, and how to get there. Pure, but for what read() asks of the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    Link,
    NamespaceName,
    NamespaceState,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import (
    ASSUMED,
    MissingNamespaces,
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
            device=checks.value("device", validation.interface_name, options.get("device")),
            metric=options.get("metric"),
            table=options["table"],
            source=str(source) if source else None,
        )
        _check(checks, route)
        checks.done()
        return route

    def key(self, desired: WantedRoute) -> object:
        return desired.namespace, desired.table, desired.destination, desired.kernel_metric

    def read(self, host: Host, call: Call[WantedRoute]) -> KernelState:
        return host.use(KERNEL).read([route.namespace for route in call.entries], addresses=True, routes=True)

    def plan(self, actual: KernelState, call: Call[WantedRoute]) -> Plan:
        missing = MissingNamespaces(actual, call.check_mode)
        for route in call.entries:
            if route.present:
                missing.needs(route.entry, "namespace", route.namespace)
        missing.done()
        by_namespace: dict[NamespaceName, list[WantedRoute]] = {}
        for route in call.entries:
            by_namespace.setdefault(route.namespace, []).append(route)
        changes: list[Change] = []
        warnings = list(missing.warnings)
        for name, routes in by_namespace.items():
            planner = _Planner(actual.namespace(name), call.check_mode)
            for route in routes:
                planner.add(route)
            if call.options.get("exact") and name is not None:
                planner.remove_others({route.table for route in routes})
            changes.extend(planner.changes)
            warnings.extend(planner.warnings)
        return Plan(tuple(changes), warnings=tuple(warnings))


def _destination(checks: Checks, given: str, other_end: Any) -> str:
    if given == "default":
        return "::/0" if other_end is not None and other_end.version == 6 else "0.0.0.0/0"
    return str(checks.value("destination", validation.network, given) or "0.0.0.0/0")


def _check(checks: Checks, route: WantedRoute) -> None:
    for option, value in (("gateway", route.gateway), ("source", route.source)):
        if value is not None and ip_address(value).version != route.version:
            checks.error(option, f"{value} is of another IP version than the destination {route.destination}")
    if route.present and not route.gateway and not route.device:
        checks.error("gateway", "a route needs a gateway, a device or both")
    if route.gateway and ip_address(route.gateway).is_link_local and route.version == 6 and not route.device:
        checks.error("device", f"the gateway {route.gateway} is link-local: say which device it is reached by")
    if route.metric is not None and not 0 <= route.metric < 1 << 32:
        checks.error("metric", "a metric is a number from 0 to 4294967295")
    if not 0 < route.table < 1 << 32:
        checks.error("table", "a routing table is a number from 1 to 4294967295; 254 is the main one")


@dataclass
class _Planner:
    """Plans the routes of one namespace."""

    state: NamespaceState
    check_mode: bool
    changes: list[Change] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        #: Routes that are declared, or gone by what is planned so far.
        self._settled: set[int] = set()
        #: Destinations that are planned to be on a link itself, so that later ones may have their gateway there.
        self._direct: list[str] = []

    def add(self, wanted: WantedRoute) -> None:
        if wanted.present:
            self._add_present(wanted)
        else:
            for route in self._matching(wanted):
                self._remove(wanted.entry, route)

    def remove_others(self, tables: set[int]) -> None:
        for route in self.state.routes:
            if route.static and route.table in tables and id(route) not in self._settled:
                self._remove(Entry(f"{self.state.name}: {route.destination}"), route)

    def _add_present(self, wanted: WantedRoute) -> None:
        matching = self._matching(wanted)
        if matching:
            self._settled.add(id(matching[0]))
            return
        self._check_possible(wanted)
        rivals = self._in_its_place(wanted)
        operations: list[Operation] = []
        for route in rivals:
            self._settled.add(id(route))
            operations.append(op.RemoveRoute(self.state.name, self._as_spec(route)))
        spec = op.RouteSpec(
            wanted.destination, wanted.gateway, wanted.device, wanted.metric, wanted.table, wanted.source
        )
        operations.append(op.AddRoute(self.state.name, spec))
        if wanted.gateway is None:
            self._direct.append(wanted.destination)
        before = {"routes": [_shown(self._as_spec(route)) for route in rivals]} if rivals else None
        after = {"routes": [_shown(spec)]}
        self.changes.append(Change(wanted.entry, self._target(wanted.destination), before, after, tuple(operations)))

    def _in_its_place(self, wanted: WantedRoute) -> list[Route]:
        """The static routes that the kernel would not have beside the wanted one.

        Raises:
            InvalidEntry: One of them is not a person's to remove.
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
                    f"there is `{_shown(self._as_spec(route))}` already, which is no static route (protocol "
                    f"{route.protocol}) and stays: give this one another metric",
                )
        return [route for route in rivals if route.static]

    def _check_possible(self, wanted: WantedRoute) -> None:
        """What the kernel would refuse with a word or two, in more of them; in check mode earlier tasks may cure it."""
        obstacle = self._obstacle(wanted)
        if obstacle is None:
            return
        option, message, assumed = obstacle
        if not self.check_mode:
            raise InvalidEntry(wanted.entry, option, message)
        self.warnings.append(f"{ASSUMED}: {assumed}")

    def _obstacle(self, wanted: WantedRoute) -> tuple[str, str, str] | None:
        """The option at fault, what is wrong, and what would have to be there."""
        here = self.state.name or "host"
        link = self.state.link(wanted.device) if wanted.device else None
        if wanted.device and link is None:
            where = f"the namespace {self.state.name}" if self.state.name else "the host"
            names = ", ".join(sorted(link.name for link in self.state.links))
            message = (
                f"there is no link {wanted.device} in {where}, which has {names}: correct the name, or make it first"
            )
            return "device", message, f"link {here}/{wanted.device}"
        if link is not None and not link.up:
            message = f"{link.name} is down, and the kernel takes no route by a link that is: set it up first"
            return "device", message, f"link {here}/{link.name} that is up"
        if wanted.gateway and not self._reaches(wanted.gateway, link):
            message = (
                f"{f'{link.name} has no' if link else 'no link that is up has an'} address whose network contains "
                f"{wanted.gateway} (addresses here: {self._addresses(link)}): correct the gateway, or give a link an "
                "address beside it"
            )
            return "gateway", message, f"an address in {here} beside the gateway {wanted.gateway}"
        return None

    def _addresses(self, link: Link | None) -> str:
        """The addresses that a gateway may be beside: those of the link, if there is one, or all."""
        found = self.state.addresses_of(link) if link else self.state.addresses
        return ", ".join(sorted(str(address) for address in found if not address.made_by_kernel)) or "none"

    def _reaches(self, gateway: str, link: Link | None) -> bool:
        """Whether a route that is there, or added before, leads to the gateway itself; by the link, if one is named."""
        address = ip_address(gateway)
        if address.version == 6 and address.is_link_local:
            return True
        there = [
            route.destination
            for route in self.state.routes
            if route.gateway is None and not route.special and (link is None or route.device == link.index)
        ]
        return any(address in ip_network(destination) for destination in (*there, *self._direct))

    def _same_destination(self, wanted: WantedRoute) -> list[Route]:
        return [
            route
            for route in self.state.routes
            if route.static and (route.destination, route.table) == (wanted.destination, wanted.table)
        ]

    def _matching(self, wanted: WantedRoute) -> list[Route]:
        """The static routes that are as wanted in all that is said."""
        return [route for route in self._same_destination(wanted) if self._fits(route, wanted)]

    def _fits(self, route: Route, wanted: WantedRoute) -> bool:
        # A route without a gateway is another one than a route with any: what is not said of that is not "any".
        if wanted.present and (route.gateway != wanted.gateway or route.special or route.tos or route.origin):
            return False
        link = self.state.link_at(route.device) if route.device else None
        asked_and_found: Sequence[tuple[object, object]] = (
            (wanted.gateway, route.gateway),
            (wanted.device, link.name if link else None),
            (wanted.kernel_metric if wanted.present or wanted.metric is not None else None, route.metric),
            (wanted.source, route.source),
        )
        return not any(asked is not None and asked != found for asked, found in asked_and_found)

    def _remove(self, entry: Entry, route: Route) -> None:
        if id(route) in self._settled:
            return
        self._settled.add(id(route))
        spec = self._as_spec(route)
        step = op.RemoveRoute(self.state.name, spec)
        self.changes.append(Change(entry, self._target(route.destination), {"routes": [_shown(spec)]}, None, (step,)))

    def _as_spec(self, route: Route) -> op.RouteSpec:
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
        return f"route {self.state.name or 'host'} {_named(destination)}"


def _named(destination: str) -> str:
    return "default" if destination in ("0.0.0.0/0", "::/0") else destination


def _shown(spec: op.RouteSpec) -> str:
    return " ".join([_named(spec.destination), *spec.arguments()[1:]])

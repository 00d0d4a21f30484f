# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks the routes of a topology: what the kernel would refuse, and what would replace another route. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address, Interface
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors, suggest
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    End,
    Namespace,
    Route,
    Topology,
)


def check_routes(topology: Topology, errors: Errors) -> None:
    """Check that devices exist, that gateways and sources are possible, and that no route is declared twice."""
    ends: dict[str, list[End]] = {namespace.name: [] for namespace in topology.namespaces}
    for end in topology.ends():
        if end.namespace is not None and end.namespace in ends:
            ends[end.namespace].append(end)
    for namespace in topology.namespaces:
        _check_duplicates(namespace, errors)
        for route in namespace.routes:
            _check_versions(route, errors)
            if not (namespace.incomplete or "links" in topology.incomplete):
                _check_device(route, namespace, ends[namespace.name], errors)
                _check_gateway(route, namespace, ends[namespace.name], errors)
                _check_source(route, namespace, ends[namespace.name], errors)


def _check_duplicates(namespace: Namespace, errors: Errors) -> None:
    first: dict[tuple[object, ...], str] = {}
    for route in namespace.routes:
        is_default = route.destination is None or route.destination.prefixlen == 0
        destination = "default" if is_default else route.destination
        seen = first.setdefault((route.version, destination, route.metric, route.table), route.path)
        if seen != route.path:
            errors.add(
                route.path,
                "destination",
                f"{route.destination_text} is also the destination of {seen}; remove one of them, or set another "
                "`metric` or `table`",
            )


def _check_versions(route: Route, errors: Errors) -> None:
    for option, address in (("gateway", route.gateway), ("source", route.source)):
        if address is not None and address.version != route.version:
            errors.add(
                route.path,
                option,
                f"{address} is an IPv{address.version} address, and the route is an IPv{route.version} route; "
                "use an address of the same version",
            )


def _check_device(route: Route, namespace: Namespace, ends: Iterable[End], errors: Errors) -> None:
    names = [end.name for end in ends]
    if route.device is not None and route.device != "lo" and route.device not in names:
        errors.add(
            route.path,
            "device",
            f"namespace {namespace.name!r} has no interface {route.device!r}; {suggest(route.device, names)}",
        )


def _check_gateway(route: Route, namespace: Namespace, ends: Iterable[End], errors: Errors) -> None:
    """Check that a gateway is on one of the namespace's own subnets (the kernel: Nexthop has invalid gateway)."""
    gateway = route.gateway
    if gateway is None or gateway.version != route.version:
        return
    if gateway.version == 6 and gateway.is_link_local:
        if route.device is None:
            message = f"is missing; the link-local gateway {gateway} is unique per interface only"
            errors.add(route.path, "device", message)
        return
    usable = [end for end in ends if route.device in (None, end.name)]
    if not usable and route.device is not None:
        return  # The device does not exist, which is reported.
    own = [address for end in usable for address in end.addresses or ()]
    if any(address.ip == gateway for address in own):
        message = f"{gateway} is the namespace's own address; set the address of the next router"
        errors.add(route.path, "gateway", message)
        return
    if not any(_may_have_more_addresses(end) for end in usable) and not _is_on_link(gateway, own, route, namespace):
        errors.add(route.path, "gateway", _describe_unreachable(gateway, own, route, namespace))


def _describe_unreachable(gateway: Address, own: Iterable[Interface], route: Route, namespace: Namespace) -> str:
    networks = sorted({str(address.network) for address in own if address.version == gateway.version})
    declared = ", ".join(networks) if networks else f"no IPv{gateway.version} address"
    if route.device:
        cause = f"interface {route.device!r} has no address in its subnet"
    else:
        cause = f"no interface of namespace {namespace.name!r} has an address in its subnet"
    return (
        f"{gateway} cannot be reached: {cause} (declared: {declared}); correct it, or give an interface an address in "
        "its subnet"
    )


def _may_have_more_addresses(end: End) -> bool:
    """Return whether an interface may have addresses that are unknown here: some are invalid, or the link exists."""
    if end.incomplete:
        return True
    return end.addresses is None and isinstance(end, Attachment) and end.bridge is None and end.name != "lo"


def _is_on_link(gateway: Address, own: Iterable[Interface], route: Route, namespace: Namespace) -> bool:
    """Return whether a subnet of the namespace, or one of its routes without a gateway, covers the gateway."""
    if any(gateway in address.network for address in own):
        return True
    direct = (other for other in namespace.routes if other.gateway is None and other.destination is not None)
    return any(
        other.destination is not None
        and gateway in other.destination
        and (route.device is None or other.device == route.device)
        for other in direct
    )


def _check_source(route: Route, namespace: Namespace, ends: Iterable[End], errors: Errors) -> None:
    """Check that a route's source is an address of the namespace (the kernel: Invalid argument)."""
    if route.source is None or any(_may_have_more_addresses(end) for end in ends):
        return
    if not any(address.ip == route.source for end in ends for address in end.addresses or ()):
        errors.add(
            route.path,
            "source",
            f"{route.source} is not an address of namespace {namespace.name!r}; use one of its own, or omit `source`",
        )

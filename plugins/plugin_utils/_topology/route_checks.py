# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks the routes, rules and neighbours of a topology: what the kernel would refuse, and what is doubled. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address, Interface
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors, suggest
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    End,
    Namespace,
    NextHop,
    Route,
    Topology,
)


def check_routes(topology: Topology, errors: Errors) -> None:
    """Check that devices exist, that gateways and sources are possible, and that no route is declared twice."""
    ends: dict[str, list[End]] = {namespace.name: [] for namespace in topology.namespaces}
    for end in topology.ends():
        if end.namespace is not None and end.namespace in ends:
            ends[end.namespace].append(end)
    if topology.host:
        _check_duplicates(topology.host, errors)  # It has links that are not declared.
    for namespace in topology.namespaces:
        _check_duplicates(namespace, errors)
        for route in namespace.routes:
            if not (namespace.incomplete or "links" in topology.incomplete):
                for number, hop in enumerate(route.hops):
                    path = f"{route.path} nexthops[{number}]" if route.next_hops else route.path
                    _check_device(path, hop.device, namespace, ends[namespace.name], errors)
                    _check_gateway(path, hop, namespace, ends[namespace.name], errors)
                _check_source(route, namespace, ends[namespace.name], errors)
        if not (namespace.incomplete or "links" in topology.incomplete):
            _check_links(namespace, ends[namespace.name], errors)


def _check_duplicates(namespace: Namespace, errors: Errors) -> None:
    _check_routes_once(namespace, errors)
    rules = ((rule.selector, rule.path) for rule in namespace.rules)
    neighbours = (((each.address, each.device, each.proxy), each.path) for each in namespace.neighbours)
    for option, entries in (("priority", rules), ("address", neighbours)):
        seen: dict[object, str] = {}
        for key, path in entries:
            first = seen.setdefault(key, path)
            if first != path:
                errors.add(path, option, f"is the same as {first}; remove one of them")


def _check_links(namespace: Namespace, ends: Iterable[End], errors: Errors) -> None:
    """Check that the interfaces of rules and neighbours exist: otherwise a rule never applies."""
    for rule in namespace.rules:
        for option in ("iif", "oif"):
            _check_device(rule.path, rule.options.get(option), namespace, ends, errors, option)
    for neighbour in namespace.neighbours:
        _check_device(neighbour.path, neighbour.device, namespace, ends, errors)


def _check_routes_once(namespace: Namespace, errors: Errors) -> None:
    first: dict[tuple[object, ...], str] = {}
    for route in namespace.routes:
        table = route.vrf or route.table
        seen = first.setdefault((route.version, route.destination, route.metric, table), route.path)
        if seen != route.path:
            errors.add(
                route.path,
                "destination",
                f"{route.destination_text} is also the destination of {seen}; remove one of them, or set another "
                "`metric` or `table`",
            )


def _check_device(
    path: str, device: str | None, namespace: Namespace, ends: Iterable[End], errors: Errors, option: str = "device"
) -> None:
    names = [end.name for end in ends]
    if device is not None and device != "lo" and device not in names:
        errors.add(path, option, f"namespace {namespace.name!r} has no interface {device!r}; {suggest(device, names)}")


def _check_gateway(path: str, hop: NextHop, namespace: Namespace, ends: Iterable[End], errors: Errors) -> None:
    """Check that a gateway is on one of the namespace's own subnets (the kernel: Nexthop has invalid gateway)."""
    gateway = hop.gateway
    if gateway is None or (gateway.version == 6 and gateway.is_link_local):
        return
    usable = [end for end in ends if hop.device in (None, end.name)]
    if not usable and hop.device is not None:
        return  # The device does not exist, which is reported.
    own = [address for end in usable for address in end.addresses or ()]
    if any(address.ip == gateway for address in own):
        message = f"{gateway} is the namespace's own address; set the address of the next router"
        errors.add(path, "gateway", message)
        return
    if hop.onlink or any(_may_have_more_addresses(end) for end in usable):
        return
    if not _is_on_link(gateway, own, hop, namespace):
        errors.add(path, "gateway", _describe_unreachable(gateway, own, hop, namespace))


def _describe_unreachable(gateway: Address, own: Iterable[Interface], hop: NextHop, namespace: Namespace) -> str:
    networks = sorted({str(address.network) for address in own if address.version == gateway.version})
    declared = ", ".join(networks) if networks else f"no IPv{gateway.version} address"
    if hop.device:
        cause = f"interface {hop.device!r} has no address in its subnet"
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


def _is_on_link(gateway: Address, own: Iterable[Interface], hop: NextHop, namespace: Namespace) -> bool:
    """Return whether a subnet of the namespace, or one of its routes without a gateway, covers the gateway."""
    if any(gateway in address.network for address in own):
        return True
    return any(
        other.is_about(gateway)
        and other.kind == "unicast"
        and other.gateway is None
        and not other.next_hops
        and (hop.device is None or other.device == hop.device)
        for other in namespace.routes
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

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The targets of the ports that a topology publishes, and the checks of these entries. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address, Interface, Network
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors, suggest
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_model import ROUTER
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Forward,
    ForwardTarget,
    Plug,
    Topology,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policy_routing import find_routes


def resolve_targets(topology: Topology, forward: Forward) -> list[Interface]:
    """Return the addresses that a port is forwarded to, with their subnets, at most one for each IP version.

    A namespace stands for its first address of each version that the router reaches. Where ``address`` is given, its
    version counts only.
    """
    found: dict[int, Interface] = {}
    for verdict in (True, None):
        for target in _candidates(topology, forward):
            version = target.address.version
            if version not in found and _reaches(topology, forward.namespace, target) is verdict:
                found[version] = target.address
    return [found[version] for version in sorted(found)]


def _candidates(topology: Topology, forward: Forward) -> list[ForwardTarget]:
    """Return the addresses of namespaces that ``to`` stands for, of the versions of ``address`` and of ``from``."""
    return [
        target
        for target in topology.forward_targets.get(forward.to, ())
        if (forward.address is None or target.address.version == forward.address.version)
        and (not forward.sources or forward.sources_of(target.address.version))
    ]


def _reaches(topology: Topology, router: str | None, target: ForwardTarget) -> bool | None:
    """Return whether a router (None: the host) has a link to the subnet of an address; None where that is unknown.

    Unknown are the links that exist already, addresses that are not declared, and where routes lead: any of a router
    namespace. Of the host only a declared route to the address counts, and no default route.
    """
    if target.segment is None:
        return None
    plugs = [plug for plug in topology.plugs.get(router, ()) if plug.segment in (target.segment, None)]
    if any(target.address.ip in address.network for plug in plugs for address in plug.addresses or ()):
        return True
    if any(plug.segment is None or plug.addresses is None for plug in plugs):
        return None
    if router is None:
        routes = find_routes(topology, router, target.address.ip)
        return None if any(route.destination is not None and route.kind == "unicast" for route in routes) else False
    # By its routes, or by an address that a router advertises (RFC 4862).
    return None if topology.routes.get(router) or (plugs and target.address.version == 6) else False


def find_way(topology: Topology, router: str | None, to: Address) -> list[Plug]:
    """Return the links by which a router sends to an address that is behind another one."""
    hops = [hop for route in find_routes(topology, router, to) for hop in route.hops]
    return [plug for plug in topology.plugs.get(router, ()) if any(hop.leaves_by(plug) for hop in hops)]


def find_neighbours(topology: Topology, router: str | None, target: Interface) -> list[Network]:
    """Return the networks whose members a target answers without the router that a port is published on.

    That is its own, and if it is behind another router all that are on the way there, or behind the same link.
    """
    found = [target.network] if target.network.num_addresses > 1 else []
    plugs, routes = topology.plugs.get(router, ()), topology.routes.get(router, ())
    if any(target.ip in address.network for plug in plugs for address in plug.addresses or ()):
        return found
    on_way = find_way(topology, router, target.ip)
    found += [address.network for plug in on_way for address in plug.addresses or () if not address.is_link_local]
    found += [
        route.destination
        for route in routes
        if route.destination is not None and any(hop.leaves_by(plug) for hop in route.hops for plug in on_way)
    ]
    return [network for network in dict.fromkeys(found) if network.version == target.version]


def check_forwards(topology: Topology, errors: Errors) -> None:
    """Note every error in the published ports."""
    # An incomplete entry may be the target, and is reported.
    if not topology.incomplete and not any(namespace.incomplete for namespace in topology.namespaces):
        names = dict.fromkeys(namespace.name for namespace in topology.namespaces)
        for forward in topology.forwards:
            _check_target(topology, forward, names, errors)
    for forward in topology.forwards:
        _check_address(forward, errors)
        _check_loopback(topology, forward, errors)
    _check_duplicates(topology, errors)


def _check_target(topology: Topology, forward: Forward, names: Collection[str], errors: Errors) -> None:
    if isinstance(forward.to, str) and forward.to not in names:
        errors.add(forward.path, "to", f"{forward.to!r} is not in `topology_namespaces`; {suggest(forward.to, names)}")
    elif forward.to not in topology.forward_targets:
        cause = (
            f"namespace {forward.to!r} has no address"
            if isinstance(forward.to, str)
            else f"{forward.to} is not an address of a namespace of this topology"
        )
        errors.add(forward.path, "to", f"{cause}; use an address of one of a namespace's interfaces")
    elif any(target.namespace == forward.namespace for target in topology.forward_targets[forward.to]):
        errors.add(
            forward.path,
            "to",
            f"{forward.to} is in namespace {forward.namespace!r}, which is the router of this entry; use another "
            "target, or another `namespace`",
        )
    elif not _candidates(topology, replace(forward, sources=())):
        errors.add(
            forward.path,
            "address",
            f"{forward.address} is of another IP version than the addresses of {forward.to}; use one of the same",
        )
    elif not _candidates(topology, forward):
        of = forward.address or f"the addresses of {forward.to}"
        errors.add(
            forward.path, "from", f"has no network of the IP version of {of}, so that nobody may connect; add one"
        )
    elif forward.namespace in (None, ROUTER, *names) and not resolve_targets(topology, forward):
        subnets = ", ".join(sorted({str(target.address.network) for target in _candidates(topology, forward)}))
        known = {None: "the host", ROUTER: "the logical router"}
        where = known.get(forward.namespace, f"namespace {forward.namespace!r}")
        or_route = ", or a route to `topology_host`" if forward.namespace is None else ""
        errors.add(
            forward.path,
            "to",
            f"{where} has no address in {subnets}, and cannot reach {forward.to}; add such an address to the bridge or "
            f"link that leads there{or_route}, or publish the port by the `namespace` that routes there",
        )


def _check_address(forward: Forward, errors: Errors) -> None:
    if forward.address is not None and (forward.address.is_loopback or forward.address.is_unspecified):
        errors.add(
            forward.path,
            "address",
            f"no port can be published at {forward.address}; use another address of the host, or omit it for all",
        )


def _check_loopback(topology: Topology, forward: Forward, errors: Errors) -> None:
    if not forward.options.get("loopback"):
        return
    for option, value in (("address", forward.address), ("in_interface", forward.options.get("in_interface"))):
        if value is not None:
            errors.add(
                forward.path, "loopback", f"cannot be combined with `{option}`, which limits it; omit one of them"
            )
    targets = resolve_targets(topology, forward)
    if targets and not any(target.version == 4 for target in targets):
        errors.add(forward.path, "loopback", f"{forward.to} has no IPv4 address, and IPv6 has no such way; omit it")


def _check_duplicates(topology: Topology, errors: Errors) -> None:
    """Check that no two entries publish the same port to the same packets."""
    order = {forward.path: index for index, forward in enumerate(topology.forwards)}
    groups: dict[object, list[Forward]] = {}
    for forward in topology.forwards:
        for target in resolve_targets(topology, forward):
            groups.setdefault((forward.namespace, forward.protocol, target.version), []).append(forward)
    reported: set[str] = set()
    for group in groups.values():
        earlier: list[Forward] = []
        for forward in sorted(group, key=lambda forward: forward.port_range):
            earlier = [other for other in earlier if other.port_range[1] >= forward.port_range[0]]
            for other in earlier:
                first, second = sorted((forward, other), key=lambda either: order[either.path])
                if _match_same_packets(forward, other) and second.path not in reported:
                    reported.add(second.path)
                    errors.add(
                        second.path,
                        "publish",
                        f"{second.protocol} port {second.ports} is also published by {first.path}; use another port, "
                        "or set a different `address` or `in_interface` in each",
                    )
            earlier.append(forward)


def _match_same_packets(one: Forward, other: Forward) -> bool:
    pairs = (
        (one.address, other.address),
        (one.options.get("in_interface"), other.options.get("in_interface")),
    )
    return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)

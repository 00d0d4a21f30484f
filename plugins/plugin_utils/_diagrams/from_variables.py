# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The diagram of a declared topology: from the role's variables. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.policies import DENY, IN, OUT, Policy
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    HOST,
    OPEN,
    OUTSIDE,
    Box,
    Connection,
    Diagram,
    End,
    Interface,
    Key,
    Nat,
    Note,
    bridge_key,
    flows_note,
    format_vlans,
    mesh_note,
    mirror_note,
    namespace_key,
    place_note,
    policy_note,
    port_note,
    published_note,
    reaching_note,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology import model as declared
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.bridge_ports import describe_port
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.isolated_links import IsolatedLinks
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.placement import cut
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policies import Policies


def diagram_from_variables(variables: Any, *, as_built: bool = False) -> tuple[Diagram, str]:
    """Return the diagram of a topology, and the topology's name.

    Args:
        variables: A dictionary with the role's variables, their names without ``topology_``; with ``this_host``, the
            part of that host is drawn, else all of them.
        as_built: Whether a logical switch is what a host has of it, ports of the integration bridge.

    Raises:
        TopologyError: With all errors.
    """
    topology = load_topology(variables)
    parts = cut(topology)
    return _build(parts.built if as_built else parts.local), topology.name


def _build(topology: declared.Topology) -> Diagram:
    nat = tuple(_build_nat(rule, topology.bridges) for rule in topology.nat)
    on_host = [end for end in topology.ends() if end.namespace is None]
    published = _collect_published(topology)
    policies = Policies(topology).by_namespace
    boxes = [
        Box(
            namespace_key(namespace.name),
            tuple(_build_interface(end) for end in topology.ends() if end.namespace == namespace.name),
            notes=(
                *([place_note(namespace.host)] if namespace.host is not None else ()),
                *published.get(namespace.name, ()),
                *_build_policy_notes(policies.get(namespace.name)),
            ),
        )
        for namespace in topology.namespaces
    ]
    links = IsolatedLinks(topology)
    boxes += [
        Box(
            bridge_key(bridge.name),
            (_build_local(bridge),),
            notes=(
                *([mesh_note(bridge.mesh.kind, bridge.mesh.key, bridge.mesh.gateway)] if bridge.mesh else ()),
                *_build_notes(links, bridge.name),
                *(port_note(describe_port(port)) for port in bridge.ports),
                *(mirror_note({"name": mirror.name, **mirror.options}) for mirror in bridge.mirrors),
                *([flows_note(len(bridge.flows))] if bridge.flows else ()),
            ),
        )
        for bridge in topology.bridges
    ]
    own = {bridge.name for bridge in topology.bridges}
    others = {end.bridge for namespace in topology.namespaces for end in namespace.interfaces} - own - {None}
    boxes += [Box(bridge_key(str(name))) for name in sorted(map(str, others))]
    if on_host or any(rule.origin == HOST for rule in nat):
        boxes.append(Box(HOST, tuple(map(_build_interface, on_host))))
    if nat:
        boxes.append(Box(OUTSIDE))
    return Diagram(tuple(boxes), tuple(_build_connections(topology)), nat)


def _collect_published(topology: declared.Topology) -> dict[str, dict[Note, None]]:
    """Return the notes of the namespaces that ports lead to."""
    found: dict[str, dict[Note, None]] = {}
    for forward in topology.forwards:
        note = published_note(forward.protocol, forward.ports, forward.options.get("to_port"))
        for target in topology.forward_targets.get(forward.to, ()):
            found.setdefault(target.namespace, {})[note] = None
    return found


def _build_policy_notes(policy: Policy | None) -> Iterator[Note]:
    """Yield for each direction what becomes of the connections that no rule is about."""
    for word, direction in (("incoming", IN), ("outgoing", OUT)):
        if policy is not None and policy.limits(direction):
            yield policy_note(word, policy.default(direction) == DENY)


def _build_notes(links: IsolatedLinks, bridge: str) -> Iterator[Note]:
    """Yield what the host forwards to and from a bridge, or what its namespaces reach by the host."""
    if bridge in links.open:
        yield OPEN
    else:
        found = (str(reach.network) for reach in links.reached.get(bridge, ()))
        yield from map(reaching_note, dict.fromkeys(found))


def _build_interface(end: declared.End) -> Interface:
    return Interface(
        end.name,
        None if end.addresses is None else tuple(map(str, end.addresses)),
        enabled=end.options.get("enabled", True),
        mac=end.options.get("mac"),
        mtu=end.options.get("mtu"),
    )


def _build_local(bridge: declared.Bridge) -> Interface:
    return Interface(
        bridge.name,
        None if bridge.addresses is None else tuple(map(str, bridge.addresses)),
        enabled=bridge.enabled,
        mac=bridge.switch.get("mac"),
        mtu=bridge.switch.get("mtu"),
    )


def _build_connections(topology: declared.Topology) -> Iterator[Connection]:
    for namespace in topology.namespaces:
        for interface in namespace.interfaces:
            if interface.bridge is not None:
                yield Connection(
                    End(namespace_key(interface.namespace), interface.name),
                    End(bridge_key(interface.bridge), interface.peer),
                    format_vlans(interface.port.get("tag"), interface.port.get("trunks", ())),
                )
    for link in topology.links:
        near, far = (End(namespace_key(end.namespace), end.name) for end in (link.near, link.far))
        yield Connection(near, far)


def _build_nat(rule: declared.Nat, bridges: Iterable[declared.Bridge]) -> Nat:
    source = str(rule.source)
    gateways = ((bridge.name, map(str, bridge.addresses or ())) for bridge in bridges)
    router = None if rule.exit is not None else rule.namespace
    return Nat(find_nat_origin(router, source, gateways), source, rule.options.get("out_interface") or "")


def find_nat_origin(namespace: str | None, source: str, bridges: Iterable[tuple[str, Iterable[str]]]) -> Key:
    """Return the box where the line to the outside begins: a router namespace, the network's bridge, or the host.

    Args:
        namespace: The router namespace of the NAT rule; None is the host.
        source: The network of the NAT rule.
        bridges: The name and the addresses of each bridge.
    """
    if namespace is not None:
        return namespace_key(namespace)
    network = ipaddress.ip_network(source, strict=False)
    for name, addresses in bridges:
        if any(ipaddress.ip_interface(address).ip in network for address in addresses):
            return bridge_key(name)
    return HOST

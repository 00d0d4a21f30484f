# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The summary of a topology: what it declares, one line each, for a person. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.nat_values import format_pool
from ansible_collections.netns.fabric.plugins.module_utils._core.policies import DENY
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Interface
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.bridge_ports import describe_port
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.exits import exits_of, published_at
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.forwards import resolve_targets
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.isolated_links import IsolatedLinks
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.leases import leased_by_others
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_model import ROUTER
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    Bridge,
    End,
    Forward,
    Link,
    Namespace,
    Nat,
    PolicyEntry,
    Route,
    Selector,
    Topology,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.placement import Parts
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policies import Policies
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.published import outside_paths
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.shapes import describe_shape
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.switching import describe_switching

#: Entries of one kind that are listed; a page is read, a thousand lines are not.
ENTRIES_MAX = 20


def summarize(parts: Parts, policies: Policies) -> list[str]:
    """Return the summary's lines, about what the host has."""
    topology, others = parts.local, parts.others
    if topology.state == "absent":
        return [f"topology {topology.name}: absent"]
    ends: dict[str | None, list[End]] = {}
    for end in topology.ends():
        ends.setdefault(end.namespace, []).append(end)
    counts = (
        _count(topology.namespaces, "namespace"),
        _count(topology.bridges, "bridge"),
        _count(topology.links, "link"),
        _count(topology.nat, "NAT rule"),
        *([_count(topology.forwards, "published port")] if topology.forwards else []),
        *([_count(topology.policies, "policy", "policies")] if topology.policies else []),
    )
    return [
        f"topology {topology.name}: {', '.join(counts)}{_count_others(others)}",
        *_list_some(topology.namespaces, lambda namespace: _format_namespace(namespace, ends.get(namespace.name, []))),
        *_format_host(topology),
        *_format_bridges(topology),
        *_list_some(topology.links, _format_link),
        *_list_some(topology.nat, _format_nat),
        *_list_some(topology.forwards, lambda forward: _format_forward(parts.view, forward)),
        *_list_some(topology.policies, _format_policy),
        *_list_some(_denying(policies, others), str),
        *_list_some(
            tuple(IsolatedLinks(parts.view).open), lambda name: f"  {name} is open: the host forwards to and from it"
        ),
    ]


def _count(entries: tuple[Any, ...], noun: str, plural: str = "") -> str:
    return f"{len(entries) or 'no'} {noun if len(entries) == 1 else plural or noun + 's'}"


def _list_some(entries: tuple[Any, ...], format_entry: Callable[[Any], str]) -> Iterator[str]:
    for entry in entries[:ENTRIES_MAX]:
        yield format_entry(entry)
    if len(entries) > ENTRIES_MAX:
        yield f"  ... and {len(entries) - ENTRIES_MAX} more"


def _format_addresses(addresses: tuple[Interface, ...] | None) -> str:
    return " ".join(str(address) for address in addresses) if addresses else "no address"


def _format_namespace(namespace: Namespace, ends: Iterable[End]) -> str:
    parts = [f"{_format_link_name(end)} {_format_addresses(end.addresses)}{_format_notes(end)}" for end in ends]
    parts += [f"{route.destination_text} {_format_way(route)}" for route in namespace.routes]
    parts += [f"{len(found)} {what}" for what, found in _others(namespace) if found]
    return f"  namespace {namespace.name}: {', '.join(parts) or 'empty'}"


def _format_host(topology: Topology) -> Iterator[str]:
    if topology.host:
        yield _format_namespace(topology.host, topology.host_links).replace("  namespace :", "  host:", 1)


def _format_link_name(end: End) -> str:
    """Return an interface's name, with the kind of one that is created, and what one that moves is on the host."""
    if not isinstance(end, Attachment):
        return end.name
    return f"{end.kind} {end.name}" if end.kind else f"{end.name} (the host's {end.nic})" if end.nic else end.name


def _format_way(route: Route) -> str:
    """Return where a route leads to, or how it refuses packets."""
    if route.kind != "unicast":
        return route.kind
    ways = []
    for hop in route.hops:
        way = [f"via {hop.gateway}"] if hop.gateway else []
        way += [f"dev {hop.device}"] if hop.device else []
        ways.append(" ".join(way))
    return " or ".join(ways)


def _others(namespace: Namespace) -> Iterator[tuple[str, Sequence[object]]]:
    of_host = [] if namespace.name else [*namespace.options.get("sysctls", ())]
    others = (("rule", namespace.rules), ("static neighbour", namespace.neighbours), ("kernel parameter", of_host))
    for what, found in others:
        yield what if len(found) == 1 else f"{what}s", found


def _format_notes(end: End) -> str:
    leased = " (by DHCP)" if isinstance(end, Attachment) and end.dhcp else ""
    return leased + (f" ({describe_shape(end.shape)})" if end.shape else "")


def _format_bridges(topology: Topology) -> Iterator[str]:
    ports: dict[str, list[str]] = {bridge.name: [] for bridge in topology.bridges}
    for bridge in topology.bridges:
        ports[bridge.name] += map(describe_port, bridge.ports)
    for namespace in topology.namespaces:
        for end in namespace.interfaces:
            if end.bridge is not None:
                tag = f" (VLAN {end.port['tag']})" if "tag" in end.port else ""
                ports[end.bridge].append(end.peer + tag)
    yield from _list_some(topology.bridges, lambda bridge: _format_bridge(bridge, ports[bridge.name]))


def _format_bridge(bridge: Bridge, ports: Sequence[str]) -> str:
    more = f" and {len(ports) - ENTRIES_MAX} more" if len(ports) > ENTRIES_MAX else ""
    listed = f"ports {', '.join(ports[:ENTRIES_MAX])}{more}" if ports else "no ports"
    over = f", {bridge.mesh.kind} mesh {bridge.mesh.key}" if bridge.mesh else ", a logical switch of OVN"
    over += " with DHCP" if bridge.dhcp else ""
    over = over if bridge.mesh or bridge.logical else ""
    parts = [_format_addresses(bridge.addresses), f"{listed}{over}", *describe_switching(bridge)]
    return f"  bridge {bridge.name}: {', '.join(parts)}"


def _format_link(link: Link) -> str:
    near, far = (
        f"{end.namespace or 'host'} {end.name} {_format_addresses(end.addresses)}" for end in (link.near, link.far)
    )
    return f"  link {near} <-> {far}"


def _format_policy(entry: PolicyEntry) -> str:
    what = [f"ICMP {kind}" for kind in entry.icmp_types] or [f"{entry.protocol}/{port}" for port in entry.ports]
    services = ", ".join(what) or entry.protocol or "everything"
    sides = f"from {_format_side(entry.source)} to {_format_side(entry.destination)}"
    return f"  policy {entry.priority}: {entry.action} {services} {sides}" + (" (logged)" if entry.log else "")


def _format_side(selector: Selector | None) -> str:
    if selector is None:
        return "anybody"
    parts = [
        *(f"namespace {name}" for name in selector.namespaces),
        *(f"group {name}" for name in selector.groups),
        *(f"bridge {name}" for name in selector.bridges),
        *map(str, selector.networks),
        *(["outside"] if selector.outside else []),
        *(["the host"] if selector.host else []),
    ]
    return " and ".join(parts)


def _count_others(others: Collection[str]) -> str:
    return f" (and {len(others)} on other hosts)" if others else ""


def _denying(policies: Policies, others: Collection[str]) -> tuple[str, ...]:
    """Return a line for each namespace of the host that denies connections by default."""
    return tuple(
        f"  namespace {name} denies other {' and '.join(words)} connections"
        for name, policy in policies.by_namespace.items()
        if name not in others and (words := [way for way in ("incoming", "outgoing") if getattr(policy, way) == DENY])
    )


def _format_router(rule: Nat | Forward) -> str:
    if rule.namespace == ROUTER:
        gateways = f" on {' or '.join(rule.exit.gateways)}" if isinstance(rule, Nat) and rule.exit else ""
        return f"the logical router{gateways}"
    return f"namespace {rule.namespace}" if rule.namespace else "the host"


def _format_nat(rule: Nat) -> str:
    out = f" out of {rule.options['out_interface']}" if "out_interface" in rule.options else ""
    if rule.exit is not None:
        return f"  NAT {rule.source}, translated to {rule.exit.address.ip} by {_format_router(rule)}"
    how = f"translated to {format_pool(rule.pool)}" if rule.pool else "masqueraded"
    excluded = f", but not to {' and '.join(map(str, rule.excluded))}" if rule.excluded else ""
    clamped = ", segments limited to the path" if rule.options.get("clamp_mss") else ""
    return f"  NAT {rule.source}{out}, {how} by {_format_router(rule)}{excluded}{clamped}"


def _format_forward(topology: Topology, forward: Forward) -> str:
    at = f" at {forward.address}" if forward.address else ""
    on = f" on {forward.options['in_interface']}" if "in_interface" in forward.options else ""
    on += " and at 127.0.0.1" if forward.options.get("loopback") else ""
    port = forward.options.get("to_port", forward.ports)
    to = " and ".join(str(target.ip) for target in resolve_targets(topology, forward))
    name = f" ({forward.to})" if isinstance(forward.to, str) else ""
    published = f"port {forward.ports}/{forward.protocol} of {_format_router(forward)}{at}{on}"
    clients = f", for {' and '.join(map(str, forward.sources))} only" if forward.sources else ""
    return f"  {published} is forwarded to {to}{name} port {port}{clients}{_explain_no_probe(topology, forward)}"


def _explain_no_probe(topology: Topology, forward: Forward) -> str:
    """Return why nothing shows that the logical router publishes a port; empty where something does."""
    known = leased_by_others(topology)
    if not forward.by_router or not topology.verify or any(outside_paths(known, forward)):
        return ""
    at = {address for address, _target in published_at(topology, forward)}
    if any(probe.to in at and probe.port == forward.port_range[0] for probe in topology.probes):
        return ""
    networks = " or ".join(str(way.address.network) for way in exits_of(topology))
    cause = f"no link outside with an address in {networks} is declared for this host"
    return f" (not probed: {cause if any(published_at(known, forward)) else 'a DHCP client sets the address'})"

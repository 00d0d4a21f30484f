# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The summary of a topology: what it declares, one line each, for a person. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Interface
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.forwards import resolve_targets
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.isolated_links import IsolatedLinks
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Bridge,
    End,
    Forward,
    Link,
    Namespace,
    Nat,
    Topology,
)

#: Entries of one kind that are listed; a page is read, a thousand lines are not.
ENTRIES_MAX = 20


def summarize(topology: Topology) -> list[str]:
    """Return the summary's lines."""
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
    )
    return [
        f"topology {topology.name}: {', '.join(counts)}",
        *_list_some(topology.namespaces, lambda namespace: _format_namespace(namespace, ends.get(namespace.name, []))),
        *_format_bridges(topology),
        *_list_some(topology.links, _format_link),
        *_list_some(topology.nat, _format_nat),
        *_list_some(topology.forwards, lambda forward: _format_forward(topology, forward)),
        *_list_some(
            tuple(IsolatedLinks(topology).open), lambda name: f"  {name} is open: the host forwards to and from it"
        ),
    ]


def _count(entries: tuple[Any, ...], noun: str) -> str:
    return f"{len(entries) or 'no'} {noun}{'' if len(entries) == 1 else 's'}"


def _list_some(entries: tuple[Any, ...], format_entry: Callable[[Any], str]) -> Iterator[str]:
    for entry in entries[:ENTRIES_MAX]:
        yield format_entry(entry)
    if len(entries) > ENTRIES_MAX:
        yield f"  ... and {len(entries) - ENTRIES_MAX} more"


def _format_addresses(addresses: tuple[Interface, ...] | None) -> str:
    return " ".join(str(address) for address in addresses) if addresses else "no address"


def _format_namespace(namespace: Namespace, ends: Iterable[End]) -> str:
    parts = [f"{end.name} {_format_addresses(end.addresses)}" for end in ends]
    for route in namespace.routes:
        nexthop = [f"via {route.gateway}"] if route.gateway else []
        nexthop += [f"dev {route.device}"] if route.device else []
        parts.append(f"{route.destination_text} {' '.join(nexthop)}")
    return f"  namespace {namespace.name}: {', '.join(parts) or 'empty'}"


def _format_bridges(topology: Topology) -> Iterator[str]:
    ports: dict[str, list[str]] = {bridge.name: [] for bridge in topology.bridges}
    for namespace in topology.namespaces:
        for end in namespace.interfaces:
            if end.bridge is not None:
                tag = f" (VLAN {end.port['tag']})" if "tag" in end.port else ""
                ports[end.bridge].append(end.peer + tag)
    yield from _list_some(topology.bridges, lambda bridge: _format_bridge(bridge, ports[bridge.name]))


def _format_bridge(bridge: Bridge, ports: Sequence[str]) -> str:
    more = f" and {len(ports) - ENTRIES_MAX} more" if len(ports) > ENTRIES_MAX else ""
    listed = f"ports {', '.join(ports[:ENTRIES_MAX])}{more}" if ports else "no ports"
    return f"  bridge {bridge.name}: {_format_addresses(bridge.addresses)}, {listed}"


def _format_link(link: Link) -> str:
    near, far = (
        f"{end.namespace or 'host'} {end.name} {_format_addresses(end.addresses)}" for end in (link.near, link.far)
    )
    return f"  link {near} <-> {far}"


def _format_router(rule: Nat | Forward) -> str:
    return f"namespace {rule.namespace}" if rule.namespace else "the host"


def _format_nat(rule: Nat) -> str:
    out = f" out of {rule.options['out_interface']}" if "out_interface" in rule.options else ""
    return f"  NAT {rule.source}{out}, masqueraded by {_format_router(rule)}"


def _format_forward(topology: Topology, forward: Forward) -> str:
    at = f" at {forward.address}" if forward.address else ""
    on = f" on {forward.options['in_interface']}" if "in_interface" in forward.options else ""
    port = forward.options.get("to_port", forward.ports)
    to = " and ".join(str(target.ip) for target in resolve_targets(topology, forward))
    name = f" ({forward.to})" if isinstance(forward.to, str) else ""
    published = f"port {forward.ports}/{forward.protocol} of {_format_router(forward)}{at}{on}"
    return f"  {published} is forwarded to {to}{name} port {port}"

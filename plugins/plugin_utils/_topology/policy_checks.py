# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks the policies of a topology: what they select, and that they do not contradict each other. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from ansible_collections.netns.fabric.plugins.module_utils._core.transports import port_range
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Network
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors, suggest
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import PolicyEntry, Selector, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policies import Policies, Side


def check_policies(topology: Topology, errors: Errors) -> None:
    """Note every error in the policies."""
    policies = Policies(topology)
    for entry in topology.policies:
        for side, selector in (("from", entry.source), ("to", entry.destination)):
            if selector is not None:
                _check_selector(f"{entry.path} {side}", selector, policies, errors)
        _check_enforced(entry, policies, errors)
    _check_contradictions(policies, errors)


def _check_selector(path: str, selector: Selector, policies: Policies, errors: Errors) -> None:
    """Check that what a selector names exists, and has addresses."""
    topology = policies.topology
    declared = {namespace.name for namespace in topology.namespaces}
    bridges = {bridge.name for bridge in topology.bridges}
    labels = {label for namespace in topology.namespaces for label in namespace.labels}
    known = (
        ("namespaces", selector.namespaces, declared, "is not in `topology_namespaces`", "namespaces"),
        ("bridges", selector.bridges, bridges, "is not in `topology_bridges`", "bridges"),
        (
            "groups",
            selector.groups,
            labels,
            "is not a label of any namespace, so that the group is empty",
            "namespaces",
        ),
    )
    for option, names, existing, cause, variable in known:
        for name in names:
            if name not in existing and variable not in topology.incomplete:
                errors.add(path, option, f"{name!r} {cause}; {suggest(name, sorted(existing))}")
    for bridge in selector.bridges:
        if (
            bridge in bridges
            and not policies.members.get(("bridge", bridge))
            and "namespaces" not in topology.incomplete
        ):
            errors.add(path, "bridges", f"no namespace has an interface on {bridge!r}; name another bridge, or omit it")
    side = policies.side(selector)
    for name in sorted(side.namespaces & declared) if side else ():
        if not policies.addresses.get(name) and not _is_incomplete(name, topology):
            errors.add(
                path,
                "namespaces",
                f"{name!r} has no declared address, and a policy knows a namespace by its addresses; declare them",
            )
    if selector.host and not policies.addresses.get(None) and "bridges" not in topology.incomplete:
        errors.add(path, "host", "the host has no address on a link of the topology; declare one, or use `networks`")


def _is_incomplete(name: str, topology: Topology) -> bool:
    """Return whether addresses of a namespace are missing because they are invalid."""
    return (
        "links" in topology.incomplete
        or any(namespace.incomplete for namespace in topology.namespaces if namespace.name == name)
        or any(end.incomplete for end in topology.ends() if end.namespace == name)
    )


def _check_enforced(entry: PolicyEntry, policies: Policies, errors: Errors) -> None:
    """Check that there is a namespace which can enforce a policy."""
    if entry.source is None and entry.destination is None:
        errors.add(
            entry.path,
            "",
            "has neither `from` nor `to`; add one, or set `incoming` and `outgoing` of namespaces or bridges, which "
            "say what becomes of all other connections",
        )
        return
    sides = [policies.side(selector) for selector in (entry.source, entry.destination)]
    names = [namespace.name for namespace in policies.topology.namespaces]
    if all(side is not None and not any(policies.selects(side, name) for name in names) for side in sides):
        errors.add(
            entry.path,
            "",
            "selects no namespace on either side, and a policy is enforced in namespaces; add `namespaces`, `groups` "
            "or `bridges` to one of them",
        )


def _check_contradictions(policies: Policies, errors: Errors) -> None:
    """Check that no two policies of one priority say different things of the same connection."""
    by_priority: dict[int, list[PolicyEntry]] = {}
    for entry in policies.topology.policies:
        by_priority.setdefault(entry.priority, []).append(entry)
    for entries in by_priority.values():
        for first, second in combinations(entries, 2):
            if first.action != second.action and _overlap(first, second, policies):
                errors.add(
                    second.path,
                    "priority",
                    f"is {second.priority} as that of {first.path}, and both are about some of the same connections: "
                    f"one says {first.action}, the other {second.action}; give the one that is to be tried first a "
                    "lower `priority`",
                )


def _overlap(first: PolicyEntry, second: PolicyEntry, policies: Policies) -> bool:
    if None not in (first.protocol, second.protocol) and first.protocol != second.protocol:
        return False
    if first.ports and second.ports and not _ports_overlap(first.ports, second.ports):
        return False
    if first.icmp_types and second.icmp_types and not set(first.icmp_types) & set(second.icmp_types):
        return False
    return all(
        _sides_overlap(policies.side(one), policies.side(other), policies)
        for one, other in ((first.source, second.source), (first.destination, second.destination))
    )


def _ports_overlap(first: Iterable[str], second: Iterable[str]) -> bool:
    return any(
        low <= end and start <= high for low, high in map(port_range, first) for start, end in map(port_range, second)
    )


def _sides_overlap(one: Side | None, other: Side | None, policies: Policies) -> bool:
    if one is None or other is None:
        return True
    if one.namespaces & other.namespaces or (one.outside and other.outside) or (one.host and other.host):
        return True
    for side, against in ((one, other), (other, one)):
        if side.outside and any(_reaches_outside(network, policies.networks) for network in against.networks):
            return True
    return any(network.overlaps(far) for network in one.networks for far in (*other.networks, *other.addresses)) or any(
        network.overlaps(far) for network in one.addresses for far in other.networks
    )


def _reaches_outside(network: Network, networks: Iterable[Network]) -> bool:
    return not any(known.overlaps(network) and known.prefixlen <= network.prefixlen for known in networks)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kernel parameters of links that are declared with their namespace. Pure.

net.ipv4.conf.eth0.rp_filter exists once eth0 does, and is lost with it: it is set with the interface, not with the
namespace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import parse_value, split_key
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import End, Namespace, Topology

SomeEnd = TypeVar("SomeEnd", bound=End)

#: By namespace, link and name without the link: the value.
Assigned = dict[tuple[str, str], dict[str, Any]]


def check_sysctls(topology: Topology, errors: Errors) -> None:
    """Check that an interface and its namespace do not contradict each other."""
    ends = {(end.namespace, end.name): end for end in topology.ends()}
    for namespace in topology.namespaces:
        for key, link, short, value in _of_links(namespace):
            end = ends.get((namespace.name, link))
            own = end.options.get("sysctls", {}) if end else {}
            if end and short in own and own[short] is not None and parse_value(own[short]) != parse_value(value):
                errors.add(
                    namespace.path,
                    f"sysctls.{key}",
                    f"is {value!r}, and `sysctls` of {end.path} has {short}: {own[short]!r}; remove one of them",
                )


def assign_sysctls(topology: Topology) -> Topology:
    """Return the topology with the parameters of declared interfaces at these, and no longer at their namespace."""
    declared = {(end.namespace, end.name) for end in topology.ends()}
    assigned: Assigned = {}
    namespaces = []
    for namespace in topology.namespaces:
        moved = [found for found in _of_links(namespace) if (namespace.name, found[1]) in declared]
        for _key, link, short, value in moved:
            assigned.setdefault((namespace.name, link), {})[short] = value
        namespaces.append(_without(namespace, {key for key, _link, _short, _value in moved}))
    if not assigned:
        return topology
    return replace(
        topology,
        namespaces=tuple(
            replace(each, interfaces=tuple(_with(end, assigned) for end in each.interfaces)) for each in namespaces
        ),
        links=tuple(
            replace(link, near=_with(link.near, assigned), far=_with(link.far, assigned)) for link in topology.links
        ),
    )


def _of_links(namespace: Namespace) -> Iterator[tuple[str, str, str, Any]]:
    """Yield the parameters of links: the full name, the link, the name without the link, and the value."""
    for key, value in namespace.options.get("sysctls", {}).items():
        found = split_key(key)
        if found is not None and value is not None:
            yield key, found[1], f"{found[0]}.{found[2]}", value


def _without(namespace: Namespace, keys: set[str]) -> Namespace:
    if not keys:
        return namespace
    left = {key: value for key, value in namespace.options["sysctls"].items() if key not in keys}
    options: Mapping[str, Any] = {key: value for key, value in namespace.options.items() if key != "sysctls"}
    return replace(namespace, options={**options, "sysctls": left} if left else options)


def _with(end: SomeEnd, assigned: Assigned) -> SomeEnd:
    more = assigned.get((end.namespace or "", end.name))
    if not more:
        return end
    return replace(end, options={**end.options, "sysctls": {**more, **end.options.get("sysctls", {})}})

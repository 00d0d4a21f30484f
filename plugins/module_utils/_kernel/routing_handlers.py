# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the operations on routes, rules and neighbours are executed, see handlers.py."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from ansible_collections.netns.fabric.plugins.module_utils._kernel import routing_messages, routing_requests, undo
from ansible_collections.netns.fabric.plugins.module_utils._kernel import routing_operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.batch import Batch
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandles
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    RTM_DELNEIGH,
    RTM_DELROUTE,
    RTM_DELRULE,
    RTM_NEWNEIGH,
    RTM_NEWROUTE,
    RTM_NEWRULE,
)

# Routes


def add_route(handles: NamespaceHandles, operation: op.AddRoute, batch: Batch) -> None:
    route = operation.route
    indexes = _indexes(handles, operation.namespace, route)
    request = routing_requests.route_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route, indexes)

    def remove() -> None:
        removal = routing_requests.route_request(RTM_DELROUTE, 0, route, indexes)
        handles.request(operation.namespace, removal, errno.ESRCH, errno.ENODEV)

    batch.add(operation, operation.namespace, request, remove)


def remove_route(handles: NamespaceHandles, operation: op.RemoveRoute, batch: Batch) -> None:
    indexes = _indexes(handles, operation.namespace, operation.route)
    request = routing_requests.route_request(RTM_DELROUTE, 0, operation.route, indexes)
    batch.capture_contents(operation.namespace)
    batch.add(operation, operation.namespace, request, undo.do_nothing)


def _indexes(handles: NamespaceHandles, namespace: NamespaceName, route: op.RouteSpec) -> dict[str, int]:
    return {name: handles.get(namespace).index(name) for name in dict.fromkeys(_links_of(route))}


def _links_of(route: op.RouteSpec) -> Iterator[str]:
    yield from filter(None, (route.device, *(hop.device for hop in route.next_hops)))


# Rules


def add_rule(handles: NamespaceHandles, operation: op.AddRule, batch: Batch) -> None:
    rule = operation.rule
    request = routing_requests.rule_request(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule)

    def remove() -> None:
        handles.request(operation.namespace, routing_requests.rule_request(RTM_DELRULE, 0, rule), errno.ENOENT)

    batch.add(operation, operation.namespace, request, remove)


def remove_rule(_handles: NamespaceHandles, operation: op.RemoveRule, batch: Batch) -> None:
    """Remove a rule by all that the kernel has reported of it, so that no other one is hit."""
    for dumped in batch.capture_rules(operation.namespace):
        if routing_messages.parse_rule(dumped) == operation.rule:
            request = routing_requests.replay_rule(dumped, RTM_DELRULE, 0)
            batch.add(operation, operation.namespace, request, undo.do_nothing)
            return


# Neighbours


def set_neighbour(handles: NamespaceHandles, operation: op.SetNeighbour, batch: Batch) -> None:
    neighbour, namespace = operation.neighbour, operation.namespace
    index = handles.get(namespace).index(neighbour.device)
    request = routing_requests.neighbour_request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, neighbour, index)
    # Of what the kernel has found out on its own there is nothing to restore: it finds it out again.
    batch.capture_contents(namespace).touched[index] = neighbour.device

    def remove() -> None:
        removal = routing_requests.neighbour_request(RTM_DELNEIGH, 0, neighbour, index)
        handles.request(namespace, removal, errno.ENOENT, errno.ENODEV, errno.ENXIO)

    batch.add(operation, namespace, request, remove)


def remove_neighbour(handles: NamespaceHandles, operation: op.RemoveNeighbour, batch: Batch) -> None:
    neighbour, namespace = operation.neighbour, operation.namespace
    index = handles.get(namespace).index(neighbour.device)
    batch.capture_contents(namespace).touched[index] = neighbour.device
    request = routing_requests.neighbour_request(RTM_DELNEIGH, 0, neighbour, index)
    batch.add(operation, namespace, request, undo.do_nothing)

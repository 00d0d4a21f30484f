# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores the routes, rules and neighbours that a call has lost, when it is rolled back."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ansible_collections.netns.fabric.plugins.module_utils._kernel import messages, routing_messages, routing_requests
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandle
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkError
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    NLM_F_CREATE,
    NLM_F_REPLACE,
    RTM_DELRULE,
    RTM_NEWNEIGH,
    RTM_NEWRULE,
)


def restore_routes(handle: NamespaceHandle, before: Sequence[bytes], links: Collection[int]) -> None:
    """Restore the routes that are gone, except those that the kernel itself adds for addresses and links.

    `links` are the indexes of those that exist: what another program has removed meanwhile was not lost by the call.
    """
    present = {messages.route_identity(raw) for raw in handle.routes()}
    missing = [
        raw
        for raw in before
        if not messages.is_kernel_route(raw)
        and messages.route_identity(raw) not in present
        and all(device in links for device in messages.parse_route(raw).devices)
    ]
    while missing:
        refusals = handle.socket.request_all([routing_requests.restore_route(raw) for raw in missing])
        refused = [(raw, refusal) for raw, refusal in zip(missing, refusals) if refusal is not None]
        if len(refused) == len(missing):
            raise NetlinkError(refused[0][1])
        missing = [raw for raw, _refusal in refused]  # one may lead to the gateway of another


def restore_rules(handle: NamespaceHandle, before: Sequence[bytes]) -> None:
    """Restore the rules, in their order: of those with the same priority the first that matches a packet counts.

    The kernel adds a rule behind all others of its priority. From the first one on that is not as before, those of a
    priority are therefore removed and added again.
    """
    now = _by_priority(handle.rules())
    for place, former in _by_priority(before).items():
        present = now.get(place, [])
        same = _common(former, present)
        removals = [routing_requests.replay_rule(raw, RTM_DELRULE, 0) for raw in present[same:]]
        additions = [routing_requests.replay_rule(raw, RTM_NEWRULE, NLM_F_CREATE) for raw in former[same:]]
        for refusal in handle.socket.request_all([*removals, *additions]):
            if refusal is not None:
                raise NetlinkError(refusal)


def _by_priority(rules: Sequence[bytes]) -> dict[tuple[int, int], list[bytes]]:
    found: dict[tuple[int, int], list[bytes]] = {}
    for raw in rules:
        rule = routing_messages.parse_rule(raw)
        found.setdefault((rule.version, rule.priority), []).append(raw)
    return found


def _common(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """Return how many rules are the same at the beginning of both."""
    parse = routing_messages.parse_rule
    for number, (left, right) in enumerate(zip(one, other)):
        if parse(left) != parse(right):
            return number
    return min(len(one), len(other))


def restore_neighbours(handle: NamespaceHandle, before: Sequence[bytes], indexes: Collection[int]) -> None:
    """Restore the static neighbours of these links, which the kernel deletes when a link goes down."""
    parse = routing_messages.parse_neighbour
    present = {parse(raw) for raw in handle.static_neighbours()}
    missing = [raw for raw in before if parse(raw) not in present and routing_messages.index_of(raw) in indexes]
    create = NLM_F_CREATE | NLM_F_REPLACE
    refusals = handle.socket.request_all(
        [routing_requests.replay_neighbour(raw, RTM_NEWNEIGH, create) for raw in missing]
    )
    for refusal in refusals:
        if refusal is not None:
            raise NetlinkError(refusal)

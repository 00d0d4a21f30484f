# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flows of a namespace that its policy no longer allows.

A packet of an established flow passes whatever the rules say of new ones: a flow that is no longer allowed ends with
its entry. The next packet of it begins another flow (net.netfilter.nf_conntrack_tcp_loose), which the rules refuse.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.policies import ALLOW, IN, OUT, Connection, Policy
from ansible_collections.netns.fabric.plugins.module_utils._core.transports import TRANSPORTS
from ansible_collections.netns.fabric.plugins.module_utils._firewall.flows import FlowSelection
from ansible_collections.netns.fabric.plugins.module_utils._kernel.conntrack import Flow, RouteLookup

_PROTOCOLS = {
    **{number: name for name, number in TRANSPORTS.items()},
    socket.IPPROTO_ICMP: "icmp",
    socket.IPPROTO_ICMPV6: "icmp",
}


@dataclass(frozen=True)
class PolicyFlows(FlowSelection):
    """The flows that begin or end in a namespace, and the policy that decides on them."""

    ip_version: int
    policy: Policy

    @property
    def version(self) -> int:
        return self.ip_version

    @property
    def is_removal(self) -> bool:
        return False

    def covers(self, flow: Flow, routes: RouteLookup) -> bool:
        return bool(_directions(flow, routes))

    def is_as_planned(self, flow: Flow, routes: RouteLookup) -> bool:
        return all(
            self.policy.decide(direction, _connection(flow, direction)) in (ALLOW, None)
            for direction in _directions(flow, routes)
        )


def _directions(flow: Flow, routes: RouteLookup) -> list[str]:
    """Return whether a flow comes in or goes out; neither for one within the namespace, or that it forwards."""
    # Filters see the destination as it was translated, and the source as it was sent.
    begins, ends = routes.is_local(flow.sent.source), routes.is_local(flow.answer.source)
    if begins == ends:
        return []
    return [OUT] if begins else [IN]


def _connection(flow: Flow, direction: str) -> Connection:
    source, destination = flow.sent.source, flow.answer.source
    local, peer = (destination, source) if direction == IN else (source, destination)
    protocol = _PROTOCOLS.get(flow.sent.protocol, str(flow.sent.protocol))
    return Connection(local, peer, protocol, flow.answer.source_port, flow.sent.icmp_type)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flows that a policy no longer allows."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.policies import DENY, OUT, Policy, PolicyRule
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._firewall.policy_flows import PolicyFlows
from ansible_collections.netns.fabric.plugins.module_utils._kernel.conntrack import Flow, Packet, RouteLookup

OWN = "10.0.0.1"


class Routes(RouteLookup):
    """A namespace with the address OWN."""

    def is_local(self, address: Address) -> bool:
        return str(address) in (OWN, "127.0.0.1")


def flow(
    source: str, destination: str, port: int = 80, protocol: int = 6, icmp_type: int | None = None, answers: str = ""
) -> Flow:
    """Return a flow; `answers`: the address that its destination was translated to."""
    one, other, far = (ip_address(text) for text in (source, destination, answers or destination))
    return Flow(Packet(one, other, protocol, 4000, port, icmp_type), Packet(far, one, protocol, port, 4000, icmp_type))


POLICY = Policy(
    incoming=DENY,
    outgoing=DENY,
    rules=(
        PolicyRule(protocol="tcp", ports=("80",), peers=(ip_network("10.0.0.2/32"),)),
        PolicyRule(direction=OUT, peers=(ip_network("10.0.0.3/32"),)),
        PolicyRule(protocol="icmp", icmp_types=("echo-request",)),
    ),
)


@pytest.mark.parametrize(
    ("given", "covered", "planned"),
    [
        (flow("10.0.0.2", OWN), True, True),
        (flow("10.0.0.2", OWN, 81), True, False),
        (flow("10.0.0.3", OWN), True, False),
        (flow(OWN, "10.0.0.3"), True, True),
        (flow(OWN, "10.0.0.2"), True, False),
        # Translated: the filter on the way out sees the real destination.
        (flow(OWN, "192.0.2.1", answers="10.0.0.3"), True, True),
        (flow("10.0.0.2", OWN, 1, 1, 8), True, True),
        (flow("10.0.0.2", OWN, 1, 1, 13), True, False),
        # Within the namespace, and forwarded.
        (flow(OWN, OWN), False, True),
        (flow("10.0.0.2", "10.0.0.3"), False, True),
        (flow("10.0.0.2", OWN, answers="10.8.0.1"), False, True),
    ],
)
def test_flows(given: Flow, covered: bool, planned: bool) -> None:
    selection = PolicyFlows(4, POLICY)
    assert selection.covers(given, Routes()) is covered
    assert selection.is_as_planned(given, Routes()) is planned
    assert (selection.version, selection.is_removal) == (4, False)

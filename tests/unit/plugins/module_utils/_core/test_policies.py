# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of a connection by a policy."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.policies import (
    ALLOW,
    DENY,
    DROP,
    IN,
    OUT,
    REJECT,
    Connection,
    Policy,
    PolicyRule,
)

OWN, PEER, OTHER = "10.0.0.1", "10.0.0.2", "10.9.0.2"


def connection(
    protocol: str = "tcp", port: int | None = 80, peer: str = PEER, icmp_type: int | None = None
) -> Connection:
    own = "fd00::1" if ":" in peer else OWN
    return Connection(ip_address(own), ip_address(peer), protocol, port, icmp_type)


def rule(action: str, **options: Any) -> PolicyRule:
    networks: dict[str, Any] = {
        name: tuple(map(ip_network, options.pop(name, ()))) for name in ("peers", "excluded", "local")
    }
    return PolicyRule(action=action, **networks, **options)


PING, REPLY, ERROR = (connection("icmp", None, icmp_type=number) for number in (8, 0, 3))
PING6, NEIGHBOUR6 = (connection("icmp", None, "fd00::2", number) for number in (128, 135))
UNKNOWN = connection(port=None)


@pytest.mark.parametrize(
    ("rules", "given", "expected"),
    [
        ([], connection(), DROP),
        ([rule(ALLOW)], connection(), ALLOW),
        ([rule(ALLOW, protocol="udp")], connection(), DROP),
        ([rule(ALLOW, protocol="tcp", ports=("80",))], connection(), ALLOW),
        ([rule(ALLOW, protocol="tcp", ports=("443", "8000-8010"))], connection(port=8010), ALLOW),
        ([rule(ALLOW, protocol="tcp", ports=("443", "8000-8010"))], connection(port=8011), DROP),
        ([rule(ALLOW, peers=["10.0.0.0/24"])], connection(peer=OTHER), DROP),
        ([rule(ALLOW, peers=["10.0.0.0/24"])], connection(peer="fd00::2"), DROP),
        ([rule(ALLOW, excluded=["10.0.0.0/24"])], connection(peer=OTHER), ALLOW),
        ([rule(ALLOW, excluded=["10.0.0.0/24"])], connection(), DROP),
        ([rule(ALLOW, local=["10.0.0.1/32"])], connection(), ALLOW),
        ([rule(ALLOW, local=["10.0.0.9/32"])], connection(), DROP),
        # The lowest priority first, and equal ones in their order.
        ([rule(ALLOW), rule(REJECT, priority=1)], connection(), REJECT),
        ([rule(REJECT), rule(ALLOW)], connection(), REJECT),
        ([rule(ALLOW, direction=OUT)], connection(), DROP),
        # A port that is not known leaves open what depends on it.
        ([rule(ALLOW, protocol="tcp", ports=("80",))], UNKNOWN, None),
        ([rule(DROP, protocol="tcp", ports=("80",))], UNKNOWN, DROP),
        ([rule(DROP, protocol="tcp", ports=("80",)), rule(ALLOW)], UNKNOWN, None),
        ([rule(ALLOW, protocol="icmp", icmp_types=("echo-request",))], PING, ALLOW),
        ([rule(ALLOW, protocol="icmp", icmp_types=("echo-request",))], PING6, ALLOW),
        ([rule(ALLOW, protocol="icmp", icmp_types=("echo-request",))], REPLY, DROP),
        ([rule(ALLOW, protocol="icmp", icmp_types=("timestamp-request",))], PING6, DROP),
        ([rule(ALLOW, protocol="icmp", icmp_types=("echo-request",))], connection("icmp", None), None),
        ([], ERROR, ALLOW),
        ([rule(DROP)], NEIGHBOUR6, ALLOW),
        ([], PING6, DROP),
    ],
)
def test_decision(rules: list[PolicyRule], given: Connection, expected: str | None) -> None:
    assert Policy(incoming=DENY, rules=tuple(rules)).decide(IN, given) == expected


def test_the_other_direction_has_its_own_default() -> None:
    policy = Policy(outgoing=DENY)
    assert (policy.decide(IN, connection()), policy.decide(OUT, connection())) == (ALLOW, DROP)
    assert (policy.limits(IN), policy.limits(OUT)) == (False, True)
    assert Policy(rules=(rule(ALLOW),)).limits(IN)

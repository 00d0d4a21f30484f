# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of others that lead a published port elsewhere."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    IPTABLES_NFT,
    NFTABLES,
    Chain,
    Criterion,
    NftTable,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_conflicts import (
    describe_redirection,
    redirections,
    takes_packets_of,
)

LOCAL = ("198.51.100.1", "192.168.100.254")
PORT_80 = Criterion("tcp dport", "80")


def dnat(*criteria: Criterion, target: str = "10.0.0.1:80") -> Rule:
    return Rule(frozenset(criteria), "dnat", target)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (dnat(PORT_80), True),
        (dnat(Criterion("tcp dport", "70-90")), True),
        (dnat(Criterion("tcp dport", "81-90")), False),
        (dnat(Criterion("udp dport", "80")), False),
        (dnat(PORT_80, Criterion("fib daddr type", "local"), Criterion.other("meta nfproto")), True),
        (dnat(PORT_80, Criterion("saddr", "10.0.0.0/8")), False),
        (dnat(PORT_80, Criterion("daddr", "198.51.100.1/32")), True),
        (dnat(PORT_80, Criterion("daddr", "203.0.113.1/32")), False),
        (dnat(PORT_80, Criterion("iifname", "docker0", negated=True)), True),
        # One address for another, whatever the port; and ports in a form that says too little.
        (dnat(Criterion("daddr", "198.51.100.1/32")), True),
        (dnat(Criterion.other("--dports 80,443")), False),
        (dnat(), False),
    ],
)
def test_packets_of_any_interface(rule: Rule, expected: bool) -> None:
    assert takes_packets_of(rule, "tcp", (80, 80), None, None, LOCAL) is expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (dnat(PORT_80), True),
        (dnat(PORT_80, Criterion("iifname", "eth0")), True),
        (dnat(PORT_80, Criterion("iifname", "eth1")), False),
        (dnat(PORT_80, Criterion("iifname", "eth0", negated=True)), False),
        (dnat(PORT_80, Criterion("daddr", "192.168.100.254/32")), False),
    ],
)
def test_packets_of_one_address_and_interface(rule: Rule, expected: bool) -> None:
    assert takes_packets_of(rule, "tcp", (80, 80), "198.51.100.1", "eth0", LOCAL) is expected


def test_redirections() -> None:
    docker = Place(IPTABLES_NFT, "ip", "nat", "DOCKER")
    output = Place(NFTABLES, "ip", "other", "out")
    asleep = Place(NFTABLES, "ip", "asleep", "in")
    inet = Place(NFTABLES, "inet", "other", "in")
    redirect = Rule(frozenset([PORT_80]), "jump", "REDIRECT")
    ruleset = Ruleset(
        {
            docker: Chain(docker, kind="nat", rules=(dnat(PORT_80), redirect, Rule(frozenset(), "return"))),
            output: Chain(output, hook="output", kind="nat", rules=(dnat(PORT_80),)),
            asleep: Chain(asleep, hook="prerouting", kind="nat", rules=(dnat(PORT_80),)),
            inet: Chain(inet, hook="prerouting", kind="nat", rules=(dnat(target="[fd00::1]:80"),)),
        },
        {("ip", "asleep"): NftTable("ip", "asleep", dormant=True)},
    )
    assert list(redirections(ruleset, 4)) == [(docker, dnat(PORT_80)), (docker, redirect)]
    assert list(redirections(ruleset, 6)) == [(inet, dnat(target="[fd00::1]:80"))]


def test_descriptions() -> None:
    docker = Place(IPTABLES_NFT, "ip", "nat", "DOCKER")
    assert describe_redirection(docker, dnat(), None) == "Docker's rule in iptables-nft ip nat DOCKER (to 10.0.0.1:80)"
    assert describe_redirection(docker, dnat(), "lab") == "a rule owned by lab"
    assert describe_redirection(docker, dnat(), "") == "a rule without owner"

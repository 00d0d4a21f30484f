# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the packet filter that a policy needs."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.policies import DENY, IN, OUT, Policy, PolicyRule
from ansible_collections.netns.fabric.plugins.module_utils._firewall.iptables_parser import parse_rule
from ansible_collections.netns.fabric.plugins.module_utils._firewall.operations import format_iptables, format_nft
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import IPTABLES_NFT, NFTABLES, Place, Rule
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import RuleSpec
from ansible_collections.netns.fabric.plugins.module_utils._resources.policy_rules import (
    MARK,
    SCHEME,
    PolicyKey,
    build_rules,
    caller_of,
    chain_of,
)

#: The rules that every chain begins with.
COMMON = 3


def policy(default: str = DENY, **options: Any) -> Policy:
    for name in ("peers", "excluded", "local"):
        options[name] = tuple(map(ip_network, options.get(name, ())))
    return Policy(incoming=default, rules=(PolicyRule(**options),))


def rules(given: Policy, version: int = 4, backend: str = NFTABLES, direction: str = IN) -> list[RuleSpec]:
    return build_rules("ns01", given, direction, version, backend)


def as_nft(spec: RuleSpec, family: str = "ip") -> str:
    return format_nft(spec.criteria, spec.verdict, "x", family, spec.target).partition(" comment")[0]


@pytest.mark.parametrize(
    ("options", "version", "expected"),
    [
        ({}, 4, ["return"]),
        ({"protocol": "tcp"}, 4, ["meta l4proto tcp return"]),
        ({"protocol": "icmp"}, 6, ["meta l4proto ipv6-icmp return"]),
        ({"protocol": "tcp", "ports": ("80",)}, 4, ["tcp dport 80 return"]),
        ({"protocol": "udp", "ports": ("53", "60-70")}, 4, ["udp dport { 53, 60-70 } return"]),
        ({"protocol": "icmp", "icmp_types": ("echo-request",)}, 4, ["icmp type 8 return"]),
        ({"protocol": "icmp", "icmp_types": ("echo-reply", "echo-request")}, 6, ["icmpv6 type { 128, 129 } return"]),
        ({"protocol": "icmp", "icmp_types": ("timestamp-reply",)}, 6, []),
        ({"peers": ["10.0.0.1/32"]}, 4, ["ip saddr 10.0.0.1/32 return"]),
        ({"peers": ["10.0.0.1/32"]}, 6, []),
        ({"peers": ["0.0.0.0/0"]}, 4, ["return"]),
        # What is adjacent is one network, as it is read back.
        ({"peers": ["10.0.1.0/24", "10.0.0.0/24", "10.9.0.0/16"]}, 4, ["ip saddr { 10.0.0.0/23, 10.9.0.0/16 } return"]),
        ({"excluded": ["10.0.0.0/8"]}, 4, ["ip saddr != 10.0.0.0/8 return"]),
        ({"excluded": ["10.0.0.0/8", "172.16.0.0/12"]}, 4, ["ip saddr != { 10.0.0.0/8, 172.16.0.0/12 } return"]),
        ({"excluded": ["10.0.0.0/8"]}, 6, ["return"]),
        ({"excluded": ["0.0.0.0/0"]}, 4, []),
        ({"local": ["10.0.0.1/32"], "peers": ["10.0.0.2/32"]}, 4, ["ip saddr 10.0.0.2/32 ip daddr 10.0.0.1/32 return"]),
        ({"action": "reject"}, 4, ["reject"]),
        ({"action": "drop", "log": True}, 4, ['log prefix "ns01 in drop: "', "drop"]),
    ],
)
def test_nft(options: dict[str, Any], version: int, expected: list[str]) -> None:
    # A second rule that does the same as an earlier one is left out, such as the default's.
    found = [as_nft(spec, "ip6" if version == 6 else "ip") for spec in rules(policy("allow", **options), version)]
    assert found[COMMON:] == expected


def test_both_directions() -> None:
    given = Policy(outgoing=DENY, rules=(PolicyRule(direction=OUT, peers=(ip_network("10.0.0.1/32"),)),))
    assert rules(given) == []
    assert [as_nft(spec) for spec in rules(given, direction=OUT)] == [
        'oifname "lo" return',
        "ct state established,related return",
        "icmp type { 11, 12, 3 } return",
        "ip daddr 10.0.0.1/32 return",
        "drop",
    ]


@pytest.mark.parametrize("version", [4, 6])
def test_iptables_has_a_rule_for_each_combination(version: int) -> None:
    given = policy(protocol="tcp", ports=("80", "90-99"), peers=["10.0.0.1/32", "10.0.0.9/32", "fd00::/64"], log=True)
    found = [spec for spec in rules(given, version, IPTABLES_NFT) if "tcp dport" in spec.role]
    assert [spec.verdict for spec in found] == ["log"] * (len(found) // 2) + ["return"] * (len(found) // 2)
    assert len(found) == (8 if version == 4 else 4)


def test_iptables_has_the_complement_of_what_is_excluded() -> None:
    found = rules(policy("allow", excluded=["128.0.0.0/1", "64.0.0.0/2"]), 4, IPTABLES_NFT)
    (spec,) = [spec for spec in found if "saddr" in spec.role]
    assert spec.role == "saddr 0.0.0.0/2 return"


@pytest.mark.parametrize("version", [4, 6])
def test_what_iptables_prints_is_the_same_rule(version: int) -> None:
    given = policy(protocol="icmp", icmp_types=("echo-request",), excluded=["10.0.0.0/8", "fd00::/8"], log=True)
    for spec in rules(given, version, IPTABLES_NFT):
        words = format_iptables(spec.criteria, spec.verdict, "x", spec.target)
        assert spec.same_as(parse_rule(words, version)), words


def test_marks() -> None:
    place = chain_of(IN, NFTABLES, "ip6")
    assert (place.table, place.chain) == ("netns_fabric", "fabric-policy-in")
    assert caller_of(IN, place) is None
    chain = chain_of(OUT, IPTABLES_NFT, "ip")
    assert caller_of(OUT, chain) == Place(IPTABLES_NFT, "ip", "filter", "OUTPUT")
    known = SCHEME.recognise(place, Rule(frozenset(), "drop", comment=SCHEME.mark("lab", PolicyKey(6))))
    assert known is not None
    assert (known.owner, known.key) == ("lab", PolicyKey(6))
    assert SCHEME.recognise(place, Rule(frozenset(), "drop", comment=f"{MARK[:-1]}x")) is None
    assert SCHEME.specs(PolicyKey(4)) == ()
    assert (str(PolicyKey(4)), PolicyKey(4).options()) == ("IPv4", {})


def test_names_are_safe_in_what_is_logged() -> None:
    found = build_rules('a"ä$' + "n" * 300, policy(log=True), IN, 4, NFTABLES)
    (prefix,) = [spec.target for spec in found if spec.verdict == "log"]
    assert prefix == "a___" + "n" * 10 + " in allow: "
    assert len(prefix) <= 29

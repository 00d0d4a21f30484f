# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policies as declarations: an entry gives the rules from which it was written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.policies import IN, OUT
from ansible_collections.netns.fabric.plugins.module_utils._facts.exporter import desired_of
from ansible_collections.netns.fabric.plugins.module_utils._facts.model import NamespaceFacts
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    FAMILIES,
    IPTABLES_NFT,
    NFTABLES,
    Chain,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources import policy_rules
from ansible_collections.netns.fabric.plugins.module_utils._resources.policy import PolicyResource
from ansible_collections.netns.fabric.tests.helpers.host_facts import LO, OWNED_LO, host_facts, namespace, reported

WEB = {"action": "allow", "protocol": "tcp", "ports": ["80"]}
ENTRIES: list[dict[str, Any]] = [
    {"incoming": "deny", "outgoing": "allow"},
    {"incoming": "allow", "outgoing": "deny"},
    {"incoming": "deny", "outgoing": "deny", "rules": [WEB, {"direction": "out", "action": "reject"}]},
    {
        "incoming": "deny",
        "outgoing": "allow",
        "rules": [
            {"action": "allow", "peers": ["10.0.0.1/32"]},
            {"action": "allow", "peers": ["fd00::1/128"], "log": True},
            {"action": "drop", "protocol": "icmp", "icmp_types": ["echo-request"], "log": True},
            {"action": "reject", "protocol": "icmp", "icmp_types": ["timestamp-request"], "local": ["0.0.0.0/0"]},
            {"action": "allow", "protocol": "icmp"},
            {"action": "drop", "protocol": "udp"},
        ],
    },
]
ONLY_NFT: list[dict[str, Any]] = [
    {
        "incoming": "allow",
        "outgoing": "allow",
        "rules": [
            {"action": "drop", "excluded_peers": ["10.0.0.0/8", "172.16.0.0/12"], "local": ["10.0.0.0/24"]},
            {"action": "drop", "protocol": "tcp", "ports": ["80", "443-445"], "peers": ["10.0.0.1/32", "10.9.0.0/16"]},
        ],
    },
]


def ruleset(entry: dict[str, Any], backend: str = NFTABLES) -> Ruleset:
    wanted = desired_of(PolicyResource(), "a", {"namespace": "a", **entry})
    chains: dict[Place, Chain] = {}
    for version, family in FAMILIES.items():
        for direction in (IN, OUT):
            place = policy_rules.chain_of(direction, backend, family)
            rules = [
                Rule(frozenset(spec.criteria), spec.verdict, spec.target, f"{policy_rules.MARK}lab")
                for spec in policy_rules.build_rules("a", wanted.policy, direction, version, backend)
            ]
            if rules:
                chains[place] = Chain(place, rules=tuple(rules))
    return Ruleset(chains)


def declared(rules: Ruleset, owner: str = "lab") -> dict[str, Any]:
    spaces = namespace(None, LO), namespace("a", OWNED_LO)
    inside = {None: NamespaceFacts(), "a": NamespaceFacts()}
    return reported(host_facts(*spaces, rulesets={"a": rules}, inside=inside), owner=owner)


@pytest.mark.parametrize(
    ("entry", "backend"),
    [
        *((entry, backend) for entry in ENTRIES for backend in (NFTABLES, IPTABLES_NFT)),
        *((e, NFTABLES) for e in ONLY_NFT),
    ],
)
def test_what_a_module_has_written_is_declared(entry: dict[str, Any], backend: str) -> None:
    result = declared(ruleset(entry, backend))
    assert result["declarations"]["policies"] == [{"namespace": "a", **entry}]
    assert declared(ruleset(entry, backend), "another")["declarations"]["policies"] == []


def test_a_rule_that_differs_by_the_ip_version() -> None:
    entry = {"incoming": "deny", "rules": [{"action": "allow", "excluded_peers": ["10.0.0.0/8"]}]}
    (found,) = declared(ruleset(entry))["declarations"]["policies"]
    assert ruleset(found) == ruleset(entry)
    assert found["rules"] == [
        {"action": "allow", "excluded_peers": ["10.0.0.0/8"], "local": ["0.0.0.0/0"]},
        {"action": "allow", "local": ["::/0"]},
    ]


def test_what_was_altered_is_not() -> None:
    rules = ruleset(ENTRIES[2])
    for place, chain in rules.chains.items():
        for position in (0, 1, 2):
            less = replace(chain, rules=chain.rules[:position] + chain.rules[position + 1 :])
            result = declared(replace(rules, chains={**rules.chains, place: less}))
            assert result["declarations"]["policies"] == [], place
            assert any(line.startswith("policies: a: its rules were altered") for line in result["undeclared"])

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    LOOPBACK,
    NFTABLES,
    Chain,
    Criterion,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import SetSysctl
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_loopback import (
    LoopbackState,
    close_links,
    guarded_links,
    parameter_of,
    role_in_guard,
    rules_for,
)

GUARDS = Place(NFTABLES, "ip", "netns_fabric", LOOPBACK)
STATE = LoopbackState(values={None: {"br": "1", "br2": "0", "default": "0"}})


def guard(link: str, comment: str = "netns.fabric/port-forward:lab tcp4/80") -> Rule:
    return Rule(frozenset({Criterion("iifname", link), Criterion("daddr", "127.0.0.0/8")}), "drop", comment=comment)


def ruleset(*rules: Rule) -> Ruleset:
    return Ruleset({GUARDS: Chain(GUARDS, rules=rules)}, {})


def test_each_link_is_guarded_in_both_directions() -> None:
    specs = list(rules_for(Criterion("tcp dport", "8080"), (), "10.0.0.1:80", ["br"]))
    assert [(spec.role, spec.hook, spec.verdict) for spec in specs] == [
        ("loopback", "output", "dnat"),
        ("loopback", "postrouting", "masquerade"),
        ("guard daddr br", LOOPBACK, "drop"),
        ("guard saddr br", LOOPBACK, "drop"),
    ]
    assert [role_in_guard(Rule(frozenset(spec.criteria), "drop")) for spec in specs[2:]] == [
        spec.role for spec in specs[2:]
    ]


def test_only_own_rules_guard() -> None:
    assert list(guarded_links(ruleset(guard("br"), guard("br2", comment="somebody's")))) == ["br"]


def test_a_link_is_closed_with_its_last_guard() -> None:
    two, one, none = ruleset(guard("br"), guard("br")), ruleset(guard("br")), ruleset()
    assert close_links(None, STATE, two, one)[2] == []
    key = parameter_of("br")
    assert close_links(None, STATE, one, none) == ({key: "1"}, {key: "0"}, [SetSysctl(None, key, "0")])


def test_a_link_that_is_closed_or_gone_is_left_alone() -> None:
    for link in ("br2", "gone"):
        assert close_links(None, STATE, ruleset(guard(link)), ruleset())[2] == []


def test_a_link_to_be_created_has_the_default() -> None:
    assert (STATE.value(None, "br"), STATE.value(None, "new"), STATE.value("ns", "br")) == ("1", "0", "0")

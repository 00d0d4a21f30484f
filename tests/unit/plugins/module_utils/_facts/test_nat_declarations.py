# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Address translation as lists for the modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._facts.model import NamespaceFacts
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    IPTABLES_NFT,
    NFTABLES,
    Chain,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_port_forward import PortForwardResource
from ansible_collections.netns.fabric.tests.helpers.host_facts import (
    LO,
    MASQUERADE_PARTS,
    host_facts,
    masquerade_rule,
    namespace,
    nat_ruleset,
    reported,
)

FORWARD = Place(IPTABLES_NFT, "ip", "filter", "FORWARD")


def test_the_rules_of_the_owner_are_declared() -> None:
    rules = nat_ruleset(masquerade_rule("netns.fabric:lab"), masquerade_rule("netns.fabric:"), masquerade_rule(None))
    found = host_facts(namespace(None, LO), rulesets={None: rules})
    everything = reported(found)
    assert [rule["owner"] for rule in everything["host"]["firewall"]["rules"]] == ["lab", "", None]
    declared = [{"source": "10.0.0.0/24", "ip_forward": True, "accept_forward": "auto"}]
    assert everything["declarations"]["rules"] == declared
    assert "rules: 1 in the host: this collection has not created them" in everything["undeclared"]
    own = reported(found, owner="lab")
    assert [rule["owner"] for rule in own["host"]["firewall"]["rules"]] == ["lab"]
    assert own["declarations"]["rules"] == declared
    assert reported(found, owner="nobody")["declarations"]["rules"] == []


def test_an_altered_rule_is_not_declared() -> None:
    altered = Rule(frozenset(MASQUERADE_PARTS[0].criteria[:1]), "masquerade", comment="netns.fabric:")
    result = reported(host_facts(namespace(None, LO), rulesets={None: nat_ruleset(altered)}))
    assert result["declarations"]["rules"] == []
    assert [line for line in result["undeclared"] if "altered" in line]


PRE, OUT, POST = (Place(NFTABLES, "ip", "netns_fabric", hook) for hook in ("prerouting", "output", "postrouting"))


def published(**options: Any) -> dict[Place, list[Rule]]:
    """Return the rules of a published port, by the chains that they belong to."""
    resource = PortForwardResource()
    defaults = {name: option.get("default") for name, option in resource.entry_options.items()}
    entry = {**defaults, "state": "present", "port": "8080", "to_address": "10.0.0.1", **options}
    wanted = resource.desired(Entry("8080"), entry)
    comment = f"netns.fabric/port-forward:lab {wanted.key}"
    places = {"prerouting": PRE, "output": OUT, "postrouting": POST, "forward": FORWARD}
    rules: dict[Place, list[Rule]] = {}
    for part in wanted.specs():
        rule = Rule(frozenset(part.criteria), part.verdict, part.target, comment)
        rules.setdefault(places[part.hook], []).append(rule)
    return rules


def with_published(rules: Mapping[Place, list[Rule]]) -> dict[str, Any]:
    chains = {
        place: Chain(place, place.chain.lower(), "drop" if place is FORWARD else "accept", kind, tuple(rules[place]))
        for place, kind in ((PRE, "nat"), (OUT, "nat"), (POST, "nat"), (FORWARD, "filter"))
        if place in rules
    }
    return reported(host_facts(namespace(None, LO), rulesets={None: Ruleset(chains)}), owner="lab")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"to_port": 80},
        {"port": "8000-8010", "protocol": "udp"},
        {"hairpin": ["10.0.0.0/24", "10.2.0.0/24"], "to_port": 80},
        {"hairpin": ["0.0.0.0/0"]},
        {"to_address": "fd00::1", "hairpin": ["::/0"]},
        {"address": "192.0.2.1"},
        {"in_interface": "eth0"},
    ],
)
def test_a_published_port_is_declared_as_found(options: dict[str, Any]) -> None:
    defaults = {"port": "8080", "protocol": "tcp", "to_address": "10.0.0.1", "ip_forward": True}
    result = with_published(published(**options))
    assert result["declarations"]["forwards"] == [{**defaults, "accept_forward": "auto", **options}]
    assert result["declarations"]["rules"] == []
    assert result["undeclared"] == []


@pytest.mark.parametrize(
    ("target", "declared"),
    [("[fd00::1]:80", {"to_address": "fd00::1", "to_port": 80}), ("fd00::1", {"to_address": "fd00::1"})],
)
def test_the_target_of_a_published_port_over_ipv6(target: str, declared: dict[str, Any]) -> None:
    rules = published(**declared)
    assert {rule.target for rule in rules[PRE]} == {target}
    (forward,) = with_published(rules)["declarations"]["forwards"]
    assert {key: forward[key] for key in declared} == declared
    assert ("to_port" in forward) == ("to_port" in declared)


@pytest.mark.parametrize(
    "target", ["10.0.0.1:80-90", "10.0.0.1-10.0.0.9", ":80", "", "[fd00::1]:80", "[fd00::1]", '{"addr": 1}', "10.0.0.2"]
)
def test_a_published_port_with_altered_targets_is_not_declared(target: str) -> None:
    """One of its two translations was altered by hand; even an odd target is reported, and causes no error."""
    rules = published()
    rules[PRE] = [replace(rule, target=target) for rule in rules[PRE]]
    result = with_published(rules)
    assert result["declarations"]["forwards"] == []
    assert result["undeclared"] == ["forwards: tcp4/8080 in the host: its rules were altered"]
    rules[OUT] = [replace(rule, target=target) for rule in rules[OUT]]
    if target != "10.0.0.2":  # an address, and the same in both: a valid declaration
        assert with_published(rules)["declarations"]["forwards"] == []


@pytest.mark.parametrize("place", [PRE, OUT, POST])
def test_a_published_port_without_one_of_its_rules_is_not_declared_as_it_was(place: Place) -> None:
    options = {"hairpin": ["10.0.0.0/24"]}
    rules = published(**options)
    del rules[place]
    found = with_published(rules)["declarations"]["forwards"]
    # Without the hairpin rule it is a port that never had one.
    assert found == [] if place is not POST else [entry.get("hairpin") for entry in found] == [None]


def test_accept_forward_and_ip_forward_are_declared_as_found() -> None:
    drops = Chain(FORWARD, "forward", "drop", "filter")
    accepts = Chain(
        FORWARD,
        "forward",
        "drop",
        "filter",
        (
            Rule(frozenset(MASQUERADE_PARTS[1].criteria), "accept", comment="netns.fabric: any"),
            Rule(frozenset(MASQUERADE_PARTS[2].criteria), "accept", comment="netns.fabric: any"),
        ),
    )
    for forward, accept in ((drops, "never"), (accepts, "auto")):
        found = host_facts(
            namespace(None, LO),
            rulesets={None: nat_ruleset(masquerade_rule("netns.fabric:"), forward=forward)},
            inside={None: NamespaceFacts(sysctls={"net.ipv4.ip_forward": "0"})},
        )
        assert reported(found)["declarations"]["rules"] == [
            {"source": "10.0.0.0/24", "ip_forward": False, "accept_forward": accept}
        ]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packet filter as topology_info returns it."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    IPTABLES_NFT,
    Chain,
    Criterion,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.tests.helpers.host_facts import LO, host_facts, namespace, nat_ruleset, reported

FORWARD = Place(IPTABLES_NFT, "ip", "filter", "FORWARD")


def test_only_chains_that_are_called_are_reported() -> None:
    called, other = (Place(IPTABLES_NFT, "ip", "filter", name) for name in ("DOCKER-USER", "OTHER"))
    ruleset = Ruleset(
        {
            FORWARD: Chain(FORWARD, "forward", "accept", "filter", (Rule(frozenset(), "jump", "DOCKER-USER"),)),
            called: Chain(called, kind="filter", rules=(Rule(frozenset({Criterion("other", "x")}), "drop"),)),
            other: Chain(other, kind="filter"),
        }
    )
    firewall = reported(host_facts(namespace(None, LO), rulesets={None: ruleset}))["host"]["firewall"]
    assert [chain["name"] for chain in firewall["chains"]] == ["DOCKER-USER", "FORWARD"]
    assert [(rule["chain"], rule["verdict"], rule["target"], rule["criteria"]) for rule in firewall["rules"]] == [
        ("DOCKER-USER", "drop", "", ["x"]),
        ("FORWARD", "jump", "DOCKER-USER", []),
    ]


def test_translations_of_both_tools() -> None:
    by_nft = Rule(frozenset(), "", expressions='[{"counter": null}, {"dnat": {"addr": "10.0.0.1"}}]')
    by_iptables = Rule(frozenset(), "jump", "DNAT", arguments=("-j", "DNAT"))
    rules = reported(host_facts(namespace(None, LO), rulesets={None: nat_ruleset(by_nft, by_iptables)}))["host"][
        "firewall"
    ]["rules"]
    assert [(rule["verdict"], rule["target"]) for rule in rules] == [("dnat", ""), ("dnat", "")]

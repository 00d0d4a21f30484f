# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the filters admit."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import End, Link
from ansible_collections.netns.fabric.tests.helpers.host_facts import (
    LO,
    OWNED_LO,
    PATH,
    host_facts,
    masquerade_rule,
    namespace,
    nat_ruleset,
    reported,
    veth,
)


def test_an_owner_admits_what_it_owns() -> None:
    host = namespace(
        None, LO, veth(5, "tap0", End("red", 2), alias="netns.fabric:lab,other"), Link(6, "eth9", kind="tun")
    )
    red = namespace("red", OWNED_LO, veth(2, "eth0", End(None, 5)), veth(3, "x0", End("blue", 2)))
    blue = namespace("blue", LO, veth(2, "x0", End("red", 3)))
    result = reported(host_facts(host, red, blue), owner="lab")
    assert [link["name"] for link in result["host"]["links"]] == ["tap0"]
    assert [found["name"] for found in result["namespaces"]] == ["red"]
    assert len(result["namespaces"][0]["links"]) == 3
    assert result["owners"] == ["lab", "other"]


def test_a_namespace_without_a_name_is_admitted_by_its_label() -> None:
    facts = host_facts(namespace(PATH, LO))
    assert reported(facts, namespaces=frozenset({"net:[101]"}))["namespaces"]
    assert not reported(facts, namespaces=frozenset({PATH}))["namespaces"]


def test_rules_of_an_owner_of_none_and_of_somebody_else() -> None:
    rules = [masquerade_rule(comment) for comment in ("netns.fabric:lab", "netns.fabric:", None)]
    facts = host_facts(namespace(None, LO), rulesets={None: nat_ruleset(*rules)})
    for owner, owners in ((None, ["lab", "", None]), ("lab", ["lab"]), ("nobody", [])):
        found = reported(facts, owner=owner)["host"]["firewall"]["rules"]
        assert [rule["owner"] for rule in found] == owners

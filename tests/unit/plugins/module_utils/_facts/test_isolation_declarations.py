# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Isolated links as a list for the module."""

from __future__ import annotations

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
from ansible_collections.netns.fabric.plugins.module_utils._resources import isolation
from ansible_collections.netns.fabric.tests.helpers.host_facts import LO, host_facts, namespace, reported

ENTRIES: list[dict[str, Any]] = [
    {"link": "br0"},
    {"link": "br0", "networks": ["10.0.0.0/24", "fd00::/64"]},
    {
        "link": "br0",
        "networks": ["10.0.0.0/24"],
        "outbound": [{"source": "10.0.0.0/25"}, {"source": "10.0.0.0/24", "out_interface": "lan0"}],
        "reaches": [{"destination": "10.1.0.0/24"}, {"destination": "10.1.0.0/24", "out_interface": "far0"}],
    },
    {
        "link": "br0",
        "networks": ["10.0.0.0/24", "fd00::/64"],
        "reaches": [{"destination": "0.0.0.0/0"}, {"destination": "::/0", "out_interface": "far0"}],
    },
    {
        "link": "br0",
        "networks": ["0.0.0.0/0", "::/0"],
        "outbound": [{"source": "0.0.0.0/0", "out_interface": "lan0"}, {"source": "::/0"}],
        "reaches": [{"destination": "0.0.0.0/0", "out_interface": "far0"}, {"destination": "fd01::/64"}],
    },
]


def ruleset(entry: dict[str, Any], backend: str = NFTABLES) -> Ruleset:
    resource = isolation.IsolationResource()
    wanted = resource.desired(
        Entry("br0"), {name: entry.get(name) for name in resource.entry_options} | {"state": "present"}
    )
    rules: dict[Place, list[Rule]] = {}
    for version in (4, 6):
        for spec, place in wanted.placed(version, backend):
            mark = isolation.SCHEME.mark("lab", wanted.key_of(version))
            rules.setdefault(place, []).append(Rule(frozenset(spec.criteria), spec.verdict, spec.target, mark))
    bases = ("forward", "FORWARD")
    chains = {
        place: Chain(place, *(("forward", "accept", "filter") if place.chain in bases else ("", "", "")), tuple(found))
        for place, found in rules.items()
    }
    return Ruleset(chains)


def declared(rules: Ruleset, owner: str = "lab") -> dict[str, Any]:
    found = host_facts(namespace(None, LO), rulesets={None: rules}, inside={None: NamespaceFacts()})
    return reported(found, owner=owner)


@pytest.mark.parametrize("backend", [NFTABLES, IPTABLES_NFT])
@pytest.mark.parametrize("entry", ENTRIES)
def test_what_a_module_has_written_is_declared(entry: dict[str, Any], backend: str) -> None:
    result = declared(ruleset(entry, backend))
    assert result["declarations"]["isolation"] == [entry]
    assert declared(ruleset(entry, backend), "another")["declarations"]["isolation"] == []


def test_what_was_altered_is_not() -> None:
    rules = ruleset(ENTRIES[1])
    for place, chain in rules.chains.items():
        less = replace(rules, chains={**rules.chains, place: replace(chain, rules=chain.rules[1:])})
        result = declared(less)
        assert result["declarations"]["isolation"] == [], place
        assert "isolation: br0: its rules were altered" in result["undeclared"]

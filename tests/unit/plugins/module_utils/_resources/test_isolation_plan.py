# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of isolated links: chains that owners share, and rules in an order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    NFTABLES,
    Place,
    Rule,
    Ruleset,
    Tools,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._resources.isolation import IsolationResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.isolation_plan import Actual
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import SIMULATED_RULESETS
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.nat_samples import (
    ALL_TOOLS,
    ONLY_IPTABLES,
)

RESOURCE = IsolationResource()
FORWARD = Place(NFTABLES, "ip", "netns_fabric", "forward")
TO_A = Place(NFTABLES, "ip", "netns_fabric", "fabric-to-a")


def actual(rules: Ruleset | None = None, tools: Tools = ALL_TOOLS, versions: tuple[int, ...] = (4,)) -> Actual:
    links = tuple(Link(number, name) for number, name in enumerate(("lo", "a", "b"), 1))
    kernel = KernelState({None: NamespaceState(None, links=links)})
    return Actual(kernel, tools, rules or Ruleset(), versions)


def plan(state: Actual, *links: str, present: bool = True, check_mode: bool = False, **call: Any) -> Plan:
    options = {"backend": call.pop("backend", "auto")}
    defaults = {name: option.get("default") for name, option in RESOURCE.entry_options.items()}
    wanted = {"state": "present" if present else "absent", "networks": ["10.0.0.0/24"]}
    entries = tuple(RESOURCE.desired(Entry(name), {**defaults, **wanted, "link": name}) for name in links)
    return RESOURCE.plan(state, Call(entries=entries, options=options, check_mode=check_mode, **call))


def rules_after(planned: Plan) -> Ruleset:
    found: Ruleset = planned.simulated[SIMULATED_RULESETS][None]
    return found


def with_handles(ruleset: Ruleset) -> Ruleset:
    """Return the rules as the kernel has them, where they were planned."""
    handles = iter(range(10, 1000))
    chains = {
        place: replace(
            chain, rules=tuple(replace(rule, handle=next(handles), expressions="[]") for rule in chain.rules)
        )
        for place, chain in ruleset.chains.items()
    }
    return replace(ruleset, chains=chains)


def test_a_second_plan_changes_nothing() -> None:
    built = plan(actual(), "a", "b", owner="lab")
    again = plan(actual(with_handles(rules_after(built))), "a", "b", owner="lab")
    assert (built.changed, again.changed) == (True, False)
    assert len(built.changes) == 2


def test_what_enters_is_decided_before_what_leaves() -> None:
    rules = rules_after(plan(actual(), "a", "b", owner="lab")).chains[FORWARD].rules
    assert [rule.target for rule in rules] == ["fabric-from-b", "fabric-from-a", "fabric-to-a", "fabric-to-b"]


def test_an_altered_order_is_repaired() -> None:
    rules = with_handles(rules_after(plan(actual(), "a", "b", owner="lab")))
    chain = rules.chains[FORWARD]
    turned = replace(chain, rules=(*chain.rules[2:], *chain.rules[:2]))
    planned = plan(actual(replace(rules, chains={**rules.chains, FORWARD: turned})), "a", "b", owner="lab")
    assert [rule.target for rule in rules_after(planned).chains[FORWARD].rules][2:] == ["fabric-to-a", "fabric-to-b"]
    assert [change.after for change in planned.changes] == [{"complete": True}] * 2


def test_the_chains_are_shared_by_owners() -> None:
    one = with_handles(rules_after(plan(actual(), "a", owner="one")))
    both = plan(actual(one), "a", owner="two")
    rules = rules_after(both).chains[TO_A].rules
    assert [rule.verdict for rule in rules] == ["return"] * 4 + ["drop"]
    rest = plan(actual(with_handles(rules_after(both))), owner="one", prune=True)
    assert [rule.verdict for rule in rules_after(rest).chains[TO_A].rules] == ["return"] * 2 + ["drop"]
    last = plan(actual(with_handles(rules_after(rest))), "a", owner="two", present=False)
    assert rules_after(last) == Ruleset()
    assert last.commands[-1] == "nft 'delete table ip netns_fabric'"


def test_what_others_have_added_to_a_chain_keeps_it() -> None:
    rules = with_handles(rules_after(plan(actual(), "a", owner="lab")))
    chain = rules.chains[TO_A]
    foreign = Rule(frozenset(), "accept", comment="mine", handle=5)
    altered = replace(rules, chains={**rules.chains, TO_A: replace(chain, rules=(foreign, *chain.rules))})
    repaired = plan(actual(altered), "a", owner="lab")
    after = rules_after(repaired).chains[TO_A].rules
    # The drop that was there is after the other's rule, and without effect.
    assert [rule.verdict for rule in after] == ["return", "return", "drop", "accept", "drop"]
    removed = rules_after(plan(actual(altered), owner="lab", prune=True)).chains
    assert [rule.comment for rule in removed[TO_A].rules if rule.verdict == "accept"] == ["mine"]


def test_both_ip_versions_where_the_kernel_has_them() -> None:
    planned = plan(actual(versions=(4, 6), tools=ONLY_IPTABLES), "a", owner="lab")
    assert {line.split()[0] for line in planned.commands} == {"iptables", "ip6tables"}
    assert all("-t mangle" in line for line in planned.commands)


def test_missing_programs_are_an_error_for_either_version() -> None:
    only = Tools(iptables={("iptables-nft", 4): "iptables"}, usual={4: "iptables-nft"})
    with pytest.raises(FabricError, match="ip6tables"):
        plan(actual(versions=(4, 6), tools=only), "a", owner="lab")


def test_missing_links() -> None:
    with pytest.raises(InvalidEntries) as caught:
        plan(actual(), "c", "d")
    assert str(caught.value).count("there is no link") == 2
    checked = plan(actual(), "c", check_mode=True)
    assert checked.warnings == ("Check mode: assuming an earlier task creates link host/c",)


def test_a_link_of_another_owner_is_left_alone() -> None:
    rules = with_handles(rules_after(plan(actual(), "a", owner="one")))
    planned = plan(actual(rules), "a", owner="two", present=False)
    assert not planned.changed
    assert planned.warnings == ("a: still isolated by one; left alone",)

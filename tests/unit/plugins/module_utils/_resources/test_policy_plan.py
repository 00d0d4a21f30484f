# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of policies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.policies import DENY, IN, OUT, Policy, PolicyRule
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._firewall.operations import DeleteFlows
from ansible_collections.netns.fabric.plugins.module_utils._firewall.policy_flows import PolicyFlows
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    NFTABLES,
    POLICY_IN,
    Place,
    Rule,
    Ruleset,
    Tools,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import SIMULATED_RULESETS
from ansible_collections.netns.fabric.plugins.module_utils._resources.policy_plan import (
    Actual,
    PolicyPlanner,
    WantedPolicy,
)
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.nat_samples import (
    ALL_TOOLS,
    ONLY_IPTABLES,
)

CHAIN = Place(NFTABLES, "ip", "netns_fabric", POLICY_IN)
CLOSED = Policy(incoming=DENY)
WEB = Policy(incoming=DENY, rules=(PolicyRule(protocol="tcp", ports=("80",)),))


def actual(rules: Ruleset | None = None, tools: Tools = ALL_TOOLS, versions: tuple[int, ...] = (4,)) -> Actual:
    kernel = KernelState({name: NamespaceState(name) for name in ("a", "b")})
    return Actual(kernel, tools, {"a": rules or Ruleset(), "b": Ruleset()}, versions)


def plan(state: Actual, *policies: tuple[str, Policy | None], check_mode: bool = False, **call: Any) -> Plan:
    options = {"backend": call.pop("backend", "auto")}
    entries = tuple(
        WantedPolicy(Entry(name), policy is not None, name, policy or Policy()) for name, policy in policies
    )
    return PolicyPlanner(state, Call(entries=entries, options=options, check_mode=check_mode, **call)).run()


def rules_after(planned: Plan, name: str = "a") -> Ruleset:
    found: Ruleset = planned.simulated[SIMULATED_RULESETS][name]
    return found


def with_handles(ruleset: Ruleset) -> Ruleset:
    """Return the rules as the kernel has them, where they were planned."""
    handles = iter(range(10, 1000))
    chains = {
        place: replace(
            chain,
            rules=tuple(
                replace(rule, handle=next(handles) if place.backend == NFTABLES else None, expressions="[]")
                for rule in chain.rules
            ),
        )
        for place, chain in ruleset.chains.items()
    }
    return replace(ruleset, chains=chains)


def built(*policies: tuple[str, Policy | None], tools: Tools = ALL_TOOLS, **call: Any) -> Actual:
    return actual(with_handles(rules_after(plan(actual(tools=tools), *policies, **call))), tools)


@pytest.mark.parametrize("tools", [ALL_TOOLS, ONLY_IPTABLES])
def test_a_second_plan_changes_nothing(tools: Tools) -> None:
    assert not plan(built(("a", WEB), tools=tools, owner="lab"), ("a", WEB), owner="lab").changed


def test_what_is_the_same_stays() -> None:
    planned = plan(built(("a", WEB), owner="lab"), ("a", CLOSED), owner="lab")
    assert planned.commands == [
        "ip netns exec a nft 'delete rule ip netns_fabric fabric-policy-in handle 13'",
    ]
    more = plan(built(("a", CLOSED), owner="lab"), ("a", WEB), owner="lab")
    (command,) = more.commands
    inserted = "insert rule ip netns_fabric fabric-policy-in handle 13 tcp dport 80 return"
    assert command == f"""ip netns exec a nft '{inserted} comment "netns.fabric/policy:lab"'"""
    (change,) = more.changes
    assert change.target == "policy a"
    assert change.operations[-1] == DeleteFlows("a", PolicyFlows(4, WEB))


def test_whatever_somebody_adds_is_deleted() -> None:
    state = built(("a", WEB))
    chain = state.rulesets["a"].chains[CHAIN]
    for position in range(len(chain.rules) + 1):
        foreign = Rule(frozenset(), "accept", comment="mine", handle=5)
        altered = replace(chain, rules=(*chain.rules[:position], foreign, *chain.rules[position:]))
        rules = replace(state.rulesets["a"], chains={CHAIN: altered})
        repaired = plan(replace(state, rulesets={"a": rules}), ("a", WEB))
        assert rules_after(repaired).chains[CHAIN].rules == chain.rules


def test_only_what_is_needed() -> None:
    assert not plan(actual(), ("a", Policy())).changed
    removed = plan(built(("a", WEB), owner="lab"), ("a", Policy()), owner="lab")
    assert rules_after(removed) == Ruleset()
    assert removed.commands[-1] == "ip netns exec a nft 'delete table ip netns_fabric'"
    both = plan(actual(versions=(4, 6)), ("a", replace(CLOSED, outgoing=DENY)))
    assert {(place.family, place.chain) for place in rules_after(both).chains} == {
        (family, f"fabric-policy-{direction}") for family in ("ip", "ip6") for direction in (IN, OUT)
    }


def test_iptables_calls_the_chain_first() -> None:
    state = built(("a", CLOSED), tools=ONLY_IPTABLES)
    base = Place("iptables-nft", "ip", "filter", "INPUT")
    chain = state.rulesets["a"].chains[base]
    accepting = Rule(frozenset(), "accept", arguments=("-j", "ACCEPT"))
    altered = replace(chain, rules=(accepting, *chain.rules))
    rules = replace(state.rulesets["a"], chains={**state.rulesets["a"].chains, base: altered})
    repaired = plan(replace(state, rulesets={"a": rules}), ("a", CLOSED))
    assert [rule.verdict for rule in rules_after(repaired).chains[base].rules] == ["jump", "accept"]
    assert [change.after for change in repaired.changes] == [{"complete": True}]
    removed = plan(state, ("a", None))
    assert "-t filter -D INPUT" in removed.commands[0]
    assert removed.commands[-1].endswith("-X fabric-policy-in")


def test_another_backend() -> None:
    moved = plan(built(("a", WEB)), ("a", WEB), backend="iptables")
    assert {place.backend for place in rules_after(moved).chains} == {"iptables-nft"}
    # It stays where it is unless it is asked for.
    assert not plan(actual(with_handles(rules_after(moved))), ("a", WEB)).changed


def test_owners() -> None:
    state = built(("a", WEB), owner="one")
    with pytest.raises(InvalidEntries, match="the policy of a is owned by one, not by two"):
        plan(state, ("a", WEB), owner="two")
    assert plan(state, ("a", None), owner="two").warnings == ("a: the policy of a is not owned by two; left alone",)
    assert not plan(state, owner="two", prune=True).changed
    pruned = plan(state, ("b", CLOSED), owner="one", prune=True)
    assert [change.target for change in pruned.changes] == ["policy b", "policy a"]
    # Without an owner in the call, the policy keeps the one that it has.
    kept = rules_after(plan(state, ("a", CLOSED)))
    assert {rule.comment for chain in kept.chains.values() for rule in chain.rules} == {"netns.fabric/policy:one"}
    assert plan(state, ("a", None)).changed


def test_namespaces_that_do_not_exist() -> None:
    with pytest.raises(InvalidEntries) as caught:
        plan(actual(), ("c", WEB), ("d", WEB))
    assert str(caught.value).count("does not exist") == 2
    checked = plan(actual(), ("c", WEB), check_mode=True)
    assert checked.warnings == ("Check mode: assuming an earlier task creates namespace c",)
    assert not plan(actual(), ("c", None)).changed


def test_a_table_that_was_altered_is_refused() -> None:
    state = built(("a", WEB))
    chain = replace(state.rulesets["a"].chains[CHAIN], hook="forward")
    rules = replace(state.rulesets["a"], chains={CHAIN: chain})
    with pytest.raises(FabricError, match="its chain fabric-policy-in is not a filter chain on the input hook"):
        plan(replace(state, rulesets={"a": rules}), ("a", CLOSED))


def test_a_rule_goes_before_one_that_an_earlier_step_of_a_simulation_adds() -> None:
    (command,) = plan(actual(rules_after(plan(actual(), ("a", CLOSED)))), ("a", WEB)).commands
    listing = "ip netns exec a nft -a list chain ip netns_fabric fabric-policy-in"
    comment = "netns.fabric/policy:"
    assert command == (
        "ip netns exec a nft insert rule ip netns_fabric fabric-policy-in handle "
        f"\"$({listing} | grep -F 'comment \"{comment}\" # handle ' | sed -n '4s/.* //p')\" "
        f"'tcp dport 80 return comment \"{comment}\"'"
    )

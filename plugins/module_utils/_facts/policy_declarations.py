# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policies as declarations. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.policies import (
    ALLOW,
    DENY,
    ESSENTIAL_TYPES,
    ICMP_TYPES,
    IN,
    OUT,
)
from ansible_collections.netns.fabric.plugins.module_utils._facts.exporter import (
    Declaration,
    Exporter,
    desired_of,
    drop_unset,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import EVERYTHING, VERSIONS, Chain, Rule
from ansible_collections.netns.fabric.plugins.module_utils._resources import policy_rules
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import RuleSpec
from ansible_collections.netns.fabric.plugins.module_utils._resources.policy import RULE_OPTIONS, PolicyResource

_DIRECTIONS = {chain: direction for direction, chain in policy_rules.CHAINS.items()}
_ACTIONS = {"return": ALLOW, "drop": "drop", "reject": "reject"}
#: The rules that every chain begins with: of the link lo, of replies, and of types of ICMP.
_COMMON = ("iifname", "oifname", "ct state")

#: A direction and an IP version, with the chain.
_Chains = Mapping[tuple[str, int], Chain]


def policies(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for the module policy."""
    for name in exporter.namespaces:
        if name is None:
            continue
        ruleset = exporter.host.rulesets.get(name)
        chains = _policy_chains(ruleset.chains.values() if ruleset else (), exporter.owner or "")
        if not chains:
            continue
        entry = _declare(name, chains)
        if _describes(entry, name, chains):
            yield entry
        else:
            exporter.skip(f"policies: {name}", "its rules were altered, or iptables has no single rule for one")


def _policy_chains(chains: Any, owner: str) -> _Chains:
    mark = policy_rules.MARK + owner
    return {
        (_DIRECTIONS[chain.place.chain], VERSIONS[chain.place.family]): chain
        for chain in chains
        if chain.place.chain in _DIRECTIONS and any(rule.comment == mark for rule in chain.rules)
    }


def _declare(name: str, chains: _Chains) -> Declaration:
    """Return the entry that the chains come from, unless somebody has altered them."""
    defaults, rules = {}, []
    for direction in (IN, OUT):
        found = {version: _own_rules(chain) for (way, version), chain in chains.items() if way == direction}
        denies = bool(found) and all(each and _is_last(each[-1]) for each in found.values())
        defaults[direction] = DENY if denies else ALLOW
        by_version = {
            version: list(_options(each[:-1] if denies else each, direction, version))
            for version, each in found.items()
        }
        rules += [{**one, "direction": direction} for one in _merge(by_version.get(4, []), by_version.get(6, []))]
    return drop_unset(
        namespace=name, incoming=defaults[IN], outgoing=defaults[OUT], rules=list(map(_without_defaults, rules)) or None
    )


def _own_rules(chain: Chain) -> list[Rule]:
    """Return the rules without those that every chain begins with."""
    rules = list(chain.rules)
    while rules and rules[0].criteria and _is_common(rules[0]):
        rules.pop(0)
    return rules


def _is_common(rule: Rule) -> bool:
    fields = {criterion.field for criterion in rule.criteria}
    version = 6 if any(field.startswith("icmpv6 type") for field in fields) else 4
    essential = set(map(str, ESSENTIAL_TYPES[version]))
    types = {
        value
        for criterion in rule.criteria
        if criterion.field.startswith(("icmp type", "icmpv6 type"))
        for value in criterion.value.split()
    }
    return fields <= set(_COMMON) or (len(fields) == 1 and bool(types) and types <= essential)


def _is_last(rule: Rule) -> bool:
    return not rule.criteria and rule.verdict == "drop"


def _options(rules: Sequence[Rule], direction: str, version: int) -> Iterator[dict[str, Any]]:
    """Yield the options of each rule; one that only logs belongs to the next one."""
    logged = False
    for rule in rules:
        if rule.verdict == "log":
            logged = True
            continue
        yield {**_conditions(rule, direction, version), "action": _ACTIONS.get(rule.verdict, ""), "log": logged}
        logged = False


def _conditions(rule: Rule, direction: str, version: int) -> dict[str, Any]:
    peer, local = ("saddr", "daddr") if direction == IN else ("daddr", "saddr")
    found: dict[str, Any] = {}
    for criterion in rule.criteria:
        name, values = criterion.field.partition(" set")[0], criterion.value.split()
        if name == peer:
            found["excluded_peers" if criterion.negated else "peers"] = values
        elif name == local:
            found["local"] = values
        elif name == "l4proto":
            found["protocol"] = "icmp" if "icmp" in values[0] else values[0]
        elif name.endswith("dport"):
            found.update(protocol=name.split()[0], ports=values)
        elif name.startswith("icmp"):
            numbers = {str(numbers.get(version)): known for known, numbers in ICMP_TYPES.items()}
            found.update(protocol="icmp", icmp_types=[numbers.get(value, value) for value in values])
    return found


def _merge(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rules of both IP versions, those that are the same once, in the order of either."""
    rest = list(second)
    for rule in first:
        if rule in rest:
            position = rest.index(rule)
            yield from (_limited(one, 6) for one in rest[:position])
            del rest[: position + 1]
            yield rule
        else:
            yield _limited(rule, 4)
    yield from (_limited(one, 6) for one in rest)


def _limited(rule: dict[str, Any], version: int) -> dict[str, Any]:
    """Return a rule for one IP version only."""
    if "peers" in rule or "local" in rule:
        return rule
    return {**rule, "local": [EVERYTHING[version]]}


def _without_defaults(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: rule[name] for name in RULE_OPTIONS if name in rule and rule[name] != RULE_OPTIONS[name].get("default")
    }


def _describes(entry: Declaration, name: str, chains: _Chains) -> bool:
    """Return whether an entry gives exactly the rules from which it was written."""
    try:
        wanted = desired_of(PolicyResource(), name, entry)
    except FabricError:
        return False
    backends = {version: chain.place.backend for (_direction, version), chain in chains.items()}
    return all(
        _same(
            policy_rules.build_rules(name, wanted.policy, direction, version, backend), chains.get((direction, version))
        )
        for direction in (IN, OUT)
        for version, backend in backends.items()
    )


def _same(specs: Sequence[RuleSpec], chain: Chain | None) -> bool:
    rules = chain.rules if chain else ()
    return len(specs) == len(rules) and all(spec.same_as(rule) for spec, rule in zip(specs, rules))

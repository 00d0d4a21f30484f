# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packet filter of one namespace as the module returns it: NAT, forwarded packets, its policy. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    COMMENT,
    IPTABLES_LEGACY,
    LOOPBACK,
    NFTABLES,
    POLICY_IN,
    POLICY_OUT,
    Chain,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_masquerade as masquerade

#: Statements of nft, and targets of iptables, that send a packet elsewhere.
_TRANSLATIONS = ("dnat", "snat", "redirect", "netmap", "tproxy")


def nat_rules(ruleset: Ruleset) -> Iterator[tuple[Chain, Rule]]:
    """Return the rules of the chains that nat_chains() returns, each with its chain."""
    for chain in nat_chains(ruleset):
        for rule in chain.rules:
            yield chain, rule


def nat_chains(ruleset: Ruleset) -> list[Chain]:
    """Return the chains that do NAT, see forwarded packets or have the policy, and those that they call."""
    found: dict[Place, Chain] = {}
    waiting = [chain for chain in ruleset.chains.values() if _is_base(chain)]
    while waiting:
        chain = waiting.pop(0)
        if chain.place in found:
            continue
        found[chain.place] = chain
        called = (replace(chain.place, chain=rule.target) for rule in chain.rules if rule.target)
        waiting.extend(ruleset.chains[place] for place in called if place in ruleset.chains)
    return sorted(found.values(), key=lambda chain: str(chain.place))


def _is_base(chain: Chain) -> bool:
    """Return whether the kernel calls a chain; one of iptables that only others call has neither hook nor policy."""
    if chain.place.chain in (POLICY_IN, POLICY_OUT, LOOPBACK):
        return True
    if chain.place.backend == NFTABLES:
        return bool(chain.hook) and (chain.kind == "nat" or chain.hook == "forward")
    return bool(chain.policy) and (chain.place.table == "nat" or chain.hook == "forward")


def owner_of(comment: str | None) -> str | None:
    """Return a rule's owner from its comment.

    It is empty for a rule of this collection without an owner, and None for a rule of anybody else.
    """
    mark, colon, rest = (comment or "").partition(":")
    return rest.partition(" ")[0] if colon and mark.partition("/")[0] == COMMENT else None


def firewall_view(
    ruleset: Ruleset,
    tables: Iterable[tuple[str, str, str]],
    chains: Collection[Place],
    rules: Sequence[tuple[Chain, Rule]],
) -> dict[str, Any]:
    """Return the tables (backend, family and name), chains and rules that are to be reported."""
    return {
        "tables": [
            {"backend": _backend(ruleset, *table), "family": table[1], "name": table[2]} for table in sorted(tables)
        ],
        "chains": [_chain(ruleset.chains[place]) for place in sorted(chains, key=str)],
        "rules": [_rule(chain, rule) for chain, rule in rules],
        "masquerade": list(_masquerading(rules)),
    }


def _backend(ruleset: Ruleset, backend: str, family: str, table: str) -> str:
    """Return which program created a table: the kernel does not distinguish those of nft and of iptables-nft."""
    if backend == IPTABLES_LEGACY:
        return backend
    backends = (place.backend for place in ruleset.chains if (place.family, place.table) == (family, table))
    return next((found for found in backends if found != IPTABLES_LEGACY), backend)


def _chain(chain: Chain) -> dict[str, Any]:
    place = chain.place
    return {
        "backend": place.backend,
        "family": place.family,
        "table": place.table,
        "name": place.chain,
        "type": chain.kind,
        "hook": chain.hook or (place.chain.lower() if chain.policy else ""),
        "policy": chain.policy,
    }


def _rule(chain: Chain, rule: Rule) -> dict[str, Any]:
    place = chain.place
    verdict = _verdict(rule)
    return {
        "backend": place.backend,
        "family": place.family,
        "table": place.table,
        "chain": place.chain,
        "verdict": verdict,
        "target": "" if rule.target.lower() in _TRANSLATIONS else rule.target,
        "criteria": sorted(
            f"{found.field} {'!= ' if found.negated else ''}{found.value}".removeprefix("other ")
            for found in rule.criteria
        ),
        "comment": rule.comment,
        "owner": owner_of(rule.comment),
    }


def _verdict(rule: Rule) -> str:
    """Return what a rule does with a packet; translating its addresses is not a verdict on forwarding it."""
    if rule.target.lower() in _TRANSLATIONS:  # a target of iptables
        return rule.target.lower()
    if rule.verdict:
        return rule.verdict
    statements = json.loads(rule.expressions) if rule.expressions else []
    kinds = [kind for statement in statements if isinstance(statement, dict) for kind in statement]
    return next((kind for kind in kinds if kind in _TRANSLATIONS), "")


def _masquerading(rules: Iterable[tuple[Chain, Rule]]) -> Iterator[dict[str, Any]]:
    for chain, rule in rules:
        found = masquerade.SCHEME.recognise(chain.place, rule)
        if found is not None and found.role == masquerade.MASQUERADE and isinstance(found.key, masquerade.Source):
            yield {
                "source": found.key.source,
                "out_interface": found.key.out_interface,
                "to_source": rule.target or None,
                "owner": found.owner,
                "backend": chain.place.backend,
            }

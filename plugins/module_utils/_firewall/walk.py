# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a packet ends in the chains of a hook, as far as the rules that were read show. Pure.

A condition that is not understood may hold or not. So a packet may end at several places.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._firewall.conditions import Packet, rule_holds
from ansible_collections.netns.fabric.plugins.module_utils._firewall.nft_parser import parse_match
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    FAMILIES,
    IPTABLES_LEGACY,
    NAT_VERDICTS,
    NFTABLES,
    REFUSING_VERDICTS,
    Chain,
    Criterion,
    Place,
    Rule,
    Ruleset,
)

#: What a rule does whose effect is not understood.
UNCLEAR = "unclear"
#: Chains of this type filter as well (nft(8), Chains).
_KINDS = {"route": "filter"}
#: What translates addresses besides NAT_VERDICTS, in nft's words.
OTHER_TRANSLATIONS = ("snat", "redirect", "netmap", "tproxy")
#: Targets of iptables after which a packet continues with the next rule (iptables-extensions(8)).
_PASSING_TARGETS = frozenset(
    (
        *("AUDIT", "CHECKSUM", "CLASSIFY", "CONNMARK", "CONNSECMARK", "CT", "DSCP", "ECN", "HL", "HMARK", "IDLETIMER"),
        *("LED", "LOG", "MARK", "NFLOG", "NOTRACK", "RATEEST", "SECMARK", "SET", "TCPMSS", "TCPOPTSTRIP", "TEE"),
        *("TOS", "TRACE", "TTL", "ULOG"),
    )
)
#: Statements of nft that may end a packet in a way that is not followed (nft(8)).
_UNCLEAR_STATEMENTS = frozenset({"queue", "fwd", "synproxy"})


@dataclass(frozen=True)
class Ending:
    """Where a packet ends in the chains of a hook, and how; `rule` is None for a chain's policy."""

    place: Place
    verdict: str
    rule: Rule | None = None

    @property
    def by_policy(self) -> bool:
        return self.rule is None

    def __str__(self) -> str:
        cause = f"policy {self.verdict}" if self.by_policy else f"a rule with {self.verdict}"
        return f"{self.place} ({cause})"


@dataclass(frozen=True)
class _Followed:
    """Where a packet may end in a chain, and whether it may return from there."""

    endings: tuple[Ending, ...]
    returns: bool


def walk_hook(ruleset: Ruleset, hook: str, kind: str, packet: Packet) -> Iterator[tuple[Chain, list[Ending]]]:
    """Yield the base chains of a kind on a hook, each with the places where a packet may end.

    The last place is where it ends if it does not end at another one; if there is one only, that is certain.
    """
    families = (FAMILIES[packet.destination.version], "inet")
    for chain in ruleset.chains.values():
        is_meant = chain.hook == hook and _KINDS.get(chain.kind, chain.kind) == kind and chain.place.family in families
        if is_meant and not _is_dormant(ruleset, chain.place):
            yield chain, _Walk(ruleset, packet).run(chain)


def _is_dormant(ruleset: Ruleset, place: Place) -> bool:
    table = ruleset.tables.get((place.family, place.table))
    return place.backend != IPTABLES_LEGACY and table is not None and table.dormant


class _Walk:
    """The way of one packet through a base chain and those that it calls."""

    def __init__(self, ruleset: Ruleset, packet: Packet) -> None:
        self._ruleset = ruleset
        self._packet = packet
        # What a chain does with a packet does not depend on who calls it. Without this, chains that call each other
        # many times would take exponential time.
        self._followed: dict[Place, _Followed] = {}

    def run(self, base: Chain) -> list[Ending]:
        found = self._follow(base)
        endings = [*found.endings]
        if found.returns or not endings:
            endings.append(Ending(base.place, base.policy or "accept"))
        # The last one stays the last: that is where the packet ends for certain.
        return list(dict.fromkeys(reversed(endings)))[::-1]

    def _follow(self, chain: Chain) -> _Followed:
        if chain.place not in self._followed:
            self._followed[chain.place] = _Followed(
                (), returns=True
            )  # the kernel allows no loops; others may print one
            self._followed[chain.place] = self._follow_rules(chain)
        return self._followed[chain.place]

    def _follow_rules(self, chain: Chain) -> _Followed:
        endings: dict[Ending, None] = {}
        may_return = False
        for rule in self._expanded(chain.rules):
            holds = rule_holds(rule, self._packet)
            if holds is False:
                continue
            effect = self._effect_of(chain, rule)
            for ending in effect.endings:
                endings.pop(ending, None)
                endings[ending] = None
            leaves = rule.verdict in ("return", "goto") and effect.returns
            if holds and (leaves or not effect.returns):
                return _Followed(tuple(endings), may_return or leaves)
            may_return = may_return or leaves
        return _Followed(tuple(endings), returns=True)

    def _expanded(self, rules: Sequence[Rule]) -> Iterator[Rule]:
        for rule in rules:
            if not rule.verdict and '"vmap"' in rule.expressions:
                yield from expand_map(rule.criteria, rule.expressions)
            else:
                yield rule

    def _effect_of(self, chain: Chain, rule: Rule) -> _Followed:
        """Return what becomes of a packet that meets the conditions of a rule."""
        if rule.verdict in ("accept", *REFUSING_VERDICTS, *NAT_VERDICTS):
            return _Followed((Ending(chain.place, rule.verdict, rule),), returns=False)
        if rule.verdict in ("jump", "goto"):
            called = self._ruleset.chains.get(replace(chain.place, chain=rule.target))
            return self._follow(called) if called is not None else _effect_of_target(chain, rule)
        if rule.verdict == UNCLEAR:
            return _Followed((Ending(chain.place, UNCLEAR, rule),), returns=True)
        if rule.verdict != "return":
            for kind in statements_of(rule):
                if kind in OTHER_TRANSLATIONS:
                    return _Followed((Ending(chain.place, kind, rule),), returns=False)
                if kind in _UNCLEAR_STATEMENTS:
                    return _Followed((Ending(chain.place, UNCLEAR, rule),), returns=True)
        return _Followed((), returns=True)


def _effect_of_target(chain: Chain, rule: Rule) -> _Followed:
    """Return what an extension of iptables does with a packet."""
    name = rule.target.lower()
    if chain.place.backend != NFTABLES:
        if rule.target in _PASSING_TARGETS:
            return _Followed((), returns=True)
        if name in OTHER_TRANSLATIONS:
            return _Followed((Ending(chain.place, name, rule),), returns=False)
    return _Followed((Ending(chain.place, UNCLEAR, rule),), returns=True)


@lru_cache(maxsize=4096)
def _kinds(expressions: str) -> tuple[str, ...]:
    statements = json.loads(expressions) if expressions else []
    return tuple(kind for statement in statements if isinstance(statement, dict) for kind in statement)


def statements_of(rule: Rule) -> tuple[str, ...]:
    """Return the kinds of a rule's statements, as nft printed them; nothing for a rule of iptables."""
    return _kinds(rule.expressions)


@lru_cache(maxsize=1024)
def expand_map(criteria: frozenset[Criterion], expressions: str) -> tuple[Rule, ...]:
    """Return a rule with a verdict map as rules with one verdict each; a map with a name is not printed with it."""
    statement = next(found["vmap"] for found in json.loads(expressions) if isinstance(found, dict) and "vmap" in found)
    others = frozenset(found for found in criteria if '"vmap"' not in found.value)
    data = statement.get("data") if isinstance(statement, dict) else None
    elements = data.get("set") if isinstance(data, dict) else None
    if not isinstance(elements, list):
        return (Rule(others, UNCLEAR),)
    return tuple(_element_rule(statement["key"], element, others) for element in elements)


def _element_rule(key: Any, element: Any, others: frozenset[Criterion]) -> Rule:
    value, verdict = element
    kind, content = next(iter(verdict.items()))
    target = content.get("target", "") if isinstance(content, dict) else ""
    condition = parse_match({"left": key, "op": "==", "right": value})
    return Rule(others | {condition}, "" if kind == "continue" else kind, target)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of one namespace as they are planned: which are owned, and which are added and removed. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    CLAMP_MSS,
    COMMENT,
    FORWARD,
    LOOPBACK,
    NFTABLES,
    OWN_CHAINS,
    OWN_TABLE,
    Chain,
    NftTable,
    Obstacle,
    Place,
    Rule,
    Ruleset,
    Tools,
    find_end,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import (
    ISOLATION,
    POLICY,
    OwnedRule,
    RuleKey,
    RuleScheme,
    RuleSpec,
    hook_of,
)


class PlannedRuleset:
    """The rules of one namespace as they will be after what is planned so far."""

    def __init__(self, name: NamespaceName, original: Ruleset, tools: Tools, scheme: RuleScheme, owner: str) -> None:
        #: The rules as they were read.
        self.original = original
        self._name = name
        self._tools = tools
        self._scheme = scheme
        self._owner = owner
        self._rules = {place: list(chain.rules) for place, chain in original.chains.items()}
        self._ends = {place: find_end(rules) for place, rules in self._rules.items()}
        self._own_tables = {family for family, table in original.tables if table == OWN_TABLE}
        #: The rules of nft, by their identity, that earlier steps of a simulation add: they have no handle.
        self._simulated = {
            id(rule)
            for place, chain in original.chains.items()
            for rule in chain.rules
            if place.backend == NFTABLES and rule.handle is None
        }
        #: The families whose OWN_TABLE is switched on again.
        self._cleared: set[str] = set()
        self._obstacles: dict[int, list[Obstacle]] = {}
        #: The rules of every owner by what they are about: a thousand entries must not search all rules each.
        self._owned: dict[RuleKey, list[OwnedRule]] = {}
        for place, rules in self._rules.items():
            misplaced = _find_misplaced(scheme, place, rules)
            for position, rule in enumerate(rules):
                known = scheme.recognise(place, rule) if (rule.comment or "").startswith(COMMENT) else None
                if known is not None:
                    idle = position >= self._ends[place] or position in misplaced
                    found = OwnedRule(place, known.role, known.key, known.owner, rule, idle)
                    self._owned.setdefault(known.key, []).append(found)

    def clear_dormant_flag(self, family: str) -> list[Operation]:
        """Plan to switch OWN_TABLE on again, if somebody has switched it off."""
        table = self.original.tables.get((family, OWN_TABLE))
        if table is None or not table.dormant or family in self._cleared:
            return []
        self._cleared.add(family)
        return [op.ClearDormantFlag(self._name, family)]

    def obstacles(self, version: int) -> list[Obstacle]:
        """Return the chains that refuse forwarded packets of an IP version by default."""
        if version not in self._obstacles:
            self._obstacles[version] = self.original.obstacles(version)
        return self._obstacles[version]

    def owned(self, key: RuleKey) -> list[OwnedRule]:
        """Return the owner's rules for a key, in their order in each chain."""
        return [found for found in self._owned.get(key, ()) if found.owner == self._owner]

    def pools(self, key: RuleKey) -> frozenset[str]:
        """Return the sources that the owner's rules for a key give to packets, as far as they are understood."""
        targets = {found.rule.target.partition(" ")[0] for found in self.owned(key) if found.rule.verdict == "snat"}
        return frozenset(target for target in targets if re.fullmatch(r"[\da-f.:]+(-[\da-f.:]+)?", target))

    def owned_keys(self) -> list[RuleKey]:
        """Return what the owner's rules are about."""
        return [key for key in self._owned if self.owned(key)]

    def backends(self, family: str) -> set[str]:
        """Return the backends that have rules of the owner."""
        return {
            found.place.backend
            for key in self._owned
            for found in self.owned(key)
            if hook_of(found.place) != FORWARD and found.place.family == family
        }

    def other_owners(self, key: RuleKey) -> list[str]:
        """Return the other owners that have rules for a key; the empty name stands for rules without an owner."""
        translating = (found for found in self._owned.get(key, ()) if hook_of(found.place) != FORWARD)
        return sorted({found.owner for found in translating if found.owner != self._owner})

    def update(self, key: RuleKey, placed: Sequence[tuple[RuleSpec, Place]]) -> list[Operation]:
        """Plan one rule for each of these, and the removal of all other rules of the owner for the key."""
        operations = [step for spec, place in placed for step in self._update_one(place, spec, key)]
        wanted = {(place, spec.role) for spec, place in placed}
        others = [found for found in self.owned(key) if (found.place, found.role) not in wanted]
        return [*operations, *(self._remove(found) for found in others)]

    def _update_one(self, place: Place, spec: RuleSpec, key: RuleKey) -> list[Operation]:
        here = [found for found in self.owned(key) if (found.place, found.role) == (place, spec.role)]
        good = [found for found in here if spec.same_as(found.rule)]
        # iptables removes a rule by its text, and of several equal ones the first: the last can stay.
        keep = good[-1] if good and not good[-1].idle else None
        operations: list[Operation] = [self._remove(found) for found in here if found is not keep]
        return operations if keep else [*operations, *self._add(place, spec, key)]

    def _add(self, place: Place, spec: RuleSpec, key: RuleKey) -> list[Operation]:
        operations = self._create_chain(place)
        position = self._scheme.position(spec, self._rules[place], self._ends[place])
        rule, step = self._insert(place, spec, self._scheme.mark(self._owner, key) + spec.note, position, key.family)
        self._ends[place] += 1
        self._owned.setdefault(key, []).append(OwnedRule(place, spec.role, key, self._owner, rule))
        return [*operations, step]

    def _create_chain(self, place: Place) -> list[Operation]:
        """Plan the creation of a chain, if it is the collection's and does not exist."""
        if place in self._rules:
            return []
        self._rules[place], self._ends[place] = [], 0
        if place.table == OWN_TABLE:
            new_table = place.family not in self._own_tables
            self._own_tables.add(place.family)
            return [op.AddOwnChain(self._name, place.family, place.chain, new_table)]
        if hook_of(place) in (ISOLATION, POLICY):
            return [op.AddIptablesChain(self._name, self._command(place), place.table, place.chain)]
        return []

    def _insert(self, place: Place, spec: RuleSpec, mark: str, position: int, family: str) -> tuple[Rule, Operation]:
        """Plan a rule at a position; `family` is that of its addresses, as a chain may be of both (inet)."""
        rules = self._rules[place]
        arguments: tuple[str, ...] = ()
        step: Operation
        if place.backend == NFTABLES:
            text = op.format_nft(spec.criteria, spec.verdict, mark, family, spec.target)
            step = self._insert_text(place, text, position)
        else:
            arguments = op.format_iptables(spec.criteria, spec.verdict, mark, spec.target)
            last = position == len(rules)
            command = self._command(place)
            step = op.AddIptablesRule(self._name, command, place.table, place.chain, arguments, position + 1, last)
        rule = Rule(frozenset(spec.criteria), spec.verdict, spec.target, comment=mark, arguments=arguments)
        rules.insert(position, rule)
        return rule, step

    def _insert_text(self, place: Place, text: str, position: int) -> Operation:
        """Plan a rule of nft before the next one that is there when it is added: one of this call may not be yet."""
        rules = self._rules[place]
        where = (self._name, place.family, place.table, place.chain)
        if position == 0 and rules and rules[0].handle is None:
            return op.AddNftRule(*where, text, first=True)
        there = (at for at in range(position, len(rules)) if rules[at].handle or id(rules[at]) in self._simulated)
        following = next(there, None)
        if following is not None and rules[following].handle is None:
            return op.AddNftRuleBeforePlanned(*where, *_by_comment(rules, following), text)
        return op.AddNftRule(*where, text, None if following is None else rules[following].handle)

    def _remove(self, found: OwnedRule) -> Operation:
        self._owned[found.key] = [other for other in self._owned[found.key] if other is not found]
        return self._delete(found.place, self._rules[found.place].index(found.rule))

    def _delete(self, place: Place, position: int) -> Operation:
        rules = self._rules[place]
        rule = rules.pop(position)
        if position < self._ends[place]:
            self._ends[place] -= 1
        if place.backend != NFTABLES:
            command = self._command(place)
            return op.DeleteIptablesRule(self._name, command, place.table, place.chain, rule.arguments, position + 1)
        if rule.handle is None:
            by_comment = _by_comment([*rules[:position], rule], position)
            return op.DeletePlannedRule(self._name, place.family, place.table, place.chain, *by_comment)
        return op.DeleteNftRule(
            self._name,
            place.family,
            place.table,
            place.chain,
            rule.handle,
            rule.comment or "",
            rule.expressions,
            _handle_from(rules, position),
        )

    def _command(self, place: Place) -> str:
        return self._tools.iptables[place.backend, 6 if place.family == "ip6" else 4]

    def delete_empty(self, family: str) -> list[Operation]:
        """Plan the deletion of OWN_TABLE if it is empty, whoever emptied it; else that of its chains without a rule."""
        if family not in self._own_tables:
            return []
        chains = [place for place in self._rules if (place.family, place.table) == (family, OWN_TABLE)]
        empty = [place for place in chains if place.chain in OWN_CHAINS and not self._rules[place]]
        for place in empty:
            del self._rules[place], self._ends[place]
        table = self.original.tables.get((family, OWN_TABLE))
        if len(empty) == len(chains) and not (table and table.further):
            self._own_tables.discard(family)
            return [op.DeleteOwnTable(self._name, family, tuple(place.chain for place in empty))]
        return [op.DeleteOwnChain(self._name, family, place.chain) for place in empty]

    def ruleset(self) -> Ruleset:
        """Return the ruleset as planned."""
        tables = {key: table for key, table in self.original.tables.items() if table.name != OWN_TABLE}
        for family in self._own_tables:
            there = self.original.tables.get((family, OWN_TABLE)) or NftTable(family, OWN_TABLE)
            tables[family, OWN_TABLE] = replace(there, dormant=there.dormant and family not in self._cleared)
        chains = {
            place: replace(self.original.chains.get(place) or _new_chain(place), rules=tuple(rules))
            for place, rules in self._rules.items()
        }
        return Ruleset(chains, tables)

    def replace_rules(self, place: Place, specs: Sequence[RuleSpec], mark: str) -> list[Operation]:
        """Plan that a chain has these rules, in their order, and no others; those at its ends that fit stay."""
        operations = self._create_chain(place)
        rules = self._rules[place]
        fits = [
            [spec.same_as(rule) and rule.comment == mark for rule, spec in zip(found, wanted)]
            for found, wanted in ((rules, specs), (rules[::-1], specs[::-1]))
        ]
        kept = next((position for position, fit in enumerate(fits[0]) if not fit), len(fits[0]))
        tail = next((position for position, fit in enumerate(fits[1]) if not fit), len(fits[1]))
        tail = min(tail, min(len(rules), len(specs)) - kept)
        operations += [self._delete(place, kept) for _rule in range(len(rules) - kept - tail)]
        for position in range(kept, len(specs) - tail):
            operations.append(self._insert(place, specs[position], mark, position, place.family)[1])
        self._ends[place] = find_end(rules)
        return operations

    def call_chain(self, base: Place, called: Place, mark: str) -> list[Operation]:
        """Plan that the first rule of a chain of iptables, and no other one, leads to a chain of the collection."""
        jump = RuleSpec("", hook_of(base), (), "jump", called.chain)
        rules = self._rules.get(base, [])
        if rules and jump.same_as(rules[0]) and rules[0].comment == mark and not any(map(jump.same_as, rules[1:])):
            return []
        operations = self.delete_calls(base, called)
        operations += self._create_chain(base)
        step = self._insert(base, jump, mark, 0, base.family)[1]
        self._ends[base] = find_end(self._rules[base])
        return [*operations, step]

    def delete_calls(self, base: Place, called: Place) -> list[Operation]:
        """Plan that no rule of a chain of iptables leads to a chain of the collection."""
        jump = RuleSpec("", hook_of(base), (), "jump", called.chain)
        positions = [position for position, rule in enumerate(self._rules.get(base, ())) if jump.same_as(rule)]
        return [self._delete(base, position) for position in reversed(positions)]

    def remove_chain(self, place: Place) -> list[Operation]:
        """Plan the deletion of a chain of the collection with all that is in it; no rule leads there any more."""
        if place not in self._rules:
            return []
        operations: list[Operation] = [self._delete(place, 0) for _rule in tuple(self._rules[place])]
        if place.table == OWN_TABLE:
            return [*operations, *self.delete_empty(place.family)]
        del self._rules[place], self._ends[place]
        return [*operations, op.DeleteIptablesChain(self._name, self._command(place), place.table, place.chain)]

    def close_chain(self, place: Place, spec: RuleSpec, mark: str) -> list[Operation]:
        """Plan that a rule ends a chain which all owners share: no packet gets past it."""
        rules, end = self._rules[place], self._ends[place]
        if end < len(rules) and spec.same_as(rules[end]):
            return []
        _rule, step = self._insert(place, spec, mark, end, place.family)
        return [step]

    def delete_chain(self, place: Place, mark: str) -> list[Operation]:
        """Plan the deletion of a shared chain in which there is nothing but the rule that ends it."""
        rules = self._rules.get(place)
        if rules is None or any(rule.comment != mark for rule in rules):
            return []
        operations: list[Operation] = [self._delete(place, 0) for _rule in tuple(rules)]
        del self._rules[place], self._ends[place]
        if place.table == OWN_TABLE:
            return [*operations, op.DeleteOwnChain(self._name, place.family, place.chain)]
        return [*operations, op.DeleteIptablesChain(self._name, self._command(place), place.table, place.chain)]

    def describe(self, key: RuleKey, specs: Iterable[RuleSpec]) -> dict[str, Any]:
        """Return the owner's rules for a key, for the diff; `specs` are the rules that it needs."""
        specs = list(specs)
        described: dict[str, Any] = {}
        for found in self.owned(key):
            is_accepting = hook_of(found.place) == FORWARD and found.rule.verdict != CLAMP_MSS
            name = "accept_forward" if is_accepting else found.role
            described.setdefault(name, []).append(found.describe(specs))
            if found.rule.verdict in ("dnat", "snat") and found.rule.target not in described.setdefault("to", []):
                described["to"].append(found.rule.target)
        return described


def _new_chain(place: Place) -> Chain:
    """Return a chain as it is created."""
    base = OWN_CHAINS.get(place.chain) if place.table == OWN_TABLE else None
    if base is not None:
        return Chain(place, hook=base.hook, policy="accept", kind=base.kind)
    if place.table == OWN_TABLE:
        return Chain(place)
    if hook_of(place) in (ISOLATION, POLICY):
        return Chain(place, kind="filter")
    hook = place.chain.lower()
    return Chain(place, hook=hook, policy="accept", kind="nat" if place.table == "nat" else "filter")


def _find_misplaced(scheme: RuleScheme, place: Place, rules: Sequence[Rule]) -> Collection[int]:
    """Return the positions in a chain at which a rule does not do what it is for."""
    hook = hook_of(place)
    if hook == LOOPBACK:  # nobody accepts what it drops
        return range(next((at for at, rule in enumerate(rules) if not rule.is_own), len(rules)), len(rules))
    return scheme.misplaced(rules) if hook == FORWARD else ()


def _handle_from(rules: Sequence[Rule], position: int) -> int | None:
    """Return the handle of the first rule from a position on that has one: a planned rule has none yet."""
    handles = (rules[at].handle for at in range(position, len(rules)))
    return next((handle for handle in handles if handle is not None), None)


def _by_comment(rules: Sequence[Rule], position: int) -> tuple[str, int]:
    """Return the comment of a rule, and which of those with this comment it is, counted from 1."""
    comment = rules[position].comment or ""
    return comment, sum((rule.comment or "") == comment for rule in rules[: position + 1])

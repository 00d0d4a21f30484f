# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of address translation as they will be: what is marked as ours, and what is added and removed. Pure.

It knows no resource: what an entry is about (a `Subject`), which rules it needs (`Part`) and how its rules are known
again (`Kind`) is given by the resource.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    COMMENT,
    FAMILIES,
    FORWARD,
    NAT_HOOKS,
    NFTABLES,
    OWN_TABLE,
    Chain,
    Criterion,
    NftTable,
    Obstacle,
    Place,
    Rule,
    Ruleset,
    Tools,
    limit,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName


class Subject(ABC):
    """What an entry is about: what no two entries of a namespace share. Hashable; its text is for messages."""

    @property
    @abstractmethod
    def version(self) -> int:
        """The IP version."""

    @property
    def family(self) -> str:
        """The family of nf_tables."""
        return FAMILIES[self.version]

    @abstractmethod
    def described(self) -> dict[str, Any]:
        """Its options, for the diff."""


@dataclass(frozen=True)
class Part:
    """One of the rules that a subject needs: what it is for, on which hook it belongs, and what it says."""

    role: str
    hook: str
    criteria: tuple[Criterion, ...]
    verdict: str
    target: str = ""

    def same_as(self, rule: Rule) -> bool:
        """Whether a rule does this and nothing else."""
        return (frozenset(self.criteria), self.verdict, self.target) == (rule.criteria, rule.verdict, rule.target)


@dataclass(frozen=True)
class Recognised:
    """A rule of ours: whose it is, what it is for and what it is about."""

    owner: str
    role: str
    subject: Subject


class Kind(ABC):
    """How the rules of one resource are told from all others."""

    #: What the resource does, for messages, and what an entry of another owner still is.
    doing: str
    done: str

    @abstractmethod
    def mark(self, owner: str, subject: Subject) -> str:
        """The comment of a rule."""

    @abstractmethod
    def recognise(self, place: Place, rule: Rule) -> Recognised | None:
        """What a rule is, also where somebody has altered it; None for one that is not of this kind."""

    @abstractmethod
    def parts(self, subject: Subject) -> Sequence[Part]:
        """The rules that a subject needs, as far as it says so itself: for those that no entry names."""


@dataclass(frozen=True)
class Marked:
    """A rule of ours. `idle`: it stands behind one that no packet gets past."""

    place: Place
    role: str
    subject: Subject
    owner: str
    rule: Rule
    idle: bool = False

    def shown(self, parts: Iterable[Part]) -> str:
        """For the diff: where it is, what for, and what is wrong with it."""
        role = f" ({self.role})" if hook_of(self.place) == FORWARD else ""
        meant = [part for part in parts if (part.role, part.hook) == (self.role, hook_of(self.place))]
        altered = " (altered)" if meant and not any(part.same_as(self.rule) for part in meant) else ""
        return f"{self.place}{role}{altered}" + (" (without effect)" if self.idle else "")


def hook_of(place: Place) -> str:
    """The hook that rules of ours in a chain are for."""
    name = place.chain.lower()
    return name if name in NAT_HOOKS and place.table in (OWN_TABLE, "nat") else FORWARD


def place_on(hook: str, backend: str, family: str) -> Place:
    """The chain for address translation on a hook."""
    if backend == NFTABLES:
        return Place(NFTABLES, family, OWN_TABLE, hook)
    return Place(backend, family, "nat", hook.upper())


class Draft:
    """The rules of one namespace as they will be after what is planned so far."""

    def __init__(self, name: NamespaceName, ruleset: Ruleset, tools: Tools, kind: Kind, owner: str) -> None:
        self._name = name
        self._ruleset = ruleset
        self._tools = tools
        self._kind = kind
        self._owner = owner
        self._rules = {place: list(chain.rules) for place, chain in ruleset.chains.items()}
        self._limits = {place: limit(rules) for place, rules in self._rules.items()}
        self._own_tables = {family for family, table in ruleset.tables if table == OWN_TABLE}
        self._woken: set[str] = set()
        self._obstacles: dict[int, list[Obstacle]] = {}
        #: What is marked, by anyone, found by what it is about: a thousand entries must not read all rules each.
        self._marked: dict[Subject, list[Marked]] = {}
        for place, rules in self._rules.items():
            for position, rule in enumerate(rules):
                known = kind.recognise(place, rule) if (rule.comment or "").startswith(COMMENT) else None
                if known is not None:
                    idle = position >= self._limits[place]
                    found = Marked(place, known.role, known.subject, known.owner, rule, idle)
                    self._marked.setdefault(known.subject, []).append(found)

    def wake(self, family: str) -> list[Operation]:
        """Our table, if somebody has switched it off."""
        table = self._ruleset.tables.get((family, OWN_TABLE))
        if table is None or not table.dormant or family in self._woken:
            return []
        self._woken.add(family)
        return [op.WakeOwnTable(self._name, family)]

    def obstacles(self, version: int) -> list[Obstacle]:
        if version not in self._obstacles:
            self._obstacles[version] = self._ruleset.obstacles(version)
        return self._obstacles[version]

    def is_firewalld(self, obstacle: Obstacle) -> bool:
        return self._ruleset.is_firewalld(obstacle)

    def about(self, subject: Subject) -> list[Marked]:
        """Our rules for a subject, in their order in each chain."""
        return [found for found in self._marked.get(subject, ()) if found.owner == self._owner]

    def subjects(self) -> list[Subject]:
        """What our rules are about."""
        return [subject for subject in self._marked if self.about(subject)]

    def backends(self, family: str) -> set[str]:
        """Where our rules are."""
        return {
            found.place.backend
            for subject in self._marked
            for found in self.about(subject)
            if hook_of(found.place) != FORWARD and found.place.family == family
        }

    def other_owners(self, subject: Subject) -> list[str]:
        """Who else has the same: names of owners, of which one may be empty."""
        translating = (found for found in self._marked.get(subject, ()) if hook_of(found.place) != FORWARD)
        return sorted({found.owner for found in translating if found.owner != self._owner})

    def settle(self, subject: Subject, placed: Sequence[tuple[Part, Place]]) -> list[Operation]:
        """One rule for each part in its place, and none of ours for the subject anywhere else."""
        operations = [step for part, place in placed for step in self._one(place, part, subject)]
        here = {(place, part.role) for part, place in placed}
        elsewhere = [found for found in self.about(subject) if (found.place, found.role) not in here]
        return [*operations, *(self._remove(found) for found in elsewhere)]

    def _one(self, place: Place, part: Part, subject: Subject) -> list[Operation]:
        here = [found for found in self.about(subject) if (found.place, found.role) == (place, part.role)]
        good = [found for found in here if part.same_as(found.rule)]
        # Rules of iptables are removed by what they are, the first first: of several alike the last can stay.
        keep = good[-1] if good and not good[-1].idle else None
        operations: list[Operation] = [self._remove(found) for found in here if found is not keep]
        return operations if keep else [*operations, *self._add(place, part, subject)]

    def _add(self, place: Place, part: Part, subject: Subject) -> list[Operation]:
        mark = self._kind.mark(self._owner, subject)
        operations: list[Operation] = []
        if place.table == OWN_TABLE and place not in self._rules:
            new_table = place.family not in self._own_tables
            operations.append(op.AddOwnChain(self._name, place.family, place.chain, new_table))
            self._own_tables.add(place.family)
        rules = self._rules.setdefault(place, [])
        position = self._limits.setdefault(place, 0)
        arguments: tuple[str, ...] = ()
        if place.backend == NFTABLES:
            text = op.nft_text(part.criteria, op.nft_action(part.verdict, part.target), mark, subject.family)
            before = _handle_from(rules, position)
            operations.append(op.AddNftRule(self._name, place.family, place.table, place.chain, text, before))
        else:
            arguments = op.iptables_arguments(part.criteria, part.verdict, mark, part.target)
            last = position == len(rules)
            command = self._command(place)
            operations.append(
                op.AddIptablesRule(self._name, command, place.table, place.chain, arguments, position + 1, last)
            )
        rule = Rule(frozenset(part.criteria), part.verdict, part.target, comment=mark, arguments=arguments)
        rules.insert(position, rule)
        self._limits[place] += 1
        self._marked.setdefault(subject, []).append(Marked(place, part.role, subject, self._owner, rule))
        return operations

    def _remove(self, found: Marked) -> Operation:
        place, rule = found.place, found.rule
        self._marked[found.subject] = [other for other in self._marked[found.subject] if other is not found]
        rules = self._rules[place]
        position = rules.index(rule)
        del rules[position]
        if position < self._limits[place]:
            self._limits[place] -= 1
        if rule.handle is None:
            command = self._command(place)
            return op.DeleteIptablesRule(self._name, command, place.table, place.chain, rule.arguments, position + 1)
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

    def drop_what_is_empty(self, family: str) -> list[Operation]:
        """Our table, if nothing is left in it, whoever emptied it; of one that stays, the chains without a rule."""
        if family not in self._own_tables:
            return []
        chains = [place for place in self._rules if (place.family, place.table) == (family, OWN_TABLE)]
        empty = [place for place in chains if place.chain in NAT_HOOKS and not self._rules[place]]
        for place in empty:
            del self._rules[place], self._limits[place]
        table = self._ruleset.tables.get((family, OWN_TABLE))
        if len(empty) == len(chains) and not (table and table.further):
            self._own_tables.discard(family)
            return [op.DeleteOwnTable(self._name, family, tuple(place.chain for place in empty))]
        return [op.DeleteOwnChain(self._name, family, place.chain) for place in empty]

    def ruleset(self) -> Ruleset:
        """All rules, as far as they are read."""
        tables = {key: table for key, table in self._ruleset.tables.items() if table.name != OWN_TABLE}
        for family in self._own_tables:
            there = self._ruleset.tables.get((family, OWN_TABLE)) or NftTable(family, OWN_TABLE)
            tables[family, OWN_TABLE] = replace(there, dormant=there.dormant and family not in self._woken)
        chains = {
            place: replace(self._ruleset.chains.get(place) or _nat_chain(place), rules=tuple(rules))
            for place, rules in self._rules.items()
        }
        return Ruleset(chains, tables)

    def shown(self, subject: Subject, parts: Iterable[Part]) -> dict[str, Any]:
        """What there is for a subject, for the diff; `parts` are what there should be."""
        parts = list(parts)
        shown: dict[str, Any] = {}
        for found in self.about(subject):
            key = "accept_forward" if hook_of(found.place) == FORWARD else found.role
            shown.setdefault(key, []).append(found.shown(parts))
            if found.rule.verdict == "dnat" and found.rule.target not in shown.setdefault("to", []):
                shown["to"].append(found.rule.target)
        return shown


def _nat_chain(place: Place) -> Chain:
    """A chain for address translation as it is made."""
    return Chain(place, hook=hook_of(place), policy="accept", kind="nat")


def _handle_from(rules: Sequence[Rule], position: int) -> int | None:
    """The handle of the first rule from a position on that has one yet."""
    handles = (rules[at].handle for at in range(position, len(rules)))
    return next((handle for handle in handles if handle is not None), None)

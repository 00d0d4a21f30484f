# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the NAT modules have in common: their options, what an entry asks for, and the rules that it needs. Pure.

A module gives the classes of its own: what an entry is about (a `RuleKey`), the rules that it needs (`RuleSpec`), and
how its rules are recognised (`RuleScheme`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import OWNER_OPTIONS
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Network
from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import FIREWALL
from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld import FIREWALLD
from ansible_collections.netns.fabric.plugins.module_utils._firewall.flows import FlowSelection
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    COMMENT,
    FAMILIES,
    FORWARD,
    FROM_PREFIX,
    INPUT,
    LOOPBACK,
    MANGLE,
    MSS,
    NAT_HOOKS,
    NFTABLES,
    OWN_TABLE,
    POLICY_IN,
    POLICY_OUT,
    TO_PREFIX,
    Criterion,
    Place,
    Rule,
    find_end,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName

AUTO, NEVER, IPTABLES = "auto", "never", "iptables"
#: What stands for a hook where a chain of the collection has none: it says what may enter or leave an isolated link.
ISOLATION = "isolation"
#: What stands for a hook where a chain of the collection says what may enter or leave a namespace.
POLICY = "policy"

BACKENDS = (FIREWALL, FIREWALLD, KERNEL)

#: The options that every entry has, and those of the call.
ROUTER_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "namespace": {"type": "str"},
    "ip_forward": {"type": "bool", "default": True},
    "accept_forward": {"type": "str", "choices": [AUTO, NEVER], "default": AUTO},
}
BACKEND_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **OWNER_OPTIONS,
    "backend": {"type": "str", "choices": [AUTO, NFTABLES, IPTABLES], "default": AUTO},
}


class RuleKey(ABC):
    """What an entry is about, which no two entries of a namespace share. Hashable; its text is for messages."""

    @property
    @abstractmethod
    def version(self) -> int:
        """The IP version."""

    @property
    def family(self) -> str:
        """The family of nf_tables."""
        return FAMILIES[self.version]

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return its options, for the diff."""

    @abstractmethod
    def flows(self) -> FlowSelection | None:
        """Return the flows that its rules translate, for when these are removed; None where they are not known."""


@dataclass(frozen=True)
class RuleSpec:
    """A rule that an entry needs: its role, its hook, its conditions and its verdict.

    `note` is added to its comment, where the rule itself does not show what it is about.
    """

    role: str
    hook: str
    criteria: tuple[Criterion, ...]
    verdict: str
    target: str = ""
    note: str = ""

    def same_as(self, rule: Rule) -> bool:
        """Whether a rule does this and nothing else."""
        return (frozenset(self.criteria), self.verdict, self.target) == (rule.criteria, rule.verdict, rule.target)


def role_of(criteria: Iterable[Criterion], verdict: str, target: str = "") -> str:
    """Return what distinguishes a rule whose chain has many: everything that it does."""
    conditions = (f"{found.field} {'!= ' if found.negated else ''}{found.value}" for found in sorted(criteria))
    return " ".join([*conditions, verdict, target]).strip()


@dataclass(frozen=True)
class RecognisedRule:
    """The owner of a rule, its role, and what it is about."""

    owner: str
    role: str
    key: RuleKey


class RuleScheme(ABC):
    """How the rules of one module are marked and recognised."""

    #: What the module does, for the heads of diffs, and what an entry of another owner still is, for messages.
    verb: str
    past: str

    @abstractmethod
    def mark(self, owner: str, key: RuleKey) -> str:
        """Return the comment of a rule."""

    @abstractmethod
    def recognise(self, place: Place, rule: Rule) -> RecognisedRule | None:
        """Return what a rule is, also where somebody has altered it; None for a rule of another scheme."""

    @abstractmethod
    def specs(self, key: RuleKey) -> Sequence[RuleSpec]:
        """Return the rules that a key needs, as far as the key alone determines them: for rules that are pruned."""

    def position(self, spec: RuleSpec, rules: Sequence[Rule], end: int) -> int:  # noqa: ARG002  # others need them
        """Return where in a chain a rule is added; `end` is where a packet that no rule decides on gets to."""
        return end

    def misplaced(self, rules: Sequence[Rule]) -> Collection[int]:
        """Return the positions in a chain that forwards at which a rule does not do what it is for.

        What it accepts is what no rule of others decides on, whenever they have added theirs.
        """
        others = (at for at, rule in enumerate(rules[: find_end(rules)]) if _decides_otherwise(rule))
        return range(max(others, default=0))


@dataclass(frozen=True)
class OwnedRule:
    """A rule that has an owner. `idle`: no packet gets to it, or rules of others come after it that are to precede."""

    place: Place
    role: str
    key: RuleKey
    owner: str
    rule: Rule
    idle: bool = False

    def describe(self, specs: Iterable[RuleSpec]) -> str:
        """Return its place and role, and what is wrong with it, for the diff."""
        role = f" ({self.role})" if hook_of(self.place) == FORWARD else ""
        hooks = (MSS if self.place.table == MANGLE else "", hook_of(self.place))
        meant = [spec for spec in specs if spec.role == self.role and spec.hook in hooks]
        altered = " (altered)" if meant and not any(spec.same_as(self.rule) for spec in meant) else ""
        return f"{self.place}{role}{altered}" + (" (misplaced)" if self.idle else "")


def _decides_otherwise(rule: Rule) -> bool:
    """Whether a rule of others does more than to accept."""
    return rule.verdict not in ("", "accept") and not (rule.comment or "").startswith(COMMENT)


def hook_of(place: Place) -> str:
    """Return the hook that the collection's rules in a chain are for."""
    if place.chain.startswith((FROM_PREFIX, TO_PREFIX)):
        return ISOLATION
    if place.chain in (POLICY_IN, POLICY_OUT):
        return POLICY
    if place.chain == MSS:
        return MSS
    if place.chain == LOOPBACK or (place.backend != NFTABLES and place.chain == INPUT.upper()):
        return LOOPBACK
    name = place.chain.lower()
    return name if name in NAT_HOOKS and place.table in (OWN_TABLE, "nat") else FORWARD


def nat_chain(hook: str, backend: str, family: str) -> Place:
    """Return the chain for address translation on a hook, or the one that limits segments."""
    if backend == NFTABLES:
        return Place(NFTABLES, family, OWN_TABLE, hook)
    if hook == MSS:
        return Place(backend, family, MANGLE, FORWARD.upper())
    if hook == LOOPBACK:
        return Place(backend, family, "filter", INPUT.upper())
    return Place(backend, family, "nat", hook.upper())


@dataclass(frozen=True)
class WantedNat:
    """What one entry asks for."""

    entry: Entry
    present: bool
    namespace: NamespaceName
    key: RuleKey
    ip_forward: bool = True
    accept_forward: str = AUTO

    #: The entry's option that determines the IP version, and the one that names an interface.
    address_option = ""
    link_option = ""

    @property
    def version(self) -> int:
        return self.key.version

    @property
    def features(self) -> Sequence[str]:
        """The options that need something of the kernel which not every kernel has."""
        return ()

    @property
    def leaves_by_any(self) -> bool:
        """Whether its packets leave by any link that leads outside."""
        return False

    @property
    def link(self) -> str | None:
        """The interface that the rules name."""
        raise NotImplementedError

    def specs(self, ways_out: Sequence[str] = ()) -> Sequence[RuleSpec]:
        """Return the rules that it needs, where these links lead outside."""
        raise NotImplementedError

    @property
    def behind(self) -> Network:
        """The network behind the router, or the address there, whose packets it has to forward."""
        raise NotImplementedError

    def flows(self, former: frozenset[str] = frozenset()) -> FlowSelection | None:
        """Return the flows that its rules translate; `former`: the sources that its rules of before gave them."""
        raise NotImplementedError

    def firewalld_rule(self) -> str | None:
        """Return the rich rule that accepts it in firewalld: empty where none is needed, None where none can."""
        raise NotImplementedError

    def firewalld_advice(self) -> str:
        """Return what a person can do where no rich rule can accept it."""
        return ""

    def required_firewalld_rule(self) -> str:
        """Return the rich rule that the entry is to have; empty for none."""
        if not self.present or self.namespace is not None or self.accept_forward == NEVER:
            return ""
        return self.firewalld_rule() or ""

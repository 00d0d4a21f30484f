# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planner of isolated links. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    FAMILIES,
    NFTABLES,
    Place,
    Ruleset,
    Tools,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_names import refuse_other_name
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_backend import (
    RulePart,
    check_own_table,
    choose_backend,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import (
    AUTO,
    ISOLATION,
    RuleKey,
    RuleScheme,
    RuleSpec,
    hook_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import SIMULATED_RULESETS
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_ruleset import PlannedRuleset
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ALink

PlacedRule = tuple[RuleSpec, Place]


class WantedLink(Protocol):
    """What the planner needs to know of an entry."""

    @property
    def entry(self) -> Entry: ...

    @property
    def present(self) -> bool: ...

    @property
    def link(self) -> str: ...

    def key_of(self, version: int) -> RuleKey:
        """Return what its rules of an IP version are about."""

    def placed(self, version: int, backend: str) -> list[PlacedRule]:
        """Return its rules of an IP version, each with its chain."""


@dataclass(frozen=True)
class Actual:
    """The state of the host. `versions`: the IP versions that its kernel has."""

    kernel: KernelState = field(default_factory=KernelState)
    tools: Tools = field(default_factory=Tools)
    ruleset: Ruleset = field(default_factory=Ruleset)
    versions: tuple[int, ...] = (4, 6)
    #: What earlier calls in check mode would have written.
    simulated: Mapping[NamespaceName, Ruleset] = field(default_factory=dict)


class IsolationPlanner(Planner[WantedLink]):
    """Plans the entries of one call: the rules of each, in chains that all owners share."""

    def __init__(self, actual: Actual, call: Call[Any], scheme: RuleScheme, close: RuleSpec, shared_mark: str) -> None:
        super().__init__(call)
        self._actual = actual
        self._scheme = scheme
        self._close = close
        self._shared_mark = shared_mark
        self._backend_option = str(call.options.get("backend") or AUTO)
        self._rules = PlannedRuleset(None, actual.ruleset, actual.tools, scheme, call.owner or "")

    def check(self) -> Iterable[FabricError]:
        for wanted in self.call.entries:
            if wanted.present:
                self.attempt(self._require_link, wanted)
        return ()

    def _require_link(self, wanted: WantedLink) -> None:
        kernel = self._actual.kernel
        if kernel.link(None, wanted.link) is not None:
            return
        refuse_other_name(kernel, wanted.entry, "link", None, wanted.link)
        existing = ", ".join(sorted(link.name for link in kernel.namespace(None).links))
        self.require(
            wanted.entry,
            "link",
            f"there is no link {wanted.link} on the host, which has {existing}; correct the name, or create it first",
            ALink(None, wanted.link),
        )

    def ordered(self) -> Iterable[WantedLink]:
        # What is added comes first: a table that keeps a rule need not be deleted and created again.
        return sorted(self.call.entries, key=lambda wanted: not wanted.present)

    def present(self, wanted: WantedLink) -> None:
        if self._errors:
            return  # run() is about to raise them, and a missing program would hide them
        keys = [wanted.key_of(version) for version in self._actual.versions]
        before = self._describe(keys)
        operations = [step for key in keys for step in self._isolate(wanted, key)]
        self._change(wanted.entry, wanted.link, before, self._describe(keys), operations)

    def _isolate(self, wanted: WantedLink, key: RuleKey) -> list[Operation]:
        part, rules = RulePart(wanted.entry, key), self._rules
        backend = choose_backend(self._backend_option, self._actual.tools, rules, part)
        if backend == NFTABLES:
            check_own_table(rules.original, part)
        placed = wanted.placed(key.version, backend)
        former = _chains(found.place for found in rules.owned(key))
        operations: list[Operation] = rules.clear_dormant_flag(key.family) if backend == NFTABLES else []
        operations += rules.update(key, placed)
        used = _chains(place for _spec, place in placed)
        for place in used:
            operations += rules.close_chain(place, self._close, self._shared_mark)
        return [*operations, *self._delete_chains([place for place in former if place not in used], key.family)]

    def _delete_chains(self, places: Iterable[Place], family: str) -> list[Operation]:
        operations = [step for place in places for step in self._rules.delete_chain(place, self._shared_mark)]
        return [*operations, *self._rules.delete_empty(family)]

    def absent(self, wanted: WantedLink) -> None:
        keys = [wanted.key_of(version) for version in FAMILIES]
        if not any(self._rules.owned(key) for key in keys):
            self._warn_of_other_owners(wanted, keys)
        self._remove(wanted.entry, wanted.link, keys)

    def prune(self) -> None:
        listed = {wanted.link for wanted in self.call.entries}
        links: dict[str, list[RuleKey]] = {}
        for key in self._rules.owned_keys():
            links.setdefault(str(key), []).append(key)
        for link, keys in links.items():
            if link not in listed:
                self._remove(Entry(f"host: {link}"), link, keys)

    def _remove(self, entry: Entry, link: str, keys: Sequence[RuleKey]) -> None:
        before = self._describe(keys)
        operations: list[Operation] = []
        for key in keys:
            chains = _chains(found.place for found in self._rules.owned(key))
            operations += self._rules.update(key, ())
            operations += self._delete_chains(chains, key.family)
        self._change(entry, link, before, self._describe(keys), operations)

    def _describe(self, keys: Iterable[RuleKey]) -> dict[str, list[str]]:
        """Return the owner's rules by IP version, for the diff."""
        found = {
            f"IPv{key.version}": sorted(f"{rule.place}: {rule.role}" for rule in self._rules.owned(key)) for key in keys
        }
        return {name: rules for name, rules in found.items() if rules}

    def _change(
        self,
        entry: Entry,
        link: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        operations: Sequence[Operation],
    ) -> None:
        if not operations:
            return
        if before and before == after:  # a rule was altered, or is shared, or was where it has no effect
            before, after = {"complete": False}, {"complete": True}
        self.changes.append(
            Change(entry, f"{self._scheme.verb} host {link}", before or None, after or None, tuple(operations))
        )

    def _warn_of_other_owners(self, wanted: WantedLink, keys: Iterable[RuleKey]) -> None:
        owners = sorted({owner for key in keys for owner in self._rules.other_owners(key)})
        if owners:
            names = ", ".join(owner or "a call without `owner`" for owner in owners)
            self.warn(wanted.entry, f"still {self._scheme.past} by {names}; left alone")

    def simulated(self) -> Mapping[str, Any]:
        return {SIMULATED_RULESETS: {**self._actual.simulated, None: self._rules.ruleset()}}


def _chains(places: Iterable[Place]) -> list[Place]:
    """Return the chains of isolation among these."""
    return [place for place in dict.fromkeys(places) if hook_of(place) == ISOLATION]

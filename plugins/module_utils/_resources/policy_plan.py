# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planner of policies: the chains of each namespace, which are the policy's alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.policies import Policy
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._firewall.operations import DeleteFlows
from ansible_collections.netns.fabric.plugins.module_utils._firewall.policy_flows import PolicyFlows
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    FAMILIES,
    NFTABLES,
    VERSIONS,
    Place,
    Ruleset,
    Tools,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_backend import (
    RulePart,
    check_own_table,
    choose_backend,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import (
    AUTO,
    POLICY,
    RuleKey,
    hook_of,
    role_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import SIMULATED_RULESETS
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_ruleset import PlannedRuleset
from ansible_collections.netns.fabric.plugins.module_utils._resources.policy_rules import (
    CHAINS,
    DIRECTIONS,
    MARK,
    SCHEME,
    PolicyKey,
    build_rules,
    caller_of,
    chain_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import require_namespace

_DIRECTION_OF = {chain: direction for direction, chain in CHAINS.items()}


@dataclass(frozen=True)
class WantedPolicy:
    """What one entry asks for."""

    entry: Entry
    present: bool
    namespace: str
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True)
class Actual:
    """The state of the host. `versions`: the IP versions that its kernel has."""

    kernel: KernelState = field(default_factory=KernelState)
    tools: Tools = field(default_factory=Tools)
    rulesets: Mapping[NamespaceName, Ruleset] = field(default_factory=dict)
    versions: tuple[int, ...] = (4, 6)
    #: What earlier calls in check mode would have written.
    simulated: Mapping[NamespaceName, Ruleset] = field(default_factory=dict)


class _Chains:
    """The chains of the policy of one namespace, as planned so far."""

    def __init__(self, name: str, original: Ruleset, tools: Tools, owner: str | None) -> None:
        self.name = name
        marks = {
            rule.comment or ""
            for chain in original.chains.values()
            for rule in chain.rules
            if (rule.comment or "").startswith(MARK)
        }
        #: The owners of what was read; the empty name stands for a policy without owner.
        self.owners = sorted(mark[len(MARK) :] for mark in marks)
        # Without an owner in the call, the policy keeps the one that it has.
        self.owner = owner if owner is not None else "".join(self.owners[:1])
        self.rules = PlannedRuleset(name, original, tools, SCHEME, self.owner)
        self._places = [place for place in original.chains if hook_of(place) == POLICY]

    def places(self, family: str) -> list[Place]:
        """Return the chains of an IP version that were read."""
        return [place for place in self._places if place.family == family]

    def describe(self) -> dict[str, list[str]]:
        """Return the rules of each chain, for the diff."""
        found: dict[str, list[str]] = {}
        for chain in self.rules.ruleset().chains.values():
            if hook_of(chain.place) == POLICY:
                version = VERSIONS[chain.place.family]
                found[f"{_DIRECTION_OF[chain.place.chain]} IPv{version} ({chain.place.backend})"] = [
                    role_of(rule.criteria, rule.verdict, rule.target) for rule in chain.rules
                ]
        return found

    def write(self, policy: Policy, backend: str, key: RuleKey) -> list[Operation]:
        """Plan the chains of an IP version; those in another backend are deleted."""
        mark = SCHEME.mark(self.owner, key)
        operations = self.rules.clear_dormant_flag(key.family) if backend == NFTABLES else []
        kept = []
        for direction in DIRECTIONS:
            specs = build_rules(self.name, policy, direction, key.version, backend)
            if specs:
                place = chain_of(direction, backend, key.family)
                kept.append(place)
                operations += self.rules.replace_rules(place, specs, mark)
                caller = caller_of(direction, place)
                operations += self.rules.call_chain(caller, place, mark) if caller else []
        others = [place for place in self.places(key.family) if place not in kept]
        return [*operations, *self._delete(others)]

    def delete(self) -> list[Operation]:
        """Plan that there is no policy."""
        return [
            *self._delete(self._places),
            *(step for name in FAMILIES.values() for step in self.rules.delete_empty(name)),
        ]

    def _delete(self, places: Iterable[Place]) -> list[Operation]:
        operations: list[Operation] = []
        for place in places:
            caller = caller_of(_DIRECTION_OF[place.chain], place)
            operations += self.rules.delete_calls(caller, place) if caller else []
            operations += self.rules.remove_chain(place)
        return operations


class PolicyPlanner(Planner[WantedPolicy]):
    """Plans the entries of one call."""

    def __init__(self, actual: Actual, call: Call[WantedPolicy]) -> None:
        super().__init__(call)
        self._actual = actual
        self._backend_option = str(call.options.get("backend") or AUTO)
        self._planned: dict[NamespaceName, _Chains] = {}

    def check(self) -> Iterable[FabricError]:
        for wanted in self.call.entries:
            if wanted.present:
                self.attempt(require_namespace, self, self._actual.kernel, wanted.entry, "namespace", wanted.namespace)
        return ()

    def present(self, wanted: WantedPolicy) -> None:
        if self._errors:
            return  # run() is about to raise them, and a missing program would hide them
        chains = self._chains(wanted.namespace)
        self.refuse_others(
            wanted.entry, "namespace", f"the policy of {wanted.namespace}", list(filter(None, chains.owners))
        )
        before = chains.describe()
        operations: list[Operation] = []
        for version in self._actual.versions:
            part = RulePart(wanted.entry, PolicyKey(version), wanted.namespace)
            steps = chains.write(wanted.policy, self._backend(part, wanted.policy, chains), part.key)
            flows = PolicyFlows(version, wanted.policy)
            operations += [*steps, *([DeleteFlows(wanted.namespace, flows)] if steps else [])]
        self._change(wanted.entry, chains, before, operations)

    def _backend(self, part: RulePart, policy: Policy, chains: _Chains) -> str:
        """Return the backend for one IP version.

        Raises:
            Unavailable: The host does not have it, or no rule in it would have an effect.
        """
        if not any(map(policy.limits, DIRECTIONS)):
            return ""  # needs none
        backend = choose_backend(self._backend_option, self._actual.tools, chains.rules, part)
        if backend == NFTABLES:
            check_own_table(chains.rules.original, part)
        return backend

    def absent(self, wanted: WantedPolicy) -> None:
        if wanted.namespace not in self._actual.rulesets:
            return
        chains = self._chains(wanted.namespace)
        if chains.owners:

            def delete() -> None:
                self._delete(wanted.entry, chains)

            self.release(wanted.entry, f"the policy of {wanted.namespace}", chains.owners, delete, delete)

    def prune(self) -> None:
        listed = {wanted.namespace for wanted in self.call.entries}
        for name in self._actual.rulesets:
            if name is not None and name not in listed:
                chains = self._chains(name)
                if chains.owners == [self.call.owner]:
                    self._delete(Entry(name), chains)

    def _delete(self, entry: Entry, chains: _Chains) -> None:
        before = chains.describe()
        self._change(entry, chains, before, chains.delete())

    def _change(
        self, entry: Entry, chains: _Chains, before: Mapping[str, Any], operations: Sequence[Operation]
    ) -> None:
        if not operations:
            return
        after: Mapping[str, Any] = chains.describe()
        if before == after:  # it was switched off, or not called first, or has another owner now
            before, after = {"complete": False}, {"complete": True}
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        old, new = ({name: rules[name] for name in names if name in rules} for rules in (before, after))
        self.changes.append(Change(entry, f"policy {chains.name}", old or None, new or None, tuple(operations)))

    def _chains(self, name: str) -> _Chains:
        if name not in self._planned:
            original = self._actual.rulesets.get(name) or Ruleset()
            self._planned[name] = _Chains(name, original, self._actual.tools, self.call.owner)
        return self._planned[name]

    def simulated(self) -> Mapping[str, Any]:
        planned = {name: chains.rules.ruleset() for name, chains in self._planned.items()}
        return {SIMULATED_RULESETS: {**self._actual.simulated, **planned}}

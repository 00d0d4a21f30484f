# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planner of the NAT modules: rules, IP forwarding, and acceptance by chains that drop forwarded packets. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import FORWARDING, is_rule_safe
from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld_policy import (
    Policy,
    plan_policy,
    policy_name,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.flows import FlowSelection
from ansible_collections.netns.fabric.plugins.module_utils._firewall.operations import (
    DeleteFlows,
    DeleteIptablesRule,
    changes_translation,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    COMMENT,
    FAMILIES,
    FORWARD,
    NFTABLES,
    OWN_TABLE,
    Obstacle,
    Place,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import SetSysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_backend import (
    check_own_table,
    choose_backend,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_checks import (
    check_default_routes,
    check_ipv6,
    require_link,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_forwarding import (
    forwarding_parameter,
    required_links,
    ways_out,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import (
    AUTO,
    ISOLATION,
    NEVER,
    RuleKey,
    RuleScheme,
    WantedNat,
    hook_of,
    nat_chain,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import SIMULATED_RULESETS, Actual
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_ruleset import PlannedRuleset
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import require_namespace

AnyWanted = TypeVar("AnyWanted", bound=WantedNat)


class NatPlanner(Planner[AnyWanted]):
    """Plans the entries of one call. A module gives its scheme and the checks of its entries."""

    scheme: RuleScheme

    def __init__(self, actual: Actual, call: Call[AnyWanted]) -> None:
        super().__init__(call)
        self._actual = actual
        self._owner = call.owner or ""
        self._backend_option = str(call.options.get("backend") or AUTO)
        self._forwarding = dict(actual.forwarding)
        #: The links that forward, although they did not when they were read.
        self._opened: set[tuple[NamespaceName, str]] = set()
        self._backends: dict[tuple[NamespaceName, int], str] = {}
        self._rulesets: dict[NamespaceName, PlannedRuleset] = {}
        #: The chains that are left alone, in the order in which they were found.
        self._blocked_by: dict[str, None] = {}
        #: The entries that chains of firewalld stop.
        self._stopped_by_firewalld: list[tuple[AnyWanted, Obstacle]] = []

    def check_entries(self, present: Sequence[AnyWanted]) -> Iterable[FabricError]:
        """Return what is wrong with the module's entries together, on any host."""
        raise NotImplementedError

    def check(self) -> Iterable[FabricError]:
        present = [wanted for wanted in self.call.entries if wanted.present]
        for wanted in present:
            self.attempt(self._require, wanted)
        return [
            *self.check_entries(present),
            *check_ipv6(self._actual, present),
            *check_default_routes(self._actual, present),
        ]

    def _require(self, wanted: AnyWanted) -> None:
        require_namespace(self, self._actual.kernel, wanted.entry, "namespace", wanted.namespace)
        require_link(self, self._actual.kernel, wanted)

    def ordered(self) -> Iterable[AnyWanted]:
        # What is added comes first: a table that keeps a rule need not be deleted and created again.
        return sorted(self.call.entries, key=lambda wanted: not wanted.present)

    def present(self, wanted: AnyWanted) -> None:
        if self._errors:
            return  # run() is about to raise them, and a missing program would hide them
        rules = self._rules(wanted.namespace)
        ways_out = self._ways_out(wanted)
        key, specs = wanted.key, wanted.specs(ways_out or ())
        before = rules.describe(key, specs)
        is_new = not before
        backend = self._backend(wanted)
        accepting = self._accepting_chains(wanted, rules, ways_out)
        cleared = rules.clear_dormant_flag(key.family) if backend == NFTABLES else []
        placed = [
            (spec, place)
            for spec in specs
            for place in (accepting if spec.hook == FORWARD else [nat_chain(spec.hook, backend, key.family)])
        ]
        updates = [*cleared, *rules.update(key, placed)]
        operations = [*updates, *_delete_flows(wanted.namespace, wanted.flows(), updates)]
        operations += rules.delete_empty(key.family)
        after = rules.describe(key, specs)
        if is_new:
            after.update(key.options())
        elif cleared:
            before["dormant"], after["dormant"] = True, False
        before, after = _differences(before, after)
        operations += self._turn_on_forwarding(wanted, before, after)
        if operations:
            self._change(wanted.entry, wanted.namespace, key, None if is_new else before, after, operations)

    def _turn_on_forwarding(
        self, wanted: AnyWanted, before: dict[str, Any], after: dict[str, Any]
    ) -> Sequence[Operation]:
        where = (wanted.namespace, wanted.version)
        if not wanted.ip_forward or self._forwarding[where] == "1":
            return self._turn_on_links(wanted, before, after)
        parameter = FORWARDING[wanted.version]
        before[parameter], after[parameter] = self._forwarding[where], "1"
        self._forwarding[where] = "1"
        return [SetSysctl(wanted.namespace, parameter, "1")]

    def _turn_on_links(self, wanted: AnyWanted, before: dict[str, Any], after: dict[str, Any]) -> Sequence[Operation]:
        """Plan that the links forward that the entry needs; report them where forwarding is left to the user."""
        namespace, steps = wanted.namespace, []
        for link in self._closed_links(wanted):
            parameter = forwarding_parameter(link)
            if not wanted.ip_forward:
                where = f"namespace {namespace}: " if namespace else ""
                self._blocked_by[f"{where}link {link} ({parameter} = 0), left alone: ip_forward is false"] = None
                continue
            before[parameter], after[parameter] = "0", "1"
            self._opened.add((namespace, link))
            steps.append(SetSysctl(namespace, parameter, "1"))
        return steps

    def _closed_links(self, wanted: AnyWanted) -> list[str]:
        """Return the links that the entry needs and that do not forward."""
        namespace = wanted.namespace
        router = self._actual.routers.get(namespace)
        if wanted.version != 4 or router is None:
            return []
        return [
            link
            for link in required_links(router, wanted.behind, wanted.link)
            if not router.forwards_from(link) and (namespace, link) not in self._opened
        ]

    def absent(self, wanted: AnyWanted) -> None:
        if wanted.namespace not in self._actual.rulesets:
            return
        rules = self._rules(wanted.namespace)
        if not rules.owned(wanted.key):
            self._warn_of_other_owners(wanted, rules)
        self._remove(wanted.entry, wanted.namespace, wanted.key, (wanted.key.family,))

    def prune(self) -> None:
        listed = {(wanted.namespace, wanted.key) for wanted in self.call.entries}
        for name in self._actual.rulesets:
            for key in self._rules(name).owned_keys():
                if (name, key) not in listed:
                    # A rule that somebody has altered may have lost the address that says of which IP version it is.
                    self._remove(Entry(f"{name or 'host'}: {key}"), name, key, tuple(FAMILIES.values()))

    def finish(self) -> None:
        """Plan the owner's policy in firewalld: with what every entry needs."""
        refusal = ""
        policy = self._actual.firewalld
        if policy is not None:
            refusal = self._plan_policy(policy)
        elif self._actual.has_stopped_policy:
            name = policy_name(self._owner)
            self.warn(
                "firewalld",
                f"it is not running, and its permanent configuration has the policy {name}, which stays; start "
                f"firewalld and run again, or delete it with `firewall-offline-cmd --delete-policy={name}`",
            )
        for wanted, obstacle in self._stopped_by_firewalld:
            if policy is None or refusal or not wanted.required_firewalld_rule():
                self._report_blocked(wanted, obstacle, refusal or f"{obstacle.refusal}; {wanted.firewalld_advice()}")
            elif not self._is_reached(policy, wanted, obstacle):
                self._report_blocked(
                    wanted,
                    obstacle,
                    f"firewalld does not send its packets to the policy {policy.name}, because they leave by an "
                    "interface of no zone; add that one to a zone (`firewall-cmd --permanent --zone=ZONE "
                    "--add-interface=INTERFACE` and `firewall-cmd --reload`)",
                )

    def results(self) -> Mapping[str, Any]:
        return {"blocked_by": list(self._blocked_by)}

    def simulated(self) -> Mapping[str, Any]:
        rulesets = {name: rules.ruleset() for name, rules in self._rulesets.items()}
        return {SIMULATED_RULESETS: {**self._actual.simulated, **rulesets}}

    def _remove(self, entry: Entry, name: NamespaceName, key: RuleKey, families: Sequence[str]) -> None:
        rules = self._rules(name)
        before = rules.describe(key, self.scheme.specs(key))
        operations = rules.update(key, ())
        if not rules.other_owners(key):  # whose rules translate the same flows
            operations += _delete_flows(name, key.flows(), operations)
        emptied = [step for family in families for step in rules.delete_empty(family)]
        if emptied and not operations:
            before = {"empty table": OWN_TABLE}
        elif operations:
            before.update(key.options())
        operations += emptied
        if operations:
            self._change(entry, name, key, before, None, operations)

    def _change(
        self,
        entry: Entry,
        name: NamespaceName,
        key: RuleKey,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
        operations: Sequence[Operation],
    ) -> None:
        interface = key.options().get("out_interface")
        target = f"{self.scheme.verb} {name or 'host'} {key}" + (f" out {interface}" if interface else "")
        self.changes.append(Change(entry, target, before, after, tuple(operations)))

    def _rules(self, name: NamespaceName) -> PlannedRuleset:
        if name not in self._rulesets:
            original = self._actual.rulesets.get(name) or Ruleset()
            self._rulesets[name] = PlannedRuleset(name, original, self._actual.tools, self.scheme, self._owner)
        return self._rulesets[name]

    def _backend(self, wanted: AnyWanted) -> str:
        """Return the backend for an entry.

        Raises:
            Unavailable: The host does not have it, or no rule in it would have an effect.
        """
        where = (wanted.namespace, wanted.version)
        rules = self._rules(wanted.namespace)
        if where not in self._backends:
            self._backends[where] = choose_backend(self._backend_option, self._actual.tools, rules, wanted)
        if self._backends[where] == NFTABLES:
            check_own_table(rules.original, wanted)
        return self._backends[where]

    def _ways_out(self, wanted: AnyWanted) -> Sequence[str] | None:
        """Return the links that lead outside for an entry that names none; None where it does not matter."""
        state = self._actual.dropping.get(wanted.namespace)
        if state is None or not wanted.leaves_by_any:
            return None
        found = ways_out(state, wanted.version, wanted.behind)
        safe = [link for link in found if is_rule_safe(link)]
        for link in sorted(set(found).difference(safe)):
            self.warn(wanted.entry, f"what leaves by {link!r} is not accepted: no rule can match a link of this name")
        return safe

    def _accepting_chains(
        self, wanted: AnyWanted, rules: PlannedRuleset, ways_out: Sequence[str] | None
    ) -> list[Place]:
        """Return the chains that need a rule to accept the entry's packets; report those that are left alone."""
        places: dict[Place, None] = {}
        for obstacle in rules.obstacles(wanted.version):
            is_firewalld = rules.original.is_firewalld(obstacle)
            if is_firewalld and wanted.firewalld_rule() == "":
                continue
            if wanted.accept_forward == NEVER:
                self._report_blocked(wanted, obstacle, "accept_forward is never")
            elif is_firewalld:
                self._stopped_by_firewalld.append((wanted, obstacle))
            elif obstacle.refusal:
                self._report_blocked(wanted, obstacle, obstacle.refusal)
            elif ways_out is not None and not ways_out:
                self._report_blocked(wanted, obstacle, "no route leads outside; set `out_interface`")
            else:
                places[obstacle.place] = None
        return list(places)

    def _report_blocked(self, wanted: AnyWanted, obstacle: Obstacle, reason: str) -> None:
        where = f"namespace {wanted.namespace}: " if wanted.namespace else ""
        self._blocked_by[f"{where}{obstacle.base} ({obstacle.cause}), left alone: {reason}"] = None

    def _plan_policy(self, policy: Policy) -> str:
        """Plan the change of the owner's policy; return why it is not changed, if so."""
        on_host = [wanted for wanted in self.call.entries if wanted.namespace is None]
        unlisted = policy.rules() - {wanted.firewalld_rule() for wanted in on_host}
        kept = frozenset() if self.call.prune else unlisted
        rules = kept.union(filter(None, (wanted.required_firewalld_rule() for wanted in on_host)))
        policy = replace(policy, opens=self._is_isolated_by_iptables())
        planned = plan_policy(policy, f"{COMMENT}:{self._owner}", rules, self._actual.inner_links)
        if planned.operations:
            is_new = policy.permanent is None and policy.running is None
            entry = next((wanted.entry for wanted in on_host if wanted.firewalld_rule()), Entry("firewalld"))
            before = (
                None if is_new else {"permanent": _rich_rules(policy.permanent), "running": _rich_rules(policy.running)}
            )
            listed = sorted({*rules, *planned.guards})
            after = {"permanent": listed, "running": listed} if rules else None
            change = Change(entry, f"firewalld policy {policy.name}", before, after, planned.operations)
            self.changes.insert(0 if self._may_come_first(change) else len(self.changes), change)
        return planned.refusal

    def _is_isolated_by_iptables(self) -> bool:
        chains = self._actual.rulesets[None].chains
        return any(place.backend != NFTABLES and hook_of(place) == ISOLATION for place in chains)

    def _may_come_first(self, policy: Change) -> bool:
        """Whether the change of the policy can precede those of the rules.

        A reload of firewalld flushes iptables (firewalld.conf(5), FlushAllOnReload): what is added there comes after
        it, and what is deleted there before it.
        """
        steps = [step for change in self.changes for step in change.operations]
        return policy.after is not None and not any(isinstance(step, DeleteIptablesRule) for step in steps)

    def _is_reached(self, policy: Policy, wanted: AnyWanted, obstacle: Obstacle) -> bool:
        """Return whether the ruleset sends an entry's packets to the policy, whatever they leave by.

        One that has just been planned is taken to be reached.
        """
        source = str(wanted.behind)
        links = self._actual.inner_links.get(source, ())
        if not policy.zones.dispatch or policy.running is None or policy.needs_source(source, links):
            return True
        chains = self._rules(None).original.chains.values()
        jumps = [
            rule
            for chain in chains
            if (chain.place.family, chain.place.table) == (obstacle.base.family, obstacle.base.table)
            for rule in chain.rules
            if rule.target.endswith(policy.name)
        ]
        from_here = [
            rule
            for rule in jumps
            if rule.values("saddr") <= {source} and (not rule.values("iifname") or rule.values("iifname") & set(links))
        ]
        return not jumps or any(not rule.values("daddr") and not rule.values("oifname") for rule in from_here)

    def _warn_of_other_owners(self, wanted: AnyWanted, rules: PlannedRuleset) -> None:
        mine = f"is not owned by {self._owner}" if self._owner else "a call without `owner` does not own"
        for owner in rules.other_owners(wanted.key):
            whose, how = (
                (f"owned by {owner}", f"with `owner: {owner}`") if owner else ("without owner", "without `owner`")
            )
            self.warn(
                wanted.entry,
                f"still {self.scheme.past} by a rule {whose}, which {mine}; left alone (a call {how} removes it)",
            )


def _delete_flows(name: NamespaceName, flows: FlowSelection | None, operations: Sequence[Operation]) -> list[Operation]:
    """Plan the deletion of the flows whose translation these operations change."""
    return [DeleteFlows(name, flows)] if flows and any(map(changes_translation, operations)) else []


def _rich_rules(settings: frozenset[tuple[str, str]] | None) -> list[str]:
    return sorted(value for kind, value in settings or () if kind == "rich-rule")


def _differences(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what differs; what the one does not have is an empty list there."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before.get(name, []) for name in names}, {name: after.get(name, []) for name in names}

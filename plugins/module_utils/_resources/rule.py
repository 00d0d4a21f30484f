# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of policy routing: what is wanted of them, and how to get there. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel import routing_operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, NamespaceName, Rule
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import require_namespace
from ansible_collections.netns.fabric.plugins.module_utils._resources.rule_model import (
    RULE_OPTIONS,
    WantedRule,
    parse_rule,
)


class RuleResource(Resource[WantedRule, KernelState]):
    list_option = "rules"
    identity = "priority"
    backends = (KERNEL,)
    entry_options = RULE_OPTIONS
    call_options: Mapping[str, Mapping[str, Any]] = {"exact": {"type": "bool", "default": False}}

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedRule:
        return parse_rule(entry, options)

    def key(self, desired: WantedRule) -> object:
        result = None if desired.present else (desired.rule.result, desired.given)
        return desired.namespace, desired.present, desired.place, result

    def read(self, host: Host, call: Call[WantedRule]) -> KernelState:
        kernel = host.use(KERNEL)
        state = kernel.read([wanted.namespace for wanted in call.entries], rules=True)
        new = [wanted.rule for wanted in call.entries if wanted.present and not _matching(state, wanted)]
        return kernel.with_routing(state, new) if new else state

    def plan(self, actual: KernelState, call: Call[WantedRule]) -> Plan:
        return _RulePlanner(actual, call).run()


def _matching(state: KernelState, wanted: WantedRule) -> list[Rule]:
    """Return the rules of an administrator that are as wanted."""
    return [rule for rule in state.namespace(wanted.namespace).rules if rule.static and wanted.fits(rule)]


class _RulePlanner(Planner[WantedRule]):
    """Plans the rules of one call."""

    def __init__(self, actual: KernelState, call: Call[WantedRule]) -> None:
        super().__init__(call)
        self._actual = actual
        #: Rules that are declared, or removed by what is planned so far.
        self._settled: set[int] = set()

    def present(self, wanted: WantedRule) -> None:
        require_namespace(self, self._actual, wanted.entry, "namespace", wanted.namespace)
        matching = _matching(self._actual, wanted)
        reason = "" if matching else self._actual.refused_routing.get(wanted.rule, "")
        if reason:
            raise InvalidEntry(wanted.entry, "l3mdev" if wanted.rule.l3mdev else "priority", reason)
        rivals = self._rivals_of(wanted)
        self._settled.update(map(id, (*rivals, *matching[:1])))
        # The new one first: the kernel puts it behind the others, and no packet is without a rule meanwhile.
        operations: list[Operation] = [] if matching else [op.AddRule(wanted.namespace, wanted.rule)]
        operations += [op.RemoveRule(wanted.namespace, rule) for rule in rivals]
        if operations:
            before = {"rules": list(map(op.describe_rule, (*rivals, *matching[:1])))} if rivals else None
            after = {"rules": [op.describe_rule(wanted.rule)]}
            target = _target(wanted.namespace, wanted.rule)
            self.changes.append(Change(wanted.entry, target, before, after, tuple(operations)))

    def _rivals_of(self, wanted: WantedRule) -> list[Rule]:
        """Return the rules that are about the same packets at the same priority, and do something else with them.

        Raises:
            InvalidEntry: One of them is not an administrator's.
        """
        rules = self._actual.namespace(wanted.namespace).rules
        rivals = [
            rule
            for rule in rules
            if (rule.version, rule.priority, rule.selector) == wanted.place and not (rule.static and wanted.fits(rule))
        ]
        for rule in rivals:
            if not rule.static:
                raise InvalidEntry(
                    wanted.entry,
                    "priority",
                    f"`{op.describe_rule(rule)}` exists and is not a static rule (protocol {rule.protocol}), so it "
                    "stays; give this rule another priority",
                )
        return rivals

    def absent(self, wanted: WantedRule) -> None:
        for rule in _matching(self._actual, wanted):
            self.changes.extend(self._plan_remove(wanted.entry, wanted.namespace, rule))

    def finish(self) -> None:
        """With `exact`, remove the other static rules of each namespace."""
        if not self.call.options.get("exact"):
            return
        for name in dict.fromkeys(wanted.namespace for wanted in self.call.entries):
            for rule in self._actual.namespace(name).rules if name is not None else ():
                if rule.static:
                    entry = Entry(f"{name}: {op.describe_rule(rule)}")
                    self.changes.extend(self._plan_remove(entry, name, rule))

    def _plan_remove(self, entry: Entry, namespace: NamespaceName, rule: Rule) -> Iterator[Change]:
        if id(rule) in self._settled:
            return
        self._settled.add(id(rule))
        before = {"rules": [op.describe_rule(rule)]}
        yield Change(entry, _target(namespace, rule), before, None, (op.RemoveRule(namespace, rule),))


def _target(namespace: NamespaceName, rule: Rule) -> str:
    version = " (IPv6)" if rule.version == 6 else ""
    return f"rule {namespace or 'host'} {rule.priority}{version}"

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy of a namespace: options, and the state that a call needs to know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import policies, validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.policies import Policy, PolicyRule
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._core.transports import TRANSPORTS, name_transports
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import FORWARDING
from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import FIREWALL
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Ruleset, join_ports
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import BACKEND_OPTIONS
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import SIMULATED_RULESETS
from ansible_collections.netns.fabric.plugins.module_utils._resources.policy_plan import (
    Actual,
    PolicyPlanner,
    WantedPolicy,
)

RULE_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "direction": {"type": "str", "choices": [policies.IN, policies.OUT], "default": policies.IN},
    "action": {"type": "str", "choices": list(policies.ACTIONS), "required": True},
    "protocol": {"type": "str", "choices": list(policies.PROTOCOLS)},
    "ports": {"type": "list", "elements": "str"},
    "icmp_types": {"type": "list", "elements": "str", "choices": list(policies.ICMP_TYPES)},
    "peers": {"type": "list", "elements": "str"},
    "excluded_peers": {"type": "list", "elements": "str"},
    "local": {"type": "list", "elements": "str"},
    "priority": {"type": "int", "default": policies.DEFAULT_PRIORITY},
    "log": {"type": "bool", "default": False},
}


class PolicyResource(Resource[WantedPolicy, Actual]):
    list_option = "policies"
    identity = "namespace"
    backends = (FIREWALL, KERNEL)
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "namespace": {"type": "str"},
        "incoming": {"type": "str", "choices": list(policies.DEFAULTS), "default": policies.ALLOW},
        "outgoing": {"type": "str", "choices": list(policies.DEFAULTS), "default": policies.ALLOW},
        "rules": {"type": "list", "elements": "dict", "options": RULE_OPTIONS},
    }
    call_options = BACKEND_OPTIONS

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedPolicy:
        checks = Checks(entry)
        namespace = checks.value("namespace", validation.namespace_name, options["namespace"])
        rules = [_read_rule(checks, f"rules[{number}]", rule) for number, rule in enumerate(options["rules"] or ())]
        checks.done()
        policy = Policy(options["incoming"], options["outgoing"], tuple(rules))
        return WantedPolicy(entry, options["state"] == "present", namespace, policy)

    def key(self, desired: WantedPolicy) -> object:
        return desired.namespace

    def read(self, host: Host, call: Call[WantedPolicy]) -> Actual:
        named = [wanted.namespace for wanted in call.entries]
        others = sorted(host.use(KERNEL).namespace_names(preferred=named)) if call.prune else []
        kernel = host.use(KERNEL).read(named)
        simulated: Mapping[NamespaceName, Ruleset] = host.simulated.get(SIMULATED_RULESETS, {})
        present = [name for name in named if name in kernel]
        read = host.use(FIREWALL).read(present, all_nat=True, others=others)
        # A namespace that an earlier call of a simulation would have deleted has no rules.
        there = {*present, *others}
        return Actual(
            kernel=kernel,
            tools=host.use(FIREWALL).tools,
            rulesets={name: rules for name, rules in {**read, **simulated}.items() if name in there},
            versions=(4, 6) if host.use(KERNEL).sysctl(None, FORWARDING[6]) is not None else (4,),
            simulated=simulated,
        )

    def plan(self, actual: Actual, call: Call[WantedPolicy]) -> Plan:
        return PolicyPlanner(actual, call).run()


# Checks


#: What an empty list says; the option that is omitted says the opposite.
_EMPTY: Mapping[str, str] = {
    "ports": "names no port; name one, or omit the option for all ports",
    "icmp_types": "names no type; name one, or omit the option for all types",
    "peers": "names nobody; name a network, or omit the option for everybody",
    "local": "names no address of the namespace; name a network, or omit the option for all addresses",
}


def _read_rule(checks: Checks, path: str, options: Mapping[str, Any]) -> PolicyRule:
    for option, message in _EMPTY.items():
        if options[option] is not None and not options[option]:
            checks.error(f"{path}.{option}", message)
    protocol, ports, types = options["protocol"], options["ports"] or (), options["icmp_types"] or ()
    if ports and protocol not in TRANSPORTS:
        checks.error(f"{path}.ports", f"requires a protocol that has ports; add {name_transports()}")
    if types and protocol != "icmp":
        checks.error(f"{path}.icmp_types", "only ICMP has types; add `protocol: icmp`")
    if options["peers"] and options["excluded_peers"]:
        checks.error(f"{path}.excluded_peers", "cannot be combined with `peers`; give one of them")
    if not 0 <= options["priority"] <= policies.PRIORITY_MAX:
        checks.error(f"{path}.priority", f"{options['priority']} is not from 0 to {policies.PRIORITY_MAX}; correct it")
    networks = {
        name: _unique(checks.each(f"{path}.{name}", _check_network, options[name]))
        for name in ("peers", "excluded_peers", "local")
    }
    return PolicyRule(
        direction=options["direction"],
        action=options["action"],
        protocol=protocol,
        ports=tuple(join_ports(_unique(checks.each(f"{path}.ports", validation.ports, ports)))),
        icmp_types=tuple(types),
        peers=networks["peers"],
        excluded=networks["excluded_peers"],
        local=networks["local"],
        priority=options["priority"],
        log=options["log"],
    )


#: Many namespaces have the same peers.
_check_network = lru_cache(maxsize=4096)(validation.network)


def _unique(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))

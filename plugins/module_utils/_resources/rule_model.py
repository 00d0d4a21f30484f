# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an entry of the module rule asks for, checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import routing, validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName, Rule

RULE_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "namespace": {"type": "str"},
    "priority": {"type": "int"},
    "version": {"type": "int", "choices": [4, 6]},
    "from": {"type": "str"},
    "to": {"type": "str"},
    "iif": {"type": "str"},
    "oif": {"type": "str"},
    "fwmark": {"type": "str"},
    "ipproto": {"type": "str"},
    "sport": {"type": "str"},
    "dport": {"type": "str"},
    "action": {"type": "str", "choices": list(routing.ACTIONS)},
    "table": {"type": "int"},
    "l3mdev": {"type": "bool", "default": False},
    "suppress_prefixlength": {"type": "int"},
}


@dataclass(frozen=True)
class WantedRule:
    """One rule as it is wanted. Of one that is to be absent, what is not given may be anything."""

    entry: Entry
    present: bool
    namespace: NamespaceName
    rule: Rule
    #: The attributes of the rule that the entry gives.
    given: frozenset[str]

    @property
    def place(self) -> tuple[object, ...]:
        """What the kernel distinguishes rules by, whatever they do."""
        return self.rule.version, self.rule.priority, self.rule.selector

    def fits(self, found: Rule) -> bool:
        """Whether a rule has all that the entry gives; one that is wanted has nothing else."""
        if self.present:
            return (found.version, found.priority, found.selector, found.result) == (*self.place, self.rule.result)
        return all(getattr(found, name) == getattr(self.rule, name) for name in self.given)


def parse_rule(entry: Entry, options: Mapping[str, Any]) -> WantedRule:
    """Return what an entry asks for.

    Raises:
        InvalidEntries: It asks for something that cannot be.
    """
    checks = Checks(entry)
    present = options["state"] == "present"
    networks = {name: checks.value(name, validation.network, options.get(name)) for name in ("from", "to")}
    given = {**options, **networks, "table": checks.value("table", routing.routing_table, options.get("table"))}
    version = routing.rule_version(given)
    values: dict[str, Any] = {
        "action": options.get("action") or "lookup",
        "table": given["table"],
        "l3mdev": options["l3mdev"],
        "suppress_prefixlength": options.get("suppress_prefixlength"),
        "source": _text(networks["from"]),
        "destination": _text(networks["to"]),
        "iif": checks.value("iif", validation.interface_name, options.get("iif")),
        "oif": checks.value("oif", validation.interface_name, options.get("oif")),
        "mark": checks.value("fwmark", routing.mark, options.get("fwmark")),
        "ip_protocol": checks.value("ipproto", routing.ip_protocol, options.get("ipproto")),
        "source_ports": checks.value("sport", routing.port_or_range, options.get("sport")),
        "destination_ports": checks.value("dport", routing.port_or_range, options.get("dport")),
    }
    priority = checks.value("priority", routing.priority, options["priority"]) or 0
    namespace = checks.value("namespace", validation.namespace_name, options.get("namespace"))
    # An entry that is to be absent gives what the rules have that it is about.
    for option, message in routing.find_rule_errors(version, given) if present else ():
        if not checks.has(option):
            checks.error(option, message)
    checks.done()
    return WantedRule(entry, present, namespace, Rule(version, priority, **values), _collect_given(options, values))


def _collect_given(options: Mapping[str, Any], values: Mapping[str, Any]) -> frozenset[str]:
    """Return the attributes of the rule that an entry gives."""
    has_version = any(options.get(name) is not None for name in ("version", "from", "to"))
    found = {name for name, value in values.items() if value not in (None, False)}
    if options.get("action") is None:
        found.discard("action")
    return frozenset({"priority", *(["version"] if has_version else []), *found})


def _text(network: Any) -> str | None:
    """Return a network as text; None for one that every packet is in."""
    return str(network) if network is not None and network.prefixlen else None

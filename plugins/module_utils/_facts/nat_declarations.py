# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Address translation as declarations. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Resource
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import FORWARDING
from ansible_collections.netns.fabric.plugins.module_utils._facts.exporter import (
    Declaration,
    Exporter,
    desired_of,
    drop_unset,
)
from ansible_collections.netns.fabric.plugins.module_utils._facts.firewall_view import owner_of
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    CLAMP_MSS,
    EVERYTHING,
    MSS,
    MULTICAST,
    NAT_HOOKS,
    Rule,
    join_values,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_loopback
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_masquerade as masquerade
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_port_forward as port_forward
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import (
    RuleKey,
    RuleScheme,
    RuleSpec,
    hook_of,
)

#: A rule with its role and the hook that it is on.
_Found = tuple[str, str, Rule]

_ALTERED = "its rules were altered"

# Masquerading


def masquerade_rules(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for nat_masquerade."""
    for name in exporter.namespaces:
        others = sum(owner_of(rule.comment) is None for _chain, rule in exporter.facts.rules.get(name, ()))
        if others and exporter.owner is None:
            exporter.skip(f"rules: {others} in {name or 'the host'}", "this collection has not created them")
        for key, rules in _recognised_rules(exporter, name, masquerade.SCHEME).items():
            if not isinstance(key, masquerade.Source):
                continue
            entry = _masquerade(exporter, name, key, rules)
            if _describes(masquerade.MasqueradeResource(), key.source, entry, key, rules):
                yield entry
            else:
                exporter.skip(f"rules: {key} in {name or 'the host'}", _ALTERED)


def _masquerade(
    exporter: Exporter, name: NamespaceName, source: masquerade.Source, rules: Sequence[_Found]
) -> Declaration:
    translating = [rule for role, _hook, rule in rules if role == masquerade.MASQUERADE]
    spared = {network for rule in translating for network in rule.values("daddr", negated=True)}
    excluded = join_values("daddr", spared - {source.source, MULTICAST[source.version]})
    accepted = any(role.startswith(masquerade.ACCEPT_OUT) for role, _hook, _rule in rules)
    return drop_unset(
        namespace=name,
        **source.options(),
        excluded_destinations=excluded or None,
        to_source=next((rule.target for rule in translating if rule.target), None),
        clamp_mss=any(rule.verdict == CLAMP_MSS for _role, _hook, rule in rules) or None,
        **_forwarding(exporter, name, source.version, accepted),
    )


# Published ports


def port_forwards(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for nat_port_forward."""
    for name in exporter.namespaces:
        for key, rules in _recognised_rules(exporter, name, port_forward.SCHEME).items():
            if not isinstance(key, port_forward.Listener):
                continue
            entry = _forward(exporter, name, key, rules)
            if _describes(port_forward.PortForwardResource(), key.ports, entry, key, rules):
                yield entry
            else:
                exporter.skip(f"forwards: {key} in {name or 'the host'}", _ALTERED)


def _forward(
    exporter: Exporter, name: NamespaceName, listener: port_forward.Listener, rules: Sequence[_Found]
) -> Declaration:
    translating = [rule for _role, _hook, rule in rules if rule.verdict == port_forward.DNAT]
    targets = {rule.target for rule in translating}
    sources = {source for rule in translating for source in rule.values("saddr")}
    kinds = [(role.partition(" ")[0], rule) for role, _hook, rule in rules]
    # A rule without a source is about every client.
    hairpins = {
        network
        for kind, rule in kinds
        if kind == port_forward.HAIRPIN
        for network in rule.values("saddr") or [EVERYTHING[listener.version]]
    }
    accepted = any(kind == port_forward.ACCEPT_IN for kind, _rule in kinds)
    address, port = _parse_target(targets.pop()) if len(targets) == 1 else (None, None)
    return drop_unset(
        namespace=name,
        **listener.options(),
        to_address=address,
        to_port=port,
        sources=join_values("saddr", sources) or None,
        loopback=any(role == nat_loopback.ROLE for role, _hook, _rule in rules) or None,
        hairpin=join_values("saddr", hairpins) or None,
        **_forwarding(exporter, name, listener.version, accepted),
    )


def _parse_target(target: str) -> tuple[str | None, int | None]:
    """Return address and port of ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; no address for anything else."""
    match = re.fullmatch(r"\[(?P<bracketed>[^]]+)]:(?P<of>\d+)|(?P<v4>[^:]+):(?P<port>\d+)|(?P<plain>.+)", target)
    if match is None:
        return None, None
    port = match["of"] or match["port"]
    return match["bracketed"] or match["v4"] or match["plain"], int(port) if port else None


# Both


def _describes(
    resource: Resource[Any, Any], name: str, entry: Declaration, key: RuleKey, rules: Sequence[_Found]
) -> bool:
    """Return whether an entry gives exactly the rules from which it was written."""
    try:
        wanted = desired_of(resource, name, entry)
    except FabricError:
        return False
    specs = [spec for spec in wanted.specs() if spec.hook in (*NAT_HOOKS, MSS)]
    return bool(wanted.key == key) and _is_complete(specs, rules)


def _recognised_rules(exporter: Exporter, name: NamespaceName, scheme: RuleScheme) -> dict[RuleKey, list[_Found]]:
    """Return the rules of a scheme that are to be declared, by their key."""
    found: dict[RuleKey, list[_Found]] = {}
    for chain, rule in exporter.facts.rules.get(name, ()):
        known = scheme.recognise(chain.place, rule)
        if known is not None and known.owner == (exporter.owner or ""):
            found.setdefault(known.key, []).append((known.role, hook_of(chain.place), rule))
    return found


def _is_complete(specs: Sequence[RuleSpec], rules: Sequence[_Found]) -> bool:
    """Return whether the rules that translate or limit segments are these specs, each of them and no other."""
    found = ((MSS if rule.verdict == CLAMP_MSS else hook, rule) for _role, hook, rule in rules)
    translating = [(hook, rule) for hook, rule in found if hook in (*NAT_HOOKS, MSS)]
    missing = [spec for spec in specs if not any(_is_same(spec, *found) for found in translating)]
    altered = [found for found in translating if not any(_is_same(spec, *found) for spec in specs)]
    return bool(specs) and not missing and not altered


def _is_same(spec: RuleSpec, hook: str, rule: Rule) -> bool:
    return spec.hook == hook and spec.same_as(rule)


def _forwarding(exporter: Exporter, name: NamespaceName, version: int, accepted: bool) -> Declaration:
    blocked = bool(exporter.host.rulesets[name].obstacles(version))
    return {
        "ip_forward": exporter.host.namespace(name).sysctls.get(FORWARDING[version], "1") == "1",
        "accept_forward": "never" if blocked and not accepted else "auto",
    }

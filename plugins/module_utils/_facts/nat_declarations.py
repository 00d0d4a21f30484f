# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Address translation as declarations. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import FORWARDING
from ansible_collections.netns.fabric.plugins.module_utils._facts.exporter import (
    Declaration,
    Exporter,
    desired_of,
    drop_unset,
)
from ansible_collections.netns.fabric.plugins.module_utils._facts.firewall_view import owner_of
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import NAT_HOOKS, Rule
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
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
            if not _is_complete(masquerade.SCHEME.specs(key)[:1], rules):
                exporter.skip(f"rules: {key} in {name or 'the host'}", _ALTERED)
                continue
            accepted = any(role.startswith(masquerade.ACCEPT_OUT) for role, _hook, _rule in rules)
            forwarding = _forwarding(exporter, name, key.version, accepted)
            yield drop_unset(namespace=name, **key.options(), **forwarding)


# Published ports


def port_forwards(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for nat_port_forward."""
    for name in exporter.namespaces:
        for key, rules in _recognised_rules(exporter, name, port_forward.SCHEME).items():
            if not isinstance(key, port_forward.Listener):
                continue
            entry = _forward(exporter, name, key, rules)
            if _describes(entry, key, rules):
                yield entry
            else:
                exporter.skip(f"forwards: {key} in {name or 'the host'}", _ALTERED)


def _forward(
    exporter: Exporter, name: NamespaceName, listener: port_forward.Listener, rules: Sequence[_Found]
) -> Declaration:
    targets = {rule.target for role, _hook, rule in rules if role == port_forward.DNAT}
    hairpins = [rule.values("saddr") for role, _hook, rule in rules if role == port_forward.HAIRPIN]
    accepted = any(role == port_forward.ACCEPT_IN for role, _hook, _rule in rules)
    address, port = _parse_target(targets.pop()) if len(targets) == 1 else (None, None)
    return drop_unset(
        namespace=name,
        **listener.options(),
        to_address=address,
        to_port=port,
        hairpin=next((network for networks in hairpins for network in networks), None),
        **_forwarding(exporter, name, listener.version, accepted),
    )


def _parse_target(target: str) -> tuple[str | None, int | None]:
    """Return address and port of ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; no address for anything else."""
    match = re.fullmatch(r"\[(?P<bracketed>[^]]+)]:(?P<of>\d+)|(?P<v4>[^:]+):(?P<port>\d+)|(?P<plain>.+)", target)
    if match is None:
        return None, None
    port = match["of"] or match["port"]
    return match["bracketed"] or match["v4"] or match["plain"], int(port) if port else None


def _describes(entry: Declaration, listener: port_forward.Listener, rules: Sequence[_Found]) -> bool:
    """Return whether an entry gives exactly the rules from which it was written."""
    try:
        wanted = desired_of(port_forward.PortForwardResource(), listener.ports, entry)
    except FabricError:
        return False
    specs = [spec for spec in wanted.specs() if spec.hook in NAT_HOOKS]
    return bool(wanted.key == listener) and _is_complete(specs, rules)


# Both


def _recognised_rules(exporter: Exporter, name: NamespaceName, scheme: RuleScheme) -> dict[RuleKey, list[_Found]]:
    """Return the rules of a scheme that are to be declared, by their key."""
    found: dict[RuleKey, list[_Found]] = {}
    for chain, rule in exporter.facts.rules.get(name, ()):
        known = scheme.recognise(chain.place, rule)
        if known is not None and known.owner == (exporter.owner or ""):
            found.setdefault(known.key, []).append((known.role, hook_of(chain.place), rule))
    return found


def _is_complete(specs: Sequence[RuleSpec], rules: Sequence[_Found]) -> bool:
    """Return whether the rules that translate addresses are these specs, each of them and no other."""
    translating = [(hook, rule) for _role, hook, rule in rules if hook in NAT_HOOKS]
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

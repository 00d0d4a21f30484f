# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
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
    given,
)
from ansible_collections.netns.fabric.plugins.module_utils._facts.firewall_view import owner_of
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import NAT_HOOKS, Rule
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_masquerade as masquerade
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_port_forward as port_forward
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_rules import Kind, Part, Subject, hook_of

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
        for subject, rules in _recognised_rules(exporter, name, masquerade.KIND).items():
            if not isinstance(subject, masquerade.Source):
                continue
            if not _is_complete(masquerade.KIND.parts(subject)[:1], rules):
                exporter.skip(f"rules: {subject} in {name or 'the host'}", _ALTERED)
                continue
            accepted = any(role == masquerade.ACCEPT_OUT for role, _hook, _rule in rules)
            forwarding = _forwarding(exporter, name, subject.version, accepted)
            yield given(namespace=name, **subject.described(), **forwarding)


# Published ports


def port_forwards(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for nat_port_forward."""
    for name in exporter.namespaces:
        for subject, rules in _recognised_rules(exporter, name, port_forward.KIND).items():
            if not isinstance(subject, port_forward.Listener):
                continue
            entry = _forward(exporter, name, subject, rules)
            if _describes(entry, subject, rules):
                yield entry
            else:
                exporter.skip(f"forwards: {subject} in {name or 'the host'}", _ALTERED)


def _forward(
    exporter: Exporter, name: NamespaceName, listener: port_forward.Listener, rules: Sequence[_Found]
) -> Declaration:
    targets = {rule.target for role, _hook, rule in rules if role == port_forward.DNAT}
    hairpins = [rule.values("saddr") for role, _hook, rule in rules if role == port_forward.HAIRPIN]
    accepted = any(role == port_forward.ACCEPT_IN for role, _hook, _rule in rules)
    address, port = _parse_target(targets.pop()) if len(targets) == 1 else (None, None)
    return given(
        namespace=name,
        **listener.described(),
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
    parts = [part for part in wanted.parts() if part.hook in NAT_HOOKS]
    return bool(wanted.subject == listener) and _is_complete(parts, rules)


# Both


def _recognised_rules(exporter: Exporter, name: NamespaceName, kind: Kind) -> dict[Subject, list[_Found]]:
    """Return the rules of a kind that are to be declared, by their subject."""
    found: dict[Subject, list[_Found]] = {}
    for chain, rule in exporter.facts.rules.get(name, ()):
        known = kind.recognise(chain.place, rule)
        if known is not None and known.owner == (exporter.owner or ""):
            found.setdefault(known.subject, []).append((known.role, hook_of(chain.place), rule))
    return found


def _is_complete(parts: Sequence[Part], rules: Sequence[_Found]) -> bool:
    """Return whether the rules that translate addresses are these parts, each of them and no other."""
    translating = [(hook, rule) for _role, hook, rule in rules if hook in NAT_HOOKS]
    missing = [part for part in parts if not any(_is_same(part, *found) for found in translating)]
    altered = [found for found in translating if not any(_is_same(part, *found) for part in parts)]
    return bool(parts) and not missing and not altered


def _is_same(part: Part, hook: str, rule: Rule) -> bool:
    return part.hook == hook and part.same_as(rule)


def _forwarding(exporter: Exporter, name: NamespaceName, version: int, accepted: bool) -> Declaration:
    blocked = bool(exporter.host.rulesets[name].obstacles(version))
    return {
        "ip_forward": exporter.host.namespace(name).sysctls.get(FORWARDING[version], "1") == "1",
        "accept_forward": "never" if blocked and not accepted else "auto",
    }

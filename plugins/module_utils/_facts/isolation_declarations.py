# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Isolated links as declarations. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._facts.exporter import (
    Declaration,
    Exporter,
    desired_of,
    drop_unset,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import EVERYTHING, Chain, Rule
from ansible_collections.netns.fabric.plugins.module_utils._resources import isolation
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import RecognisedRule

_Found = tuple[RecognisedRule, Chain, Rule]


def isolated_links(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for the module isolation."""
    found: dict[str, list[_Found]] = {}
    for chain, rule in exporter.facts.rules.get(None, ()) if None in exporter.namespaces else ():
        known = isolation.SCHEME.recognise(chain.place, rule)
        if known is not None and known.owner == (exporter.owner or ""):
            found.setdefault(str(known.key), []).append((known, chain, rule))
    for link, rules in found.items():
        entry = _declare(link, [(known.key.version, rule) for known, _chain, rule in rules])
        if _describes(entry, link, rules):
            yield entry
        else:
            exporter.skip(f"isolation: {link}", "its rules were altered")


def _declare(link: str, rules: Sequence[tuple[int, Rule]]) -> Declaration:
    """Return the entry that a link's rules come from, each with its IP version."""
    sending = [
        (rule, source, version)
        for version, rule in rules
        for source in [_source(rule, version)]
        if source is not None and rule.verdict in ("accept", "return")
    ]
    outbound = [
        drop_unset(source=source, out_interface=_only(rule, "oifname"))
        for rule, source, _version in sending
        if rule.verdict == "return" and not _concerns_connections(rule)
    ]
    reached = {
        (_only(rule, "daddr") or EVERYTHING[version], _only(rule, "oifname")): None
        for rule, _source, version in sending
        if rule.verdict == "accept"
    }
    return drop_unset(
        link=link,
        networks=[source for rule, source, _version in sending if rule.values("ct state")] or None,
        outbound=outbound or None,
        reaches=[drop_unset(destination=network, out_interface=by) for network, by in reached] or None,
    )


def _source(rule: Rule, version: int) -> str | None:
    """Return the network that a rule is about; every address is that of a packet by the link."""
    return _only(rule, "saddr") or (EVERYTHING[version] if rule.values("iifname") else None)


def _concerns_connections(rule: Rule) -> bool:
    return bool(rule.values("ct state") or rule.values("ct status"))


def _only(rule: Rule, name: str) -> str | None:
    return next(iter(sorted(rule.values(name))), None)


def _describes(entry: Declaration, link: str, found: Sequence[_Found]) -> bool:
    """Return whether an entry gives exactly the rules from which it was written."""
    try:
        wanted = desired_of(isolation.IsolationResource(), link, entry)
    except FabricError:
        return False
    backends = {(known.key.version, chain.place.backend) for known, chain, _rule in found}
    versions = [version for version, _backend in backends]
    meant = {(place, spec.role) for version, backend in backends for spec, place in wanted.placed(version, backend)}
    there = [(chain.place, known.role) for known, chain, _rule in found]
    return len(set(versions)) == len(versions) and len(there) == len(meant) and set(there) == meant

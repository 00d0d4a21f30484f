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
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Chain, Rule
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
        entry = _declare(link, [rule for _known, _chain, rule in rules])
        if _describes(entry, link, rules):
            yield entry
        else:
            exporter.skip(f"isolation: {link}", "its rules were altered")


def _declare(link: str, rules: Sequence[Rule]) -> Declaration:
    """Return the entry that a link's rules come from."""
    replies = [rule for rule in rules if rule.values("saddr") and rule.values("ct state")]
    leaving = [
        rule for rule in rules if rule.verdict == "return" and rule.values("saddr") and not _concerns_connections(rule)
    ]
    outbound = [drop_unset(source=_only(rule, "saddr"), out_interface=_only(rule, "oifname")) for rule in leaving]
    reached = {_only(rule, "daddr"): None for rule in rules if rule.verdict == "accept" and rule.values("daddr")}
    return drop_unset(
        link=link,
        networks=[_only(rule, "saddr") for rule in replies] or None,
        outbound=outbound or None,
        reaches=list(reached) or None,
    )


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

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masquerading rules of nftables and of iptables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.tests.helpers.shell import Shell, inside


@dataclass(frozen=True, order=True)
class Masquerade:
    """A masquerading rule: its table, source network, outgoing interface, and comment, which has the owner."""

    table: str
    source: str
    out_interface: str
    comment: str


class Nat:
    """The host's address translation. ``namespace=None`` is the host's own."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def masquerading(self, namespace: str | None = None) -> list[Masquerade]:
        """Return all masquerading rules, sorted."""
        return sorted([*self._by_nftables(namespace), *self._by_iptables(namespace)])

    def iptables_rules(self, namespace: str | None = None) -> list[str]:
        """Return the lines of `iptables-save`, without comments and counters."""
        saved = self._shell.run(*inside(namespace), "iptables-save") + self._shell.run(
            *inside(namespace), "ip6tables-save"
        )
        return [re.sub(r" \[\d+:\d+\]$", "", line) for line in saved.splitlines() if not line.startswith("#")]

    def _by_nftables(self, namespace: str | None) -> list[Masquerade]:
        ruleset = self._shell.json(*inside(namespace), "nft", "--json", "list", "ruleset")["nftables"]
        rules = [entry["rule"] for entry in ruleset if "rule" in entry]
        return [
            Masquerade(
                f"nft {rule['family']} {rule['table']}",
                _matched(rule, "saddr"),
                _matched(rule, "oifname"),
                rule.get("comment", ""),
            )
            for rule in rules
            # nft lists the rules of iptables as well, as far as it can read them; _by_iptables() returns those.
            if any("masquerade" in expression for expression in rule["expr"])
        ]

    def _by_iptables(self, namespace: str | None) -> list[Masquerade]:
        rules = [line for line in self.iptables_rules(namespace) if line.endswith("-j MASQUERADE")]
        return [
            Masquerade("iptables", _option(rule, "-s"), _option(rule, "-o"), _option(rule, "--comment"))
            for rule in rules
        ]


def _matched(rule: dict[str, Any], field: str) -> str:
    """Return the value that a rule compares a field with; an empty text if none."""
    for expression in rule["expr"]:
        match = expression.get("match", {})
        left = match.get("left", {})
        name = left.get("payload", {}).get("field") or left.get("meta", {}).get("key")
        if name == field and match["op"] == "==":
            right = match["right"]
            return f"{right['prefix']['addr']}/{right['prefix']['len']}" if isinstance(right, dict) else str(right)
    return ""


def _option(rule: str, option: str) -> str:
    found = re.search(rf'(?:^| ){re.escape(option)} ("[^"]*"|\S+)', rule)
    return found[1].strip('"') if found else ""

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which chain refuses a packet, as far as the rules that were read show, and what opens it. Pure.

A refusal is certain (every such packet ends there, unless a rule with a condition that is not understood accepts it
before), or possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ansible_collections.netns.fabric.plugins.module_utils._firewall.conditions import Packet
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    FIREWALLD_TABLE,
    INPUT,
    NFTABLES,
    POLICY_IN,
    POLICY_OUT,
    REFUSING_VERDICTS,
    Chain,
    Place,
    Ruleset,
    Tools,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.walk import Ending, walk_hook
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import inside
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName


@dataclass(frozen=True)
class Refusal:
    """The chain and the verdict that end a packet; `base`: the chain that the kernel calls."""

    base: Place
    place: Place
    verdict: str
    by_policy: bool
    is_certain: bool

    def __str__(self) -> str:
        cause = f"policy {self.verdict}" if self.by_policy else f"a rule with {self.verdict}"
        return f"{self.place} ({cause})"


def find_refusal(ruleset: Ruleset, hook: str, packet: Packet) -> Refusal | None:
    """Return what refuses a packet at a hook, a certain refusal first."""
    packet = replace(packet, is_local=hook == INPUT)
    walks = walk_hook(ruleset, hook, "filter", packet)
    found = [refusal for base, endings in walks if (refusal := refusal_in(base, endings)) is not None]
    return min(found, key=lambda refusal: not refusal.is_certain, default=None)


def refusal_in(base: Chain, endings: Sequence[Ending]) -> Refusal | None:
    """Return what refuses a packet that may end at these places: the last, at which it ends for certain, or another."""
    refusing = [ending for ending in endings if ending.verdict in REFUSING_VERDICTS]
    if not refusing:
        return None
    is_last = endings[-1].verdict in REFUSING_VERDICTS
    end = endings[-1] if is_last else refusing[0]
    is_certain = is_last and len(refusing) == len(endings)
    return Refusal(base.place, end.place, end.verdict, end.by_policy, is_certain)


# What opens it


def how_to_open(ruleset: Ruleset, refusal: Refusal, tools: Tools, where: NamespaceName, interface: str | None) -> str:
    """Return the commands that let in what comes by an interface, of the program that the chain belongs to."""
    link, base = interface or "INTERFACE", refusal.base
    if refusal.place.chain in (POLICY_IN, POLICY_OUT):
        return "it is a policy; netns.fabric.policy changes it, or `topology_policies` of the role"
    if ruleset.chains[base].hook != INPUT:
        return f"`{inside(where, 'nft', 'list', 'ruleset')}` shows its rules"
    if base.table == FIREWALLD_TABLE:
        add = inside(where, "firewall-cmd", "--permanent", "--zone=trusted", f"--add-interface={link}")
        return f"`{add}` and `{inside(where, 'firewall-cmd', '--reload')}` let in what comes by {link}"
    if _is_ufw(ruleset, base):
        return f"`{inside(where, 'ufw', 'allow', 'in', 'on', link)}` lets in what comes by {link}"
    if base.backend == NFTABLES:
        rule = inside(where, "nft", f'insert rule {base.family} {base.table} {base.chain} iifname "{link}" accept')
    else:
        command = tools.iptables.get((base.backend, 6 if base.family == "ip6" else 4), "iptables")
        rule = inside(where, command, "-I", base.chain, "-i", link, "-j", "ACCEPT")
    return f"`{rule}` lets in what comes by {link}"


def _is_ufw(ruleset: Ruleset, base: Place) -> bool:
    names = ("ufw-before-input", "ufw6-before-input")
    return any(replace(base, chain=name) in ruleset.chains for name in names)

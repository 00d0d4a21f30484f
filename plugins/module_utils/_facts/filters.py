# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the packet filter of one namespace does with a packet on a hook, as far as it is understood. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from ansible_collections.netns.fabric.plugins.module_utils._core.text import printable
from ansible_collections.netns.fabric.plugins.module_utils._core.transports import TRANSPORTS, port_range
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._facts.segments import place
from ansible_collections.netns.fabric.plugins.module_utils._firewall.conditions import Packet
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import REFUSING_VERDICTS, Ruleset
from ansible_collections.netns.fabric.plugins.module_utils._firewall.translations import (
    Translation,
    translation_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.walk import Ending, walk_hook
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName

#: With more rules than this, those of a namespace are not followed: who is root in it can add any number.
RULES_MAX = 5000
#: How many causes are named.
_NAMED_MAX = 3


@dataclass(frozen=True)
class Judgement:
    """What a hook does with a packet: what drops it for certain, or what may drop it; nothing: it passes."""

    refusal: str = ""
    doubts: frozenset[str] = frozenset()

    @property
    def causes(self) -> frozenset[str]:
        """Whatever drops the packet, or may do so."""
        return self.doubts | {self.refusal} if self.refusal else self.doubts


PASSES = Judgement()


@dataclass(frozen=True)
class Branch:
    """What a hook for NAT may do with a packet; no translation leaves it as it is."""

    translation: Translation | None
    doubt: str = ""


class PacketFilter:
    """The packet filter of one namespace. `unread` says why its rules are not known, where they are not."""

    def __init__(self, name: NamespaceName, ruleset: Ruleset, unread: str = "") -> None:
        self._name = name
        self._ruleset = ruleset
        count = sum(len(chain.rules) for chain in ruleset.chains.values())
        if name is not None and count > RULES_MAX:
            unread = f"the packet filter of {place(name)}, which has {count} rules, too many to follow"
        self.unread = unread
        hooks = [(chain.hook, chain.kind) for chain in ruleset.chains.values() if chain.hook]
        self._filtered = {hook for hook, kind in hooks if kind != "nat"}
        self._translated = {hook for hook, kind in hooks if kind == "nat"}
        self._judgements: dict[tuple[str, Packet], Judgement] = {}
        self._branches: dict[tuple[str, Packet], tuple[Branch, ...]] = {}

    @property
    def is_empty(self) -> bool:
        return not self.unread and not self._ruleset.chains

    @property
    def ruleset(self) -> Ruleset:
        return Ruleset() if self.unread else self._ruleset

    def judge(self, hook: str, packet: Packet) -> Judgement:
        """Return what the chains on a hook do with a packet."""
        if self.unread:
            return Judgement(doubts=frozenset({self.unread}))
        if hook not in self._filtered:
            return PASSES
        key = (hook, packet)
        if key not in self._judgements:
            self._judgements[key] = self._judge(hook, packet)
        return self._judgements[key]

    def _judge(self, hook: str, packet: Packet) -> Judgement:
        doubts: dict[str, None] = {}
        for _base, endings in walk_hook(self._ruleset, hook, "filter", packet):
            refusing = [ending for ending in endings if ending.verdict in REFUSING_VERDICTS]
            if len(refusing) == len(endings):
                return Judgement(refusal=self._describe(refusing[-1]))
            doubts.update({self._describe(ending): None for ending in endings if ending.verdict != "accept"})
        return Judgement(doubts=frozenset([*doubts][:_NAMED_MAX]))

    def translate(self, hook: str, packet: Packet) -> tuple[Branch, ...]:
        """Return what the chains for NAT on a hook may do with a packet, each possibility once."""
        if hook not in self._translated or self.unread:
            return (Branch(None),)
        key = (hook, packet)
        if key not in self._branches:
            self._branches[key] = tuple(self._translate(hook, packet))
        return self._branches[key]

    def _translate(self, hook: str, packet: Packet) -> Iterator[Branch]:
        doubt = ""
        for _base, endings in walk_hook(self._ruleset, hook, "nat", packet):
            for ending in endings:
                found = translation_of(ending)
                if found is None:
                    continue
                if ending is endings[-1]:  # where the packet ends if it does not end before
                    yield Branch(found, doubt)
                    return
                yield Branch(found, self._describe(ending))
                doubt = doubt or self._describe(ending)
        yield Branch(None, doubt)

    def bridged_doubt(self) -> str:
        """Return which tables filter frames, of bridges or of links; they are not followed."""
        if self.unread:
            return ""
        names = sorted(
            f"{where.family} {printable(where.table)}"
            for where, chain in self._ruleset.chains.items()
            if where.family in ("bridge", "netdev", "arp") and chain.hook and (chain.rules or chain.policy == "drop")
        )
        return f"the nftables table {names[0]} of {place(self._name)}, which filters frames" if names else ""

    def _describe(self, ending: Ending) -> str:
        return f"the packet filter of {place(self._name)}: {printable(str(ending))}"


@dataclass(frozen=True)
class PublishedPorts:
    """Ports that a rule leads to another address, and there to a port or, if that is None, to the same one.

    `at` is the address that they are of; None for any.
    """

    protocol: str
    first: int
    last: int
    at: Address | None
    address: Address
    port: int | None

    def leading_to(self, port: int) -> int | None:
        """Return the port that leads to a port; None for none."""
        if self.port is None:
            return port if self.first <= port <= self.last else None
        return self.first if port == self.port else None


def published_ports(ruleset: Ruleset) -> Iterator[PublishedPorts]:
    """Yield the ports that rules lead to other addresses, whoever created them."""
    for chain in ruleset.chains.values():
        for rule in chain.rules:
            found = translation_of(Ending(chain.place, rule.verdict, rule)) if rule.verdict == "dnat" else None
            if found is None or found.address is None:
                continue
            for protocol in TRANSPORTS:
                for ports in rule.values(f"{protocol} dport"):
                    first, last = port_range(ports)
                    networks = [ip_network(text) for text in rule.values("daddr")]
                    only = next((each.network_address for each in networks if each.num_addresses == 1), None)
                    yield PublishedPorts(protocol, first, last, only, found.address, found.port)

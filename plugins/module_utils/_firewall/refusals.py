# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which chain refuses a packet, as far as the rules that were read show, and what opens it. Pure.

A condition that is not understood may hold or not. So a refusal is certain (every such packet ends there, unless a rule
with such a condition accepts it before), or possible.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_network

from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    FAMILIES,
    FIREWALLD_TABLE,
    INPUT,
    IPTABLES_LEGACY,
    NFTABLES,
    POLICY_IN,
    POLICY_OUT,
    REFUSING_VERDICTS,
    Chain,
    Criterion,
    Place,
    Rule,
    Ruleset,
    Tools,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import inside
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName

#: The state of a packet's connection (conntrack): its first packet, or an answer.
NEW, ESTABLISHED = "new", "established"

#: The names of a protocol in rules.
_PROTOCOLS = {"tcp": {"tcp"}, "udp": {"udp"}, "icmp": {"icmp", "icmpv6", "ipv6-icmp"}}


@dataclass(frozen=True)
class Packet:
    """A packet at a hook. `protocol` is tcp, udp or icmp; what is None is not known."""

    source: IPv4Address | IPv6Address | None
    destination: IPv4Address | IPv6Address
    protocol: str
    port: int | None = None
    in_interface: str | None = None
    state: str = NEW
    #: Whether the destination is an address of the host that the packet is on.
    is_local: bool = True


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


#: A chain, the verdict there, and whether that is the chain's policy.
_End = tuple[Place, str, bool]


@dataclass
class _Walk:
    """The way of one packet through the chains of one hook."""

    ruleset: Ruleset
    packet: Packet
    base: Chain
    possible: list[Refusal] = field(default_factory=list)
    #: Whether a rule with a condition that is not understood accepts it.
    may_be_accepted: bool = False

    def run(self) -> Refusal | None:
        end = self._follow(self.base, frozenset())
        if end is None and self.base.policy in REFUSING_VERDICTS:
            end = (self.base.place, self.base.policy, True)
        if end is not None and end[1] in REFUSING_VERDICTS:
            return Refusal(self.base.place, *end, is_certain=not self.may_be_accepted)
        return self.possible[0] if self.possible else None

    def _follow(self, chain: Chain, called: frozenset[Place]) -> _End | None:
        """Return what ends the packet for certain, in this chain or in one that it calls; None: it returns."""
        for rule in chain.rules:
            holds = _holds(rule, self.packet)
            if holds is False:
                continue
            if rule.verdict == "return":
                if holds:
                    return None
                continue
            end = self._end_of(chain, rule, called)
            if end is not None and holds:
                return end
            if end is not None:
                self._note(*end)
            elif holds and rule.verdict == "goto":
                return None
        return None

    def _end_of(self, chain: Chain, rule: Rule, called: frozenset[Place]) -> _End | None:
        """Return what ends a packet that meets the conditions of a rule; None: it continues."""
        if rule.verdict in ("accept", *REFUSING_VERDICTS):
            return chain.place, rule.verdict, False
        target = self.ruleset.chains.get(replace(chain.place, chain=rule.target))
        if rule.verdict not in ("jump", "goto") or target is None or target.place in called:
            return None
        return self._follow(target, called | {chain.place})

    def _note(self, place: Place, verdict: str, by_policy: bool) -> None:
        if verdict == "accept":
            self.may_be_accepted = True
        else:
            self.possible.append(Refusal(self.base.place, place, verdict, by_policy, is_certain=False))


def find_refusal(ruleset: Ruleset, hook: str, packet: Packet) -> Refusal | None:
    """Return what refuses a packet at a hook, a certain refusal first."""
    packet = replace(packet, is_local=hook == INPUT)
    families = (FAMILIES[packet.destination.version], "inet")
    found = [
        refusal
        for chain in ruleset.chains.values()
        if (chain.hook, chain.kind) == (hook, "filter") and chain.place.family in families
        if not _is_dormant(ruleset, chain.place)
        if (refusal := _Walk(ruleset, packet, chain).run()) is not None
    ]
    return min(found, key=lambda refusal: not refusal.is_certain, default=None)


def _is_dormant(ruleset: Ruleset, place: Place) -> bool:
    table = ruleset.tables.get((place.family, place.table))
    return place.backend != IPTABLES_LEGACY and table is not None and table.dormant


def _holds(rule: Rule, packet: Packet) -> bool | None:
    """Return whether all conditions of a rule hold for a packet; None where that is not known."""
    answers = [_criterion_holds(criterion, packet) for criterion in rule.criteria]
    if False in answers:
        return False
    return None if None in answers else True


def _criterion_holds(criterion: Criterion, packet: Packet) -> bool | None:
    answer = _compare(criterion, packet)
    return answer if answer is None or not criterion.negated else not answer


def _compare(criterion: Criterion, packet: Packet) -> bool | None:
    """Return whether a condition holds, without its negation."""
    name, is_set, _rest = criterion.field.partition(" set")
    if is_set:
        answers = [_compare(Criterion(name, value), packet) for value in criterion.value.split()]
        return True if True in answers else None if None in answers else False
    if name.endswith("port"):
        return _same_port(criterion, packet)
    comparison = _COMPARISONS.get(name)
    if comparison is not None:
        return comparison(criterion.value, packet)
    # The probes are not sent to published ports of the host.
    known = {("fib daddr type", "local"): packet.is_local, ("ct status", "dnat"): False}
    return known.get((name, criterion.value))


def _contains(network: str, address: IPv4Address | IPv6Address | None) -> bool | None:
    return None if address is None else address in ip_network(network)


def _same_type(number: str, packet: Packet) -> bool | None:
    """Return whether what a probe sends, or its answer, has a type of ICMP."""
    if packet.protocol != "icmp":
        return False
    requests, answers = ("8", "128"), ("0", "129")  # RFC 792, RFC 4443
    return number in (requests if packet.state == NEW else answers)


def _same_interface(pattern: str, name: str | None) -> bool | None:
    if name is None:
        # The probes' packets come from another namespace, and not over the loopback.
        return False if pattern == "lo" else None
    if pattern.endswith(("*", "+")):
        return name.startswith(pattern[:-1])
    return name == pattern


def _same_port(criterion: Criterion, packet: Packet) -> bool | None:
    protocol, _blank, which = criterion.field.partition(" ")
    if protocol != packet.protocol:
        return False
    if which != "dport" or packet.port is None:
        # A probe without a port uses one that is free: no rule for a single port is about it.
        return None if which != "dport" or "-" in criterion.value else False
    first, _dash, last = criterion.value.partition("-")
    return int(first) <= packet.port <= int(last or first)


def _same_protocol(content: str, packet: Packet) -> bool | None:
    """Return False for a condition on another protocol, in words that only nft has."""
    names = set(_protocols_in(content))
    return None if not names or names & _PROTOCOLS.get(packet.protocol, set()) else False


def _protocols_in(text: str) -> Iterator[str]:
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        match = json.loads(text)  # nft
        left, right = match["left"], match["right"]
        if left.get("meta", {}).get("key") == "l4proto" and match["op"] in ("==", "in"):
            values = right.get("set", ()) if isinstance(right, dict) else [right]
            yield from (value for value in values if isinstance(value, str))
        protocol = left.get("payload", {}).get("protocol")
        if protocol in ("tcp", "udp", "sctp", "icmp", "icmpv6"):
            yield protocol


_COMPARISONS: Mapping[str, Callable[[str, Packet], bool | None]] = {
    "saddr": lambda value, packet: _contains(value, packet.source),
    "daddr": lambda value, packet: _contains(value, packet.destination),
    "iifname": lambda value, packet: _same_interface(value, packet.in_interface),
    "ct state": lambda value, packet: packet.state in value.split(","),
    "l4proto": lambda value, packet: value in _PROTOCOLS.get(packet.protocol, ()),
    "icmp type": _same_type,
    "icmpv6 type": _same_type,
    "other": _same_protocol,
}


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

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packet filter as plain values, whichever tool printed it. Pure.

A rule is the same value in nft's output and in iptables', so that rules are compared by what they do and not by their
text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import collapse_addresses, ip_address, ip_network, summarize_address_range
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.transports import port_range

#: Where a rule can be: in nf_tables by nft(8), in nf_tables by iptables-nft(8), in x_tables by iptables-legacy(8).
NFTABLES = "nftables"
IPTABLES_NFT = "iptables-nft"
IPTABLES_LEGACY = "iptables-legacy"

#: The table in nf_tables that only this collection uses.
OWN_TABLE = "netns_fabric"
#: How the comment of every rule of this collection begins.
COMMENT = "netns.fabric"

#: The hooks of this collection's rules (nft(8), Address families). In OWN_TABLE a chain has the name of its hook.
PREROUTING, OUTPUT, POSTROUTING, FORWARD = "prerouting", "output", "postrouting", "forward"
#: The hook of what is for the host itself.
INPUT = "input"
NAT_HOOKS = (PREROUTING, OUTPUT, POSTROUTING)
#: The chains of a namespace's policy: what comes in, and what goes out.
POLICY_IN, POLICY_OUT = "fabric-policy-in", "fabric-policy-out"
#: The chain that keeps what comes in by a link from the loopback's addresses.
LOOPBACK = "fabric-loopback"
#: The chain that limits the segments of TCP, before the filters of others.
MSS = "fabric-mss"
#: How the chains begin that hold what may leave an isolated link, and what may enter it.
FROM_PREFIX, TO_PREFIX = "fabric-from-", "fabric-to-"
#: The table of iptables for isolation. It is used before `filter`, where others accept traffic.
MANGLE = "mangle"

#: By IP version: the family's name in nf_tables, and all multicast addresses (RFC 5771, RFC 4291 2.7).
FAMILIES: Mapping[int, str] = {4: "ip", 6: "ip6"}
MULTICAST: Mapping[int, str] = {4: "224.0.0.0/4", 6: "ff00::/8"}
#: By IP version: the network of all addresses.
EVERYTHING: Mapping[int, str] = {4: "0.0.0.0/0", 6: "::/0"}
#: By family: the IP version.
VERSIONS: Mapping[str, int] = {family: version for version, family in FAMILIES.items()}

#: The verdicts that decide on a packet.
FINAL_VERDICTS = ("accept", "drop", "reject", "return")
REFUSING_VERDICTS = ("drop", "reject")
#: The verdicts of address translation.
NAT_VERDICTS = ("masquerade", "snat", "dnat")

#: What limits the segments of TCP to the path (nft(8), `tcp option maxseg size set rt mtu`). A packet passes.
CLAMP_MSS = "clamp_mss"

#: The chains of firewalld in iptables' filter table: of its older releases and of its newer ones.
_FIREWALLD_CHAINS = ("FORWARD_IN_ZONES", "FORWARD_POLICIES_PRE")
FIREWALLD_TABLE = "firewalld"
_BELONGS_TO_FIREWALLD = "it belongs to firewalld, whose next reload would delete a rule added here"
_RESERVED = "a running program has reserved the table (flag owner); allow the traffic in that program, or stop it"


@dataclass(frozen=True)
class BaseChain:
    """What the kernel calls a chain for. nft(8) has a name for some priorities."""

    kind: str
    hook: str
    priority: str


#: The chains of OWN_TABLE that the kernel calls. Those that filter come after connection tracking and the translation
#: of destinations, and before the filters of others.
OWN_CHAINS: Mapping[str, BaseChain] = {
    PREROUTING: BaseChain("nat", PREROUTING, "dstnat"),
    OUTPUT: BaseChain("nat", OUTPUT, "-100"),
    POSTROUTING: BaseChain("nat", POSTROUTING, "srcnat"),
    FORWARD: BaseChain("filter", FORWARD, "-10"),
    MSS: BaseChain("filter", FORWARD, "mangle"),
    POLICY_IN: BaseChain("filter", INPUT, "-10"),
    POLICY_OUT: BaseChain("filter", OUTPUT, "-10"),
    LOOPBACK: BaseChain("filter", INPUT, "-10"),
}


@dataclass(frozen=True, order=True)
class Criterion:
    """A condition of a rule.

    `field` is `saddr`, `daddr` (a network in CIDR notation), `iifname`, `oifname`, `ct state` (comma separated), `ct
    status`, `fib daddr type`, `tcp dport` and its like (a port, or FIRST-LAST), `l4proto`, `icmp type`, `icmpv6 type`
    (a number), `tcp flags` (VALUE/MASK), or `other` for what does not matter here, in the words of the tool that
    printed it. With ` set` after it, the value is several ones separated by spaces; iptables has that for ports only.
    """

    field: str
    value: str
    negated: bool = False

    @classmethod
    def other(cls, content: Any) -> Criterion:
        """Return a condition that does not matter here: a text, or what nft prints as JSON."""
        return cls("other", content if isinstance(content, str) else json.dumps(content, sort_keys=True))


@dataclass(frozen=True)
class Rule:
    """One rule of a chain.

    `verdict` is in nft's words (`accept`, `drop`, `reject`, `return`, `masquerade`, `snat`, `dnat`, `jump`, `goto`,
    `log`) or CLAMP_MSS, empty for none; `target` is the chain of a jump, the destination of dnat (ADDRESS or
    ADDRESS:PORT), the source of snat (ADDRESS or FIRST-LAST), both with what else is given of them, or the prefix of
    what is logged.
    `handle` and `expressions` (JSON) are nft's, `arguments` are iptables'.
    """

    criteria: frozenset[Criterion]
    verdict: str
    target: str = ""
    comment: str | None = None
    handle: int | None = None
    expressions: str = field(default="", compare=False)
    arguments: tuple[str, ...] = ()

    @property
    def is_final(self) -> bool:
        """Whether no packet gets past it."""
        return not self.criteria and self.verdict in FINAL_VERDICTS

    @property
    def is_own(self) -> bool:
        """Whether the collection has added it."""
        return (self.comment or "").startswith(COMMENT)

    def values(self, name: str, negated: bool = False) -> set[str]:
        """Return the values that the rule compares a field with."""
        return {
            criterion.value for criterion in self.criteria if criterion.field == name and criterion.negated is negated
        }


@dataclass(frozen=True)
class Place:
    """A chain's address. `family` is nft's: ip, ip6, inet."""

    backend: str
    family: str
    table: str
    chain: str

    def __str__(self) -> str:
        return f"{self.backend} {self.family} {self.table} {self.chain}"


@dataclass(frozen=True)
class Chain:
    """A chain of rules.

    `hook` and `policy` are those of a base chain; a chain that only other chains jump to has none.
    """

    place: Place
    hook: str = ""
    policy: str = ""
    kind: str = ""
    rules: tuple[Rule, ...] = ()

    @property
    def is_used_by_others(self) -> bool:
        """Whether something other than this collection has added rules to it, or set its policy."""
        others = any(not (rule.comment or "").startswith(COMMENT) for rule in self.rules)
        is_foreign = self.place.backend == NFTABLES and self.place.table != OWN_TABLE
        return others or self.policy in REFUSING_VERDICTS or is_foreign


@dataclass(frozen=True)
class NftTable:
    """A table of nf_tables.

    `locked`: a running program has reserved it (flag `owner`); `dormant`: it is switched off. `further` counts its
    objects besides chains and rules: sets, maps, flow tables, ...
    """

    family: str
    name: str
    locked: bool = False
    dormant: bool = False
    further: int = 0


@dataclass(frozen=True)
class Obstacle:
    """A chain that refuses all forwarded packets that no rule in it accepts.

    `place` is where such a rule belongs; `refusal` says why this collection adds none, and is empty where it can.
    """

    base: Place
    cause: str
    place: Place
    refusal: str = ""


@dataclass(frozen=True)
class Tools:
    """The programs that the host has, and that its kernel has a use for.

    `iptables` names the command for each variant of iptables and IP version; `usual` is the variant that is behind
    the plain command of an IP version, or the other one where the kernel does not have that. `nf_tables`: whether the
    kernel has it; without, there is neither nft nor that variant of iptables.
    """

    nft: bool = False
    iptables: Mapping[tuple[str, int], str] = field(default_factory=dict)
    usual: Mapping[int, str] = field(default_factory=dict)
    nf_tables: bool = True

    @cached_property
    def any(self) -> bool:
        return self.nft or bool(self.iptables)


@dataclass(frozen=True)
class Ruleset:
    """The rules of one network namespace, as far as NAT and forwarding are concerned."""

    chains: Mapping[Place, Chain] = field(default_factory=dict)
    tables: Mapping[tuple[str, str], NftTable] = field(default_factory=dict)

    def obstacles(self, version: int) -> list[Obstacle]:
        """Return the chains that refuse forwarded packets of an IP version by default."""
        families = (FAMILIES[version], "inet")
        bases = (
            chain
            for chain in self.chains.values()
            if (chain.hook, chain.kind) == ("forward", "filter") and chain.place.family in families
        )
        found = (self._obstacle(base) for base in bases)
        return [obstacle for obstacle in found if obstacle is not None]

    def _obstacle(self, base: Chain) -> Obstacle | None:
        table = self.tables.get((base.place.family, base.place.table))
        if base.place.backend != IPTABLES_LEGACY and table is not None and table.dormant:
            return None
        end = self._end(base)
        by_policy = end is None or end[1] == "return"
        verdict = base.policy if end is None or by_policy else end[1]
        if verdict not in REFUSING_VERDICTS:
            return None
        return Obstacle(
            base=base.place,
            cause=f"policy {verdict}" if by_policy else f"ends with {verdict}",
            place=end[0] if end else base.place,
            refusal=self._refusal(base.place, table),
        )

    def _end(self, chain: Chain, seen: frozenset[Place] = frozenset()) -> tuple[Place, str] | None:
        """Return the chain and the verdict that decide on every packet that gets so far; None: nothing does."""
        for rule in chain.rules:
            if rule.is_final:
                return None if rule.verdict == "return" and seen else (chain.place, rule.verdict)
            called = self._called(chain, rule)
            if called is None or called.place in seen:
                continue
            end = self._end(called, seen | {chain.place})
            if end is not None:
                return end
        return None

    def _called(self, chain: Chain, rule: Rule) -> Chain | None:
        """Return the chain that a rule sends every packet to."""
        if rule.criteria or rule.verdict not in ("jump", "goto"):
            return None
        return self.chains.get(replace(chain.place, chain=rule.target))

    def _refusal(self, place: Place, table: NftTable | None) -> str:
        if place.backend == NFTABLES:
            if place.table == FIREWALLD_TABLE:
                return _BELONGS_TO_FIREWALLD
            return _RESERVED if table and table.locked else ""
        firewalld = (replace(place, chain=name) for name in _FIREWALLD_CHAINS)
        return _BELONGS_TO_FIREWALLD if any(chain in self.chains for chain in firewalld) else ""

    def find_fault(self, family: str) -> str:
        """Return what is wrong with OWN_TABLE so that no rule in it would have an effect; empty for nothing."""
        for name, base in OWN_CHAINS.items():
            chain = self.chains.get(Place(NFTABLES, family, OWN_TABLE, name))
            if chain is not None and (chain.kind, chain.hook) != (base.kind, base.hook):
                kind = "NAT" if base.kind == "nat" else base.kind
                return f"its chain {name} is not a {kind} chain on the {base.hook} hook"
        return ""

    def has_only_legacy(self, version: int) -> bool:
        """Whether others have rules for an IP version, and all of them are in iptables-legacy."""
        families = (FAMILIES[version], "inet")
        backends = {
            chain.place.backend
            for chain in self.chains.values()
            if chain.is_used_by_others and chain.place.family in families
        }
        return backends == {IPTABLES_LEGACY}

    def is_firewalld(self, obstacle: Obstacle) -> bool:
        """Whether firewalld created the chain."""
        return obstacle.refusal == _BELONGS_TO_FIREWALLD


def find_end(rules: Sequence[Rule]) -> int:
    """Return the position up to which a rule in a chain has an effect."""
    return next((position for position, rule in enumerate(rules) if rule.is_final), len(rules))


def format_destination(address: str, port: int | None) -> str:
    """Return an address, with a port if there is one, as both tools write it: IPv6 before a port is in brackets."""
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def address_criteria(name: str, network: str) -> tuple[Criterion, ...]:
    """Return the conditions that an address, `saddr` or `daddr`, is in a network: none where every address is.

    iptables-save does not print such a condition (save_ipv4_addr in iptables/xshared.c), and nft does.
    """
    return (Criterion(name, network),) if ip_network(network).prefixlen else ()


def join_values(name: str, values: Iterable[str]) -> list[str]:
    """Return the values of a set in one order, adjacent ones joined, as nft prints them in either way."""
    found = list(values)
    if name in ("saddr", "daddr"):
        networks: list[Any] = [ip_network(value) for value in found]
        return [str(network) for network in collapse_addresses(networks)]
    if name.endswith("port"):
        return join_ports(found)
    return sorted(set(found))


def join_ports(ranges: Iterable[str]) -> list[str]:
    """Return ranges of ports (PORT or FIRST-LAST) in order, adjacent and overlapping ones joined."""
    joined: list[list[int]] = []
    for first, last in sorted(map(port_range, ranges)):
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return [str(first) if first == last else f"{first}-{last}" for first, last in joined]


def parse_network(text: str) -> str | None:
    """Return a network in CIDR notation; None for what is not one."""
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        return None


def parse_range(text: str) -> str | None:
    """Return the network that FIRST-LAST has the addresses of; None for what is not exactly one."""
    try:
        networks = list(summarize_address_range(*map(ip_address, text.split("-"))))
    except (TypeError, ValueError):
        return None
    return str(networks[0]) if len(networks) == 1 else None


def format_range(text: str) -> str:
    """Return a network as FIRST-LAST."""
    network = ip_network(text)
    return f"{network[0]}-{network[-1]}"


def format_flags(flags: Iterable[str], mask: Iterable[str]) -> str:
    """Return which flags of TCP are set, of those that are checked."""
    return "/".join(",".join(sorted(name.lower() for name in names)) for names in (flags, mask))

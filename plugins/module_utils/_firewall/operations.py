# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The writes to the packet filter, with the shell lines that do the same. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation, Phase
from ansible_collections.netns.fabric.plugins.module_utils._firewall.flows import FlowSelection
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    CLAMP_MSS,
    MULTICAST,
    NAT_HOOKS,
    OWN_CHAINS,
    OWN_TABLE,
    POSTROUTING,
    Criterion,
    format_range,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import inside
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName

#: Seconds that iptables waits for its lock.
LOCK_WAIT = 10


@dataclass(frozen=True)
class FirewallOperation:
    """A write to the rules of one network namespace."""

    namespace: NamespaceName
    phase = Phase.NAT
    backend = "firewall"


@dataclass(frozen=True)
class NftOperation(FirewallOperation):
    """A write by nft(8). `family` is one of nft's: ip, ip6, inet."""

    family: str

    def statements(self) -> Sequence[str]:
        """Return the lines in nft's language."""
        raise NotImplementedError

    def commands(self) -> Sequence[str]:
        return [inside(self.namespace, "nft", statement) for statement in self.statements()]


@dataclass(frozen=True)
class AddOwnChain(NftOperation):
    """Add a chain to OWN_TABLE, named after its hook; `new_table`: add the table as well.

    A chain that only others jump to has the name that it has, and no hook.
    """

    hook: str = POSTROUTING
    new_table: bool = True

    def statements(self) -> Sequence[str]:
        table = [f"add table {self.family} {OWN_TABLE}"] if self.new_table else []
        called = OWN_CHAINS.get(self.hook)
        base = ""
        if called is not None:
            base = f" {{ type {called.kind} hook {called.hook} priority {called.priority}; policy accept; }}"
        return [*table, f"add chain {self.family} {OWN_TABLE} {self.hook}{base}"]


@dataclass(frozen=True)
class DeleteOwnChain(NftOperation):
    """Delete a chain of OWN_TABLE that has no rule left."""

    hook: str

    def statements(self) -> Sequence[str]:
        return [f"delete chain {self.family} {OWN_TABLE} {self.hook}"]


@dataclass(frozen=True)
class ClearDormantFlag(NftOperation):
    """Switch OWN_TABLE on again: remove its flag `dormant`."""

    def statements(self) -> Sequence[str]:
        return [f"add table {self.family} {OWN_TABLE}"]


@dataclass(frozen=True)
class DeleteOwnTable(NftOperation):
    """Delete OWN_TABLE, which has no rule left; `hooks`: the collection's chains that are still in it."""

    hooks: tuple[str, ...] = (POSTROUTING,)

    def statements(self) -> Sequence[str]:
        return [f"delete table {self.family} {OWN_TABLE}"]


@dataclass(frozen=True)
class AddNftRule(NftOperation):
    """Add a rule at the end of a chain, or before the one with the handle `before`; `first`: before all others."""

    table: str
    chain: str
    rule: str
    before: int | None = None
    first: bool = False

    def statements(self) -> Sequence[str]:
        where = f"{self.family} {self.table} {self.chain}"
        if self.first:
            return [f"insert rule {where} {self.rule}"]
        if self.before is None:
            return [f"add rule {where} {self.rule}"]
        return [f"insert rule {where} handle {self.before} {self.rule}"]


@dataclass(frozen=True)
class DeleteNftRule(NftOperation):
    """Delete the rule with a handle.

    `comment`, `expressions` (libnftables-json(5)) and `before`, the handle of the next rule, serve to roll it back.
    """

    table: str
    chain: str
    handle: int
    comment: str
    expressions: str
    before: int | None = None

    def statements(self) -> Sequence[str]:
        return [f"delete rule {self.family} {self.table} {self.chain} handle {self.handle}"]


@dataclass(frozen=True)
class PlannedRuleOperation(NftOperation):
    """A write that is about a rule which an earlier step of a simulation adds: only its shell line is needed.

    The kernel chooses the handle of a rule when it is added, and nft names a rule by nothing else (nft(8), RULES). So
    the rule is the `number`-th of its chain with its comment, when the line is run.
    """

    table: str
    chain: str
    comment: str
    number: int

    def line(self, verb: str, rule: str = "") -> str:
        """Return the line that does something with the rule's handle, and with the text of another rule."""
        chain = (self.family, self.table, self.chain)
        listing = inside(self.namespace, "nft", "-a", "list", "chain", *chain)
        own = shlex.join(["grep", "-F", f'comment "{self.comment}" # handle '])
        handle = f"$({listing} | {own} | sed -n '{self.number}s/.* //p')"
        words = [inside(self.namespace, "nft", verb, "rule", *chain, "handle"), f'"{handle}"']
        return " ".join([*words, *([shlex.quote(rule)] if rule else [])])


@dataclass(frozen=True)
class DeletePlannedRule(PlannedRuleOperation):
    """Delete such a rule."""

    def commands(self) -> Sequence[str]:
        return [self.line("delete")]


@dataclass(frozen=True)
class AddNftRuleBeforePlanned(PlannedRuleOperation):
    """Add a rule before such a rule."""

    rule: str

    def commands(self) -> Sequence[str]:
        return [self.line("insert", self.rule)]


@dataclass(frozen=True)
class DeleteFlows(FirewallOperation):
    """Delete the entries of connection tracking that the changed rules would translate otherwise, or not let pass.

    It has no shell line: a flow is no part of the host's state, and conntrack(8) fails where there is none to delete.
    """

    flows: FlowSelection

    def commands(self) -> Sequence[str]:
        return ()


@dataclass(frozen=True)
class IptablesOperation(FirewallOperation):
    """A write by iptables(8).

    `command` is the program (`iptables`, `ip6tables-legacy`, ...), `arguments` are the words of the rule, `number` is
    its position in the chain, counted from 1.
    """

    command: str
    table: str
    chain: str
    arguments: tuple[str, ...]
    number: int

    def words(self) -> list[str]:
        """Return the arguments of the program."""
        raise NotImplementedError

    def opposite(self) -> list[str]:
        """Return the arguments that undo it."""
        raise NotImplementedError

    def commands(self) -> Sequence[str]:
        return [inside(self.namespace, self.command, "-w", str(LOCK_WAIT), "-t", self.table, *self.words())]


@dataclass(frozen=True)
class AddIptablesRule(IptablesOperation):
    """Add a rule at its position in a chain; `last`: at the end, whatever else is added there meanwhile."""

    last: bool = True

    def words(self) -> list[str]:
        if self.last:
            return ["-A", self.chain, *self.arguments]
        return ["-I", self.chain, str(self.number), *self.arguments]

    def opposite(self) -> list[str]:
        return ["-D", self.chain, *self.arguments]


@dataclass(frozen=True)
class DeleteIptablesRule(IptablesOperation):
    """Delete the first rule in a chain with these arguments: not by its number, which others may change."""

    def words(self) -> list[str]:
        return ["-D", self.chain, *self.arguments]

    def opposite(self) -> list[str]:
        return ["-I", self.chain, str(self.number), *self.arguments]


@dataclass(frozen=True)
class AddIptablesChain(IptablesOperation):
    """Add a chain that rules can jump to."""

    arguments: tuple[str, ...] = ()
    number: int = 0

    def words(self) -> list[str]:
        return ["-N", self.chain]

    def opposite(self) -> list[str]:
        return ["-X", self.chain]


@dataclass(frozen=True)
class DeleteIptablesChain(AddIptablesChain):
    """Delete a chain that has no rule left, and that no rule jumps to."""

    def words(self) -> list[str]:
        return ["-X", self.chain]

    def opposite(self) -> list[str]:
        return ["-N", self.chain]


def changes_translation(operation: Operation) -> bool:
    """Return whether an operation adds or removes a rule that translates addresses."""
    if isinstance(operation, (AddNftRule, DeleteNftRule, PlannedRuleOperation)):
        return operation.table == OWN_TABLE and operation.chain in NAT_HOOKS
    if isinstance(operation, IptablesOperation):
        return operation.table == "nat"
    return isinstance(operation, ClearDormantFlag)


# A rule in the words of each tool


def format_nft(criteria: Iterable[Criterion], verdict: str, comment: str, family: str, target: str = "") -> str:
    """Return a rule in nft's language; `family` (ip, ip6) is that of the addresses."""
    words = [_format_nft_criterion(criterion, family) for criterion in criteria]
    formats = {
        "dnat": f"dnat to {target}",
        "snat": f"snat to {target}",
        "jump": f"jump {target}",
        "log": f'log prefix "{target}"',
        CLAMP_MSS: "tcp option maxseg size set rt mtu",
    }
    action = formats.get(verdict, verdict)
    return " ".join([*words, action, f'comment "{comment}"'])


def _format_nft_criterion(criterion: Criterion, family: str) -> str:
    relation = "!= " if criterion.negated else ""
    if criterion.field == "tcp flags":
        value, _slash, mask = criterion.value.partition("/")
        return f"tcp flags & ({mask.replace(',', '|')}) == {value}"
    name, is_set, _rest = criterion.field.partition(" set")
    values = criterion.value.split() if is_set else [criterion.value]
    if name in ("iifname", "oifname"):
        values = [f'"{value}"' for value in values]
    where = {"saddr": f"{family} saddr", "daddr": f"{family} daddr", "l4proto": "meta l4proto"}.get(name, name)
    return f"{where} {relation}" + (f"{{ {', '.join(values)} }}" if is_set else values[0])


def format_iptables(criteria: Iterable[Criterion], verdict: str, comment: str, target: str = "") -> tuple[str, ...]:
    """Return a rule in the words of iptables, in the order in which iptables-save prints them."""
    criteria = list(criteria)
    words: list[str] = []
    # `-d` may be given once (iptables(8)); a range any number of times.
    ranges = [found for found in criteria if found.field == "daddr" and not _is_not_multicast(found)][1:]
    for name, option in (("saddr", "-s"), ("daddr", "-d"), ("iifname", "-i"), ("oifname", "-o")):
        for criterion in criteria:
            if criterion.field == name and not _is_not_multicast(criterion) and criterion not in ranges:
                words += [*(["!"] if criterion.negated else []), option, criterion.value]
    if any(map(_is_not_multicast, criteria)):
        words += ["-m", "addrtype", "!", "--dst-type", "MULTICAST"]
    for criterion in ranges:
        negation = ["!"] if criterion.negated else []
        words += ["-m", "iprange", *negation, "--dst-range", format_range(criterion.value)]
    for criterion in criteria:
        words += _format_iptables_criterion(criterion)
    options = {
        "dnat": ["--to-destination", target],
        "snat": ["--to-source", target],
        "log": ["--log-prefix", target],
        CLAMP_MSS: ["--clamp-mss-to-pmtu"],
    }
    action = target if verdict == "jump" else "TCPMSS" if verdict == CLAMP_MSS else verdict.upper()
    return (*words, "-m", "comment", "--comment", comment, "-j", action, *options.get(verdict, []))


def _is_not_multicast(criterion: Criterion) -> bool:
    return criterion.negated and criterion.field == "daddr" and criterion.value in MULTICAST.values()


#: By nft's name of the protocol: the words of iptables before the type.
_ICMP_MATCHES: Mapping[str, Sequence[str]] = {
    "icmp": ("-p", "icmp", "-m", "icmp", "--icmp-type"),
    "icmpv6": ("-p", "ipv6-icmp", "-m", "icmp6", "--icmpv6-type"),
}


def _format_iptables_criterion(criterion: Criterion) -> list[str]:
    """Return the words of a criterion that iptables has an extension for."""
    protocol, _space, which = criterion.field.partition(" ")
    value = criterion.value
    if which == "type" and protocol in _ICMP_MATCHES:
        return [*_ICMP_MATCHES[protocol], value]
    if which in ("sport", "dport"):
        return ["-p", protocol, "-m", protocol, f"--{which}", value.replace("-", ":")]
    if criterion.field == "tcp flags":
        flags, _slash, mask = value.upper().partition("/")
        return ["-p", "tcp", "-m", "tcp", "--tcp-flags", mask, flags]
    if criterion.field == "ct state":
        states = sorted(value.upper().split(","), reverse=True)
        return ["-m", "conntrack", "--ctstate", ",".join(states)]
    options = {
        "l4proto": ["-p", value],
        "fib daddr type": ["-m", "addrtype", "--dst-type", value.upper()],
        "ct status": ["-m", "conntrack", "--ctstate", value.upper()],
    }
    return options.get(criterion.field, [])


_PLAIN = re.compile(r"[\w!./:,@%+=-]+", re.ASCII)


def format_restore_line(words: Iterable[str]) -> str:
    """Return a line for iptables-restore(8), which knows double quotes, the backslash in them, and nothing else."""
    return " ".join(word if _PLAIN.fullmatch(word) else '"' + re.sub(r'(["\\])', r"\\\1", word) + '"' for word in words)

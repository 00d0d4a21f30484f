# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packet filter as plain values, read out of what nft(8) and iptables-save(8) print. Pure.

A rule is the same value whichever tool printed it, so that rules are compared by what they do and not by their text.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import ip_network
from typing import Any

#: Where a rule can be: in nf_tables by nft(8), in nf_tables by iptables-nft(8), in x_tables by iptables-legacy(8).
NFTABLES = "nftables"
IPTABLES_NFT = "iptables-nft"
IPTABLES_LEGACY = "iptables-legacy"

#: The table that is ours alone, in nf_tables.
OWN_TABLE = "netns_fabric"
#: How the comment of every rule of ours begins.
COMMENT = "netns.fabric"

#: The hooks that our rules are on (nft(8), Address families). In our own table a chain has the name of its hook.
PREROUTING, OUTPUT, POSTROUTING, FORWARD = "prerouting", "output", "postrouting", "forward"
NAT_HOOKS = (PREROUTING, OUTPUT, POSTROUTING)

#: By IP version: the family's name in nf_tables, and all multicast addresses (RFC 5771, RFC 4291 2.7).
FAMILIES: Mapping[int, str] = {4: "ip", 6: "ip6"}
MULTICAST: Mapping[int, str] = {4: "224.0.0.0/4", 6: "ff00::/8"}

#: linux/netfilter/nf_tables.h
NFT_TABLE_F_DORMANT, NFT_TABLE_F_OWNER = 1, 2

#: What ends the way of every packet through a chain, where it stands without a condition.
_FINAL = ("accept", "drop", "reject", "return")
_REFUSING = ("drop", "reject")
#: iptables' chain for other people's rules on a host with Docker; Docker leaves what is in it alone.
DOCKER_CHAIN = "DOCKER-USER"
#: The verdicts of address translation.
_TRANSLATING = ("masquerade", "dnat")
#: Chains that firewalld makes in iptables' filter table, of its older releases and of its newer ones.
_FIREWALLD_CHAINS = ("FORWARD_IN_ZONES", "FORWARD_POLICIES_PRE")
_FIREWALLD_TABLE = "firewalld"
_FIREWALLD = "it is firewalld's, whose next reload would take the rule away"


@dataclass(frozen=True, order=True)
class Criterion:
    """What a packet must be for a rule to apply.

    `field` is `saddr`, `daddr` (a network in CIDR notation), `iifname`, `oifname`, `ct state` (comma separated),
    `ct status`, `fib daddr type`, `tcp dport` and its like (a port, or FIRST-LAST), or `other` for what does not matter
    here, in the words of the tool that printed it.
    """

    field: str
    value: str
    negated: bool = False


@dataclass(frozen=True)
class Rule:
    """One rule of a chain.

    `verdict` is in nft's words (`accept`, `drop`, `reject`, `return`, `masquerade`, `dnat`, `jump`, `goto`), empty for
    none; `target` is the chain of a jump, or where dnat leads to (ADDRESS or ADDRESS:PORT). `handle` and
    `expressions` (JSON) are nft's, `arguments` are iptables'.
    """

    criteria: frozenset[Criterion]
    verdict: str
    target: str = ""
    comment: str | None = None
    handle: int | None = None
    expressions: str = field(default="", compare=False)
    arguments: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        """No packet gets past it."""
        return not self.criteria and self.verdict in _FINAL

    def values(self, name: str, negated: bool = False) -> set[str]:
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
    """`hook` and `policy` are those of a base chain; a chain that only others jump to has none."""

    place: Place
    hook: str = ""
    policy: str = ""
    kind: str = ""
    rules: tuple[Rule, ...] = ()

    @property
    def in_use(self) -> bool:
        """Whether somebody else has put something into it, or set its policy."""
        others = any(not (rule.comment or "").startswith(COMMENT) for rule in self.rules)
        return others or self.policy in _REFUSING or (self.place.backend == NFTABLES and self.place.table != OWN_TABLE)


@dataclass(frozen=True)
class NftTable:
    """`locked`: a running program has reserved it (flag `owner`); `dormant`: it is switched off.

    `further` counts what is in it besides chains: sets, maps, flow tables, ...
    """

    family: str
    name: str
    locked: bool = False
    dormant: bool = False
    further: int = 0


@dataclass(frozen=True)
class Obstacle:
    """A chain that refuses whatever is forwarded and not accepted by a rule in it.

    `place` is where such a rule belongs; `refusal` says why none of ours is put there, empty where it can be.
    """

    base: Place
    cause: str
    place: Place
    refusal: str = ""


@dataclass(frozen=True)
class Ruleset:
    """The rules of one network namespace, as far as NAT and forwarding go."""

    chains: Mapping[Place, Chain] = field(default_factory=dict)
    tables: Mapping[tuple[str, str], NftTable] = field(default_factory=dict)

    def obstacles(self, version: int) -> list[Obstacle]:
        """Where packets of an IP version that are forwarded come to an end by default."""
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
        if verdict not in _REFUSING:
            return None
        return Obstacle(
            base=base.place,
            cause=f"policy {verdict}" if by_policy else f"ends with {verdict}",
            place=self._docker_chain(base) or (end[0] if end else base.place),
            refusal=self._refusal(base.place, table),
        )

    def _end(self, chain: Chain, seen: frozenset[Place] = frozenset()) -> tuple[Place, str] | None:
        """The chain and the verdict by which every packet that gets so far is done with; None: none is."""
        for rule in chain.rules:
            if rule.final:
                return None if rule.verdict == "return" and seen else (chain.place, rule.verdict)
            called = self._called(chain, rule)
            if called is None or called.place in seen:
                continue
            end = self._end(called, seen | {chain.place})
            if end is not None:
                return end
        return None

    def _called(self, chain: Chain, rule: Rule) -> Chain | None:
        """The chain that a rule sends every packet to."""
        if rule.criteria or rule.verdict not in ("jump", "goto"):
            return None
        return self.chains.get(replace(chain.place, chain=rule.target))

    def _docker_chain(self, base: Chain) -> Place | None:
        for rule in base.rules:
            if rule.final:
                return None
            called = self._called(base, rule)
            if called is not None and called.place.chain == DOCKER_CHAIN and called.place.backend != NFTABLES:
                return called.place
        return None

    def _refusal(self, place: Place, table: NftTable | None) -> str:
        if place.backend == NFTABLES:
            if place.table == _FIREWALLD_TABLE:
                return _FIREWALLD
            return "a running program has reserved the table (flag owner)" if table and table.locked else ""
        made = (replace(place, chain=name) for name in _FIREWALLD_CHAINS)
        return _FIREWALLD if any(chain in self.chains for chain in made) else ""

    def own_fault(self, family: str) -> str:
        """What is wrong with our table so that no rule in it would have an effect; empty for nothing."""
        for hook in NAT_HOOKS:
            chain = self.chains.get(Place(NFTABLES, family, OWN_TABLE, hook))
            if chain is not None and (chain.kind, chain.hook) != ("nat", hook):
                return f"its chain {hook} is no NAT chain on the {hook} hook"
        return ""

    def only_legacy(self, version: int) -> bool:
        """Whether all that somebody else has made for an IP version is in iptables-legacy, and there is some."""
        families = (FAMILIES[version], "inet")
        backends = {
            chain.place.backend for chain in self.chains.values() if chain.in_use and chain.place.family in families
        }
        return backends == {IPTABLES_LEGACY}

    def is_firewalld(self, obstacle: Obstacle) -> bool:
        return obstacle.refusal == _FIREWALLD


def limit(rules: Sequence[Rule]) -> int:
    """The position up to which a rule in a chain has an effect."""
    return next((position for position, rule in enumerate(rules) if rule.final), len(rules))


# What `nft -j list ruleset` prints: see libnftables-json(5)


def nft_ruleset(
    document: Mapping[str, Any], flags: Mapping[tuple[str, str], int] | None = None, all_nat: bool = False
) -> Ruleset:
    """What `nft -j list ruleset` printed. Rules of tables that neither forward nor are ours are left out.

    With `all_nat` those of tables that do NAT are not.

    `flags` are those of the tables as the kernel has them: nft 1.0.6 prints something else in their place.
    """
    objects = [(kind, value) for entry in document["nftables"] for kind, value in entry.items()]
    relevant = _relevant_tables(objects, all_nat)
    rules: dict[Place, list[Rule]] = {}
    for kind, value in objects:
        if kind == "rule" and (value["family"], value["table"]) in relevant:
            rules.setdefault(_nft_place(value, value["chain"]), []).append(nft_rule(value))
    chains = (
        Chain(
            place=_nft_place(value, value["name"]),
            hook=value.get("hook", ""),
            policy=value.get("policy", ""),
            kind=value.get("type", ""),
            rules=tuple(rules.get(_nft_place(value, value["name"]), ())),
        )
        for kind, value in objects
        if kind == "chain"
    )
    return Ruleset({chain.place: chain for chain in chains}, _nft_tables(objects, flags or {}))


def _relevant_tables(objects: Iterable[tuple[str, Any]], all_nat: bool) -> set[tuple[str, str]]:
    return {
        (value["family"], value["table"])
        for kind, value in objects
        if kind == "chain"
        and (value["table"] == OWN_TABLE or value.get("hook") == "forward" or (all_nat and value.get("type") == "nat"))
    }


def _nft_tables(
    objects: Sequence[tuple[str, Any]], flags: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], NftTable]:
    further: dict[tuple[str, str], int] = {}
    for kind, value in objects:
        if kind not in ("metainfo", "table", "chain", "rule") and "table" in value:
            key = (value["family"], value["table"])
            further[key] = further.get(key, 0) + 1
    keys = [(value["family"], value["name"]) for kind, value in objects if kind == "table"]
    return {
        key: NftTable(
            *key,
            locked=bool(flags.get(key, 0) & NFT_TABLE_F_OWNER),
            dormant=bool(flags.get(key, 0) & NFT_TABLE_F_DORMANT),
            further=further.get(key, 0),
        )
        for key in keys
    }


def _nft_place(value: Mapping[str, Any], chain: str) -> Place:
    return Place(NFTABLES, value["family"], value["table"], chain)


def nft_rule(value: Mapping[str, Any]) -> Rule:
    """One rule as `nft -j` prints it."""
    found: set[Criterion] = set()
    verdict = target = ""
    for statement in value.get("expr") or ():
        kind, content = _only_item(statement)
        if kind == "match":
            found.add(_nft_match(content))
        elif kind in ("jump", "goto"):
            verdict, target = kind, content["target"]
        elif kind == "dnat":
            verdict, target = kind, _nft_destination(content)
        elif kind in (*_FINAL, "masquerade"):
            verdict = kind
            if kind == "masquerade" and content:
                found.add(_other(content))
        elif not _has_no_say(kind, content):
            found.add(_other(statement))
    return Rule(
        criteria=frozenset(found),
        verdict=verdict,
        target=target,
        comment=value.get("comment"),
        handle=value.get("handle"),
        expressions=json.dumps(value.get("expr") or []),
    )


def _nft_destination(content: Any) -> str:
    """Where dnat leads to; what is not one address and at most one port is given back in nft's words."""
    if isinstance(content, dict) and not set(content) - {"addr", "port", "family"}:
        address, port = content.get("addr"), content.get("port")
        if isinstance(address, str) and isinstance(port, (int, type(None))):
            return destination(address, port)
    return json.dumps(content, sort_keys=True)


def destination(address: str, port: int | None) -> str:
    """An address, with a port if there is one, as both tools write it: an IPv6 address before a port in brackets."""
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _only_item(statement: Any) -> tuple[str, Any]:
    """The key and the value of a statement; an empty key for one that is built otherwise."""
    if isinstance(statement, dict) and len(statement) == 1:
        return next(iter(statement.items()))
    return "", statement


def _has_no_say(kind: str, content: Any) -> bool:
    """Whether a statement lets every packet go on to the next."""
    if kind == "xt":  # an extension of iptables; older releases of nft do not say which
        return not content or content.get("type") == "target" or content.get("name") == "comment"
    return kind in ("counter", "log")


def _nft_match(match: Mapping[str, Any]) -> Criterion:
    left, right = match["left"], match["right"]
    name = _nft_field(left)
    if match["op"] in ("==", "!=", "in") and name is not None:
        value = _nft_value(name, right)
        if value is not None:
            return Criterion(name, value, negated=match["op"] == "!=")
    return _other(match)


def _nft_field(left: Any) -> str | None:
    if not isinstance(left, dict) or len(left) != 1:
        return None
    ((kind, content),) = left.items()
    if kind == "payload":
        return _PAYLOADS.get((content.get("protocol"), content.get("field")))
    if kind == "meta" and content.get("key") in ("iifname", "oifname"):
        return str(content["key"])
    if kind == "ct" and content.get("key") in ("state", "status"):
        return f"ct {content['key']}"
    return "fib daddr type" if content == {"result": "type", "flags": ["daddr"]} else None


_PAYLOADS: Mapping[Any, str] = {
    **{(family, name): name for family in ("ip", "ip6") for name in ("saddr", "daddr")},
    **{(protocol, name): f"{protocol} {name}" for protocol in ("tcp", "udp") for name in ("sport", "dport")},
}


def _nft_value(name: str, right: Any) -> str | None:
    """None for what is no single value of the field."""
    if name.endswith("port"):
        ports = right.get("range") if isinstance(right, dict) else [right]
        return "-".join(map(str, ports)) if ports and all(isinstance(port, int) for port in ports) else None
    if name in ("ct status", "fib daddr type"):
        return right if isinstance(right, str) else None
    if name == "ct state":
        states = right.get("set") if isinstance(right, dict) else right
        return ",".join(sorted([states] if isinstance(states, str) else states or ()))
    if name in ("iifname", "oifname"):
        return right if isinstance(right, str) else None
    if isinstance(right, dict) and "prefix" in right:
        return _network(f"{right['prefix']['addr']}/{right['prefix']['len']}")
    return _network(right) if isinstance(right, str) else None


def _network(text: str) -> str | None:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        return None


def _other(content: Any) -> Criterion:
    return Criterion("other", content if isinstance(content, str) else json.dumps(content, sort_keys=True))


# What iptables-save(8) prints

_OPTIONS: Mapping[str, str] = {"-s": "saddr", "-d": "daddr", "-i": "iifname", "-o": "oifname", "--ctstate": "ct state"}
_VERDICTS: Mapping[str, str] = {name.upper(): name for name in (*_FINAL, *_TRANSLATING)}
_HOOKS: Mapping[str, str] = {hook.upper(): hook for hook in (*NAT_HOOKS, FORWARD)}
_KINDS: Mapping[str, str] = {"nat": "nat", "filter": "filter"}


def iptables_chains(text: str, backend: str, version: int) -> list[Chain]:
    """What `iptables-save` or `ip6tables-save` printed of the tables nat and filter."""
    family = FAMILIES[version]
    table = ""
    policies: dict[Place, str] = {}
    rules: dict[Place, list[Rule]] = {}
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif table not in _KINDS:
            continue
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            policies[Place(backend, family, table, name)] = policy.lower().strip("-")
        elif line.startswith("-A "):
            name, *arguments = _words(line)[1:]
            rules.setdefault(Place(backend, family, table, name), []).append(iptables_rule(arguments, version))
    return [
        Chain(
            place=place,
            hook=_HOOKS.get(place.chain, "") if policy else "",
            policy=policy,
            kind=_KINDS[place.table],
            rules=tuple(rules.get(place, ())),
        )
        for place, policy in policies.items()
    ]


def _words(line: str) -> list[str]:
    # Splitting at spaces is a hundred times as fast, and most lines of a long ruleset have no quotes.
    return shlex.split(line) if '"' in line or "'" in line or "\\" in line else line.split()


def iptables_rule(arguments: Sequence[str], version: int) -> Rule:
    """A rule from the words that follow `-A CHAIN` in iptables-save's output."""
    found: set[Criterion] = set()
    verdict = target = ""
    comment = None
    options = _with_protocol(list(_iptables_options(arguments)))
    for negated, option, values in options:
        if option in ("-j", "-g"):
            verdict = _VERDICTS.get(values[0], "jump" if option == "-j" else "goto")
            target = values[0] if verdict in ("jump", "goto") else ""
        elif option == "--comment":
            comment = values[0]
        elif option == "--to-destination":
            target = values[0]
        elif option != "-m" and (not verdict or verdict in _TRANSLATING):  # else it is an option of the target
            found.add(_iptables_criterion(negated, option, values, version))
    return Rule(frozenset(found), verdict, target, comment, arguments=tuple(arguments))


_Option = tuple[bool, str, list[str]]


def _with_protocol(options: Sequence[_Option]) -> list[_Option]:
    """The options with `-p tcp --dport 80` made into one, as nft has it: `tcp dport`."""
    protocol = next((values[0] for negated, option, values in options if option == "-p" and not negated), "")
    if protocol not in ("tcp", "udp") or not any(option in _PORTS for _negated, option, _values in options):
        return list(options)
    return [
        (negated, f"{protocol} {_PORTS[option]}" if option in _PORTS else option, values)
        for negated, option, values in options
        if option != "-p"
    ]


_PORTS: Mapping[str, str] = {"--dport": "dport", "--sport": "sport"}


def _iptables_options(arguments: Sequence[str]) -> Iterator[_Option]:
    """Every option with its values, and whether an exclamation mark goes before it."""
    position = 0
    while position < len(arguments):
        negated = arguments[position] == "!"
        position += negated
        end = position + 1
        # The value of a comment may look like an option.
        if end < len(arguments) and arguments[position] == "--comment":
            end += 1
        while end < len(arguments) and not arguments[end].startswith("-") and arguments[end] != "!":
            end += 1
        if position < len(arguments):
            yield negated, arguments[position], list(arguments[position + 1 : end])
        position = end


def _iptables_criterion(negated: bool, option: str, values: Sequence[str], version: int) -> Criterion:
    if option == "--dst-type" and negated and list(values) == ["MULTICAST"]:
        return Criterion("daddr", MULTICAST[version], negated=True)
    if option == "--dst-type" and not negated and list(values) == ["LOCAL"]:
        return Criterion("fib daddr type", "local")
    if option == "--ctstate" and list(values) == ["DNAT"]:
        return Criterion("ct status", "dnat", negated)
    if option.endswith("port") and len(values) == 1:
        return Criterion(option, values[0].replace(":", "-"), negated)
    name = _OPTIONS.get(option)
    value: str | None = None
    if name is not None and len(values) == 1:
        value = values[0]
        if name in ("saddr", "daddr"):
            value = _network(value)
        elif name == "ct state":
            value = ",".join(sorted(value.lower().split(",")))
    if name is None or value is None:
        return _other(" ".join([option, *values]))
    return Criterion(name, value, negated)


def together(nft: Ruleset, iptables: Iterable[Chain]) -> Ruleset:
    """One ruleset of what nft and the variants of iptables printed.

    What iptables-nft made is printed by both. iptables' version is taken, for it is iptables that changes it, but
    where it does not understand a condition that somebody wrote with nft it leaves that out: nft knows better.
    """
    chains = dict(nft.chains)
    for chain in iptables:
        rules = chain.rules
        if chain.place.backend == IPTABLES_NFT:
            printed_by_nft = chains.pop(replace(chain.place, backend=NFTABLES), None)
            if printed_by_nft is not None:
                rules = _with_conditions(rules, printed_by_nft.rules)
        chains[chain.place] = replace(chain, rules=rules)
    return replace(nft, chains=chains)


def _with_conditions(rules: tuple[Rule, ...], printed_by_nft: tuple[Rule, ...]) -> tuple[Rule, ...]:
    if len(rules) != len(printed_by_nft):
        return rules
    return tuple(
        replace(rule, criteria=other.criteria) if other.criteria and not rule.criteria else rule
        for rule, other in zip(rules, printed_by_nft)
    )


@dataclass(frozen=True)
class Tools:
    """The programs that the host has.

    `iptables` names the command for each variant of iptables and IP version; `usual` is the variant that is behind
    the plain command of an IP version.
    """

    nft: bool = False
    iptables: Mapping[tuple[str, int], str] = field(default_factory=dict)
    usual: Mapping[int, str] = field(default_factory=dict)

    @cached_property
    def any(self) -> bool:
        return self.nft or bool(self.iptables)

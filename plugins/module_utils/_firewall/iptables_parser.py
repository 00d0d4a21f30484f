# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what iptables-save(8) prints, and merges it with what nft prints. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ansible_collections.netns.fabric.plugins.module_utils._core.transports import TRANSPORTS
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    CLAMP_MSS,
    FAMILIES,
    FINAL_VERDICTS,
    FORWARD,
    FROM_PREFIX,
    INPUT,
    IPTABLES_NFT,
    MANGLE,
    MULTICAST,
    NAT_HOOKS,
    NAT_VERDICTS,
    NFTABLES,
    TO_PREFIX,
    Chain,
    Criterion,
    Place,
    Rule,
    Ruleset,
    format_flags,
    join_ports,
    parse_network,
    parse_range,
)

#: The tables that NAT and forwarding concern.
TABLES = frozenset(("nat", "filter", MANGLE))

_FIELDS: Mapping[str, str] = {
    "-s": "saddr",
    "-d": "daddr",
    "-i": "iifname",
    "-o": "oifname",
    "-p": "l4proto",
    "--ctstate": "ct state",
    "--src-range": "saddr",
    "--dst-range": "daddr",
}
_ICMP_TYPES = ("icmp type", "icmpv6 type")
_PORTS: Mapping[str, str] = {"--dport": "dport", "--sport": "sport"}
#: By protocol, as iptables prints it: what is joined with it to one condition, as in nft.
_JOINED: Mapping[str, dict[str, str]] = {
    **{
        protocol: {
            **{option: f"{protocol} {name}" for option, name in _PORTS.items()},
            # `-m multiport`, the only extension that compares one field with several values.
            **{f"{option}s": f"{protocol} {name} set" for option, name in _PORTS.items()},
        }
        for protocol in TRANSPORTS
    },
    "icmp": {"--icmp-type": "icmp type"},
    "ipv6-icmp": {"--icmpv6-type": "icmpv6 type"},
}
_JOINED["tcp"]["--tcp-flags"] = "tcp flags"
_VERDICTS: Mapping[str, str] = {
    **{name.upper(): name for name in (*FINAL_VERDICTS, *NAT_VERDICTS, "log")},
    "TCPMSS": CLAMP_MSS,
}
_HOOKS: Mapping[str, str] = {hook.upper(): hook for hook in (*NAT_HOOKS, FORWARD, INPUT)}

#: Options whose value is the next word even where that begins with a hyphen: the name of a link, or a comment.
_WITH_ANY_VALUE = frozenset({"-i", "-o", "--comment", "--log-prefix"})

#: Whether an option is negated, the option, and its values.
_Option = tuple[bool, str, list[str]]


def parse_chains(text: str, backend: str, version: int, everything: bool = False) -> list[Chain]:
    """Return the chains of TABLES that `iptables-save` or `ip6tables-save` printed; of mangle, those that forward.

    With `everything` the chains of all tables.
    """
    family = FAMILIES[version]
    table = ""
    policies: dict[Place, str] = {}
    rules: dict[Place, list[Rule]] = {}
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif table not in TABLES and not everything:
            continue
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            policies[Place(backend, family, table, name)] = policy.lower().strip("-")
        elif line.startswith("-A "):
            name, *arguments = _split(line)[1:]
            rules.setdefault(Place(backend, family, table, name), []).append(parse_rule(arguments, version))
    return [
        Chain(
            place=place,
            hook=_HOOKS.get(place.chain, "") if policy else "",
            policy=policy,
            kind="nat" if place.table == "nat" else "filter",
            rules=tuple(rules.get(place, ())),
        )
        for place, policy in policies.items()
        if everything or place.table != MANGLE or _forwards(place.chain)
    ]


def _forwards(chain: str) -> bool:
    return chain == FORWARD.upper() or chain.startswith((FROM_PREFIX, TO_PREFIX))


def _split(line: str) -> list[str]:
    # Splitting at spaces is a hundred times as fast, and most lines of a long ruleset have no quotes.
    return shlex.split(line) if '"' in line or "'" in line or "\\" in line else line.split()


def parse_rule(arguments: Sequence[str], version: int) -> Rule:
    """Return a rule from the words that follow `-A CHAIN` in the output of iptables-save."""
    criteria: set[Criterion] = set()
    verdict = target = ""
    comment = None
    for negated, option, values in _join_protocol(list(_parse_options(arguments))):
        if option in ("-j", "-g"):
            verdict = _VERDICTS.get(values[0], "jump" if option == "-j" else "goto")
            target = values[0] if verdict in ("jump", "goto") else ""
        elif option == "--log-prefix":
            target = values[0]
        elif option == "--comment":
            comment = values[0]
        elif option in ("--to-destination", "--to-source"):
            target = values[0]
        elif verdict == "snat" or (verdict == CLAMP_MSS and option != "--clamp-mss-to-pmtu"):
            target = " ".join([*([target] if target else []), option.lstrip("-"), *values])
        elif option != "-m" and (not verdict or verdict in NAT_VERDICTS):  # else it is an option of the target
            criteria.add(_parse_criterion(negated, option, values, version))
    return Rule(frozenset(criteria), verdict, target, comment, arguments=tuple(arguments))


def _join_protocol(options: Sequence[_Option]) -> list[_Option]:
    """Return the options with `-p tcp --dport 80` joined to one, as in nft: `tcp dport`."""
    protocol = next((values[0] for negated, option, values in options if option == "-p" and not negated), "")
    joined = _JOINED.get(protocol, {})
    if not any(option in joined for _negated, option, _values in options):
        return list(options)
    return [(negated, joined.get(option, option), values) for negated, option, values in options if option != "-p"]


def _parse_options(arguments: Sequence[str]) -> Iterator[_Option]:
    position = 0
    while position < len(arguments):
        negated = arguments[position] == "!"
        position += negated
        end = position + 1
        if end < len(arguments) and arguments[position] in _WITH_ANY_VALUE:
            end += 1
        while end < len(arguments) and not arguments[end].startswith("-") and arguments[end] != "!":
            end += 1
        if position < len(arguments):
            yield negated, arguments[position], list(arguments[position + 1 : end])
        position = end


#: By option and value: a condition that nft writes otherwise.
_AS_IN_NFT: Mapping[tuple[str, str], tuple[str, str]] = {
    ("--dst-type", "LOCAL"): ("fib daddr type", "local"),
    ("--ctstate", "DNAT"): ("ct status", "dnat"),
}


def _parse_criterion(negated: bool, option: str, values: Sequence[str], version: int) -> Criterion:
    if option == "--dst-type" and negated and list(values) == ["MULTICAST"]:
        return Criterion("daddr", MULTICAST[version], negated=True)
    if option == "tcp flags" and len(values) == 2:
        return Criterion("tcp flags", format_flags(values[1].split(","), values[0].split(",")), negated)
    value = values[0] if len(values) == 1 else ""
    if (option, value) in _AS_IN_NFT and not (negated and option == "--dst-type"):
        return Criterion(*_AS_IN_NFT[option, value], negated)
    found = _parse_value(option, value) if value else None
    if found is None:
        return Criterion.other(" ".join([*(["!"] if negated else []), option, *values]))
    return Criterion(*found, negated)


def _parse_value(option: str, value: str) -> tuple[str, str] | None:
    """Return the field and the value of a condition; None for one that is not known."""
    if option.endswith("port"):
        return option, value.replace(":", "-")
    if option.endswith("port set"):
        return option, " ".join(join_ports(value.replace(":", "-").split(",")))
    name = option if option in _ICMP_TYPES and value.isdigit() else _FIELDS.get(option)
    if name in ("saddr", "daddr"):
        network = parse_range(value) if "-" in value else parse_network(value)
        return (name, network) if network else None
    if name == "ct state":
        return name, ",".join(sorted(value.lower().split(",")))
    return (name, value) if name else None


def merge_rulesets(nft: Ruleset, iptables: Iterable[Chain]) -> Ruleset:
    """Return what nft and the variants of iptables printed as one ruleset.

    Both print what iptables-nft created. The version of iptables is taken, because iptables is what changes it, but a
    condition that was written with nft and that iptables does not understand is missing there: it is taken from nft.
    """
    chains = dict(nft.chains)
    for chain in iptables:
        rules = chain.rules
        if chain.place.backend == IPTABLES_NFT:
            printed_by_nft = chains.pop(replace(chain.place, backend=NFTABLES), None)
            if printed_by_nft is not None:
                rules = _restore_conditions(rules, printed_by_nft.rules)
        chains[chain.place] = replace(chain, rules=rules)
    return replace(nft, chains=chains)


def _restore_conditions(rules: tuple[Rule, ...], printed_by_nft: tuple[Rule, ...]) -> tuple[Rule, ...]:
    if len(rules) != len(printed_by_nft):
        return rules
    return tuple(
        replace(rule, criteria=other.criteria) if other.criteria and not rule.criteria else rule
        for rule, other in zip(rules, printed_by_nft)
    )

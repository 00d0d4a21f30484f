# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what `nft -j list ruleset` prints, see libnftables-json(5). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address, summarize_address_range
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.transports import TRANSPORTS
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    CLAMP_MSS,
    FINAL_VERDICTS,
    FORWARD,
    INPUT,
    NFTABLES,
    OWN_TABLE,
    Chain,
    Criterion,
    NftTable,
    Place,
    Rule,
    Ruleset,
    format_destination,
    format_flags,
    format_range,
    join_values,
    parse_network,
)

#: linux/netfilter/nf_tables.h
NFT_TABLE_F_DORMANT, NFT_TABLE_F_OWNER = 1, 2

#: What limits the segments of TCP, and to the path.
_SEGMENT_SIZE, _TO_PATH = {"tcp option": {"name": "maxseg", "field": "size"}}, {"rt": {"key": "mtu"}}

_PAYLOADS: Mapping[Any, str] = {
    **{(family, name): name for family in ("ip", "ip6") for name in ("saddr", "daddr")},
    **{(protocol, name): f"{protocol} {name}" for protocol in TRANSPORTS for name in ("sport", "dport")},
    **{(protocol, "type"): f"{protocol} type" for protocol in ("icmp", "icmpv6")},
}
#: The numbers of the types of ICMP that nft prints a name for (RFC 792, RFC 4443, RFC 4861, RFC 2710, RFC 3810).
ICMP_TYPES: Mapping[str, Mapping[str, int]] = {
    "icmp type": {
        "echo-reply": 0,
        "destination-unreachable": 3,
        "source-quench": 4,
        "redirect": 5,
        "echo-request": 8,
        "router-advertisement": 9,
        "router-solicitation": 10,
        "time-exceeded": 11,
        "parameter-problem": 12,
        "timestamp-request": 13,
        "timestamp-reply": 14,
        "info-request": 15,
        "info-reply": 16,
        "address-mask-request": 17,
        "address-mask-reply": 18,
    },
    "icmpv6 type": {
        "destination-unreachable": 1,
        "packet-too-big": 2,
        "time-exceeded": 3,
        "parameter-problem": 4,
        "echo-request": 128,
        "echo-reply": 129,
        "mld-listener-query": 130,
        "mld-listener-report": 131,
        "mld-listener-done": 132,
        "mld-listener-reduction": 132,
        "nd-router-solicit": 133,
        "nd-router-advert": 134,
        "nd-neighbor-solicit": 135,
        "nd-neighbor-advert": 136,
        "nd-redirect": 137,
        "router-renumbering": 138,
        "ind-neighbor-solicit": 141,
        "ind-neighbor-advert": 142,
        "mld2-listener-report": 143,
    },
}


def parse_ruleset(
    document: Mapping[str, Any],
    flags: Mapping[tuple[str, str], int] | None = None,
    all_nat: bool = False,
    everything: bool = False,
) -> Ruleset:
    """Return the ruleset that `nft -j list ruleset` printed.

    Rules of tables that have no chain on the hooks forward and input are left out, except for OWN_TABLE and, with
    `all_nat`, for tables that do NAT; with `everything` none are. `flags` are those of the tables as the kernel has
    them: nft 1.0.6 prints something else in their place.
    """
    objects = [(kind, value) for entry in document["nftables"] for kind, value in entry.items()]
    relevant = _relevant_tables(objects, all_nat, everything)
    rules: dict[Place, list[Rule]] = {}
    for kind, value in objects:
        if kind == "rule" and (value["family"], value["table"]) in relevant:
            rules.setdefault(_place(value, value["chain"]), []).append(parse_rule(value))
    chains = (
        Chain(
            place=_place(value, value["name"]),
            hook=value.get("hook", ""),
            policy=value.get("policy", ""),
            kind=value.get("type", ""),
            rules=tuple(rules.get(_place(value, value["name"]), ())),
        )
        for kind, value in objects
        if kind == "chain"
    )
    return Ruleset({chain.place: chain for chain in chains}, _tables(objects, flags or {}))


def _relevant_tables(objects: Iterable[tuple[str, Any]], all_nat: bool, everything: bool) -> set[tuple[str, str]]:
    return {
        (value["family"], value["table"])
        for kind, value in objects
        if kind == "chain"
        and (
            everything
            or value["table"] == OWN_TABLE
            or value.get("hook") in (FORWARD, INPUT)
            or (all_nat and value.get("type") == "nat")
        )
    }


def _tables(
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


def _place(value: Mapping[str, Any], chain: str) -> Place:
    return Place(NFTABLES, value["family"], value["table"], chain)


def parse_rule(value: Mapping[str, Any]) -> Rule:
    """Return one rule as `nft -j` prints it."""
    expressions = json.dumps(value.get("expr") or [])
    return replace(_parse_expressions(expressions), comment=value.get("comment"), handle=value.get("handle"))


# Namespaces with the same policy have the same rules, with sets of many addresses.
@lru_cache(maxsize=4096)
def _parse_expressions(expressions: str) -> Rule:
    """Return a rule without its comment and handle."""
    criteria: set[Criterion] = set()
    verdict = target = ""
    prefix: str | None = None
    for statement in json.loads(expressions):
        kind, content = _only_item(statement)
        if kind == "match":
            criteria.add(parse_match(content))
        elif (action := _parse_action(kind, content)) is not None:
            verdict, target = action
            if kind == "masquerade" and content:
                criteria.add(Criterion.other(content))
        elif kind == "log":
            prefix = (content or {}).get("prefix", "")
        elif not _passes_every_packet(kind, content):
            criteria.add(Criterion.other(statement))
    if prefix is not None and not verdict:
        verdict, target = "log", prefix
    return Rule(frozenset(criteria), verdict, target, expressions=expressions)


def _parse_action(kind: str, content: Any) -> tuple[str, str] | None:
    """Return the verdict of a statement, and its target; None for a statement of another kind."""
    if kind in ("jump", "goto"):
        return kind, content["target"]
    if kind in ("dnat", "snat"):
        return kind, _parse_translation(content)
    if kind == "mangle" and content["key"] == _SEGMENT_SIZE:
        return CLAMP_MSS, "" if content["value"] == _TO_PATH else json.dumps(content["value"])
    return (kind, "") if kind in (*FINAL_VERDICTS, "masquerade") else None


def _parse_translation(content: Any) -> str:
    """Return the target of dnat or snat, with its flags.

    What is not one address or a range of them, and at most one port, stays as nft prints it.
    """
    if isinstance(content, dict) and not set(content) - {"addr", "port", "family", "flags"}:
        address, port, flags = content.get("addr"), content.get("port"), content.get("flags", [])
        if isinstance(address, dict) and port is None:
            address = _parse_pool(address)
        if isinstance(address, str) and isinstance(port, (int, type(None))):
            return " ".join([format_destination(address, port), *([flags] if isinstance(flags, str) else flags)])
    return json.dumps(content, sort_keys=True)


def _parse_pool(address: Mapping[str, Any]) -> str | None:
    """Return FIRST-LAST; None for what has another structure.

    nft prints a range as a network where it is exactly one (libnftables-json(5), PREFIX).
    """
    kind, content = _only_item(address)
    if kind == "prefix":
        return format_range(f"{content['addr']}/{content['len']}")
    return "-".join(content) if kind == "range" else None


def _only_item(statement: Any) -> tuple[str, Any]:
    """Return the key and the value of a statement; the key is empty for one of another structure."""
    if isinstance(statement, dict) and len(statement) == 1:
        return next(iter(statement.items()))
    return "", statement


def _passes_every_packet(kind: str, content: Any) -> bool:
    """Whether every packet continues with the next statement."""
    if kind == "xt":  # an extension of iptables; older releases of nft do not print which
        return not content or content.get("type") == "target" or content.get("name") == "comment"
    return kind == "counter"


def parse_match(match: Mapping[str, Any]) -> Criterion:
    left, right = match["left"], match["right"]
    flags = _parse_flags(left, right) if match["op"] in ("==", "!=") else ""
    if flags:
        return Criterion("tcp flags", flags, match["op"] == "!=")
    name = _parse_field(left)
    if name is not None and not name.startswith("ct ") and isinstance(right, dict) and "set" in right:
        values = _parse_set(name, right["set"])
        return Criterion(f"{name} set", values, match["op"] == "!=") if values else Criterion.other(match)
    if match["op"] in ("==", "!=", "in") and name is not None:
        value = _parse_value(name, right)
        if value is not None:
            return Criterion(name, value, negated=match["op"] == "!=")
    return Criterion.other(match)


def _parse_flags(left: Any, right: Any) -> str:
    """Return VALUE/MASK of a condition on the flags of TCP; empty for anything else."""
    parts = left.get("&") if isinstance(left, dict) else None
    if not isinstance(parts, list) or parts[0] != {"payload": {"protocol": "tcp", "field": "flags"}}:
        return ""
    value, mask = (each.get("|", []) if isinstance(each, dict) else each for each in (right, parts[1]))
    names = [[each] if isinstance(each, str) else each for each in (value, mask)]
    is_known = all(isinstance(each, list) and all(isinstance(name, str) for name in each) for each in names)
    return format_flags(*names) if is_known else ""


def _parse_set(name: str, values: Any) -> str:
    """Return the values of a set, each as it would stand alone and in order; empty for what is not known."""
    if not isinstance(values, list):
        return ""
    parsed = [value for each in values for value in _parse_element(name, each)]
    return "" if None in parsed else " ".join(join_values(name, [value for value in parsed if value is not None]))


def _parse_element(name: str, value: Any) -> list[str | None]:
    if name in ("saddr", "daddr") and isinstance(value, dict) and "range" in value:
        first, last = map(ip_address, value["range"])
        return [str(network) for network in summarize_address_range(first, last)]
    return [_parse_value(name, value)]


def _parse_field(left: Any) -> str | None:
    if not isinstance(left, dict) or len(left) != 1:
        return None
    ((kind, content),) = left.items()
    if kind == "payload":
        return _PAYLOADS.get((content.get("protocol"), content.get("field")))
    if kind == "meta" and content.get("key") in ("iifname", "oifname", "l4proto"):
        return str(content["key"])
    if kind == "ct" and content.get("key") in ("state", "status"):
        return f"ct {content['key']}"
    return "fib daddr type" if content == {"result": "type", "flags": ["daddr"]} else None


def _parse_value(name: str, right: Any) -> str | None:
    """Return the value of a field; None for what is not a single one."""
    if name in ("saddr", "daddr"):
        is_prefix = isinstance(right, dict) and "prefix" in right
        text = f"{right['prefix']['addr']}/{right['prefix']['len']}" if is_prefix else right
        return parse_network(text) if isinstance(text, str) else None
    if name.endswith("port"):
        ports = right.get("range") if isinstance(right, dict) else [right]
        return "-".join(map(str, ports)) if ports and all(isinstance(port, int) for port in ports) else None
    if name == "ct state":
        states = right.get("set") if isinstance(right, dict) else right
        return ",".join(sorted([states] if isinstance(states, str) else states or ()))
    if isinstance(right, int) and name in _NUMBERED:
        return str(right)
    if not isinstance(right, str):
        return None
    return str(ICMP_TYPES.get(name, {}).get(right, right))


#: The fields whose values nft prints as numbers where they have no name.
_NUMBERED = ("icmp type", "icmpv6 type", "l4proto")

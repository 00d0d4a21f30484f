# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a packet meets the conditions of a rule, as far as the packet and the conditions are known. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.transports import TRANSPORTS, port_range
from ansible_collections.netns.fabric.plugins.module_utils._firewall.nft_parser import parse_match
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Criterion, Rule

#: The state of a packet's connection (conntrack): its first packet, or an answer.
NEW, ESTABLISHED = "new", "established"
#: That of packets that are no part of a connection, as requests for a neighbour's address are in IPv6.
UNTRACKED = "untracked"

#: By nft's name the number of a type of ICMPv6, as iptables prints it (RFC 4861).
ND_REQUEST, ND_ANSWER = "nd-neighbor-solicit", "nd-neighbor-advert"
ICMPV6_TYPES: Mapping[str, str] = {ND_REQUEST: "135", ND_ANSWER: "136"}

#: The names of a protocol in rules.
_PROTOCOLS = {**{name: {name} for name in TRANSPORTS}, "icmp": {"icmp", "icmpv6", "ipv6-icmp"}}
#: By the field of a type of ICMP: the IP version. By the state of a packet: what an echo has.
_ICMP_TYPES = {"icmp type": 4, "icmpv6 type": 6}
_ECHO = {NEW: ("8", "128"), ESTABLISHED: ("0", "129")}
#: As iptables and nft print a condition on the index of a link, which they show by its name.
_INDEXED = {"iif": "iifname", "oif": "oifname"}
#: What is left of a condition as `ip protocol tcp` in nft's JSON.
_PROTOCOL_OF_IPV4 = {"payload": {"protocol": "ip", "field": "protocol"}}


@dataclass(frozen=True)
class Packet:
    """A packet at a hook. `protocol` is one of TRANSPORTS, or icmp; what is None is not known.

    An interface that is empty: at this hook a packet has none.
    """

    source: IPv4Address | IPv6Address | None
    destination: IPv4Address | IPv6Address
    protocol: str
    port: int | None = None
    in_interface: str | None = None
    state: str = NEW
    #: Whether the destination is an address of the host that the packet is on.
    is_local: bool = True
    out_interface: str | None = None
    #: Whether the destination has been translated (conntrack's status dnat).
    is_translated: bool = False
    #: Of an answer: the port that it comes from.
    source_port: int | None = None
    #: Of ICMPv6: its type, a key of ICMPV6_TYPES.
    icmp_type: str | None = None


def rule_holds(rule: Rule, packet: Packet) -> bool | None:
    """Return whether all conditions of a rule hold for a packet; None where that is not known."""
    is_unclear = False
    for criterion in rule.criteria:
        answer = criterion_holds(criterion, packet)
        if answer is False:
            return False
        is_unclear = is_unclear or answer is None
    return None if is_unclear else True


def criterion_holds(criterion: Criterion, packet: Packet) -> bool | None:
    """Return whether a condition holds for a packet; None where that is not known."""
    if not _is_about(criterion, packet):
        return False
    answer = _compare(criterion, packet)
    return answer if answer is None or not criterion.negated else not answer


def _is_about(criterion: Criterion, packet: Packet) -> bool:
    """Return whether a packet has what a condition is about: without it, not even the negation holds (nft(8))."""
    name = criterion.field.partition(" set")[0]
    if name in ("saddr", "daddr"):
        return (":" in criterion.value) == (packet.destination.version == 6)
    if name in _ICMP_TYPES:
        return packet.protocol == "icmp" and _ICMP_TYPES[name] == packet.destination.version
    if name == "tcp flags":
        return packet.protocol == "tcp"
    return not name.endswith("port") or name.partition(" ")[0] == packet.protocol


def _compare(criterion: Criterion, packet: Packet) -> bool | None:
    """Return whether a condition holds, without its negation."""
    name, is_set, _rest = criterion.field.partition(" set")
    if is_set:
        return _any_of(_compare(Criterion(name, value), packet) for value in criterion.value.split())
    if criterion.field in ("saddr", "daddr"):
        return _is_in(packet.source if criterion.field == "saddr" else packet.destination, criterion.value)
    if "ifname" in criterion.field:
        link = packet.in_interface if criterion.field.startswith("iif") else packet.out_interface
        return _same_interface(criterion.value, link)
    if criterion.field.endswith("port"):
        return _same_port(criterion, packet)
    comparison = _COMPARISONS.get(criterion.field)
    if comparison is not None:
        return comparison(criterion.value, packet)
    return _known_facts(packet).get((criterion.field, criterion.value))


def _known_facts(packet: Packet) -> Mapping[tuple[str, str], bool]:
    return {("fib daddr type", "local"): packet.is_local, ("ct status", "dnat"): packet.is_translated}


def _is_in(address: IPv4Address | IPv6Address | None, network: str) -> bool | None:
    return None if address is None else address in _network(network)


@lru_cache(maxsize=4096)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


def _same_type(number: str, packet: Packet) -> bool | None:
    """Return whether a packet has a type of ICMP; without a type it is of an echo (RFC 792, RFC 4443)."""
    if packet.icmp_type:
        return number == ICMPV6_TYPES[packet.icmp_type]
    return number in _ECHO[packet.state] if packet.state in _ECHO else None


def _any_of(answers: Iterator[bool | None]) -> bool | None:
    found = set(answers)
    return True if True in found else None if None in found else False


def _same_interface(pattern: str, name: str | None) -> bool | None:
    if name is None:
        # A packet whose interface is not known comes from another namespace, and not over the loopback.
        return False if pattern == "lo" else None
    if pattern.endswith(("*", "+")):
        return name.startswith(pattern[:-1])
    return name == pattern


def _same_port(criterion: Criterion, packet: Packet) -> bool | None:
    which = criterion.field.partition(" ")[2]
    port = packet.port if which == "dport" else packet.source_port
    if which not in ("dport", "sport"):
        return None
    if port is None:
        # A packet without a port has one that is free: no rule for a single port is about it.
        return None if which != "dport" or "-" in criterion.value else False
    first, last = port_range(criterion.value)
    return first <= port <= last


def _compare_other(text: str, packet: Packet) -> bool | None:
    """Return whether a condition holds that is kept in the words of the tool that printed it."""
    match = _decode(text)
    if match is None:
        return None
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        return _compare_match(match, packet)
    return None


@lru_cache(maxsize=4096)
def _decode(text: str) -> Mapping[str, Any] | None:
    """Return a condition that nft printed; None for anything else."""
    with suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict) and {"left", "right", "op"} <= found.keys():
            return found
    return None


def _compare_meta(key: str, operator: str, right: Any, packet: Packet) -> bool | None:
    """Return whether a condition holds on what is known of a packet besides its content (nft(8), META)."""
    if operator not in ("==", "!=") or not isinstance(right, str):
        return None
    answer = None
    if key in _INDEXED:
        answer = _compare(Criterion(_INDEXED[key], right), packet)
    elif key == "nfproto":
        answer = right == f"ipv{packet.destination.version}"
    return answer if answer is None or operator == "==" else not answer


def _compare_match(match: Mapping[str, Any], packet: Packet) -> bool | None:
    left, right, operator = match["left"], match["right"], match["op"]
    if "meta" in left:
        return _compare_meta(left["meta"]["key"], operator, right, packet)
    protocol = left.get("payload", {}).get("protocol")
    if protocol is not None and not _is_of(protocol, packet):
        return False
    if left == _PROTOCOL_OF_IPV4 and operator == "==":
        values = right.get("set", ()) if isinstance(right, dict) else [right]
        return bool(_PROTOCOLS.get(packet.protocol, set()).intersection(values))
    if protocol == "icmpv6" and left["payload"]["field"] == "type" and packet.icmp_type and operator in ("==", "in"):
        return packet.icmp_type in (right["set"] if isinstance(right, dict) else [right])
    values = right.get("set") if isinstance(right, dict) else None
    if isinstance(values, list) and operator in ("==", "!=", "in"):
        parts = (parse_match({"left": left, "op": "==", "right": value}) for value in values)
        # A part that is not a simple condition either is not taken apart again.
        answer = _any_of(None if part.field == "other" else _compare(part, packet) for part in parts)
        return answer if answer is None or operator != "!=" else not answer
    return None


_COMPARISONS: Mapping[str, Callable[[str, Packet], bool | None]] = {
    "ct state": lambda value, packet: packet.state in value.split(","),
    "l4proto": lambda value, packet: value in _PROTOCOLS.get(packet.protocol, ()),
    "icmp type": _same_type,
    "icmpv6 type": _same_type,
    "other": _compare_other,
}


def _is_of(protocol: str, packet: Packet) -> bool:
    """Return whether a packet has a header of a protocol; of one that is not known here it is assumed."""
    if protocol in ("ip", "ip6"):
        return (protocol == "ip6") == (packet.destination.version == 6)
    if protocol not in (*TRANSPORTS, "icmp", "icmpv6"):
        return True
    return protocol in _PROTOCOLS.get(packet.protocol, set())

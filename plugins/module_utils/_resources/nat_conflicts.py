# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of others that lead a published port elsewhere: Docker's, an administrator's, another owner's. Pure.

The kernel obeys the first rule that translates a packet, and that is the one of who was there first, or of an earlier
priority: of two rules for one port, one is dead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network

from ansible_collections.netns.fabric.plugins.module_utils._core.transports import port_range
from ansible_collections.netns.fabric.plugins.module_utils._firewall.conditions import Packet, criterion_holds
from ansible_collections.netns.fabric.plugins.module_utils._firewall.nft_parser import parse_match
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    EVERYTHING,
    FAMILIES,
    NFTABLES,
    OUTPUT,
    POSTROUTING,
    Chain,
    Criterion,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.walk import statements_of
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Address
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_listeners import Published

#: What changes the destination besides dnat, in nft's words; iptables has targets of these names.
_OTHERS = ("redirect", "netmap")
#: How a target begins that has an address: ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT or FIRST-LAST.
_TARGET = re.compile(r"(?P<v4>(\d+\.){3}\d)|\[?[\da-f]*:[\da-f]*:")
#: A condition on the sender in the words of iptables or nft: a range, a set, an address of Ethernet.
_SENDERS = re.compile(r'--(src-range|mac-source) |--match-set \S+ (\S+,)?src\b|.*"field": "saddr".*"op": "(==|in)"')

#: A condition of iptables on the port of either side (multiport in iptables-extensions(8)).
_EITHER_PORT = re.compile(r"(?P<negation>! )?--ports (?P<ports>[\d,:]+)")
#: How a condition of nft, in JSON, on a port of whichever protocol begins (nft(8), RAW PAYLOAD EXPRESSION).
_ANY_PROTOCOL = '{"left": {"payload": {"field": "dport", "protocol": "th"}}'


def redirections(ruleset: Ruleset, version: int) -> Iterator[tuple[Place, Rule]]:
    """Yield the rules that lead what comes in elsewhere, with the place of each."""
    families = (FAMILIES[version], "inet")
    for place, chain in ruleset.chains.items():
        if place.family in families and not _is_idle(ruleset, chain):
            for rule in chain.rules:
                if _redirects(place, rule) and _is_of_version(rule, version):
                    yield place, rule


def _is_idle(ruleset: Ruleset, chain: Chain) -> bool:
    """Whether no packet from outside gets to a chain before it is routed."""
    table = ruleset.tables.get((chain.place.family, chain.place.table))
    is_dormant = chain.place.backend == NFTABLES and table is not None and table.dormant
    return is_dormant or chain.hook in (OUTPUT, POSTROUTING)


def _redirects(place: Place, rule: Rule) -> bool:
    if place.backend == NFTABLES:
        return rule.verdict == "dnat" or (not rule.verdict and any(kind in _OTHERS for kind in statements_of(rule)))
    return rule.verdict == "dnat" or (rule.verdict == "jump" and rule.target.lower() in _OTHERS)


def _is_of_version(rule: Rule, version: int) -> bool:
    """Whether a rule of the family inet, which has both versions, is of this one; where it does not say, it may be."""
    address = _TARGET.match(rule.target) if rule.verdict == "dnat" else None
    return address is None or (4 if address["v4"] else 6) == version


def takes_packets_of(rule: Rule, published: Published, local: Collection[str]) -> bool:
    """Whether a rule translates packets for a published port, at its address or at any of `local`.

    A rule for some senders only is an exception that somebody has made. A condition that is not understood may hold.
    """
    if not all(_may_have(found, published.ports) for found in _on_ports(rule.criteria, published.protocol).values()):
        return False
    listener = (published.protocol, published.version, published.address, published.interface)
    return _is_for(rule.criteria, *listener, frozenset(local))


@lru_cache(maxsize=4096)  # entries differ in their ports
def _is_for(
    criteria: frozenset[Criterion],
    protocol: str,
    version: int,
    address: str | None,
    interface: str | None,
    local: frozenset[str],
) -> bool:
    """Whether the conditions of a rule, without those on ports, let packets pass for an address, or any of `local`."""
    if any(map(_is_about_senders, criteria)):
        return False
    packets = _packets(protocol, version, local if address is None else frozenset([address]), interface)
    ports = _on_ports(criteria, protocol)
    others = [found for found in criteria if found not in ports]
    if not ports and not _is_clear(others, packets[0]):
        return False
    if address is not None and address not in local:
        # The router may get the address later.
        others = [found for found in others if found.field != "fib daddr type"]
    return any(all(criterion_holds(found, packet) is not False for found in others) for packet in packets)


@lru_cache(maxsize=4096)
def _on_ports(criteria: frozenset[Criterion], protocol: str) -> Mapping[Criterion, Criterion]:
    """Return the conditions on the port that packets are for, each with what it says of one of a protocol."""
    found = ((each, _on_port(each, protocol)) for each in criteria)
    return {each: condition for each, condition in found if condition is not None}


def _on_port(criterion: Criterion, protocol: str) -> Criterion | None:
    fields = (f"{protocol} dport", f"{protocol} dport set")
    if criterion.field in fields:
        return criterion
    either = _EITHER_PORT.fullmatch(criterion.value) if criterion.field == "other" else None
    if either:
        ranges = either["ports"].replace(":", "-").replace(",", " ")
        return Criterion(fields[1], ranges, bool(either["negation"]))
    if criterion.value.startswith(_ANY_PROTOCOL):
        match = parse_match(json.loads(criterion.value.replace('"th"', f'"{protocol}"', 1)))
        return match if match.field in fields else None
    return None


def _is_about_senders(criterion: Criterion) -> bool:
    if criterion.field == "other":
        return _SENDERS.match(criterion.value) is not None
    is_sender = criterion.field in ("saddr", "saddr set") and not criterion.negated
    return is_sender and criterion.value not in EVERYTHING.values()


def _may_have(criterion: Criterion, ports: tuple[int, int]) -> bool:
    """Whether one of the ports at least, FIRST and LAST, meets a condition."""
    ranges = [port_range(value) for value in criterion.value.split()]
    if criterion.negated:
        return not any(first <= ports[0] and ports[1] <= last for first, last in ranges)
    return any(first <= ports[1] and ports[0] <= last for first, last in ranges)


def _is_clear(criteria: Collection[Criterion], packet: Packet) -> bool:
    """Whether a rule that checks no port leads every packet for an address elsewhere: it says nothing else."""
    is_for_addresses = any(found.field in ("daddr", "daddr set") and not found.negated for found in criteria)
    return is_for_addresses and all(
        found.field != "other" or criterion_holds(found, packet) is not None for found in criteria
    )


@lru_cache(maxsize=64)
def _packets(protocol: str, version: int, addresses: frozenset[str], interface: str | None) -> tuple[Packet, ...]:
    """Return a packet for each address, whose sender and port are not known."""
    known = [ip_address(each) for each in addresses]
    # Where those of the router are not known, it is one that no rule names.
    there = [each for each in known if each.version == version] or [ip_network(EVERYTHING[version]).network_address]
    return tuple(Packet(None, each, protocol, in_interface=interface) for each in there)


def describe_redirection(place: Place, rule: Rule, owner: str | None) -> str:
    """Return whose rule it is, for messages; `owner` is None for one that is not of this collection."""
    if owner is not None:
        return f"a rule owned by {owner}" if owner else "a rule without owner"
    whose = "Docker's rule" if place.chain == "DOCKER" else "a rule of another program"
    target = rule.target if rule.verdict == "dnat" else ""
    return f"{whose} in {place} (to {target or 'another port'})"


def local_addresses(addresses: Collection[Address]) -> frozenset[str]:
    """Return the addresses at which a port is published that names none."""
    return frozenset(str(address.interface.ip) for address in addresses if not address.interface.is_loopback)

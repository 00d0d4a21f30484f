# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of others that lead a published port elsewhere: Docker's, an administrator's, another owner's. Pure.

The kernel obeys the first rule that translates a packet, and that is the one of who was there first, or of an earlier
priority: of two rules for one port, one is dead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from ipaddress import ip_address, ip_network

from ansible_collections.netns.fabric.plugins.module_utils._core.transports import TRANSPORTS, port_range
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    FAMILIES,
    NFTABLES,
    OUTPUT,
    Chain,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Address

#: The range of a rule that does not look at ports.
_ALL_PORTS = (1, 65535)


def redirections(ruleset: Ruleset, version: int) -> Iterator[tuple[Place, Rule]]:
    """Yield the rules that lead what comes in elsewhere, with the place of each."""
    families = (FAMILIES[version], "inet")
    for place, chain in ruleset.chains.items():
        if place.family in families and not _is_idle(ruleset, chain):
            for rule in chain.rules:
                if _redirects(rule) and _is_of_version(place, rule, version):
                    yield place, rule


def _is_idle(ruleset: Ruleset, chain: Chain) -> bool:
    """Whether no packet from outside gets to a chain."""
    table = ruleset.tables.get((chain.place.family, chain.place.table))
    is_dormant = chain.place.backend == NFTABLES and table is not None and table.dormant
    return is_dormant or chain.hook == OUTPUT


def _redirects(rule: Rule) -> bool:
    return rule.verdict == "dnat" or (rule.verdict, rule.target) == ("jump", "REDIRECT")


def _is_of_version(place: Place, rule: Rule, version: int) -> bool:
    """Whether a rule of the family inet, which has both versions, is of this one; where it does not say, it may be."""
    is_known = (place.family == "inet" and rule.target.count(".") == 3) or rule.target.count(":") > 1
    return not is_known or (rule.target.count(":") > 1) == (version == 6)


def takes_packets_of(
    rule: Rule,
    protocol: str,
    ports: tuple[int, int],
    address: str | None,
    interface: str | None,
    local: Collection[str],
) -> bool:
    """Whether a rule translates packets for a published port, at one address or at all of `local`.

    A rule for some senders only is an exception that somebody has made.
    """
    if rule.values("saddr"):
        return False
    first, last = _ports_of(rule, protocol)
    if first > ports[1] or last < ports[0]:
        return False
    networks = [ip_network(value) for value in rule.values("daddr")]
    here = local if address is None else [address]
    if networks and not any(ip_address(each) in network for each in here for network in networks):
        return False
    interfaces = rule.values("iifname")
    if interface is None:
        return True
    return interface not in rule.values("iifname", negated=True) and interfaces <= {interface}


def _ports_of(rule: Rule, protocol: str) -> tuple[int, int]:
    """Return the ports of a protocol that a rule is for; none where it is for others, or does not say by one value."""
    for value in rule.values(f"{protocol} dport"):
        return port_range(value)
    others = [rule.values(f"{other} dport") for other in TRANSPORTS]
    undecided = any(others) or any(criterion.field == "other" for criterion in rule.criteria)
    # A rule that checks nothing but addresses leads every packet elsewhere.
    return (1, 0) if undecided or not rule.values("daddr") else _ALL_PORTS


def describe_redirection(place: Place, rule: Rule, owner: str | None) -> str:
    """Return whose rule it is, for messages; `owner` is None for one that is not of this collection."""
    if owner is not None:
        return f"a rule owned by {owner}" if owner else "a rule without owner"
    whose = "Docker's rule" if place.chain == "DOCKER" else "a rule of another program"
    return f"{whose} in {place} (to {rule.target or 'another port'})"


def local_addresses(addresses: Collection[Address]) -> frozenset[str]:
    """Return the addresses at which a port is published that names none."""
    return frozenset(str(address.interface.ip) for address in addresses if not address.interface.is_loopback)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the packet filter of a namespace does with packets."""

from __future__ import annotations

from ipaddress import ip_address

from ansible_collections.netns.fabric.plugins.module_utils._facts.filters import (
    PASSES,
    RULES_MAX,
    PacketFilter,
    published_ports,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.conditions import Packet
from ansible_collections.netns.fabric.plugins.module_utils._firewall.iptables_parser import parse_chains
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    FORWARD,
    INPUT,
    IPTABLES_LEGACY,
    NFTABLES,
    PREROUTING,
    Chain,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.translations import DNAT

PACKET = Packet(ip_address("10.0.0.1"), ip_address("10.0.1.1"), "tcp", 80, in_interface="eth0", out_interface="")
NAT = """*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 80 -m limit --limit 1/s -j DNAT --to-destination 10.0.2.1
-A PREROUTING -d 10.0.1.1/32 -p tcp -m tcp --dport 80:90 -j DNAT --to-destination 10.0.2.2
-A PREROUTING -p udp -m udp --dport 5353 -j DNAT --to-destination 10.0.2.3:53
-A PREROUTING -p tcp -m tcp --dport 9 -j DNAT --to-destination 10.0.2.3-10.0.2.9
COMMIT
"""


def of(text: str, name: str | None = "red") -> PacketFilter:
    return PacketFilter(name, Ruleset({each.place: each for each in parse_chains(text, IPTABLES_LEGACY, 4, True)}))


def test_no_rules() -> None:
    empty = PacketFilter("red", Ruleset())
    assert empty.is_empty
    assert empty.judge(INPUT, PACKET) == PASSES


def test_certain_and_possible_refusals() -> None:
    found = of("*filter\n:INPUT DROP [0:0]\nCOMMIT\n*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j DROP\nCOMMIT\n")
    assert found.judge(INPUT, PACKET).refusal.endswith("iptables-legacy ip filter INPUT (policy drop)")
    assert found.judge(PREROUTING, PACKET).refusal.endswith("iptables-legacy ip raw PREROUTING (a rule with drop)")
    assert found.judge(FORWARD, PACKET) == PASSES
    found = of("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m limit --limit 1/s -j DROP\nCOMMIT\n", None)
    (doubt,) = found.judge(INPUT, PACKET).doubts
    assert doubt == "the packet filter of the host: iptables-legacy ip filter INPUT (a rule with drop)"


def test_unread_and_too_long() -> None:
    unread = PacketFilter("red", Ruleset(), "the packet filter of red, which could not be read")
    assert unread.judge(INPUT, PACKET).doubts == {"the packet filter of red, which could not be read"}
    rules = tuple(Rule(frozenset(), "accept") for _number in range(RULES_MAX + 1))
    place = Place(NFTABLES, "inet", "own", "in")
    ruleset = Ruleset({place: Chain(place, INPUT, "accept", "filter", rules)})
    (doubt,) = PacketFilter("red", ruleset).judge(INPUT, PACKET).doubts
    assert "5001 rules, too many to follow" in doubt
    assert PacketFilter(None, ruleset).judge(INPUT, PACKET) == PASSES  # the host's own are nobody's weapon


def test_branches_of_nat() -> None:
    first, second = of(NAT).translate(PREROUTING, PACKET)
    assert first.translation is not None
    assert second.translation is not None
    assert (first.translation.kind, str(first.translation.address), bool(first.doubt)) == (DNAT, "10.0.2.1", True)
    assert str(second.translation.address) == "10.0.2.2"
    (kept,) = of("*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n").translate(PREROUTING, PACKET)
    assert (kept.translation, kept.doubt) == (None, "")


def test_published_ports() -> None:
    found = {(each.protocol, each.first): each for each in published_ports(of(NAT).ruleset)}
    assert len(found) == 2 or {key[0] for key in found} == {"tcp", "udp"}
    assert found["udp", 5353].leading_to(53) == 5353
    assert found["udp", 5353].leading_to(54) is None
    ranges = next(each for each in published_ports(of(NAT).ruleset) if each.last == 90)
    assert (ranges.leading_to(85), ranges.leading_to(91), str(ranges.at)) == (85, None, "10.0.1.1")


def test_filters_of_frames() -> None:
    place = Place(NFTABLES, "netdev", "early", "in")
    chain = Chain(place, "ingress", "accept", "filter", (Rule(frozenset(), "drop"),))
    assert "netdev early" in PacketFilter(None, Ruleset({place: chain})).bridged_doubt()
    assert PacketFilter(None, Ruleset()).bridged_doubt() == ""

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a packet meets the conditions of rules, as nft and iptables print them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._firewall import iptables_parser, nft_parser
from ansible_collections.netns.fabric.plugins.module_utils._firewall.conditions import (
    ESTABLISHED,
    ND_REQUEST,
    Packet,
    rule_holds,
)

PACKET = Packet(
    ip_address("10.0.0.1"), ip_address("10.0.1.1"), "tcp", 80, in_interface="br0", out_interface="br1", is_local=False
)
SIX = Packet(ip_address("fd00::1"), ip_address("fd00:1::1"), "udp", 53, in_interface="br0", out_interface="")
REQUEST = replace(SIX, protocol="icmp", port=None, icmp_type=ND_REQUEST)


@pytest.mark.parametrize(
    ("text", "packet", "expected"),
    [
        ("-s 10.0.0.0/24 -p tcp -m tcp --dport 80", PACKET, True),
        ("! -s 10.0.0.0/24", PACKET, False),
        ("-s 10.0.0.0/24", replace(PACKET, source=None), None),
        ("-p udp -m udp --dport 80", PACKET, False),
        ("-p tcp", PACKET, True),
        ("-p udp", PACKET, False),
        ("-p tcp -m tcp --dport 1:100", PACKET, True),
        ("-p tcp -m tcp ! --dport 80", PACKET, False),
        ("-p tcp -m tcp ! --dport 80", replace(PACKET, protocol="udp"), False),
        ("-p tcp -m tcp --dport 80", replace(PACKET, port=None), False),
        ("-p tcp -m tcp --dport 1:100", replace(PACKET, port=None), None),
        ("-p tcp -m tcp --sport 80", replace(PACKET, source_port=80), True),
        ("-p tcp -m multiport --dports 22,80:81", PACKET, True),
        ("-p tcp -m multiport ! --dports 22,80:81", PACKET, False),
        ("-p udp -m multiport --dports 80", PACKET, False),
        ("-i br0 -o br+", PACKET, True),
        ("! -o br1", PACKET, False),
        ("-i lo", replace(PACKET, in_interface=None), False),
        ("-i br0", replace(PACKET, in_interface=None), None),
        ("-m conntrack --ctstate RELATED,ESTABLISHED", PACKET, False),
        ("-m conntrack --ctstate RELATED,ESTABLISHED", replace(PACKET, state=ESTABLISHED), True),
        ("-m conntrack --ctstate DNAT", PACKET, False),
        ("-m conntrack --ctstate DNAT", replace(PACKET, is_translated=True), True),
        ("-m addrtype --dst-type LOCAL", PACKET, False),
        ("-m limit --limit 3/min", PACKET, None),
        ("-p ipv6-icmp -m icmp6 --icmpv6-type 135", REQUEST, True),
        ("-p ipv6-icmp -m icmp6 --icmpv6-type 136", REQUEST, False),
    ],
)
def test_iptables(text: str, packet: Packet, expected: bool | None) -> None:
    version = packet.destination.version
    words = [word for word in text.split() if word != "-m"]
    rule = iptables_parser.parse_rule([*_without_modules(words), "-j", "ACCEPT"], version)
    assert rule_holds(rule, packet) is expected


def _without_modules(words: list[str]) -> list[str]:
    """Return the words without the names of extensions, which begin no condition."""
    modules = ("tcp", "udp", "multiport", "conntrack", "addrtype", "limit", "icmp6")
    return [word for number, word in enumerate(words) if word not in modules or words[number - 1] == "-p"]


def match(left: Any, right: Any, operator: str = "==") -> dict[str, Any]:
    return {"match": {"op": operator, "left": left, "right": right}}


def field(protocol: str, name: str) -> dict[str, Any]:
    return {"payload": {"protocol": protocol, "field": name}}


META = {"meta": {"key": "l4proto"}}


@pytest.mark.parametrize(
    ("statement", "packet", "expected"),
    [
        (match(META, "tcp"), PACKET, True),
        (match(META, {"set": ["udp", "icmp"]}), PACKET, False),
        (match(field("ip", "saddr"), {"set": ["10.0.0.1", "10.0.0.2"]}), PACKET, True),
        (match(field("ip", "saddr"), {"set": [{"prefix": {"addr": "10.0.1.0", "len": 24}}]}), PACKET, False),
        (match(field("ip", "saddr"), {"set": ["10.0.0.1"]}, "!="), PACKET, False),
        (match(field("ip", "saddr"), "@known"), PACKET, None),
        # A packet of the other IP version has no such field: not even the negation holds.
        (match(field("ip6", "saddr"), "fd00::1", "!="), PACKET, False),
        (match(field("ip6", "saddr"), {"set": ["fd00::1"]}, "!="), PACKET, False),
        (match(field("ip6", "saddr"), "fd00::1"), SIX, True),
        (match(field("tcp", "dport"), {"set": [22, 80]}), PACKET, True),
        (match(field("tcp", "dport"), {"set": [22, {"range": [81, 90]}]}), PACKET, False),
        (match(field("tcp", "dport"), 80, "!="), replace(PACKET, protocol="udp"), False),
        (match(field("tcp", "flags"), "syn"), PACKET, None),
        (match(field("tcp", "flags"), "syn"), SIX, False),
        (match(field("icmpv6", "type"), {"set": ["nd-neighbor-solicit", "nd-neighbor-advert"]}), REQUEST, True),
        (match(field("icmpv6", "type"), "echo-request"), REQUEST, False),
        (match({"meta": {"key": "iif"}}, "br0"), PACKET, True),
        (match({"meta": {"key": "iifname"}}, {"set": ["br0", "br7"]}), PACKET, True),
        (match({"meta": {"key": "oifname"}}, {"set": ["br7", "br8"]}), PACKET, False),
        (match({"meta": {"key": "skuid"}}, 0), PACKET, None),
        (match({"meta": {"key": "nfproto"}}, "ipv4"), PACKET, True),
        (match({"meta": {"key": "nfproto"}}, "ipv6"), PACKET, False),
        (match({"meta": {"key": "nfproto"}}, "ipv6", "!="), PACKET, True),
        (match(field("ip", "protocol"), "tcp"), PACKET, True),
        (match(field("ip", "protocol"), {"set": ["udp", "gre"]}), PACKET, False),
        (match(field("ip", "protocol"), "udp"), SIX, False),
    ],
)
def test_nft(statement: dict[str, Any], packet: Packet, expected: bool | None) -> None:
    assert rule_holds(nft_parser.parse_rule({"expr": [statement, {"accept": None}]}), packet) is expected

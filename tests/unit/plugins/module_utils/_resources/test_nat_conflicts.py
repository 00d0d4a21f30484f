# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of others that lead a published port elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._firewall import iptables_parser, nft_parser
from ansible_collections.netns.fabric.plugins.module_utils._firewall.conditions import Packet, criterion_holds
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    IPTABLES_NFT,
    NFTABLES,
    Chain,
    Criterion,
    NftTable,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_conflicts
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_conflicts import (
    describe_redirection,
    redirections,
    takes_packets_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_listeners import Published

LOCAL = ("198.51.100.1", "192.168.100.254")
PORT_80 = Criterion("tcp dport", "80")


def dnat(*criteria: Criterion, target: str = "10.0.0.1:80") -> Rule:
    return Rule(frozenset(criteria), "dnat", target)


def published(port: int = 80, version: int = 4, address: str | None = None, interface: str | None = None) -> Published:
    return Published(None, "tcp", (port, port), version, address, interface)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (dnat(PORT_80), True),
        (dnat(Criterion("tcp dport", "70-90")), True),
        (dnat(Criterion("tcp dport", "81-90")), False),
        (dnat(Criterion("udp dport", "80")), False),
        (dnat(PORT_80, Criterion("fib daddr type", "local"), Criterion.other("meta nfproto")), True),
        (dnat(PORT_80, Criterion("saddr", "10.0.0.0/8")), False),
        (dnat(PORT_80, Criterion("daddr", "198.51.100.1/32")), True),
        (dnat(PORT_80, Criterion("daddr", "203.0.113.1/32")), False),
        (dnat(PORT_80, Criterion("iifname", "docker0", negated=True)), True),
        # One address for another, whatever the port; and ports in a form that says too little.
        (dnat(Criterion("daddr", "198.51.100.1/32")), True),
        (dnat(Criterion.other("--dports 80,443")), False),
        (dnat(), False),
    ],
)
def test_packets_of_any_interface(rule: Rule, expected: bool) -> None:
    assert takes_packets_of(rule, published(), LOCAL) is expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (dnat(PORT_80), True),
        (dnat(PORT_80, Criterion("iifname", "eth0")), True),
        (dnat(PORT_80, Criterion("iifname", "eth1")), False),
        (dnat(PORT_80, Criterion("iifname", "eth0", negated=True)), False),
        (dnat(PORT_80, Criterion("daddr", "192.168.100.254/32")), False),
    ],
)
def test_packets_of_one_address_and_interface(rule: Rule, expected: bool) -> None:
    assert takes_packets_of(rule, published(address="198.51.100.1", interface="eth0"), LOCAL) is expected


AT = "203.0.113.5"


def by_nft(*statements: dict[str, Any]) -> Rule:
    return nft_parser.parse_rule({"expr": [*statements, {"dnat": {"addr": "10.0.0.1"}}]})


def match(left: dict[str, Any], right: Any, operator: str = "==") -> dict[str, Any]:
    return {"match": {"op": operator, "left": left, "right": right}}


def field(protocol: str, name: str) -> dict[str, Any]:
    return {"payload": {"protocol": protocol, "field": name}}


HERE, WEB = match(field("ip", "daddr"), AT), match(field("tcp", "dport"), {"set": [80, 443]})
TO_80 = match(field("tcp", "dport"), 80)
ANYBODY = {"addr": "0.0.0.0", "len": 0}  # noqa: S104  # nothing listens there
PROTOCOL, LINK = {"meta": {"key": "l4proto"}}, {"meta": {"key": "iifname"}}


@pytest.mark.parametrize(
    ("statements", "port", "expected"),
    [
        ([HERE, WEB], 22, False),
        ([HERE, WEB], 443, True),
        ([WEB], 80, True),
        ([WEB], 81, False),
        ([match(field("ip", "daddr"), {"set": [AT, "203.0.113.6"]}), WEB], 80, True),
        ([match(field("ip", "daddr"), {"set": ["203.0.113.6", "203.0.113.7"]}), WEB], 80, False),
        ([match(field("ip", "daddr"), AT, "!="), TO_80], 80, False),
        ([match(field("ip", "daddr"), {"set": ["203.0.113.6", "203.0.113.9"]}, "!="), TO_80], 80, True),
        ([HERE, match(field("tcp", "dport"), 22, "!=")], 22, False),
        ([HERE, match(field("tcp", "dport"), 22, "!=")], 80, True),
        ([HERE, match(field("tcp", "dport"), {"set": [{"range": [20, 23]}, 25]}, "!=")], 22, False),
        # Whatever the port: of one protocol, or of any.
        ([HERE], 80, True),
        ([HERE, match(PROTOCOL, "tcp")], 80, True),
        ([HERE, match(PROTOCOL, "udp")], 80, False),
        ([HERE, match(PROTOCOL, "tcp", "!=")], 80, False),
        ([HERE, match(PROTOCOL, {"set": ["tcp", "udp"]})], 80, True),
        ([HERE, match(field("ip", "protocol"), "tcp")], 80, True),
        ([HERE, match(field("ip", "protocol"), "gre")], 80, False),
        # Some senders only.
        ([match(field("ip", "saddr"), {"set": ["10.0.0.1", "10.0.0.2"]}), TO_80], 80, False),
        ([match(field("ip", "saddr"), {"range": ["10.0.0.1", "10.0.0.9"]}), TO_80], 80, False),
        ([match(field("ip", "saddr"), "@friends"), TO_80], 80, False),
        ([match(field("ip", "saddr"), "@friends", "!="), TO_80], 80, True),
        ([match(field("ip", "saddr"), {"prefix": ANYBODY}), TO_80], 80, True),
        # By some links only.
        ([match(LINK, "eth*"), TO_80], 80, True),
        ([match(LINK, "eth*", "!="), TO_80], 80, False),
        ([match(LINK, "wan*"), TO_80], 80, False),
        ([match(LINK, {"set": ["eth0", "eth1"]}), TO_80], 80, True),
        ([match(LINK, {"set": ["eth1", "eth2"]}), TO_80], 80, False),
        ([match(LINK, {"set": ["eth0", "eth2"]}, "!="), TO_80], 80, False),
        ([match({"meta": {"key": "iif"}}, "eth1"), TO_80], 80, False),
        ([match({"meta": {"key": "nfproto"}}, "ipv6"), TO_80], 80, False),
        # Of any protocol.
        ([match(field("th", "dport"), 80)], 80, True),
        ([match(field("th", "dport"), {"set": [22, {"range": [80, 90]}]})], 85, True),
        ([match(field("th", "dport"), 80)], 81, False),
        ([match(PROTOCOL, {"set": ["udp", "sctp"]}), match(field("th", "dport"), 80)], 80, False),
        ([HERE, match(field("th", "dport"), 80, "!=")], 80, False),
        ([match(field("th", "sport"), 80)], 80, False),
        # What a set has is not known.
        ([match(field("tcp", "dport"), "@services")], 80, False),
        ([match(field("th", "dport"), "@services")], 80, False),
        ([{"vmap": {"key": field("th", "dport"), "data": "@services"}}], 80, False),
    ],
)
def test_conditions_of_nft(statements: list[dict[str, Any]], port: int, expected: bool) -> None:
    port_80 = published(port, address=AT, interface="eth0")
    assert takes_packets_of(by_nft(*statements), port_80, LOCAL) is expected


@pytest.mark.parametrize(
    ("words", "port", "expected"),
    [
        (f"-d {AT}/32 -p udp -j DNAT", 22, False),
        (f"-d {AT}/32 -p gre -j DNAT", 22, False),
        (f"-d {AT}/32 ! -p tcp -j DNAT", 22, False),
        (f"-d {AT}/32 -p tcp -j DNAT", 22, True),
        (f"! -d {AT}/32 -p tcp -m tcp --dport 22 -j DNAT", 22, False),
        ("-p tcp -m multiport --dports 80,443,8000:8100 -j DNAT", 8080, True),
        ("-p tcp -m multiport --dports 80,443,8000:8100 -j DNAT", 22, False),
        (f"-d {AT}/32 -p tcp -m multiport ! --dports 22,80 -j DNAT", 22, False),
        (f"-d {AT}/32 -p tcp -m tcp ! --dport 22 -j DNAT", 22, False),
        ("-i eth+ -p tcp -m tcp --dport 80 -j DNAT", 80, True),
        ("! -i eth+ -p tcp -m tcp --dport 80 -j DNAT", 80, False),
        ("-i wan+ -p tcp -m tcp --dport 80 -j DNAT", 80, False),
        ("-m iprange --src-range 10.0.0.1-10.0.0.9 -p tcp -m tcp --dport 80 -j DNAT", 80, False),
        ("-m iprange ! --src-range 10.0.0.1-10.0.0.9 -p tcp -m tcp --dport 80 -j DNAT", 80, True),
        ("-m set --match-set friends src -p tcp -m tcp --dport 80 -j DNAT", 80, False),
        ("-m set --match-set friends dst,src -p tcp -m tcp --dport 80 -j DNAT", 80, False),
        ("-m set --match-set friends dst,dst,src -p tcp -m tcp --dport 80 -j DNAT", 80, False),
        ("-m set --match-set addresses dst,dst -p tcp -m tcp --dport 80 -j DNAT", 80, True),
        ("-m set ! --match-set enemies src,dst -p tcp -m tcp --dport 80 -j DNAT", 80, True),
        ("-p tcp -m multiport --ports 22,80:90 -j DNAT", 85, True),
        ("-p tcp -m multiport --ports 22,80:90 -j DNAT", 91, False),
        ("-p udp -m multiport --ports 22,80:90 -j DNAT", 85, False),
        ("-p tcp -m multiport ! --ports 22,80:90 -j DNAT", 85, False),
        ("-p tcp -m multiport --sports 80 -j DNAT", 80, False),
        ("-m set --match-set addresses dst -p tcp -m tcp --dport 80 -j DNAT", 80, True),
    ],
)
def test_conditions_of_iptables(words: str, port: int, expected: bool) -> None:
    rule = iptables_parser.parse_rule([*words.split(), "--to-destination", "10.0.0.1"], 4)
    assert takes_packets_of(rule, published(port, address=AT, interface="eth0"), LOCAL) is expected


def test_addresses_are_compared_once_for_all_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Criterion] = []

    def compare(criterion: Criterion, packet: Packet) -> bool | None:
        compared.append(criterion)
        return criterion_holds(criterion, packet)

    monkeypatch.setattr(nat_conflicts, "criterion_holds", compare)
    local = [f"192.0.2.{number}" for number in range(1, 21)]
    rule = dnat(Criterion("daddr", "203.0.113.99/32"))
    assert not any(takes_packets_of(rule, published(port), local) for port in range(1, 21))
    assert len(compared) == len(local)


def test_addresses_of_the_other_ip_version() -> None:
    rule = dnat(PORT_80, Criterion("daddr", "fd00::1/128"), target="[fd00::2]:80")
    assert not takes_packets_of(rule, published(), [*LOCAL, "fd00::1"])
    assert takes_packets_of(rule, published(version=6), [*LOCAL, "fd00::1"])
    # The addresses of the router are not known.
    assert not takes_packets_of(rule, published(version=6), ())
    assert takes_packets_of(dnat(PORT_80), published(), ())


def test_an_address_that_the_router_does_not_have_yet() -> None:
    rule = dnat(PORT_80, Criterion("fib daddr type", "local"))
    assert takes_packets_of(rule, published(address=AT), LOCAL)
    assert not takes_packets_of(dnat(PORT_80, Criterion("fib daddr type", "local", negated=True)), published(), LOCAL)


def test_redirections() -> None:
    docker = Place(IPTABLES_NFT, "ip", "nat", "DOCKER")
    output = Place(NFTABLES, "ip", "other", "out")
    asleep = Place(NFTABLES, "ip", "asleep", "in")
    inet = Place(NFTABLES, "inet", "other", "in")
    redirect = Rule(frozenset([PORT_80]), "jump", "REDIRECT")
    ruleset = Ruleset(
        {
            docker: Chain(docker, kind="nat", rules=(dnat(PORT_80), redirect, Rule(frozenset(), "return"))),
            output: Chain(output, hook="output", kind="nat", rules=(dnat(PORT_80),)),
            asleep: Chain(asleep, hook="prerouting", kind="nat", rules=(dnat(PORT_80),)),
            inet: Chain(inet, hook="prerouting", kind="nat", rules=(dnat(target="[fd00::1]:80"),)),
        },
        {("ip", "asleep"): NftTable("ip", "asleep", dormant=True)},
    )
    assert list(redirections(ruleset, 4)) == [(docker, dnat(PORT_80)), (docker, redirect)]
    assert list(redirections(ruleset, 6)) == [(inet, dnat(target="[fd00::1]:80"))]


def test_all_that_changes_the_destination() -> None:
    iptables, nft = Place(IPTABLES_NFT, "ip", "nat", "PREROUTING"), Place(NFTABLES, "inet", "other", "in")
    by_iptables = [
        iptables_parser.parse_rule(words.split(), 4)
        for words in (
            "-p tcp -m tcp --dport 80 -j REDIRECT --to-ports 3128",
            "-d 203.0.113.0/24 -j NETMAP --to 10.0.0.0/24",
            "-p tcp -m tcp --dport 80 -j REDIRECTED",
            "-p tcp -m tcp --dport 80 -j ACCEPT",
        )
    ]
    by_nft = [
        nft_parser.parse_rule({"expr": [TO_80, *statements]})
        for statements in (
            [{"redirect": {"port": 3128}}],
            [{"counter": {"packets": 0, "bytes": 0}}, {"redirect": None}],
            [{"dnat": {"addr": {"prefix": {"addr": "10.0.0.8", "len": 29}}, "family": "ip"}}],
            [{"dnat": {"addr": {"prefix": {"addr": "fd00::8", "len": 125}}, "family": "ip6"}}],
            [{"jump": {"target": "REDIRECT"}}],
            [{"accept": None}],
        )
    ]
    chains = [Chain(iptables, "prerouting", kind="nat", rules=tuple(by_iptables))]
    chains.append(Chain(nft, "prerouting", kind="nat", rules=tuple(by_nft)))
    post = Place(IPTABLES_NFT, "ip", "nat", "POSTROUTING")
    chains.append(Chain(post, "postrouting", kind="nat", rules=(by_iptables[1],)))
    found = Ruleset({chain.place: chain for chain in chains})
    to_host = [(nft, rule) for rule in by_nft[:2]]
    assert list(redirections(found, 4)) == [
        *((iptables, rule) for rule in by_iptables[:2]),
        *to_host,
        (nft, by_nft[2]),
    ]
    assert list(redirections(found, 6)) == [*to_host, (nft, by_nft[3])]
    text = "a rule of another program in nftables inet other in (to another port)"
    assert describe_redirection(nft, by_nft[0], None) == text


def test_descriptions() -> None:
    docker = Place(IPTABLES_NFT, "ip", "nat", "DOCKER")
    assert describe_redirection(docker, dnat(), None) == "Docker's rule in iptables-nft ip nat DOCKER (to 10.0.0.1:80)"
    assert describe_redirection(docker, dnat(), "lab") == "a rule owned by lab"
    assert describe_redirection(docker, dnat(), "") == "a rule without owner"

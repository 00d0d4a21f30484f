# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Port forwarding: options, ports that collide, and the rules in the words of each tool."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._firewall import iptables_parser, nft_parser
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    NFTABLES,
    Chain,
    Criterion,
    NftTable,
    Place,
    Rule,
    Ruleset,
    Tools,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import SCHEME as MASQUERADE_SCHEME
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_port_forward import (
    SCHEME,
    Listener,
    PortForwardResource,
    WantedForward,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import Actual

RESOURCE = PortForwardResource()
NFT = Tools(nft=True)
LO = Link(index=1, name="lo", kind="", mac="", mtu=65536, up=True)


def options(**given: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in RESOURCE.entry_options.items()}
    return {**defaults, "state": "present", "to_address": "192.168.100.1", **given}


def wanted(port: str = "8080", **given: Any) -> WantedForward:
    return RESOURCE.desired(Entry(port), options(port=port, **given))


def plan(*entries: WantedForward, ruleset: Ruleset | None = None, **call: Any) -> Plan:
    actual = Actual(
        kernel=KernelState({None: NamespaceState(None, (LO,))}),
        tools=NFT,
        rulesets={None: ruleset or Ruleset()},
        forwarding={(None, 4): "1", (None, 6): "1"},
    )
    return RESOURCE.plan(actual, Call(entries=entries, **call))


class TestOptions:
    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"port": "0"}, "0 is not a valid port"),
            ({"port": "65536"}, "65536 is not a valid port"),
            ({"port": "http"}, "port must be a whole number"),
            ({"port": "9-8"}, "ends before it begins; write 8-9"),
            ({"port": "80-90", "to_port": 80}, "the ports 80-90 keep their numbers"),
            ({"to_address": None}, "to_address: is required"),
            ({"to_address": "ff02::1"}, "not an address that a router can forward to"),
            ({"to_address": "fe80::1"}, "not an address that a router can forward to"),
            ({"address": "::1", "to_address": "fd00::1"}, "nothing can be published at ::1"),
            ({"address": "::", "to_address": "fd00::1"}, "stands for all addresses"),
            ({"address": "fd00::1"}, "fd00::1 is not IPv4, which 192.168.100.1 is"),
            ({"hairpin": ["fd00::/64"]}, "hairpin[0]: fd00::/64 is not IPv4"),
            ({"hairpin": ["10.0.0.1/24"]}, "hairpin[0]: '10.0.0.1/24' is an address within a network"),
            (
                {"sources": ["10.0.0.0/8"], "hairpin": ["10.1.0.0/24", "10.0.0.0/8", "192.0.2.0/24"]},
                "hairpin[2]: 192.0.2.0/24 is in none of the `sources`",
            ),
            ({"in_interface": "eth+"}, "contains the character +"),
        ],
    )
    def test_errors(self, given: dict[str, Any], message: str) -> None:
        with pytest.raises(FabricError) as raised:
            wanted(**given)
        assert message in str(raised.value)

    def test_all_errors_of_an_entry_at_once(self) -> None:
        with pytest.raises(InvalidEntries) as raised:
            wanted("80-90", to_port=80, address="fd00::1", hairpin=["fd00::/64"], namespace="a/b")
        assert len(raised.value.errors) == 4

    def test_key(self) -> None:
        assert RESOURCE.key(wanted("8080-8080")) == RESOURCE.key(wanted(to_address="10.0.0.9", to_port=1))
        assert wanted("80", to_port=80).specs() == wanted("80").specs()
        assert RESOURCE.key(wanted()) != RESOURCE.key(wanted(to_address="fd00::1"))

    @pytest.mark.parametrize(
        ("first", "second", "collide"),
        [
            ({}, {"port": "8000-8090"}, True),
            ({}, {"address": "198.51.100.1"}, True),
            ({"address": "198.51.100.1"}, {"address": "198.51.100.9"}, False),
            ({}, {"protocol": "udp"}, False),
            ({}, {"to_address": "fd00::1"}, False),
            ({}, {"port": "8081-8090"}, False),
            ({"in_interface": "lo"}, {}, True),
            ({"address": "198.51.100.1"}, {"in_interface": "lo"}, True),
        ],
    )
    def test_collisions(self, first: Any, second: Any, collide: bool) -> None:
        entries = wanted(**first), wanted(**second)
        if collide:
            with pytest.raises(InvalidEntries, match="is published by"):
                plan(*entries)
        else:
            assert len(plan(*entries).changes) == 2

    def test_comment_that_the_packet_filter_would_cut_off(self) -> None:
        longest = wanted("10000-20000", address="2001:db8:1111:2222:3333:4444:5555:6666", to_address="fd00::1")
        with pytest.raises(InvalidEntries, match="shorten it by"):
            plan(longest, owner="o" * 64)
        assert plan(longest, owner="o" * 32).changed


class TestRules:
    def test_new_rules(self) -> None:
        planned = plan(wanted(to_port=80, hairpin=["192.168.100.0/24", "192.168.7.0/24"]), owner="lab")
        comment = 'comment "netns.fabric/port-forward:lab tcp4/8080"'
        begin = "nft 'add rule ip netns_fabric"
        to_self = "ip daddr 192.168.100.1/32 tcp dport 80"
        assert [line for line in planned.commands if " rule " in line] == [
            f"{begin} {rule} {comment}'"
            for rule in (
                "prerouting tcp dport 8080 fib daddr type local dnat to 192.168.100.1:80",
                "output tcp dport 8080 fib daddr type local ip daddr != 127.0.0.0/8 dnat to 192.168.100.1:80",
                f"postrouting ip saddr 192.168.7.0/24 {to_self} ct status dnat masquerade",
                f"postrouting ip saddr 192.168.100.0/24 {to_self} ct status dnat masquerade",
            )
        ]
        assert planned.diff[0]["after"] == (
            "dnat: [nftables ip netns_fabric prerouting, nftables ip netns_fabric output]\n"
            "hairpin 192.168.100.0/24: [nftables ip netns_fabric postrouting]\n"
            "hairpin 192.168.7.0/24: [nftables ip netns_fabric postrouting]\n"
            "port: 8080\nprotocol: tcp\nto: [192.168.100.1:80]\n"
        )

    @pytest.mark.parametrize(("to_address", "hairpin"), [("10.0.0.1", "0.0.0.0/0"), ("fd00::1", "::/0")])
    def test_a_hairpin_of_every_address_needs_no_condition(self, to_address: str, hairpin: str) -> None:
        (found,) = (spec for spec in wanted(to_address=to_address, hairpin=[hairpin]).specs() if spec.role == "hairpin")
        assert {criterion.field for criterion in found.criteria} == {"daddr", "tcp dport", "ct status"}

    @pytest.mark.parametrize("hairpin", [["192.168.100.0/24", "192.168.101.0/24"], ["0.0.0.0/0"], []])
    def test_what_is_behind_the_router_is_the_destination_alone(self, hairpin: list[str]) -> None:
        assert wanted(hairpin=hairpin).behind == ip_network("192.168.100.1/32")

    def test_no_output_rule_with_an_interface(self) -> None:
        assert {spec.hook for spec in wanted(in_interface="lo").specs()} == {"prerouting", "forward"}

    @given(
        protocol=st.sampled_from(["tcp", "udp"]),
        ports=st.tuples(st.integers(1, 65535), st.integers(0, 100)).map(
            lambda pair: f"{pair[0]}-{min(65535, pair[0] + pair[1])}"
        ),
        version=st.sampled_from([4, 6]),
        address=st.booleans(),
        interface=st.sampled_from([None, "eth0", "br-lan.7"]),
        hairpin=st.booleans(),
    )
    def test_written_rule_is_read_back_from_iptables(
        self, protocol: str, ports: str, version: int, address: bool, interface: str | None, hairpin: bool
    ) -> None:
        there, here, network = (
            ("192.0.2.1", "198.51.100.1", "192.0.2.0/24") if version == 4 else ("fd00::1", "2001:db8::1", "fd00::/64")
        )
        entry = wanted(
            ports,
            protocol=protocol,
            to_address=there,
            address=here if address else None,
            in_interface=interface,
            hairpin=[network] if hairpin else None,
        )
        mark = SCHEME.mark("lab", entry.key)
        for spec in entry.specs():
            words = op.format_iptables(spec.criteria, spec.verdict, mark, spec.target)
            rule = iptables_parser.parse_rule(words, version)
            assert spec.same_as(rule)
            chain = spec.hook.upper()
            place = Place("iptables-nft", entry.key.family, "filter" if chain == "FORWARD" else "nat", chain)
            known = SCHEME.recognise(place, rule)
            assert known is not None
            assert (known.owner, known.role, known.key) == ("lab", spec.role, entry.key)
            assert MASQUERADE_SCHEME.recognise(place, rule) is None

    def test_rule_is_read_back_from_nft(self) -> None:
        printed = {
            "family": "ip6",
            "expr": [
                {"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 8080}},
                {"match": {"op": "==", "left": {"fib": {"result": "type", "flags": ["daddr"]}}, "right": "local"}},
                {"dnat": {"addr": "fd00::1", "port": 80}},
            ],
        }
        spec = wanted(protocol="udp", to_address="fd00::1", to_port=80).specs()[0]
        assert spec.same_as(nft_parser.parse_rule(printed))
        assert not spec.same_as(
            nft_parser.parse_rule({"expr": [*printed["expr"][:2], {"dnat": {"addr": "fd00::1", "port": 81}}]})
        )
        ports = {"range": [8000, 8010]}
        rule = nft_parser.parse_rule(
            {
                "expr": [
                    {"match": {"op": "in", "left": {"payload": {"protocol": "tcp", "field": "sport"}}, "right": ports}}
                ]
            }
        )
        assert rule.criteria == {Criterion("tcp sport", "8000-8010")}

    @pytest.mark.parametrize("text", ["", "tcp4", "tcp5/80", "tcp4/80 x", "dccp4/80", "tcp4/80@"])
    def test_foreign_comment(self, text: str) -> None:
        assert Listener.from_text(text) is None


class TestPlan:
    def test_new_destination(self) -> None:
        place = Place(NFTABLES, "ip", "netns_fabric", "prerouting")
        spec = wanted(in_interface="lo").specs()[0]
        mark = SCHEME.mark("", wanted(in_interface="lo").key)
        rule = Rule(frozenset(spec.criteria), spec.verdict, spec.target, comment=mark, handle=7, expressions="[]")
        table = {("ip", "netns_fabric"): NftTable("ip", "netns_fabric")}
        found = Ruleset({place: Chain(place, "prerouting", "accept", "nat", (rule,))}, table)
        assert not plan(wanted(in_interface="lo"), ruleset=found).changed
        moved = plan(wanted(in_interface="lo", to_port=81), ruleset=found)
        assert moved.diff[0]["before"] == (
            "dnat: [nftables ip netns_fabric prerouting (altered)]\nto: [192.168.100.1]\n"
        )
        assert moved.commands[0] == "nft 'delete rule ip netns_fabric prerouting handle 7'"
        removed = plan(wanted(in_interface="lo", state="absent"), ruleset=found)
        assert removed.commands[-1] == "nft 'delete table ip netns_fabric'"
        assert not plan(ruleset=found, owner="other", prune=True).changed
        assert plan(ruleset=found, owner="", prune=True).changed

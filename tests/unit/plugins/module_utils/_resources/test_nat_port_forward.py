# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Port forwarding: options, what two entries may not share, and the rules in the words of each tool."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
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
    iptables_rule,
    nft_rule,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import KIND as MASQUERADING
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_plan import Actual
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_port_forward import (
    KIND,
    Listener,
    PortForwardResource,
    Wanted,
)

RESOURCE = PortForwardResource()
NFT = Tools(nft=True)
LO = Link(index=1, name="lo", kind="", mac="", mtu=65536, up=True)


def options(**given: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in RESOURCE.entry_options.items()}
    return {**defaults, "state": "present", "to_address": "192.168.100.1", **given}


def wanted(port: str = "8080", **given: Any) -> Wanted:
    return RESOURCE.desired(Entry(port), options(port=port, **given))


def plan(*entries: Wanted, ruleset: Ruleset | None = None, **call: Any) -> Plan:
    actual = Actual(
        kernel=KernelState({None: NamespaceState(None, (LO,))}),
        tools=NFT,
        rulesets={None: ruleset or Ruleset()},
        forwarding={(None, 4): "1", (None, 6): "1"},
    )
    return RESOURCE.plan(actual, Call(entries=entries, **call))


class TestOptions:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"port": "0"}, "0 is no port"),
            ({"port": "65536"}, "65536 is no port"),
            ({"port": "http"}, "port must be a whole number"),
            ({"port": "9-8"}, "ends before it begins; write 8-9"),
            ({"port": "80-90", "to_port": 80}, "the ports 80-90 keep their numbers"),
            ({"to_address": None}, "to_address: is missing"),
            ({"to_address": "ff02::1"}, "no address that a router could send to"),
            ({"to_address": "fe80::1"}, "no address that a router could send to"),
            ({"address": "::1", "to_address": "fd00::1"}, "nothing can be published at ::1"),
            ({"address": "::", "to_address": "fd00::1"}, "leaving the option out"),
            ({"address": "fd00::1"}, "fd00::1 is not IPv4, which 192.168.100.1 is"),
            ({"hairpin": "fd00::/64"}, "hairpin: fd00::/64 is not IPv4"),
            ({"in_interface": "eth+"}, "has a + in it"),
        ],
    )
    def test_mistakes(self, given: dict[str, Any], said: str) -> None:
        with pytest.raises(FabricError) as raised:
            wanted(**given)
        assert said in str(raised.value)

    def test_what_says_the_same_is_the_same(self) -> None:
        assert RESOURCE.key(wanted("8080-8080")) == RESOURCE.key(wanted(to_address="10.0.0.9", to_port=1))
        assert wanted("80", to_port=80).parts() == wanted("80").parts()
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
    def test_ports_that_two_entries_publish(self, first: Any, second: Any, collide: bool) -> None:
        entries = wanted(**first), wanted(**second)
        if collide:
            with pytest.raises(InvalidEntries, match="is published by"):
                plan(*entries)
        else:
            assert len(plan(*entries).changes) == 2

    def test_a_mark_that_the_packet_filter_would_cut_off(self) -> None:
        longest = wanted("10000-20000", address="2001:db8:1111:2222:3333:4444:5555:6666", to_address="fd00::1")
        with pytest.raises(InvalidEntries, match="shorten it by"):
            plan(longest, owner="o" * 64)
        assert plan(longest, owner="o" * 32).changed


class TestRules:
    def test_a_new_one(self) -> None:
        made = plan(wanted(to_port=80, hairpin="192.168.100.0/24"), owner="lab")
        comment = 'comment "netns.fabric/port-forward:lab tcp4/8080"'
        begin = "nft 'add rule ip netns_fabric"
        to_self = "ip saddr 192.168.100.0/24 ip daddr 192.168.100.1/32 tcp dport 80"
        assert [line for line in made.commands if " rule " in line] == [
            f"{begin} {rule} {comment}'"
            for rule in (
                "prerouting tcp dport 8080 fib daddr type local dnat to 192.168.100.1:80",
                "output tcp dport 8080 fib daddr type local ip daddr != 127.0.0.0/8 dnat to 192.168.100.1:80",
                f"postrouting {to_self} ct status dnat masquerade",
            )
        ]
        assert made.diff[0]["after"] == (
            "dnat: [nftables ip netns_fabric prerouting, nftables ip netns_fabric output]\n"
            "hairpin: [nftables ip netns_fabric postrouting]\nport: 8080\nprotocol: tcp\nto: [192.168.100.1:80]\n"
        )

    def test_not_from_the_host_itself_by_an_interface(self) -> None:
        assert {part.hook for part in wanted(in_interface="lo").parts()} == {"prerouting", "forward"}

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
    def test_what_iptables_is_told_is_what_it_says(
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
            hairpin=network if hairpin else None,
        )
        mark = KIND.mark("lab", entry.subject)
        for part in entry.parts():
            words = op.iptables_arguments(part.criteria, part.verdict, mark, part.target)
            rule = iptables_rule(words, version)
            assert part.same_as(rule)
            chain = part.hook.upper()
            place = Place("iptables-nft", entry.subject.family, "filter" if chain == "FORWARD" else "nat", chain)
            known = KIND.recognise(place, rule)
            assert known is not None
            assert (known.owner, known.role, known.subject) == ("lab", part.role, entry.subject)
            assert MASQUERADING.recognise(place, rule) is None

    def test_as_nft_prints_it(self) -> None:
        printed = {
            "family": "ip6",
            "expr": [
                {"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 8080}},
                {"match": {"op": "==", "left": {"fib": {"result": "type", "flags": ["daddr"]}}, "right": "local"}},
                {"dnat": {"addr": "fd00::1", "port": 80}},
            ],
        }
        part = wanted(protocol="udp", to_address="fd00::1", to_port=80).parts()[0]
        assert part.same_as(nft_rule(printed))
        assert not part.same_as(nft_rule({"expr": [*printed["expr"][:2], {"dnat": {"addr": "fd00::1", "port": 81}}]}))
        ports = {"range": [8000, 8010]}
        rule = nft_rule(
            {
                "expr": [
                    {"match": {"op": "in", "left": {"payload": {"protocol": "tcp", "field": "sport"}}, "right": ports}}
                ]
            }
        )
        assert rule.criteria == {Criterion("tcp sport", "8000-8010")}

    @pytest.mark.parametrize("text", ["", "tcp4", "tcp5/80", "tcp4/80 x", "sctp4/80", "tcp4/80@"])
    def test_a_comment_that_we_have_not_written(self, text: str) -> None:
        assert Listener.from_text(text) is None


class TestPlan:
    def test_led_elsewhere(self) -> None:
        place = Place(NFTABLES, "ip", "netns_fabric", "prerouting")
        part = wanted(in_interface="lo").parts()[0]
        mark = KIND.mark("", wanted(in_interface="lo").subject)
        rule = Rule(frozenset(part.criteria), part.verdict, part.target, comment=mark, handle=7, expressions="[]")
        table = {("ip", "netns_fabric"): NftTable("ip", "netns_fabric")}
        found = Ruleset({place: Chain(place, "prerouting", "accept", "nat", (rule,))}, table)
        assert not plan(wanted(in_interface="lo"), ruleset=found).changed
        moved = plan(wanted(in_interface="lo", to_port=81), ruleset=found)
        assert moved.diff[0]["before"] == (
            "dnat: [nftables ip netns_fabric prerouting (altered)]\nto: [192.168.100.1]\n"
        )
        assert moved.commands[0] == "nft 'delete rule ip netns_fabric prerouting handle 7'"
        gone = plan(wanted(in_interface="lo", state="absent"), ruleset=found)
        assert gone.commands[-1] == "nft 'delete table ip netns_fabric'"
        assert not plan(ruleset=found, owner="other", prune=True).changed
        assert plan(ruleset=found, owner="", prune=True).changed

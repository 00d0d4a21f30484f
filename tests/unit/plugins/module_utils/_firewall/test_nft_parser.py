# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nft prints, parsed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._firewall import nft_parser
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import NFTABLES, Place
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_masquerade as masquerade
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import Source
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._firewall.samples import (
    MASQUERADE,
    OUT,
    chain,
    document,
    payload,
    rule,
    table,
)


def test_rule_of_this_collection_is_recognised() -> None:
    found = nft_parser.parse_rule(MASQUERADE)
    assert found.criteria == frozenset(OUT.specs()[0].criteria)
    assert (found.verdict, found.handle, found.comment) == ("masquerade", 2, "netns.fabric:lab-a")
    assert masquerade.recognise_source(found) == (masquerade.MASQUERADE, OUT)


def test_network_of_one_address_has_no_prefix_length() -> None:
    found = nft_parser.parse_rule({"expr": [payload("saddr", "192.168.100.7"), {"masquerade": None}]})
    assert masquerade.recognise_source(found) == (masquerade.MASQUERADE, Source("192.168.100.7/32"))


@pytest.mark.parametrize(
    "addition",
    [
        {"masquerade": {"flags": "random"}},
        {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}},
        {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 80}},
        {"limit": {"rate": 1, "per": "second"}},
        {"something": {}, "of a later": "release"},
        "something of a later release",
        {"match": {"op": ">", "left": {"payload": {"protocol": "ip", "field": "ttl"}}, "right": 3}},
    ],
)
def test_altered_rule_is_recognised_and_differs(addition: Any) -> None:
    found = nft_parser.parse_rule({**MASQUERADE, "expr": [addition, *MASQUERADE["expr"]]})  # type: ignore[misc]  # JSON
    assert masquerade.recognise_source(found) == (masquerade.MASQUERADE, OUT)
    assert found.criteria != frozenset(OUT.specs()[0].criteria)


def test_counter_and_log_are_not_conditions() -> None:
    expr = [{"counter": {"packets": 1, "bytes": 2}}, {"log": {"prefix": "x"}}, {"drop": None}]
    assert nft_parser.parse_rule({"expr": expr}).is_final
    assert not nft_parser.parse_rule({"expr": [{"limit": {"rate": 1, "per": "second"}}, *expr]}).is_final


@pytest.mark.parametrize("states", [["established", "related"], {"set": ["related", "established"]}])
def test_connection_states_as_list_and_as_set(states: Any) -> None:
    expr = [
        payload("saddr", "192.168.100.0/24", "!="),
        payload("daddr", "192.168.100.0/24"),
        {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth0"}},
        {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": states}},
        {"accept": None},
    ]
    found = nft_parser.parse_rule({"expr": expr})
    assert found.criteria == frozenset(OUT.specs()[2].criteria)
    assert masquerade.recognise_source(found) == ("replies eth0", OUT)


def test_accept_of_somebody_else_is_not_recognised() -> None:
    assert (
        masquerade.recognise_source(nft_parser.parse_rule({"expr": [payload("saddr", "10.0.0.0/8"), {"accept": None}]}))
        is None
    )


def test_rules_of_irrelevant_tables_are_skipped() -> None:
    found = nft_parser.parse_ruleset(
        document(
            table("ip", "huge"),
            chain("ip", "huge", "output", type="filter", hook="output", prio=0, policy="drop"),
            rule("ip", "huge", "output", {"something new": {}, "and": "strange"}),
        )
    )
    assert found.chains[Place(NFTABLES, "ip", "huge", "output")].rules == ()


@pytest.mark.parametrize(("flags", "locked", "dormant"), [(0, 0, 0), (1, 0, 1), (2, 1, 0), (3, 1, 1), (4, 0, 0)])
def test_table_flags_come_from_the_kernel(flags: int, locked: int, dormant: int) -> None:
    # nft 1.0.6 prints this for any flag.
    printed = document(table("inet", "filter", flags="Lester Gooch #5"))
    found = nft_parser.parse_ruleset(printed, {("inet", "filter"): flags}).tables["inet", "filter"]
    assert (found.locked, found.dormant) == (bool(locked), bool(dormant))


def test_objects_besides_chains_are_counted() -> None:
    a_set = {"set": {"family": "ip", "table": "netns_fabric", "name": "s", "type": "ipv4_addr", "handle": 3}}
    found = nft_parser.parse_ruleset(document(table("ip", "netns_fabric"), a_set))
    assert found.tables["ip", "netns_fabric"].further == 1


def test_extensions_of_iptables() -> None:
    xt = [{"xt": {"type": "match", "name": "comment"}}, {"xt": None}, {"xt": {"type": "target", "name": "REJECT"}}]
    assert nft_parser.parse_rule({"expr": xt}).criteria == frozenset()
    assert nft_parser.parse_rule({"expr": [{"xt": {"type": "match", "name": "addrtype"}}]}).criteria


@pytest.mark.parametrize(
    ("content", "target"),
    [
        ({"addr": {"range": ["203.0.113.7", "203.0.113.9"]}}, "203.0.113.7-203.0.113.9"),
        # nft prints a range that is exactly a network as that network.
        ({"addr": {"prefix": {"addr": "203.0.113.8", "len": 29}}}, "203.0.113.8-203.0.113.15"),
        ({"addr": {"prefix": {"addr": "fd00::8", "len": 125}}, "family": "ip6"}, "fd00::8-fd00::f"),
        (
            {"addr": {"prefix": {"addr": "203.0.113.8", "len": 29}}, "flags": "random"},
            "203.0.113.8-203.0.113.15 random",
        ),
    ],
)
def test_ranges_of_sources(content: Any, target: str) -> None:
    assert nft_parser.parse_rule({"expr": [{"snat": content}]}).target == target


@pytest.mark.parametrize(
    "content",
    [
        {"addr": {"prefix": {"addr": "10.0.0.8", "len": 29}}, "port": 80},
        {"addr": {"prefix": {"addr": "10.0.0.0", "len": 24}}, "flags": "netmap", "type_flags": "prefix"},
        {"addr": {"map": {"key": {}, "data": "@hosts"}}},
    ],
)
def test_what_is_more_than_a_range_stays_as_nft_prints_it(content: Any) -> None:
    assert nft_parser.parse_rule({"expr": [{"snat": content}]}).target.startswith("{")

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What rules for NAT make of addresses."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._firewall import iptables_parser, nft_parser
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import NFTABLES, Place
from ansible_collections.netns.fabric.plugins.module_utils._firewall.translations import (
    DNAT,
    MASQUERADE,
    NOT_UNDERSTOOD,
    REDIRECT,
    SNAT,
    Translation,
    translation_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.walk import Ending, statements_of

PLACE = Place(NFTABLES, "ip", "nat", "prerouting")
ADDRESS, SIX = ip_address("10.0.0.1"), ip_address("fd00::1")


@pytest.mark.parametrize(
    ("words", "verdict", "expected"),
    [
        ("-j DNAT --to-destination 10.0.0.1:80", "dnat", Translation(DNAT, ADDRESS, 80)),
        ("-j DNAT --to-destination [fd00::1]:80", "dnat", Translation(DNAT, SIX, 80)),
        ("-j DNAT --to-destination fd00::1", "dnat", Translation(DNAT, SIX)),
        ("-j DNAT --to-destination 10.0.0.1-10.0.0.9", "dnat", Translation(NOT_UNDERSTOOD)),
        ("-j DNAT --to-destination 10.0.0.1:80-90", "dnat", Translation(NOT_UNDERSTOOD)),
        ("-j MASQUERADE", "masquerade", Translation(MASQUERADE)),
        ("-j SNAT --to-source 10.0.0.1", "snat", Translation(SNAT, ADDRESS)),
        ("-j SNAT --to-source 10.0.0.1-10.0.0.9 --persistent", "snat", Translation(SNAT, ADDRESS)),
        ("-j SNAT --to-source 10.0.0.1:1-9", "snat", Translation(NOT_UNDERSTOOD)),
        ("-p tcp -j REDIRECT --to-ports 8080", "redirect", Translation(REDIRECT, port=8080)),
        ("-p tcp -j REDIRECT --to-ports 8080-8090", "redirect", Translation(NOT_UNDERSTOOD)),
        ("-j NETMAP --to 10.0.0.0/24", "netmap", Translation(NOT_UNDERSTOOD)),
        ("-j ACCEPT", "accept", None),
    ],
)
def test_iptables(words: str, verdict: str, expected: Translation | None) -> None:
    rule = iptables_parser.parse_rule(words.split(), 6 if "fd00" in words else 4)
    assert translation_of(Ending(PLACE, verdict, rule)) == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"dnat": {"addr": "10.0.0.1", "port": 80, "family": "ip"}}, Translation(DNAT, ADDRESS, 80)),
        ({"dnat": {"addr": {"map": {}}}}, Translation(NOT_UNDERSTOOD)),
        ({"snat": {"addr": "10.0.0.1"}}, Translation(SNAT, ADDRESS)),
        ({"snat": {"addr": {"range": ["10.0.0.1", "10.0.0.9"]}, "flags": "random"}}, Translation(SNAT, ADDRESS)),
        ({"snat": {"addr": {"prefix": {"addr": "10.0.0.0", "len": 29}}}}, Translation(SNAT, ip_address("10.0.0.0"))),
        ({"redirect": {"port": 81}}, Translation(REDIRECT, port=81)),
        ({"redirect": None}, Translation(REDIRECT)),
        ({"masquerade": None}, Translation(MASQUERADE)),
    ],
)
def test_nft(statement: dict[str, Any], expected: Translation) -> None:
    rule = nft_parser.parse_rule({"expr": [statement]})
    verdict = rule.verdict or statements_of(rule)[0]
    assert translation_of(Ending(PLACE, verdict, rule)) == expected


def test_policy() -> None:
    assert translation_of(Ending(PLACE, "accept")) is None

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The expressions by which OVN selects packets."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.matches import (
    address_or_network,
    all_of,
    find_set_versions,
    find_version_error,
    group_name,
    is_port,
    match_addresses,
    named_groups,
    names_set,
    parse_traffic,
)


def test_terms_are_put_together() -> None:
    assert all_of(["", "a", "b"]) == "a && b"
    assert is_port("inport", 'a"b') == 'inport == "a\\"b"'


def test_addresses_of_both_ip_versions() -> None:
    networks = [address_or_network(text) for text in ("10.0.0.1", "10.1.0.0/16", "fd00::/64")]
    assert match_addresses("src", networks[:2]) == "ip4.src == {10.0.0.1, 10.1.0.0/16}"
    assert match_addresses("src", []) == ""
    found = match_addresses("dst", networks, [("web_ip4", 4), ("web_ip6", 6)])
    assert found == "(ip4.dst == {10.0.0.1, 10.1.0.0/16, $web_ip4} || ip6.dst == {fd00::/64, $web_ip6})"
    assert find_version_error("icmp", networks) != ""
    assert find_version_error("icmp", networks[:1]) == find_version_error("tcp", networks) == ""


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, ""),
        ({"protocol": "udp"}, "udp"),
        ({"protocol": "tcp", "ports": ["80", "443"]}, "tcp && tcp.dst == {80, 443}"),
        ({"protocol": "tcp", "ports": ["8000-8100"]}, "tcp && 8000 <= tcp.dst <= 8100"),
        ({"protocol": "sctp", "ports": ["7", "1-2"]}, "sctp && (sctp.dst == {7} || 1 <= sctp.dst <= 2)"),
        ({"protocol": "icmp", "icmp_type": 8, "icmp_code": 0}, "icmp4 && icmp4.type == 8 && icmp4.code == 0"),
        ({"protocol": "icmp6"}, "icmp6"),
    ],
)
def test_traffic(options: dict[str, Any], match: str) -> None:
    checks = Checks(Entry("x"))
    assert parse_traffic(checks, options, "") == match
    checks.done()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ports": ["80"]}, "ports: only tcp, udp, sctp have ports"),
        ({"protocol": "icmp", "ports": ["80"]}, "ports: only tcp"),
        ({"protocol": "tcp", "ports": ["x"]}, r"ports\[0\]"),
        ({"protocol": "tcp", "ports": []}, "ports: an empty list matches nothing; leave it out for all ports"),
        ({"protocol": "tcp", "icmp_type": 8}, "icmp_type: it is for ICMP"),
        ({"protocol": "icmp", "icmp_code": 256}, "icmp_code: 256"),
    ],
)
def test_wrong_traffic(options: dict[str, Any], message: str) -> None:
    checks = Checks(Entry("x"))
    parse_traffic(checks, options, "")
    with pytest.raises(InvalidEntries, match=message):
        checks.done()


@pytest.mark.parametrize("name", ["", "a-b", "1a", "a b", "$a", "a\n"])
def test_a_group_that_an_expression_could_not_name(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a group"):
        group_name(name)
    assert group_name("web_1.x") == "web_1.x"


@pytest.mark.parametrize(
    ("match", "versions"),
    [
        ("outport == @db && ip && ip4.src == {$a}", {4}),
        ("(ip4.src == {192.0.2.1, $a} || ip6.src == {$a, $b}) && tcp", {4, 6}),
        ("ip6.dst != $a", {6}),
        ("ip4.src == {$a.b, $a_ip4, $ab} && ip6.src == fd00::1", set()),
        ("arp.spa == $a", set()),
    ],
)
def test_the_versions_for_which_an_expression_names_a_set(match: str, versions: set[int]) -> None:
    assert find_set_versions(match, "a") == versions
    assert names_set(match, "a") == ("$a." not in match)


@pytest.mark.parametrize(
    ("match", "groups"),
    [
        ("outport == @db && ip && ip4.src == {$a, $web_ip4}", {"db", "a", "web", "web_ip4"}),
        ("ip6.dst != $a.b_ip6 || inport == @_c_ip4_x", {"a.b", "a.b_ip6", "_c_ip4_x"}),
        ('ip4 && inport == "db"', set()),
    ],
)
def test_the_groups_that_an_expression_names(match: str, groups: set[str]) -> None:
    assert named_groups(match) == groups

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a namespace does with addresses: it has them, routes to them, answers for them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._facts.routing import NextHop, NoRoute, Router
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    Link,
    NamespaceState,
    Route,
    Rule,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NextHop as HopOfSeveral

LINKS = (
    Link(1, "lo", loopback=True, up=True),
    Link(2, "eth0", kind="veth", up=True),
    Link(3, "eth1.7", kind="veth", up=True),
    Link(4, "eth2", kind="veth"),
)
ADDRESSES = (
    Address(2, ip_interface("10.0.0.1/24")),
    Address(2, ip_interface("fe80::1/64")),
    Address(3, ip_interface("10.0.1.1/24")),
    Address(3, ip_interface("10.0.1.2/24"), refused=True),
    Address(3, ip_interface("fd00::1/64")),
)
ROUTES = (
    Route("10.0.0.0/24", device=2),
    Route("10.0.1.0/24", device=3),
    Route("0.0.0.0/0", gateway="10.0.0.254", device=2, metric=10),
    Route("0.0.0.0/0", gateway="10.0.1.254", device=3, metric=20),
    Route("10.5.0.0/16", kind="blackhole"),
    Route("10.6.0.0/16", next_hops=(HopOfSeveral("10.0.0.9", 2), HopOfSeveral("10.0.1.9", 3))),
    Route("10.7.0.0/16", device=4),
    Route("fd00::/64", device=3),
)


def router(*routes: Route, **parameters: str) -> Router:
    state = NamespaceState("red", LINKS, ADDRESSES, (*ROUTES, *routes))
    return Router(state, {key.replace("__", "."): value for key, value in parameters.items()})


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.0.9", ("eth0", "10.0.0.9")),
        ("10.0.1.9", ("eth1.7", "10.0.1.9")),
        ("192.0.2.1", ("eth0", "10.0.0.254")),
        ("10.7.0.1", ("eth0", "10.0.0.254")),  # the link of the better route is down
        ("fd00::9", ("eth1.7", "fd00::9")),
    ],
)
def test_routes(address: str, expected: tuple[str, str]) -> None:
    found = router().route(ip_address(address))
    assert isinstance(found, NextHop)
    assert (found.link.name, str(found.address), found.doubt) == (*expected, "")


@pytest.mark.parametrize(
    ("address", "part", "is_unknown"),
    [("10.5.0.1", "blackhole", False), ("10.6.0.1", "several next hops", True), ("fd00:1::1", "no route", False)],
)
def test_no_route(address: str, part: str, is_unknown: bool) -> None:
    found = router().route(ip_address(address))
    assert isinstance(found, NoRoute)
    assert part in found.reason
    assert found.is_unknown is is_unknown


def test_policy_routing_is_a_doubt() -> None:
    """It is one of the IP version that has further rules: the tables alone say nothing."""
    default = Rule(4, 32766, table=254, protocol=2)
    for rules, doubt in (((default,), ""), ((default, Rule(4, 1000, table=100)), "the rules of its policy routing")):
        state = replace(router(Route("0.0.0.0/0", device=2, table=100)).state, rules=rules)
        found = Router(state, {}).route(ip_address("192.0.2.1"))
        assert isinstance(found, NextHop)
        assert found.doubt == doubt
        refused = Router(state, {}).route(ip_address("10.5.0.1"))
        assert isinstance(refused, NoRoute)
        assert refused.is_unknown is bool(doubt)
        assert Router(state, {}).route(ip_address("fd00:1::1")) == NoRoute("it has no route to fd00:1::1")


def test_throw_ends_the_lookup_in_its_table() -> None:
    """The less specific routes of the same table do not count (ip-route(8))."""
    found = router(Route("192.0.2.0/24", kind="throw")).route(ip_address("192.0.2.1"))
    assert isinstance(found, NoRoute)
    assert not found.is_unknown


def test_addresses() -> None:
    known = router()
    assert known.has(ip_address("10.0.1.1"), 2)
    assert not known.has(ip_address("10.0.1.2"))
    assert known.has(ip_address("fe80::1"), 2)
    assert not known.has(ip_address("fe80::1"), 3)
    assert str(known.address_on(LINKS[1], 4)) == "10.0.0.1"
    assert str(known.address_on(LINKS[1], 6, ip_address("fe80::9"))) == "fe80::1"
    assert str(known.neighbour_address(LINKS[1], 4)) == "10.0.0.2"
    assert known.neighbour_address(LINKS[1], 6) is None


def test_who_answers_for_an_address() -> None:
    assert {str(address) for address in router().answered(4, 2)} == {"10.0.0.1", "10.0.1.1"}
    strict = Router(router().state, {"net.ipv4.conf.all.arp_ignore": "1"})
    assert "10.0.1.1" not in map(str, strict.answered(4, 2))
    silent = Router(router().state, {"net.ipv4.conf.eth0.arp_ignore": "8"})
    assert list(silent.answered(4, 2)) == []
    assert {str(address) for address in router().answered(6, 2)} == {"10.0.0.1", "fe80::1"}


@pytest.mark.parametrize(
    ("parameters", "version", "expected"),
    [
        ({}, 4, False),
        ({"net.ipv4.conf.eth1/7.forwarding": "1"}, 4, True),
        ({"net.ipv4.conf.eth1/7.forwarding": "1"}, 6, False),
        ({"net.ipv6.conf.all.forwarding": "1"}, 6, True),
        ({"net.ipv6.conf.eth1/7.force_forwarding": "1"}, 6, True),
    ],
)
def test_forwarding(parameters: dict[str, Any], version: int, expected: bool) -> None:
    assert Router(router().state, parameters).forwards(version, LINKS[2]) is expected


def test_sources() -> None:
    own, elsewhere = ip_address("10.0.0.9"), ip_address("10.5.0.1")
    assert not router().refuses_source(own, LINKS[2])
    strict = Router(router().state, {"net.ipv4.conf.all.rp_filter": "1"})
    assert strict.refuses_source(own, LINKS[2])
    assert not strict.refuses_source(own, LINKS[1])
    loose = Router(router().state, {"net.ipv4.conf.eth1/7.rp_filter": "2"})
    assert not loose.refuses_source(own, LINKS[2])
    assert loose.refuses_source(elsewhere, LINKS[2])

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The links of a router that have to forward."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceState, NextHop, Route
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import RTPROT_KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_forwarding import (
    Router,
    forwarding_parameter,
    links_towards,
    required_links,
    ways_out,
)

NAMES = ("lo", "lan0", "wan0", "vpn0")
LINKS = tuple(Link(index, name, loopback=name == "lo") for index, name in enumerate(NAMES, 1))
LAN, WAN, VPN = 2, 3, 4


def router(*routes: tuple[str, int]) -> Router:
    state = NamespaceState(None, LINKS, routes=tuple(Route(destination, device=link) for destination, link in routes))
    return Router(state)


CONNECTED = (("192.168.100.0/24", LAN), ("198.51.100.0/24", WAN), ("10.0.0.0/8", VPN))


@pytest.mark.parametrize(
    ("routes", "way_out", "expected"),
    [
        ((*CONNECTED, ("0.0.0.0/0", WAN)), None, ["lan0", "wan0"]),
        ((*CONNECTED, ("0.0.0.0/0", WAN)), "vpn0", ["lan0", "vpn0"]),
        # Without a default route the way out is anywhere else.
        (CONNECTED, None, ["lan0", "vpn0", "wan0"]),
        # A network behind a part of it, and one that is reached by a larger one.
        ((("192.168.100.128/25", VPN), ("192.168.0.0/16", LAN), ("0.0.0.0/0", WAN)), None, ["lan0", "vpn0", "wan0"]),
        ((("192.168.0.0/16", VPN), ("192.168.64.0/18", LAN), ("0.0.0.0/0", WAN)), None, ["lan0", "wan0"]),
        ((("0.0.0.0/0", WAN),), None, ["wan0"]),
        ((), None, []),
    ],
)
def test_required_links(routes: tuple[tuple[str, int], ...], way_out: str | None, expected: list[str]) -> None:
    assert required_links(router(*routes), ip_network("192.168.100.0/24"), way_out) == expected


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([Route("0.0.0.0/0", device=WAN)], ["wan0"]),
        ([Route("0.0.0.0/0", device=WAN), Route("10.0.0.0/8", "198.51.100.3", VPN)], ["vpn0", "wan0"]),
        ([Route("0.0.0.0/0", next_hops=(NextHop(device=WAN), NextHop(device=VPN)))], ["vpn0", "wan0"]),
        # Neighbours, the network's own link, the other IP version, and what is dropped.
        ([Route("172.17.0.0/16", device=VPN, protocol=RTPROT_KERNEL)], []),
        ([Route("192.168.0.0/16", device=LAN)], []),
        ([Route("::/0", device=WAN)], []),
        ([Route("0.0.0.0/0", device=WAN, kind="blackhole")], []),
    ],
)
def test_ways_out(routes: list[Route], expected: list[str]) -> None:
    lan = Route("192.168.100.0/24", device=LAN, protocol=RTPROT_KERNEL)
    state = NamespaceState(None, LINKS, routes=(lan, *routes))
    assert ways_out(state, 4, ip_network("192.168.100.0/24")) == expected


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ((*CONNECTED, ("0.0.0.0/0", WAN)), ("lan0",)),
        ((*CONNECTED, ("192.168.100.0/28", VPN)), ("vpn0",)),
        ((*CONNECTED, ("192.168.100.1/32", VPN), ("192.168.0.0/16", WAN)), ("vpn0",)),
        ((("192.168.0.0/16", WAN), ("192.168.101.0/24", LAN)), ("wan0",)),
    ],
)
def test_an_address_is_reached_by_the_most_specific_route(
    routes: tuple[tuple[str, int], ...], expected: tuple[str, ...]
) -> None:
    assert links_towards(router(*routes).state, ip_network("192.168.100.1")) == expected


def test_a_link_that_does_not_exist_yet_has_the_default() -> None:
    closed = Router(NamespaceState(None), forwarding={"lan0": "1", "wan0": "0", "default": "0"})
    assert [closed.forwards_from(name) for name in ("lan0", "wan0", "new0")] == [True, False, False]
    assert Router(NamespaceState(None), forwarding={"default": "1"}).forwards_from("new0")


def test_a_name_with_a_dot() -> None:
    assert forwarding_parameter("eth0.100") == "net.ipv4.conf.eth0/100.forwarding"

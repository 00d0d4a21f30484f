# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages that are rendered from a template are what pyroute2 would have encoded."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.nsidmsg import nsidmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from ansible_collections.netns.fabric.plugins.module_utils._kernel import templates

# One letter alone, several of the same, what is longer in bytes than in characters, and the longest (IFNAMSIZ).
NAMES = st.text("ab0-é", min_size=1, max_size=7) | st.sampled_from(["a" * 15, "b" * 15])
NUMBERS = st.integers(0, 2**32 - 1)
IPV4, IPV6 = st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str)


def assert_as_encoded(message: type[Any], kind: int, attributes: list[tuple[str, Any]], **fields: int) -> None:
    encoded = templates._encode(message(), kind, 0x600, attributes, fields)
    assert bytes(templates._build(message(), kind, 0x600, attributes, fields)) == encoded


@given(NAMES, NAMES, NUMBERS, NUMBERS, st.sampled_from([0, 7]), st.booleans())
def test_a_veth_pair(name: str, peer: str, descriptor: int, far: int, index: int, with_mac: bool) -> None:
    ends = [[("IFLA_IFNAME", one), ("IFLA_NET_NS_FD", fd)] for one, fd in ((name, descriptor), (peer, far))]
    if with_mac:
        ends[1].append(("IFLA_ADDRESS", "02:00:00:00:00:01"))
    data = {"attrs": [("VETH_INFO_PEER", {"attrs": ends[1], "index": index})]}
    information = {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", data)]}
    assert_as_encoded(ifinfmsg, 16, [*ends[0], ("IFLA_LINKINFO", information)], index=index)


@given(NAMES, NAMES, st.integers(0, 1))
def test_a_link(name: str, alias: str, flags: int) -> None:
    assert_as_encoded(ifinfmsg, 16, [("IFLA_IFNAME", name), ("IFLA_IFALIAS", alias)], flags=flags, change=1)


@pytest.mark.parametrize(("family", "addresses"), [(socket.AF_INET, IPV4), (socket.AF_INET6, IPV6)])
def test_addresses_and_routes(family: int, addresses: st.SearchStrategy[str]) -> None:
    @given(addresses, addresses, NUMBERS)
    def check(one: str, other: str, device: int) -> None:
        pair: list[tuple[str, Any]] = [("IFA_LOCAL", one), ("IFA_ADDRESS", other)]
        assert_as_encoded(ifaddrmsg, 20, pair, family=family, prefixlen=24, index=3)
        hop: list[tuple[str, Any]] = [("RTA_DST", one), ("RTA_GATEWAY", other), ("RTA_OIF", device)]
        rest: list[tuple[str, Any]] = [("RTA_PRIORITY", 5), ("RTA_PREFSRC", one), ("RTA_TABLE", 254)]
        assert_as_encoded(rtmsg, 24, hop + rest, family=family, dst_len=24)

    check()


@given(NUMBERS)
def test_the_id_of_a_namespace(descriptor: int) -> None:
    assert_as_encoded(nsidmsg, 90, [("NETNSA_FD", descriptor)])


def test_pyroute2_encodes_one_message_of_a_form(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = []

    def counting(*arguments: Any) -> bytes:
        encoded.append(arguments)
        return original(*arguments)

    original = templates._encode
    monkeypatch.setattr(templates, "_encode", counting)  # to count what is taken from it
    monkeypatch.setattr(templates, "_TEMPLATES", {})  # other tests have filled it
    for number in range(10):
        templates.link_message(16, 0, [("IFLA_IFNAME", f"tap{number}")], index=0)
    assert len(encoded) == 1
    templates.link_message(16, 0, [("IFLA_IFNAME", "tap10")], index=0)
    templates.link_message(17, 0, [("IFLA_IFNAME", "tap1")], index=0)
    assert len(encoded) == 3

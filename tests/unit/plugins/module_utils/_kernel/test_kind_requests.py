# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests about links of any kind: changes, restored links, and attributes that the kernel does not take."""

from __future__ import annotations

import struct

from ansible_collections.netns.fabric.plugins.module_utils._kernel import kind_requests, netlink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS, data_of
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import attribute
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import End, Link
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    HEADER,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINK,
    IFLA_LINKINFO,
    IFLA_NET_NS_FD,
    LINK_HEADER,
)

START = HEADER.size + LINK_HEADER.size


def attributes(request: bytearray) -> dict[int, bytes]:
    return netlink.attributes_of(bytes(request), START)


def test_change_has_what_changes_only() -> None:
    request = kind_requests.change_link("vx0", KINDS["vxlan"], {1: b"\5\0\0\0"}, {"ttl": 9})
    assert data_of(attributes(request)[IFLA_LINKINFO]) == {5: b"\x09"}


def test_change_of_a_gre_tunnel_repeats_what_stays() -> None:
    kind = KINDS["gre"]
    current = {1: b"\7\0\0\0", **kind.encode({"remote": "192.0.2.2", "key": 7, "csum": False})}
    found = data_of(attributes(kind_requests.change_link("gre0", kind, current, {"csum": True}))[IFLA_LINKINFO])
    assert found[1] == b"\7\0\0\0"
    assert kind.decode(found)["key"] == 7
    assert kind.decode(found)["csum"]
    assert kind.decode(found)["remote"] == "192.0.2.2"


def restored() -> bytearray:
    data = attribute(1, b"\4\0\0\0") + attribute(8, b"\0\0\0\0") + attribute(7, b"\1\0\0\0")
    information = attribute(IFLA_INFO_KIND, b"macvlan\0") + attribute(IFLA_INFO_DATA, data)
    link = Link(9, "mv0", "macvlan", "02:00:00:00:00:01", base=End(None, 7), information=information)
    return kind_requests.recreate_link(link, 5, None)


def test_link_is_restored_with_its_index_and_what_it_was_on() -> None:
    request = restored()
    assert LINK_HEADER.unpack_from(request, HEADER.size)[2] == 9
    found = attributes(request)
    assert found[IFLA_LINK] == struct.pack("=I", 7)
    assert found[IFLA_NET_NS_FD] == struct.pack("=I", 5)
    assert data_of(found[IFLA_LINKINFO]) == {1: b"\4\0\0\0", 8: b"\0\0\0\0", 7: b"\1\0\0\0"}


def test_attribute_that_the_kernel_does_not_take_is_cut_out() -> None:
    request = restored()
    offset = bytes(request).index(attribute(8, b"\0\0\0\0"))
    shorter = kind_requests.without_refused(request, offset)
    assert shorter is not None
    assert HEADER.unpack_from(shorter)[0] == len(shorter) == len(request) - 8
    assert data_of(attributes(shorter)[IFLA_LINKINFO]) == {1: b"\4\0\0\0", 7: b"\1\0\0\0"}
    assert kind_requests.without_refused(request, START) is None

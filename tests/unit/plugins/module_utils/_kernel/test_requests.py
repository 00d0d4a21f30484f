# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the requests ask the kernel for."""

from __future__ import annotations

import struct
from ipaddress import ip_interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._kernel import messages, netlink, requests, uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op


def of_request(request: bytearray, header: struct.Struct) -> tuple[tuple[Any, ...], dict[int, bytes]]:
    """Return the fields and attributes of a request."""
    assert struct.unpack_from("=I", request)[0] == len(request)
    fields = header.unpack_from(request, uapi.HEADER.size)
    return fields, netlink.attributes_of(bytes(request), uapi.HEADER.size + header.size)


def attribute(number: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, number) + value + b"\0" * (-len(value) % 4)


# Addresses


ADDRESSES = st.one_of(
    st.builds("{}/{}".format, st.ip_addresses(v=4), st.integers(0, 32)),
    st.builds("{}/{}".format, st.ip_addresses(v=6), st.integers(0, 128)),
)


@given(ADDRESSES, st.integers(1, 1 << 20))
def test_a_requested_address_is_read_back(text: str, index: int) -> None:
    request = requests.address_request(uapi.RTM_NEWADDR, 0, index, text)
    found = messages.parse_address(bytes(request))
    assert (found.index, found.interface, found.peer) == (index, ip_interface(text), None)


def test_an_ipv6_address_skips_duplicate_address_detection() -> None:
    flags = of_request(requests.address_request(uapi.RTM_NEWADDR, 0, 2, "fd00::1/64"), uapi.ADDRESS_HEADER)[1]
    assert flags[uapi.IFA_FLAGS] == struct.pack("=I", uapi.IFA_F_NODAD)
    for kind, text in ((uapi.RTM_NEWADDR, "192.0.2.1/24"), (uapi.RTM_DELADDR, "fd00::1/64")):
        request = requests.address_request(kind, 0, 2, text)
        assert uapi.IFA_FLAGS not in of_request(request, uapi.ADDRESS_HEADER)[1]


@pytest.mark.parametrize(("text", "scope"), [("192.0.2.1/24", 0), ("127.0.0.2/8", 254), ("::1/128", 0)])
def test_the_scope_of_an_address_is_that_of_ip_address(text: str, scope: int) -> None:
    fields, _attributes = of_request(requests.address_request(uapi.RTM_NEWADDR, 0, 2, text), uapi.ADDRESS_HEADER)
    assert fields[3] == scope


# Requests for links


def test_a_veth_pair_is_created_in_its_namespaces() -> None:
    pair = op.CreateVeth(op.NewEnd("red", "eth0", "02:00:00:00:00:0a", 9000), op.NewEnd(None, "tap"))
    request = requests.new_veth(pair, 11, None, indexes=(0, 77))
    fields, attributes = of_request(request, uapi.LINK_HEADER)
    assert fields[2] == 0
    assert attributes[uapi.IFLA_IFNAME].rstrip(b"\0") == b"eth0"
    assert attributes[28] == struct.pack("=I", 11)  # IFLA_NET_NS_FD
    assert attributes[uapi.IFLA_MTU] == struct.pack("=I", 9000)
    information = netlink.attributes_of(attributes[uapi.IFLA_LINKINFO], 0)
    assert information[uapi.IFLA_INFO_KIND].rstrip(b"\0") == b"veth"
    peer = netlink.attributes_of(information[2], 0)[1]
    assert struct.unpack_from("=i", peer, 4)[0] == 77
    inside = netlink.attributes_of(peer, 16)
    assert inside[uapi.IFLA_IFNAME].rstrip(b"\0") == b"tap"
    assert 28 not in inside


def test_an_alias_is_removed_by_an_empty_one() -> None:
    _fields, attributes = of_request(requests.set_link("eth0", ("IFLA_IFALIAS", "")), uapi.LINK_HEADER)
    assert attributes[uapi.IFLA_IFALIAS].rstrip(b"\0") == b""


def test_a_link_is_moved_by_its_index_and_may_get_another() -> None:
    request = requests.set_link_at(5, ("IFLA_NET_NS_FD", 3), ("IFLA_IFNAME", "x"), ("IFLA_NEW_IFINDEX", 9))
    fields, attributes = of_request(request, uapi.LINK_HEADER)
    assert fields[2] == 5
    assert struct.pack("=i", 9) in attributes.values()


def test_up_and_down() -> None:
    fields, _attributes = of_request(requests.set_link("eth0", flags=uapi.IFF_UP, change=uapi.IFF_UP), uapi.LINK_HEADER)
    assert fields[3:] == (1, 1)

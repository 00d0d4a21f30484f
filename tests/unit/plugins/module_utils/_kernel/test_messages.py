# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's messages: what is read from them, and what the requests say."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._kernel import messages
from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink as rtnetlink
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op

HEADER = struct.pack("=IHHII", 0, 0, 0, 0, 0)


def attribute(number: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, number) + value + b"\0" * (-len(value) % 4)


def link_message(index: int = 2, flags: int = 0, *attributes: bytes) -> bytes:
    return HEADER + struct.pack("=BxHiII", 0, 1, index, flags, 0) + b"".join(attributes)


def address_message(text: str, flags: int = 0x80, *more: bytes, peer: str | None = None) -> bytes:
    interface = ip_interface(text)
    family = socket.AF_INET if interface.version == 4 else socket.AF_INET6
    header = struct.pack("=BBBBI", family, interface.network.prefixlen, flags & 0xFF, 0, 7)
    local = attribute(2, interface.ip.packed) if interface.version == 4 or peer else b""
    far = attribute(1, ip_address(peer).packed if peer else interface.ip.packed)
    return HEADER + header + far + local + attribute(8, struct.pack("=I", flags)) + b"".join(more)


def route_message(*attributes: bytes, family: int = 2, length: int = 0, **fields: int) -> bytes:
    values = {"source": 0, "tos": 0, "table": 254, "protocol": 4, "scope": 0, "kind": 1, "flags": 0, **fields}
    return HEADER + struct.pack("=BBBBBBBBI", family, length, *values.values()) + b"".join(attributes)


def of_request(request: bytearray, header: struct.Struct) -> tuple[tuple[Any, ...], dict[int, bytes]]:
    """The fields and attributes of a request."""
    assert struct.unpack_from("=I", request)[0] == len(request)
    fields = header.unpack_from(request, messages.START)
    return fields, rtnetlink.attributes_of(bytes(request), messages.START + header.size)


# Links


def test_a_veth_whose_far_end_is_elsewhere() -> None:
    kind = attribute(18, attribute(1, b"veth\0"))
    found = messages.link_of(
        link_message(
            9,
            messages.IFF_UP,
            attribute(3, b"eth0\0"),
            attribute(1, bytes.fromhex("02000000000a")),
            attribute(4, struct.pack("=I", 9000)),
            attribute(5, struct.pack("=I", 4)),
            attribute(37, struct.pack("=i", 3)),
            attribute(20, b"netns.fabric:lab,two\0"),
            attribute(10, struct.pack("=I", 8)),
            attribute(30, struct.pack("=I", 1)),
            kind,
        )
    )
    link = found.link
    assert (link.index, link.name, link.kind, link.mac, link.mtu) == (9, "eth0", "veth", "02:00:00:00:00:0a", 9000)
    assert (link.up, link.loopback, link.master, link.promiscuity) == (True, False, 8, 1)
    assert link.owners == ("lab", "two")
    assert (found.peer_index, found.peer_nsid) == (4, 3)


def test_a_physical_device_has_no_kind_and_a_far_end_beside_it_no_namespace_id() -> None:
    found = messages.link_of(link_message(1, messages.IFF_LOOPBACK, attribute(3, b"lo\0"), attribute(5, b"\5\0\0\0")))
    assert (found.link.kind, found.link.loopback, found.link.up) == ("", True, False)
    assert found.peer_nsid is None


# Addresses


@pytest.mark.parametrize(
    ("message", "made_by_kernel"),
    [
        (address_message("192.0.2.1/24"), False),
        (address_message("127.0.0.1/8"), True),
        (address_message("127.0.0.2/8"), False),
        (address_message("::1/128"), True),
        (address_message("fd00::1/64"), False),
        (address_message("fd00::1/64", 0x0), True),  # by a router's advertisement: not permanent
        (address_message("fe80::1/64"), True),  # a kernel that does not say who made it
        (address_message("fe80::1/64", 0x80, attribute(11, b"\3")), True),
        (address_message("fe80::1/64", 0x80, attribute(11, b"\0")), False),
    ],
)
def test_whose_address_it_is(message: bytes, made_by_kernel: bool) -> None:
    assert messages.address_of(message).made_by_kernel is made_by_kernel


def test_addresses() -> None:
    found = messages.address_of(address_message("192.0.2.1/24", 0x81))
    assert (found.index, str(found.interface), found.secondary, found.peer) == (7, "192.0.2.1/24", True, None)
    assert not messages.address_of(address_message("fd00::1/64", 0x81)).secondary  # there it means `temporary`
    point_to_point = messages.address_of(address_message("10.0.0.1/32", peer="10.0.0.2"))
    assert (str(point_to_point), str(point_to_point.network)) == ("10.0.0.1 peer 10.0.0.2/32", "10.0.0.2/32")
    assert str(messages.address_of(address_message("fd00::1/128", peer="fd00::2"))) == "fd00::1 peer fd00::2/128"


def test_which_link_an_address_belongs_to() -> None:
    message = address_message("192.0.2.1/24")
    assert messages.belongs(message, socket.AF_INET, 7)
    assert not messages.belongs(message, socket.AF_INET6, 7)
    assert not messages.belongs(message, socket.AF_INET, 8)


ADDRESSES = st.one_of(
    st.builds("{}/{}".format, st.ip_addresses(v=4), st.integers(0, 32)),
    st.builds("{}/{}".format, st.ip_addresses(v=6), st.integers(0, 128)),
)


@given(ADDRESSES, st.integers(1, 1 << 20))
def test_what_is_asked_for_is_what_will_be_read(text: str, index: int) -> None:
    request = messages.address_request(rtnetlink.RTM_NEWADDR, 0, index, text)
    found = messages.address_of(bytes(request))
    assert (found.index, found.interface, found.peer) == (index, ip_interface(text), None)


def test_an_ipv6_address_is_to_be_usable_at_once() -> None:
    flags = of_request(messages.address_request(rtnetlink.RTM_NEWADDR, 0, 2, "fd00::1/64"), messages.ADDRESS_HEADER)[1]
    assert flags[messages.IFA_FLAGS] == struct.pack("=I", messages.IFA_F_NODAD)
    for kind, text in ((rtnetlink.RTM_NEWADDR, "192.0.2.1/24"), (rtnetlink.RTM_DELADDR, "fd00::1/64")):
        request = messages.address_request(kind, 0, 2, text)
        assert messages.IFA_FLAGS not in of_request(request, messages.ADDRESS_HEADER)[1]


@pytest.mark.parametrize(("text", "scope"), [("192.0.2.1/24", 0), ("127.0.0.2/8", 254), ("::1/128", 0)])
def test_the_scope_of_an_address_is_that_of_ip_address(text: str, scope: int) -> None:
    fields, _attributes = of_request(
        messages.address_request(rtnetlink.RTM_NEWADDR, 0, 2, text), messages.ADDRESS_HEADER
    )
    assert fields[3] == scope


# Routes


DESTINATION = attribute(1, bytes([10, 0, 0, 0]))
TO_ETH0 = attribute(4, struct.pack("=I", 2))


def next_hop(flags: int, index: int, gateway: bytes) -> bytes:
    inside = attribute(5, gateway)
    return struct.pack("=HBBi", 8 + len(inside), flags, 0, index) + inside


def test_routes() -> None:
    found = messages.route_of(
        route_message(
            DESTINATION,
            TO_ETH0,
            attribute(5, bytes([192, 0, 2, 1])),
            attribute(6, struct.pack("=I", 7)),
            attribute(7, bytes([192, 0, 2, 9])),
            attribute(15, struct.pack("=I", 1000)),
            length=8,
            table=252,
            protocol=3,
            tos=16,
        )
    )
    assert (found.destination, found.gateway, found.device, found.metric) == ("10.0.0.0/8", "192.0.2.1", 2, 7)
    assert (found.table, found.source, found.protocol, found.tos) == (1000, "192.0.2.9", 3, 16)
    assert found.static
    assert not found.special


def test_the_default_route_and_one_for_a_source() -> None:
    assert messages.route_of(route_message(TO_ETH0)).destination == "0.0.0.0/0"
    origin = attribute(2, bytes.fromhex("fd00") + bytes(14))
    found = messages.route_of(route_message(TO_ETH0, origin, family=socket.AF_INET6, source=64))
    assert (found.destination, found.origin, found.version) == ("::/0", "fd00::/64", 6)


@pytest.mark.parametrize(
    "message",
    [
        route_message(DESTINATION, length=8, kind=6),
        route_message(DESTINATION, attribute(9, next_hop(0, 2, bytes([192, 0, 2, 1]))), length=8),
        route_message(DESTINATION, attribute(30, struct.pack("=I", 1)), length=8),
        route_message(DESTINATION, attribute(18, bytes(18)), length=8),
    ],
)
def test_what_the_options_of_a_route_cannot_express(message: bytes) -> None:
    assert messages.route_of(message).special


def test_clones_and_multicast_are_no_routes() -> None:
    assert messages.is_route(route_message())
    assert not messages.is_route(route_message(flags=0x200))
    assert not messages.is_route(route_message(family=128))


def test_a_route_is_the_same_whatever_the_kernel_observes_on_it() -> None:
    def multipath(flags: int) -> bytes:
        hops = next_hop(flags, 2, bytes([192, 0, 2, 1])) + next_hop(flags, 3, bytes([192, 0, 2, 2]))
        return route_message(DESTINATION, attribute(9, hops), attribute(12, bytes([flags] * 32)), length=8, flags=flags)

    assert messages.route_identity(multipath(0)) == messages.route_identity(multipath(0x11))
    assert messages.route_identity(multipath(0)) != messages.route_identity(multipath(0x4))  # onlink is a property
    other = route_message(DESTINATION, TO_ETH0, length=8)
    assert messages.route_identity(other) != messages.route_identity(multipath(0))


def test_a_revived_route_does_not_say_that_it_is_dead() -> None:
    hops = next_hop(0x11, 2, bytes([192, 0, 2, 1])) + next_hop(0x14, 3, bytes([192, 0, 2, 2]))
    revived = messages.revived_route(route_message(DESTINATION, attribute(9, hops), length=8, flags=0x15))
    fields, attributes = of_revived(bytes(revived))
    assert fields[-1] == 0x4
    assert attributes[9] == next_hop(0, 2, bytes([192, 0, 2, 1])) + next_hop(0x4, 3, bytes([192, 0, 2, 2]))
    kind, flags = struct.unpack_from("=HH", revived, 4)
    assert kind == rtnetlink.RTM_NEWROUTE
    assert flags == rtnetlink.NLM_F_REQUEST | rtnetlink.NLM_F_CREATE


def of_revived(message: bytes) -> tuple[tuple[Any, ...], dict[int, bytes]]:
    fields = messages.ROUTE_HEADER.unpack_from(message, messages.START)
    return fields, rtnetlink.attributes_of(message, messages.START + messages.ROUTE_HEADER.size)


@pytest.mark.parametrize(
    ("spec", "scope"),
    [
        (op.RouteSpec("10.0.0.0/8", "192.0.2.1"), 0),
        (op.RouteSpec("10.0.0.0/8", device="eth0"), 253),
        (op.RouteSpec("fd01::/64", device="eth0"), 0),
        (op.RouteSpec("0.0.0.0/0", "192.0.2.1", metric=0, table=1000, source="192.0.2.9", tos=16), 0),
        (op.RouteSpec("fd01::/64", "fd00::1", origin="fd00::/64", metric=7), 0),
    ],
)
def test_a_route_that_is_asked_for(spec: op.RouteSpec, scope: int) -> None:
    request = messages.route_request(rtnetlink.RTM_NEWROUTE, 0, spec, 2 if spec.device else None)
    found = messages.route_of(bytes(request))
    assert (found.destination, found.gateway, found.table) == (spec.destination, spec.gateway, spec.table)
    assert (found.metric, found.source, found.tos, found.origin) == (
        spec.metric or 0,
        spec.source,
        spec.tos,
        spec.origin,
    )
    assert found.device == (2 if spec.device else None)
    fields, _attributes = of_request(request, messages.ROUTE_HEADER)
    assert (fields[5], fields[6], fields[7]) == (4, scope, 1)


def test_a_route_that_is_to_go_is_found_whichever_its_kind() -> None:
    request = messages.route_request(rtnetlink.RTM_DELROUTE, 0, op.RouteSpec("10.0.0.0/8"), None)
    fields, _attributes = of_request(request, messages.ROUTE_HEADER)
    assert (fields[5], fields[6], fields[7]) == (0, 255, 0)


# Requests for links


def test_a_pair_is_made_where_it_belongs() -> None:
    pair = op.CreateVeth(op.NewEnd("red", "eth0", "02:00:00:00:00:0a", 9000), op.NewEnd(None, "tap"))
    request = messages.new_veth(pair, 11, None, indexes=(0, 77))
    fields, attributes = of_request(request, messages.LINK_HEADER)
    assert fields[2] == 0
    assert attributes[messages.IFLA_IFNAME].rstrip(b"\0") == b"eth0"
    assert attributes[28] == struct.pack("=I", 11)  # IFLA_NET_NS_FD
    assert attributes[messages.IFLA_MTU] == struct.pack("=I", 9000)
    information = rtnetlink.attributes_of(attributes[messages.IFLA_LINKINFO], 0)
    assert information[messages.IFLA_INFO_KIND].rstrip(b"\0") == b"veth"
    peer = rtnetlink.attributes_of(information[2], 0)[1]
    assert struct.unpack_from("=i", peer, 4)[0] == 77
    inside = rtnetlink.attributes_of(peer, 16)
    assert inside[messages.IFLA_IFNAME].rstrip(b"\0") == b"tap"
    assert 28 not in inside


def test_an_alias_is_taken_away_by_an_empty_one() -> None:
    _fields, attributes = of_request(messages.set_link("eth0", ("IFLA_IFALIAS", "")), messages.LINK_HEADER)
    assert attributes[messages.IFLA_IFALIAS].rstrip(b"\0") == b""


def test_a_link_moves_by_its_index_and_may_get_another() -> None:
    request = messages.set_link_at(5, ("IFLA_NET_NS_FD", 3), ("IFLA_IFNAME", "x"), ("IFLA_NEW_IFINDEX", 9))
    fields, attributes = of_request(request, messages.LINK_HEADER)
    assert fields[2] == 5
    assert struct.pack("=i", 9) in attributes.values()


def test_up_and_down() -> None:
    fields, _attributes = of_request(
        messages.set_link("eth0", flags=messages.IFF_UP, change=messages.IFF_UP), messages.LINK_HEADER
    )
    assert fields[3:] == (1, 1)


# Attributes


@given(st.lists(st.tuples(st.integers(1, 60), st.binary(max_size=9)), unique_by=lambda pair: pair[0]))
def test_attributes_are_found_whatever_their_length(pairs: list[tuple[int, bytes]]) -> None:
    message = b"head" + b"".join(attribute(number | 0x8000, value) for number, value in pairs)
    assert rtnetlink.attributes_of(message, 4) == dict(pairs)
    for number, value in pairs:
        assert [message[first:last] for first, last in rtnetlink.positions(message, 4, number)] == [value]


@given(st.binary(max_size=60))
def test_a_broken_message_does_no_harm(data: bytes) -> None:
    assert isinstance(rtnetlink.attributes_of(data, 0), dict)


def test_refusals_in_words() -> None:
    assert str(rtnetlink.Refusal(17, "")) == "File exists (EEXIST)"
    assert str(rtnetlink.RtnetlinkError(rtnetlink.Refusal(22, "why"))) == "Invalid argument (EINVAL): why"

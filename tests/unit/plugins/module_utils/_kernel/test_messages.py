# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read from the messages that the kernel dumps."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address, ip_interface

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel import messages, uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NextHop

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


# Links


def test_alternative_names() -> None:
    names = attribute(53, b"enp1s0\0") + attribute(53, b"a-name-that-is-longer-than-others\0")
    link = messages.parse_link(link_message(2, 0, attribute(3, b"eth0\0"), attribute(52 | 0x8000, names))).link
    assert link.altnames == ("enp1s0", "a-name-that-is-longer-than-others")
    assert link.names == ("eth0", *link.altnames)


@pytest.mark.parametrize(
    ("kind", "reported", "immutable"),
    [
        ("bridge", [], True),  # by kernels before 6.14
        ("vxlan", [], False),
        ("bridge", [attribute(67, b"\1")], True),
        ("openvswitch", [attribute(67, b"\1")], True),
        ("vrf", [attribute(67, b"\0")], False),
    ],
)
def test_links_that_cannot_leave_their_namespace(kind: str, reported: list[bytes], immutable: bool) -> None:
    information = attribute(18, attribute(1, kind.encode() + b"\0"))
    assert messages.parse_link(link_message(2, 0, information, *reported)).link.immutable is immutable


def test_a_veth_with_its_far_end_in_another_namespace() -> None:
    kind = attribute(18, attribute(1, b"veth\0"))
    found = messages.parse_link(
        link_message(
            9,
            uapi.IFF_UP,
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


def test_a_physical_device_has_no_kind_and_no_namespace_id() -> None:
    found = messages.parse_link(link_message(1, uapi.IFF_LOOPBACK, attribute(3, b"lo\0"), attribute(5, b"\5\0\0\0")))
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
        (address_message("fe80::1/64"), True),  # a kernel that does not report who added it
        (address_message("fe80::1/64", 0x80, attribute(11, b"\3")), True),
        (address_message("fe80::1/64", 0x80, attribute(11, b"\0")), False),
    ],
)
def test_addresses_of_the_kernel_and_of_an_administrator(message: bytes, made_by_kernel: bool) -> None:
    assert messages.parse_address(message).made_by_kernel is made_by_kernel


def test_addresses() -> None:
    found = messages.parse_address(address_message("192.0.2.1/24", 0x81))
    assert (found.index, str(found.interface), found.secondary, found.peer) == (7, "192.0.2.1/24", True, None)
    assert not messages.parse_address(address_message("fd00::1/64", 0x81)).secondary  # there it means `temporary`
    point_to_point = messages.parse_address(address_message("10.0.0.1/32", peer="10.0.0.2"))
    assert (str(point_to_point), str(point_to_point.network)) == ("10.0.0.1 peer 10.0.0.2/32", "10.0.0.2/32")
    assert str(messages.parse_address(address_message("fd00::1/128", peer="fd00::2"))) == "fd00::1 peer fd00::2/128"


def test_the_link_and_version_of_an_address() -> None:
    message = address_message("192.0.2.1/24")
    assert messages.is_on_link(message, socket.AF_INET, 7)
    assert not messages.is_on_link(message, socket.AF_INET6, 7)
    assert not messages.is_on_link(message, socket.AF_INET, 8)


# Routes


DESTINATION = attribute(1, bytes([10, 0, 0, 0]))
TO_ETH0 = attribute(4, struct.pack("=I", 2))


def next_hop(flags: int, index: int, gateway: bytes, more: bytes = b"") -> bytes:
    inside = attribute(5, gateway) + more
    return struct.pack("=HBBi", 8 + len(inside), flags, 0, index) + inside


def test_routes() -> None:
    found = messages.parse_route(
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
    assert messages.parse_route(route_message(TO_ETH0)).destination == "0.0.0.0/0"
    origin = attribute(2, bytes.fromhex("fd00") + bytes(14))
    found = messages.parse_route(route_message(TO_ETH0, origin, family=socket.AF_INET6, source=64))
    assert (found.destination, found.origin, found.version) == ("::/0", "fd00::/64", 6)


@pytest.mark.parametrize(
    "message",
    [
        route_message(DESTINATION, length=8, kind=2),
        route_message(DESTINATION, attribute(9, next_hop(0, 2, bytes(4), attribute(18, bytes(18)))), length=8),
        route_message(DESTINATION, attribute(30, struct.pack("=I", 1)), length=8),
        route_message(DESTINATION, attribute(18, bytes(18)), length=8),
    ],
)
def test_special_routes(message: bytes) -> None:
    assert messages.parse_route(message).special


def test_clones_and_multicast_are_not_routes() -> None:
    assert messages.is_route(route_message())
    assert not messages.is_route(route_message(flags=0x200))
    assert not messages.is_route(route_message(family=128))


def test_several_next_hops() -> None:
    hops = next_hop(0, 2, bytes([192, 0, 2, 1])) + next_hop(0x4, 3, bytes([192, 0, 2, 2]))
    found = messages.parse_route(route_message(DESTINATION, attribute(9, hops), length=8))
    assert (found.device, found.devices, found.special) == (None, (2, 3), False)
    assert found.next_hops == (NextHop("192.0.2.1", 2), NextHop("192.0.2.2", 3, onlink=True))
    assert messages.parse_route(route_message(DESTINATION, TO_ETH0, length=8)).next_hops == ()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_route_that_refuses_packets_uses_no_link(family: int) -> None:
    """In IPv6 the kernel reports the loopback."""
    found = messages.parse_route(route_message(TO_ETH0, family=family, kind=8))
    assert (found.kind, found.device, found.special) == ("prohibit", None, False)


def test_the_mtu_of_a_route_and_a_gateway_outside_of_all_subnets() -> None:
    metrics = attribute(8, attribute(1, bytes(4)) + attribute(2, struct.pack("=I", 1400)))
    found = messages.parse_route(route_message(TO_ETH0, metrics, flags=0x4))
    assert (found.mtu, found.onlink) == (1400, True)


def test_the_identity_of_a_route_excludes_observations() -> None:
    def multipath(flags: int) -> bytes:
        hops = next_hop(flags, 2, bytes([192, 0, 2, 1])) + next_hop(flags, 3, bytes([192, 0, 2, 2]))
        return route_message(DESTINATION, attribute(9, hops), attribute(12, bytes([flags] * 32)), length=8, flags=flags)

    assert messages.route_identity(multipath(0)) == messages.route_identity(multipath(0x11))
    assert messages.route_identity(multipath(0)) != messages.route_identity(multipath(0x4))  # onlink is a property
    other = route_message(DESTINATION, TO_ETH0, length=8)
    assert messages.route_identity(other) != messages.route_identity(multipath(0))

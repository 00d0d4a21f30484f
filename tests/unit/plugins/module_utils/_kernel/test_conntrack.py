# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flows of connection tracking, as the kernel dumps them."""

from __future__ import annotations

from ipaddress import ip_address

from ansible_collections.netns.fabric.plugins.module_utils._kernel import uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel.conntrack import Packet, parse_flow
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import attribute, message


def packet(source: str, destination: str, ports: tuple[int, int] | None, protocol: int = 17) -> bytes:
    is_ipv4 = "." in source
    numbers = (1, 2) if is_ipv4 else (3, 4)
    addresses = (ip_address(source).packed, ip_address(destination).packed)
    inner = b"".join(attribute(number, packed) for number, packed in zip(numbers, addresses))
    transport = attribute(uapi.CTA_PROTO_NUM, bytes([protocol]))
    for number, port in zip((uapi.CTA_PROTO_SRC_PORT, uapi.CTA_PROTO_DST_PORT), ports or ()):
        transport += attribute(number, port.to_bytes(2, "big"))
    nested = uapi.NLA_F_NESTED
    return attribute(uapi.CTA_TUPLE_IP | nested, inner) + attribute(uapi.CTA_TUPLE_PROTO | nested, transport)


def dumped(sent: bytes, answer: bytes, more: bytes = b"") -> bytes:
    body = uapi.NETFILTER_HEADER.pack(2, 0, 0)
    body += attribute(uapi.CTA_TUPLE_ORIG | uapi.NLA_F_NESTED, sent)
    body += attribute(uapi.CTA_TUPLE_REPLY | uapi.NLA_F_NESTED, answer)
    return bytes(message(uapi.IPCTNL_MSG_CT_GET, body + attribute(uapi.CTA_ID, b"\0\0\0\7") + more))


def test_a_translated_flow() -> None:
    sent = packet("192.168.100.1", "198.51.100.2", (4000, 53))
    flow = parse_flow(dumped(sent, packet("198.51.100.2", "198.51.100.1", (53, 1024))))
    assert flow is not None
    assert flow.sent == Packet(ip_address("192.168.100.1"), ip_address("198.51.100.2"), 17, 4000, 53)
    assert flow.answer == Packet(ip_address("198.51.100.2"), ip_address("198.51.100.1"), 17, 53, 1024)
    assert flow.identity == (sent, b"\0\0\0\7")


def test_ipv6_and_a_protocol_without_ports() -> None:
    flow = parse_flow(dumped(packet("fd00::1", "2001:db8::1", None, 58), packet("2001:db8::1", "fd00::1", None, 58)))
    assert flow is not None
    assert flow.sent == Packet(ip_address("fd00::1"), ip_address("2001:db8::1"), 58)


def test_a_zone_of_its_own() -> None:
    sent = packet("10.0.0.1", "10.0.0.2", (1, 2))
    assert parse_flow(dumped(sent, sent, attribute(uapi.CTA_ZONE, b"\0\5"))) is None
    assert parse_flow(dumped(sent, sent, attribute(uapi.CTA_ZONE, b"\0\0"))) is not None

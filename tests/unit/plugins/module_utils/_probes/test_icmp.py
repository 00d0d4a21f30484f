# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""ICMP packets, and the causes of errors."""

from __future__ import annotations

import errno
import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._probes import icmp


@given(st.binary(max_size=1500))
def test_checksum_of_a_packet_with_its_checksum_is_zero(data: bytes) -> None:
    data += b"\0" * (len(data) % 2)
    assert icmp.checksum(data + struct.pack("!H", icmp.checksum(data))) == 0


def test_checksum_of_the_example_in_rfc_1071() -> None:
    assert icmp.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF ^ 0xDDF2


IPV4 = struct.Struct("!BBHHHBBH4s4s")


def ipv4(source: str, to: str, payload: bytes, options: bytes = b"") -> bytes:
    header = (0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), 0, 0, 64, 1, 0)
    return IPV4.pack(*header, ip_address(source).packed, ip_address(to).packed) + options + payload


def ipv6(source: str, to: str, payload: bytes, following: int = 58) -> bytes:
    return (
        struct.pack("!IHBB", 6 << 28, len(payload), following, 64)
        + ip_address(source).packed
        + ip_address(to).packed
        + payload
    )


@pytest.mark.parametrize("options", [b"", b"\x01" * 8])
def test_echo_and_its_reply_over_ipv4(options: bytes) -> None:
    request = icmp.echo_request(4, 7, 65535, b"content")
    assert request[:2] == b"\x08\x00"
    assert icmp.checksum(request) == 0
    reply = ipv4("192.0.2.2", "192.0.2.1", b"\x00" + request[1:], options)
    assert icmp.answer_in(4, reply, "192.0.2.2") == icmp.Answer(7, 65535, payload=b"content")
    assert icmp.answer_in(4, ipv4("192.0.2.1", "192.0.2.2", request), "192.0.2.1") is None


def test_echo_and_its_reply_over_ipv6() -> None:
    request = icmp.echo_request(6, 7, 1, b"content")
    assert request[:4] == b"\x80\x00\x00\x00"  # the kernel fills in the checksum
    reply = b"\x81" + request[1:]
    assert icmp.answer_in(6, reply, "2001:db8::2") == icmp.Answer(7, 1, payload=b"content")


@pytest.mark.parametrize(
    ("kind", "code", "sender", "cause", "detail"),
    [
        (3, 0, "192.0.2.254", "network unreachable", "reported by 192.0.2.254"),
        (3, 1, "192.0.2.254", "host unreachable", "reported by 192.0.2.254"),
        (3, 1, "192.0.2.1", "no neighbour", ""),
        (3, 13, "192.0.2.254", "prohibited", "reported by 192.0.2.254"),
        (3, 3, "198.51.100.1", "port unreachable", "reported by 198.51.100.1"),
        (3, 99, "198.51.100.1", "host unreachable", "reported by 198.51.100.1"),
        (11, 0, "192.0.2.254", "hop limit exceeded", "reported by 192.0.2.254"),
    ],
)
def test_errors_over_ipv4(kind: int, code: int, sender: str, cause: str, detail: str) -> None:
    # A router need quote no more than the first eight octets of what it could not pass on (RFC 792).
    quoted = ipv4("192.0.2.1", "198.51.100.1", icmp.echo_request(4, 7, 1, b"content")[:8])
    packet = ipv4(sender, "192.0.2.1", bytes([kind, code, 0, 0, 0, 0, 0, 0]) + quoted)
    assert icmp.answer_in(4, packet, sender) == icmp.Answer(7, 1, cause=cause, detail=detail)


@pytest.mark.parametrize(
    ("kind", "code", "sender", "cause"),
    [
        (1, 0, "2001:db8::ffff", "network unreachable"),
        (1, 3, "2001:db8::1", "no neighbour"),
        (1, 1, "2001:db8::ffff", "prohibited"),
        (2, 0, "2001:db8::ffff", "packet too big"),
        (3, 0, "2001:db8::ffff", "hop limit exceeded"),
    ],
)
def test_errors_over_ipv6(kind: int, code: int, sender: str, cause: str) -> None:
    quoted = ipv6("2001:db8::1", "2001:db8:1::1", icmp.echo_request(6, 7, 1, b""))
    answer = icmp.answer_in(6, bytes([kind, code, 0, 0, 0, 0, 0, 0]) + quoted, sender)
    assert answer is not None
    assert (answer.identifier, answer.sequence, answer.cause) == (7, 1, cause)


def test_errors_about_other_packets_are_ignored() -> None:
    heading = bytes([3, 1, 0, 0, 0, 0, 0, 0])
    udp = bytearray(ipv4("192.0.2.1", "198.51.100.1", bytes(8)))
    udp[9] = 17
    assert icmp.answer_in(4, ipv4("192.0.2.254", "192.0.2.1", heading + bytes(udp)), "192.0.2.254") is None
    tcp = ipv6("2001:db8::1", "2001:db8:1::1", bytes(8), following=6)
    assert icmp.answer_in(6, bytes([1, 3, 0, 0, 0, 0, 0, 0]) + tcp, "2001:db8::1") is None


@given(st.sampled_from([4, 6]), st.binary(max_size=120))
def test_any_packet_can_be_parsed(version: int, packet: bytes) -> None:
    icmp.answer_in(version, packet, "192.0.2.1" if version == 4 else "2001:db8::1")


@given(st.sampled_from([4, 6]), st.binary(max_size=120), st.integers(0, 120))
def test_a_packet_of_any_length_can_be_parsed(version: int, payload: bytes, length: int) -> None:
    request = icmp.echo_request(version, 1, 2, payload)
    quoted = ipv4("192.0.2.1", "192.0.2.2", request) if version == 4 else ipv6("2001:db8::1", "2001:db8::2", request)
    error = bytes([3 if version == 4 else 1, 1, 0, 0, 0, 0, 0, 0]) + quoted
    packet = ipv4("192.0.2.254", "192.0.2.1", error) if version == 4 else error
    icmp.answer_in(version, packet[:length], "192.0.2.254" if version == 4 else "2001:db8::1")


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENETUNREACH, ("no route", "")),
        (errno.EHOSTUNREACH, ("no route", "")),
        (errno.EPERM, ("filtered", "")),
        (errno.EACCES, ("prohibited", "")),
        (errno.ECONNREFUSED, ("refused", "")),
        (errno.EMFILE, ("error", "Too many open files")),
    ],
)
def test_cause_of_a_system_call_error(number: int, cause: tuple[str, str]) -> None:
    assert icmp.cause_of_errno(number) == cause

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""ICMP (RFC 792) and ICMPv6 (RFC 4443): echo requests, the answers to them, and what errors mean. Pure."""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from ansible_collections.netns.fabric.plugins.module_utils._probes.model import (
    CLOSED,
    ERROR,
    FILTERED,
    HOST_UNREACHABLE,
    LOOP,
    NETWORK_UNREACHABLE,
    NO_NEIGHBOUR,
    NO_ROUTE,
    PORT_UNREACHABLE,
    PROHIBITED,
    REFUSED,
    SILENCE,
    TOO_BIG,
)

ECHO = struct.Struct("!BBHHH")
#: Bytes of the IP header without options (RFC 791, RFC 8200).
IP_HEADER = {4: 20, 6: 40}
ECHO_REQUEST = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}
#: Types of the errors, which quote the packet that they are about.
ERRORS = {4: (3, 11, 12), 6: (1, 2, 3, 4)}

_V4_CAUSES = {
    (3, 0): NETWORK_UNREACHABLE,
    (3, 1): HOST_UNREACHABLE,
    (3, 2): PORT_UNREACHABLE,
    (3, 3): PORT_UNREACHABLE,
    (3, 4): TOO_BIG,
    (3, 6): NETWORK_UNREACHABLE,
    (3, 7): HOST_UNREACHABLE,
    (3, 9): PROHIBITED,
    (3, 10): PROHIBITED,
    (3, 13): PROHIBITED,
    (11, 0): LOOP,
}
_V6_CAUSES = {
    (1, 0): NETWORK_UNREACHABLE,
    (1, 1): PROHIBITED,
    (1, 3): HOST_UNREACHABLE,
    (1, 4): PORT_UNREACHABLE,
    (1, 5): PROHIBITED,
    (1, 6): PROHIBITED,
    (2, 0): TOO_BIG,
    (3, 0): LOOP,
}

_ERRNO_CAUSES = {
    errno.ENETUNREACH: NO_ROUTE,
    errno.EADDRNOTAVAIL: NO_ROUTE,  # IPv6: there is no address to send from
    errno.EHOSTUNREACH: NO_ROUTE,  # a route of type unreachable
    errno.EINVAL: NO_ROUTE,  # a route of type blackhole
    errno.EACCES: PROHIBITED,  # a route of type prohibit, or a broadcast address
    errno.EPERM: FILTERED,  # the namespace's own firewall
    errno.ECONNREFUSED: REFUSED,
    errno.ECONNRESET: CLOSED,
    errno.EPIPE: CLOSED,
    errno.ETIMEDOUT: SILENCE,
}


@dataclass(frozen=True)
class Answer:
    """An ICMP packet about one of the echo requests of this process.

    `payload` is the content of an echo reply. `cause` and `detail` are those of an error; an error about a packet that
    its own sender could not pass on (no answer to ARP or neighbour discovery) has the cause NO_NEIGHBOUR.
    """

    identifier: int
    sequence: int
    payload: bytes = b""
    cause: str = ""
    detail: str = ""


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def echo_request(version: int, identifier: int, sequence: int, payload: bytes) -> bytes:
    """Return an echo request.

    The kernel writes the checksum of ICMPv6 itself, as it knows the source address (RFC 3542).
    """
    header = ECHO.pack(ECHO_REQUEST[version], 0, 0, identifier, sequence)
    if version == 4:
        header = ECHO.pack(ECHO_REQUEST[version], 0, checksum(header + payload), identifier, sequence)
    return header + payload


def answer_in(version: int, packet: bytes, sender: str) -> Answer | None:
    """Return the answer in a packet from a raw socket, or None where it is not about an echo request.

    An IPv4 packet comes with its IP header, an IPv6 one without (raw(7), ipv6(7)).
    """
    start = _ip_header_length(packet) if version == 4 else 0
    if len(packet) < start + ECHO.size:
        return None
    kind, code, _checksum, identifier, sequence = ECHO.unpack_from(packet, start)
    if kind == ECHO_REPLY[version]:
        return Answer(identifier, sequence, payload=packet[start + ECHO.size :])
    if kind in ERRORS[version]:
        return _error_in(version, packet[start + ECHO.size :], kind, code, sender)
    return None


def _error_in(version: int, quoted: bytes, kind: int, code: int, sender: str) -> Answer | None:
    """Return an error by the packet that it quotes: an IP header and at least the first eight octets after it."""
    start = _ip_header_length(quoted) if version == 4 else 40
    if len(quoted) < start + ECHO.size:
        return None
    protocol, source = (quoted[9], quoted[12:16]) if version == 4 else (quoted[6], quoted[8:24])
    request, _code, _checksum, identifier, sequence = ECHO.unpack_from(quoted, start)
    if protocol != (1 if version == 4 else 58) or request != ECHO_REQUEST[version]:
        return None
    own = IPv4Address(source) if version == 4 else IPv6Address(source)
    cause, detail = cause_of_error(version, kind, code, sender, str(own))
    return Answer(identifier, sequence, cause=cause, detail=detail)


def _ip_header_length(packet: bytes) -> int:
    return (int(packet[0]) & 0x0F) * 4 if packet else 0


def cause_of_error(version: int, kind: int, code: int, sender: str, own: str) -> tuple[str, str]:
    """Return cause and detail of an ICMP error; `own` is the address that the packet was sent from."""
    cause = (_V4_CAUSES if version == 4 else _V6_CAUSES).get((kind, code), HOST_UNREACHABLE)
    if sender == own and cause == HOST_UNREACHABLE:
        return NO_NEIGHBOUR, ""
    return cause, reported_by(sender)


def reported_by(sender: str) -> str:
    """Return the detail of an error: who has reported it."""
    return f"reported by {sender}"


def cause_of_errno(number: int) -> tuple[str, str]:
    """Return cause and detail of a system call's error."""
    cause = _ERRNO_CAUSES.get(number)
    return (cause, "") if cause else (ERROR, os.strerror(number))

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why the packets of a socket were not delivered: the ICMP errors about them (IP_RECVERR, ip(7); IPV6_RECVERR)."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress

from ansible_collections.netns.fabric.plugins.module_utils._probes.icmp import cause_of_errno, cause_of_error
from ansible_collections.netns.fabric.plugins.module_utils._probes.neighbours import FAMILY

# linux/in.h, linux/in6.h, linux/socket.h, linux/errqueue.h
IP_RECVERR, IPV6_RECVERR = 11, 25
MSG_ERRQUEUE = 0x2000
EXTENDED_ERROR = struct.Struct("=IBBBBII")
ORIGIN_ICMP, ORIGIN_ICMP6 = 2, 3


def queue_errors(sock: socket.socket, version: int) -> None:
    """Have the kernel queue the ICMP errors about what a socket sends."""
    if version == 4:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)


def next_cause(sock: socket.socket, version: int, number: int) -> tuple[str, str]:
    """Return cause and detail of a socket's error `number`, by the ICMP error behind it where there was one."""
    with suppress(OSError):
        _data, ancillary, _flags, _sender = sock.recvmsg(512, 512, MSG_ERRQUEUE)
        for _level, kind, data in ancillary:
            if kind in (IP_RECVERR, IPV6_RECVERR) and len(data) > EXTENDED_ERROR.size:
                return cause_in(version, data, number, sock.getsockname()[0])
    return cause_of_errno(number)


def cause_in(version: int, data: bytes, number: int, own: str) -> tuple[str, str]:
    """Return cause and detail of an element of the queue; `own` is the address that the packet was sent from."""
    _errno, origin, kind, code, _pad, _info, _data = EXTENDED_ERROR.unpack_from(data)
    if origin not in (ORIGIN_ICMP, ORIGIN_ICMP6):
        return cause_of_errno(number)
    # The sockaddr of who reported it: family and port, in IPv6 the flow label too, then the address.
    start, size = (EXTENDED_ERROR.size + 4, 4) if version == 4 else (EXTENDED_ERROR.size + 8, 16)
    sender = socket.inet_ntop(FAMILY[version], data[start : start + size])
    return cause_of_error(version, kind, code, sender, own)

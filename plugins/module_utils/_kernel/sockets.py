# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listening sockets, asked of the kernel by sock_diag(7), without a program and without walking its tables of all."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink as rtnetlink

# linux/netlink.h, linux/sock_diag.h, net/tcp_states.h
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
TCP_CLOSE, TCP_LISTEN = 7, 10

#: What ss(8) calls listening: TCP sockets in LISTEN, and UDP sockets that are connected to nobody.
LISTENING = (("tcp", socket.IPPROTO_TCP, TCP_LISTEN), ("udp", socket.IPPROTO_UDP, TCP_CLOSE))

#: struct inet_diag_req_v2: family, protocol, states, and a socket's id, which is empty here.
REQUEST = struct.Struct("=BBBxI48x")
#: struct inet_diag_msg: family; of the id the ports, the source address and the link; uid and inode.
ANSWER = struct.Struct("=Bxxx2s2x16s16xI8x12xII")


@dataclass(frozen=True)
class Socket:
    """A socket that waits for others. `device` is the index of the link that it is bound to, 0 for any."""

    protocol: str
    address: str
    port: int
    version: int
    device: int
    uid: int
    inode: int


def listening() -> list[Socket]:
    """The listening sockets in the namespace that the thread is in.

    Raises:
        OSError: The kernel cannot say (it has no tcp_diag or udp_diag).
    """
    netlink = rtnetlink.RtnetlinkSocket(NETLINK_SOCK_DIAG)
    try:
        return list(_listening(netlink))
    finally:
        netlink.close()


def _listening(netlink: rtnetlink.RtnetlinkSocket) -> Iterator[Socket]:
    for name, protocol, state in LISTENING:
        for family in (socket.AF_INET, socket.AF_INET6):
            content = REQUEST.pack(family, protocol, 0, 1 << state)
            head = rtnetlink.HEADER.pack(
                rtnetlink.HEADER.size + len(content), SOCK_DIAG_BY_FAMILY, rtnetlink.NLM_F_REQUEST, 0, 0
            )
            try:
                found = netlink.dump(bytearray(head + content))
            except OSError as error:
                if error.errno == errno.ENOENT and family == socket.AF_INET6:
                    continue  # a kernel without IPv6
                raise
            for message in found:
                yield _socket_of(name, message)


def _socket_of(protocol: str, message: bytes) -> Socket:
    family, port, address, device, uid, inode = ANSWER.unpack_from(message, rtnetlink.HEADER.size)
    size, version = (4, 4) if family == socket.AF_INET else (16, 6)
    return Socket(
        protocol=protocol,
        address=socket.inet_ntop(family, address[:size]),
        port=int.from_bytes(port, "big"),
        version=version,
        device=device,
        uid=uid,
        inode=inode,
    )

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sockets that listen or are connected, by sock_diag(7): without a program, and without the kernel's tables of all."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Union

from ansible_collections.netns.fabric.plugins.module_utils._core.transports import TRANSPORTS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkSocket, attributes_of, message
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    HEADER,
    NETLINK_SOCK_DIAG,
    SOCK_DIAG_BY_FAMILY,
    TCP_CLOSE,
    TCP_ESTABLISHED,
    TCP_LISTEN,
)

#: What ss(8) calls listening: sockets in LISTEN, and UDP sockets that are not connected.
LISTENING = {"tcp": TCP_LISTEN, "udp": TCP_CLOSE, "sctp": TCP_LISTEN}
#: Where the kernel has SCTP. To list the sockets of a protocol loads its module, which opens it to everybody.
SCTP = Path("/proc/thread-self/net/sctp")

#: struct inet_diag_req_v2: family, protocol, states, and a socket's id, which is empty here.
REQUEST = struct.Struct("=BBBxI48x")
#: The same for one socket: ports and addresses, in network byte order, any link, and no cookie (INET_DIAG_NOCOOKIE).
EXACT = struct.Struct("=BBBxI2s2s16s16sIII")
NO_COOKIE = 0xFFFFFFFF
#: struct inet_diag_msg: family; of the id the ports, the source address and the link; uid and inode.
ANSWER = struct.Struct("=Bxxx2s2x16s16xI8x12xII")
#: linux/inet_diag.h: whether a socket of IPv6 takes no IPv4, INET_DIAG_SKV6ONLY.
SKV6ONLY = 11


Address = Union[IPv4Address, IPv6Address]


@dataclass(frozen=True)
class Socket:
    """A listening socket. `device` is the index of the link that it is bound to, 0 for any."""

    protocol: str
    address: str
    port: int
    version: int
    device: int
    uid: int
    inode: int
    #: Of IPv6: it takes no IPv4 (IPV6_V6ONLY of ipv6(7)).
    v6only: bool = False


def is_established(local: tuple[Address, int], peer: tuple[Address, int]) -> bool:
    """Return whether a TCP connection exists in the namespace that the thread is in; ends by address and port."""
    family = socket.AF_INET if local[0].version == 4 else socket.AF_INET6
    ports = [port.to_bytes(2, "big") for _address, port in (local, peer)]
    addresses = [address.packed for address, _port in (local, peer)]
    request = EXACT.pack(
        family, socket.IPPROTO_TCP, 0, 1 << TCP_ESTABLISHED, *ports, *addresses, 0, NO_COOKIE, NO_COOKIE
    )
    with closing(NetlinkSocket(NETLINK_SOCK_DIAG)) as netlink:
        try:
            return netlink.get(message(SOCK_DIAG_BY_FAMILY, request))[HEADER.size + 1] == TCP_ESTABLISHED
        except OSError:  # ENOENT: there is none
            return False


def listening() -> list[Socket]:
    """Return the listening sockets in the namespace that the thread is in.

    Raises:
        OSError: The kernel cannot list them (it has no tcp_diag or udp_diag).
    """
    with closing(NetlinkSocket(NETLINK_SOCK_DIAG)) as netlink:
        return list(_dump(netlink))


def _dump(netlink: NetlinkSocket) -> Iterator[Socket]:
    for name, state in LISTENING.items():
        if name == "sctp" and not SCTP.exists():
            continue
        for family in (socket.AF_INET, socket.AF_INET6):
            request = message(SOCK_DIAG_BY_FAMILY, REQUEST.pack(family, TRANSPORTS[name], 0, 1 << state))
            try:
                found = netlink.dump(request)
            except OSError as error:
                if error.errno == errno.ENOENT and (family == socket.AF_INET6 or name == "sctp"):
                    continue  # a kernel without IPv6, or one that does not list the sockets of SCTP
                raise
            for answer in found:
                yield _parse(name, answer)


def _parse(protocol: str, answer: bytes) -> Socket:
    family, port, address, device, uid, inode = ANSWER.unpack_from(answer, HEADER.size)
    size, version = (4, 4) if family == socket.AF_INET else (16, 6)
    return Socket(
        protocol=protocol,
        address=socket.inet_ntop(family, address[:size]),
        port=int.from_bytes(port, "big"),
        version=version,
        device=device,
        uid=uid,
        inode=inode,
        v6only=any(attributes_of(answer, HEADER.size + ANSWER.size).get(SKV6ONLY, b"")),
    )

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The SSH connection that a process was started by. Reads only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

#: ssh(1): the address and port of the client, and those of the server.
VARIABLE = b"SSH_CONNECTION="


@dataclass(frozen=True)
class Connection:
    """The two ends of a TCP connection."""

    peer: IPv4Address | IPv6Address
    peer_port: int
    local: IPv4Address | IPv6Address
    local_port: int

    def __str__(self) -> str:
        return f"{self.peer} port {self.peer_port} to {self.local} port {self.local_port}"


#: The connection of a process that has left the session which it was started in.
_inherited: list[Connection] = []


def inherit_connection(connection: Connection | None) -> None:
    """Take a connection for that of this process from now on, which has left its session."""
    _inherited[:] = [connection] if connection else []


def find_connection() -> Connection | None:
    """Return the SSH connection that this process was started by; None where that was none, or it is not known.

    sudo(8) removes the variable from the environment, but not from that of the processes before it.
    """
    if _inherited:
        return _inherited[0]
    for pid in _ancestors():
        with suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
            for word in file.read().split(b"\0"):
                if word.startswith(VARIABLE):
                    return parse_connection(word[len(VARIABLE) :].decode(errors="replace"))
    return None


def parse_connection(text: str) -> Connection | None:
    """Return the connection that the variable names; None where it names none (a Unix socket has no addresses)."""
    try:
        peer, peer_port, local, local_port = text.split()
        return Connection(_address(peer), int(peer_port), _address(local), int(local_port))
    except ValueError:
        return None


def _address(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text.partition("%")[0])  # a link-local one may have its link
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _ancestors() -> Iterator[int]:
    """Yield this process, and the processes that it was started by, the nearest first."""
    pid = os.getpid()
    while pid > 0:
        yield pid
        pid = _parent(pid)


def _parent(pid: int) -> int:
    with suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        # The name, in parentheses, may have any characters; then state and parent (proc(5)).
        return int(file.read().rpartition(")")[2].split()[1])
    return 0

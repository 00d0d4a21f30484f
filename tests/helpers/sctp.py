# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first two packets of an association of SCTP, by raw sockets: not every kernel has sockets of SCTP."""

from __future__ import annotations

import os
import socket
import struct
import time
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from ansible_collections.netns.fabric.plugins.module_utils._core.transports import TRANSPORTS
from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from Python 3.11 on

INIT, INIT_ACK = 1, 2
#: RFC 9260, 3.1: ports, verification tag, checksum. 3.3.2: type, flags, length, tag, window, streams, first number.
_HEADER, _CHUNK = struct.Struct("!HHII"), struct.Struct("!BBHIIHHI")
_SIZE = 4096


@dataclass(frozen=True)
class Received:
    """A packet that arrived whole: its sender, its ports, and its chunk."""

    sender: str
    source_port: int
    destination_port: int
    kind: int
    tag: int


class Endpoint:
    """Sends and receives in a namespace (None: the host), by IPv4."""

    def __init__(self, namespace: str | None) -> None:
        path = setns.path_of(namespace) if namespace else setns.OWN_NAMESPACE
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with setns.entered(descriptor):
                self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, TRANSPORTS["sctp"])
        finally:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, kind: int, ports: tuple[int, int], to: str, verification: int, tag: int) -> None:
        """Send a chunk from a port to another."""
        packet = bytearray(_HEADER.pack(*ports, verification, 0))
        packet += _CHUNK.pack(kind, 0, _CHUNK.size, tag, 65535, 1, 1, 1)
        struct.pack_into("<I", packet, 8, _crc32c(bytes(packet)))
        self._socket.sendto(packet, (to, 0))

    def receive(self, kind: int, port: int, timeout: float) -> Received | None:
        """Return the next chunk of a kind at a port; None for none in ``timeout`` seconds, or with a wrong checksum."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                packet, (sender, _port) = self._socket.recvfrom(_SIZE)
            except TimeoutError:
                break
            found = _parse(packet[(packet[0] & 0xF) * 4 :], sender)
            if found is not None and (found.kind, found.destination_port) == (kind, port):
                return found
        return None


def ask(client: Endpoint, server: Endpoint, address: str, port: int, to_port: int, timeout: float = 2) -> str:
    """Send an INIT to an address and answer it; return the client as the server sees it, empty if nothing arrives.

    Raises:
        AssertionError: The answer does not come back from the address and the port that the client sent to.
    """
    own_port, tag = 40000, 0x1234
    client.send(INIT, (own_port, port), address, verification=0, tag=tag)
    arrived = server.receive(INIT, to_port, timeout)
    if arrived is None:
        return ""
    server.send(INIT_ACK, (to_port, arrived.source_port), arrived.sender, verification=arrived.tag, tag=0x5678)
    answer = client.receive(INIT_ACK, own_port, timeout)
    assert answer is not None, f"{arrived.sender} got no answer"
    assert (answer.sender, answer.source_port) == (address, port)
    return arrived.sender


def _parse(segment: bytes, sender: str) -> Received | None:
    source, destination, _tag, checksum = _HEADER.unpack_from(segment)
    zeroed = segment[:8] + bytes(4) + segment[12:]
    if struct.unpack("<I", struct.pack("!I", checksum))[0] != _crc32c(zeroed):
        return None
    kind, _flags, _length, tag = _CHUNK.unpack_from(segment, _HEADER.size)[:4]
    return Received(sender, source, destination, kind, tag)


def _crc32c(content: bytes) -> int:
    """Return the checksum of RFC 9260, appendix A: CRC32c with the polynomial of Castagnoli, reflected."""
    register = 0xFFFFFFFF
    for byte in content:
        register ^= byte
        for _bit in range(8):
            register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF

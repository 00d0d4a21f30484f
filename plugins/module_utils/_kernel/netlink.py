# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""netlink(7) over an ordinary socket: requests, dumps, refusals, for every netlink family. Needs no pyroute2.

pyroute2's own sockets take a millisecond for a request and its answer and its decoder a fifth of that for a link, in a
process that may have thousands of either. Here requests are pipelined, and of an answer only the attributes that are
wanted are decoded.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    ATTRIBUTE,
    HEADER,
    NETLINK_CAP_ACK,
    NETLINK_EXT_ACK,
    NLA_TYPE_MASK,
    NLM_F_ACK,
    NLM_F_ACK_TLVS,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSGERR_ATTR_MSG,
    NLMSGERR_ATTR_OFFS,
    SO_RCVBUFFORCE,
    SOL_NETLINK,
)

#: How many requests are sent before their answers are read: few enough for these to fit in the receive buffer.
PIPELINE = 64
#: Bytes of the receive buffer of a socket that pipelines requests.
RECEIVE_BUFFER = 4 << 20
#: Bytes to receive at once: what the kernel expects of a reader (netlink_dump() in net/netlink/af_netlink.c). A larger
#: buffer costs more than all the rest of receiving an answer.
RECEIVE_SIZE = 1 << 15
#: Seconds to wait for an answer.
TIMEOUT = 60.0
#: Seconds for which a dump is repeated that others keep changing.
DUMP_PATIENCE = 10.0
#: Seconds that one dump may take, whatever its size.
DUMP_TIMEOUT = 60.0


@dataclass(frozen=True)
class Refusal:
    """The kernel's answer to a request that it refuses: the errno, and its explanation (extended acknowledgement).

    `offset` is where the attribute stands in the request that it refuses, if it says so.
    """

    number: int
    text: str
    offset: int | None = None

    def __str__(self) -> str:
        reason = f"{os.strerror(self.number)} ({errno.errorcode.get(self.number, self.number)})"
        return f"{reason}: {self.text}" if self.text else reason


class NetlinkError(OSError):
    """The kernel refused a request."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.number, str(refusal))

    def __str__(self) -> str:
        return str(self.strerror)


class EndlessDump(OSError):
    """A dump that others change faster than it can be read, or that takes too long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            errno.EINTR, f"what the kernel has is changed all the time, or is too much to be read within {seconds:g} s"
        )


def message(kind: int, body: bytes, flags: int = 0) -> bytearray:
    """Return a request with this body: the family's header, then attributes."""
    return bytearray(HEADER.pack(HEADER.size + len(body), kind, NLM_F_REQUEST | flags, 0, 0) + body)


def attribute(number: int, content: bytes) -> bytes:
    """Return an attribute, padded as netlink(7) requires."""
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(content), number) + content + bytes(-len(content) % 4)


def replay(dumped: bytes | bytearray, kind: int, flags: int) -> bytearray:
    """Return a message of a dump as a request, as the `restore` of ip-route(8) does."""
    request = bytearray(dumped)
    struct.pack_into("=HH", request, 4, kind, NLM_F_REQUEST | flags)
    return request


def attributes_of(message: bytes, start: int, end: int | None = None) -> dict[int, bytes]:
    """Return the attributes of a message, or of a nested attribute, by their numbers."""
    end = len(message) if end is None else end
    return {kind: message[first:last] for kind, first, last in attributes_in(message, start, end)}


def positions(message: bytes, start: int, wanted: int) -> list[tuple[int, int]]:
    """Return where the contents of the attributes of this number begin and end in a message."""
    return [(first, last) for kind, first, last in attributes_in(message, start, len(message)) if kind == wanted]


def attributes_in(message: bytes | bytearray, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each attribute, and where its content begins and ends."""
    unpack, size = ATTRIBUTE.unpack_from, ATTRIBUTE.size
    while start + size <= end:
        length, kind = unpack(message, start)
        if length < size:
            return
        yield kind & NLA_TYPE_MASK, start + size, start + length
        start += (length + 3) & ~3


class NetlinkSocket:
    """A netlink socket. It belongs to the namespace that the thread is in when it is opened, and stays there."""

    def __init__(self, protocol: int, timeout: float = TIMEOUT, receive_buffer: int = 0) -> None:
        """Open a socket of a netlink family.

        `receive_buffer` is a size in bytes that may exceed net.core.rmem_max where the process has CAP_NET_ADMIN. Dumps
        do not need it.
        """
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        if receive_buffer:
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer)
            except PermissionError:  # what is left to do is to read
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self._socket.settimeout(timeout)
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def request_all(self, requests: Sequence[bytearray]) -> list[Refusal | None]:
        """Send requests; return for each, in their order, None or why it was refused."""
        answers: list[Refusal | None] = []
        for start in range(0, len(requests), PIPELINE):
            chunk = requests[start : start + PIPELINE]
            first = self._sequence + 1
            for request in chunk:
                self._number(request, NLM_F_ACK)
            self._socket.send(b"".join(map(_pad, chunk)))
            by_sequence = self._receive_acknowledgements(first, len(chunk))
            answers.extend(by_sequence[first + position] for position in range(len(chunk)))
        return answers

    def request(self, request: bytearray) -> None:
        """Send one request.

        Raises:
            NetlinkError: The kernel refused it.
        """
        refusal = self.request_all([request])[0]
        if refusal:
            raise NetlinkError(refusal)

    def get(self, request: bytearray) -> bytes:
        """Send a query that has one answer, and return that.

        Raises:
            NetlinkError: The kernel refused it.
        """
        return self.get_all([request])[0]

    def get_all(self, requests: Sequence[bytearray]) -> list[bytes]:
        """Send queries that have one answer each; return the answers in their order.

        Raises:
            NetlinkError: The kernel refused one.
        """
        answers: dict[int, bytes] = {}
        for start in range(0, len(requests), PIPELINE):
            chunk = requests[start : start + PIPELINE]
            for request in chunk:
                self._number(request, 0)
            self._socket.send(b"".join(map(_pad, chunk)))
            while len(answers) < start + len(chunk):
                answers.update((HEADER.unpack_from(answer)[3], answer) for answer in self._receive())
        for answer in answers.values():
            if _kind(answer) == NLMSG_ERROR:
                raise NetlinkError(_refusal_in(answer) or Refusal(errno.EIO, "an empty answer"))
        return [answers[sequence] for sequence in sorted(answers)]

    def dump(self, request: bytearray, patience: float = DUMP_PATIENCE, timeout: float = DUMP_TIMEOUT) -> list[bytes]:
        """Return all objects of one kind.

        Something may change while the kernel writes the dump in several parts, which it then flags: the dump is read
        again, for `patience` seconds. One dump may take `timeout` seconds.

        Raises:
            NetlinkError: The kernel refused it.
            EndlessDump: It took longer; the socket is of no use any more.
        """
        end = time.monotonic() + patience
        while True:
            self._number(request, NLM_F_DUMP)
            self._socket.send(request)
            found, is_interrupted = self._receive_dump(timeout)
            if not is_interrupted:
                return found
            if time.monotonic() > end:
                raise EndlessDump(patience)

    def scan(self, request: bytearray, wanted: bytes, timeout: float, size_max: int) -> tuple[bool, int]:
        """Return whether a dump has these bytes in it, and its size, without taking it apart.

        It ends where the dump turns out to be larger than `size_max`; the socket is of no use any more then.

        Raises:
            NetlinkError: The kernel refused it.
            EndlessDump: It took longer than `timeout` seconds; the socket is of no use any more.
        """
        end = time.monotonic() + timeout
        while True:
            self._number(request, NLM_F_DUMP)
            self._socket.send(request)
            is_found, size, flags, is_done = False, 0, 0, False
            while not is_done:
                if time.monotonic() > end:
                    raise EndlessDump(timeout)
                data = self._receive_data()
                is_found, size = is_found or wanted in data, size + len(data)
                if size > size_max:
                    return is_found, size
                for offset, _length, kind, flags_here in _headers_in(data):
                    flags |= flags_here
                    is_done = is_done or kind == NLMSG_DONE
                    if kind == NLMSG_ERROR:
                        raise NetlinkError(_refusal_in(data[offset:]) or Refusal(errno.EIO, "an empty answer"))
            if not flags & NLM_F_DUMP_INTR:
                return is_found, size

    def _receive_dump(self, timeout: float) -> tuple[list[bytes], bool]:
        found: list[bytes] = []
        is_interrupted = False
        end = time.monotonic() + timeout
        while True:
            if time.monotonic() > end:
                raise EndlessDump(timeout)
            for received in self._receive():
                _length, kind, flags, sequence, _port = HEADER.unpack_from(received)
                if sequence != self._sequence:
                    continue  # of a dump that was given up
                is_interrupted = is_interrupted or bool(flags & NLM_F_DUMP_INTR)
                if kind == NLMSG_DONE:
                    return found, is_interrupted
                if kind == NLMSG_ERROR:
                    raise NetlinkError(_refusal_in(received) or Refusal(errno.EIO, "an empty answer"))
                found.append(received)

    def _number(self, request: bytearray, flags: int) -> None:
        self._sequence += 1
        length, kind, given, _sequence, port = HEADER.unpack_from(request)
        HEADER.pack_into(request, 0, length, kind, given | flags, self._sequence, port)

    def _receive_acknowledgements(self, first: int, count: int) -> dict[int, Refusal | None]:
        answers: dict[int, Refusal | None] = {}
        while len(answers) < count:
            for received in self._receive():
                sequence = HEADER.unpack_from(received)[3]
                if _kind(received) == NLMSG_ERROR and first <= sequence < first + count:
                    answers[sequence] = _refusal_in(received)
        return answers

    def _receive_data(self) -> bytes:
        data, _ancillary, flags, _address = self._socket.recvmsg(RECEIVE_SIZE)
        if flags & socket.MSG_TRUNC:
            raise OSError(errno.EMSGSIZE, f"the kernel sent a netlink message of more than {RECEIVE_SIZE} bytes")
        return data

    def _receive(self) -> Iterator[bytes]:
        data = self._receive_data()
        for offset, length, _kind, _flags in _headers_in(data):
            yield data[offset : offset + length]


def _pad(request: bytearray) -> bytes:
    return bytes(request) + b"\0" * (-len(request) % 4)


def _headers_in(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield where each message begins, its length, its kind and its flags."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, _sequence, _port = HEADER.unpack_from(data, offset)
        yield offset, length, kind, flags
        offset += (length + 3) & ~3


def _kind(message: bytes) -> int:
    return int(HEADER.unpack_from(message)[1])


def _refusal_in(message: bytes) -> Refusal | None:
    """Return the refusal that an NLMSG_ERROR carries; None for an acknowledgement."""
    number = -struct.unpack_from("=i", message, HEADER.size)[0]
    if number == 0:
        return None
    found: dict[int, bytes] = {}
    if HEADER.unpack_from(message)[2] & NLM_F_ACK_TLVS:
        found = attributes_of(message, HEADER.size + 4 + HEADER.size)
    text = found.get(NLMSGERR_ATTR_MSG, b"").rstrip(b"\0").decode(errors="replace")
    offset = found.get(NLMSGERR_ATTR_OFFS)
    return Refusal(number, text, struct.unpack("=I", offset)[0] if offset else None)

# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Route netlink (rtnetlink(7)): messages made by pyroute2's codecs, sent many at a time, answers read after.

pyroute2's own sockets take a millisecond for a request and its answer and its decoder a fifth of that for a link,
in a process that may have thousands of either. Here requests are pipelined over an ordinary socket, and of an answer
only the attributes that are wanted are looked at.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

try:
    from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
    from pyroute2.netlink.rtnl.nsidmsg import nsidmsg
    from pyroute2.netlink.rtnl.rtmsg import rtmsg
except ImportError as error:
    MISSING: ImportError | None = error
else:
    MISSING = None

# linux/netlink.h
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
SOL_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK = 270, 10, 11, 12
NLMSGERR_ATTR_MSG = 1

# linux/rtnetlink.h
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_GETNEIGH = 30
RTM_GETNSID = 90
RTEXT_FILTER_SKIP_STATS = 8

# How many requests go out before their answers are read: few enough for these to fit in the receive buffer.
PIPELINE = 64
RECEIVE_BUFFER = 4 << 20
HEADER = struct.Struct("=IHHII")
ATTRIBUTE = struct.Struct("=HH")


@dataclass(frozen=True)
class Refusal:
    """The kernel's answer to a request that it did not carry out."""

    number: int
    text: str

    def __str__(self) -> str:
        reason = f"{os.strerror(self.number)} ({errno.errorcode.get(self.number, self.number)})"
        return f"{reason}: {self.text}" if self.text else reason


class RtnetlinkError(OSError):
    """The kernel refused a request; errno and the kernel's own words, where it had any."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.number, str(refusal))

    def __str__(self) -> str:
        return str(self.strerror)


Attributes = Sequence[tuple[str, Any]]


def link_message(kind: int, request_flags: int, attributes: Attributes, **fields: int) -> bytearray:
    return _message(ifinfmsg(), kind, request_flags, attributes, fields)


def address_message(kind: int, request_flags: int, attributes: Attributes, **fields: int) -> bytearray:
    return _message(ifaddrmsg(), kind, request_flags, attributes, fields)


def route_message(kind: int, request_flags: int, attributes: Attributes, **fields: int) -> bytearray:
    return _message(rtmsg(), kind, request_flags, attributes, fields)


def nsid_message(kind: int, request_flags: int, attributes: Attributes) -> bytearray:
    return _message(nsidmsg(), kind, request_flags, attributes, {})


def neighbour_message(kind: int, request_flags: int) -> bytearray:
    """With an empty struct ndmsg (linux/neighbour.h), which stands for the neighbours of all families and links."""
    return bytearray(HEADER.pack(HEADER.size + 12, kind, NLM_F_REQUEST | request_flags, 0, 0) + bytes(12))


def attribute(number: int, content: bytes) -> bytes:
    """An attribute, padded as netlink(7) wants it."""
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(content), number) + content + bytes(-len(content) % 4)


def _text(name: str) -> bytes:
    return name.encode() + b"\0"


def _number(number: int) -> bytes:
    return struct.pack("=I", number)


def _address(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


#: What differs from one namespace to the next, in messages that are otherwise the same: the number of the attribute
#: (linux/if_link.h, linux/if_addr.h, linux/rtnetlink.h, linux/net_namespace.h), and its content in bytes.
_BLANKS: Mapping[str, tuple[int, Callable[[Any], bytes]]] = {
    "IFLA_IFNAME": (3, _text),
    "IFLA_NET_NS_FD": (28, _number),
    "IFA_ADDRESS": (1, _address),
    "IFA_LOCAL": (2, _address),
    "NETNSA_FD": (3, _number),
    "RTA_DST": (1, _address),
    "RTA_GATEWAY": (5, _address),
    "RTA_OIF": (4, _number),
    "RTA_PREFSRC": (7, _address),
}


class _Mould:
    """A message as pyroute2 has encoded it, and where in it the blanks begin."""

    def __init__(self, message: bytes, blanks: Sequence[bytes]) -> None:
        """`blanks` are the attributes to be filled in, as they stand in this message, each of them once."""
        self._message = message
        self._offsets = [message.index(blank) + ATTRIBUTE.size for blank in blanks]

    def filled(self, contents: Sequence[bytes]) -> bytearray:
        message = bytearray(self._message)
        for offset, content in zip(self._offsets, contents):
            message[offset : offset + len(content)] = content
        return message


#: By all that a message is made of but for the blanks' contents, of which the length counts.
_MOULDS: dict[object, _Mould] = {}


def _message(message: Any, kind: int, flags: int, attributes: Attributes, fields: Mapping[str, int]) -> bytearray:
    """A message, of which pyroute2 encodes the first of its form: that takes longer than the kernel's answer."""
    contents: list[bytes] = []
    form = _form(attributes, contents)
    key = (type(message), kind, flags, form, tuple(fields.items()))
    if key not in _MOULDS:
        marked: list[bytes] = []
        encoded = _encoded(message, kind, flags, _marked(attributes, marked), fields)
        _MOULDS[key] = _Mould(encoded, marked)
    return _MOULDS[key].filled(contents)


def _form(attributes: Attributes, contents: list[bytes]) -> tuple[object, ...]:
    """What the attributes have in common with those of other messages; what they do not goes to `contents`."""
    found: list[object] = []
    for name, value in attributes:
        if name in _BLANKS:
            content = _BLANKS[name][1](value)
            contents.append(content)
            found.append((name, len(content)))
        elif isinstance(value, dict):
            others = tuple((key, one) for key, one in value.items() if key != "attrs")
            found.append((name, _form(value["attrs"], contents), others))
        else:
            found.append((name, repr(value)))
    return tuple(found)


def _marked(attributes: Attributes, marked: list[bytes]) -> list[tuple[str, Any]]:
    """The attributes with contents in the blanks that are found again; `marked` gets the attributes as encoded."""
    found: list[tuple[str, Any]] = []
    for name, value in attributes:
        if name in _BLANKS:
            number, encoded = _BLANKS[name]
            mark = _MARKS[encoded](len(encoded(value)), len(marked))
            marked.append(attribute(number, encoded(mark)))
            found.append((name, mark))
        elif isinstance(value, dict):
            found.append((name, {**value, "attrs": _marked(value["attrs"], marked)}))
        else:
            found.append((name, value))
    return found


#: By kind of content: one of this length, different for each count.
_MARKS: Mapping[Callable[[Any], bytes], Callable[[int, int], Any]] = {
    _text: lambda length, count: chr(ord("a") + count) * (length - 1),
    _number: lambda _length, count: 0xF0F0F0F0 + count,
    _address: lambda length, count: str(ip_address(bytes([0xF0 + count]) * length)),
}


def _encoded(message: Any, kind: int, flags: int, attributes: Attributes, fields: Mapping[str, int]) -> bytes:
    message["header"]["type"] = kind
    message["header"]["flags"] = NLM_F_REQUEST | flags
    message["header"]["pid"] = 0
    message["header"]["sequence_number"] = 0
    for name, value in fields.items():
        message[name] = value
    message["attrs"] = list(attributes)
    message.encode()
    return bytes(message.data)


def replayed(message: bytes, kind: int, flags: int) -> bytearray:
    """A message of a dump as a request: what ip-route(8) calls restore."""
    request = bytearray(message)
    struct.pack_into("=HH", request, 4, kind, NLM_F_REQUEST | flags)
    return request


def attributes_of(message: bytes, start: int, end: int | None = None) -> dict[int, bytes]:
    """The attributes of a message, or of a nested one, by their numbers."""
    end = len(message) if end is None else end
    return {kind: message[first:last] for kind, first, last in _attributes(message, start, end)}


def positions(message: bytes, start: int, wanted: int) -> list[tuple[int, int]]:
    """Where the contents of the attributes of this number begin and end in a message."""
    return [(first, last) for kind, first, last in _attributes(message, start, len(message)) if kind == wanted]


def _attributes(message: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    while start + ATTRIBUTE.size <= end:
        length, kind = ATTRIBUTE.unpack_from(message, start)
        if length < ATTRIBUTE.size:
            return
        yield kind & 0x3FFF, start + ATTRIBUTE.size, start + length  # without NLA_F_NESTED and the like
        start += (length + 3) & ~3


class RtnetlinkSocket:
    """A socket in the namespace in which the thread was when it was opened; it stays there."""

    def __init__(self, protocol: int = socket.NETLINK_ROUTE) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.setsockopt(socket.SOL_SOCKET, 33, RECEIVE_BUFFER)  # SO_RCVBUFFORCE: beyond net.core.rmem_max
        self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self._socket.settimeout(60)
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def request_all(self, requests: Sequence[bytearray]) -> list[Refusal | None]:
        """Send requests; the answer to each, in their order: None, or why it was refused."""
        answers: list[Refusal | None] = []
        for start in range(0, len(requests), PIPELINE):
            chunk = requests[start : start + PIPELINE]
            first = self._sequence + 1
            for request in chunk:
                self._number(request, NLM_F_ACK)
            self._socket.send(b"".join(_padded(request) for request in chunk))
            by_sequence = self._acknowledgements(first, len(chunk))
            answers.extend(by_sequence[first + position] for position in range(len(chunk)))
        return answers

    def request(self, request: bytearray) -> None:
        """Send one request.

        Raises:
            RtnetlinkError: It was refused.
        """
        refusal = self.request_all([request])[0]
        if refusal:
            raise RtnetlinkError(refusal)

    def ask(self, request: bytearray) -> bytes:
        """Send a question that has one answer.

        Raises:
            RtnetlinkError: There is none.
        """
        return self.ask_all([request])[0]

    def ask_all(self, requests: Sequence[bytearray]) -> list[bytes]:
        """Send questions that have one answer each; the answers in their order.

        Raises:
            RtnetlinkError: One has none.
        """
        answers: dict[int, bytes] = {}
        for start in range(0, len(requests), PIPELINE):
            chunk = requests[start : start + PIPELINE]
            for request in chunk:
                self._number(request, 0)
            self._socket.send(b"".join(map(_padded, chunk)))
            while len(answers) < start + len(chunk):
                answers.update((HEADER.unpack_from(message)[3], message) for message in self._messages())
        for message in answers.values():
            if _kind(message) == NLMSG_ERROR:
                raise RtnetlinkError(_refusal(message) or Refusal(errno.EIO, "an empty answer"))
        return [answers[sequence] for sequence in sorted(answers)]

    def dump(self, request: bytearray) -> list[bytes]:
        """Everything of one kind.

        A dump that the kernel could not make in one piece since something changed meanwhile is made again.
        """
        while True:
            self._number(request, NLM_F_DUMP)
            self._socket.send(request)
            found, interrupted = self._collect()
            if not interrupted:
                return found

    def _collect(self) -> tuple[list[bytes], bool]:
        found: list[bytes] = []
        interrupted = False
        while True:
            for message in self._messages():
                kind = _kind(message)
                interrupted = interrupted or bool(HEADER.unpack_from(message)[2] & 0x10)  # NLM_F_DUMP_INTR
                if kind == NLMSG_DONE:
                    return found, interrupted
                if kind == NLMSG_ERROR:
                    raise RtnetlinkError(_refusal(message) or Refusal(errno.EIO, "an empty answer"))
                found.append(message)

    def _number(self, request: bytearray, flags: int) -> None:
        self._sequence += 1
        length, kind, given, _sequence, port = HEADER.unpack_from(request)
        HEADER.pack_into(request, 0, length, kind, given | flags, self._sequence, port)

    def _acknowledgements(self, first: int, count: int) -> dict[int, Refusal | None]:
        answers: dict[int, Refusal | None] = {}
        while len(answers) < count:
            for message in self._messages():
                sequence = HEADER.unpack_from(message)[3]
                if _kind(message) == NLMSG_ERROR and first <= sequence < first + count:
                    answers[sequence] = _refusal(message)
        return answers

    def _messages(self) -> Iterator[bytes]:
        data = self._socket.recv(1 << 18)
        offset = 0
        while offset + HEADER.size <= len(data):
            length = HEADER.unpack_from(data, offset)[0]
            yield data[offset : offset + length]
            offset += (length + 3) & ~3


def _padded(request: bytearray) -> bytes:
    return bytes(request) + b"\0" * (-len(request) % 4)


def _kind(message: bytes) -> int:
    return int(HEADER.unpack_from(message)[1])


def _refusal(message: bytes) -> Refusal | None:
    """What an NLMSG_ERROR says; None for an acknowledgement."""
    number = -struct.unpack_from("=i", message, HEADER.size)[0]
    if number == 0:
        return None
    text = b""
    if HEADER.unpack_from(message)[2] & NLM_F_ACK_TLVS:
        text = attributes_of(message, HEADER.size + 4 + HEADER.size).get(NLMSGERR_ATTR_MSG, b"")
    return Refusal(number, text.rstrip(b"\0").decode(errors="replace"))

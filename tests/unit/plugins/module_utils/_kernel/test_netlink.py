# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests and dumps over a netlink socket, and attributes."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink, uapi

# Sockets


class FakeSocket:
    """Stands for the kernel: answers each message that is sent, one received datagram after the other."""

    def __init__(self, answer: Callable[[bytes], list[bytes]]) -> None:
        self._answer = answer
        self._received: list[bytes] = []
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.sent.append(bytes(data))
        self._received.extend(self._answer(data))

    def recvmsg(self, size: int) -> tuple[bytes, list[object], int, tuple[int, int]]:
        received = self._received.pop(0)
        return received[:size], [], socket.MSG_TRUNC if len(received) > size else 0, (0, 0)

    def close(self) -> None:
        """Nothing is open."""


Connect = Callable[[Callable[[bytes], list[bytes]]], tuple[netlink.NetlinkSocket, FakeSocket]]


@pytest.fixture(name="connect")
def fixture_connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Open netlink sockets to a kernel that answers as the test says; nothing else can be had from the real one."""
    with ExitStack() as stack:

        def connect(answer: Callable[[bytes], list[bytes]]) -> tuple[netlink.NetlinkSocket, FakeSocket]:
            opened = netlink.NetlinkSocket(uapi.NETLINK_ROUTE)
            stack.callback(opened._socket.close)
            fake = FakeSocket(answer)
            monkeypatch.setattr(opened, "_socket", fake)
            return opened, fake

        yield connect


def headers(data: bytes) -> list[tuple[int, ...]]:
    """Return length, type, flags, sequence number and port of each message that was sent at once."""
    found: list[tuple[int, ...]] = []
    offset = 0
    while offset < len(data):
        found.append(struct.unpack_from("=IHHII", data, offset))
        offset += found[-1][0] + -found[-1][0] % 4
    return found


def reply(sequence: int, body: bytes, kind: int = 16, flags: int = 0) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body + bytes(-len(body) % 4)


def done(sequence: int) -> bytes:
    return reply(sequence, bytes(4), kind=3)


def refusal(sequence: int, number: int, text: str = "") -> bytes:
    """Return an NLMSG_ERROR with the header of the request, capped, and the explanation (NLM_F_CAPPED, _ACK_TLVS)."""
    explanation = attribute(1, text.encode() + b"\0") if text else b""
    return reply(sequence, struct.pack("=i", -number) + bytes(16) + explanation, kind=2, flags=0x300 if text else 0x100)


def bodies(found: list[bytes]) -> list[bytes]:
    return [message[16:] for message in found]


def test_a_dump_that_is_always_interrupted_is_given_up(connect: Connect) -> None:
    opened, fake = connect(lambda sent: [reply(headers(sent)[0][3], b"x", flags=0x10) + done(headers(sent)[0][3])])
    with pytest.raises(netlink.EndlessDump, match=r"changed all the time"):
        opened.dump(netlink.message(18, b""), patience=0.05)
    assert len(fake.sent) > 1


def test_a_dump_without_an_end_is_given_up(connect: Connect) -> None:
    opened, _fake = connect(lambda _sent: [reply(1, b"x")] * 10**6)
    with pytest.raises(netlink.EndlessDump, match=r"too much to be read within 0.05 s"):
        opened.dump(netlink.message(18, b""), timeout=0.05)


def test_what_is_left_of_a_dump_that_was_given_up(connect: Connect) -> None:
    opened, _fake = connect(lambda _sent: [reply(7, b"old") + done(7), reply(1, b"new") + done(1)])
    assert bodies(opened.dump(netlink.message(18, b""))) == [b"new"]


def test_a_scan_searches_a_dump_and_measures_it(connect: Connect) -> None:
    opened, _fake = connect(lambda _sent: [reply(1, b"some bytes") + reply(1, b"x" * 50), done(1)])
    assert opened.scan(netlink.message(18, b""), b"bytes", 5, 1000)[0]
    assert not opened.scan(netlink.message(18, b""), b"other", 5, 1000)[0]
    assert opened.scan(netlink.message(18, b""), b"other", 5, 10)[1] > 10


def test_a_scan_that_is_always_interrupted_is_given_up(connect: Connect) -> None:
    opened, _fake = connect(lambda _sent: [reply(1, b"x", flags=0x10) + done(1)])
    with pytest.raises(netlink.EndlessDump):
        opened.scan(netlink.message(18, b""), b"y", 0.05, 1000)


def test_a_dump_ends_with_its_last_message_not_with_a_datagram(connect: Connect) -> None:
    opened, fake = connect(lambda _sent: [reply(1, b"abc") + reply(1, b"defg"), reply(1, b"h") + done(1)])
    assert bodies(opened.dump(netlink.message(18, b"body"))) == [b"abc", b"defg", b"h"]
    [sent] = fake.sent
    assert headers(sent) == [(20, 18, uapi.NLM_F_REQUEST | uapi.NLM_F_DUMP, 1, 0)]
    assert sent[16:] == b"body"


@pytest.mark.parametrize("where", ["first", "last"])
def test_an_interrupted_dump_is_read_again(connect: Connect, where: str) -> None:
    def answer(sent: bytes) -> list[bytes]:
        [(_length, _kind, _flags, sequence, _port)] = headers(sent)
        if sequence > 2:
            return [reply(sequence, b"new1") + done(sequence)]
        flags = [uapi.NLM_F_DUMP_INTR if where == which else 0 for which in ("first", "last")]
        return [reply(sequence, b"old1", flags=flags[0]), reply(sequence, bytes(4), kind=3, flags=flags[1])]

    opened, fake = connect(answer)
    assert bodies(opened.dump(netlink.message(18, b""))) == [b"new1"]
    assert len(fake.sent) == 3


def test_a_message_that_is_longer_than_the_buffer_is_not_read_in_part(connect: Connect) -> None:
    opened, _fake = connect(lambda _sent: [reply(1, b"x" * 16) * 1024 + done(1)])
    with pytest.raises(OSError, match="more than 32768 bytes"):
        opened.dump(netlink.message(18, b""))


def test_a_dump_that_is_refused(connect: Connect) -> None:
    opened, _fake = connect(lambda _sent: [refusal(1, errno.ENODEV)])
    with pytest.raises(netlink.NetlinkError, match=r"No such device \(ENODEV\)"):
        opened.dump(netlink.message(18, b""))


def test_requests_are_sent_together_and_each_gets_its_own_answer(connect: Connect) -> None:
    def answer(sent: bytes) -> list[bytes]:
        sequences = [header[3] for header in headers(sent)]
        # Every third is refused; the answers come in another order.
        return [refusal(each, errno.EEXIST, "taken") if each % 3 == 0 else refusal(each, 0) for each in sequences[::-1]]

    opened, fake = connect(answer)
    count = netlink.PIPELINE + 5
    requests = [netlink.message(16, b"x" * (number % 4)) for number in range(count)]
    answers = opened.request_all(requests)
    expected = netlink.Refusal(errno.EEXIST, "taken")
    assert answers == [expected if number % 3 == 0 else None for number in range(1, count + 1)]
    assert [len(headers(sent)) for sent in fake.sent] == [netlink.PIPELINE, 5]
    assert {header[2] for sent in fake.sent for header in headers(sent)} == {uapi.NLM_F_REQUEST | uapi.NLM_F_ACK}


def test_one_request_that_is_refused(connect: Connect) -> None:
    opened, _fake = connect(lambda _sent: [refusal(1, errno.EINVAL, "why")])
    with pytest.raises(netlink.NetlinkError, match=r"Invalid argument \(EINVAL\): why") as caught:
        opened.request(netlink.message(16, b""))
    assert caught.value.errno == errno.EINVAL


def test_answers_are_in_the_order_of_the_queries(connect: Connect) -> None:
    def answer(sent: bytes) -> list[bytes]:
        return [reply(header[3], b"%03d" % header[3]) for header in headers(sent)[::-1]]

    opened, _fake = connect(answer)
    count = netlink.PIPELINE + 5
    found = opened.get_all([netlink.message(18, b"") for _number in range(count)])
    assert bodies(found) == [b"%03d" % number for number in range(1, count + 1)]
    assert opened.get_all([]) == []


def test_a_query_without_an_answer(connect: Connect) -> None:
    opened, _fake = connect(lambda _sent: [refusal(1, errno.ENODEV)])
    with pytest.raises(netlink.NetlinkError, match="ENODEV"):
        opened.get(netlink.message(18, b""))


def test_a_message_of_a_dump_becomes_a_request() -> None:
    request = netlink.replay(reply(7, b"body", kind=24, flags=2), 25, uapi.NLM_F_CREATE)
    assert headers(bytes(request)) == [(20, 25, uapi.NLM_F_REQUEST | uapi.NLM_F_CREATE, 7, 0)]
    assert request[16:] == b"body"


# Attributes


def attribute(number: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, number) + value + b"\0" * (-len(value) % 4)


@given(st.integers(1, 60), st.binary(max_size=9))
def test_an_attribute_is_padded(number: int, value: bytes) -> None:
    assert netlink.attribute(number, value) == attribute(number, value)


@given(st.lists(st.tuples(st.integers(1, 60), st.binary(max_size=9)), unique_by=lambda pair: pair[0]))
def test_attributes_are_found_whatever_their_length(pairs: list[tuple[int, bytes]]) -> None:
    message = b"head" + b"".join(attribute(number | 0x8000, value) for number, value in pairs)
    assert netlink.attributes_of(message, 4) == dict(pairs)
    for number, value in pairs:
        assert [message[first:last] for first, last in netlink.positions(message, 4, number)] == [value]


@given(st.binary(max_size=60))
def test_a_malformed_message_has_no_attributes_that_break_the_parser(data: bytes) -> None:
    assert isinstance(netlink.attributes_of(data, 0), dict)


def test_the_text_of_a_refusal() -> None:
    assert str(netlink.Refusal(17, "")) == "File exists (EEXIST)"
    assert str(netlink.NetlinkError(netlink.Refusal(22, "why"))) == "Invalid argument (EINVAL): why"

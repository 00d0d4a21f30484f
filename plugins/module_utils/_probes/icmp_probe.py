# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""ICMP probes: echo requests, sent from raw sockets that many of them share."""

from __future__ import annotations

import errno
import secrets
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from itertools import count

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._probes.active_probe import ActiveProbe
from ansible_collections.netns.fabric.plugins.module_utils._probes.icmp import (
    ECHO,
    ECHO_REPLY,
    ERRORS,
    IP_HEADER,
    Answer,
    answer_in,
    cause_of_errno,
    echo_request,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import LARGE_LOST, SILENCE, TOO_BIG, Outcome
from ansible_collections.netns.fabric.plugins.module_utils._probes.neighbours import FAMILY, NeighbourKey

#: When a request is sent again, in parts of the timeout; the last one is the end of the wait.
ATTEMPTS = (0.15, 0.4, 0.7, 1.0)
#: Seconds between two requests at most: a probe that waits for long does so because its path loses packets.
LONGEST_PAUSE = 10.0
#: Seconds after which a reported error is put to the test by one more request.
CONFIRMATION = 0.05
#: Echo requests of one socket: with every attempt of the usual ones they fit in the 16 bits of the sequence number.
ECHOES_PER_SOCKET = 10000
#: The port of the discard protocol (RFC 863).
DISCARD = 9
#: Packets that are read from one socket before the others have their turn.
READS = 64
#: Bytes.
SOCKET_BUFFER = 4 << 20
#: Bytes of an IP header's options (RFC 791).
IP_OPTIONS_MAX = 40
#: Bytes of the payload, and of the IP packet with it, as ping(8) has it over IPv4.
PAYLOAD = 56
USUAL_SIZE = 84

# asm-generic/socket.h, linux/in.h, linux/icmp.h, linux/icmpv6.h
SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 32, 33, 35
SOL_RAW, ICMP_FILTER, ICMPV6_FILTER = 255, 1, 1
# linux/in.h, linux/in6.h: IP_PMTUDISC_PROBE and IPV6_PMTUDISC_PROBE are the same.
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PMTUDISC_PROBE = 10, 23, 3
TIMESTAMP = struct.Struct("ll")


class EchoProbe(ActiveProbe):
    """An ICMP echo."""

    socket: EchoSocket
    #: Bytes of the IP packet of a second request, which must not be fragmented; 0: there is none.
    full_size = 0

    def start(self) -> None:
        #: The outcome of the first request, while the second one is under way.
        self._first: Outcome | None = None
        self._since = self.began
        self._attempts = 0
        self._trouble: tuple[str, str] = (SILENCE, "")
        self._suspected = 0
        self._send()

    def on_timer(self, now: float) -> None:
        if now >= self._since + self.probe.timeout:
            self.fail(*(self._trouble if self._first is None else self._describe_loss()))
            return
        if self._attempts == 1 and self._first is None:
            if self.primed_pair is not None:  # the verdict is to be that of ordinary traffic
                self.run.neighbours.remove_primed(self.version, self.neighbour_keys)
            if self.far_end is not None:
                self._trigger_reverse_lookup(self.far_end)
        self._send()

    def _describe_loss(self) -> tuple[str, str]:
        return LARGE_LOST, f"an echo request of {self.full_size} bytes is not answered, one of {USUAL_SIZE} bytes is"

    def _trigger_reverse_lookup(self, far_end: NeighbourKey) -> None:
        """Have the far end look up the near end, which learns the far end's MAC address from the request.

        After a link was re-created with another MAC address its old neighbours go on sending to the former one, for
        eight seconds or more (base_reachable_time, delay_first_probe_time and the probes of arp(7)), unless a request
        from the new link reaches them: for ARP any, for neighbour discovery one about them (RFC 4861, 7.2.3).
        """
        namespace, near = far_end
        with suppress(OSError, Unavailable), self.run.kernel.entered(namespace):
            kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            with socket.socket(FAMILY[self.version], kind) as sock:
                sock.bind((self.address, 0))
                sock.sendto(b"", (near, DISCARD))

    def _send(self) -> None:
        try:
            self.socket.send(self)
        except (BlockingIOError, InterruptedError):
            pass  # the buffer is full: the next attempt may succeed
        except OSError as error:
            if error.errno == errno.EMSGSIZE and self._first is not None:
                self.finish(self._first)  # the packet leaves by a link with a smaller MTU than the address is on
                return
            if error.errno != errno.ENOBUFS:
                self.fail(*cause_of_errno(error.errno or 0))
                return
        part = ATTEMPTS[min(self._attempts, len(ATTEMPTS) - 1)]
        self._attempts += 1
        self.set_timer(min(self._since + part * self.probe.timeout, time.monotonic() + LONGEST_PAUSE))

    @property
    def size(self) -> int:
        """The bytes of the IP packet to send now; 0: as many as usual."""
        return 0 if self._first is None else self.full_size

    def take_answer(self, answer: Answer, size: int, sent: int, arrived: int) -> None:
        """Take an answer to a request of a size; both moments are in nanoseconds of the time of day."""
        self.run.note_answer(self)
        if size != self.size:
            return  # a late answer to a request that was repeated
        if self._first is not None:
            # A router that reports its smaller MTU is right: path MTU discovery works (RFC 1191, RFC 8201).
            if answer.cause in ("", TOO_BIG):
                self.finish(self._first)
            return
        if not answer.cause:
            outcome = Outcome(reachable=True, round_trip=max(0, arrived - sent) / 1e9)
            if self.full_size:
                self._first, self._since, self._attempts = outcome, time.monotonic(), 0
                self._send()
            else:
                self.finish(outcome)
            return
        # An error may be about a moment ago, such as the end of an earlier search for a neighbour: it counts when it
        # comes for a packet that was sent after the first one had come.
        self._trouble = (answer.cause, answer.detail)
        if not self._suspected:
            self._suspected = time.time_ns()
            self.set_timer(min(time.monotonic() + CONFIRMATION, self.began + self.probe.timeout))
        elif sent > self._suspected:
            self.fail(*self._trouble)


class EchoSocket:
    """A raw ICMP socket in the namespace in which the thread is (raw(7)); it sends for many probes.

    An unprivileged ICMP socket would do too, but for net.ipv4.ping_group_range: by default no user may open one.
    """

    def __init__(self, version: int, payload: bytes) -> None:
        self._version = version
        self._payload = payload
        self._identifier = secrets.randbelow(1 << 16)
        self._sequence = count()
        self._sent: dict[int, tuple[EchoProbe, int, int]] = {}
        #: The payload by the size of the IP packet, 0 being the usual one.
        self._payloads = {0: payload}
        self._buffer = 2048
        protocol = socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self.socket = socket.socket(FAMILY[version], kind, protocol)
        self._set_filter()
        # With DF, and never smaller than the link allows, whatever was learnt of the path (ip(7), ipv6(7)).
        level, option = (
            (socket.IPPROTO_IP, IP_MTU_DISCOVER) if version == 4 else (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER)
        )
        self.socket.setsockopt(level, option, PMTUDISC_PROBE)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        for option, usual in ((SO_RCVBUFFORCE, socket.SO_RCVBUF), (SO_SNDBUFFORCE, socket.SO_SNDBUF)):
            try:
                self.socket.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
            except OSError:
                self.socket.setsockopt(socket.SOL_SOCKET, usual, SOCKET_BUFFER)

    def _set_filter(self) -> None:
        """Let only replies and errors in: every raw socket gets a copy of every ICMP packet of its namespace."""
        if self._version == 4:
            passed = sum(1 << kind for kind in (ECHO_REPLY[4], *ERRORS[4]))
            self.socket.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("=I", ~passed & 0xFFFFFFFF))
            return
        blocked = [0xFFFFFFFF] * 8  # RFC 3542, 3.2
        for kind in (ECHO_REPLY[6], *ERRORS[6]):
            blocked[kind >> 5] &= ~(1 << (kind & 31))
        self.socket.setsockopt(socket.IPPROTO_ICMPV6, ICMPV6_FILTER, struct.pack("=8I", *blocked))

    def send(self, echo: EchoProbe) -> None:
        """Send a request for a probe.

        Raises:
            OSError: The kernel refuses it.
        """
        sequence = next(self._sequence) & 0xFFFF
        packet = echo_request(self._version, self._identifier, sequence, self._payload_of(echo.size))
        self._sent[sequence] = (echo, echo.size, time.time_ns())
        self.socket.sendto(packet, (echo.address, 0))

    def _payload_of(self, size: int) -> bytes:
        """Return the payload that makes an IP packet of a size."""
        if size not in self._payloads:
            length = size - IP_HEADER[self._version] - ECHO.size
            self._payloads[size] = (self._payload * (length // len(self._payload) + 1))[:length]
            self._buffer = max(self._buffer, size + IP_OPTIONS_MAX)
        return self._payloads[size]

    def read(self, _events: int) -> None:
        """Read answers and give them to their probes."""
        for _turn in range(READS):
            try:
                packet, ancillary, _flags, sender = self.socket.recvmsg(self._buffer, 128)
            except BlockingIOError:
                return
            except OSError:
                continue  # an error about an earlier packet, which comes as a packet as well
            arrived = _timestamp_in(ancillary)
            answer = answer_in(self._version, packet, sender[0])
            if answer is not None:
                self._match(answer, arrived)

    def _match(self, answer: Answer, arrived: int) -> None:
        echo, size, sent = self._sent.get(answer.sequence, (None, 0, 0))
        matches = answer.identifier == self._identifier and (answer.cause or answer.payload == self._payloads[size])
        if echo is not None and matches and not echo.finished:
            echo.take_answer(answer, size, sent, arrived)


def _timestamp_in(ancillary: Iterable[tuple[int, int, bytes]]) -> int:
    """Return when the kernel got a packet, in nanoseconds of the time of day: however late it is read here."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS) and len(data) >= TIMESTAMP.size:
            seconds, nanoseconds = TIMESTAMP.unpack_from(data)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return time.time_ns()

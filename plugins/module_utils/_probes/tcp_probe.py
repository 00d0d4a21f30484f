# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""TCP probes: a connection to a given port, or an exchange of content with a listener of this process."""

from __future__ import annotations

import fcntl
import selectors
import socket
import struct
import termios
import time
from collections import deque
from contextlib import suppress
from typing import NamedTuple

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._probes.active_probe import NEVER, ActiveProbe, Scheduler
from ansible_collections.netns.fabric.plugins.module_utils._probes.error_queue import next_cause, queue_errors
from ansible_collections.netns.fabric.plugins.module_utils._probes.icmp import cause_of_errno
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import (
    CLOSED,
    CORRUPTED,
    NO_NEIGHBOUR,
    SILENCE,
    STALLED,
    Outcome,
    Probe,
    place,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.neighbours import FAMILY

#: At most this much goes each way in one exchange, and about that much in all of them together (bytes).
MAX_EXCHANGE = 256 * 1024
ALL_EXCHANGES = 2 * 1024 * 1024
#: The MTU of a link whose own is not known: jumbo frames of Ethernet.
USUAL_MTU = 9000
#: linux/netdevice.h: no link has more.
MAX_MTU = 65536
#: Exchanges that send their content at the same time.
SENDING = 8
#: Seconds between two checks whether all that an exchange has sent was acknowledged.
ACKNOWLEDGEMENT_INTERVAL = 0.002
#: An exchange that makes progress has at most so many times its timeout.
PATIENCE = 10
#: Bytes that are sent or received at a time.
CHUNK = 65536

#: tcpi_rtt of struct tcp_info (linux/tcp.h), in microseconds.
TCP_RTT_OFFSET = 68


def exchange_size(count: int, mtu: int = USUAL_MTU) -> int:
    """Return how many bytes each of so many exchanges sends each way: more than one packet of the largest size."""
    return max(2 * mtu, min(MAX_EXCHANGE, ALL_EXCHANGES // max(count, 1)))


class Payload(NamedTuple):
    """What an exchange sends: a greeting by which the listener identifies it, then the content, which comes back."""

    greeting: bytes
    content: memoryview


class SendQueue:
    """Lets only a few exchanges send their content at the same time."""

    def __init__(self) -> None:
        self._waiting: deque[TcpProbe] = deque()
        self._sending: set[TcpProbe] = set()

    def add(self, exchange: TcpProbe) -> None:
        """Let an exchange send when it is its turn."""
        self._waiting.append(exchange)
        self._start()

    def remove(self, exchange: TcpProbe) -> None:
        """Let the next exchange send, if this one was sending."""
        if exchange in self._sending:
            self._sending.remove(exchange)
            self._start()

    def _start(self) -> None:
        while self._waiting and len(self._sending) < SENDING:
            exchange = self._waiting.popleft()
            self._sending.add(exchange)
            exchange.send()


class TcpProbe(ActiveProbe):
    """A TCP connection, and where it leads to a listener of this process (it has a payload) an exchange of content."""

    opens_sockets = True

    def __init__(self, run: Scheduler, index: int, probe: Probe, send_queue: SendQueue) -> None:
        super().__init__(run, index, probe)
        self.port = probe.port or 0
        #: The MTU of the link that it is sent over.
        self.mtu = USUAL_MTU
        self.payload: Payload | None = None
        self._send_queue = send_queue
        self._sockets: list[socket.socket] = []
        self._near: _Stream | None = None
        self._far: _Stream | None = None
        self._answered_by: NamespaceName = None
        self._round_trip = 0.0
        self._end = NEVER

    def start(self) -> None:
        kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        with self.run.kernel.entered(self.probe.namespace):
            self.socket = socket.socket(FAMILY[self.version], kind)
        self._sockets.append(self.socket)
        queue_errors(self.socket, self.version)
        try:
            self.socket.connect((self.address, self.port))
        except BlockingIOError:
            pass
        except OSError as error:
            self.fail(*cause_of_errno(error.errno or 0))
            return
        self.run.loop.watch(self.socket, selectors.EVENT_WRITE, self._on_connected)
        self.set_timer(self.began + self.probe.timeout)

    def on_timer(self, _now: float) -> None:
        if self._near is None or self.payload is None:
            self.fail(SILENCE)
            return
        there, back, size = self._far.received if self._far else 0, self._near.received, len(self.payload.content)
        self.fail(STALLED, f"{there} of {size} bytes arrived at the destination, {back} came back")

    def _on_connected(self, _events: int) -> None:
        number = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            cause, detail = next_cause(self.socket, self.version, number)
            if cause == NO_NEIGHBOUR and self._may_retry():
                self.close()
                self.start()
                return
            self.fail(cause, detail)
            return
        self._round_trip = self._measure_round_trip()
        if self.payload is None:
            self.finish(Outcome(reachable=True, round_trip=self._round_trip))
            return
        self.run.loop.unwatch(self.socket)
        self.postpone_timer(NEVER)
        self.run.note_answer(self)
        self._send_queue.add(self)

    def _may_retry(self) -> bool:
        """The kernel gives up on a neighbour after three requests, one each second; they may all have been lost."""
        return not self.probe.is_forbidden and time.monotonic() < self.began + self.probe.timeout

    def _measure_round_trip(self) -> float:
        """Return the kernel's round trip time of the handshake; the kernel has none where it had to be repeated."""
        information = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_RTT_OFFSET + 4)
        (microseconds,) = struct.unpack_from("=I", information, TCP_RTT_OFFSET)
        return microseconds / 1e6 if microseconds else time.monotonic() - self.began

    def send(self) -> None:
        """Send the content: the send queue has come to this exchange."""
        if self.payload is None:
            return
        now = time.monotonic()
        self._end = now + PATIENCE * self.probe.timeout
        self._near = _Stream(self, self.socket, b"".join(self.payload), self.payload.content)
        self.set_timer(now + self.probe.timeout)

    def accept(self, connection: socket.socket, namespace: NamespaceName) -> bool:
        """Take the other end, whose greeting has arrived in a namespace; return whether it is wanted."""
        if self._far is not None or self.finished or self.payload is None:
            return False
        self._answered_by = namespace
        self._sockets.append(connection)
        self._far = _Stream(self, connection, self.payload.content, self.payload.content)
        return True

    def note_progress(self) -> None:
        """Take note that bytes were sent or received at either end."""
        now = time.monotonic()
        if not (self._near and self._far and self._near.done and self._far.done):
            self.postpone_timer(min(now + self.probe.timeout, self._end))
            return
        self.postpone_timer(NEVER)
        self._end = now + self.probe.timeout
        self._send_queue.remove(self)
        self._finish_when_acknowledged(now)

    def _finish_when_acknowledged(self, now: float) -> None:
        """Finish once both ends have acknowledged all.

        The kernel answers what still arrives for a closed connection with a reset, and may have to look up the
        neighbour again for it, as the entry may be removed by then.
        """
        if now < self._end and not all(map(_is_acknowledged, self._sockets)):
            self.run.loop.call_at(now + ACKNOWLEDGEMENT_INTERVAL, self._finish_when_acknowledged)
            return
        self.finish(Outcome(reachable=True, round_trip=self._round_trip, answered_by=place(self._answered_by)))

    def finish(self, outcome: Outcome) -> None:
        # Before the neighbour entries are removed: what ends the connection is sent too.
        self.close()
        super().finish(outcome)
        self._send_queue.remove(self)

    def close(self) -> None:
        """Close both ends, those of an exchange by a reset, which avoids the minute of TIME_WAIT."""
        for end in self._sockets:
            self.run.loop.unwatch(end)
            if self.payload is not None:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()
        self._sockets.clear()
        self._near = self._far = None  # each holds what it has to send


class _Stream:
    """One end of an exchange: what it has to send, and what it is to receive."""

    def __init__(
        self, exchange: TcpProbe, end: socket.socket, outgoing: bytes | memoryview, expected: memoryview
    ) -> None:
        self.socket = end
        self.received = 0
        self._exchange = exchange
        self._outgoing = memoryview(outgoing)
        self._expected = expected
        exchange.run.loop.watch(end, selectors.EVENT_READ | selectors.EVENT_WRITE, self._on_ready)

    @property
    def done(self) -> bool:
        """Whether everything was sent and received."""
        return not self._outgoing and self.received == len(self._expected)

    def _on_ready(self, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE and self._outgoing:
                self._write()
            if events & selectors.EVENT_READ and not self._exchange.finished:
                self._read()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            self._exchange.fail(*cause_of_errno(error.errno or 0))

    def _write(self) -> None:
        self._outgoing = self._outgoing[self.socket.send(self._outgoing[:CHUNK]) :]
        if not self._outgoing:
            self._exchange.run.loop.watch(self.socket, selectors.EVENT_READ, self._on_ready)
            self._exchange.note_progress()

    def _read(self) -> None:
        data = self.socket.recv(CHUNK)
        if not data:
            self._exchange.fail(CLOSED, f"after {self.received} bytes")
        elif data != self._expected[self.received : self.received + len(data)]:
            self._exchange.fail(CORRUPTED, f"after {self.received} bytes")
        else:
            self.received += len(data)
            self._exchange.note_progress()


def _is_acknowledged(end: socket.socket) -> bool:
    """Return whether the other side has acknowledged all that was sent (SIOCOUTQ, tcp(7))."""
    return fcntl.ioctl(end, termios.TIOCOUTQ, bytes(4)) == bytes(4)

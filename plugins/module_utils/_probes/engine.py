# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes sent from inside namespaces, all at once, by one thread.

A socket stays in the namespace in which it was made, so one loop serves them all. How much is under way in the same
moment is limited, as a burst of thousands of packets is lost in buffers on the way; and so are the neighbour entries
that the probes need, see _neighbours.py.
"""

from __future__ import annotations

import errno
import fcntl
import heapq
import os
import resource
import secrets
import selectors
import socket
import struct
import termios
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from itertools import count
from typing import TYPE_CHECKING

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._probes.neighbours import (
    FAMILY,
    End,
    Entry,
    NeighbourTables,
    ends_in,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.survey import (
    CLOSED,
    CORRUPTED,
    ERRORS,
    NO_NAMESPACE,
    NO_NEIGHBOUR,
    SILENCE,
    STALLED,
    USUAL_MTU,
    Answer,
    Outcome,
    Probe,
    answer_in,
    cause_of_errno,
    cause_of_error,
    echo_request,
    exchange_size,
    place,
)

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Kernel

#: Legs whose first packet is on its way. One that stays unanswered no longer counts after some three times what answers
#: have taken of late: a switch that cannot keep up is given time, and silence holds up nobody for long. Seconds.
WINDOW = 64
SHORTEST_SETTLING, LONGEST_SETTLING = 0.02, 0.5
#: Legs whose ends find each other as all traffic does, by asking everybody on the link. The ends of further ones are
#: introduced to each other, as long as their first request is answered.
ASKING = 16
#: Seconds for which they know each other longer than they need to.
LINGERING = 0.2
#: When a request is sent again, in parts of the timeout; the last one is the end of the wait.
ATTEMPTS = (0.15, 0.4, 0.7, 1.0)
#: Seconds after which a reported error is put to the test by one more request.
CONFIRMATION = 0.05
#: TCP exchanges that send data in the same moment.
SENDING = 8
#: Seconds between two looks whether all that an exchange has sent was acknowledged.
ACKNOWLEDGEMENT = 0.002
#: An exchange that keeps moving has at most so many times its timeout.
PATIENCE = 10
#: Descriptors left to the rest of the process.
SPARE_DESCRIPTORS = 64
#: Echo requests of one socket: with every attempt they fit in the sixteen bits of the sequence number.
ECHOES_PER_SOCKET = 10000
#: The port of the discard protocol (RFC 863).
DISCARD = 9
#: Packets that are read from one socket before the others have their turn.
READS = 64
CHUNK = 65536
RECEIVE_BUFFER = 4 << 20

# asm-generic/socket.h, linux/in.h, linux/in6.h, linux/icmp.h, linux/icmpv6.h, linux/errqueue.h
SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 32, 33, 35
IP_RECVERR, IP_FREEBIND, IPV6_RECVERR, IPV6_FREEBIND = 11, 15, 25, 78
SOL_RAW, ICMP_FILTER, ICMPV6_FILTER = 255, 1, 1
MSG_ERRQUEUE = 0x2000
EXTENDED_ERROR = struct.Struct("=IBBBBII")
ORIGIN_ICMP, ORIGIN_ICMP6 = 2, 3
TIMESTAMP = struct.Struct("ll")
#: tcpi_rtt of struct tcp_info (linux/tcp.h), in microseconds.
TCP_RTT_OFFSET = 68

#: linux/netdevice.h: no link has more.
LARGEST_MTU = 65536
#: The first bytes of an exchange say whose it is.
GREETING = struct.Struct("!16sI")


class Prober:
    """Sends probes. Nothing is left of it when a method returns, but for entries in the kernel's neighbour tables."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def ask(self, probes: Sequence[Probe], listeners: Mapping[Probe, Sequence[NamespaceName]]) -> list[Outcome]:
        """The outcome of each probe, in their order.

        `listeners` tells for every TCP probe without a port where to listen for it.

        Raises:
            Unavailable: A namespace to listen in is gone.
            OSError: The host is out of descriptors, ports or memory.
        """
        if not probes:
            return []
        run = _Run(self._kernel, probes, listeners)
        try:
            return run.outcomes()
        finally:
            run.close()

    def unresolved(self, namespaces: Iterable[NamespaceName]) -> dict[NamespaceName, set[str]]:
        """The addresses, by namespace, that something was to be sent to and nobody on the link answers for."""
        neighbours = NeighbourTables(self._kernel)
        return {name: neighbours.unresolved(name) for name in namespaces}


class _Loop:
    """Sockets to watch, and timers."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()

    def watch(self, watched: socket.socket, events: int, callback: Callable[[int], None]) -> None:
        if watched.fileno() in self._selector.get_map():
            self._selector.modify(watched, events, callback)
        else:
            self._selector.register(watched, events, callback)

    def forget(self, watched: socket.socket) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(watched)

    def at(self, moment: float, callback: Callable[[float], None]) -> None:
        heapq.heappush(self._timers, (moment, next(self._order), callback))

    def turn(self, patience: float) -> None:
        """Serve the sockets, waiting for at most `patience` seconds, then the timers.

        What came in before a timer's moment is read before the timer goes off, however late both are.
        """
        now = time.monotonic()
        if self._timers:
            patience = min(patience, max(0.0, self._timers[0][0] - now))
        for key, events in self._selector.select(patience):
            key.data(events)
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2](now)

    def close(self) -> None:
        self._selector.close()


class _Leg:
    """A probe under way."""

    def __init__(self, run: _Run, index: int, probe: Probe) -> None:
        self.run = run
        self.index = index
        self.probe = probe
        self.address = str(probe.to)
        #: Legs between the same two ends: the other way, and by TCP. They start when this one is through, and find the
        #: neighbour entries made.
        self.followers: list[_Leg] = []
        self.follows = False
        #: The neighbour entries that it may need: its own, and the far end's for the way back.
        self.entries: Sequence[Entry] = ((probe.namespace, self.address),)
        #: Where the address is, and the one that the probe comes from; as far as a probe starts there too.
        self.far_end: Entry | None = None
        #: Who is to be introduced to whom: the near end and the far one.
        self.introduction: tuple[End, End] | None = None
        self.settled = False
        self.finished = False
        self.began = 0.0
        self._due = 0.0

    @property
    def version(self) -> int:
        return self.probe.to.version

    def start(self) -> None:
        raise NotImplementedError

    def overdue(self, now: float) -> None:
        """The moment has come that `_wake_at` named."""
        raise NotImplementedError

    def wake_at(self, moment: float) -> None:
        """A moment named before no longer counts."""
        self._due = moment
        self.run.loop.at(moment, self._wake)

    def sleep_until(self, moment: float) -> None:
        """Put the moment off, at no cost: the timer that is set already will see to it."""
        self._due = moment

    def _wake(self, now: float) -> None:
        if self.finished:
            return
        if now < self._due:
            if self._due != float("inf"):
                self.run.loop.at(self._due, self._wake)
            return
        self.overdue(now)

    def finish(self, outcome: Outcome) -> None:
        if not self.finished:
            self.finished = True
            self.run.finished(self, outcome)

    def fail(self, cause: str, detail: str = "") -> None:
        self.finish(Outcome(reachable=False, cause=cause, detail=detail))


class _Echo(_Leg):
    """An ICMP echo."""

    socket: _EchoSocket

    def start(self) -> None:
        self._attempts = 0
        self._trouble: tuple[str, str] = (SILENCE, "")
        self._suspected = 0
        self._send()

    def overdue(self, now: float) -> None:
        if now >= self.began + self.probe.timeout:
            self.fail(*self._trouble)
            return
        if self._attempts == 1:
            self.run.part(self)
            self.run.have_the_far_end_speak(self)
        self._send()

    def _send(self) -> None:
        try:
            self.socket.send(self)
        except (BlockingIOError, InterruptedError):
            pass  # the buffer is full: the next attempt may fare better
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                self.fail(*cause_of_errno(error.errno or 0))
                return
        part = ATTEMPTS[min(self._attempts, len(ATTEMPTS) - 1)]
        self._attempts += 1
        self.wake_at(self.began + part * self.probe.timeout)

    def answered(self, answer: Answer, sent: int, arrived: int) -> None:
        """Both moments are in nanoseconds of the time of day."""
        self.run.heard(self)
        if not answer.cause:
            self.finish(Outcome(reachable=True, round_trip=max(0, arrived - sent) / 1e9))
            return
        # An error may be about what was so a moment ago, such as the end of an earlier search for a neighbour: it
        # counts when it comes for a packet that was sent after the first one had come.
        self._trouble = (answer.cause, answer.detail)
        if not self._suspected:
            self._suspected = time.time_ns()
            self.wake_at(min(time.monotonic() + CONFIRMATION, self.began + self.probe.timeout))
        elif sent > self._suspected:
            self.fail(*self._trouble)


class _EchoSocket:
    """A raw ICMP socket in the namespace in which the thread is (raw(7)); it sends for many legs.

    An unprivileged ICMP socket would do too, but for net.ipv4.ping_group_range: its default lets nobody have one.
    """

    def __init__(self, version: int, payload: bytes) -> None:
        self._version = version
        self._payload = payload
        self._identifier = secrets.randbelow(1 << 16)
        self._sequence = count()
        self._sent: dict[int, tuple[_Echo, int]] = {}
        protocol = socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self.socket = socket.socket(FAMILY[version], kind, protocol)
        self._set_filter()
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        for option, usual in ((SO_RCVBUFFORCE, socket.SO_RCVBUF), (SO_SNDBUFFORCE, socket.SO_SNDBUF)):
            try:
                self.socket.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER)
            except OSError:
                self.socket.setsockopt(socket.SOL_SOCKET, usual, RECEIVE_BUFFER)

    def _set_filter(self) -> None:
        """Only replies and errors: every raw socket gets a copy of every ICMP packet of its namespace."""
        if self._version == 4:
            passed = sum(1 << kind for kind in (0, *ERRORS[4]))
            self.socket.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("=I", ~passed & 0xFFFFFFFF))
            return
        blocked = [0xFFFFFFFF] * 8  # RFC 3542, 3.2
        for kind in (129, *ERRORS[6]):
            blocked[kind >> 5] &= ~(1 << (kind & 31))
        self.socket.setsockopt(socket.IPPROTO_ICMPV6, ICMPV6_FILTER, struct.pack("=8I", *blocked))

    def send(self, echo: _Echo) -> None:
        sequence = next(self._sequence) & 0xFFFF
        packet = echo_request(self._version, self._identifier, sequence, self._payload)
        self._sent[sequence] = (echo, time.time_ns())
        self.socket.sendto(packet, (echo.address, 0))

    def read(self, _events: int) -> None:
        for _turn in range(READS):
            try:
                packet, ancillary, _flags, sender = self.socket.recvmsg(2048, 128)
            except BlockingIOError:
                return
            except OSError:
                continue  # an error of an earlier packet, which is told by a packet as well
            arrived = _timestamp(ancillary)
            answer = answer_in(self._version, packet, sender[0])
            if answer is not None:
                self._match(answer, arrived)

    def _match(self, answer: Answer, arrived: int) -> None:
        echo, sent = self._sent.get(answer.sequence, (None, 0))
        ours = answer.identifier == self._identifier and (answer.cause or answer.payload == self._payload)
        if echo is not None and ours and not echo.finished:
            echo.answered(answer, sent, arrived)


def _timestamp(ancillary: Iterable[tuple[int, int, bytes]]) -> int:
    """When the kernel got a packet, in nanoseconds of the time of day: however late it is read here."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS) and len(data) >= TIMESTAMP.size:
            seconds, nanoseconds = TIMESTAMP.unpack_from(data)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return time.time_ns()


class _Exchange(_Leg):
    """A TCP connection: to a port that was asked for, or to a listener of ours with content both ways."""

    def __init__(self, run: _Run, index: int, probe: Probe) -> None:
        super().__init__(run, index, probe)
        self.group: _Group | None = None
        self.sending = False
        self._ends: list[socket.socket] = []
        self._near: _Stream | None = None
        self._far: _Stream | None = None
        self._round_trip = 0.0
        self._end = float("inf")
        self._content = b""

    def start(self) -> None:
        family = FAMILY[self.version]
        with self.run.kernel.entered(self.probe.namespace):
            self.socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._ends.append(self.socket)
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        else:
            self.socket.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        port = self.probe.port if self.group is None else self.group.port
        try:
            self.socket.connect((self.address, port))
        except BlockingIOError:
            pass
        except OSError as error:
            self.fail(*cause_of_errno(error.errno or 0))
            return
        self.run.loop.watch(self.socket, selectors.EVENT_WRITE, self._connected)
        self.wake_at(self.began + self.probe.timeout)

    def overdue(self, _now: float) -> None:
        if self._near is None:
            self.fail(SILENCE)
            return
        there = self._far.received if self._far else 0
        self.fail(STALLED, f"{there} of {len(self._content)} bytes arrived there, {self._near.received} came back")

    def _connected(self, _events: int) -> None:
        number = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            cause, detail = self._reported(number)
            if cause == NO_NEIGHBOUR and self._has_time_left():
                self.close()
                self.start()
                return
            self.fail(cause, detail)
            return
        self._round_trip = self._measured()
        if self.group is None:
            self.finish(Outcome(reachable=True, round_trip=self._round_trip))
            return
        self.run.loop.forget(self.socket)
        self.sleep_until(float("inf"))
        self.run.heard(self)
        self.run.queue_to_send(self)

    def _has_time_left(self) -> bool:
        """The kernel gives up on a neighbour after three questions, one each second; they may all have been lost."""
        return self.probe.expect == "reachable" and time.monotonic() < self.began + self.probe.timeout

    def _measured(self) -> float:
        """The kernel's round trip time of the handshake; none where it had to be repeated."""
        information = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_RTT_OFFSET + 4)
        (microseconds,) = struct.unpack_from("=I", information, TCP_RTT_OFFSET)
        return microseconds / 1e6 if microseconds else time.monotonic() - self.began

    def _reported(self, number: int) -> tuple[str, str]:
        """Why the connection failed: by the ICMP error behind it, where there was one (IP_RECVERR, ip(7))."""
        with suppress(OSError):
            _data, ancillary, _flags, _sender = self.socket.recvmsg(512, 512, MSG_ERRQUEUE)
            for _level, kind, data in ancillary:
                if kind in (IP_RECVERR, IPV6_RECVERR) and len(data) > EXTENDED_ERROR.size:
                    return self._explained(number, data)
        return cause_of_errno(number)

    def _explained(self, number: int, data: bytes) -> tuple[str, str]:
        _errno, origin, kind, code, _pad, _info, _data = EXTENDED_ERROR.unpack_from(data)
        if origin not in (ORIGIN_ICMP, ORIGIN_ICMP6):
            return cause_of_errno(number)
        # The sockaddr of who reported it: family and port, in IPv6 the flow label too, then the address.
        start, size = (EXTENDED_ERROR.size + 4, 4) if self.version == 4 else (EXTENDED_ERROR.size + 8, 16)
        sender = socket.inet_ntop(FAMILY[self.version], data[start : start + size])
        return cause_of_error(self.version, kind, code, sender, self.socket.getsockname()[0])

    def send(self) -> None:
        """It is this leg's turn to send its content."""
        now = time.monotonic()
        self._end = now + PATIENCE * self.probe.timeout
        self._content = self.run.content_for(self)
        self._near = _Stream(self, self.socket, self.run.greeting(self) + self._content, self._content)
        self.wake_at(now + self.probe.timeout)

    def greeted(self, guest: socket.socket, listener: _Listener) -> None:
        """The other end's first bytes have arrived."""
        if self._far is not None or self.finished:
            guest.close()
            return
        self._listener = listener
        self._ends.append(guest)
        self._far = _Stream(self, guest, self._content, self._content)

    def moved(self) -> None:
        """Bytes have arrived at either end."""
        now = time.monotonic()
        if not (self._near and self._far and self._near.done and self._far.done):
            self.sleep_until(min(now + self.probe.timeout, self._end))
            return
        self.sleep_until(float("inf"))
        self._end = now + self.probe.timeout
        self.run.has_sent(self)
        self._finish_when_acknowledged(now)

    def _finish_when_acknowledged(self, now: float) -> None:
        """What still arrives for a connection that was ended is answered by a reset, and that by another question to
        all for a neighbour whose entry may be gone by then.
        """
        if now < self._end and not all(map(_acknowledged, self._ends)):
            self.run.loop.at(now + ACKNOWLEDGEMENT, self._finish_when_acknowledged)
            return
        place_of_it = place(self._listener.namespace)
        self.finish(Outcome(reachable=True, round_trip=self._round_trip, answered_by=place_of_it))

    def finish(self, outcome: Outcome) -> None:
        # Before the neighbour entries go: what ends the connection is sent too.
        self.close()
        super().finish(outcome)

    def close(self) -> None:
        """Both ends; those of an exchange by a reset, as nobody needs the minute of TIME_WAIT."""
        for end in self._ends:
            self.run.loop.forget(end)
            if self.group is not None:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()
        self._ends.clear()
        self._near = self._far = None  # each holds what it has to send


class _Stream:
    """One end of an exchange: what it has to send, and what it is to get."""

    def __init__(self, exchange: _Exchange, end: socket.socket, outgoing: bytes, expected: bytes) -> None:
        self.socket = end
        self.received = 0
        self._exchange = exchange
        self._outgoing = memoryview(outgoing)
        self._expected = memoryview(expected)
        exchange.run.loop.watch(end, selectors.EVENT_READ | selectors.EVENT_WRITE, self._ready)

    @property
    def done(self) -> bool:
        return not self._outgoing and self.received == len(self._expected)

    def _ready(self, events: int) -> None:
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
            self._exchange.run.loop.watch(self.socket, selectors.EVENT_READ, self._ready)
            self._exchange.moved()

    def _read(self) -> None:
        data = self.socket.recv(CHUNK)
        if not data:
            self._exchange.fail(CLOSED, f"after {self.received} bytes")
        elif data != self._expected[self.received : self.received + len(data)]:
            self._exchange.fail(CORRUPTED, f"after {self.received} bytes")
        else:
            self.received += len(data)
            self._exchange.moved()


class _Group:
    """The listeners for one address: one port, in every namespace that has the address."""

    def __init__(self, run: _Run, probe: Probe, namespaces: Sequence[NamespaceName]) -> None:
        self.port = 0
        self.listeners: list[_Listener] = []
        for _attempt in range(16):
            try:
                self._open(run, probe, namespaces)
                return
            except OSError as error:
                self.close()
                if error.errno != errno.EADDRINUSE:
                    raise
        everywhere = ", ".join(map(place, namespaces))
        raise OSError(errno.EADDRINUSE, f"no port for {probe.to} is free in all of {everywhere}")

    def _open(self, run: _Run, probe: Probe, namespaces: Sequence[NamespaceName]) -> None:
        self.port = 0
        for name in namespaces:
            listener = _Listener(run, name, str(probe.to), probe.to.version, self.port)
            self.listeners.append(listener)
            self.port = listener.port

    def close(self) -> None:
        for listener in self.listeners:
            listener.close()
        self.listeners.clear()


class _Listener:
    def __init__(self, run: _Run, namespace: NamespaceName, address: str, version: int, port: int) -> None:
        self.namespace = namespace
        self._run = run
        self._guests: set[socket.socket] = set()
        with run.kernel.entered(namespace):
            kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            self._socket = socket.socket(FAMILY[version], kind)
        try:
            # An IPv6 address can be bound to while duplicate address detection is still going on.
            if version == 4:
                self._socket.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
            else:
                self._socket.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
            self._socket.bind((address, port))
            self._socket.listen(4096)
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        run.loop.watch(self._socket, selectors.EVENT_READ, self._accept)

    def _accept(self, _events: int) -> None:
        try:
            guest, _address = self._socket.accept()
        except OSError:
            return  # it went away again
        guest.setblocking(False)
        self._guests.add(guest)
        self._run.loop.watch(guest, selectors.EVENT_READ, lambda _events: self._hear(guest))

    def _hear(self, guest: socket.socket) -> None:
        """Wait until the greeting is there as a whole; whoever has another one is no probe of ours."""
        try:
            greeting = guest.recv(GREETING.size, socket.MSG_PEEK)
            if 0 < len(greeting) < GREETING.size:
                return
            exchange = self._run.greeted(guest.recv(GREETING.size)) if greeting else None
        except BlockingIOError:
            return
        except OSError:
            exchange = None
        self._guests.discard(guest)
        self._run.loop.forget(guest)
        if exchange is None:
            guest.close()
        else:
            exchange.greeted(guest, self)

    def close(self) -> None:
        for end in (self._socket, *self._guests):
            self._run.loop.forget(end)
            end.close()


class _Run:
    """All probes of one call of `Prober.ask`."""

    def __init__(
        self, kernel: Kernel, probes: Sequence[Probe], listeners: Mapping[Probe, Sequence[NamespaceName]]
    ) -> None:
        self.kernel = kernel
        self.loop = _Loop()
        self._neighbours = NeighbourTables(kernel, (probe.namespace for probe in probes))
        self._token = secrets.token_bytes(16)
        self._exchanges = sum(probe.needs_listener for probe in probes)
        self._content = secrets.token_bytes(exchange_size(self._exchanges, LARGEST_MTU))
        self._ends: Mapping[Entry, End] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._sockets: list[_EchoSocket] = []
        self._groups: dict[tuple[object, ...], _Group] = {}
        self._waiting: dict[type[_Leg], deque[_Leg]] = {_Exchange: deque(), _Echo: deque()}
        self._unsettled: deque[tuple[float, _Leg]] = deque()
        self._in_window = 0
        self._latency = 0.0
        self._under_way = 0
        self._open: set[_Exchange] = set()
        self._most_open = 0
        self._sending = 0
        self._to_send: deque[_Exchange] = deque()
        self._legs = [self._leg(index, probe) for index, probe in enumerate(probes)]
        self._listeners = listeners

    def _leg(self, index: int, probe: Probe) -> _Leg:
        return _Echo(self, index, probe) if probe.protocol == "icmp" else _Exchange(self, index, probe)

    def outcomes(self) -> list[Outcome]:
        self._prepare()
        while len(self._outcomes) < len(self._legs):
            self._settle_the_old(time.monotonic())
            self._start(time.monotonic())
            self.loop.turn(self._patience())
        self._find_unresolved()
        return [self._outcomes[leg.index] for leg in self._legs]

    # Before the first packet

    def _prepare(self) -> None:
        by_namespace: dict[NamespaceName, list[_Leg]] = {}
        for leg in self._legs:
            by_namespace.setdefault(leg.probe.namespace, []).append(leg)
        sources: dict[_Leg, str] = {}
        for name, legs in by_namespace.items():
            try:
                with self.kernel.entered(name):
                    self._open_echo_sockets(legs)
                    sources.update(_sources(legs))
            except Unavailable:
                for leg in legs:
                    leg.finished = True
                    self._outcomes[leg.index] = Outcome(reachable=False, cause=NO_NAMESPACE)
        self._open_listeners()
        self._arrange([leg for leg in self._legs if not leg.finished], sources)
        soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = len(os.listdir("/proc/self/fd")) + len(by_namespace) + SPARE_DESCRIPTORS
        self._most_open = max(4, (soft - used) // 2)

    def _open_echo_sockets(self, legs: Iterable[_Leg]) -> None:
        payload = (self._token * 4)[:56]
        for version in (4, 6):
            echoes = [leg for leg in legs if isinstance(leg, _Echo) and leg.version == version]
            for start in range(0, len(echoes), ECHOES_PER_SOCKET):
                opened = _EchoSocket(version, payload)
                self._sockets.append(opened)
                self.loop.watch(opened.socket, selectors.EVENT_READ, opened.read)
                for echo in echoes[start : start + ECHOES_PER_SOCKET]:
                    echo.socket = opened

    def _open_listeners(self) -> None:
        for leg in self._legs:
            if isinstance(leg, _Exchange) and leg.probe.needs_listener and not leg.finished:
                namespaces = tuple(self._listeners[leg.probe])
                key = (leg.probe.to, *namespaces)
                if key not in self._groups:
                    self._groups[key] = _Group(self, leg.probe, namespaces)
                leg.group = self._groups[key]

    def _arrange(self, legs: Sequence[_Leg], sources: Mapping[_Leg, str]) -> None:
        """All legs between the same two ends one after the other, so that they share their neighbour entries."""
        homes = self._homes(legs, sources)
        self._neighbours.concern([*homes, *(leg.address for leg in legs)], set(homes.values()))
        leaders: dict[frozenset[Entry], _Leg] = {}
        for leg in sorted(legs, key=lambda leg: isinstance(leg, _Exchange)):
            if leg.address in homes and leg in sources:
                leg.far_end = (homes[leg.address], sources[leg])
                leg.entries = (*leg.entries, leg.far_end)
            leader = leaders.setdefault(frozenset(leg.entries), leg)
            if leader is leg:
                self._waiting[type(leg)].append(leg)
            else:
                leader.followers.append(leg)
                leg.follows = True
        if len(legs) > ASKING:
            self._ends = ends_in(self.kernel.read(homes.values(), addresses=True))
            self._plan_introductions(list(self._waiting[_Echo])[ASKING:])

    def _near_end(self, leg: _Leg) -> End | None:
        return self._ends.get((leg.probe.namespace, leg.far_end[1])) if leg.far_end else None

    def _plan_introductions(self, legs: Iterable[_Leg]) -> None:
        for leg in legs:
            if leg.far_end is not None and leg.probe.expect == "reachable":
                near, far = self._near_end(leg), self._ends.get((leg.far_end[0], leg.address))
                if near and far and leg.probe.to in near.network and ip_address(leg.far_end[1]) in far.network:
                    leg.introduction = (near, far)

    def _introduce(self, leg: _Leg) -> None:
        if leg.introduction is not None:
            there, back = leg.entries
            near, far = leg.introduction
            self._neighbours.introduce(leg.version, there, near, far)
            self._neighbours.introduce(leg.version, back, far, near)

    def part(self, leg: _Leg) -> None:
        """It has no answer: it is to be found out by asking."""
        if leg.introduction is not None:
            self._neighbours.part(leg.version, leg.entries)

    def _homes(self, legs: Sequence[_Leg], sources: Mapping[_Leg, str]) -> dict[str, NamespaceName]:
        """Where addresses are, as far as a probe starts from them, or a listener was to be opened for them."""
        homes = {source: leg.probe.namespace for leg, source in sources.items()}
        for leg in legs:
            owners = self._listeners.get(leg.probe, ())
            if len(owners) == 1:
                homes.setdefault(leg.address, owners[0])
        return homes

    def have_the_far_end_speak(self, leg: _Leg) -> None:
        """Have it look for the near end, which then learns its MAC address.

        After a link was made anew with another one its old neighbours go on sending to the former, for eight seconds or
        more (base_reachable_time, delay_first_probe_time and the probes of arp(7)), unless a request of the new one
        comes to them: for ARP any, for neighbour discovery one that is about them (RFC 4861, 7.2.3).
        """
        if leg.far_end is None:
            return
        namespace, near = leg.far_end
        with suppress(OSError, Unavailable), self.kernel.entered(namespace):
            kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            with socket.socket(FAMILY[leg.version], kind) as mouth:
                mouth.bind((leg.address, 0))
                mouth.sendto(b"", (near, DISCARD))

    # One thing after the other

    def _start(self, now: float) -> None:
        for queue in self._waiting.values():
            while queue and self._may_start(queue[0]):
                leg = queue.popleft()
                self._in_window += 1
                self._under_way += 1
                self._unsettled.append((now, leg))
                if not leg.follows:
                    self._neighbours.use(leg.version, [one.entries for one in (leg, *leg.followers)])
                    self._introduce(leg)
                if isinstance(leg, _Exchange):
                    self._open.add(leg)
                leg.began = now
                leg.start()

    def _may_start(self, leg: _Leg) -> bool:
        if self._in_window >= WINDOW or (isinstance(leg, _Exchange) and len(self._open) >= self._most_open):
            return False
        return leg.follows or self._neighbours.room(leg.version, idle=self._under_way == 0)

    def _patience(self) -> float:
        return SHORTEST_SETTLING / 4 if any(self._waiting.values()) else 1.0

    def _settle_the_old(self, now: float) -> None:
        oldest = now - min(LONGEST_SETTLING, max(SHORTEST_SETTLING, 3 * self._latency))
        while self._unsettled and (self._unsettled[0][1].settled or self._unsettled[0][0] <= oldest):
            self.settle(self._unsettled.popleft()[1])

    def heard(self, leg: _Leg) -> None:
        """The leg has been answered, however late."""
        self._latency += (time.monotonic() - leg.began - self._latency) / 8  # smoothed as in RFC 6298
        self.settle(leg)

    def settle(self, leg: _Leg) -> None:
        """The leg's first packet is no longer on its way."""
        if leg.settled:
            return
        leg.settled = True
        self._in_window -= 1
        for follower in leg.followers:
            self._waiting[type(follower)].appendleft(follower)

    def finished(self, leg: _Leg, outcome: Outcome) -> None:
        self._outcomes[leg.index] = outcome
        self._under_way -= 1
        self.settle(leg)
        self._neighbours.release(leg.version, leg.entries)
        # Not at once: what still arrives for a connection that was ended is answered by the kernel.
        self.loop.at(
            time.monotonic() + LINGERING, lambda _now: self._neighbours.part_the_idle(leg.version, leg.entries)
        )
        if isinstance(leg, _Exchange):
            self._open.discard(leg)
            self.has_sent(leg)

    # Whose turn it is to send much

    def queue_to_send(self, exchange: _Exchange) -> None:
        self._to_send.append(exchange)
        self._let_send()

    def _let_send(self) -> None:
        while self._to_send and self._sending < SENDING:
            exchange = self._to_send.popleft()
            exchange.sending = True
            self._sending += 1
            exchange.send()

    def has_sent(self, exchange: _Exchange) -> None:
        """It is another one's turn."""
        if exchange.sending:
            exchange.sending = False
            self._sending -= 1
            self._let_send()

    def content_for(self, exchange: _Exchange) -> bytes:
        """More than one packet as large as any that the link carries."""
        end = self._near_end(exchange)
        return self._content[: exchange_size(self._exchanges, end.mtu if end else USUAL_MTU)]

    def greeting(self, exchange: _Exchange) -> bytes:
        return GREETING.pack(self._token, exchange.index)

    def greeted(self, greeting: bytes) -> _Exchange | None:
        """The exchange that a connection belongs to."""
        token, index = GREETING.unpack(greeting)
        if not secrets.compare_digest(token, self._token) or index >= len(self._legs):
            return None
        leg = self._legs[index]
        return leg if isinstance(leg, _Exchange) else None

    # After the last packet

    def _find_unresolved(self) -> None:
        """Silence where nobody even answered for the address on the link has a cause of its own."""
        silent = [leg for leg in self._legs if self._outcomes[leg.index].cause == SILENCE]
        unresolved = {name: self._neighbours.unresolved(name) for name in {leg.probe.namespace for leg in silent}}
        for leg in silent:
            if leg.address in unresolved[leg.probe.namespace]:
                self._outcomes[leg.index] = Outcome(reachable=False, cause=NO_NEIGHBOUR)

    def close(self) -> None:
        for exchange in list(self._open):
            exchange.close()
        for group in self._groups.values():
            group.close()
        for opened in self._sockets:
            self.loop.forget(opened.socket)
            opened.socket.close()
        self._neighbours.clear()
        self.loop.close()


def _acknowledged(end: socket.socket) -> bool:
    """Whether the other side has acknowledged all that was sent (SIOCOUTQ, tcp(7))."""
    return fcntl.ioctl(end, termios.TIOCOUTQ, bytes(4)) == bytes(4)


def _sources(legs: Iterable[_Leg]) -> dict[_Leg, str]:
    """The address that the kernel would send from, by connecting a UDP socket, which sends nothing (udp(7))."""
    found: dict[_Leg, str] = {}
    for version in (4, 6):
        with socket.socket(FAMILY[version], socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as trial:
            for leg in legs:
                if leg.version == version:
                    with suppress(OSError):
                        trial.connect((leg.address, DISCARD))
                        found[leg] = trial.getsockname()[0]
    return found

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""UDP probes: a datagram, and the answer to it from this process or from a program that listens at the destination."""

from __future__ import annotations

import errno
import selectors
import socket
import time

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._probes.active_probe import ActiveProbe, Scheduler
from ansible_collections.netns.fabric.plugins.module_utils._probes.error_queue import next_cause, queue_errors
from ansible_collections.netns.fabric.plugins.module_utils._probes.icmp import cause_of_errno
from ansible_collections.netns.fabric.plugins.module_utils._probes.icmp_probe import ATTEMPTS, CONFIRMATION, READS
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import (
    HOST_UNREACHABLE,
    MISDIRECTED,
    NO_NEIGHBOUR,
    SILENCE,
    Outcome,
    Probe,
    place,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.neighbours import FAMILY

#: Bytes that are read of a datagram: the answer of this process has fewer, that of a program need not be read whole.
ANSWER_MAX = 2048


class UdpProbe(ActiveProbe):
    """A datagram, sent several times; it has been answered when the first answer is here."""

    opens_sockets = True

    def __init__(self, run: Scheduler, index: int, probe: Probe, question: bytes, answer: bytes) -> None:
        super().__init__(run, index, probe)
        self.port = probe.port or 0
        self.question = question
        #: What this process answers.
        self.answer = answer
        #: Whether the answer has to be that of this process.
        self.leads_here = False
        #: Where the question has arrived.
        self.arrived_in: NamespaceName = None
        self._socket: socket.socket | None = None

    def start(self) -> None:
        self._attempts = 0
        self._trouble: tuple[str, str] = (SILENCE, "")
        #: Whether an error was reported, and whether a datagram was sent since then.
        self._suspected = self._confirming = False
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        with self.run.kernel.entered(self.probe.namespace):
            self._socket = socket.socket(FAMILY[self.version], kind)
        queue_errors(self._socket, self.version)
        try:
            self._socket.connect((self.address, self.port))
        except OSError as error:
            self.fail(*cause_of_errno(error.errno or 0))
            return
        self.run.loop.watch(self._socket, selectors.EVENT_READ, self._read)
        self._send(self._socket)

    def on_timer(self, now: float) -> None:
        if self._socket is None or now >= self.began + self.probe.timeout:
            self.fail(*self._trouble)
            return
        self._confirming = self._suspected
        self._send(self._socket)

    def _send(self, sock: socket.socket) -> None:
        part = ATTEMPTS[min(self._attempts, len(ATTEMPTS) - 1)]
        self._attempts += 1
        self.set_timer(self.began + part * self.probe.timeout)
        try:
            sock.send(self.question)
        except (BlockingIOError, InterruptedError):
            pass  # the buffer is full: the next attempt may succeed
        except OSError as error:
            cause = next_cause(sock, self.version, error.errno or 0)
            if cause != cause_of_errno(error.errno or 0):
                self._suspect(*cause)  # an error about an earlier datagram
            elif error.errno != errno.ENOBUFS:
                self.fail(*cause)

    def _read(self, _events: int) -> None:
        for _turn in range(READS):
            if self._socket is None:
                return
            try:
                answer = self._socket.recv(ANSWER_MAX)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._suspect(*next_cause(self._socket, self.version, error.errno or 0))
            else:
                self._take_answer(answer)

    def _take_answer(self, answer: bytes) -> None:
        self.run.note_answer(self)
        is_own = answer == self.answer
        if self.leads_here and not is_own:
            # A program where the port leads to may answer as well: what this process receives there decides.
            self._trouble = (MISDIRECTED, "")
            return
        answered_by = place(self.arrived_in) if is_own else None
        self.finish(Outcome(reachable=True, round_trip=time.monotonic() - self.began, answered_by=answered_by))

    def _suspect(self, cause: str, detail: str) -> None:
        """Take an error.

        One about a neighbour may be the end of an earlier search for it: it counts once another one has come for a
        datagram that was sent after it. Any other counts, because the socket is new, and is not asked for twice: the
        kernel sends one host few of them (icmp_ratelimit, icmp(7)).
        """
        if self.finished:
            return
        self.run.note_answer(self)
        self._trouble = (cause, detail)
        if self._confirming or cause not in (NO_NEIGHBOUR, HOST_UNREACHABLE):
            self.fail(cause, detail)
        elif not self._suspected:
            self._suspected = True
            self.set_timer(min(time.monotonic() + CONFIRMATION, self.began + self.probe.timeout))

    def finish(self, outcome: Outcome) -> None:
        self.close()
        super().finish(outcome)

    def close(self) -> None:
        if self._socket is not None:
            self.run.loop.unwatch(self._socket)
            self._socket.close()
            self._socket = None

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which answers and errors end a UDP probe."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._probes.active_probe import ActiveProbe, Scheduler
from ansible_collections.netns.fabric.plugins.module_utils._probes.event_loop import EventLoop
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import Outcome
from ansible_collections.netns.fabric.plugins.module_utils._probes.udp_probe import UdpProbe
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._probes.samples import probe

LOOPBACK = "127.0.0.1"


class Kernel:
    def entered(self, _namespace: NamespaceName) -> AbstractContextManager[None]:
        return nullcontext()


class Run:
    def __init__(self) -> None:
        self.loop = EventLoop()
        self.kernel = Kernel()
        self.outcome: Outcome | None = None

    def note_answer(self, probe: ActiveProbe) -> None:
        """Take note of nothing."""

    def finish(self, _probe: ActiveProbe, outcome: Outcome) -> None:
        self.outcome = outcome


@pytest.fixture(name="run")
def fixture_run() -> Iterator[Run]:
    run = Run()
    yield run
    run.loop.close()


@pytest.fixture(name="program")
def fixture_program() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as program:
        program.bind((LOOPBACK, 0))
        yield program


def started(run: Run, port: int, leads_here: bool = True) -> UdpProbe:
    given = probe(None, LOOPBACK, protocol="udp", timeout=0.3, port=port)
    udp = UdpProbe(cast(Scheduler, run), 0, given, b"question", b"answer")
    udp.leads_here = leads_here
    udp.began = time.monotonic()
    udp.start()
    return udp


def wait(run: Run, udp: UdpProbe) -> Outcome:
    while not udp.finished:
        run.loop.run_once(0.01)
    assert run.outcome is not None
    return run.outcome


def test_the_answer_of_this_process(run: Run, program: socket.socket) -> None:
    udp = started(run, program.getsockname()[1])
    udp.arrived_in = "blue"
    question, sender = program.recvfrom(100)
    program.sendto(b"answer", sender)
    outcome = wait(run, udp)
    assert question == b"question"
    assert (outcome.reachable, outcome.answered_by) == (True, "blue")


def test_the_answer_of_a_program(run: Run, program: socket.socket) -> None:
    udp = started(run, program.getsockname()[1], leads_here=False)
    program.sendto(b"whatever", program.recvfrom(100)[1])
    outcome = wait(run, udp)
    assert (outcome.reachable, outcome.answered_by) == (True, None)


def test_the_answer_of_a_program_that_the_port_should_not_lead_to(run: Run, program: socket.socket) -> None:
    udp = started(run, program.getsockname()[1])
    program.sendto(b"whatever", program.recvfrom(100)[1])
    assert wait(run, udp).cause == "misdirected"


def test_the_question_is_repeated(run: Run, program: socket.socket) -> None:
    udp = started(run, program.getsockname()[1])
    assert wait(run, udp).cause == "silence"
    program.setblocking(False)
    count = 0
    try:
        while program.recv(100):
            count += 1
    except BlockingIOError:
        pass
    assert count == 4


def test_a_reported_error(run: Run, program: socket.socket) -> None:
    port = program.getsockname()[1]
    program.close()
    udp = started(run, port)
    outcome = wait(run, udp)
    assert (outcome.cause, outcome.detail) == ("port unreachable", "reported by 127.0.0.1")
    assert time.monotonic() - udp.began < udp.probe.timeout

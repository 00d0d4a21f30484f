# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which datagrams are answered, and where a socket is opened for a probe."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from ipaddress import ip_address
from typing import Any, cast

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._probes.active_probe import Scheduler
from ansible_collections.netns.fabric.plugins.module_utils._probes.event_loop import EventLoop
from ansible_collections.netns.fabric.plugins.module_utils._probes.udp_listener import DATAGRAM, UdpListeners
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


@pytest.fixture(name="run")
def fixture_run() -> Iterator[Run]:
    run = Run()
    yield run
    run.loop.close()


@pytest.fixture(name="listeners")
def fixture_listeners(run: Run) -> Iterator[UdpListeners]:
    listeners = UdpListeners(cast(Scheduler, run))
    yield listeners
    listeners.close()


def opened(run: Run, listeners: UdpListeners, index: int = 7, **options: Any) -> UdpProbe:
    given = probe(None, LOOPBACK, protocol="udp", **options)
    udp = UdpProbe(cast(Scheduler, run), index, given, *listeners.datagrams_for(index))
    listeners.open(udp, [None])
    return udp


def ask(run: Run, port: int, question: bytes) -> bytes | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as client:
        client.sendto(question, (LOOPBACK, port))
        for _turn in range(5):
            run.loop.run_once(0.01)
        try:
            return client.recv(100)
        except BlockingIOError:
            return None


def test_the_question_of_a_probe_is_answered(run: Run, listeners: UdpListeners) -> None:
    udp = opened(run, listeners)
    assert udp.leads_here
    assert ask(run, udp.port, udp.question) == udp.answer
    assert udp.answer != udp.question


def test_nothing_else_is_answered(run: Run, listeners: UdpListeners) -> None:
    udp = opened(run, listeners)
    token = udp.question[:16]
    for other in (b"", b"x", udp.answer, udp.question + b"x", DATAGRAM.pack(token, 8), DATAGRAM.pack(bytes(16), 7)):
        assert ask(run, udp.port, other) is None


def test_probes_to_the_same_address_share_a_port(run: Run, listeners: UdpListeners) -> None:
    assert opened(run, listeners, 1).port == opened(run, listeners, 2).port


def test_a_published_port_leads_to_a_listener_at_its_target(run: Run, listeners: UdpListeners) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    udp = opened(run, listeners, port=5353, service=(ip_address(LOOPBACK), port))
    assert (udp.port, udp.leads_here) == (5353, True)
    assert ask(run, port, udp.question) == udp.answer


def test_nothing_is_opened_at_a_port_that_no_program_has(run: Run, listeners: UdpListeners) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    udp = opened(run, listeners, port=port)
    assert not udp.leads_here
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as program:
        program.bind((LOOPBACK, port))

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which connections a listener accepts."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._probes.active_probe import Scheduler
from ansible_collections.netns.fabric.plugins.module_utils._probes.event_loop import EventLoop
from ansible_collections.netns.fabric.plugins.module_utils._probes.tcp_listener import GREETING, Listeners
from ansible_collections.netns.fabric.plugins.module_utils._probes.tcp_probe import SendQueue, TcpProbe
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._probes.samples import probe

TOKEN = b"0123456789abcdef"


class Kernel:
    def entered(self, _namespace: NamespaceName) -> AbstractContextManager[None]:
        return nullcontext()


class Run:
    def __init__(self) -> None:
        self.loop = EventLoop()
        self.kernel = Kernel()


class Exchange(TcpProbe):
    """An exchange that notes its connections, and wants the first one only."""

    def __init__(self, run: Scheduler, index: int) -> None:
        super().__init__(run, index, probe(None, "127.0.0.1", protocol="tcp"), SendQueue())
        self.accepted: list[tuple[socket.socket, NamespaceName]] = []

    def accept(self, connection: socket.socket, namespace: NamespaceName) -> bool:
        if self.accepted:
            return False
        self.accepted.append((connection, namespace))
        return True


@pytest.fixture(name="run")
def fixture_run() -> Iterator[Run]:
    run = Run()
    yield run
    run.loop.close()


@pytest.fixture(name="listeners")
def fixture_listeners(run: Run) -> Iterator[Listeners]:
    listeners = Listeners(cast("Scheduler", run), TOKEN)
    yield listeners
    listeners.close()


@pytest.fixture(name="exchange")
def fixture_exchange(run: Run, listeners: Listeners) -> Iterator[Exchange]:
    exchange = Exchange(cast("Scheduler", run), 7)
    listeners.open(exchange, [None])
    yield exchange
    for connection, _namespace in exchange.accepted:
        connection.close()


def turn(run: Run) -> None:
    for _turn in range(5):
        run.loop.run_once(0.01)


def test_a_connection_with_the_greeting_belongs_to_its_exchange(
    run: Run, listeners: Listeners, exchange: Exchange
) -> None:
    greeting = listeners.greeting_for(exchange)
    with socket.create_connection(("127.0.0.1", exchange.port)) as client:
        client.send(greeting[:5])
        turn(run)
        assert exchange.accepted == [], "the greeting has not arrived as a whole"
        client.send(greeting[5:] + b"content")
        turn(run)
        [(connection, namespace)] = exchange.accepted
        assert namespace is None
        assert connection.recv(100) == b"content"


@pytest.mark.parametrize(
    "greeting", [GREETING.pack(b"?" * 16, 7), GREETING.pack(TOKEN, 8)], ids=["another secret", "another probe"]
)
def test_any_other_connection_is_closed(run: Run, exchange: Exchange, greeting: bytes) -> None:
    with socket.create_connection(("127.0.0.1", exchange.port), timeout=5) as client:
        client.send(greeting)
        turn(run)
        assert client.recv(1) == b""
    assert exchange.accepted == []


def test_a_second_connection_of_an_exchange_is_closed(run: Run, listeners: Listeners, exchange: Exchange) -> None:
    address = ("127.0.0.1", exchange.port)
    greeting = listeners.greeting_for(exchange)
    with socket.create_connection(address) as first, socket.create_connection(address, timeout=5) as second:
        first.send(greeting)
        turn(run)
        second.send(greeting)
        turn(run)
        assert second.recv(1) == b""
    assert len(exchange.accepted) == 1


def test_exchanges_with_the_same_address_share_a_port(run: Run, listeners: Listeners, exchange: Exchange) -> None:
    other = Exchange(cast("Scheduler", run), 8)
    listeners.open(other, [None])
    assert other.port == exchange.port

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order in which sockets and timers are served."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._probes.event_loop import EventLoop


@pytest.fixture(name="loop")
def fixture_loop() -> Iterator[EventLoop]:
    loop = EventLoop()
    yield loop
    loop.close()


@pytest.fixture(name="pair")
def fixture_pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def test_timers_are_served_in_the_order_of_their_moments_and_once(loop: EventLoop) -> None:
    served: list[str] = []
    now = time.monotonic()
    loop.call_at(now - 1, lambda _now: served.append("second"))
    loop.call_at(now - 2, lambda _now: served.append("first"))
    loop.call_at(now - 1, lambda _now: served.append("third"))
    loop.call_at(now + 60, lambda _now: served.append("never"))
    loop.run_once(0)
    loop.run_once(0)
    assert served == ["first", "second", "third"]


def test_run_once_waits_for_the_next_timer_only(loop: EventLoop) -> None:
    started = time.monotonic()
    loop.call_at(started + 0.05, lambda _now: None)
    loop.run_once(60)
    assert 0.04 < time.monotonic() - started < 30


def test_sockets_are_served_before_timers(loop: EventLoop, pair: tuple[socket.socket, socket.socket]) -> None:
    served: list[str] = []
    near, far = pair
    far.send(b"x")
    loop.call_at(time.monotonic() - 1, lambda _now: served.append("timer"))
    loop.watch(near, selectors.EVENT_READ, lambda _events: served.append("socket"))
    loop.run_once(0)
    assert served == ["socket", "timer"]


def test_a_watch_is_replaced_and_ended(loop: EventLoop, pair: tuple[socket.socket, socket.socket]) -> None:
    served: list[str] = []
    near, far = pair
    far.send(b"x")
    loop.watch(near, selectors.EVENT_READ, lambda _events: served.append("old"))
    loop.watch(near, selectors.EVENT_READ, lambda _events: served.append("new"))
    loop.run_once(0)
    loop.unwatch(near)
    loop.unwatch(near)
    loop.run_once(0)
    assert served == ["new"]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""An event loop: sockets to watch, and timers."""

from __future__ import annotations

import heapq
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count


class EventLoop:
    """Calls back when a socket is ready, or a moment of time.monotonic() has come."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()

    def watch(self, watched: socket.socket, events: int, callback: Callable[[int], None]) -> None:
        """Call back with the events (selectors.EVENT_...) that have happened; this replaces an earlier watch."""
        if watched.fileno() in self._selector.get_map():
            self._selector.modify(watched, events, callback)
        else:
            self._selector.register(watched, events, callback)

    def unwatch(self, watched: socket.socket) -> None:
        """Stop watching a socket, if it is watched."""
        with suppress(KeyError, ValueError):
            self._selector.unregister(watched)

    def call_at(self, moment: float, callback: Callable[[float], None]) -> None:
        """Call back once, with the present moment, when the moment has come."""
        heapq.heappush(self._timers, (moment, next(self._order), callback))

    def run_once(self, patience: float) -> None:
        """Serve the sockets, waiting for at most `patience` seconds, then the timers.

        What came in before a timer's moment is read before the timer is served, however late both are.
        """
        now = time.monotonic()
        if self._timers:
            patience = min(patience, max(0.0, self._timers[0][0] - now))
        for key, events in self._selector.select(patience):
            key.data(events)
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2](now)

    def close(self) -> None:
        """Release the selector; the sockets stay open."""
        self._selector.close()

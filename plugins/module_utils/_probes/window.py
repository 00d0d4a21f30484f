# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which probes may start: a burst of thousands of packets would be lost in buffers on the path."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

from ansible_collections.netns.fabric.plugins.module_utils._probes.active_probe import ActiveProbe
from ansible_collections.netns.fabric.plugins.module_utils._probes.neighbours import NeighbourTables

#: Probes whose first packet is in flight.
SIZE = 64
#: A probe without an answer no longer counts after some three times what answers have taken of late, within these
#: limits: a switch that cannot keep up is given time, and silence delays the others only briefly. Seconds.
MIN_SETTLING, MAX_SETTLING = 0.02, 0.5


class Window:
    """Starts the probes that wait, as far as packets in flight, descriptors and neighbour tables allow."""

    def __init__(self, neighbours: NeighbourTables) -> None:
        #: Probes with sockets of their own that may be open at the same time.
        self.max_open = 0
        self._neighbours = neighbours
        self._waiting_with_sockets: deque[ActiveProbe] = deque()
        self._waiting: deque[ActiveProbe] = deque()
        self._open: set[ActiveProbe] = set()
        #: When each probe that may not have settled was started.
        self._unsettled: deque[tuple[float, ActiveProbe]] = deque()
        self._in_flight = 0
        self._under_way = 0
        #: Seconds that answers have taken of late.
        self._latency = 0.0

    @property
    def patience(self) -> float:
        """Seconds after which probes may be started again, whatever arrives."""
        return MIN_SETTLING / 4 if self._waiting or self._waiting_with_sockets else 1.0

    def add(self, probes: Iterable[ActiveProbe]) -> None:
        """Let probes wait until they may start; their followers start after them."""
        for probe in probes:
            self._queue_of(probe).append(probe)

    def advance(self) -> None:
        """Start as many probes as may start now."""
        now = time.monotonic()
        oldest = now - min(MAX_SETTLING, max(MIN_SETTLING, 3 * self._latency))
        while self._unsettled and (self._unsettled[0][1].settled or self._unsettled[0][0] <= oldest):
            self._settle(self._unsettled.popleft()[1])
        for queue in (self._waiting_with_sockets, self._waiting):
            while queue and self._may_start(queue[0]):
                self._start(queue.popleft(), now)

    def note_answer(self, probe: ActiveProbe) -> None:
        """Take note that a probe was answered, however late."""
        self._latency += (time.monotonic() - probe.began - self._latency) / 8  # smoothed as in RFC 6298
        self._settle(probe)

    def remove(self, probe: ActiveProbe) -> None:
        """Take note that a probe has ended."""
        self._under_way -= 1
        self._settle(probe)
        self._open.discard(probe)

    def close(self) -> None:
        """Close the sockets of all probes under way."""
        for probe in list(self._open):
            probe.close()

    def _queue_of(self, probe: ActiveProbe) -> deque[ActiveProbe]:
        return self._waiting_with_sockets if probe.opens_sockets else self._waiting

    def _may_start(self, probe: ActiveProbe) -> bool:
        if self._in_flight >= SIZE or (probe.opens_sockets and len(self._open) >= self.max_open):
            return False
        return probe.follows or self._neighbours.has_room(probe.version, idle=self._under_way == 0)

    def _start(self, probe: ActiveProbe, now: float) -> None:
        self._in_flight += 1
        self._under_way += 1
        self._unsettled.append((now, probe))
        if not probe.follows:
            self._neighbours.reserve(probe.version, [one.neighbour_keys for one in (probe, *probe.followers)])
            if probe.primed_pair is not None:
                self._neighbours.prime_pair(probe.version, probe.neighbour_keys, probe.primed_pair)
        if probe.opens_sockets:
            self._open.add(probe)
        probe.began = now
        probe.start()

    def _settle(self, probe: ActiveProbe) -> None:
        if probe.settled:
            return
        probe.settled = True
        self._in_flight -= 1
        for follower in probe.followers:
            self._queue_of(follower).appendleft(follower)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long probes wait: longer where the interfaces on their paths delay, lose or hold back packets. Pure."""

from __future__ import annotations

import math
from functools import cached_property

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import PROBE_TIMEOUT_MAX
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Shape, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.nodes import Place
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.paths import ProbePath
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.shapes import Line, slowest
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.walk import Verdict, Walk

#: Seconds. It costs nothing where an answer comes. A new link may take a second to carry anything; a neighbour that is
#: re-created with another MAC address, two or three. With more than TIMEOUT_NAMESPACES namespaces it grows in
#: proportion: what all of them multicast when their links come up keeps a switch busy for so long.
TIMEOUT = 10.0

TIMEOUT_NAMESPACES = 200

#: Seconds, for what must not answer: they are spent whenever all is well, by all such probes together. A leak answers
#: within some milliseconds.
TIMEOUT_UNREACHABLE = 1.0

#: A probe that is expected to be answered fails by chance in fewer cases than this.
_CHANCE = 1e-6
#: Seconds within which at least ten requests are sent, and those of TCP at growing intervals (tcp_retries in tcp(7)).
_MANY_ATTEMPTS = 120.0
#: Round trips of a probe one after the other: that of the neighbour, of the handshake, of the question.
_ROUND_TRIPS = 4
#: Bytes that the exchanges of all probes may have queued before a packet at the narrowest interface.
_QUEUED = 4 << 20
#: Interfaces of one node that a path passes: it enters by one and leaves by another.
_PASSED = 2


class Patience:
    """How long the probes of a topology wait."""

    def __init__(self, topology: Topology, walk: Walk) -> None:
        self._walk = walk
        self._shapes: dict[Place, list[Shape]] = {}
        for end in topology.ends():
            if end.shape is not None:
                self._shapes.setdefault(end.namespace, []).append(end.shape)
        self.usual = min(PROBE_TIMEOUT_MAX, TIMEOUT * max(1, len(topology.namespaces) / TIMEOUT_NAMESPACES))

    @cached_property
    def _lines(self) -> dict[Place, Line]:
        return {place: slowest(shapes, _PASSED) for place, shapes in self._shapes.items()}

    @cached_property
    def everywhere(self) -> float:
        """How long a probe waits whose path is not known: it may pass every shaped interface."""
        return self._seconds(sum(self._lines.values(), Line()))

    def answer(self, path: ProbePath) -> float:
        """Return how long a probe waits for an answer."""
        return self._seconds(self._line(path)) if self._shapes else self.usual

    def silence(self, path: ProbePath) -> float:
        """Return how long a probe waits that must not be answered: as long as a leak would take, and more."""
        if not self._shapes:
            return TIMEOUT_UNREACHABLE
        line = self._line(path)
        return min(PROBE_TIMEOUT_MAX, round(TIMEOUT_UNREACHABLE + _ROUND_TRIPS * line.delay, 1))

    def _line(self, path: ProbePath) -> Line:
        """Return what the packets of a probe meet; where the way is not known, that of every router is counted."""
        trace = self._walk.trace(path.place, path.to)
        places = {path.place, *self._walk.holders.get(path.to, ())}
        if trace.verdict is Verdict.YES:
            places.update(trace.places)
        else:
            places.update(place for place in self._lines if self._walk.nodes[place].forwarded_versions)
        return sum((line for place, line in self._lines.items() if place in places), Line())

    def _seconds(self, line: Line) -> float:
        seconds = self.usual + _ROUND_TRIPS * line.delay
        if line.loss:
            attempts = math.log(_CHANCE) / math.log(min(line.loss, 0.99))
            # Those of TCP are sent after 1, 3, 7, ... seconds.
            seconds = max(seconds, 2 ** min(attempts, math.log2(_MANY_ATTEMPTS)))
        if line.rate:
            seconds += _QUEUED / line.rate
        return min(PROBE_TIMEOUT_MAX, round(seconds, 1))

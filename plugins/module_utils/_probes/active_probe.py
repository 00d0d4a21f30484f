# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A probe under way: what ICMP, TCP and UDP probes have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from ansible_collections.netns.fabric.plugins.module_utils._probes.event_loop import EventLoop
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import Outcome, Probe
from ansible_collections.netns.fabric.plugins.module_utils._probes.neighbours import (
    Endpoint,
    NeighbourKey,
    NeighbourTables,
)

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Kernel

#: The moment of a timer that is off.
NEVER = float("inf")


class Scheduler(Protocol):
    """What a probe under way needs of the run that it is part of."""

    kernel: Kernel
    loop: EventLoop
    neighbours: NeighbourTables

    def note_answer(self, probe: ActiveProbe) -> None:
        """Take note that a probe was answered, however late."""

    def finish(self, probe: ActiveProbe, outcome: Outcome) -> None:
        """Take the outcome of a probe."""


class ActiveProbe:
    """A probe under way."""

    #: Whether it opens sockets of its own.
    opens_sockets = False

    def __init__(self, run: Scheduler, index: int, probe: Probe) -> None:
        self.run = run
        self.index = index
        self.probe = probe
        self.address = str(probe.to)
        #: Probes between the same two ends: in the other direction, and by TCP and UDP. They start when this one has
        #: settled, and find the neighbour entries resolved.
        self.followers: list[ActiveProbe] = []
        self.follows = False
        #: The neighbour entries that it may need: its own, and the far end's for the way back.
        self.neighbour_keys: Sequence[NeighbourKey] = ((probe.namespace, self.address),)
        #: The namespace of the address, and the address that the probe comes from, as far as they are known.
        self.far_end: NeighbourKey | None = None
        #: The near end and the far one, where their neighbour entries are to be primed.
        self.primed_pair: tuple[Endpoint, Endpoint] | None = None
        #: Whether its first packet is no longer in flight.
        self.settled = False
        self.finished = False
        self.began = 0.0
        self._timer = NEVER

    @property
    def version(self) -> int:
        """The IP version."""
        return self.probe.to.version

    def start(self) -> None:
        """Send the first packet."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the sockets of its own."""

    def on_timer(self, now: float) -> None:
        """Do what is due at the moment that `set_timer` was given."""
        raise NotImplementedError

    def set_timer(self, moment: float) -> None:
        """Set the timer; it replaces an earlier one."""
        self._timer = moment
        self.run.loop.call_at(moment, self._check_timer)

    def postpone_timer(self, moment: float) -> None:
        """Postpone the timer, at no cost: what the loop has been given already checks the new moment."""
        self._timer = moment

    def _check_timer(self, now: float) -> None:
        if self.finished:
            return
        if now < self._timer:
            if self._timer != NEVER:
                self.run.loop.call_at(self._timer, self._check_timer)
            return
        self.on_timer(now)

    def finish(self, outcome: Outcome) -> None:
        """End with an outcome; only the first one counts."""
        if not self.finished:
            self.finished = True
            self.run.finish(self, outcome)

    def fail(self, cause: str, detail: str = "") -> None:
        """End as unreachable."""
        self.finish(Outcome(reachable=False, cause=cause, detail=detail))

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many probes are under way at the same time, and in which order they start."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, cast

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._probes import window
from ansible_collections.netns.fabric.plugins.module_utils._probes.active_probe import ActiveProbe, Scheduler
from ansible_collections.netns.fabric.plugins.module_utils._probes.neighbours import NeighbourTables
from ansible_collections.netns.fabric.plugins.module_utils._probes.window import Window
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._probes.samples import probe


class Tables:
    """Neighbour tables with room for so many probes."""

    def __init__(self, room: int = 1000) -> None:
        self.room = room

    def has_room(self, _version: int, idle: bool) -> bool:
        return self.room > 0 or idle

    def reserve(self, _version: int, probes: Iterable[Any]) -> None:
        self.room -= len(list(probes))


class Started(ActiveProbe):
    """A probe that sends nothing."""

    def __init__(self, index: int, opens_sockets: bool = False) -> None:
        super().__init__(cast(Scheduler, None), index, probe("ns01", "192.0.2.1"))
        self.opens_sockets = opens_sockets
        self.started = False

    def start(self) -> None:
        self.started = True


def window_with(probes: Iterable[ActiveProbe], tables: Tables | None = None) -> Window:
    found = Window(cast(NeighbourTables, tables or Tables()))
    found.max_open = 2
    found.add(probes)
    return found


def test_only_so_many_first_packets_are_in_flight() -> None:
    probes = [Started(index) for index in range(window.SIZE + 10)]
    opened = window_with(probes)
    opened.advance()
    assert sum(one.started for one in probes) == window.SIZE
    assert opened.patience < 1
    opened.note_answer(probes[3])
    opened.note_answer(probes[3])  # a late second answer opens nothing
    opened.advance()
    assert sum(one.started for one in probes) == window.SIZE + 1


def test_silence_stops_counting_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    probes = [Started(index) for index in range(window.SIZE + 1)]
    opened = window_with(probes)
    opened.advance()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + window.MAX_SETTLING)
    opened.advance()
    assert probes[-1].started
    assert opened.patience == 1.0


def test_followers_start_once_their_leader_has_settled_and_before_others() -> None:
    leader, follower, other = Started(0), Started(1), Started(2)
    leader.followers.append(follower)
    follower.follows = True
    tables = Tables(room=2)
    opened = window_with([leader, other], tables)
    opened.advance()
    assert (leader.started, follower.started, other.started) == (True, False, False), "the leader takes both entries"
    opened.note_answer(leader)
    opened.advance()
    assert (follower.started, other.started) == (True, False)
    for one in (leader, follower):
        opened.remove(one)
    opened.advance()
    assert other.started, "a few may always start where nothing is under way"


def test_only_so_many_probes_with_sockets_are_open() -> None:
    probes = [Started(index, opens_sockets=True) for index in range(3)]
    opened = window_with(probes)
    opened.advance()
    for one in probes[:2]:
        opened.note_answer(one)
    opened.advance()
    assert [one.started for one in probes] == [True, True, False]
    opened.remove(probes[0])
    opened.advance()
    assert probes[2].started

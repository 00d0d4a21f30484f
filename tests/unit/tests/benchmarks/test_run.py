# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured, and what is left out with a reason."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.benchmarks.records import Measured, Record
from ansible_collections.netns.fabric.tests.benchmarks.run import OURS, Benchmark, names, numbers


def benchmark(*known: tuple[int, float]) -> Benchmark:
    made = Benchmark(["recipe"], runs=3, limit=100.0, budget=45.0, third_party=Path("/nonexistent"))
    made.records = [Record("recipe", size, {"build": [Measured(seconds)]}) for size, seconds in known]
    return made


@pytest.mark.parametrize(
    ("known", "size", "reason"),
    [
        # A fixed cost is not taken for one that grows, hence two sizes.
        ([(2, 8.0)], 500, ""),
        ([(2, 8.0), (40, 9.0)], 1000, ""),
        ([(40, 5.0), (200, 25.0)], 500, ""),
        ([(40, 5.0), (200, 25.0)], 1000, "recipe would take over 125 s for one action at N=1000, by its 25 s at N=200"),
    ],
)
def test_what_would_take_too_long_is_not_begun(known: list[tuple[int, float]], size: int, reason: str) -> None:
    assert benchmark(*known).reason_against("recipe", size).startswith(reason)
    assert bool(benchmark(*known).reason_against("recipe", size)) == bool(reason)


def test_what_failed_to_fit_before_is_not_tried_at_a_larger_size() -> None:
    made = benchmark((2, 1.0))
    made.records.append(Record("recipe", 40, not_run="recipe at N=40: stopped after 100 s"))
    assert made.reason_against("recipe", 200) == "recipe at N=40: stopped after 100 s"


def test_what_is_not_installed_says_so() -> None:
    assert benchmark().reason_against("loop", 2) == "not installed: community.general, openvswitch.openvswitch"


@pytest.mark.parametrize(
    ("rival", "done", "repeat_in", "end_in", "more"),
    [
        ("recipe", 0, -1, 1, True),
        ("recipe", 0, -1, -1, False),
        ("recipe", 1, 1, 1, True),
        ("recipe", 1, -1, 1, False),
        ("shell-at-once", 0, 1, 1, True),
        ("shell-at-once", 1, 1, 1, False),
    ],
)
def test_what_there_is_time_for(rival: str, done: int, repeat_in: float, end_in: float, more: bool) -> None:
    record = Record(rival, 2, {"build": [Measured(1.0)] * done} if done else {})
    now = time.monotonic()
    assert benchmark().wants_more(record, now + 60 * repeat_in, now + 60 * end_in) is more
    assert record.not_run == ("the time for the whole benchmark was over" if not done and not more else "")


def test_options() -> None:
    assert numbers("40,2,40") == [2, 40]
    assert names("recipe") == [*OURS, "recipe"]
    with pytest.raises(ValueError, match="nobody"):
        names("nobody")

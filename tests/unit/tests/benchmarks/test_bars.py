# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bars: which figures are set against each other, and the text where one is lacking."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.tests.benchmarks.bars import NotMeasuredError, Results, verdicts
from ansible_collections.netns.fabric.tests.benchmarks.records import Measured, ModuleRun, Record


def record(rival: str, size: int, **seconds: float | list[float]) -> Record:
    runs = {
        action: [Measured(one) for one in (value if isinstance(value, list) else [value])]
        for action, value in seconds.items()
    }
    return Record(rival, size, runs)


def modules(rival: str, size: int, **rest: float) -> Record:
    """Return a build whose modules take this long inside, after a second of start and two of imports."""
    done = tuple(ModuleRun(name, 1.0, 2.0, 0.5, seconds, 40.0 * seconds) for name, seconds in rest.items())
    return Record(rival, size, {"build": [Measured(99.0, None, done)]})


def sequence(rival: str, size: int, around: ModuleRun, **rest: float) -> Record:
    """Return a build by one process, whose steps take this long."""
    done = tuple(ModuleRun(name, 0.0, 0.0, 0.0, seconds, 40.0, around.module) for name, seconds in rest.items())
    return Record(rival, size, {"build": [Measured(99.0, None, (around, *done))]})


def figure(results: Results, words: str) -> float | None:
    found = [one for one in verdicts(results) if words in one.what]
    assert len(found) == 1, found
    return found[0].figure


def test_nothing_measured_is_neither_met_nor_unmet() -> None:
    found = verdicts(Results([]))
    assert {one.met for one in found} == {None}
    assert all("not measured" in one.note or "was measured" in one.note for one in found)
    assert len(found) == 12


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("built, to a play", 4.0),
        ("re-run, to a play", 3.0),
        ("N=200 to the recipe", 0.25),
        ("N=500 to hand-tuned shell", 2.5),
        ("N=1000 to hand-tuned shell", 0.5),
        ("re-run with nothing to do, N=500", 2.0),
        ("N=40 to the loop", 0.1),
    ],
)
def test_site_against_its_rivals(words: str, expected: float) -> None:
    results = Results(
        [
            record("ping", 2, build=1.0),
            record("site", 2, build=4.0, rerun=3.0),
            record("loop", 40, build=50.0),
            record("site", 40, build=5.0),
            record("recipe", 200, build=20.0),
            record("site", 200, build=5.0),
            record("shell", 500, build=4.0),
            record("site", 500, build=10.0, rerun=6.0),
            record("shell", 1000, build=40.0),
            record("site", 1000, build=20.0),
        ]
    )
    assert figure(results, words) == pytest.approx(expected)


def test_medians_and_not_means() -> None:
    results = Results([record("ping", 2, build=[1.0, 1.0, 50.0]), record("site", 2, build=[2.0, 90.0, 2.0])])
    assert figure(results, "built, to a play") == 2.0


def test_the_limit_itself_is_met() -> None:
    results = Results([record("ping", 2, build=1.0), record("site", 2, build=4.0, rerun=4.01)])
    assert [one.met for one in verdicts(results)[:2]] == [True, False]


def test_the_best_order_of_a_teardown_counts() -> None:
    results = Results(
        [
            record("site", 500, teardown=6.0),
            record("shell", 500, teardown=12.0),
            record("shell-bridge-first", 500, teardown=4.0),
            record("shell-ports-first", 500, teardown=8.0),
        ]
    )
    (verdict,) = (one for one in verdicts(results) if "teardown" in one.what)
    assert (verdict.figure, verdict.met) == (1.5, False)
    assert "shell-bridge-first" in verdict.note


def test_only_what_the_floor_makes_is_set_against_it() -> None:
    results = Results(
        [
            record("floor", 500, build=1.0),
            modules("modules", 500, netns=0.5, veth=0.5, route=0.5, ovs_port=7.0, reachability=9.0),
            modules("modules-0.7", 500, netns=0.1, veth=0.1, route=0.1),
        ]
    )
    # Half a second each in ovs-vsctl counts here, the start and the imports do not.
    assert figure(results, "C floor, pyroute2 0.9.x") == pytest.approx(3.0)
    assert figure(results, "C floor, pyroute2 0.7.2") == pytest.approx(1.8)


def test_growth_leaves_out_ovs_vswitchd_and_the_verification() -> None:
    results = Results(
        [
            modules("modules", 500, netns=1.0, ovs_port=1.0, reachability=100.0),
            modules("modules", 1000, netns=2.0, ovs_port=3.0, reachability=1.0),
        ]
    )
    assert figure(results, "N=1000 to N=500") == pytest.approx(2.5)


def test_what_is_around_the_steps_grows_but_is_nothing_that_the_floor_makes() -> None:
    results = Results(
        [
            record("floor", 500, build=1.0),
            sequence("modules", 500, ModuleRun("sequence", 1.0, 2.0, 0.0, 0.5, 40.0), netns=0.5, route=1.0),
            sequence("modules", 1000, ModuleRun("sequence", 1.0, 2.0, 0.0, 2.0, 90.0), netns=1.0, route=2.0),
        ]
    )
    assert figure(results, "C floor, pyroute2 0.9.x") == pytest.approx(1.5)
    assert figure(results, "N=1000 to N=500") == pytest.approx(2.5)


def test_memory_is_that_of_the_largest_module_of_both_versions() -> None:
    results = Results([modules("modules", 1000, netns=1.0, veth=2.0), modules("modules-0.7", 1000, netns=3.0)])
    (verdict,) = (one for one in verdicts(results) if "memory" in one.what)
    assert (verdict.figure, verdict.met) == (120.0, True)


def test_what_was_not_run_is_named() -> None:
    with pytest.raises(NotMeasuredError, match="shell at N=40: rerun was not measured"):
        Results([record("shell", 40, build=1.0)]).seconds("shell", 40, "rerun")

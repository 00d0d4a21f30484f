# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans: what `changed`, `diff` and `commands` come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import (
    Change,
    Entry,
    Phase,
    Plan,
    describe_assumptions,
)


@dataclass(frozen=True)
class Step:
    line: str
    phase: Phase = Phase.SETTINGS
    backend: str = "kernel"

    def commands(self) -> Sequence[str]:
        return self.line.split("; ") if self.line else []


def change(name: str, *operations: Step) -> Change:
    return Change(Entry(name), f"thing {name}", {}, {}, operations)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (Entry("red"), "red"),
        (Entry("red", "namespaces", 3), "namespaces[3] (red)"),
        (Entry(""), "''"),
        (Entry("", "namespaces", 0), "namespaces[0] ('')"),
    ],
)
def test_an_entry_as_the_user_knows_it(entry: Entry, text: str) -> None:
    assert str(entry) == text


def test_an_empty_plan() -> None:
    plan = Plan()
    assert (plan.changed, plan.diff, plan.operations, plan.commands) == (False, [], [], [])


def test_operations_run_phase_by_phase_and_in_the_plans_order_within_one() -> None:
    first = Step("a", Phase.ROUTES), Step("b", Phase.CREATE), Step("c", Phase.RELEASE)
    second = Step("d", Phase.CREATE), Step("e", Phase.RELEASE), Step("f", Phase.REMOVE)
    plan = Plan((change("one", *first), change("two", *second)))
    assert [operation.commands()[0] for _entry, operation in plan.operations] == ["c", "e", "b", "d", "a", "f"]
    assert [entry.name for entry, _operation in plan.operations] == ["one", "two", "one", "two", "one", "two"]


@given(st.lists(st.lists(st.sampled_from(Phase), max_size=4), max_size=6))
def test_no_operation_is_lost_and_no_phase_comes_before_an_earlier_one(phases: list[list[Phase]]) -> None:
    changes = [
        change(str(number), *(Step(f"{number}.{position}", phase) for position, phase in enumerate(own)))
        for number, own in enumerate(phases)
    ]
    plan = Plan(tuple(changes))
    run = [operation.phase for _entry, operation in plan.operations]
    assert run == sorted(run)
    assert sorted(plan.commands) == sorted(f"{n}.{p}" for n, own in enumerate(phases) for p in range(len(own)))


def test_an_operation_may_be_several_lines_or_none() -> None:
    assert Plan((change("one", Step("a; b"), Step("")),)).commands == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "true"),
        (False, "false"),
        (9000, "9000"),
        ("text", "text"),
        ([], "[]"),
        (["a", None, True], "[a, -, true]"),
        ({"b": 1, "a": "x"}, "{a: x, b: 1}"),
    ],
)
def test_attributes_in_a_diff(value: object, text: str) -> None:
    plan = Plan((Change(Entry("x"), "link x", {"key": value}, None, ()),))
    assert plan.diff == [{"before_header": "link x", "after_header": "link x", "before": f"key: {text}\n", "after": ""}]


def test_the_lines_of_a_diff_are_sorted() -> None:
    plan = Plan((Change(Entry("x"), "x", None, {"mtu": 1, "addresses": 2}, ()),))
    assert plan.diff[0]["after"] == "addresses: 2\nmtu: 1\n"


def test_assumptions_come_before_notes() -> None:
    assert Plan(notes=("careful",)).warnings == ("careful",)
    plan = Plan(notes=("careful",), assumed=("paint a", "paint b"))
    assert plan.warnings == ("Check mode: assuming an earlier task creates paint a, paint b", "careful")


def test_many_assumptions_are_one_line_with_their_number() -> None:
    assert describe_assumptions([]) == []
    [line] = describe_assumptions([f"paint {number}" for number in range(300)])
    assert line == (
        "Check mode: assuming an earlier task creates 300 objects: paint 0, paint 1, paint 2, paint 3, paint 4 and 295 "
        "more"
    )

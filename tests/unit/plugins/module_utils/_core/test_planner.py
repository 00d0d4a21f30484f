# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loop over the entries of a call: errors, ownership, prune and assumptions, with boxes that have owners."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    FabricError,
    InvalidEntries,
    InvalidEntry,
    Unavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call


@dataclass(frozen=True)
class Box:
    """A box as it is wanted; its `colour` says how the planning of it goes wrong."""

    entry: Entry
    present: bool = True
    colour: str = ""
    users: str = ""

    @property
    def name(self) -> str:
        return self.entry.name


class BoxPlanner(Planner[Box]):
    """`actual` has the owners of each box that exists."""

    def __init__(self, actual: Mapping[str, Sequence[str]], call: Call[Box]) -> None:
        super().__init__(call)
        self.actual = actual

    def check(self) -> Iterator[FabricError]:
        names = [box.name for box in self.call.entries]
        yield from (InvalidEntry(box.entry, "name", "twice") for box in self.call.entries if names.count(box.name) > 1)

    def present(self, wanted: Box) -> None:
        if wanted.colour == "bad":
            raise InvalidEntry(wanted.entry, "colour", "bad")
        if wanted.colour == "worse":
            raise InvalidEntries([InvalidEntry(wanted.entry, "colour", text) for text in ("worse", "and worst")])
        if wanted.colour == "broken":
            raise Unavailable("no paint on this host")
        if wanted.colour == "unmixed":
            self.require(wanted.entry, "colour", "unmixed", f"paint {wanted.name}")
        self.refuse_others(wanted.entry, "name", wanted.name, self.actual.get(wanted.name, ()))
        self._note(wanted.entry, "created")

    def absent(self, wanted: Box) -> None:
        if wanted.name in self.actual:
            self.release(
                wanted.entry,
                f"the box {wanted.name}",
                self.actual[wanted.name],
                delete=lambda: self._note(wanted.entry, "deleted"),
                disown=lambda: self._note(wanted.entry, "disowned"),
                users=wanted.users,
            )

    def prune(self) -> None:
        listed = {box.name for box in self.call.entries}
        for name, owners in self.actual.items():
            if name not in listed and self.call.owner in owners:
                self.attempt(self.absent, Box(Entry(name), present=False))
                if name == "nailed":
                    raise InvalidEntry(Entry(name), "", "nailed to the floor")

    def finish(self) -> None:
        self._note(Entry("all"), "stacked")

    def results(self) -> Mapping[str, Any]:
        return {"count": len(self.changes)}

    def simulated(self) -> Mapping[str, Any]:
        return {"boxes": [box.name for box in self.call.entries]}

    def _note(self, entry: Entry, what: str) -> None:
        self.changes.append(Change(entry, entry.name, None, {what: True}, ()))


def plan(actual: Mapping[str, Sequence[str]], *boxes: Box, **call: Any) -> Plan:
    return BoxPlanner(actual, Call(entries=boxes, **call)).run()


def box(name: str, **more: Any) -> Box:
    return Box(Entry(name), **more)


def changes_in(planned: Plan) -> list[tuple[str, str]]:
    return [(change.target, next(iter(change.after or {}))) for change in planned.changes]


def test_entries_are_planned_in_their_order_and_then_what_depends_on_all() -> None:
    planned = plan({"b": []}, box("a"), box("b", present=False), box("c", present=False))
    assert changes_in(planned) == [("a", "created"), ("b", "deleted"), ("all", "stacked")]
    assert planned.results == {"count": 3}
    assert planned.simulated == {"boxes": ["a", "b", "c"]}
    assert planned.warnings == ()


def test_the_errors_of_all_entries_are_raised_together() -> None:
    boxes = [box("a", colour="bad"), box("b"), box("c", colour="worse"), box("b")]
    with pytest.raises(InvalidEntries) as caught:
        plan({}, *boxes)
    assert str(caught.value).splitlines() == [
        "b: name: twice",
        "b: name: twice",
        "a: colour: bad",
        "c: colour: worse",
        "c: colour: and worst",
    ]


def test_what_the_host_lacks_ends_the_planning() -> None:
    with pytest.raises(Unavailable, match="no paint"):
        plan({}, box("a", colour="bad"), box("b", colour="broken"))


def test_nothing_is_pruned_where_an_entry_is_wrong() -> None:
    with pytest.raises(InvalidEntries, match=r"^a: colour: bad$"):
        plan({"nailed": ["lab"]}, box("a", colour="bad"), owner="lab", prune=True)


def test_what_cannot_be_pruned_is_an_error() -> None:
    with pytest.raises(InvalidEntries, match=r"^nailed: nailed to the floor$"):
        plan({"nailed": ["lab"]}, box("a"), owner="lab", prune=True)


def test_prune_removes_what_the_owner_owns_and_does_not_list() -> None:
    actual = {"listed": ["lab"], "old": ["lab"], "theirs": ["them"], "nobodys": [], "shared": ["lab", "them"]}
    planned = plan(actual, box("listed"), owner="lab", prune=True)
    assert changes_in(planned)[1:-1] == [("old", "deleted"), ("shared", "disowned")]
    assert changes_in(plan(actual, box("listed"), owner="lab")) == [("listed", "created"), ("all", "stacked")]


@pytest.mark.parametrize(
    ("owners", "owner", "users", "change", "warning"),
    [
        (["lab"], "lab", "", "deleted", ""),
        ([], "lab", "", "", "the box a is not owned by lab; left alone"),
        (["them"], "lab", "", "", "the box a is not owned by lab; left alone"),
        (
            ["them", "lab"],
            "lab",
            "",
            "disowned",
            "the box a is also owned by them; it stays, and lab no longer owns it",
        ),
        (["lab"], "lab", "a cat", "disowned", "the box a is also used by a cat; it stays, and lab no longer owns it"),
        ([], None, "", "deleted", ""),
        (["them"], None, "a cat", "deleted", ""),
    ],
)
def test_what_is_absent_is_released_as_far_as_it_is_the_owners(
    owners: list[str], owner: str | None, users: str, change: str, warning: str
) -> None:
    planned = plan({"a": owners}, box("a", present=False, users=users), owner=owner)
    assert changes_in(planned)[:-1] == ([("a", change)] if change else [])
    assert planned.warnings == ((f"a: {warning}",) if warning else ())
    if owner is None or not users:
        assert BoxPlanner({}, Call(entries=(), owner=owner)).deletes(owners) == (change == "deleted")


@pytest.mark.parametrize(
    ("owners", "owner", "is_refused"),
    [
        (["them"], "lab", True),
        (["them", "lab"], "lab", False),
        ([], "lab", False),
        (["them"], None, False),
    ],
)
def test_what_only_others_own_is_not_taken_over(owners: list[str], owner: str | None, is_refused: bool) -> None:
    if not is_refused:
        assert plan({"a": owners}, box("a"), owner=owner).changed
        return
    with pytest.raises(InvalidEntries) as caught:
        plan({"a": owners}, box("a"), owner=owner)
    assert str(caught.value).startswith("a: name: a is owned by them, not by lab; choose another name")


def test_what_is_missing_is_an_error_and_in_check_mode_an_assumption() -> None:
    boxes = [box(name, colour="unmixed") for name in ("a", "b", "a")]
    with pytest.raises(InvalidEntries) as caught:
        plan({}, *boxes[:2])
    assert str(caught.value).splitlines() == ["a: colour: unmixed", "b: colour: unmixed"]
    planned = plan({}, *boxes[:2], box("c", present=False), check_mode=True)
    assert planned.warnings == ("Check mode: assuming an earlier task creates paint a, paint b",)
    assert ("a", "created") in changes_in(planned)


def test_assumptions_come_before_other_warnings_and_once_each() -> None:
    planner = BoxPlanner({}, Call(entries=(), check_mode=True))
    planner.warn("a", "careful")
    for name in ("b", "a", "b"):
        planner.require(Entry("a"), "", "missing", name)
    assert planner.run().warnings == ("Check mode: assuming an earlier task creates b, a", "a: careful")


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_an_earlier_step_ensures_is_neither_missing_nor_assumed(check_mode: bool) -> None:
    ensured = frozenset(["paint a"])
    boxes = [box(name, colour="unmixed") for name in ("a", "b")]
    assert plan({}, boxes[0], check_mode=check_mode, ensured=ensured).warnings == ()
    if check_mode:
        planned = plan({}, *boxes, check_mode=True, ensured=ensured)
        assert planned.warnings == ("Check mode: assuming an earlier task creates paint b",)
    else:
        with pytest.raises(InvalidEntries, match=r"^b: colour: unmixed$"):
            plan({}, *boxes, ensured=ensured)

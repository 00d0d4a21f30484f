# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of the northbound database."""

from __future__ import annotations

from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.northbound_rows import (
    left,
    mapping,
    northbound,
    row,
)


def test_rows_are_found_by_name_and_by_uuid() -> None:
    state = left()
    assert [row.uuid for row in state.named("Logical_Switch_Port", "red")] == ["p"]
    for record in ("p", "red"):
        found = state.find("Logical_Switch_Port", record)
        assert found is not None
        assert found.uuid == "p"
    assert state.find("Logical_Switch", "p") is None


def test_a_row_is_kept_by_one_and_used_by_several() -> None:
    state = left()
    assert state.referrers("p") == {"s"}
    assert state.users("p") == {"s", "g"}
    parent = state.parent("p")
    assert parent is not None
    assert parent.uuid == "s"
    assert state.parent("s") is None


def test_what_is_deleted_takes_its_rows_with_it_and_leaves_no_reference() -> None:
    state = left().without(["s"])
    assert set(state.rows) == {"d", "e", "o", "l", "g"}
    assert state.rows["g"].columns["ports"] == ()
    assert set(left().without(["p"]).rows) == {"s", "q", "a", "d", "e", "o", "l", "g"}
    assert left().without(["unknown"]).rows.keys() == left().rows.keys()


def test_a_reference_is_left_out_and_the_row_stays() -> None:
    state = left().without([], [("s", "l"), ("unknown", "l")])
    assert state.users("l") == set()
    assert state.rows.keys() == left().rows.keys()
    assert left().without(["s"], [("s", "l")]).rows.keys() == left().without(["s"]).rows.keys()


def test_rows_are_found_by_what_they_are_marked_with() -> None:
    mark = {"external_ids": mapping(a="b")}
    state = northbound(DNS=[row("d", name="y", **mark), row("e", name="x", **mark), row("f")], ACL=[row("g", **mark)])
    assert [each.uuid for each in state.find_marked("DNS", "a", "b")] == ["e", "d"]
    assert [each.uuid for each in state.table("DNS")] == ["f", "e", "d"]
    assert (*state.find_marked("DNS", "a", "c"), *state.table("NAT")) == ()

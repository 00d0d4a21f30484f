# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations on rows that exist for the sake of another one."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.row_operations import AddRow, RemoveRow, SetRow
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Uuid, Value

FORMER = Row("sFlow", "s1", {"sampling": 5})
NEW = Row("sFlow", "s2", {"sampling": 7})
SHARED = Row("Bridge", "other", {"sflow": Uuid("s1")})


def switch(*rows: Row, column: str = "sflow", value: Value = ()) -> Switch:
    bridge = Bridge("br", row=Row("Bridge", "b", {column: value}))
    return Switch((bridge,), rows={row.uuid: row for row in (bridge.row, *rows)})


def test_a_row_is_changed_and_changed_back() -> None:
    change = SetRow("sFlow", "s1", Columns({"sampling": 7}))
    before = switch(FORMER)
    assert change.transaction() == [("set", "sFlow", "s1", "sampling=7")]
    assert change.undo(before) == [("set", "sFlow", "s1", "sampling=5")]
    assert not change.is_applied(before)
    assert change.is_applied(switch(Row("sFlow", "s1", {"sampling": 7})))
    assert (change.undo(Switch()), change.size(before)) == ((), 0)


def test_a_new_row_is_found_in_the_database_by_a_rollback() -> None:
    add = AddRow("Bridge", "br", "sflow", "sFlow", Columns({"sampling": 7}), is_single=True)
    before, now = switch(), switch(NEW, value=Uuid("s2"))
    assert not add.is_applied(before)
    assert add.is_applied(now)
    assert add.undo(before) == ()
    assert add.undo_created(before, now) == [("--if-exists", "remove", "Bridge", "br", "sflow", "s2")]
    assert add.undo_created(before, before) == []
    assert (add.size(before), add.creates_rows) == (0, True)


def test_a_row_that_was_replaced_comes_back_where_it_is_still_there() -> None:
    add = AddRow("Bridge", "br", "sflow", "sFlow", Columns({"sampling": 7}), is_single=True)
    before = switch(FORMER, SHARED, value=Uuid("s1"))
    now = switch(FORMER, SHARED, NEW, value=Uuid("s2"))
    assert add.undo_created(before, now) == [
        ("--if-exists", "remove", "Bridge", "br", "sflow", "s2"),
        ("--if-exists", "add", "Bridge", "br", "sflow", "s1"),
    ]


def test_a_row_of_a_map_is_removed_by_its_key() -> None:
    row = Row("Flow_Table", "f", {"name": "x"})
    add = AddRow("Bridge", "br", "flow_tables", "Flow_Table", Columns({"name": "x"}), "5", 5)
    assert add.transaction()[1] == ("add", "Bridge", "br", "flow_tables", "5=@Flow_Table_br_5")
    now = switch(row, column="flow_tables", value={5: Uuid("f")})
    assert add.undo_created(switch(), now) == [("--if-exists", "remove", "Bridge", "br", "flow_tables", "5")]


def test_a_removed_row_is_re_created_unless_it_is_still_there() -> None:
    before = switch(FORMER, value=Uuid("s1"))
    remove = RemoveRow("Bridge", "br", "sflow", "s1")
    assert remove.transaction() == [("--if-exists", "remove", "Bridge", "br", "sflow", "s1")]
    assert (remove.undo(before), remove.deleted_rows(before)) == ((), [FORMER])
    assert not remove.is_applied(before)
    assert remove.is_applied(switch(FORMER))
    assert remove.is_applied(Switch())
    shared = RemoveRow("Bridge", "br", "sflow", "s1", is_shared=True)
    assert shared.undo_created(before, switch(FORMER)) == [("--if-exists", "add", "Bridge", "br", "sflow", "s1")]
    assert list(shared.removed_references(before)) == [("b", "s1")]
    assert list(shared.removed_references(Switch())) == []
    # Its last reference was removed as well, and who did that re-creates it for all.
    assert (
        shared.undo_created(before, switch())
        == remove.undo_created(before, switch(FORMER))
        == shared.undo(before)
        == ()
    )
    assert (shared.deleted_rows(before), shared.size(before)) == ([], 0)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The northbound database as a backend, by a stand-in for ovn-nbctl."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    InvalidEntry,
    OperationFailed,
    Unavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database_client import Answer
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_operations import (
    ChangeRow,
    CreateRow,
    DeleteRow,
    NewRow,
    Place,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.northbound_rows import (
    LEFT,
    FakeNorthbound,
    row,
)

RIGHT = CreateRow(NewRow("Logical_Switch", ("right",), Columns({"name": "right"})))
WITH_RIGHT = {**LEFT, "Logical_Switch": [*LEFT["Logical_Switch"], row("r", name="right")]}


def test_all_is_one_transaction_and_undone_as_one() -> None:
    database = FakeNorthbound(LEFT, WITH_RIGHT)
    database.read()
    journal = Journal()
    database.execute([RIGHT, ChangeRow("Logical_Switch_Port", "q", Columns({"tag": 8}))], journal)
    assert database.client.written == [
        "-- --id=@Logical_Switch/right create Logical_Switch name=right -- set Logical_Switch_Port q tag=8"
    ]
    assert journal.roll_back() == []
    assert database.client.written[1:] == ["-- --if-exists destroy Logical_Switch r -- set Logical_Switch_Port q tag=7"]


def test_a_deleted_row_is_created_again_with_the_references_of_others() -> None:
    database = FakeNorthbound(LEFT)
    database.read()
    journal = Journal()
    database.execute([DeleteRow("Logical_Switch", "s")], journal)
    assert journal.roll_back() == []
    (undo,) = database.client.written[1:]
    assert undo.count(" create ") == 4
    assert "ports=[@row_p,@row_q]" in undo
    assert "add Port_Group g ports @row_p" in undo


def test_the_options_reach_ovn_nbctl() -> None:
    database = FakeNorthbound(LEFT)
    files = {"private_key": "/k", "certificate": "/c", "ca_certificate": "/a"}
    database.begin_call({"timeout": 3, "database": "ssl:192.0.2.1:6641", **files})
    database.client.lists = [LEFT]
    database.read()
    assert database.client.ran[0][:7] == [
        *("ovn-nbctl", "--timeout=3", "--db=ssl:192.0.2.1:6641"),
        *("--private-key=/k", "--certificate=/c", "--ca-cert=/a", "--format=json"),
    ]
    with pytest.raises(InvalidEntry, match="timeout: it must be a positive number"):
        database.begin_call({"timeout": 0})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(None, "", ""), "did not answer within 10 s: if it is busy"),
        (Answer(1, "", "ovn-nbctl: x: database connection failed (No)"), "is not reached .*: start OVN's databases"),
        (Answer(1, "", "ovn-nbctl: odd"), "could not be read: odd"),
        (Answer(0, "{}", ""), "could not be parsed"),
    ],
)
def test_a_database_that_cannot_be_read(answer: Answer, message: str) -> None:
    database = FakeNorthbound(answer)
    with pytest.raises(Unavailable, match=message):
        database.read()
    assert database.read(check_mode=True).unavailable != ""


def test_a_change_without_an_answer_is_reverted_if_it_was_committed() -> None:
    for now, message in ((LEFT, "Nothing had been committed"), (WITH_RIGHT, "was reverted there")):
        database = FakeNorthbound(LEFT, now, writes=[Answer(None, "", "")])
        database.read()
        with pytest.raises(OperationFailed, match=f"did not answer within 10 s.*{message}"):
            database.execute([RIGHT], Journal())


def test_deleted_rows_are_simulated() -> None:
    database = FakeNorthbound(LEFT)
    database.simulate([DeleteRow("Logical_Switch", "s"), RIGHT], None)  # type: ignore[arg-type]  # no other backend is used
    assert "p" not in database.read().rows
    database.end_simulation()
    assert "p" in database.read().rows


def test_references_to_a_shared_row_are_simulated() -> None:
    database = FakeNorthbound(LEFT)
    dropped = DeleteRow("DNS", "d", (Place("Logical_Switch", "s", "dns_records"),), is_shared=True)
    database.simulate([dropped], None)  # type: ignore[arg-type]  # no other backend is used
    now = database.read()
    assert "d" in now.rows
    assert now.users("d") == set()
    database.end_simulation()
    assert database.read().users("d") == {"s"}

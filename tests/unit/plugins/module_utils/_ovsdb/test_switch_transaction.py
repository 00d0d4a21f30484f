# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The transactions: what is written, verified and undone, by a stand-in for the programs."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import backend, switch_transaction
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import operations as ovs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database_client import Answer
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.row_operations import RemoveRow
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.fakes import (
    DONE,
    TIMED_OUT,
    FakeOpenVSwitch,
    interface,
    listing,
)


@pytest.fixture(autouse=True)
def _running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "find_daemon", lambda _directory: (True, None))


# Writing


def test_all_is_written_in_one_transaction() -> None:
    switch = FakeOpenVSwitch([listing(), listing(interface("br"), interface("i1"))])
    switch.read()
    journal = Journal()
    switch.execute([ovs.AddBridge("br"), ovs.AddPort("br", "i1", Columns({"tag": 7}))], journal)
    assert switch.client.written == ["add-br br -- add-port br i1 tag=7"]
    assert journal.roll_back() == []
    assert switch.client.written[1:] == ["-- --if-exists del-port i1 -- --if-exists del-br br"]


def test_a_port_comes_back_before_what_an_earlier_transaction_has_deleted() -> None:
    """The database refuses a reference to a row that it does not have."""
    port = {"_uuid": ["uuid", "p-i1"], "name": "i1", "interfaces": ["uuid", "i-i1"], "tag": 7}
    before = listing(
        interface("i1"),
        Port=[{**port, "qos": ["uuid", "q"]}],
        QoS=[{"_uuid": ["uuid", "q"], "type": "linux-htb"}],
    )
    switch = FakeOpenVSwitch([before, listing(interface("i1"), Port=[port]), listing()])
    switch.read()
    journal = Journal()
    switch.execute([RemoveRow("Port", "i1", "qos", "q", table="QoS")], journal)
    switch.execute([ovs.DeletePort("br", "i1")], journal)
    assert journal.roll_back() == []
    removed, deleted, created, restored = switch.client.written
    assert (removed.split()[-1], deleted) == ("q", "-- --if-exists del-port br i1")
    assert "create Port interfaces=@row_i_i1 name=i1 tag=7 " in created
    assert "qos" not in created
    assert restored == "-- --id=@row_q create QoS type=linux-htb -- --if-exists add Port i1 qos @row_q"


def test_the_links_of_the_host_are_read_once_and_only_for_reopened_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be thousands, and as many operations."""
    readings: list[str] = []

    def read() -> frozenset[str]:
        readings.append("read")
        return frozenset({"i1", "i2"})

    monkeypatch.setattr(switch_transaction, "read_link_names", read)
    before = listing(interface("br"), interface("i1"), interface("i2"))
    switch = FakeOpenVSwitch([before])
    switch.read()
    switch.execute([ovs.SetPort(name, name, Columns({"tag": 7})) for name in ("i1", "i2")], Journal())
    assert readings == []
    switch.execute([ovs.SetBridge("br", Columns({"datapath_type": "system"}))] * 2, Journal())
    assert readings == ["read"]


def test_a_command_line_that_would_be_too_long_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", lambda _name: 2000)
    names = [f"i{number}" for number in range(50)]
    switch = FakeOpenVSwitch([listing(), listing(interface("br"), *(interface(name) for name in names))])
    switch.read()
    journal = Journal()
    switch.execute([ovs.AddPort("br", name) for name in names], journal)
    assert 1 < len(switch.client.written) == len(journal) < 10
    assert sum(line.count("add-port") for line in switch.client.written) == 50


def test_more_interfaces_have_more_time() -> None:
    names = [f"i{number}" for number in range(95)]
    switch = FakeOpenVSwitch([listing(), listing(interface("br"), *(interface(name) for name in names))], timeout=3)
    switch.read()
    switch.execute([ovs.AddPort("br", name) for name in names], Journal())
    assert switch.client.ran[1][1] == "--timeout=13"


def test_a_refusal_names_the_first_operation_that_it_is_for() -> None:
    operations = [ovs.AddPort("br", f"i{number}", Columns({"tag": 1})) for number in range(50)]
    operations[33] = ovs.AddPort("br", "i33", Columns({"tag": 9999}))
    refusal = Answer(1, "", "ovs-vsctl: constraint violation: 9999 is not in the valid range 0 to 4095 (inclusive)\n")
    switch = FakeOpenVSwitch(writes=[refusal])
    switch.client.dry_runs = lambda arguments: refusal if "tag=9999" in arguments else DONE
    switch.read()
    journal = Journal()
    with pytest.raises(OperationFailed, match=r"^constraint violation: 9999 is not in") as failure:
        switch.execute(operations, journal)
    assert failure.value.operation is operations[33]
    assert len(journal) == 0
    assert len(switch.client.ran) < 12
    # Without it ovs-vsctl waits for ovs-vswitchd to apply what was not written.
    assert all("--no-wait" in words for words in switch.client.ran if "--dry-run" in words)


def test_a_refusal_of_the_database_names_no_operation() -> None:
    switch = FakeOpenVSwitch(writes=[Answer(1, "", "ovs-vsctl: transaction error: it will not")])
    switch.read()
    with pytest.raises(OperationFailed, match=r"transaction error: it will not") as failure:
        switch.execute([ovs.AddBridge("a"), ovs.AddBridge("b")], Journal())
    assert failure.value.operation is None


def test_a_refused_request_of_the_daemon_stops_the_transaction() -> None:
    switch = FakeOpenVSwitch(writes=[Answer(2, "", "ovs-appctl: ovs-vswitchd: server returned an error")])
    switch.read()
    with pytest.raises(OperationFailed, match=r"dpctl/del-if"):
        switch.execute([ovs.CloseLocalInterface("br")], Journal())
    assert len(switch.client.written) == 1


# Verification


@pytest.mark.parametrize("status", [0, 65])
def test_a_port_that_was_not_set_up_fails_and_is_rolled_back(status: int) -> None:
    broken = interface("t1", ofport=-1, error="could not open network device t1 (No such device)")
    switch = FakeOpenVSwitch([listing(), listing(interface("br"), interface("i1"), broken)], [Answer(status, "", "")])
    switch.read()
    journal = Journal()
    operations = [ovs.AddPort("br", "i1"), ovs.AddPort("br", "t1")]
    with pytest.raises(OperationFailed, match=r"t1: could not open network device t1 \(No such device\)") as failure:
        switch.execute(operations, journal)
    assert failure.value.operation is operations[1]
    journal.roll_back()
    assert switch.client.written[-1] == "-- --if-exists del-port t1 -- --if-exists del-port i1"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"ofport": ["set", []]}, "reports no reason"),
        ({"ifindex": 0}, "no such device"),
        ({"error": "something"}, "something"),
        ({"type": "patch", "error": "No usable peer 'p2' exists in 'netdev' datapath."}, None),
        ({"type": "vxlan", "ifindex": 0}, None),
        ({"ifindex": 4}, None),
    ],
)
def test_what_counts_as_not_set_up(columns: dict[str, Any], message: str | None) -> None:
    switch = FakeOpenVSwitch([listing(), listing(interface("t1", **columns))])
    switch.read()
    if message is None:
        switch.execute([ovs.AddPort("br", "t1")], Journal())
        return
    with pytest.raises(OperationFailed, match=message):
        switch.execute([ovs.AddPort("br", "t1")], Journal())


def test_the_error_of_a_closed_interface_is_waited_out() -> None:
    closed = interface("i1", ofport=-1, error="No usable peer 'netns.fabric.reopen.system' exists in 'br' bridge.")
    switch = FakeOpenVSwitch([listing(), listing(closed), listing(closed), listing(interface("i1"))])
    switch.read()
    switch.execute([ovs.OpenInterface("i1", "system")], Journal())
    assert len(switch.client.lists) == 1, "it was read until the error was gone"


def test_a_missing_reason_is_taken_from_ovs_vsctl() -> None:
    printed = "ovs-vsctl: Error detected while setting up 't1': bad luck.  See ovs-vswitchd log for details.\n"
    switch = FakeOpenVSwitch([listing(), listing(interface("t1", ofport=-1))], [Answer(0, "", printed)])
    switch.read()
    with pytest.raises(OperationFailed, match=r"t1: bad luck$"):
        switch.execute([ovs.AddPort("br", "t1")], Journal())


def test_an_mtu_that_does_not_take_effect_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch_transaction, "REPORT_TIMEOUT", 0.0)
    operation = ovs.SetPort("t1", "t1", interface=Columns({"mtu_request": 9000}))
    switch = FakeOpenVSwitch([listing(interface("t1", mtu=1500, mtu_request=9000))])
    switch.read()
    with pytest.raises(OperationFailed, match=r"keeps its MTU of 1500 bytes"):
        switch.execute([operation], Journal())
    switch = FakeOpenVSwitch([listing(interface("t1", mtu=1500, mtu_request=9000))] * 2)
    switch.read()
    switch.execute([ovs.SetPort("t1", "t1", Columns({"tag": 1}))], Journal())  # another program's request


# Timeouts and rollback


def test_a_change_that_was_committed_before_a_timeout_is_rolled_back_without_waiting() -> None:
    switch = FakeOpenVSwitch([listing(), listing(interface("br"))], [TIMED_OUT])
    switch.read()
    journal = Journal()
    with pytest.raises(OperationFailed, match=r"within 10 s\. The change had already been committed to the database"):
        switch.execute([ovs.AddBridge("br")], journal)
    assert journal.roll_back() == []
    assert switch.client.written == ["add-br br", "--no-wait -- --if-exists del-br br"]


def test_a_timeout_before_the_commit_has_nothing_to_roll_back() -> None:
    switch = FakeOpenVSwitch(writes=[TIMED_OUT])
    switch.read()
    journal = Journal()
    with pytest.raises(OperationFailed, match=r"Nothing had been committed"):
        switch.execute([ovs.AddBridge("br")], journal)
    assert len(journal) == 0


def test_what_others_have_changed_meanwhile_does_not_count_as_committed() -> None:
    switch = FakeOpenVSwitch([listing(), listing(interface("theirs"))], [TIMED_OUT])
    switch.read()
    with pytest.raises(OperationFailed, match="Nothing had been committed"):
        switch.execute([ovs.AddBridge("ours")], Journal())


def test_a_timeout_of_both_daemons_rolls_back_what_may_have_been_committed() -> None:
    switch = FakeOpenVSwitch([listing(), TIMED_OUT], [TIMED_OUT])
    switch.read()
    journal = Journal()
    with pytest.raises(OperationFailed, match=r"could not be read"):
        switch.execute([ovs.AddBridge("br")], journal)
    assert len(journal) == 1


KILLED = Answer(-9, "", "")
SAID_NO = Answer(1, "", "ovs-vsctl: no\n")


@pytest.mark.parametrize("answer", [KILLED, SAID_NO, Answer(1, "", "")])
def test_a_program_that_fails_after_its_commit_is_rolled_back(answer: Answer) -> None:
    there = listing(interface("br"))
    switch = FakeOpenVSwitch([listing(), there, listing()], [answer, answer])
    switch.read()
    journal = Journal()
    with pytest.raises(OperationFailed, match=r"failed after the change had been committed .*; it was reverted"):
        switch.execute([ovs.AddBridge("br")], journal)
    assert journal.roll_back() == [], "the rollback is in the database, whatever its program returned"
    assert switch.client.written == ["add-br br", "-- --if-exists del-br br"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (KILLED, "ovs-vsctl failed: it was killed by signal 9"),
        (SAID_NO, "no"),
        (Answer(1, "", ""), "ovs-vsctl failed: it ended with status 1"),
    ],
)
def test_a_program_that_fails_before_its_commit_has_nothing_to_roll_back(answer: Answer, reason: str) -> None:
    switch = FakeOpenVSwitch(writes=[answer])
    switch.read()
    journal = Journal()
    with pytest.raises(OperationFailed, match=rf"^{reason}$"):
        switch.execute([ovs.AddBridge("br")], journal)
    assert len(journal) == 0


def test_an_equal_object_of_somebody_else_is_not_rolled_back() -> None:
    refusal = Answer(1, "", "ovs-vsctl: cannot create a bridge named br because a bridge named br already exists\n")
    switch = FakeOpenVSwitch([listing(), listing(interface("br"))], [refusal])
    switch.read()
    journal = Journal()
    with pytest.raises(OperationFailed, match="already exists"):
        switch.execute([ovs.AddBridge("br")], journal)
    assert len(journal) == 0


def test_deleted_rows_are_re_created_with_what_refers_to_them() -> None:
    mirror = {"_uuid": ["uuid", "m"], "name": "m1", "select_src_port": ["uuid", "p-i1"]}
    switch = FakeOpenVSwitch(
        [listing(interface("br"), interface("i1"), Mirror=[mirror]), listing(interface("br"), Mirror=[mirror])]
    )
    switch.read()
    journal = Journal()
    switch.execute([ovs.DeletePort("br", "i1")], journal)
    assert journal.roll_back() == []
    assert switch.client.written[1].endswith("-- --if-exists add Mirror m select_src_port @row_p_i1")


def test_a_rollback_that_is_not_in_the_database_is_reported_though_its_program_was_killed() -> None:
    switch = FakeOpenVSwitch([listing(), listing(interface("br"))], [DONE, KILLED])
    switch.read()
    journal = Journal()
    switch.execute([ovs.AddBridge("br")], journal)
    assert journal.roll_back() == ["ovs-vsctl add-br br: it was killed by signal 9"]


def test_a_refused_rollback_is_reported() -> None:
    switch = FakeOpenVSwitch([listing(), listing(interface("br"))], [DONE, Answer(1, "", "ovs-vsctl: no")])
    switch.read()
    journal = Journal()
    switch.execute([ovs.AddBridge("br")], journal)
    assert journal.roll_back() == ["ovs-vsctl add-br br: no"]

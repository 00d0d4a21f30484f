# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transactions of iptables: refusals, and how they are undone."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.iptables_parser import parse_rule
from ansible_collections.netns.fabric.plugins.module_utils._firewall.iptables_transaction import IptablesTransaction
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Rule
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._firewall.samples import (
    Programs,
    add_iptables,
    undo,
)


def delete_iptables(words: tuple[str, ...], number: int = 1) -> op.DeleteIptablesRule:
    return op.DeleteIptablesRule(None, "iptables", "nat", "POSTROUTING", words, number)


def test_refused_operation_is_named() -> None:
    operations = [add_iptables(), add_iptables(), add_iptables()]
    error = Result(1, "", "iptables-restore: line 3 failed: Bad rule.\n")
    with pytest.raises(OperationFailed, match="Bad rule") as caught:
        Programs(iptables_restore=error).firewall().execute(operations, Journal())
    assert caught.value.operation is operations[1]


def test_held_lock() -> None:
    error = Result(4, "", "Another app is currently holding the xtables lock. Stopped waiting after 10s.\n")
    with pytest.raises(OperationFailed, match=r"held the lock of iptables for 10 s"):
        Programs(iptables_restore=error).firewall().execute([add_iptables()], Journal())


def test_undo() -> None:
    words = ("-s", "192.168.100.0/24", "-j", "MASQUERADE")
    delete = op.DeleteIptablesRule(None, "iptables", "nat", "POSTROUTING", words, 4)
    (text,) = undo(Programs(), [delete, add_iptables()])
    assert text.splitlines() == [
        "*nat",
        op.format_restore_line(add_iptables().opposite()),
        "-I POSTROUTING 4 -s 192.168.100.0/24 -j MASQUERADE",
        "COMMIT",
    ]


WORDS = add_iptables().arguments
OTHER = ("-j", "RETURN")


def table(*rules: tuple[str, ...]) -> dict[str, list[Rule]]:
    """Return a table with rules in POSTROUTING; those with a comment are the collection's."""
    return {"POSTROUTING": [parse_rule(words, 4) for words in rules]}


@pytest.mark.parametrize(
    ("operation", "before", "after", "done"),
    [
        (add_iptables(), table(), table(WORDS), True),
        (add_iptables(), table(), table(), False),
        (add_iptables(), table(), table(OTHER), False),  # which somebody else has added
        (delete_iptables(WORDS), table(WORDS), table(), True),
        (delete_iptables(WORDS), table(WORDS, OTHER), table(WORDS), False),
    ],
)
@pytest.mark.parametrize("status", [1, -9])
def test_failure_after_the_commit_is_undone(
    operation: op.IptablesOperation,
    before: dict[str, list[Rule]],
    after: dict[str, list[Rule]],
    done: bool,
    status: int,
) -> None:
    calls: list[str] = []

    def run(program: str, *arguments: str, text: str = "") -> Result:
        calls.append("\n".join([program, *arguments, text]))
        return Result(status, "", "")

    readings = iter([before, after, before])
    transaction = IptablesTransaction(run, lambda: next(readings), "iptables", "nat", [operation])
    with pytest.raises(OperationFailed):
        transaction.execute()
    calls.clear()
    transaction.undo_if_done()
    assert [op.format_restore_line(operation.opposite()) in text for text in calls] == [True] * done


def test_move_within_a_chain_is_undone() -> None:
    """The same rules of the collection, in another order."""
    move = [delete_iptables(WORDS, 2), op.AddIptablesRule(None, "iptables", "nat", "POSTROUTING", WORDS, 1, last=False)]
    readings = iter([table(OTHER, WORDS), table(WORDS, OTHER)])
    calls: list[str] = []

    def run(program: str, *arguments: str, text: str = "") -> Result:
        calls.append("\n".join([program, *arguments, text]))
        return Result(0 if len(calls) > 1 else -9, "", "")

    transaction = IptablesTransaction(run, lambda: next(readings), "iptables", "nat", move)
    with pytest.raises(OperationFailed, match="signal 9"):
        transaction.execute()
    transaction.undo_if_done()
    assert "-I POSTROUTING 2" in calls[1]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transactions of nft: refusals, and how they are undone."""

from __future__ import annotations

import errno
import json

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.nft_objects import NftObjects
from ansible_collections.netns.fabric.plugins.module_utils._firewall.nft_transaction import NftTransaction
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result, TimedOut
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._firewall.samples import (
    Programs,
    add_nft,
    delete_nft,
    undo,
)


def test_refused_operation_is_named() -> None:
    error = "/dev/stdin:3:13-14: Error: Could not process rule: No such file or directory\nadd rule ip\n   ^^\n"
    operations = [op.AddOwnChain(None, "ip"), add_nft("masquerade"), add_nft("accept")]
    journal = Journal()
    with pytest.raises(OperationFailed, match=r"Error: Could not process rule") as caught:
        Programs("nft", nft=Result(1, "", error)).firewall().execute(operations, journal)
    assert caught.value.operation is operations[1]
    assert "^^" not in str(caught.value)
    assert journal.roll_back() == []


def test_kernel_without_nat() -> None:
    error = "/dev/stdin:2:1-5: Error: Could not process rule: Operation not supported\n"
    with pytest.raises(OperationFailed, match="nft_chain_nat"):
        Programs("nft", nft=Result(1, "", error)).firewall().execute([op.AddOwnChain(None, "ip")], Journal())


CHAIN = ("ip", "netns_fabric", "postrouting")


def rules(*handles: int, comment: str = "netns.fabric:") -> NftObjects:
    """Return a kernel with these rules in the chain."""
    return NftObjects({CHAIN[:2]: 0}, frozenset([CHAIN]), {(*CHAIN, handle): comment for handle in handles})


def test_undo_of_additions() -> None:
    programs = Programs()
    programs.kernel = [rules(3), rules(3, 5, 6)]
    operations = [
        op.ClearDormantFlag(None, "ip6"),
        *(op.AddOwnChain(None, "ip"), add_nft("masquerade"), add_nft("masquerade", 5)),
    ]
    assert undo(programs, operations) == [
        "delete rule ip netns_fabric postrouting handle 6",
        "delete rule ip netns_fabric postrouting handle 5",
        "delete table ip netns_fabric",
        "add table ip6 netns_fabric { flags dormant; }",
    ]


def test_undo_of_deletions_keeps_the_order() -> None:
    operations = [delete_nft(2, before=3), delete_nft(3), op.DeleteOwnTable(None, "ip")]
    programs = Programs()
    # Read before the transaction, at its undo, and around the restoration of each rule.
    programs.kernel = [rules(2, 3), NftObjects(), rules(), rules(40), rules(40), rules(41, 40)]
    table, last, first = undo(programs, operations)
    assert table.splitlines() == [
        "add table ip netns_fabric",
        op.AddOwnChain(None, "ip").statements()[-1],
    ]
    assert json.loads(last)["nftables"][0]["add"]["rule"]["expr"] == [{"masquerade": None}]
    # Before the rule that followed it, which has a new handle.
    assert json.loads(first)["nftables"][0]["insert"]["rule"]["handle"] == 40


DIED = Result(-9, "", "")

#: Operations, the kernel before them and after them, and what undoes them.
DONE = [
    ([add_nft("masquerade")], rules(3), rules(3, 5), "delete rule ip netns_fabric postrouting handle 5"),
    ([op.AddOwnChain(None, "ip")], NftObjects(), rules(), "delete table ip netns_fabric"),
    (
        [op.ClearDormantFlag(None, "ip")],
        NftObjects({CHAIN[:2]: 1}),
        NftObjects({CHAIN[:2]: 0}),
        "add table ip netns_fabric { flags dormant; }",
    ),
    ([op.DeleteOwnChain(None, "ip", "postrouting")], rules(), NftObjects(), "add table ip netns_fabric"),
    ([delete_nft(2)], rules(2), rules(), '{"nftables": [{"add"'),
]


@pytest.mark.parametrize("ending", [DIED, Result(1, "", ""), TimedOut(None, "nft did not end within 60 s")])
@pytest.mark.parametrize(("operations", "before", "after", "cure"), DONE)
def test_failure_after_the_commit_is_undone(
    operations: list[op.NftOperation], before: NftObjects, after: NftObjects, cure: str, ending: Result | TimedOut
) -> None:
    def end(_text: str) -> Result:
        if isinstance(ending, Result):
            return ending
        raise ending

    for kernel, undone in (([before, after, after, before], True), ([before, before], False)):
        programs, journal = Programs(nft=end), Journal()
        programs.kernel = list(kernel)
        with pytest.raises(OperationFailed, match=r"signal 9|exit status 1|did not end"):
            programs.firewall().execute(operations, journal)
        programs.calls.clear()
        failures = journal.roll_back()
        called = [text or argv[-1] for argv, text in programs.calls]
        assert [line.startswith(cure) for line in called] == [True] * undone
        # A restored rule has another handle than before, which this kernel does not simulate.
        assert failures == [] or cure.startswith("{")


def test_rules_that_others_have_added_meanwhile_stay() -> None:
    programs, journal = Programs(nft=DIED), Journal()
    programs.kernel = [rules(3), rules(3, 5, comment="somebody")]
    with pytest.raises(OperationFailed):
        programs.firewall().execute([add_nft("masquerade")], journal)
    programs.calls.clear()
    assert journal.roll_back() == []
    assert programs.calls == []


def test_kernel_that_cannot_be_read() -> None:
    def refuse() -> NftObjects:
        raise OSError(errno.EPERM, "Operation not permitted")

    programs = Programs()
    with pytest.raises(OperationFailed, match="cannot be read: Operation not permitted"):
        NftTransaction(lambda *_argv, **_text: Result(0, "", ""), refuse, [add_nft("masquerade")]).execute()
    assert programs.calls == []

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transactions of nft: refusals, and how they are undone."""

from __future__ import annotations

import json

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result
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
    assert len(journal) == 0


def test_kernel_without_nat() -> None:
    error = "/dev/stdin:2:1-5: Error: Could not process rule: Operation not supported\n"
    with pytest.raises(OperationFailed, match="nft_chain_nat"):
        Programs("nft", nft=Result(1, "", error)).firewall().execute([op.AddOwnChain(None, "ip")], Journal())


def test_undo_of_additions() -> None:
    echo = (
        "add table ip netns_fabric\n"
        "add chain ip netns_fabric postrouting { type nat hook postrouting priority srcnat; } # handle 1\n"
        'add rule ip netns_fabric postrouting masquerade comment "netns.fabric:" # handle 5\n'
        'insert rule ip netns_fabric postrouting masquerade comment "netns.fabric:" # handle 6\n'
        "# new generation 3 by process 23157 (nft)\n"
    )
    operations = [
        op.ClearDormantFlag(None, "ip6"),
        *(op.AddOwnChain(None, "ip"), add_nft("masquerade"), add_nft("masquerade", 5)),
    ]
    assert undo(Programs(nft=Result(0, echo, "")), operations) == [
        "delete rule ip netns_fabric postrouting handle 6",
        "delete rule ip netns_fabric postrouting handle 5",
        "delete table ip netns_fabric",
        "add table ip6 netns_fabric { flags dormant; }",
    ]


def test_undo_of_deletions_keeps_the_order() -> None:
    def answer(text: str) -> Result:
        if not text.startswith("{"):
            return Result(0, "", "")
        ((verb, content),) = json.loads(text)["nftables"][0].items()
        content["rule"]["handle"] = 40
        return Result(0, json.dumps({"nftables": [{verb: content}]}), "")

    operations = [delete_nft(2, before=3), delete_nft(3), op.DeleteOwnTable(None, "ip")]
    table, last, first = undo(Programs(nft=answer), operations)
    assert table.splitlines() == list(op.AddOwnChain(None, "ip").statements())
    assert json.loads(last)["nftables"][0]["add"]["rule"]["expr"] == [{"masquerade": None}]
    # Before the rule that followed it, which has a new handle.
    assert json.loads(first)["nftables"][0]["insert"]["rule"]["handle"] == 40


def test_nft_without_echo() -> None:
    journal = Journal()
    Programs().firewall().execute([add_nft("masquerade")], journal)
    (failure,) = journal.roll_back()
    assert "did not print the handle" in failure

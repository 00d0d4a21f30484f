# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transactions of iptables: refusals, and how they are undone."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._firewall.samples import (
    Programs,
    add_iptables,
    undo,
)


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

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A transaction of iptables-restore(8), and how it is undone, in the network namespace that the thread is in."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.programs import (
    RunProgram,
    error_text,
    find_culprit,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result

#: iptables(8): the exit status for a resource problem, such as a lock that another program holds.
_RESOURCE_PROBLEM = 4


class IptablesTransaction:
    """Operations on one table that iptables executes all together or not at all."""

    def __init__(self, run: RunProgram, command: str, table: str, operations: Sequence[op.IptablesOperation]) -> None:
        self._run = run
        self._command = command
        self._table = table
        self._operations = operations

    def execute(self) -> None:
        """Execute the operations.

        Raises:
            OperationFailed: iptables refused one of them; none is executed.
        """
        result = self._restore([operation.words() for operation in self._operations])
        if result.status:
            # The first line names the table.
            culprit = find_culprit([None, *self._operations], r"line (\d+) failed", result.error)
            if culprit is None and len(self._operations) == 1:
                culprit = self._operations[0]
            raise OperationFailed(culprit, self._failure(result))

    def undo(self) -> None:
        """Undo the operations, the last one first.

        Raises:
            OperationFailed: iptables refused that.
        """
        result = self._restore([operation.opposite() for operation in reversed(self._operations)])
        if result.status:
            raise OperationFailed(None, self._failure(result))

    def _restore(self, rules: Sequence[Sequence[str]]) -> Result:
        text = "".join(f"{line}\n" for line in (f"*{self._table}", *map(op.format_restore_line, rules), "COMMIT"))
        return self._run(f"{self._command}-restore", "--noflush", "-w", str(op.LOCK_WAIT), text=text)

    def _failure(self, result: Result) -> str:
        if result.status == _RESOURCE_PROBLEM:
            return (
                f"another program has held the lock of {self._command} for {op.LOCK_WAIT} s; find it with `fuser -v "
                f"/run/xtables.lock`, wait until it ends, and run again ({error_text(result)})"
            )
        return f"{self._command} refused the change: {error_text(result)}"

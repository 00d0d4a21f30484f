# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A transaction of iptables-restore(8), and how it is undone, in the network namespace that the thread is in.

iptables-restore can fail, or be killed, after the kernel has taken the whole table. So what the kernel has counts, and
not how the program ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.programs import (
    RunProgram,
    error_text,
    find_culprit,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import COMMENT, Rule
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result

#: iptables(8): the exit status for a resource problem, such as a lock that another program holds.
_RESOURCE_PROBLEM = 4


#: The rules of each chain of a table.
TableRules = Mapping[str, Sequence[Rule]]


class IptablesTransaction:
    """Operations on one table that iptables executes all together or not at all."""

    def __init__(
        self,
        run: RunProgram,
        read: Callable[[], TableRules],
        command: str,
        table: str,
        operations: Sequence[op.IptablesOperation],
    ) -> None:
        self._run = run
        self._read = read
        self._before: TableRules = {}
        self._command = command
        self._table = table
        self._operations = operations

    def execute(self) -> None:
        """Execute the operations.

        Raises:
            OperationFailed: iptables failed; the kernel has all of them or none.
        """
        self._before = self._read()
        result = self._restore([operation.words() for operation in self._operations])
        if result.status:
            # The first line names the table.
            culprit = find_culprit([None, *self._operations], r"line (\d+) failed", result.error)
            if culprit is None and len(self._operations) == 1:
                culprit = self._operations[0]
            raise OperationFailed(culprit, self._failure(result))

    def undo_if_done(self) -> None:
        """Undo the operations if the kernel has them although iptables failed.

        Raises:
            OperationFailed: iptables refused that, or cannot be read.
        """
        now = self._read()
        if self._own(now) != self._own(self._before) or self._arguments(now) == self._planned():
            self.undo()

    def undo(self) -> None:
        """Undo the operations, the last one first.

        Raises:
            OperationFailed: iptables refused that.
        """
        try:
            result = self._restore([operation.opposite() for operation in reversed(self._operations)])
            failure = self._failure(result) if result.status else ""
        except OperationFailed as error:
            failure = str(error)
        if failure and self._own(self._read()) != self._own(self._before):
            raise OperationFailed(None, failure)

    def _own(self, table: TableRules) -> dict[str, list[tuple[str, ...]]]:
        """Return the rules of this collection in the chains that are changed: others may change theirs meanwhile."""
        chains = {operation.chain for operation in self._operations}
        return {
            chain: [rule.arguments for rule in table.get(chain, ()) if (rule.comment or "").startswith(COMMENT)]
            for chain in chains
        }

    def _arguments(self, table: TableRules) -> dict[str, list[tuple[str, ...]]]:
        chains = {operation.chain for operation in self._operations}
        return {chain: [rule.arguments for rule in table.get(chain, ())] for chain in chains}

    def _planned(self) -> dict[str, list[tuple[str, ...]]]:
        """Return the rules after the operations: one that moves a rule leaves the same ones, in another order."""
        planned = self._arguments(self._before)
        for operation in self._operations:
            rules = planned[operation.chain]
            if isinstance(operation, op.AddIptablesRule):
                rules.insert(len(rules) if operation.last else operation.number - 1, operation.arguments)
            elif operation.arguments in rules:
                rules.remove(operation.arguments)
        return planned

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

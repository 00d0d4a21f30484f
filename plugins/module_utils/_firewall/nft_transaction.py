# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A transaction of nft(8), and how it is undone, in the network namespace that the thread is in."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.programs import (
    RunProgram,
    error_text,
    find_culprit,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import OWN_TABLE


class NftTransaction:
    """Operations that nft executes all together or not at all."""

    def __init__(self, run: RunProgram, operations: Sequence[op.NftOperation]) -> None:
        self._run = run
        self._operations = operations
        #: What nft printed: the added objects with their handles.
        self._echo = ""
        #: A rule that is added again has another handle than before.
        self._new_handles: dict[int, int] = {}

    def execute(self) -> None:
        """Execute the operations.

        Raises:
            OperationFailed: nft refused one of them; none is executed.
        """
        lines = [(operation, line) for operation in self._operations for line in operation.statements()]
        text = "".join(f"{line}\n" for _operation, line in lines)
        result = self._run("nft", "--echo", "--handle", "--file", "-", text=text)
        if result.status:
            raise OperationFailed(
                find_culprit([operation for operation, _line in lines], r"^[^:\n]+:(\d+):\d+-\d+: Error", result.error),
                f"nft refused the change: {error_text(result)}{_hint(result.error)}",
            )
        self._echo = result.output

    def undo(self) -> None:
        """Undo the operations one by one, the last one first.

        Raises:
            OperationFailed: nft refused one, or its output does not say which rules were added.
        """
        added = [operation for operation in self._operations if isinstance(operation, op.AddNftRule)]
        handles = re.findall(r"^(?:add|insert) rule .*# handle (\d+)$", self._echo, re.MULTILINE)
        if len(handles) != len(added):
            raise OperationFailed(
                None, f"nft did not print the handle of each rule that it added; it printed {self._echo!r}"
            )
        handle_of = {id(operation): int(handle) for operation, handle in zip(added, handles)}
        for operation in reversed(self._operations):
            if isinstance(operation, op.AddNftRule):
                self._delete(operation, handle_of[id(operation)])
            elif isinstance(operation, op.DeleteNftRule):
                self._restore(operation)
            else:
                self._undo_structure(operation)

    def _undo_structure(self, operation: op.NftOperation) -> None:
        """Undo an operation on OWN_TABLE or its chains."""
        if isinstance(operation, op.AddOwnChain):
            what, name = ("table", "") if operation.new_table else ("chain", f" {operation.hook}")
            self._nft(f"delete {what} {operation.family} {OWN_TABLE}{name}")
        elif isinstance(operation, op.DeleteOwnChain):
            chain = op.AddOwnChain(operation.namespace, operation.family, operation.hook, new_table=False)
            self._nft_lines(chain.statements())
        elif isinstance(operation, op.DeleteOwnTable):
            chains = (op.AddOwnChain(operation.namespace, operation.family, hook) for hook in operation.hooks)
            lines = [f"add table {operation.family} {OWN_TABLE}"]
            self._nft_lines([*lines, *(chain.statements()[-1] for chain in chains)])
        elif isinstance(operation, op.ClearDormantFlag):
            self._nft(f"add table {operation.family} {OWN_TABLE} {{ flags dormant; }}")

    def _delete(self, operation: op.AddNftRule, handle: int) -> None:
        self._nft(f"delete rule {operation.family} {operation.table} {operation.chain} handle {handle}")

    def _restore(self, operation: op.DeleteNftRule) -> None:
        rule: dict[str, Any] = {
            "family": operation.family,
            "table": operation.table,
            "chain": operation.chain,
            "comment": operation.comment,
            "expr": json.loads(operation.expressions),
        }
        verb = "add"
        if operation.before is not None:
            verb = "insert"
            rule["handle"] = self._new_handles.get(operation.before, operation.before)
        document = {"nftables": [{verb: {"rule": rule}}]}
        echo = self._nft("-j", "--echo", "--handle", "--file", "-", text=json.dumps(document))
        # An echo that cannot be read costs the order of the rules, not the rule.
        with suppress(ValueError, KeyError, IndexError):
            self._new_handles[operation.handle] = json.loads(echo)["nftables"][-1][verb]["rule"]["handle"]

    def _nft_lines(self, lines: Sequence[str]) -> None:
        self._nft("--file", "-", text="\n".join(lines) + "\n")

    def _nft(self, *arguments: str, text: str = "") -> str:
        result = self._run("nft", *arguments, text=text)
        if result.status:
            raise OperationFailed(None, f"nft refused the change: {error_text(result)}")
        return result.output


def _hint(error: str) -> str:
    if "Operation not supported" in error:
        return " (the kernel may lack NAT for nf_tables; check with `modprobe -a nft_chain_nat nft_masq`)"
    return ""

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A transaction of nft(8), and how it is undone, in the network namespace that the thread is in.

nft can fail, or be killed, after the kernel has taken the whole transaction. So what the kernel has counts, and not how
the program ended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.nft_objects import ChainKey, NftObjects
from ansible_collections.netns.fabric.plugins.module_utils._firewall.nft_parser import NFT_TABLE_F_DORMANT
from ansible_collections.netns.fabric.plugins.module_utils._firewall.programs import (
    RunProgram,
    error_text,
    find_culprit,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import COMMENT, OWN_TABLE


class NftTransaction:
    """Operations that nft executes all together or not at all."""

    def __init__(self, run: RunProgram, read: Callable[[], NftObjects], operations: Sequence[op.NftOperation]) -> None:
        self._run = run
        self._read = read
        self._operations = operations
        self._before = NftObjects()
        #: A rule that is added again has another handle than before.
        self._new_handles: dict[int, int] = {}

    def execute(self) -> None:
        """Execute the operations.

        Raises:
            OperationFailed: nft failed; the kernel has all of them or none.
        """
        self._before = self._read_kernel()
        lines = [(operation, line) for operation in self._operations for line in operation.statements()]
        text = "".join(f"{line}\n" for _operation, line in lines)
        result = self._run("nft", "--file", "-", text=text)
        if result.status:
            raise OperationFailed(
                find_culprit([operation for operation, _line in lines], r"^[^:\n]+:(\d+):\d+-\d+: Error", result.error),
                f"nft refused the change: {error_text(result)}{_hint(result.error)}",
            )

    def undo_if_done(self) -> None:
        """Undo the operations if the kernel has them although nft failed.

        Raises:
            OperationFailed: nft refused to undo one.
        """
        now = self._read_kernel()
        if any(self._has_happened(operation, now) for operation in self._operations):
            self.undo()

    def _has_happened(self, operation: op.NftOperation, now: NftObjects) -> bool:
        """Return whether the kernel shows an operation; some do not show by themselves."""
        if isinstance(operation, op.AddNftRule):
            return bool(self._added(_chain_of(operation), now))
        if isinstance(operation, op.DeleteNftRule):
            # One that was missing before was removed by another program.
            rule = (*_chain_of(operation), operation.handle)
            return rule in self._before.rules and rule not in now.rules
        if isinstance(operation, op.ClearDormantFlag):
            return not _is_dormant(now, operation.family)
        own = {chain for chain in now.chains if chain[:2] == (operation.family, OWN_TABLE)}
        return own != {chain for chain in self._before.chains if chain[:2] == (operation.family, OWN_TABLE)}

    def _added(self, chain: ChainKey, now: NftObjects) -> list[int]:
        """Return the handles of the rules that were added to a chain: others may have added some meanwhile."""
        return [key[3] for key in now.rules_since(self._before, chain) if now.rules[key].startswith(COMMENT)]

    def undo(self) -> None:
        """Undo the operations one by one, the last one first.

        Raises:
            OperationFailed: nft refused one.
        """
        now = self._read_kernel()
        added: dict[ChainKey, list[int]] = {}
        for operation in reversed(self._operations):
            if isinstance(operation, op.AddNftRule):
                handles = added.setdefault(_chain_of(operation), self._added(_chain_of(operation), now))
                if handles:  # else somebody has deleted it
                    self._delete(operation, handles.pop())
            elif isinstance(operation, op.DeleteNftRule):
                self._restore(operation)
            else:
                self._undo_structure(operation)

    def _undo_structure(self, operation: op.NftOperation) -> None:
        """Undo an operation on OWN_TABLE or its chains."""
        table = (operation.family, OWN_TABLE)
        if isinstance(operation, op.AddOwnChain):
            what, name = ("table", "") if operation.new_table else ("chain", f" {operation.hook}")
            chain = (*table, operation.hook)
            self._nft(lambda now: chain not in now.chains, f"delete {what} {operation.family} {OWN_TABLE}{name}")
        elif isinstance(operation, op.DeleteOwnChain):
            self._create_chains(operation, [operation.hook])
        elif isinstance(operation, op.DeleteOwnTable):
            self._create_chains(operation, operation.hooks)
        elif isinstance(operation, op.ClearDormantFlag):
            line = f"add table {operation.family} {OWN_TABLE} {{ flags dormant; }}"
            self._nft(lambda now: _is_dormant(now, operation.family), line)

    def _create_chains(self, operation: op.NftOperation, hooks: Sequence[str]) -> None:
        chains = [op.AddOwnChain(operation.namespace, operation.family, hook) for hook in hooks]
        lines = [f"add table {operation.family} {OWN_TABLE}", *(chain.statements()[-1] for chain in chains)]
        wanted = {(operation.family, OWN_TABLE, hook) for hook in hooks}
        self._nft(lambda now: wanted <= now.chains, "--file", "-", text="\n".join(lines) + "\n")

    def _delete(self, operation: op.AddNftRule, handle: int) -> None:
        line = f"delete rule {operation.family} {operation.table} {operation.chain} handle {handle}"
        self._nft(lambda now: (*_chain_of(operation), handle) not in now.rules, line)

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
        earlier, chain = self._read_kernel(), _chain_of(operation)
        self._nft(lambda now: bool(now.rules_since(earlier, chain)), "-j", "--file", "-", text=json.dumps(document))
        # A rule that is not found costs the order of the rules, not the rule.
        for key in self._read_kernel().rules_since(earlier, chain):
            self._new_handles[operation.handle] = key[3]

    def _nft(self, is_done: Callable[[NftObjects], bool], *arguments: str, text: str = "") -> None:
        try:
            result = self._run("nft", *arguments, text=text)
            failure = f"nft refused the change: {error_text(result)}" if result.status else ""
        except OperationFailed as error:
            failure = str(error)
        if failure and not is_done(self._read_kernel()):
            raise OperationFailed(None, failure)

    def _read_kernel(self) -> NftObjects:
        try:
            return self._read()
        except OSError as error:
            raise OperationFailed(
                None, f"what the kernel has in nf_tables cannot be read: {error.strerror}", error.errno
            ) from error


def _chain_of(operation: op.AddNftRule | op.DeleteNftRule) -> ChainKey:
    return operation.family, operation.table, operation.chain


def _is_dormant(objects: NftObjects, family: str) -> bool:
    return bool(objects.tables.get((family, OWN_TABLE), 0) & NFT_TABLE_F_DORMANT)


def _hint(error: str) -> str:
    if "Operation not supported" in error:
        return " (the kernel may lack NAT for nf_tables; check with `modprobe -a nft_chain_nat nft_masq`)"
    return ""

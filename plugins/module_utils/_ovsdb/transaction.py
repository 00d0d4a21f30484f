# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The transactions: operations that are committed together, verified, and undone together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Generic, TypeVar

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    FabricError,
    OperationFailed,
    Unavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database import Database, DatabaseOperation, State
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database_client import Answer, DatabaseClient
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import (
    Row,
    collect_dependents,
    drop_references,
    find_uuids,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import (
    Command,
    join_commands,
    recreate_rows,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value

Operation = TypeVar("Operation", bound=DatabaseOperation[Any])


def split_batches(operations: Sequence[Operation]) -> Iterator[list[Operation]]:
    """Yield the operations of one transaction each: of all, unless the command line becomes too long (execve(2))."""
    limit = os.sysconf("SC_ARG_MAX") // 4
    batch: list[Operation] = []
    size = 0
    for operation in operations:
        length = sum(len(word) + 9 for word in join_commands(operation.transaction()))  # with its pointer and NUL
        if batch and size + length > limit:
            yield batch
            batch, size = [], 0
        batch.append(operation)
        size += length
    if batch:
        yield batch


class Transaction(Generic[State]):
    """One transaction; `before` is the state that it starts from."""

    def __init__(
        self, client: DatabaseClient[State], before: State, operations: Sequence[DatabaseOperation[State]]
    ) -> None:
        self._client = client
        self._before = before
        self._operations = operations
        #: Seconds that it has until it is applied.
        self._timeout: float = client.timeout

    def execute(self, journal: Journal) -> None:
        """Commit the operations, and verify what has become of them.

        Raises:
            OperationFailed: One was refused, or could not be applied.
        """
        answer = self._client.write(_commands_of(self._operations), self._timeout)
        if answer.committed:
            self._record(journal)
            self._verify(answer)
        elif answer.status is None:
            self._handle_timeout(journal)
        else:
            self._handle_failure(answer, journal)

    def _verify(self, answer: Answer) -> None:
        """Check what the daemon behind the database has made of the transaction.

        Raises:
            OperationFailed: It could not apply an operation.
        """

    def _record(self, journal: Journal) -> None:
        journal.record("; ".join(line for operation in self._operations for line in operation.commands()), self._undo)

    def _undo(self) -> None:
        backwards = list(reversed(self._operations))
        deleted = [row for operation in backwards for row in operation.deleted_rows(self._before)]
        undo = [*self._undo_created(backwards)]
        undo.extend(command for operation in backwards for command in operation.undo(self._before))
        undo.extend(recreate_rows(self._find_recreated(deleted), self._before.rows))
        self._write_undo(undo, lambda now: not self._is_committed(now))
        undo_after = [command for operation in backwards for command in operation.undo_after(self._before)]
        self._write_undo(undo_after, self._is_as_before)

    def _find_recreated(self, deleted: Sequence[Row]) -> list[Row]:
        """Return the rows that a rollback re-creates, as they can be.

        What they refer to may have been deleted by an earlier transaction of the call: the rollback of that one, which
        comes later, re-creates it with all references.
        """
        found = collect_dependents(deleted, self._before.rows)
        others = {uuid for row in found for value in row.configuration.values() for uuid in find_uuids(value)}
        others = (others & self._before.rows.keys()) - {row.uuid for row in found}
        missing = others - self._client.read().rows.keys() if others else others
        return [drop_references(row, missing) for row in found]

    def _undo_created(self, backwards: Sequence[DatabaseOperation[State]]) -> Iterator[Command]:
        """Yield the commands for what only the database knows: the UUIDs of new rows."""
        if any(operation.creates_rows for operation in backwards):
            now = self._client.read()
            for operation in backwards:
                yield from operation.undo_created(self._before, now)

    def _write_undo(self, commands: Sequence[Command], is_done: Callable[[State], bool]) -> None:
        if not commands:
            return
        answer = self._client.write(commands, self._timeout)
        if not answer.committed and not is_done(self._client.read()):
            raise FabricError(answer.reason)

    def _is_committed(self, now: State) -> bool:
        """Return whether the database has the transaction, which it has as a whole or not at all."""
        return any(each.is_applied(now) and not each.is_applied(self._before) for each in self._operations)

    def _is_as_before(self, now: State) -> bool:
        """Return whether the rows that were kept have their former configuration."""
        former = _configuration(self._before)
        return all(former[uuid] == row for uuid, row in _configuration(now).items() if uuid in former)

    def _find_refused(self) -> DatabaseOperation[State] | None:
        """Return the first operation that the transaction is refused for, found by dry runs of ever smaller parts.

        None where the program accepts all of them: then the database refuses their outcome.
        """

        def is_refused(count: int) -> bool:
            return self._client.is_refused(_commands_of(self._operations[:count]))

        low, high = 0, len(self._operations)
        if not is_refused(high):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if is_refused(middle) else (middle, high)
        return self._operations[high - 1]

    def _handle_timeout(self, journal: Journal) -> None:
        """Have the transaction undone if it was committed: that comes before the wait for a daemon to apply it.

        Raises:
            OperationFailed: Always.
        """
        self._client.unresponsive = True
        cause, cure = self._client.describe_timeout(self._timeout)
        if not self._read_back(cause, journal):
            raise OperationFailed(None, f"{cause}. Nothing had been committed to the database; {cure}")
        raise OperationFailed(
            None, f"{cause}. The change had already been committed to the database and was reverted there; {cure}"
        )

    def _handle_failure(self, answer: Answer, journal: Journal) -> None:
        """Have the transaction undone if the program failed, or was killed, after its commit.

        Raises:
            OperationFailed: Always.
        """
        cause = f"{self._client.program} failed: {answer.reason}"
        # It is certain that this is not the transaction's work, though the database has the like of it.
        if answer.conflicting or not self._read_back(cause, journal):
            raise OperationFailed(self._find_refused(), answer.reason if answer.message else cause)
        raise OperationFailed(
            None,
            f"{self._client.program} failed after the change had been committed to the database ({answer.reason}); it "
            "was reverted there",
        )

    def _read_back(self, cause: str, journal: Journal) -> bool:
        """Return whether the transaction was committed, and record it if so.

        Raises:
            OperationFailed: The database cannot be read.
        """
        try:
            now = self._client.read()
        except Unavailable as error:
            self._record(journal)
            raise OperationFailed(
                None, f"{cause}, and the database could not be read to see whether it was committed: {error}"
            ) from None
        committed = self._is_committed(now)
        if committed:
            self._record(journal)
        return committed


def _commands_of(operations: Sequence[DatabaseOperation[Any]]) -> list[Command]:
    return list(chain.from_iterable(operation.transaction() for operation in operations))


def _configuration(database: Database) -> dict[str, dict[str, Value]]:
    """Return all that is configured, by row.

    An OpenFlow number is not: ovs-vswitchd assigns it in its time. References are to other rows where these were
    re-created.
    """
    return {
        uuid: {
            column: value
            for column, value in row.configuration.items()
            if column != "ofport" and not any(find_uuids(value))
        }
        for uuid, row in database.rows.items()
    }

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The transactions: operations that are committed together, verified, and undone together."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    FabricError,
    OperationFailed,
    Unavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.client import START, Answer, Client
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.daemon import read_link_names
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import OvsOperation
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import collect_dependents, find_uuids
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import NO_REASON, REOPEN, Interface, Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import (
    Command,
    join_commands,
    recreate_rows,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value

#: Seconds added to the timeout for each interface that ovs-vswitchd is to open or close: closing one takes the kernel
#: 13 ms on the userspace datapath.
TIME_PER_INTERFACE = 0.1
#: Seconds to wait for ovs-vswitchd to report what it has done, such as an MTU that it has accepted.
REPORT_TIMEOUT = 2.0
#: Seconds between two readings of such a report.
REPORT_INTERVAL = 0.05


def split_batches(operations: Sequence[OvsOperation]) -> Iterator[list[OvsOperation]]:
    """Yield the operations of one transaction each: of all, unless the command line becomes too long (execve(2))."""
    limit = os.sysconf("SC_ARG_MAX") // 4
    batch: list[OvsOperation] = []
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


class Transaction:
    """One transaction; `before` is the state that it starts from."""

    def __init__(self, client: Client, before: Switch, operations: Sequence[OvsOperation]) -> None:
        self._client = client
        self._before = before
        self._operations = operations
        #: Seconds that ovs-vswitchd has to apply it.
        self._timeout = client.timeout + TIME_PER_INTERFACE * sum(each.size(before) for each in operations)

    def execute(self, journal: Journal) -> None:
        """Commit the operations, and verify what ovs-vswitchd has made of them.

        Raises:
            OperationFailed: One was refused, or ovs-vswitchd could not apply it.
        """
        for operation in self._operations:
            for request in operation.requests():
                self._send(operation, request)
        answer = self._client.write(_commands_of(self._operations), self._timeout)
        if answer.committed:
            self._record(journal)
            self._verify(answer)
        elif answer.status is None:
            self._handle_timeout(journal)
        else:
            self._handle_failure(answer, journal)

    def _send(self, operation: OvsOperation, request: Command) -> None:
        answer = self._client.appctl(request, self._before)
        # A run that was killed in between may have deleted it (dpctl_del_if() in lib/dpctl.c).
        if answer.status != 0 and "no port named" not in answer.message:
            raise OperationFailed(operation, f"ovs-appctl {request[0]}: {answer.reason}")

    def _record(self, journal: Journal) -> None:
        journal.record("; ".join(line for operation in self._operations for line in operation.commands()), self._undo)

    def _undo(self) -> None:
        backwards = list(reversed(self._operations))
        deleted = [row for operation in backwards for row in operation.deleted_rows(self._before)]
        undo = [*self._undo_created(backwards)]
        undo.extend(command for operation in backwards for command in operation.undo(self._before))
        undo.extend(recreate_rows(collect_dependents(deleted, self._before.rows), self._before.rows))
        self._write_undo(undo, lambda now: not self._is_committed(now))
        undo_after = [command for operation in backwards for command in operation.undo_after(self._before)]
        self._write_undo(undo_after, self._is_as_before)

    def _undo_created(self, backwards: Sequence[OvsOperation]) -> Iterator[Command]:
        """Yield the commands for what only the database knows: the UUIDs of new rows."""
        if any(operation.creates_rows for operation in backwards):
            now = self._client.read()
            for operation in backwards:
                yield from operation.undo_created(self._before, now)

    def _write_undo(self, commands: Sequence[Command], is_done: Callable[[Switch], bool]) -> None:
        if not commands:
            return
        answer = self._client.write(commands, self._timeout)
        if not answer.committed and not is_done(self._client.read()):
            raise FabricError(answer.reason)

    def _is_committed(self, now: Switch) -> bool:
        """Return whether the database has the transaction, which it has as a whole or not at all."""
        return any(each.is_applied(now) and not each.is_applied(self._before) for each in self._operations)

    def _is_as_before(self, now: Switch) -> bool:
        """Return whether the rows that were kept have their former configuration."""
        former = _configuration(self._before)
        return all(former[uuid] == row for uuid, row in _configuration(now).items() if uuid in former)

    def _find_refused(self) -> OvsOperation | None:
        """Return the first operation that the transaction is refused for, found by dry runs of ever smaller parts.

        None where ovs-vsctl accepts all of them: then the database refuses their outcome.
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
        """Have the transaction undone if it was committed: that comes before the wait for ovs-vswitchd.

        Raises:
            OperationFailed: Always.
        """
        self._client.unresponsive = True
        cause = f"ovs-vswitchd did not apply the change within {self._timeout:.0f} s"
        cure = (
            f"check whether it answers (`ovs-appctl version`); if it is only busy, raise `timeout`, otherwise {START}"
        )
        if not self._read_back(cause, journal):
            raise OperationFailed(None, f"{cause}. Nothing had been committed to the database; {cure}")
        raise OperationFailed(
            None, f"{cause}. The change had already been committed to the database and was reverted there; {cure}"
        )

    def _handle_failure(self, answer: Answer, journal: Journal) -> None:
        """Have the transaction undone if ovs-vsctl failed, or was killed, after its commit.

        Raises:
            OperationFailed: Always.
        """
        cause = f"ovs-vsctl failed: {answer.reason}"
        # It is certain that this is not the transaction's work, though the database has the like of it.
        if answer.conflicting or not self._read_back(cause, journal):
            raise OperationFailed(self._find_refused(), answer.reason if answer.message else cause)
        raise OperationFailed(
            None,
            f"ovs-vsctl failed after the change had been committed to the database ({answer.reason}); it was reverted "
            "there",
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

    # Verification

    def _verify(self, answer: Answer) -> None:
        """Check that the interfaces work: refusals show in the tables only, and in some releases by the exit status.

        Raises:
            OperationFailed: An interface does not work that was to be set up and did not fail before as well.
        """
        if self._client.unresponsive:
            return
        expected = [(each, name) for each in self._operations for name in each.expected_interfaces(self._before)]
        reopened = [(each, name) for each in self._operations for name in each.reopened_interfaces(self._before)]
        now = self._read_report({name for _operation, name in expected})
        for operation, name in expected:
            _require_working(operation, name, now, answer)
        links = read_link_names() if reopened else frozenset()
        for operation, name in reopened:
            # A device that was deleted meanwhile is no fault of this change. Those of a deleted namespace go some time
            # after it.
            if name in links or name not in now or now[name].type != "system":
                _require_working(operation, name, now, answer)
        self._await_mtus([(operation, name) for operation, name in expected if operation.mtu], now)

    def _read_report(self, names: set[str]) -> dict[str, Interface]:
        """Read the interfaces, once no error of these is left from the time while they were closed.

        A busy ovs-vswitchd may have opened one again and not reported it yet, see CloseInterface.
        """
        deadline = time.monotonic() + REPORT_TIMEOUT
        now = self._read_interfaces()
        while any(REOPEN in now[name].error for name in names if name in now) and time.monotonic() < deadline:
            time.sleep(REPORT_INTERVAL)  # until ovs-vswitchd has reported
            now = self._read_interfaces()
        return now

    def _read_interfaces(self) -> dict[str, Interface]:
        return dict(self._client.read().interfaces)

    def _await_mtus(self, expected: Sequence[tuple[OvsOperation, str]], now: dict[str, Interface]) -> None:
        """Wait until the requested MTUs are in effect. ovs-vswitchd only logs an MTU that the kernel refuses.

        Raises:
            OperationFailed: One is not in effect in time.
        """
        deadline = time.monotonic() + REPORT_TIMEOUT
        while True:
            wrong = [
                (operation, now[name])
                for operation, name in expected
                if name in now and now[name].mtu_request and now[name].mtu not in (None, now[name].mtu_request)
            ]
            if not wrong:
                return
            if time.monotonic() > deadline:
                operation, interface = wrong[0]
                raise OperationFailed(
                    operation,
                    f"{interface.name} keeps its MTU of {interface.mtu} bytes: the device does not accept "
                    f"{interface.mtu_request}",
                )
            time.sleep(REPORT_INTERVAL)  # until ovs-vswitchd has reported
            now = self._read_interfaces()


def _commands_of(operations: Sequence[OvsOperation]) -> list[Command]:
    return list(chain.from_iterable(operation.transaction() for operation in operations))


def _require_working(operation: OvsOperation, name: str, now: dict[str, Interface], answer: Answer) -> None:
    found = now.get(name)
    if found is None:
        reason = "it no longer exists; another program has removed it"
    else:
        reason = _find_reason(name, found.fault, answer) if found.fault else ""
    if reason:
        raise OperationFailed(operation, f"ovs-vswitchd could not set up {name}: {reason}")


def _find_reason(name: str, fault: str, answer: Answer) -> str:
    """Return the reason in the database; without one, the reason that ovs-vsctl has printed."""
    match = re.search(rf"setting up '{re.escape(name)}': (.*?)\.?  See ", answer.message)
    return match[1] if match and fault == NO_REASON else fault


def _configuration(switch: Switch) -> dict[str, dict[str, Value]]:
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
        for uuid, row in switch.rows.items()
    }

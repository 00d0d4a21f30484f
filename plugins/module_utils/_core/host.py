# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The managed host: the backends that a resource declares, and how a plan is applied through them, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Any, cast

from ansible_collections.netns.fabric.plugins.module_utils._core import lock
from ansible_collections.netns.fabric.plugins.module_utils._core.conditions import explain
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    InvalidEntries,
    InvalidEntry,
    OperationFailed,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Backend, BackendType, Journal, Opened
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Operation, Plan


class Host:
    """The managed host. Each declared backend is opened at its first use and only then."""

    def __init__(self, backends: Iterable[BackendType[Any]] = (), check_mode: bool = False) -> None:
        self.check_mode = check_mode
        #: What earlier simulated calls would have created, see Plan.simulated.
        self.simulated: dict[str, Any] = {}
        self._declared = {backend.name: backend for backend in backends}
        self._opened: dict[str, Backend] = {}
        self._new_plans: list[Plan] = []
        self._options: Mapping[str, Any] = {}
        self._kept: Journal | None = None

    def use(self, backend: BackendType[Opened]) -> Opened:
        """Return a backend, opened at its first use.

        Raises:
            KeyError: The resource does not declare it: a bug.
        """
        return cast("Opened", self._open(backend.name))

    def _open(self, name: str) -> Backend:
        if name not in self._opened:
            backend: Backend = self._declared[name].open()
            backend.begin_call(self._options)
            self._opened[name] = backend
        return self._opened[name]

    def begin_call(self, options: Mapping[str, Any]) -> None:
        """Take the options of the call that is carried out next."""
        for plan in self._new_plans:
            self._simulate_operations(plan)
        self._new_plans.clear()
        self._options = options
        for backend in self._opened.values():
            backend.begin_call(options)

    def simulate(self, plan: Plan) -> None:
        """From the next call on, what is read is as if the plan had been applied.

        That holds for what is removed, and for what the plan itself says of the rest. What an earlier call would create
        is not simulated: a call knows of it by `Call.ensured`, or assumes that it exists.
        """
        self.simulated.update(plan.simulated)
        self._new_plans.append(plan)

    def end_simulation(self) -> None:
        """From the next call on, what is read is what the host has."""
        self.simulated.clear()
        self._new_plans.clear()
        for backend in self._opened.values():
            backend.end_simulation()

    def _simulate_operations(self, plan: Plan) -> None:
        by_backend: dict[str, list[Operation]] = {}
        for _entry, operation in plan.operations:
            by_backend.setdefault(operation.backend, []).append(operation)
        for name, operations in by_backend.items():
            self._open(name).simulate(operations, self)

    def locked(self, timeout: float | None = None) -> AbstractContextManager[None]:
        """Keep other calls out from reading to the last write; check mode shares the lock with other readers.

        Raises:
            Unavailable: Another call kept the lock for longer than `timeout` seconds, or than lock.LOCK_TIMEOUT.
        """
        return lock.locked(self.check_mode, timeout)

    def _forget(self) -> None:
        """Drop what every backend has read: it may be out of date, whichever has written."""
        for backend in self._opened.values():
            backend.forget()

    def warnings(self) -> list[str]:
        """Return what the backends have left out so far, each once."""
        return list(dict.fromkeys(warning for backend in self._opened.values() for warning in backend.warnings()))

    def settle(self) -> None:
        """Make sure that what was written lasts, before other calls are let in."""
        for backend in self._opened.values():
            backend.settle()

    def close(self) -> None:
        """Release what the backends hold open: a removed namespace lives for as long as somebody holds it."""
        for backend in self._opened.values():
            backend.close()
        self._opened.clear()

    @property
    def is_kept(self) -> bool:
        """Whether what is done is recorded until it is confirmed, see keep_journal()."""
        return self._kept is not None

    def require_writable(self, plan: Plan) -> None:
        """Check that the host can carry out a plan: that it has the rights, and that no file system is read-only.

        And that it does not cut the connection of this call, unless the journal is kept, see keep_journal().

        Raises:
            InvalidEntries: With every cause, and the first entry that it stops.
        """
        by_backend: dict[str, list[Operation]] = {}
        for _entry, operation in plan.operations:
            by_backend.setdefault(operation.backend, []).append(operation)
        causes: dict[str, Operation] = {}
        for name, operations in by_backend.items():
            backend = self._open(name)
            for operation, cause in backend.refusals(operations):
                causes.setdefault(cause, operation)
            for operation, cause in backend.cuts(operations, self) if self._kept is None else ():
                causes.setdefault(cause, operation)
        if causes:
            entries = {id(operation): entry for entry, operation in plan.operations}
            raise InvalidEntries([InvalidEntry(entries[id(each)], "", cause) for cause, each in causes.items()])

    def apply(self, plan: Plan) -> None:
        """Execute the whole plan, or leave the host as it was.

        Raises:
            OperationFailed: An operation was refused; what had been done before is undone. The message names the
                entry, the refusal and, should that have failed too, what could not be undone.
        """
        journal = Journal() if self._kept is None else self._kept
        operations = plan.operations
        used: list[Backend] = []
        try:
            for (_phase, name), group in groupby(operations, key=lambda pair: (pair[1].phase, pair[1].backend)):
                backend = self._open(name)
                used.append(backend)
                group_operations = [operation for _entry, operation in group]
                if journal.kept:
                    backend.protect(group_operations, journal, self)
                backend.execute(group_operations, journal)
                self._forget()
            for backend in dict.fromkeys(used):
                backend.verify()
        except OperationFailed as failure:
            not_undone = journal.roll_back()
            self._forget()
            message = _format_failure(failure, operations, not_undone)
            raise OperationFailed(failure.operation, message, failure.number, not not_undone) from failure
        except BaseException as error:
            not_undone = journal.roll_back()
            self._forget()
            if not_undone:
                message = _format_failure(OperationFailed(None, explain(error) or repr(error)), (), not_undone)
                raise OperationFailed(None, message) from error
            raise
        if self._kept is None:
            for backend in used:
                backend.commit()
        if used:
            self._forget()

    # Changes that can be undone after they have succeeded

    def keep_journal(self) -> None:
        """From now on, keep how to undo what is applied, until commit() or roll_back(). A plan that fails undoes all.

        The connection of this call may be cut: it comes back when that is undone.
        """
        self._kept = Journal(kept=True)

    @property
    def undoable(self) -> list[str]:
        """What roll_back() would undo, in that order."""
        return [] if self._kept is None else self._kept.descriptions

    def roll_back(self) -> list[str]:
        """Undo all that was applied since keep_journal(); return what could not be undone, each with its reason."""
        failures = [] if self._kept is None else self._kept.roll_back()
        self._forget()
        return failures

    def commit(self) -> None:
        """Drop what was kept to undo what was applied since keep_journal()."""
        self._kept = None
        for backend in self._opened.values():
            backend.commit()


def _format_failure(
    failure: OperationFailed, operations: Sequence[tuple[Entry, Operation]], not_undone: Sequence[str]
) -> str:
    """Return the refusal as the user reads it."""
    entry = next((entry for entry, operation in operations if operation is failure.operation), None)
    message = f"{entry}: {failure}" if entry else str(failure)
    if not_undone:
        changes = "\n".join(not_undone)
        return f"{message}\nRollback was incomplete. These changes could not be undone:\n{changes}"
    return f"{message}\nAll changes made by this call were rolled back; the host is unchanged."

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every backend has in common: how it writes, how that is undone, and how a resource declares that it uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation


class Journal:
    """How to undo what was done so far, the newest first. `kept`: it may be undone after the call has succeeded."""

    def __init__(self, kept: bool = False) -> None:
        self.kept = kept
        self._steps: list[tuple[str, Callable[[], None]]] = []

    def __len__(self) -> int:
        return len(self._steps)

    def record(self, description: str, undo: Callable[[], None]) -> None:
        """Add how to undo a step that was just done."""
        self._steps.append((description, undo))

    @property
    def descriptions(self) -> list[str]:
        """What would be undone, in that order."""
        return [description for description, _undo in reversed(self._steps)]

    def roll_back(self) -> list[str]:
        """Undo every step; return those that could not be undone, each with its reason."""
        failures = []
        for description, undo in reversed(self._steps):
            try:
                undo()
            except (FabricError, OSError) as error:
                failures.append(f"{description}: {error}")
        self._steps.clear()
        return failures


class Backend:
    """One kind of input and output: the kernel, files, OVSDB, the firewall."""

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        """Execute all operations, each recorded in the journal as soon as it is done.

        Raises:
            OperationFailed: The host refused one; what came before it is in the journal.
        """
        raise NotImplementedError

    def commit(self) -> None:
        """Drop what was kept for the rollback: the call has succeeded."""
        raise NotImplementedError

    # What not every backend needs.

    def refusals(self, operations: Sequence[Operation]) -> Iterable[tuple[Operation, str]]:  # noqa: ARG002  # those that override it use them
        """Return the operations that this host is sure to refuse, each with the cause and the cure. Writes nothing."""
        return ()

    def warnings(self) -> Iterable[str]:
        """Return what was left out, and why, for the user."""
        return ()

    def begin_call(self, options: Mapping[str, Any]) -> None:
        """Take the options of the next call."""

    def protect(self, operations: Sequence[Operation], journal: Journal, host: Backends) -> None:
        """Record how to restore what these operations lose in other backends.

        Needed where they may be undone after others have followed: of a call, they are the last.
        """

    def cuts(self, operations: Sequence[Operation], host: Backends) -> Iterable[tuple[Operation, str]]:  # noqa: ARG002  # most backends cut nothing
        """Return the operations that would cut the connection by which this process was started, each with the cause.

        Writes nothing.
        """
        return ()

    def forget(self) -> None:
        """Drop what was read: somebody has written."""

    def verify(self) -> None:
        """Check that what was written to is still there.

        Raises:
            OperationFailed: Another program has removed it meanwhile.
        """

    def settle(self) -> None:
        """Make sure that what was written lasts, before other calls are let in."""

    def close(self) -> None:
        """Release what is held open."""

    def simulate(self, operations: Sequence[Operation], host: Backends) -> None:
        """Answer from now on as if the removals among these operations had been executed."""

    def end_simulation(self) -> None:
        """Answer with what the host has from now on."""


Opened = TypeVar("Opened", bound=Backend)


@dataclass(frozen=True)
class BackendType(Generic[Opened]):
    """A backend as a resource declares it: the name that its operations bear, and how to open it."""

    name: str
    open: Callable[[], Opened]


class Backends(Protocol):
    """Where a backend finds another one."""

    def use(self, backend: BackendType[Opened]) -> Opened:
        """Return the backend, opened at its first use."""

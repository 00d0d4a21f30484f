# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host as a module call sees it: what it can be asked, and how a plan is applied to it, all or nothing."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, OperationFailed, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Operation, Plan

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import Firewall
    from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld import Firewalld
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Kernel
    from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OpenVSwitch
    from ansible_collections.netns.fabric.plugins.module_utils._system.files import Files

LOCK_DIRECTORY = "/run"
LOCK_TIMEOUT = 120.0  # seconds: a run over a thousand namespaces may well hold the lock for half of that


class Journal:
    """How to take back what was done so far, the newest first."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], None]]] = []

    def __len__(self) -> int:
        return len(self._steps)

    def record(self, description: str, undo: Callable[[], None]) -> None:
        self._steps.append((description, undo))

    def roll_back(self) -> list[str]:
        """Undo every step; a list of those that could not be undone, each with its reason."""
        failures = []
        for description, undo in reversed(self._steps):
            try:
                undo()
            except (FabricError, OSError) as error:
                failures.append(f"{description}: {error}")
        self._steps.clear()
        return failures


class Medium(Protocol):
    """One kind of input and output."""

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        """Do all of these, each recorded in the journal as soon as it is done.

        Raises:
            OperationFailed: The host refused one; what came before it is in the journal.
        """

    def commit(self) -> None:
        """The call has succeeded: let go of what was kept for the way back."""


class Host:
    """The managed host. Each kind of input and output is opened at its first use and only then."""

    def __init__(self, check_mode: bool = False) -> None:
        self.check_mode = check_mode
        #: What earlier calls in check mode would have made, see Plan; and what they would have done to Open vSwitch.
        self.foreseen: dict[str, Any] = {}
        self._foretold_of_ovs: list[Operation] = []
        self._new_plans: list[Plan] = []
        self._options: Mapping[str, Any] = {}

    def turn_to(self, options: Mapping[str, Any]) -> None:
        """The options of the call that is carried out next."""
        for plan in self._new_plans:
            self._take_for_done(plan)
        self._new_plans.clear()
        self._options = options
        self.__dict__.pop("ovs", None)

    def foresee(self, plan: Plan) -> None:
        """In check mode: from the next call on, what is read is as if the plan had been carried out.

        That holds for what is removed, and for what the plan itself says of the rest. What is to be made and is not
        there yet, a call takes for made by itself.
        """
        self.foreseen.update(plan.foreseen)
        self._new_plans.append(plan)

    def _take_for_done(self, plan: Plan) -> None:
        by_medium: dict[str, list[Operation]] = {}
        for _entry, operation in plan.operations:
            by_medium.setdefault(operation.medium, []).append(operation)
        if "kernel" in by_medium:
            self.kernel.take_for_done(by_medium["kernel"])
        if "ovs" in by_medium:
            self.kernel.take_links_for_gone(self.ovs.links_of(by_medium["ovs"]))
            self._foretold_of_ovs.extend(by_medium["ovs"])

    # Imported where they are used: a module pays for what it needs and for nothing else.

    @cached_property
    def kernel(self) -> Kernel:
        from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Kernel

        return Kernel()

    @cached_property
    def files(self) -> Files:
        from ansible_collections.netns.fabric.plugins.module_utils._system.files import Files

        return Files()

    @cached_property
    def ovs(self) -> OpenVSwitch:
        from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OpenVSwitch

        opened = OpenVSwitch(timeout=self._options.get("timeout") or 10, database=self._options.get("database"))
        opened.take_for_done(self._foretold_of_ovs)
        return opened

    @cached_property
    def firewall(self) -> Firewall:
        from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import Firewall

        return Firewall()

    @cached_property
    def firewalld(self) -> Firewalld:
        from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld import Firewalld

        return Firewalld()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One call at a time from reading to the last write; check mode shares the lock with other readers.

        The lock is flock(2) on a directory that every Linux host has: it needs no file, so check mode leaves none.
        The programs that a call starts inherit it: one that outlives a killed run still writes, and the next run is to
        wait for its end.

        Raises:
            Unavailable: Another call kept the lock for longer than LOCK_TIMEOUT.
        """
        descriptor = os.open(LOCK_DIRECTORY, os.O_RDONLY | os.O_DIRECTORY)
        os.set_inheritable(descriptor, True)
        try:
            _lock(descriptor, fcntl.LOCK_SH if self.check_mode else fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _forget(self) -> None:
        """What has been read of the kernel and its packet filter is out of date, whoever has written."""
        if "kernel" in self.__dict__:
            self.kernel.forget()
        if "firewall" in self.__dict__:
            self.firewall.forget()

    def keep_up(self) -> None:
        """What was set up is to stay so, before others are let in."""
        if "kernel" in self.__dict__:
            self.kernel.keep_up()

    def close(self) -> None:
        """Let go of the namespaces that are held open: one that was removed lives for as long as somebody holds it."""
        if "kernel" in self.__dict__:
            self.kernel.close()

    def apply(self, plan: Plan) -> None:
        """Execute the whole plan, or leave the host as it was.

        Raises:
            OperationFailed: An operation was refused; what had been done before is undone. The message names the
                entry, the refusal and, should that have failed too, what could not be undone.
        """
        journal = Journal()
        operations = plan.operations
        used: list[Medium] = []
        try:
            for (_phase, name), group in groupby(operations, key=lambda pair: (pair[1].phase, pair[1].medium)):
                medium: Medium = getattr(self, name)
                used.append(medium)
                medium.execute([operation for _entry, operation in group], journal)
                self._forget()
        except OperationFailed as failure:
            raise OperationFailed(failure.operation, _told(failure, operations, journal.roll_back())) from failure
        except BaseException as error:
            undone = journal.roll_back()
            if undone:
                raise OperationFailed(None, _told(OperationFailed(None, repr(error)), (), undone)) from error
            raise
        for medium in used:
            medium.commit()
        if used:
            self._forget()


def _lock(descriptor: int, kind: int) -> None:
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"another run of this collection has been changing this host for {LOCK_TIMEOUT:.0f} s "
                    f"(it holds the lock on {LOCK_DIRECTORY}): wait for it to end, or end it, and run again"
                ) from None
            time.sleep(0.02)  # flock(2) knows no timeout


def _told(failure: OperationFailed, operations: Sequence[tuple[Entry, Operation]], undone: Sequence[str]) -> str:
    """The refusal as the user is to read it."""
    entry = next((entry for entry, operation in operations if operation is failure.operation), None)
    message = f"{entry}: {failure}" if entry else str(failure)
    if undone:
        return message + "\nWhat had been done before it could not all be taken back:\n" + "\n".join(undone)
    return message + "\nWhat this call had done before it was taken back: the host is as it was."

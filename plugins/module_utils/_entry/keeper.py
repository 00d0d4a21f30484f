# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keeper of a run: a process of its own that applies it, and undoes it unless it is confirmed in time.

It outlives the module, the SSH session that has started that, and Ansible: it is in no session, process group or scope
of theirs, and has nothing of them open. The journal stays in its memory. It holds no lock while it waits.
"""

from __future__ import annotations

import json
import os
import signal
import syslog
import time
import traceback
from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol

from ansible_collections.netns.fabric.plugins.module_utils._core import confirmation
from ansible_collections.netns.fabric.plugins.module_utils._core.conditions import explain
from ansible_collections.netns.fabric.plugins.module_utils._core.confirmation import Record
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.execution import (
    exclusive_access,
    open_host,
    require_root,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import BackendType
from ansible_collections.netns.fabric.plugins.module_utils._core.secrets import HIDDEN
from ansible_collections.netns.fabric.plugins.module_utils._core.text import printable
from ansible_collections.netns.fabric.plugins.module_utils._entry.confirmation_socket import (
    CONFIRM,
    ConfirmationSocket,
    Request,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.connections import (
    Connection,
    find_connection,
    inherit_connection,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.session import leave_session
from ansible_collections.netns.fabric.plugins.module_utils._system.systemd import move_to_scope

#: Seconds that a rollback waits for the lock. Who has it only reads: a run that writes is refused until then.
LOCK_PATIENCE = 5.0

#: Lines of a rollback in the log.
LOGGED_MAX = 200


class KeptRun(Protocol):
    """What a keeper carries out."""

    def apply(self, host: Host) -> dict[str, Any]:
        """Apply the run, with the lock, and return the module's result."""

    def verify(self, host: Host, result: Mapping[str, Any]) -> dict[str, Any]:
        """Check the outcome, without the lock; return its part of the module's result."""

    def complete(self, host: Host) -> None:
        """Write what is to be written with the confirmation only, with the lock."""


@dataclass(frozen=True)
class Confirmation:
    """The confirmation that a run waits for; `secrets` are not to be logged, each as it may be written."""

    id: str
    seconds: int
    secrets: Collection[str] = ()


class _Terminated(BaseException):
    """The keeper was sent SIGTERM."""


def run_kept(run: KeptRun, backends: Iterable[BackendType[Any]], wanted: Confirmation) -> dict[str, Any]:
    """Have a keeper carry out a run; return the module's result while it waits for the confirmation.

    Raises:
        FabricError: The run failed, and all of it was rolled back.
    """
    require_root()
    found = find_connection()  # now: the keeper is not a child of the session
    keeper = _Keeper(run, tuple(backends), wanted, found)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            keeper.start(writing)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        os.waitpid(child, 0)
        answer = json.loads(pipe.read() or b"{}")
    if "result" not in answer:
        default = "the process that applies the run was killed, before it could roll back; run again"
        raise FabricError(answer.get("error", default))
    result: dict[str, Any] = answer["result"]
    return result


class _Keeper:
    """The keeper, in its own process."""

    def __init__(
        self, run: KeptRun, backends: tuple[BackendType[Any], ...], wanted: Confirmation, origin: Connection | None
    ) -> None:
        self._run = run
        self._backends = backends
        self._wanted = wanted
        self._record = Record(wanted.id, wanted.seconds, confirmation.RUNNING)
        self._origin = origin
        self._socket = ConfirmationSocket(wanted.id, str(origin) if origin else None)
        self._answered = False

    def start(self, pipe: int) -> None:
        """Leave the session, and be the keeper."""
        self._pipe = pipe
        try:
            os.setsid()
            if os.fork() != 0:
                return
            _detach()
            inherit_connection(self._origin)
            move_to_scope(f"Confirmation of a run of netns.fabric ({self._wanted.id})")
            with open_host(self._backends, check_mode=False) as host:
                self._keep(host)
        except BaseException as error:  # noqa: BLE001  # whatever it is, the module returns it
            self._fail(error)

    # The run

    def _keep(self, host: Host) -> None:
        host.keep_journal()
        result = self._attempt(host)
        if not result["changed"]:
            self._end()
            self._answer({"result": result})
            return
        request, reason = self._wait(result)
        if request is None:
            self._roll_back(host, reason)
        elif request.action == CONFIRM:
            self._confirm(host, request)
        else:
            self._roll_back_for(request, host, "the rollback was asked for")

    def _attempt(self, host: Host) -> dict[str, Any]:
        """Apply and verify the run.

        Raises:
            FabricError: It failed, and was rolled back.
        """
        is_open = False
        try:
            with exclusive_access(host):
                confirmation.require_none_pending()
                warnings = confirmation.report_earlier_run(check_mode=False)
                self._socket.open()
                is_open = True
                self._store(confirmation.RUNNING)
                result = self._run.apply(host)
            result["warnings"] = [*warnings, *result["warnings"]]
            result.update(self._run.verify(host, result))
            if result["changed"]:
                self._store(confirmation.WAITING, time.monotonic() + self._wanted.seconds)
            return result
        except BaseException as error:
            note = self._undo_attempt(host)
            if is_open:
                self._end()
            raise FabricError(f"{_describe(error)}{note}") from error

    def _undo_attempt(self, host: Host) -> str:
        """Roll back a run that failed; return what is to be added to its error."""
        if not host.undoable:  # the step that failed has rolled back all of it, or nothing was written
            return ""
        failures = self._restore(host)
        if not failures:
            return "\nAll changes of this run were rolled back, because it has a confirmation; the host is unchanged."
        left = "\n".join(failures)
        return f"\nThe changes of this run were rolled back, except for these, which could not be undone:\n{left}"

    # The decision

    def _wait(self, result: Mapping[str, Any]) -> tuple[Request | None, str]:
        """Return the result to the module; return the request that decides, or why the run is rolled back."""
        seconds = self._wanted.seconds
        try:
            _log(syslog.LOG_NOTICE, f"{self._wanted.id}: applied; rolled back in {seconds} s unless confirmed")
            self._answer({"result": {**result, "confirmation": {"id": self._wanted.id, "seconds": seconds}}})
            request = self._socket.wait(self._record.deadline or 0)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        except _Terminated:
            return None, "the process that waited for the confirmation was ended by SIGTERM"
        except Exception as error:  # noqa: BLE001  # whatever it is, the host is restored
            return None, f"the process could not wait for the confirmation ({_describe(error)})"
        return request, f"no confirmation came within {seconds} s"

    def _confirm(self, host: Host, request: Request) -> None:
        try:
            with exclusive_access(host):
                self._run.complete(host)
                host.commit()
                self._end()
        except Exception as error:  # noqa: BLE001  # whatever it is, who has confirmed reads it
            reason = f"what is written with the confirmation failed ({_describe(error)})"
            self._roll_back_for(request, host, reason)
            return
        _log(syslog.LOG_NOTICE, f"{self._wanted.id}: confirmed")
        request.answer(state="confirmed")

    def _roll_back_for(self, request: Request, host: Host, reason: str) -> None:
        """Undo the run, and return that to who has asked, so that the next call need not know."""
        answer = self._roll_back(host, reason)
        confirmation.remove_record()
        request.answer(**answer)

    def _roll_back(self, host: Host, reason: str) -> dict[str, Any]:
        """Undo the run, and store that for the next call; return the answer to who has asked."""
        _log(syslog.LOG_WARNING, f"{self._wanted.id}: {reason}: rolling back")
        undone = host.undoable
        failures = self._restore(host)
        for line in undone[:LOGGED_MAX]:
            self._log_hidden(syslog.LOG_NOTICE, f"undone: {line}")
        for line in failures:
            self._log_hidden(syslog.LOG_ERR, f"could not be undone: {line}")
        _log(syslog.LOG_WARNING, f"{self._wanted.id}: rolled back{', not completely' if failures else ''}")
        self._record = replace(self._record, reason=self._hide(reason), failures=tuple(map(self._hide, failures)))
        with suppress(Unavailable):  # without it the next call does not know; the log has it
            self._store(confirmation.ROLLED_BACK)
        answer = {
            "state": confirmation.ROLLED_BACK,
            "message": self._record.describe_rollback(),
            "complete": not failures,
        }
        self._socket.answer_late(**answer)
        self._socket.close()
        return answer

    def _restore(self, host: Host) -> list[str]:
        """Undo the run; return what could not be undone."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with ExitStack() as stack:
            with suppress(FabricError):
                stack.enter_context(host.locked(LOCK_PATIENCE))
            failures = host.roll_back()
            with suppress(OSError, FabricError):  # it announces the addresses, and is no part of the rollback
                host.settle()
        return failures

    # The record, the log and the answer

    def _store(self, state: str, deadline: float | None = None) -> None:
        self._record = replace(self._record, state=state, deadline=deadline)
        confirmation.write_record(self._record)

    def _end(self) -> None:
        confirmation.remove_record()
        self._socket.close()

    def _answer(self, answer: Mapping[str, Any]) -> None:
        self._answered = True
        with suppress(OSError), open(self._pipe, "wb") as pipe:  # the module may have been killed
            pipe.write(json.dumps(answer).encode())

    def _fail(self, error: BaseException) -> None:
        message = _describe(error)
        self._log_hidden(syslog.LOG_ERR, message)
        if not self._answered:
            self._answer({"error": message})

    def _hide(self, text: str) -> str:
        for secret in sorted(self._wanted.secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return printable(text)

    def _log_hidden(self, priority: int, text: str) -> None:
        _log(priority, f"{self._wanted.id}: {self._hide(text)}")


def _detach() -> None:
    """Have nothing open of the module's session, and be ended by nothing but SIGTERM."""
    leave_session()
    signal.signal(signal.SIGTERM, _terminate)
    syslog.openlog("netns-fabric", syslog.LOG_PID, syslog.LOG_DAEMON)


def _terminate(_number: int, _frame: Any) -> NoReturn:
    raise _Terminated


def _log(priority: int, text: str) -> None:
    for line in text.splitlines():
        syslog.syslog(priority, line)


def _describe(error: BaseException) -> str:
    known = explain(error)
    if known:
        return known
    if isinstance(error, _Terminated):
        return "the process that applied the run was ended by SIGTERM"
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" in {place[0].filename}, line {place[0].lineno}" if place else ""
    return f"Internal error in netns.fabric (please report it): {error!r}{where}"

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The units of systemd: their state is read, and they are started and stopped, through systemctl(1)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Backend, BackendType, Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._system import programs
from ansible_collections.netns.fabric.plugins.module_utils._system import systemd_operations as op

#: It exists exactly where systemd is the first process (sd_booted(3)).
BOOTED = "/run/systemd/system"


def is_booted() -> bool:
    """Return whether this host runs systemd."""
    return os.path.isdir(BOOTED)


class Systemd(Backend):
    """The system's instance of systemd."""

    def states(self, units: Sequence[str]) -> Mapping[str, str]:
        """Return the state of each unit: active, activating, inactive, failed ... (systemctl(1)).

        Raises:
            OperationFailed: systemd does not answer.
        """
        output = _systemctl("show", "--property=ActiveState", "--value", *units)
        return dict(zip(units, output.split()))

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        for operation in operations:
            try:
                _HANDLERS[type(operation)](operation, journal)
            except OperationFailed as failure:
                raise OperationFailed(operation, str(failure), failure.number) from failure

    def commit(self) -> None:
        """Nothing is kept for the rollback but what the journal has."""


#: The socket of the bus by which systemd takes requests that systemctl(1) does not have.
BUS = "/run/dbus/system_bus_socket"


def move_to_scope(description: str) -> None:
    """Move this process into a scope of its own (systemd.scope(5)): it does not end with the session of its login.

    logind ends the processes of a session with `KillUserProcesses=yes`, and systemd those of a unit that is stopped.
    Without systemd, or without its bus, which logind needs as well, nothing does.

    Raises:
        Unavailable: systemd refuses it.
    """
    busctl = programs.find("busctl")
    if not is_booted() or not os.path.exists(BUS) or busctl is None:
        return
    unit = f"netns-fabric-confirmation-{os.getpid()}.scope"
    properties = ["3", "Description", "s", description, "CollectMode", "s", "inactive-or-failed"]
    properties += ["PIDs", "au", "1", str(os.getpid())]
    manager = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"]
    call = ["StartTransientUnit", "ssa(sv)a(sa(sv))", unit, "fail", *properties, "0"]
    result = programs.run([busctl, "call", *manager, *call])
    if result.status != 0:
        raise Unavailable(
            f"systemd does not start {unit}, in which the changes wait for their confirmation: {result.error}"
        )


def _systemctl(*words: str) -> str:
    argv = ["systemctl", *words]
    result = programs.run(argv)
    if result.status != 0:
        raise OperationFailed(None, f"`{' '.join(argv)}` failed: {result.error.strip() or result.output.strip()}")
    return result.output


def _order(*words: str) -> None:
    _systemctl(*words)


def _before_reload(_operation: op.BeforeReload, journal: Journal) -> None:
    journal.record("have systemd read its units", partial(_order, "daemon-reload"))


def _reload(_operation: op.ReloadUnits, _journal: Journal) -> None:
    _order("daemon-reload")


def _start(operation: op.StartUnit, journal: Journal) -> None:
    journal.record(f"stop {operation.unit}", partial(_order, "stop", operation.unit))
    _order(*operation.words)


def _stop(operation: op.StopUnit, journal: Journal) -> None:
    if operation.restart:
        journal.record(f"start {operation.unit}", partial(_order, "start", "--no-block", operation.unit))
    _order(*operation.words)


def _reset(operation: op.ResetUnit, _journal: Journal) -> None:
    with suppress(OperationFailed):  # it has ended well, and is no longer loaded
        _order(*operation.words)


_HANDLERS: Mapping[type, Callable[..., None]] = {
    op.BeforeReload: _before_reload,
    op.ReloadUnits: _reload,
    op.StartUnit: _start,
    op.StopUnit: _stop,
    op.ResetUnit: _reset,
}

SYSTEMD = BackendType("systemd", Systemd)

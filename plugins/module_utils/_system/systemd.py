# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The units of systemd: their state is read, and they are started and stopped, through systemctl(1)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
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

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of systemd, each with the shell lines that do the same. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase


@dataclass(frozen=True)
class SystemdOperation:
    """A request to systemd."""

    backend = "systemd"


@dataclass(frozen=True)
class BeforeReload(SystemdOperation):
    """Comes before the files of units are written: a rollback has systemd read them after it has restored them."""

    phase = Phase.RELEASE

    def commands(self) -> Sequence[str]:
        return []


@dataclass(frozen=True)
class ReloadUnits(SystemdOperation):
    """Have systemd read the files of its units. `phase` is that of the files, or a later one."""

    phase: Phase = Phase.ACTIVATE

    def commands(self) -> Sequence[str]:
        return ["systemctl daemon-reload"]


@dataclass(frozen=True)
class UnitOperation(SystemdOperation):
    """A change of one unit's state."""

    unit: str

    @property
    def words(self) -> Sequence[str]:
        """The words after `systemctl`."""
        raise NotImplementedError

    def commands(self) -> Sequence[str]:
        return [shlex.join(["systemctl", *self.words])]


@dataclass(frozen=True)
class StartUnit(UnitOperation):
    """Start a unit. With `wait`, it has started at the end."""

    wait: bool = True
    phase = Phase.NAT  # after the reload

    @property
    def words(self) -> Sequence[str]:
        return ["start", *([] if self.wait else ["--no-block"]), self.unit]


@dataclass(frozen=True)
class StopUnit(UnitOperation):
    """Stop a unit. With `restart`, a rollback starts it again."""

    restart: bool = True
    phase = Phase.RELEASE

    @property
    def words(self) -> Sequence[str]:
        return ["stop", self.unit]


@dataclass(frozen=True)
class ResetUnit(UnitOperation):
    """Have systemd forget that a unit has failed, if it has."""

    phase = Phase.RELEASE

    @property
    def words(self) -> Sequence[str]:
        return ["reset-failed", self.unit]

    def commands(self) -> Sequence[str]:
        return [f"{line} || :" for line in super().commands()]

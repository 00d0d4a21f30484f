# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: What is done with a lab, in this order.
ACTIONS = ("build", "rerun", "add", "teardown")


@dataclass(frozen=True)
class ModuleRun:
    """One run of one of the collection's modules; times in seconds, memory in MiB.

    It has a process of its own, or is a step in that of `within`. Start and imports are always the process's, and what
    belongs to no step is too: the rows of a process add up to its life.

    `start` is Python's own start and end, `imports` what importing took, `ovs` the time spent waiting for ovs-vsctl,
    which waits for ovs-vswitchd; `rest` is everything else: arguments, reading, planning, applying, answering.
    `peak_mib` is the most that the process has had until the end of the module or step.
    """

    module: str
    start: float
    imports: float
    ovs: float
    rest: float
    peak_mib: float
    within: str = ""

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.start + self.imports + self.ovs + self.rest

    @property
    def inside(self) -> float:
        """The module's own work: without Python's start and the imports."""
        return self.ovs + self.rest


@dataclass(frozen=True)
class Measured:
    """One action, done once.

    `seconds` until it ended, `traffic` from its beginning until a ping passed as well; None where none was sent.
    """

    seconds: float
    traffic: float | None = None
    modules: tuple[ModuleRun, ...] = ()


@dataclass
class Record:
    """All that is known of one rival at one size: per action the runs, or why there are none."""

    rival: str
    size: int
    runs: dict[str, list[Measured]] = field(default_factory=dict)
    not_run: str = ""


def measured_from(written: dict[str, Any]) -> Measured:
    """Return one action as JSON has it."""
    return Measured(written["seconds"], written["traffic"], tuple(ModuleRun(**module) for module in written["modules"]))


def rows_of(figures: Sequence[Mapping[str, Any]], life: float) -> list[ModuleRun]:
    """Return what timed_module.py has noted of a process that lived this long: the process itself and its steps."""
    process, *steps = figures
    known = sum(one[kind] for one in figures for kind in ("imports", "ovs", "rest"))
    return [
        ModuleRun(**process, start=life - known),
        *(ModuleRun(**step, start=0.0, within=process["module"]) for step in steps),
    ]

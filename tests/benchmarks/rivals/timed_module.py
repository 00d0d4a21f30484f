# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one of the collection's modules as its process does, and notes what its time and memory went into.

    python timed_module.py MODULE RESULT_FILE

The module's arguments are on standard input. It imports nothing of the collection before the module does, so that what
the module imports is counted as the module's. The result is a list of rows: the first is of the process itself, then
there is one for each step of `sequence`, in the order of the steps, and one for its probes.
"""

from __future__ import annotations

import builtins
import importlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

COLLECTION = "ansible_collections.netns.fabric.plugins."
#: What sequence does for each step, once and in the order of the steps: the functions, by the module that calls them.
PARTS_OF_A_STEP = {"sequence": ("validate_step", "parse_call"), "steps": ("_simulate_step", "_run_step")}


class Account(NamedTuple):
    """What time is spent on: the number of a row, 0 being the process itself, and the kind."""

    row: int
    kind: str


class Ledger:
    """Puts every moment to the account that was opened last, and to no other: so all accounts add up to the whole."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds: dict[Account, float] = defaultdict(float)
        self._clock = clock
        self._open = [Account(0, "rest")]
        self._since = clock()

    def settle(self) -> None:
        """Write down the time that has passed since the last change."""
        now = self._clock()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now

    def timed(self, function: Callable[..., Any], account: Callable[[], Account]) -> Callable[..., Any]:
        """Return the function so that each call has the account open that it is given then."""

        def called(*args: Any, **kwargs: Any) -> Any:
            opened = account()
            self.settle()
            self._open.append(opened)
            try:
                return function(*args, **kwargs)
            finally:
                self.settle()
                self._open.pop()

        return called

    def imports(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its time as the imports of the process: what a step finds imported is chance."""
        return self.timed(function, lambda: Account(0, "imports"))

    def step(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with the time of its first call as that of the first step, and so on."""
        numbers = itertools.count(1)
        return self.timed(function, lambda: Account(next(numbers), "rest"))

    def runs(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return subprocess.run with the time of ovs-vsctl apart, in the row of whoever calls it."""
        vsctl = self.timed(function, lambda: Account(self._open[-1].row, "ovs"))

        def run(command: Any, *args: Any, **kwargs: Any) -> Any:
            return (vsctl if Path(os.fsdecode(command[0])).name == "ovs-vsctl" else function)(command, *args, **kwargs)

        return run


class Steps:
    """The steps of `sequence`: their names and the most memory that the process had had when each of them ended.

    Its probes are the last one, under the name of the module that would run them in a task of its own.
    """

    def __init__(self, sequence: Any, steps: Any, ledger: Ledger) -> None:
        self.names: list[str] = []
        self.peaks: list[float] = []
        for module, parts in ((sequence, PARTS_OF_A_STEP["sequence"]), (steps, PARTS_OF_A_STEP["steps"])):
            for name in parts:
                setattr(module, name, ledger.step(getattr(module, name)))
        sequence.run_probes = ledger.timed(sequence.run_probes, lambda: Account(len(self.names), "rest"))
        sequence.converge = self._noting_names(sequence.converge)
        for module, name in ((steps, "_run_step"), (sequence, "run_probes")):
            setattr(module, name, self._noting_peaks(getattr(module, name)))

    def _noting_names(self, converge: Callable[..., Any]) -> Callable[..., Any]:
        def noting(steps: Any, check_mode: bool, probes: Any = (), *further: Any) -> Any:
            self.names = [step["module"] for step in steps] + (["reachability"] if probes else [])
            return converge(steps, check_mode, probes, *further)

        return noting

    def _noting_peaks(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            finally:
                self.peaks.append(peak_mib())

        return noting


def peak_mib() -> float:
    """Return the most memory that this process has had resident; see proc(5)."""
    # Not getrusage(2): its figure counts what the process was before exec.
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def main(name: str, result_file: str) -> int:
    """Run the module and write the figures; return its exit status."""
    ledger = Ledger()
    sys.argv = sys.argv[:1]
    builtins.__import__ = ledger.imports(builtins.__import__)
    subprocess.run = ledger.runs(subprocess.run)
    module = ledger.imports(importlib.import_module)(f"{COLLECTION}modules.{name}")
    entry = f"{COLLECTION}module_utils._entry"
    parts = (sys.modules[f"{entry}.sequence"], sys.modules[f"{entry}.steps"]) if name == "sequence" else ()
    steps = Steps(*parts, ledger) if parts else None
    status: Any = 0
    try:
        module.main()
    except SystemExit as end:
        status = end.code
    ledger.settle()
    rows = [(name, peak_mib()), *(zip(steps.names, steps.peaks) if steps else ())]
    figures = [
        {
            "module": module_name,
            **{kind: ledger.seconds[Account(number, kind)] for kind in ("imports", "ovs", "rest")},
            "peak_mib": peak,
        }
        for number, (module_name, peak) in enumerate(rows)
    ]
    Path(result_file).write_text(json.dumps(figures), encoding="utf-8")
    return int(status or 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

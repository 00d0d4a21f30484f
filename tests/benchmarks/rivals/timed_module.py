# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one of the collection's modules as its process does, and notes what its time and memory went into.

    python timed_module.py MODULE RESULT_FILE LAUNCHED

The module's arguments are on standard input. LAUNCHED is the reading of the monotonic clock when this was started. It
imports nothing of the collection, so that what the module imports is counted as the module's.
"""

from __future__ import annotations

import builtins
import json
import runpy
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

STARTED = time.monotonic()


class Clock:
    """Seconds spent in calls of a function; what it calls of itself is not counted twice."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self._depth = 0
        self.seconds = 0.0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        before = time.monotonic()
        self._depth += 1
        try:
            return self._function(*args, **kwargs)
        finally:
            self._depth -= 1
            if not self._depth:
                self.seconds += time.monotonic() - before


def peak_mib() -> float:
    """Return the most memory that this process has had resident; see proc(5)."""
    # Not getrusage(2): its figure counts what the process was before exec.
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def main(name: str, result_file: str, launched: str) -> int:
    """Run the module and write the figures; return its exit status."""
    imports, vsctl, others = Clock(builtins.__import__), Clock(subprocess.run), Clock(subprocess.run)

    def timed_run(command: Any, *args: Any, **kwargs: Any) -> Any:
        return (vsctl if Path(command[0]).name == "ovs-vsctl" else others)(command, *args, **kwargs)

    sys.argv = sys.argv[:1]
    builtins.__import__ = imports
    subprocess.run = timed_run  # type: ignore[assignment]  # for what is timed it is the same
    status: Any = 0
    try:
        runpy.run_module(f"ansible_collections.netns.fabric.plugins.modules.{name}", run_name="__main__")
    except SystemExit as end:
        status = end.code
    figures = {
        "module": name,
        "start": STARTED - float(launched),
        "imports": imports.seconds,
        "ovs": vsctl.seconds,
        "rest": time.monotonic() - STARTED - imports.seconds - vsctl.seconds,
        "peak_mib": peak_mib(),
    }
    Path(result_file).write_text(json.dumps(figures), encoding="utf-8")
    return int(status or 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

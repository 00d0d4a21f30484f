# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules for the tests, each in a process forked from this one, which has their imports.

One JSON line in, [module, its standard input, seconds]; one out, [exit status, standard output, standard error].
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import BinaryIO

COLLECTION = "ansible_collections.netns.fabric"


def import_all() -> None:
    """Import what the modules import, but not the modules themselves, which run from the start each time."""
    core = importlib.import_module(f"{COLLECTION}.plugins.module_utils._core.runner")
    for path in sorted(Path(str(core.__file__)).parents[1].glob("_*/*.py")):
        importlib.import_module(f"{COLLECTION}.plugins.module_utils.{path.parent.name}.{path.stem}")


def run(name: str, given: str, seconds: float) -> list[object]:
    """Run one module; SIGALRM ends a run that exceeds its time."""
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        source.write(given.encode())
        source.seek(0)
        process = os.fork()
        if process == 0:
            os._exit(_child(name, seconds, (source, output, errors)))
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        return [status, _text(output), _text(errors)]


def _child(name: str, seconds: float, files: tuple[BinaryIO, BinaryIO, BinaryIO]) -> int:
    for number, file in enumerate(files):
        os.dup2(file.fileno(), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # open until the process ends
    signal.alarm(int(seconds) + 1)
    status = 0
    try:
        runpy.run_module(f"{COLLECTION}.plugins.modules.{name}", run_name="__main__")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001  # the test has to see every error
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def main() -> None:
    """Serve until standard input ends."""
    import_all()
    for line in sys.stdin:
        print(json.dumps(run(*json.loads(line))), flush=True)


if __name__ == "__main__":
    main()

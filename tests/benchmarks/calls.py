# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Call modules as Ansible does, each call in a process of its own, and take the time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from ansible_collections.netns.fabric.tests.generated.converge import Step
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTION, COLLECTIONS_PATH

#: Seconds until a run, or what comes of it, has to be complete.
PATIENCE = 240


def run_steps(steps: Sequence[Step], entered: Sequence[str] = ()) -> None:
    """Run the module `sequence` in a process of its own, on a host that is entered by a command line.

    Raises:
        RuntimeError: It has failed.
    """
    ended = subprocess.run(
        [
            *entered,
            "env",
            f"PYTHONPATH={COLLECTIONS_PATH}",
            sys.executable,
            "-m",
            f"{COLLECTION}.plugins.modules.sequence",
        ],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {"steps": list(steps)}}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(ended.stdout + ended.stderr)


def measure(work: Callable[[], object]) -> float:
    """Return the seconds that it takes."""
    begin = time.monotonic()
    work()
    return time.monotonic() - begin

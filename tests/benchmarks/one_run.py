# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures one rival once, at one size, in the host of its own that it is started in.

    python -m ...one_run RIVAL SIZE LIMIT THIRD_PARTY

Prints one JSON line for each action: {"action", "seconds", "traffic", "modules"}, or {"stopped", "failed"} with the
reason why it ends there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ansible_collections.netns.fabric.tests.benchmarks.check import LINKS, WrongStateError, wait_until_gone
from ansible_collections.netns.fabric.tests.benchmarks.lab import Lab
from ansible_collections.netns.fabric.tests.benchmarks.records import ACTIONS
from ansible_collections.netns.fabric.tests.benchmarks.rivals.registry import RIVALS
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import FailedError, Place, Rival, TooSlowError
from ansible_collections.netns.fabric.tests.helpers import own_host


def say(**values: object) -> None:
    """Print a line for the one who has started us."""
    print(json.dumps(values), flush=True)


def measure(rival: Rival, size: int) -> None:
    """Do all that the rival offers, and check each time what came of it."""
    lab = Lab(size)
    rival.prepare(lab)
    links = os.listdir(LINKS)
    for action in ACTIONS:
        if action not in rival.offers:
            continue
        if action == "add":
            lab = lab.larger
        rival.place.begin()
        began = time.monotonic()
        modules = getattr(rival, action)(lab)
        if action == "teardown":
            wait_until_gone(links)
        seconds = time.monotonic() - began
        traffic = None
        if action == "teardown":
            rival.check_gone()
        else:
            traffic = time.monotonic() - began if rival.wait_for_traffic(lab) else None
            rival.check(lab)
        say(action=action, seconds=seconds, traffic=traffic, modules=[vars(module) for module in modules])


def main(name: str, size: int, limit: float, third_party: str) -> int:
    """Measure; return 0, or 1 where the rival has failed."""
    own_host.require_inside()
    with tempfile.TemporaryDirectory(dir="/run") as directory:
        rival = RIVALS[name](Place(Path(directory), limit, Path(third_party)))
        try:
            measure(rival, size)
        except TooSlowError:
            say(stopped=f"stopped after {limit:.0f} s", failed=False)
        except (FailedError, WrongStateError, OSError, subprocess.SubprocessError) as error:
            say(stopped=str(error), failed=True)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mininet: as many hosts on one switch, started and stopped."""

from __future__ import annotations

import select
import subprocess
from pathlib import Path

from ansible_collections.netns.fabric.tests.benchmarks.lab import Lab
from ansible_collections.netns.fabric.tests.benchmarks.records import ModuleRun
from ansible_collections.netns.fabric.tests.benchmarks.rivals.recipe import needs_userspace_datapath
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import FailedError, Place, Rival, TooSlowError

# Debian's package is for Debian's Python. Isolated, it does not take this file for what it imports.
_PYTHON = "/usr/bin/python3"


class Mininet(Rival):
    """Mininet through mininet_lab.py, which reads a command per line."""

    title = "mininet"
    description = "`SingleSwitchTopo` with as many hosts, without a controller; no gateway, no routes, no NAT, no names"
    offers = frozenset({"build", "teardown"})

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._running: subprocess.Popen[str] | None = None

    def unavailable(self) -> str:
        try:
            found = subprocess.run([_PYTHON, "-c", "import mininet"], capture_output=True, timeout=20, check=False)
        except OSError as error:
            return f"not installed: {error}"
        return "not installed (apt-get install mininet)" if found.returncode else ""

    def build(self, lab: Lab) -> tuple[ModuleRun, ...]:
        datapath = "user" if needs_userspace_datapath() else "kernel"
        script = Path(__file__).with_name("mininet_lab.py")
        self._running = subprocess.Popen(
            [_PYTHON, "-I", str(script), str(lab.size), datapath],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(self.place.directory / "log").open("w", encoding="utf-8"),
            text=True,
            cwd="/",
        )
        return self._expect("started")

    def teardown(self, lab: Lab) -> tuple[ModuleRun, ...]:
        self._say("stop")
        return self._expect("stopped")

    def wait_for_traffic(self, lab: Lab) -> bool:
        """Return False: `check` pings instead, as Mininet's hosts have no names."""
        return False

    def check(self, lab: Lab) -> None:
        self.place.begin()
        self._say("check")
        self._expect("checked")

    def _say(self, word: str) -> None:
        assert self._running is not None
        assert self._running.stdin is not None
        self._running.stdin.write(word + "\n")
        self._running.stdin.flush()

    def _expect(self, word: str) -> tuple[ModuleRun, ...]:
        assert self._running is not None
        try:
            answer = _line(self._running, self.place.left)
        except TimeoutError as error:
            raise TooSlowError from error
        if answer != word:
            log = (self.place.directory / "log").read_text(encoding="utf-8", errors="replace")[-3000:]
            raise FailedError(f"mininet said {answer!r} instead of {word!r}:\n{log}")
        return ()


def _line(process: subprocess.Popen[str], seconds: float) -> str:
    """Return the next line of its output. Raises TimeoutError."""
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], seconds)[0]:
        raise TimeoutError
    return process.stdout.readline().strip()

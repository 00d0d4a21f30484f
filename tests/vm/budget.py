# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time that the machines may take: what does not end within it is skipped, and says so, and never fails.

A machine that is emulated is ten times slower than a real one, and more on a busy host.
"""

from __future__ import annotations

import time

import pytest


class Budget:
    """The seconds that a session has, from now on; None for no limit."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        #: How long a machine took to boot, the last time.
        self.boot = 0.0
        self._end = None if seconds is None else time.monotonic() + seconds

    def bound(self, timeout: float) -> float:
        """Return a time limit within what is left; skip the test if nothing is."""
        self.check()
        return timeout if self._end is None else min(timeout, self._end - time.monotonic())

    def check(self) -> None:
        """Skip the test if the time is used up."""
        self.require(0)

    def require(self, boots: float) -> None:
        """Skip the test if what is left is shorter than this many boots, by which a machine's speed is measured."""
        if self._end is not None and time.monotonic() + boots * self.boot >= self._end:
            needed = f"less is left than {boots} times the {self.boot:.0f} s of a boot" if boots else "nothing is left"
            pytest.skip(f"{needed} of the session's {self.seconds:.0f} s; `nox -s vm -- --all` runs everything")

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
        self._end = None if seconds is None else time.monotonic() + seconds

    def bound(self, timeout: float) -> float:
        """Return a time limit within what is left; skip the test if nothing is."""
        self.check()
        return timeout if self._end is None else min(timeout, self._end - time.monotonic())

    def check(self) -> None:
        """Skip the test if the time is used up."""
        if self._end is not None and time.monotonic() >= self._end:
            pytest.skip(f"the {self.seconds:.0f} s of this session were used up; `nox -s vm -- --all` runs everything")

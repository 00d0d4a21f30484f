# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for a condition that no event announces."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], seconds: float = 10, otherwise: str = "") -> None:
    """Return once the condition holds.

    Raises:
        AssertionError: It does not hold within that time; the message is ``otherwise``.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)  # what is waited for does not report itself

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long namespaces that no entry names may take to be read: who is root in one can make that take for ever."""

from __future__ import annotations

import time

#: Seconds for one of them, and that all which could not be read may take together: from then on each is tried for a
#: moment only.
ONE, ALL, LEAST = 2.0, 6.0, 0.2


class Patience:
    """What is left of it in a call."""

    def __init__(self) -> None:
        self._left = ALL

    @property
    def seconds(self) -> float:
        """The seconds that the next namespace may take."""
        return max(LEAST, min(ONE, self._left))

    def spend(self, since: float) -> None:
        """Count the time since then, by time.monotonic(), for a namespace that could not be read."""
        self._left -= time.monotonic() - since

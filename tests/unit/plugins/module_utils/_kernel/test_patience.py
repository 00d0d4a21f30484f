# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

from ansible_collections.netns.fabric.plugins.module_utils._kernel.patience import ALL, LEAST, ONE, Patience


def test_the_last_namespaces_are_tried_for_a_moment_only() -> None:
    patience = Patience()
    assert patience.seconds == ONE
    patience.spend(time.monotonic() - (ALL - ONE / 2))
    assert LEAST < patience.seconds <= ONE / 2
    patience.spend(time.monotonic() - ALL)
    assert patience.seconds == LEAST

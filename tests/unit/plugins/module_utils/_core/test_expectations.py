# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which expectations exclude each other."""

from __future__ import annotations

from itertools import combinations

from ansible_collections.netns.fabric.plugins.module_utils._core.expectations import (
    DELIVERED,
    EXPECTATIONS,
    contradict,
    is_forbidding,
)


def test_forbidding() -> None:
    assert [expect for expect in (*EXPECTATIONS, DELIVERED) if not is_forbidding(expect)] == ["reachable", "delivered"]


def test_contradictions() -> None:
    compatible = [set(pair) for pair in combinations((*EXPECTATIONS, DELIVERED), 2) if not contradict(*pair)]
    assert compatible == [
        {"reachable", "delivered"},
        {"unreachable", "silent"},
        {"unreachable", "rejected"},
        {"unreachable", "no_route"},
    ]
    assert not any(contradict(expect, expect) for expect in EXPECTATIONS)

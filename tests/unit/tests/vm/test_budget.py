# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time that the machines may take."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.tests.vm.budget import Budget


def test_what_is_left_bounds_a_command() -> None:
    assert 0 < Budget(100).bound(300) <= 100
    assert Budget(100).bound(5) == 5
    assert Budget(None).bound(300) == 300


def test_without_time_a_test_is_skipped_with_the_reason() -> None:
    with pytest.raises(pytest.skip.Exception, match="nothing is left of the session's 0 s"):
        Budget(0).bound(300)


def test_what_takes_longer_than_what_is_left_is_not_begun() -> None:
    budget = Budget(100)
    budget.boot = 30
    budget.require(3)
    with pytest.raises(pytest.skip.Exception, match="less is left than 4 times the 30 s"):
        budget.require(4)
    unlimited = Budget(None)
    unlimited.boot = 1000
    unlimited.require(100)

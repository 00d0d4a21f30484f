# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._core.things import Named


class First(Named):
    what = "first"


class Second(Named):
    what = "second"


def test_a_name_means_something_else_in_each_class() -> None:
    assert len({First("x"), Second("x"), First("x")}) == 2
    assert [str(each) for each in (First("x"), Second("x"))] == ["first x", "second x"]

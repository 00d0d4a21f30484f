# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of delays of iproute2."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel import distributions


def test_numbers_of_a_table_without_its_comments() -> None:
    assert distributions.encode(["# a table", " -1 2", "", "-32768 32767"]).hex() == "ffff02000080ff7f"


@pytest.mark.parametrize("lines", [[], ["# nothing"], ["40000"], ["a"], ["1"] * (distributions.LONGEST + 1)])
def test_what_is_not_a_table(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r"not a table|invalid literal"):
        distributions.encode(lines)


def test_missing_table_is_named_with_the_cure() -> None:
    assert distributions.find("no-such-table") is None
    assert "no-such-table.dist, is missing on this host; install iproute2" in distributions.fault("no-such-table")

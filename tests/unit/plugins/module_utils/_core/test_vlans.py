# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""VLANs, and ranges of them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.vlans import format_vlans, vlan_range


@pytest.mark.parametrize(
    ("given", "found"), [(7, (7,)), ("7", (7,)), ("10-12", (10, 11, 12)), (" 3 - 4 ", (3, 4)), ("5-5", (5,))]
)
def test_range(given: Any, found: tuple[int, ...]) -> None:
    assert vlan_range(given) == found


@pytest.mark.parametrize("given", ["12-10", "-5", "1-", "1-4095", "x", None, True, [1]])
def test_wrong_range(given: Any) -> None:
    with pytest.raises(ValueError, match=r"VLAN ID|begins above its end"):
        vlan_range(given)


@pytest.mark.parametrize(
    ("given", "written"), [([1, 2], [1, 2]), ([1, 2, 3, 7], ["1-3", 7]), ([], []), ([5, 7, 8, 9], [5, "7-9"])]
)
def test_vlans_in_a_row_are_a_range(given: list[int], written: list[Any]) -> None:
    assert format_vlans(given) == written

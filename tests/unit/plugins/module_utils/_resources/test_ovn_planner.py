# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of OVN have in common."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_planner import map_keys, row_text


@pytest.mark.parametrize("name", ["", "--", "a\nb"])
def test_a_name_that_ovn_nbctl_takes_for_something_else(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a name"):
        row_text(name)


def test_the_keys_of_map_options() -> None:
    checks = Checks(Entry("x"))
    found = map_keys(checks, {"options": {"a": 1, "b": None}, "external_ids": None}, ("options", "external_ids"))
    assert found == {("options", "a"): "1", ("options", "b"): None}
    map_keys(checks, {"options": {"netns.fabric/x": "owner"}}, ("options",), "ports[0].")
    with pytest.raises(InvalidEntries, match=r"ports\[0\].options: netns.fabric/x is reserved"):
        checks.done()

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter tree."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.netns.fabric.plugins.filter.tree import FilterModule, tree
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils.facts import example


def test_filter_is_found_by_its_name() -> None:
    assert FilterModule().filters() == {"tree": tree}


def test_lines() -> None:
    assert tree(example())[0] == "host"


@pytest.mark.parametrize("value", [{}, "text", None, {"namespaces": []}])
def test_only_facts_are_accepted(value: Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"tree: the input is not a result of netns\.fabric\.topology_info"):
        tree(value)

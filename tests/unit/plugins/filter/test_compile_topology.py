# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter: how Ansible meets the compiler."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.netns.fabric.plugins.filter.compile_topology import FilterModule, compile_topology


def test_filter_is_found_by_its_name() -> None:
    assert FilterModule().filters() == {"compile_topology": compile_topology}


def test_lists() -> None:
    compiled = compile_topology({"namespaces": [{"name": "red"}]})
    assert compiled["mistakes"] == ""
    assert compiled["namespaces"] == [{"name": "red"}]


def test_mistakes_fail() -> None:
    with pytest.raises(AnsibleFilterError, match=r"1\. topology_namespaces\[0\] \(red\): nam: is not an option"):
        compile_topology({"namespaces": [{"name": "red", "nam": 1}]})


def test_mistakes_returned() -> None:
    compiled = compile_topology({"namespaces": [{"name": "red", "nam": 1}]}, mistakes="return")
    assert set(compiled) == {"mistakes"}
    assert "nam: is not an option" in compiled["mistakes"]


def test_unknown_way_with_mistakes() -> None:
    with pytest.raises(AnsibleFilterError, match="is not one of fail, return"):
        compile_topology({}, mistakes="ignore")

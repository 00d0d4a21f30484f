# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter compile_topology."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.netns.fabric.plugins.filter.compile_topology import FilterModule, compile_topology


def test_filter_is_found_by_its_name() -> None:
    assert FilterModule().filters() == {"compile_topology": compile_topology}


def test_lists() -> None:
    compiled = compile_topology({"namespaces": [{"name": "red"}]})
    assert compiled["errors"] == ""
    assert compiled["namespaces"] == [{"name": "red"}]


def test_errors_fail() -> None:
    with pytest.raises(AnsibleFilterError, match=r"1\. topology_namespaces\[0\] \(red\): nam: is not an option"):
        compile_topology({"namespaces": [{"name": "red", "nam": 1}]})


def test_errors_returned() -> None:
    compiled = compile_topology({"namespaces": [{"name": "red", "nam": 1}]}, errors="return")
    assert set(compiled) == {"errors"}
    assert "nam: is not an option" in compiled["errors"]


def test_invalid_option() -> None:
    with pytest.raises(AnsibleFilterError, match="errors: 'ignore' is not one of fail, return"):
        compile_topology({}, errors="ignore")

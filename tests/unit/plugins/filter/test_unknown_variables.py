# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter unknown_variables."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.netns.fabric.plugins.filter.unknown_variables import FilterModule, unknown_variables


def test_filter_is_found_by_its_name() -> None:
    assert FilterModule().filters() == {"unknown_variables": unknown_variables}


def test_errors() -> None:
    assert unknown_variables(["topology_nat"], "topology") == []
    assert len(unknown_variables(["topology_nats", "topology_nat"], "topology")) == 1


def test_unknown_role() -> None:
    with pytest.raises(AnsibleFilterError, match="not a role of"):
        unknown_variables([], "x")

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter probes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.netns.fabric.plugins.filter.probes import FilterModule, probes
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils.facts import example


def test_filter_is_found_by_its_name() -> None:
    assert FilterModule().filters() == {"probes": probes}


def test_at_most() -> None:
    assert len(probes(example())) == 2
    assert len(probes(example(), at_most=0)) == 1


@pytest.mark.parametrize("value", [{}, "text", None, {"namespaces": []}])
def test_only_facts_are_accepted(value: Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"probes: the input is not a result of netns\.fabric\.topology_info"):
        probes(value)

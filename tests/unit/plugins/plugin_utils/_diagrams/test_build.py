# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The diagram of a filter's input."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.build import build_diagram
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import TopologyError
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._diagrams.samples import RED, variables


def test_errors_in_the_variables_are_reported() -> None:
    with pytest.raises(TopologyError, match="is not an option"):
        build_diagram({"namespaces": [{"name": "red", "nam": 1}]})


def test_only_facts_can_be_compared() -> None:
    with pytest.raises(ValueError, match=r"declared: the input is not a result of netns\.fabric\.topology_info"):
        build_diagram(variables(RED), variables(RED))

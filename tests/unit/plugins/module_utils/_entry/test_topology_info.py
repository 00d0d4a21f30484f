# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of topology_info, and which subsets they ask for."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.netns.fabric.plugins.doc_fragments import vsctl
from ansible_collections.netns.fabric.plugins.module_utils._entry.topology_info import ARGUMENT_SPEC, parse_subsets
from ansible_collections.netns.fabric.plugins.module_utils._facts.model import OF_EXPOSURE
from ansible_collections.netns.fabric.plugins.modules import topology_info
from ansible_collections.netns.fabric.tests.helpers.host_facts import ALL


@pytest.mark.parametrize(
    ("choices", "subsets"),
    [
        (["all"], ALL),
        ([], ALL),
        (["min"], frozenset()),
        (["min", "routes"], {"routes"}),
        (["routes"], {"routes"}),
        (["!routes"], ALL - {"routes"}),
        (["all", "!routes"], ALL - {"routes"}),
        (["routes", "sockets", "!routes"], {"sockets"}),
        (["exposure"], {"exposure", "addresses", "firewall", "openvswitch", "routes", "sockets"}),
        (["northbound"], {"northbound"}),
        (["min", "northbound"], {"northbound"}),
        (["all", "northbound"], ALL | {"northbound"}),
        (["exposure", "northbound", "!routes"], {"exposure", "northbound", *OF_EXPOSURE}),
        (["all", "exposure", "!counters"], ALL - {"counters"} | {"exposure"}),
    ],
)
def test_subsets(choices: list[str], subsets: frozenset[str]) -> None:
    assert parse_subsets(choices) == subsets


def test_documentation_has_the_options() -> None:
    documented = {
        **yaml.safe_load(topology_info.DOCUMENTATION)["options"],
        **yaml.safe_load(vsctl.ModuleDocFragment.DATABASE)["options"],
    }
    assert set(documented) == set(ARGUMENT_SPEC)
    assert documented["gather_subset"]["choices"] == ARGUMENT_SPEC["gather_subset"]["choices"]

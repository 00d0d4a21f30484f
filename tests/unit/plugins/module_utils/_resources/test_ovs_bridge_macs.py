# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The MAC addresses of bridges."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Switch
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_bridge_macs import (
    find_bridges_with_new_mac,
    hwaddr_of,
    lower_hwaddr,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_bridge_model import WantedBridge

MAC = "02:00:00:00:00:0a"


@pytest.mark.parametrize(
    ("present", "wanted", "is_new"),
    [
        ({}, {"hwaddr": MAC}, True),
        ({"hwaddr": MAC.upper()}, {"hwaddr": MAC}, False),
        ({"hwaddr": MAC}, {"hwaddr": None}, False),
        ({"hwaddr": MAC}, None, False),
    ],
)
def test_bridges_with_a_new_address(present: dict[str, str], wanted: dict[str, str | None], is_new: bool) -> None:
    switch = Switch((Bridge("br", other_config=present),))
    entry = WantedBridge(Entry("br"), True, "br", other_config=wanted)
    assert bool(find_bridges_with_new_mac(switch, [entry])) == is_new
    assert find_bridges_with_new_mac(Switch(), [entry]) == []


def test_capitals_mean_the_same_address() -> None:
    assert hwaddr_of({"hwaddr": MAC.upper()}) == MAC
    assert hwaddr_of(None) is None
    assert lower_hwaddr({"hwaddr": MAC.upper(), "a": "B"}) == {"hwaddr": MAC, "a": "B"}
    assert lower_hwaddr({"hwaddr": None}) == {"hwaddr": None}

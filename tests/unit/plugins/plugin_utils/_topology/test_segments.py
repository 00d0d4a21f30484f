# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Broadcast domains of ports."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.segments import find_carried_vlans, segment_of
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import on_bridge


@pytest.mark.parametrize(
    ("port", "vlan"),
    [
        ({}, 0),
        ({"tag": 10}, 10),
        ({"vlan_mode": "access"}, 0),
        ({"vlan_mode": "trunk", "tag": 10}, 0),
        ({"trunks": [0, 10]}, 0),
        ({"trunks": [10]}, None),
        ({"vlan_mode": "native-tagged", "tag": 10}, None),
        ({"vlan_mode": "native-untagged", "tag": 10}, 10),
        ({"vlan_mode": "dot1q-tunnel", "tag": 10}, 10),
    ],
)
def test_segment_of_untagged_frames(port: dict[str, Any], vlan: int | None) -> None:
    (namespace,) = load_topology(on_bridge(a=port)).namespaces
    assert segment_of(namespace.interfaces[0]) == (None if vlan is None else ("bridge", "br0", vlan))


def test_existing_link_has_no_segment() -> None:
    (namespace,) = load_topology({"namespaces": [{"name": "a", "interfaces": [{"name": "eth0"}]}]}).namespaces
    assert segment_of(namespace.interfaces[0]) is None


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ({}, [(0, 0), (5, 5), (9, 9)]),
        ({"tag": 5}, [(5, 0)]),
        ({"trunks": [0, 5]}, [(0, 0), (5, 5)]),
        ({"vlan_mode": "trunk", "tag": 5, "trunks": [9]}, [(9, 9)]),
        ({"vlan_mode": "native-untagged", "tag": 5}, [(5, 0), (9, 9)]),
        ({"vlan_mode": "native-tagged", "tag": 5, "trunks": [9]}, [(5, 5), (9, 9)]),
        ({"vlan_mode": "dot1q-tunnel", "tag": 5}, [(5, 0)]),
    ],
)
def test_vlans_that_a_port_carries(port: dict[str, Any], expected: list[tuple[int, int]]) -> None:
    assert list(find_carried_vlans(port, [0, 5, 9])) == expected

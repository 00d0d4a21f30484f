# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same MAC address twice in one broadcast domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import TopologyError
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import on_bridge, veth

MAC = "02:00:00:00:00:01"
SAME = {"mac": MAC}


def with_mac_on_bridge(**bridge: Any) -> Mapping[str, Any]:
    variables = on_bridge(a=SAME)
    variables["bridges"][0].update(bridge)
    return variables


def with_link(near: str, far: str) -> Mapping[str, Any]:
    link = {**veth("a", "10.9.0.1/30", "b", "10.9.0.2/30"), "mac": near}
    link["peer"]["mac"] = far
    return {**on_bridge(a={}, b={}), "links": [link]}


@pytest.mark.parametrize(
    ("variables", "where"),
    [
        (on_bridge(a=SAME, b=SAME), "topology_namespaces[1] (b) interfaces[0] (eth0): mac"),
        (on_bridge(a={**SAME, "tag": 7}, b={"mac": MAC.upper(), "tag": 7}), "topology_namespaces[1] (b)"),
        (with_mac_on_bridge(mac=MAC), "topology_namespaces[0] (a) interfaces[0] (eth0): mac"),
        (with_mac_on_bridge(other_config={"hwaddr": MAC}), "topology_namespaces[0] (a)"),
        (with_link(MAC, MAC), "topology_links[0] (ab) peer"),
    ],
)
def test_the_same_twice(variables: Mapping[str, Any], where: str) -> None:
    with pytest.raises(TopologyError) as error:
        load_topology(variables)
    assert f"{MAC} is already the MAC address of" in str(error.value)
    assert where in str(error.value)


@pytest.mark.parametrize(
    "variables",
    [
        on_bridge(a=SAME, b={"mac": "02:00:00:00:00:02"}),
        on_bridge(a=SAME, b={**SAME, "bridge": "br1"}),
        on_bridge(a={**SAME, "tag": 7}, b={**SAME, "tag": 8}),
        on_bridge(a={**SAME, "vlan_mode": "native-tagged", "tag": 7}, b={**SAME, "tag": 7}),
        with_mac_on_bridge(mac="02:00:00:00:00:02"),
        with_mac_on_bridge(other_config={"hwaddr": "x"}),
        with_link(MAC, "02:00:00:00:00:02"),
    ],
)
def test_the_same_in_two_domains(variables: Mapping[str, Any]) -> None:
    load_topology(variables)

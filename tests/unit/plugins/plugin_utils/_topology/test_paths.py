# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The subnets in which paths are probed."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.paths import Member, collect_subnets
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.walk import Walk
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import on_bridge


def test_members_and_gateways_of_subnets() -> None:
    variables = on_bridge(
        a={"addresses": ["10.0.0.1/24", "fe80::1/64"], "protected": True}, b={"addresses": ["10.0.0.2/24"], "tag": 7}
    )
    members, gateways = collect_subnets(Walk(load_topology(variables)))
    network = ip_network("10.0.0.0/24")
    assert members == {
        (("bridge", "br0", 0), network): [Member("a", ip_address("10.0.0.1"), protected=True)],
        (("bridge", "br0", 7), network): [Member("b", ip_address("10.0.0.2"))],
    }
    assert gateways == {(("bridge", "br0", 0), network): [Member(None, ip_address("10.0.0.254"))]}

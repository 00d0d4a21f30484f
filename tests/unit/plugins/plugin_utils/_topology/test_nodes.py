# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a namespace has for sending and forwarding packets."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.nodes import (
    Node,
    NodeInterface,
    is_link_local,
    may_lead_further,
    network_key,
)
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import on_bridge, small


@pytest.mark.parametrize(
    ("sysctls", "versions", "may_proxy"),
    [
        ({"net.ipv4.ip_forward": 1}, {4}, False),
        ({"net.ipv6.conf.all.forwarding": "1"}, {6}, False),
        ({"net.ipv4.conf.all.forwarding": True}, {4}, False),
        ({"net.ipv4.ip_forward": 0}, set(), False),
        ({"net.ipv6.conf.eth0.proxy_ndp": 1}, set(), True),
    ],
)
def test_kernel_parameters(sysctls: dict[str, Any], versions: set[int], may_proxy: bool) -> None:
    (namespace,) = load_topology({"namespaces": [{"name": "a", "sysctls": sysctls}]}).namespaces
    node = Node("a")
    node.read_sysctls(namespace)
    assert (node.forwarded_versions, node.may_proxy) == (versions, may_proxy)


def test_leaf_has_one_interface_and_no_route() -> None:
    topology = load_topology(small(routes=[{"destination": "default", "device": "eth0"}]))
    node = Node("red", declares_routes=True)
    node.attach(NodeInterface("eth0", ("bridge", "br0", 0), (ip_interface("10.0.0.1/24"), ip_interface("fe80::1/64"))))
    assert node.is_leaf
    assert list(node.connected) == [network_key(ip_address("10.0.0.9"), 24)]
    node.add_route(topology.namespaces[0].routes[0])
    assert not node.is_leaf


def test_a_leaf_declares_its_routes() -> None:
    node = Node("red")
    node.attach(NodeInterface("eth0", ("bridge", "br0", 0), (ip_interface("10.0.0.1/24"),)))
    assert not node.is_leaf


def test_route_of_another_table_makes_the_node_uncertain() -> None:
    topology = load_topology(small(routes=[{"destination": "default", "device": "eth0", "table": 7}]))
    node = Node("red")
    node.add_route(topology.namespaces[0].routes[0])
    assert not node.fully_declared
    assert not node.static_routes


def test_interface_without_address_may_bridge() -> None:
    node = Node("between")
    for name in ("in0", "out0"):
        assert not node.may_bridge
        node.attach(NodeInterface(name, None, ()))
    assert node.may_bridge


@pytest.mark.parametrize(
    ("options", "further"),
    [
        ({"addresses": []}, False),
        ({}, True),
        ({"addresses": [], "tag": 10}, False),
        ({"addresses": [], "trunks": [1]}, True),
        ({"addresses": [], "vlan_mode": "trunk"}, True),
    ],
)
def test_undeclared_links_behind_an_interface(options: dict[str, Any], further: bool) -> None:
    (namespace,) = load_topology(on_bridge(a=options)).namespaces
    assert may_lead_further(namespace.interfaces[0]) is further


def test_link_local() -> None:
    assert is_link_local(ip_address("fe80::1"))
    assert not is_link_local(ip_address("169.254.0.1"))

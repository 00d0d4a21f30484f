# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the dataclasses of a topology derive from their fields."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    publishing,
    small,
    veth,
)


@pytest.mark.parametrize(
    ("route", "version", "text"),
    [
        ({"destination": "10.9.0.0/24", "gateway": "10.0.0.2"}, 4, "10.9.0.0/24"),
        ({"destination": "default", "gateway": "fe80::1", "device": "eth0"}, 6, "default"),
        ({"destination": "default", "device": "eth0"}, 4, "default"),
        ({"destination": "::/0", "device": "eth0"}, 6, "::/0"),
    ],
)
def test_route(route: dict[str, str], version: int, text: str) -> None:
    read = load_topology(small(routes=[route])).namespaces[0].routes[0]
    assert (read.version, read.destination_text) == (version, text)
    assert (read.destination is None) is (text != "10.9.0.0/24")


def test_what_a_route_is_about() -> None:
    routes = [
        {"destination": "10.9.0.0/24", "type": "blackhole"},
        {"destination": "default", "device": "eth0"},
        {"destination": "::/0", "device": "eth0"},
    ]
    read = load_topology(small(routes=routes)).namespaces[0].routes
    for address, about in (("10.9.0.1", [0, 1]), ("10.8.0.1", [1]), ("2001:db8::1", [2])):
        assert [number for number, route in enumerate(read) if route.is_about(ip_address(address))] == about


@pytest.mark.parametrize(("ports", "port_range"), [("80", (80, 80)), ("80-90", (80, 90))])
def test_port_range(ports: str, port_range: tuple[int, int]) -> None:
    (forward,) = load_topology(publishing({"publish": ports, "to": "web"})).forwards
    assert forward.port_range == port_range


def test_ends_are_in_the_order_of_the_variables() -> None:
    variables = {**small(), "links": [veth("red", "10.9.0.1/30", None, "10.9.0.2/30")]}
    ends = [(end.namespace, end.name) for end in load_topology(variables).ends()]
    assert ends == [("red", "eth0"), ("red", "redhost"), (None, "redhostp")]

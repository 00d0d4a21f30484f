# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of routes."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import only_error_of, small


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            small(routes=[{"destination": "default", "gateway": "10.9.0.1"}]),
            (
                "routes[0] (default): gateway: 10.9.0.1 cannot be reached: no interface of namespace 'red' has an "
                "address in its subnet (declared: 10.0.0.0/24)"
            ),
        ),
        (
            small(addresses=[], routes=[{"destination": "default", "gateway": "10.9.0.1"}]),
            "no interface of namespace 'red' has an address in its subnet (declared: no IPv4 address)",
        ),
        (
            small(routes=[{"destination": "default", "gateway": "10.0.0.1"}]),
            "routes[0] (default): gateway: 10.0.0.1 is the namespace's own address",
        ),
        (
            small(routes=[{"destination": "default", "device": "eth1"}]),
            "routes[0] (default): device: namespace 'red' has no interface 'eth1'; did you mean 'eth0'?",
        ),
        (
            small(routes=[{"destination": "fd00::/64", "gateway": "10.0.0.2"}]),
            "routes[0] (fd00::/64): gateway: 10.0.0.2 is of another IP version (IPv4) than the route (IPv6)",
        ),
        (
            small(routes=[{"destination": "default", "gateway": "10.0.0.2", "source": "10.0.0.3"}]),
            "routes[0] (default): source: 10.0.0.3 is not an address of namespace 'red'",
        ),
        (
            small(
                routes=[
                    {"destination": "default", "gateway": "10.0.0.2"},
                    {"destination": "0.0.0.0/0", "gateway": "10.0.0.3"},
                ]
            ),
            "routes[1] (0.0.0.0/0): destination: 0.0.0.0/0 is also the destination of topology_namespaces[0] (red)",
        ),
        (
            small(addresses=["fe80::1/64"], routes=[{"destination": "default", "gateway": "fe80::2"}]),
            "routes[0] (default): device: is missing; the gateway fe80::2 is link-local",
        ),
        (
            small(routes=[{"destination": "10.9.0.0/16", "type": "prohibit", "gateway": "10.0.0.2"}]),
            "routes[0] (10.9.0.0/16): gateway: a prohibit route sends packets nowhere",
        ),
        (
            small(routes=[{"destination": "10.9.0.0/16", "nexthops": [{"gateway": "10.0.0.2"}]}]),
            "routes[0] (10.9.0.0/16): nexthops: they are for a route with several next hops",
        ),
        (
            small(
                routes=[
                    {"destination": "::/0", "device": "eth0"},
                    {"destination": "10.9.0.0/16", "gateway": "10.8.0.2"},
                ]
            ),
            "routes[1] (10.9.0.0/16): gateway: 10.8.0.2 cannot be reached",
        ),
        (
            small(routes=[{"destination": "10.9.0.0/16", "gateway": "10.8.0.2", "onlink": True}]),
            "routes[0] (10.9.0.0/16): onlink: it names the link of a gateway",
        ),
        (
            small(routes=[{"destination": "10.9.0.0/16", "gateway": "10.0.0.2", "mtu": 60}]),
            "routes[0] (10.9.0.0/16): mtu: 60 is not a valid MTU of a route",
        ),
        (
            small(
                routes=[{"destination": "10.9.0.0/16", "nexthops": [{"gateway": "10.0.0.2"}, {"gateway": "10.8.0.2"}]}]
            ),
            "routes[0] (10.9.0.0/16) nexthops[1]: gateway: 10.8.0.2 cannot be reached",
        ),
        (
            small(
                routes=[
                    {
                        "destination": "10.9.0.0/16",
                        "nexthops": [{"gateway": "10.0.0.2"}, {"gateway": "10.0.0.3", "weight": 300}],
                    }
                ]
            ),
            "nexthops[1]: weight: 300 is not a valid weight",
        ),
        (
            small(routes=[{"destination": "10.9.0.0/16", "gateway": "10.0.0.2", "vrf": "red", "table": 7}]),
            "routes[0] (10.9.0.0/16): table: the table is that of the VRF red",
        ),
        (small(rules=[{"priority": 7}]), "rules[0] (7): table: is missing"),
        (
            small(rules=[{"priority": 7, "table": 9, "iif": "eth7"}]),
            "rules[0] (7): iif: namespace 'red' has no interface",
        ),
        (
            small(rules=[{"priority": 7, "table": 9, "from": "10.0.0.0/8", "to": "fd00::/8"}]),
            "rules[0] (7): to: fd00::/8 is not an IPv4 network",
        ),
        (
            small(rules=[{"priority": 7, "table": 9}, {"priority": 7, "action": "prohibit"}]),
            "rules[1] (7): priority: is the same as topology_namespaces[0] (red) rules[0] (7)",
        ),
        (
            small(neighbours=[{"address": "10.0.0.9", "device": "eth0"}]),
            "neighbours[0] (10.0.0.9): mac: is missing; give the neighbour's MAC address",
        ),
        (
            small(neighbours=[{"address": "10.0.0.9", "device": "eth1", "proxy": True}]),
            "neighbours[0] (10.0.0.9): device: namespace 'red' has no interface 'eth1'",
        ),
    ],
)
def test_one_error(variables: object, message: str) -> None:
    """Each error is reported once, with its place, and causes no others."""
    assert message in only_error_of(variables)


@pytest.mark.parametrize("destination", ["default", "0.0.0.0/0"])
def test_a_default_route_without_a_gateway_leads_to_any_gateway(destination: str) -> None:
    """The kernel takes it for one to a network that is connected."""
    routes = [{"destination": destination, "device": "eth0"}, {"destination": "10.9.0.0/16", "gateway": "10.8.0.2"}]
    assert compile_topology(small(routes=routes))["routes"][1]["gateway"] == "10.8.0.2"

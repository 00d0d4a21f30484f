# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of routes."""

from __future__ import annotations

import pytest

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
            "routes[0] (fd00::/64): gateway: 10.0.0.2 is an IPv4 address, and the route is an IPv6 route",
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
            "routes[0] (default): device: is missing; the link-local gateway fe80::2",
        ),
    ],
)
def test_one_error(variables: object, message: str) -> None:
    """Each error is reported once, with its place, and causes no others."""
    assert message in only_error_of(variables)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's state, as plain values."""

from __future__ import annotations

from ipaddress import ip_interface

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    KernelState,
    Link,
    NamespaceState,
    Neighbour,
    Route,
)

RED = NamespaceState(
    "red",
    links=(Link(2, "eth0"), Link(3, "eth1")),
    addresses=(Address(2, ip_interface("192.0.2.1/24")), Address(3, ip_interface("198.51.100.1/24"))),
    routes=(Route("0.0.0.0/0", "192.0.2.254", 2), Route("203.0.113.0/24", "198.51.100.254", 3)),
    neighbours=(Neighbour("192.0.2.254", 2), Neighbour("198.51.100.254", 3)),
)


def test_a_state_without_links_has_nothing_on_them() -> None:
    blue = NamespaceState("blue", links=(Link(2, "eth0"),))
    left = KernelState({"red": RED, "blue": blue}, frozenset({"stale"})).without({"red": {2}, "green": {1}})
    assert left.namespace("red") == NamespaceState(
        "red", RED.links[1:], RED.addresses[1:], RED.routes[1:], RED.neighbours[1:]
    )
    assert left.namespace("blue") is blue
    assert left.stale == {"stale"}

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where addresses are, which decides whose neighbour entries can be primed."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    KernelState,
    Link,
    NamespaceState,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.neighbours import Endpoint, endpoints_in

LO = Link(1, "lo", loopback=True, mac="00:00:00:00:00:00")
ETH0, ETH1 = Link(2, "eth0", mac="02:00:00:00:00:01", mtu=1500), Link(3, "eth1", mac="02:00:00:00:00:02", mtu=9000)


def state(*addresses: tuple[int, str]) -> KernelState:
    found = tuple(Address(index, ip_interface(text)) for index, text in addresses)
    return KernelState({"red": NamespaceState("red", links=(LO, ETH0, ETH1), addresses=found)})


def test_endpoint_has_the_link_and_subnet_of_its_address() -> None:
    assert endpoints_in(state((2, "192.0.2.1/24"), (3, "2001:db8::1/64"))) == {
        ("red", "192.0.2.1"): Endpoint(2, ETH0.mac, 1500, ip_network("192.0.2.0/24")),
        ("red", "2001:db8::1"): Endpoint(3, ETH1.mac, 9000, ip_network("2001:db8::/64")),
    }


def test_an_address_on_two_links_is_left_out() -> None:
    assert endpoints_in(state((2, "192.0.2.1/24"), (3, "192.0.2.1/24"))) == {}


def test_addresses_of_loopback_are_left_out() -> None:
    assert endpoints_in(state((1, "192.0.2.1/32"))) == {}


def test_the_subnet_of_a_point_to_point_address_is_that_of_its_peer() -> None:
    address = Address(2, ip_interface("192.0.2.1/32"), peer="198.51.100.1")
    found = endpoints_in(KernelState({"red": NamespaceState("red", links=(ETH0,), addresses=(address,))}))
    assert found["red", "192.0.2.1"].network == ip_network("198.51.100.1/32")

# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who can be introduced to whom."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    KernelState,
    Link,
    NamespaceState,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.neighbours import End, ends_in

LO = Link(1, "lo", loopback=True, mac="00:00:00:00:00:00")
ETH0, ETH1 = Link(2, "eth0", mac="02:00:00:00:00:01", mtu=1500), Link(3, "eth1", mac="02:00:00:00:00:02", mtu=9000)


def state(*addresses: tuple[int, str]) -> KernelState:
    found = tuple(Address(index, ip_interface(text)) for index, text in addresses)
    return KernelState({"red": NamespaceState("red", links=(LO, ETH0, ETH1), addresses=found)})


def test_an_end_is_where_its_address_is() -> None:
    assert ends_in(state((2, "192.0.2.1/24"), (3, "2001:db8::1/64"))) == {
        ("red", "192.0.2.1"): End(2, ETH0.mac, 1500, ip_network("192.0.2.0/24")),
        ("red", "2001:db8::1"): End(3, ETH1.mac, 9000, ip_network("2001:db8::/64")),
    }


def test_an_address_that_is_there_twice_is_no_end() -> None:
    assert ends_in(state((2, "192.0.2.1/24"), (3, "192.0.2.1/24"))) == {}


def test_loopback_has_no_neighbours() -> None:
    assert ends_in(state((1, "192.0.2.1/32"))) == {}


def test_the_far_address_of_a_line_is_what_is_on_the_link() -> None:
    line = Address(2, ip_interface("192.0.2.1/32"), peer="198.51.100.1")
    found = ends_in(KernelState({"red": NamespaceState("red", links=(ETH0,), addresses=(line,))}))
    assert found["red", "192.0.2.1"].network == ip_network("198.51.100.1/32")

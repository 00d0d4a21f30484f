# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a call in check mode leaves to the next ones of a sequence."""

from __future__ import annotations

from ipaddress import ip_interface

from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceState, Route
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import RTPROT_KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._resources.planned_addresses import (
    LINK_ADDRESSES,
    VETH_ADDRESSES,
    planned_addresses,
    with_planned,
)

STATE = NamespaceState(
    None,
    (Link(1, "lo"), Link(2, "eth0")),
    routes=(Route("10.0.0.0/24", device=2, protocol=RTPROT_KERNEL), Route("0.0.0.0/0", "10.0.0.254", 2)),
)


def test_new_and_changed_links() -> None:
    planned = {
        (None, "eth0"): (ip_interface("10.1.0.1/24"),),
        (None, "br0"): (ip_interface("10.2.0.1/24"), ip_interface("10.3.0.1/32")),
        ("red", "eth0"): (ip_interface("10.4.0.1/24"),),
    }
    found = with_planned(STATE, planned)
    assert [link.name for link in found.links] == ["lo", "eth0", "br0"]
    names = {link.index: link.name for link in found.links}
    assert {(route.destination, names[route.device or 0]) for route in found.routes} == {
        ("0.0.0.0/0", "eth0"),
        ("10.1.0.0/24", "eth0"),
        ("10.2.0.0/24", "br0"),
    }


def test_of_both_modules() -> None:
    host = Host(check_mode=True)
    host.simulated[VETH_ADDRESSES] = {(None, "a"): ()}
    host.simulated[LINK_ADDRESSES] = {(None, "b"): ()}
    assert set(planned_addresses(host)) == {(None, "a"), (None, "b")}

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel import kind_requests
from ansible_collections.netns.fabric.plugins.module_utils._kernel.inherited_macs import IFLA_BR_BRIDGE_ID, inherits_mac
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import End, KernelState, Link, NamespaceState

LOW, HIGH, OTHER, NONE = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03", "00:00:00:00:00:00"


def state_with(*links: Link) -> KernelState:
    return KernelState({None: NamespaceState(None, links)})


@pytest.mark.parametrize(("mac", "expected"), [(LOW, True), (OTHER, False)])
@pytest.mark.parametrize("kind", ["vlan", "ipvlan", "macvlan"])
def test_link_on_another_one(kind: str, mac: str, expected: bool) -> None:
    link = Link(3, "k0", kind, mac=mac, base=End(None, 2))
    assert inherits_mac(state_with(Link(2, "eth0", mac=LOW), link), None, link) == expected
    assert not inherits_mac(state_with(link), None, link)


@pytest.mark.parametrize(
    ("mac", "identifier", "ports", "expected"),
    [
        (LOW, LOW, (HIGH, LOW), True),
        (OTHER, OTHER, (HIGH, LOW), False),
        (NONE, NONE, (), True),
        (OTHER, NONE, (), True),  # a random one
        (OTHER, OTHER, (), False),  # it was given this one
    ],
)
def test_bridge(mac: str, identifier: str, ports: tuple[str, ...], expected: bool) -> None:
    content = b"\x80\0" + bytes.fromhex(identifier.replace(":", ""))
    information = kind_requests._information("bridge", {IFLA_BR_BRIDGE_ID: content})
    bridge = Link(2, "br0", "bridge", mac=mac, information=information)
    links = [Link(3 + place, f"port{place}", mac=port, master=2) for place, port in enumerate(ports)]
    elsewhere = Link(9, "port9", mac=NONE, master=8)
    assert inherits_mac(state_with(bridge, *links, elsewhere), None, bridge) == expected

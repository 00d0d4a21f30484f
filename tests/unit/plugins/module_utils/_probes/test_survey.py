# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where to listen, and which gateway a path has."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    KernelState,
    NamespaceState,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.survey import gateway_to, listeners_of, owners_in
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._probes.samples import probe


def namespace(name: str | None, *addresses: str) -> NamespaceState:
    return NamespaceState(name, addresses=tuple(Address(2, ip_interface(address)) for address in addresses))


def test_listeners() -> None:
    states = [
        namespace(None, "127.0.0.1/8", "192.0.2.254/24"),
        namespace("red", "127.0.0.1/8", "192.0.2.1/24", "2001:db8::1/64"),
        namespace("blue", "192.0.2.1/24", "192.0.2.1/32"),
    ]
    owners = owners_in(KernelState({state.name: state for state in states}))
    tcp = {"protocol": "tcp"}
    assert listeners_of(probe("red", "192.0.2.254", **tcp), owners) == (None,)
    assert listeners_of(probe(None, "2001:db8::1", **tcp), owners) == ("red",)
    # On separate networks two namespaces may have the same address ...
    assert listeners_of(probe(None, "192.0.2.1", **tcp), owners) == ("red", "blue")
    # ... and a namespace that has the address itself never sends the packet out.
    assert listeners_of(probe("blue", "192.0.2.1", **tcp), owners) == ("blue",)
    assert listeners_of(probe("blue", "127.0.0.1", **tcp), owners) == ("blue",)
    assert listeners_of(probe("blue", "192.0.2.9", **tcp), owners) == ()


@pytest.mark.parametrize(
    ("to", "gateway"),
    [
        ("192.0.2.7", None),
        ("198.51.100.1", "192.0.2.253"),
        ("203.0.113.1", "192.0.2.254"),
        ("2001:db8::1", None),
    ],
)
def test_gateway_by_the_longest_prefix_and_the_lowest_metric(to: str, gateway: str | None) -> None:
    routes = (
        Route("0.0.0.0/0", gateway="192.0.2.252", metric=100),
        Route("0.0.0.0/0", gateway="192.0.2.254"),
        Route("198.51.100.0/24", gateway="192.0.2.253"),
        Route("198.51.100.0/25", gateway="192.0.2.251", table=7),
        Route("192.0.2.0/24"),
    )
    assert gateway_to(NamespaceState("red", routes=routes), ip_address(to)) == gateway

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The links that carry a connection, and what would cut it."""

from __future__ import annotations

from ipaddress import ip_interface

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._kernel import carriers
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import SetMaster
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    End,
    KernelState,
    Link,
    NamespaceState,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.connections import parse_connection

ADDRESS = "192.0.2.1/24"
CONNECTION = parse_connection("192.0.2.7 51820 192.0.2.1 22")
NIC = Link(2, "eth0")


def host(*links: Link, on: int = 2) -> KernelState:
    addresses = (Address(on, ip_interface(ADDRESS)), Address(1, ip_interface("127.0.0.1/8")))
    return KernelState({None: NamespaceState(None, links=links, addresses=addresses)})


def find(state: KernelState) -> carriers.Carriers:
    assert CONNECTION is not None
    found = carriers.find_carriers(CONNECTION, state)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("state", "names"),
    [
        (host(NIC), "eth0"),
        (host(NIC, Link(3, "eth0.10", kind="vlan", base=End(None, 2)), on=3), "eth0 eth0.10"),
        (host(Link(2, "eth0", master=3), Link(3, "br0", kind="bridge"), on=3), "br0 eth0"),
        (
            host(Link(2, "eth0", master=3), Link(3, "br0", kind="bridge"), Link(4, "tap", "veth", master=3), on=3),
            "br0 eth0",
        ),
        (host(Link(2, "eth0", master=4), Link(3, "eth1", master=4), Link(4, "bond0", kind="bond"), on=4), "bond0"),
        (
            host(Link(2, "eth0", master=3), Link(3, "ovs-system", "openvswitch"), Link(4, "br", "openvswitch"), on=4),
            "br eth0",
        ),
    ],
    ids=["nic", "vlan", "bridge", "bridge with veth", "bond", "open vswitch"],
)
def test_the_links_under_an_address(state: KernelState, names: str) -> None:
    assert " ".join(sorted(find(state).names)) == names


def test_an_address_that_the_host_does_not_have() -> None:
    assert CONNECTION is not None
    assert carriers.find_carriers(CONNECTION, KernelState({None: NamespaceState(None, links=(NIC,))})) is None


@pytest.mark.parametrize(
    ("operations", "what"),
    [
        ([op.MoveLink(None, "eth0", "red", "wan")], "eth0 moves to the namespace red"),
        ([op.DeleteLink(None, "eth0")], "eth0 is deleted"),
        ([op.SetDown(None, "eth0")], "eth0 is set down"),
        ([op.RemoveAddress(None, "eth0", ADDRESS)], f"the address {ADDRESS} is removed from eth0"),
        (
            [op.RemoveAddress(None, "eth0", ADDRESS), op.AddAddress(None, "eth0", "192.0.2.1/25")],
            f"the address {ADDRESS} is removed from eth0",
        ),
        ([SetMaster(None, "eth0", "br0")], "eth0 becomes a member of br0"),
        ([SetMaster(None, "eth0", "")], "eth0 leaves its master"),
    ],
)
def test_what_cuts_the_connection(operations: list[Operation], what: str) -> None:
    [(operation, reason)] = carriers.find_cuts(operations, find(host(NIC)))
    assert operation is operations[0]
    assert "the SSH connection from 192.0.2.7 to 192.0.2.1 comes in by eth0, and would be cut" in reason
    assert what in reason


@pytest.mark.parametrize(
    "operations",
    [
        [op.SetDown(None, "eth0"), op.SetUp(None, "eth0")],
        [op.RemoveAddress(None, "eth0", ADDRESS), op.AddAddress(None, "eth0", ADDRESS, replace=True)],
        [op.RemoveAddress(None, "eth0", "192.0.2.9/24")],
        [op.RemoveAddress(None, "eth1", ADDRESS)],
        [op.MoveLink("red", "eth0", None, "eth1"), op.SetDown("red", "eth0"), op.DeleteLink(None, "eth1")],
        [op.AddAddress(None, "eth0", "192.0.2.9/24"), op.SetMtu(None, "eth0", 1400)],
    ],
)
def test_what_does_not(operations: list[Operation]) -> None:
    assert list(carriers.find_cuts(operations, find(host(NIC)))) == []

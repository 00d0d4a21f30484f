# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bridge edge has the address of the connection, and eth0 for its uplink; lab has neither."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._kernel.carriers import Carriers
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.bond_operations import AddMembers, RemoveMembers
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.cuts import find_cuts, may_cut
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import SetFlows
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import (
    AddPort,
    DeleteBridge,
    DeletePort,
    MovePort,
    SetBridge,
    SetPort,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.row_operations import AddRow, RemoveRow
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns
from ansible_collections.netns.fabric.plugins.module_utils._system.connections import Connection

CARRIERS = Carriers(
    Connection(ip_address("198.51.100.2"), 5, ip_address("198.51.100.1"), 22),
    "edge",
    frozenset({"198.51.100.1/24"}),
    frozenset({"edge"}),
)


def port(name: str, *members: str, kind: str = "") -> Port:
    return Port(name, tuple(Interface(each, kind) for each in members or (name,)))


def cuts(operation: Operation, *more: Port, kinds: tuple[str, str] = ("", "veth")) -> list[str]:
    """Return why an operation is a cut, with these further ports; `kinds` are those of the links eth0 and tap0."""
    edge = Bridge("edge", "netdev", ports=(port("edge", kind="internal"), port("eth0"), port("tap0"), *more))
    lab = Bridge("lab", "netdev", ports=(port("lab", kind="internal"), port("tap1")))
    host = NamespaceState(
        None, (Link(2, "eth0", kinds[0]), Link(3, "tap0", kinds[1]), Link(4, "eth1"), Link(5, "eth2"))
    )
    found = list(find_cuts([operation], Switch((edge, lab)), CARRIERS, host))
    assert not found or may_cut(operation)
    return [cause for _operation, cause in found]


@pytest.mark.parametrize(
    "operation",
    [
        SetFlows("edge", 1, (), ()),
        SetBridge("edge", Columns({"fail_mode": "secure"})),
        AddRow("Bridge", "edge", "controller", "Controller", Columns({"target": "tcp:192.0.2.1"})),
        RemoveRow("Bridge", "edge", "controller", "1234"),
    ],
)
def test_a_change_of_what_the_bridge_forwards_may_cut(operation: Operation) -> None:
    (cause,) = cuts(operation)
    assert "comes in by edge, and may be cut: the flows of edge change" in cause


@pytest.mark.parametrize(
    "operation",
    [
        SetBridge("edge", Columns({"datapath_type": "system"})),
        DeleteBridge("edge"),
        DeletePort("edge", "eth0"),
        MovePort("eth0", "edge", "lab"),
    ],
)
def test_what_renews_the_bridge_or_removes_its_uplink_cuts(operation: Operation) -> None:
    (cause,) = cuts(operation)
    assert "comes in by edge, and would be cut: `ovs-vsctl" in cause


@pytest.mark.parametrize(
    "operation",
    [
        SetFlows("lab", 1, (), ()),
        SetBridge("lab", Columns({"fail_mode": "secure"})),
        SetBridge("edge", Columns({"fail_mode": "standalone"})),
        SetBridge("edge", Columns({"stp_enable": True})),
        AddRow("Bridge", "edge", "mirrors", "Mirror", Columns({"name": "m"})),
        AddPort("edge", "tap2"),
        DeletePort("edge", "tap0"),
        SetPort("eth0", "eth0", Columns({"tag": 7})),
    ],
)
def test_what_cuts_nothing(operation: Operation) -> None:
    assert cuts(operation) == []


def test_an_uplink_of_several_links() -> None:
    bond = port("bond0", "eth1", "eth2")
    assert cuts(DeletePort("edge", "bond0"), bond, kinds=("veth", "veth"))
    assert cuts(RemoveMembers("bond0", ("eth1",)), bond, kinds=("veth", "veth"))
    assert not cuts(AddMembers("bond0", ("eth0",)), bond, kinds=("veth", "veth"))
    # Of two ports that lead outside either may be the one.
    assert not cuts(DeletePort("edge", "bond0"), bond)

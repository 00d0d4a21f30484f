# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shell lines that do the same as an operation."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation, Phase
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel import routing_operations as routing_op


@pytest.mark.parametrize(
    ("operation", "lines"),
    [
        (op.CreateNamespace("red"), ["ip netns add red"]),
        (op.RemoveNamespace("red"), ["ip netns del red"]),
        (
            op.RemoveNamespace("red", links=("v0",)),
            ["ip -n red link del dev v0", "ip netns del red"],
        ),
        (op.RemoveStaleFile("red"), ["rm -f /run/netns/red"]),
        (
            op.CreateVeth(op.NewEnd("red", "a", "02:00:00:00:00:01", 9000), op.NewEnd(None, "b")),
            ["ip link add name a netns red address 02:00:00:00:00:01 mtu 9000 type veth peer name b"],
        ),
        (op.DeleteLink(None, "a"), ["ip link del dev a"]),
        (op.MoveLink(None, "a", "red", "a"), ["ip link set dev a netns red"]),
        (op.RemoveAltname("red", "a", "b"), ["ip -n red link property del dev a altname b"]),
        (op.MoveLink("red", "a", "blue", "b"), ["ip -n red link set dev a netns blue name b"]),
        (op.MoveLink("red", "a", None, "b"), ["ip -n red link set dev a name b netns $$"]),
        (op.RenameLink("red", "a", "b"), ["ip -n red link set dev a name b"]),
        (op.SetMac("red", "a", "02:00:00:00:00:01"), ["ip -n red link set dev a address 02:00:00:00:00:01"]),
        (op.SetMtu(None, "a", 9000), ["ip link set dev a mtu 9000"]),
        (op.SetAlias(None, "a", ""), ["ip link set dev a alias ''"]),
        (op.SetTxChecksum("red", "a", False), ["ip netns exec red ethtool -K a tx off"]),
        (op.SetTxChecksum(None, "a", True), ["ethtool -K a tx on"]),
        (op.SetDown("red", "a"), ["ip -n red link set dev a down"]),
        (op.SetUp(None, "a"), ["ip link set dev a up"]),
        (op.AddAddress("red", "a", "192.0.2.1/24"), ["ip -n red addr add 192.0.2.1/24 dev a"]),
        (op.AddAddress(None, "a", "fd00::1/64"), ["ip addr add fd00::1/64 dev a nodad"]),
        (op.AddAddress(None, "a", "192.0.2.1/24", replace=True), ["ip addr replace 192.0.2.1/24 dev a"]),
        (
            op.AddAddress(None, "a", "fd00::1/128", replace=True, peer="fd00::2"),
            ["ip addr replace fd00::1 peer fd00::2/128 dev a nodad"],
        ),
        (op.RemoveAddress(None, "a", "192.0.2.1/24"), ["ip addr del 192.0.2.1/24 dev a"]),
        (
            op.RemoveAddress(None, "a", "192.0.2.1/32", "192.0.2.2"),
            ["ip addr del 192.0.2.1 peer 192.0.2.2/32 dev a"],
        ),
        (op.RemoveAddress("red", "a", "fd00::1/64", missing_ok=True), ["ip -n red addr flush dev a to fd00::1"]),
        (op.SetSysctl("red", "net.ipv4.tcp_rmem", "1 2 3"), ["ip netns exec red sysctl -w 'net.ipv4.tcp_rmem=1 2 3'"]),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
def test_commands(operation: Operation, lines: list[str]) -> None:
    assert list(operation.commands()) == lines


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_any_name_is_one_word_of_the_shell(name: str) -> None:
    for operation in (op.CreateNamespace(name), op.DeleteLink(name, name), op.SetAlias(None, name, name)):
        words = [shlex.split(line) for line in operation.commands()]
        assert all(name in line for line in words)


def test_the_order_of_phases() -> None:
    """A name is free before it is used, an end exists before its settings, an address before a route through it."""
    order = [
        op.RemoveStaleFile("a").phase,
        op.CreateNamespace("a").phase,
        op.CreateVeth(op.NewEnd(None, "a"), op.NewEnd(None, "b")).phase,
        op.MoveLink(None, "a", "b", "a").phase,
        op.SetMtu(None, "a", 1).phase,
        op.AddAddress(None, "a", "192.0.2.1/24").phase,
        op.SetUp(None, "a").phase,
        routing_op.AddRoute(None, routing_op.RouteSpec("10.0.0.0/8")).phase,
        op.RemoveNamespace("a").phase,
    ]
    assert order == sorted(set(order))
    assert op.RenameLink(None, "a", "b").phase == Phase.MOVE
    assert op.SetDown(None, "a").phase < op.AddAddress(None, "a", "192.0.2.1/24").phase
    assert op.SetSysctl(None, "net.ipv4.ip_forward", "1").phase == Phase.SETTINGS

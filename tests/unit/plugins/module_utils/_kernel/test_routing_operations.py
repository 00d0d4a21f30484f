# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shell lines that do the same as an operation on routes, rules and neighbours."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._kernel import routing_operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Rule

ROUTE = op.RouteSpec("10.0.0.0/8", "192.0.2.1", "eth0", 5, 100, "192.0.2.9", 16, None)
WORDS = "10.0.0.0/8 tos 0x10 via 192.0.2.1 dev eth0 src 192.0.2.9 metric 5 table 100"
HOPS = (op.NextHopSpec("192.0.2.1", "eth0", 3), op.NextHopSpec("198.51.100.1", "eth1", onlink=True))
SELECTOR = Rule(
    4,
    1000,
    table=100,
    source="10.0.0.0/8",
    destination="192.0.2.0/24",
    iif="eth0",
    oif="eth1",
    mark=(0x10, 0xF0),
    ip_protocol=6,
    source_ports=(10, 20),
    destination_ports=(80, 80),
    suppress_prefixlength=0,
)


@pytest.mark.parametrize(
    ("operation", "line"),
    [
        (op.AddRoute("red", ROUTE), f"ip -n red route add {WORDS} proto static"),
        (op.AddRoute(None, op.RouteSpec("::/0", "fd00::1")), "ip -6 route add ::/0 via fd00::1 proto static"),
        (
            op.RemoveRoute(None, op.RouteSpec("fd01::/64", device="a", origin="fd00::/64")),
            "ip -6 route del fd01::/64 from fd00::/64 dev a",
        ),
        (
            op.AddRoute("red", op.RouteSpec("10.0.0.0/8", kind="prohibit", metric=5)),
            "ip -n red route add prohibit 10.0.0.0/8 metric 5 proto static",
        ),
        (
            op.RemoveRoute("red", op.RouteSpec("10.0.0.0/8", kind="throw", table=7)),
            "ip -n red route del throw 10.0.0.0/8 table 7",
        ),
        (
            op.AddRoute("red", op.RouteSpec("10.0.0.0/8", "192.0.2.1", "eth0", mtu=1300, onlink=True, protocol=186)),
            "ip -n red route add 10.0.0.0/8 via 192.0.2.1 dev eth0 proto bgp mtu 1300 onlink",
        ),
        (
            op.AddRoute("red", op.RouteSpec("10.0.0.0/8", next_hops=HOPS, protocol=99)),
            (
                "ip -n red route add 10.0.0.0/8 proto 99 nexthop via 192.0.2.1 dev eth0 weight 3 "
                "nexthop via 198.51.100.1 dev eth1 onlink"
            ),
        ),
        (
            op.RemoveRoute("red", op.RouteSpec("10.0.0.0/8", next_hops=HOPS)),
            (
                "ip -n red route del 10.0.0.0/8 nexthop via 192.0.2.1 dev eth0 weight 3 "
                "nexthop via 198.51.100.1 dev eth1 onlink"
            ),
        ),
        (
            op.AddRoute("red", op.RouteSpec("10.0.0.0/8", "192.0.2.1", table=10, vrf="blue")),
            "ip -n red route add 10.0.0.0/8 via 192.0.2.1 vrf blue proto static",
        ),
        (
            op.AddRule("red", SELECTOR),
            (
                "ip -n red rule add priority 1000 from 10.0.0.0/8 to 192.0.2.0/24 fwmark 0x10/0xf0 iif eth0 oif eth1 "
                "ipproto tcp sport 10-20 dport 80 lookup 100 suppress_prefixlength 0 protocol static"
            ),
        ),
        (
            op.AddRule(None, Rule(6, 1, l3mdev=True, mark=(5, 0xFFFFFFFF))),
            "ip -6 rule add priority 1 fwmark 0x5 l3mdev protocol static",
        ),
        (
            op.AddRule(None, Rule(4, 1, table=100, mark=(0, 0xFFFFFFFF))),
            "ip rule add priority 1 fwmark 0x0/0xffffffff lookup 100 protocol static",
        ),
        (
            op.RemoveRule("red", Rule(4, 7, "goto", special=("not", "tos 0x10", "goto 9"), protocol=0)),
            "ip -n red rule del priority 7 not tos 0x10 goto 9",
        ),
        (
            op.RemoveRule("red", Rule(4, 7, "prohibit", protocol=3)),
            "ip -n red rule del priority 7 prohibit protocol boot",
        ),
        (
            op.SetNeighbour("red", op.NeighbourSpec("192.0.2.9", "eth0", "02:00:00:00:00:09")),
            "ip -n red neigh replace 192.0.2.9 dev eth0 lladdr 02:00:00:00:00:09 nud permanent protocol static",
        ),
        (
            op.SetNeighbour(None, op.NeighbourSpec("fd00::9", "eth0", proxy=True)),
            "ip neigh add proxy fd00::9 dev eth0 protocol static",
        ),
        (op.RemoveNeighbour("red", op.NeighbourSpec("192.0.2.9", "eth0")), "ip -n red neigh del 192.0.2.9 dev eth0"),
        (
            op.RemoveNeighbour(None, op.NeighbourSpec("192.0.2.9", "eth0", proxy=True)),
            "ip neigh del proxy 192.0.2.9 dev eth0",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_commands(operation: Operation, line: str) -> None:
    assert list(operation.commands()) == [line]


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (op.RouteSpec("0.0.0.0/0", "192.0.2.1", mtu=1300), "default via 192.0.2.1 mtu 1300"),
        (op.RouteSpec("::/0", kind="unreachable", protocol=99), "unreachable default proto 99"),
        (op.RouteSpec("10.0.0.0/8", next_hops=HOPS[:1]), "10.0.0.0/8 nexthop via 192.0.2.1 dev eth0 weight 3"),
    ],
)
def test_descriptions_of_routes(spec: op.RouteSpec, text: str) -> None:
    assert spec.description() == text


def test_descriptions_of_rules_and_neighbours() -> None:
    assert op.describe_rule(Rule(4, 7, table=9)) == "7: lookup 9"
    assert op.describe_rule(Rule(4, 7, table=9, protocol=12)) == "7: lookup 9 protocol bird"
    assert op.NeighbourSpec("192.0.2.9", "eth0", proxy=True).description() == "192.0.2.9 dev eth0 proxy"

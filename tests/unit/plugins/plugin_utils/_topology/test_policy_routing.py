# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which routing table a node uses for a packet, and which route in it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policy_routing import (
    find_route,
    find_routes,
    read_rule,
)
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import small

TO = ip_address("10.9.0.1")


def route(destination: str = "10.9.0.0/24", **options: Any) -> dict[str, Any]:
    return {"destination": destination, "device": "eth0", **options}


@pytest.mark.parametrize(
    ("routes", "best"),
    [
        ([], None),
        ([route("10.8.0.0/24")], None),
        ([route("::/0")], None),
        ([route("default"), route("10.9.0.0/16"), route()], 2),
        ([route("0.0.0.0/0")], 0),
        ([route(metric=20), route(metric=10)], 1),
        ([route(metric=20), route()], 1),
        ([route("10.9.0.0/16"), route(metric=20)], 1),
        ([route(table=100)], None),
        ([route(table=100), route("default")], 1),
        ([route(table=254)], 0),
    ],
)
def test_the_route_of_the_main_table(routes: list[dict[str, Any]], best: int | None) -> None:
    read = load_topology(small(routes=routes)).namespaces[0].routes
    assert find_route(read, TO) == (None if best is None else read[best])
    assert find_route(read[::-1], TO) == (None if best is None else read[best])


def test_a_route_of_ipv6_without_a_metric_has_one() -> None:
    routes = [route("fd09::/64"), route("fd09::/64", metric=100)]
    read = load_topology(small(routes=routes)).namespaces[0].routes
    assert [each.cost for each in read] == [1024, 100]
    assert find_route(read, ip_address("fd09::1")) is read[1]


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ({"to": "10.9.0.0/16", "table": 100}, ["default", "10.9.0.0/24"]),
        # What depends on more than the address may be.
        ({"from": "10.0.0.0/24", "table": 100}, ["default", "10.9.0.0/24"]),
        ({"fwmark": 1, "table": 100}, ["default", "10.9.0.0/24"]),
        ({"to": "10.8.0.0/16", "table": 100}, ["default"]),
        ({"version": 6, "table": 100}, ["default"]),
        ({"table": 200}, ["default"]),
        ({"to": "10.9.0.0/16", "action": "prohibit"}, ["default"]),
    ],
)
def test_the_routes_that_a_node_may_use(rule: dict[str, Any], found: list[str]) -> None:
    routing: dict[str, Any] = {"routes": [route("default"), route(table=100)], "rules": [{"priority": 7, **rule}]}
    topology = load_topology({**small(**routing), "host": routing})
    for place in ("red", None):
        assert [each.destination_text for each in find_routes(topology, place, TO)] == found
    assert find_routes(topology, "nobody", TO) == []


def test_what_a_rule_decides() -> None:
    rules = [
        {"priority": 7, "to": "10.9.0.0/16", "table": 254, "suppress_prefixlength": 0},
        {"priority": 8, "action": "prohibit"},
    ]
    lookup, refusal = (read_rule(rule) for rule in load_topology(small(rules=rules)).namespaces[0].rules)
    assert (lookup.table, lookup.suppressed, refusal.table) == (254, 0, None)
    assert [lookup.fits(ip_address(to), ()) for to in ("10.9.0.1", "10.8.0.1")] == [True, False]

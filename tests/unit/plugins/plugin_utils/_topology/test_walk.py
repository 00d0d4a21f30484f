# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Following packets through router namespaces, there and back."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.walk import Verdict, Walk
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    FORWARDING,
    expected_paths,
    forbidden_paths,
    on_bridge,
    routed,
)

THROUGH = {("left", "10.2.0.1"), ("right", "10.1.0.1"), ("left", "fd00:2::1"), ("right", "fd00:1::1")}


def test_through_a_router_namespace() -> None:
    assert expected_paths(routed(sysctls=FORWARDING)) >= THROUGH
    assert expected_paths(routed(sysctls=FORWARDING), "tcp") >= THROUGH


@pytest.mark.parametrize("version", [4, 6])
def test_router_without_forwarding(version: int) -> None:
    sysctls = {key: value for key, value in FORWARDING.items() if f"ipv{version}" in key}
    assert expected_paths(routed(sysctls=sysctls)) & THROUGH == {
        path for path in THROUGH if (":" in path[1]) == (version == 6)
    }
    assert forbidden_paths(routed(sysctls=sysctls)) == set()


def test_no_route_back() -> None:
    variables = routed(sysctls=FORWARDING)
    del variables["namespaces"][2]["routes"][0]
    assert ("left", "10.2.0.1") not in expected_paths(variables)
    # Unless the router masquerades the packets with its own address.
    variables["nat"] = [{"source": "10.1.0.0/24", "namespace": "router"}]
    assert ("left", "10.2.0.1") in expected_paths(variables)
    variables["nat"][0]["out_interface"] = "left"
    assert ("left", "10.2.0.1") not in expected_paths(variables)


def test_nat_turns_on_forwarding() -> None:
    variables = routed()
    variables["nat"] = [{"source": "10.1.0.0/24", "namespace": "router"}]
    assert expected_paths(variables) & THROUGH == {("left", "10.2.0.1"), ("right", "10.1.0.1")}
    variables["nat"][0]["ip_forward"] = False
    assert expected_paths(variables) & THROUGH == set()


def test_routing_loop() -> None:
    variables = routed(sysctls=FORWARDING, routes=[{"destination": "10.3.0.0/24", "gateway": "10.1.0.1"}])
    variables["namespaces"][0]["sysctls"] = FORWARDING
    variables["verify_outside"] = ["10.3.0.7"]
    assert ("right", "10.3.0.7") not in expected_paths(variables) | forbidden_paths(variables)


@pytest.mark.parametrize(
    ("to", "verdict"),
    [("10.0.0.2", Verdict.YES), ("10.0.0.254", Verdict.YES), ("10.0.0.9", Verdict.UNKNOWN), ("10.9.0.1", Verdict.NO)],
)
def test_verdicts(to: str, verdict: Verdict) -> None:
    variables = on_bridge(a={"addresses": ["10.0.0.1/24"]}, b={"addresses": ["10.0.0.2/24"]})
    variables["namespaces"][0]["routes"] = []
    walk = Walk(load_topology(variables))
    assert walk.reaches("a", ip_address(to)) is verdict


def test_trace() -> None:
    trace = Walk(load_topology(routed(sysctls=FORWARDING))).trace("left", ip_address("10.2.0.1"))
    assert trace.places == ["left", "router", "right"]
    assert [hop.egress.name for hop in trace.hops] == ["left", "right"]


# Types of routes, several next hops, rules


def with_routing(**routing: object) -> dict[str, Any]:
    """Return the routed topology, with `left` as the namespace whose routing is changed; see routed()."""
    variables = routed(sysctls=FORWARDING)
    variables["namespaces"][0].update(routing)
    return variables


DEFAULT = {"destination": "default", "gateway": "10.1.0.254"}
THERE = ("left", "10.2.0.1")


@pytest.mark.parametrize("kind", ["blackhole", "unreachable", "prohibit"])
def test_what_a_route_refuses_is_not_expected(kind: str) -> None:
    variables = with_routing(routes=[DEFAULT, {"destination": "10.2.0.0/24", "type": kind}])
    assert THERE not in expected_paths(variables)
    assert THERE in forbidden_paths(variables)
    # Nor is its answer, which the other side would wait for.
    assert ("right", "10.1.0.1") not in expected_paths(variables)


def test_throw_leaves_the_decision_to_the_next_rule() -> None:
    """There is none with a route: the default route is in the same table."""
    variables = with_routing(routes=[DEFAULT, {"destination": "10.2.0.0/24", "type": "throw"}])
    assert THERE not in expected_paths(variables)


def test_one_of_several_next_hops_is_not_known() -> None:
    hops = [{"gateway": "10.1.0.254"}, {"gateway": "10.1.0.253"}]
    variables = with_routing(routes=[{"destination": "default", "nexthops": hops}])
    assert THERE not in expected_paths(variables) | forbidden_paths(variables)


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ({"table": 100}, Verdict.YES),
        ({"table": 100, "to": "10.2.0.0/16"}, Verdict.YES),
        ({"table": 100, "from": "10.1.0.0/24"}, Verdict.YES),
        ({"table": 100, "from": "10.9.0.0/24"}, Verdict.NO),
        ({"table": 100, "to": "10.9.0.0/24"}, Verdict.NO),
        ({"table": 100, "suppress_prefixlength": 0}, Verdict.NO),
        ({"table": 101}, Verdict.NO),
        ({"table": 100, "fwmark": "1"}, Verdict.UNKNOWN),
        ({"table": 100, "dport": "80"}, Verdict.UNKNOWN),
        ({"l3mdev": True}, Verdict.UNKNOWN),
        ({"action": "prohibit"}, Verdict.NO),
        ({"action": "prohibit", "to": "10.1.0.0/24"}, Verdict.NO),
        ({"action": "prohibit", "from": "10.1.0.1/32"}, Verdict.NO),
    ],
)
def test_rules_select_a_table(rule: dict[str, object], verdict: Verdict) -> None:
    """In the main table the same destination is refused; table 100 has the default route."""
    variables = with_routing(
        routes=[{**DEFAULT, "table": 100}, {"destination": "10.2.0.0/16", "type": "prohibit"}],
        rules=[{"priority": 1000, **rule}],
    )
    walk = Walk(load_topology(variables))
    assert walk.reaches("left", ip_address("10.2.0.1")) is verdict


def test_a_rule_for_the_answer() -> None:
    """It comes from the address that was asked."""
    refused = with_routing(routes=[DEFAULT], rules=[{"priority": 1000, "from": "10.1.0.1/32", "action": "blackhole"}])
    assert ("right", "10.1.0.1") not in expected_paths(refused)
    other = with_routing(routes=[DEFAULT], rules=[{"priority": 1000, "from": "10.1.0.2/32", "action": "blackhole"}])
    assert ("right", "10.1.0.1") in expected_paths(other)


def test_tables_without_declared_rules_are_not_known() -> None:
    variables = with_routing(routes=[DEFAULT, {**DEFAULT, "table": 100}])
    assert THERE not in expected_paths(variables) | forbidden_paths(variables)
    variables["namespaces"][0]["rules"] = []
    assert THERE in expected_paths(variables)


@pytest.mark.parametrize(
    ("routing", "is_probed"),
    [
        ({}, True),
        ({"destination": "192.0.2.0/24", "type": "prohibit"}, False),
        ({"priority": 7, "to": "192.0.2.0/24", "action": "prohibit"}, False),
        ({"priority": 7, "to": "198.51.100.0/24", "action": "prohibit"}, True),
    ],
)
def test_what_is_refused_outside(routing: dict[str, object], is_probed: bool) -> None:
    variables = on_bridge(red={"addresses": ["10.0.0.1/24"]})
    routes: list[dict[str, object]] = [{"destination": "default", "gateway": "10.0.0.254"}]
    is_rule = "priority" in routing
    variables["namespaces"][0]["routes"] = routes if is_rule or not routing else [*routes, routing]
    variables["namespaces"][0]["rules"] = [routing] if is_rule else []
    variables["verify_outside"] = ["192.0.2.1"]
    variables["nat"] = [{"source": "10.0.0.0/24"}]
    assert (("red", "192.0.2.1") in expected_paths(variables)) is is_probed

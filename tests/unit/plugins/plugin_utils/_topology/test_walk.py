# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Following packets through router namespaces, there and back."""

from __future__ import annotations

from ipaddress import ip_address

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

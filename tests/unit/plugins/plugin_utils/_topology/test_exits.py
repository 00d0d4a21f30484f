# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way outside of a logical router, and what it publishes there: errors."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    Variables,
    errors_of,
    logical,
    only_error_of,
)

WAY = {"gateways": ["one", "two"], "physical_network": "outside", "address": "198.51.100.1/24"}


def with_nat(*entries: Variables) -> Variables:
    return logical(this_host="one", nat=list(entries))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gateways": None}, "nat[0] (10.1.0.0/24): gateways: is missing: the logical router has to know its way"),
        ({"gateways": []}, "gateways: is missing: the logical router has to know its way outside; name the hosts"),
        ({"gateways": ["one", "tow"]}, "gateways[1]: 'tow' is not a host of this topology; did you mean 'two'?"),
        ({"gateways": ["one", "one"]}, "gateways[1]: 'one' is listed twice"),
        ({"physical_network": None}, "physical_network: is missing"),
        ({"physical_network": "a:b"}, "physical_network: 'a:b' cannot be the name of a physical network"),
        ({"address": None}, "address: is missing"),
        ({"address": "198.51.100.1"}, "address: "),
        ({"address": "10.1.0.9/16"}, "address: 10.1.0.9/16 overlaps 10.1.0.0/24 of topology_bridges[0] (left)"),
        ({"address": "2001:db8::1/64"}, "address: 2001:db8::1/64 is not IPv4, which 10.1.0.0/24 is"),
        ({"next_hop": "203.0.113.1"}, "next_hop: 203.0.113.1 is not a neighbour of 198.51.100.1/24"),
        ({"next_hop": "198.51.100.1"}, "next_hop: 198.51.100.1 is not a neighbour of 198.51.100.1/24"),
        ({"out_interface": "eth1"}, "out_interface: is for the packet filter of a host"),
        ({"to_source": "198.51.100.9"}, "to_source: is for the packet filter of a host"),
        ({"clamp_mss": True}, "clamp_mss: is for the packet filter of a host"),
        ({"excluded_destinations": ["10.9.0.0/24"]}, "excluded_destinations: is for the packet filter of a host"),
        ({"namespace": "a"}, "namespace: is for the packet filter of a host"),
        ({"source": "10.8.0.0/24"}, "source: 10.8.0.0/24 overlaps no network"),
    ],
)
def test_what_cannot_work_is_an_error(changes: Variables, message: str) -> None:
    entry = {"source": "10.1.0.0/24", **WAY, **changes}
    found = errors_of(with_nat({name: value for name, value in entry.items() if value is not None}))
    assert any(message in error for error in found), found


def test_a_network_of_the_router_needs_gateways() -> None:
    found = only_error_of(with_nat({"source": "10.1.0.0/24"}))
    assert found.startswith("topology_nat[0] (10.1.0.0/24): gateways: is missing: 10.1.0.0/24 is on a bridge with")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("gateways", ["two", "one"], "gateways: two, one differs from one, two of topology_nat[0]"),
        ("physical_network", "other", "physical_network: 'other' differs from 'outside'"),
        ("address", "198.51.100.3/24", "address: 198.51.100.3/24 differs from 198.51.100.1/24"),
        ("next_hop", "198.51.100.3", "next_hop: 198.51.100.3 differs from 198.51.100.2"),
    ],
)
def test_a_router_has_one_way_outside(option: str, value: Any, message: str) -> None:
    first = {"source": "10.1.0.0/24", **WAY, "next_hop": "198.51.100.2"}
    found = errors_of(with_nat(first, {"source": "10.2.0.0/24", **WAY, option: value}))
    assert len(found) == 1
    assert message in found[0]


def test_a_gateway_needs_no_namespace_and_a_name_in_ovn() -> None:
    variables = logical(this_host="one", hosts=["one", "two", "three", "four"])
    for rule in variables["nat"][:2]:
        rule["gateways"] = ["four"]
    assert compile_topology(variables)["northbound"]["routers"][0]["ports"][-1]["gateway_chassis"] == ["four"]
    names = {"one": "c1", "two": "c2", "three": "c3"}
    assert "the name of four in OVN is not known" in only_error_of({**variables, "ovn_chassis": names})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"publish": "80-90"}, "publish: 80-90 is a range, and OVN publishes single ports"),
        ({"from": ["192.0.2.0/24"]}, "from: OVN's router publishes a port for everybody"),
        ({"in_interface": "eth1"}, "in_interface: is for the packet filter of a host"),
        ({"take_over": True}, "take_over: is for the packet filter of a host"),
        ({"loopback": True}, "loopback: is for the packet filter of a host"),
        ({"accept_forward": "never"}, "accept_forward: is for the packet filter of a host"),
    ],
)
def test_what_ovn_cannot_publish_is_an_error(changes: Variables, message: str) -> None:
    found = errors_of(with_nat({"source": "10.1.0.0/24", **WAY}, {"publish": "80", "to": "a", **changes}))
    assert any(message in error for error in found), found


def test_a_published_port_needs_a_way_outside() -> None:
    found = only_error_of(with_nat({"publish": "80", "to": "a"}))
    assert "to: a is on a bridge with `engine: ovn`, and the router has no address outside of its IP version" in found
    # Nor does an address help that the router cannot have.
    assert "add an entry with `source` and `gateways`" in only_error_of(
        with_nat({"publish": "80", "to": "a", "address": "198.51.100.5"})
    )
    variables = with_nat({"publish": "80", "to": "a"})
    variables["bridges"][0].pop("addresses")
    assert "the logical router has no address in 10.1.0.0/24" in only_error_of(variables)


def test_a_namespace_on_both_engines_publishes_by_the_host() -> None:
    variables = with_nat({"publish": "80", "to": "a"})
    variables["bridges"].append({"name": "br0", "addresses": ["10.9.0.254/24"]})
    variables["namespaces"][0]["interfaces"].append({"name": "eth1", "bridge": "br0", "addresses": ["10.9.0.1/24"]})
    assert [entry["to_address"] for entry in compile_topology(variables)["forwards"]] == ["10.9.0.1"]


def test_nat_of_a_router_namespace_stays_its_own() -> None:
    variables = with_nat({"source": "10.1.0.0/24", "namespace": "a"})
    assert compile_topology(variables)["rules"] == [{"source": "10.1.0.0/24", "namespace": "a"}]

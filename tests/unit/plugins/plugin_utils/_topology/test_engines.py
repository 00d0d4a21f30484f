# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges that are logical switches of OVN: what is derived, what a host has of them, and errors."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.engines import derive_mac
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    Variables,
    errors_of,
    logical,
    only_error_of,
    with_value,
)

LISTS = ("bridges", "links", "isolation", "rules", "forwards")


def test_a_host_has_ports_of_the_integration_bridge_and_nothing_else() -> None:
    compiled = compile_topology(logical(this_host="three"))
    assert [name["name"] for name in compiled["namespaces"]] == ["c", "e"]
    assert compiled["ports"] == [
        {
            "name": f"{name}-eth0",
            "bridge": "br-int",
            "iface_id": f"lab/{name}/eth0",
            "peer": {"name": "eth0", "namespace": name},
        }
        for name in ("c", "e")
    ]
    assert {name: compiled[name] for name in LISTS} == {name: [] for name in LISTS}


def test_the_deletion_names_the_ports_and_not_the_bridge() -> None:
    compiled = compile_topology(logical(this_host="three", state="absent", ovn_bridge="br-ovn"))
    assert compiled["ports"][0] == {"name": "c-eth0", "bridge": "br-ovn", "state": "absent"}
    assert {name: compiled[name] for name in LISTS} == {name: [] for name in LISTS}


def test_without_a_host_all_of_it_is_returned() -> None:
    compiled = compile_topology(logical())
    assert len(compiled["ports"]) == 5
    assert compiled["bridges"] == []


def test_bridges_of_both_engines_stand_side_by_side() -> None:
    variables = logical(this_host="one")
    variables["bridges"].append({"name": "br0", "addresses": ["10.9.0.254/24"]})
    variables["namespaces"][0]["interfaces"].append({"name": "eth1", "bridge": "br0", "addresses": ["10.9.0.1/24"]})
    variables["nat"].append({"source": "10.9.0.0/24"})
    compiled = compile_topology(variables)
    assert [bridge["name"] for bridge in compiled["bridges"]] == ["br0"]
    assert [(port["name"], port["bridge"]) for port in compiled["ports"]] == [
        ("a-eth0", "br-int"),
        ("a-eth1", "br0"),
        ("d-eth0", "br-int"),
    ]
    assert [rule["source"] for rule in compiled["rules"]] == ["10.9.0.0/24"]
    assert [entry["link"] for entry in compiled["isolation"]] == ["br0"]


@pytest.mark.parametrize(("variables", "mtu"), [({}, 1442), ({"ovn_underlay_mtu": 9000}, 8942)])
def test_the_mtu_fits_into_the_tunnels(variables: Variables, mtu: int) -> None:
    pairs = compile_topology(logical(this_host="one", **variables))["pairs"]
    assert {pair["mtu"] for pair in pairs} == {pair["peer"]["mtu"] for pair in pairs} == {mtu}


def test_mac_addresses_are_derived_from_the_names_alone() -> None:
    pairs = {host: compile_topology(logical(this_host=host))["pairs"] for host in ("one", "two")}
    assert pairs["one"][0]["mac"] == derive_mac("lab", "a", "eth0") == "02:2d:89:6a:b9:42"
    variables = logical(this_host="one")
    variables["namespaces"].reverse()
    assert {pair["mac"] for pair in compile_topology(variables)["pairs"]} == {pair["mac"] for pair in pairs["one"]}
    # Another topology may have the same names, on the same physical network.
    assert compile_topology(logical(this_host="one", name="dmz"))["pairs"][0]["mac"] != pairs["one"][0]["mac"]


def test_what_is_declared_is_kept() -> None:
    variables = logical(this_host="one")
    variables["namespaces"][0]["interfaces"][0].update(mac="02:00:00:00:00:01", mtu=1400)
    pair = compile_topology(variables)["pairs"][0]
    assert (pair["mac"], pair["mtu"]) == ("02:00:00:00:00:01", 1400)


INTERFACE = "namespaces/0/interfaces/0"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("bridges/0/engine", "ovm", "bridges[0] (left): engine: 'ovm' is not one of ovs, ovn"),
        ("bridges/0/mtu", 1400, "bridges[0] (left): mtu: is for a bridge of Open vSwitch"),
        ("bridges/0/mesh", {"type": "vxlan", "key": 1}, "mesh: is for a bridge of Open vSwitch"),
        ("bridges/0/ports", [{"name": "eth5"}], "ports: is for a bridge of Open vSwitch"),
        ("bridges/0/stp", True, "stp: is for a bridge of Open vSwitch"),
        ("bridges/0/fail_mode", "secure", "fail_mode: is for a bridge of Open vSwitch"),
        (
            "bridges/1/addresses",
            ["10.1.0.126/25"],
            "addresses[0]: 10.1.0.0/25 overlaps a network of topology_bridges[0]",
        ),
        ("bridges/1/addresses", ["fe80::1/64"], "fe80::1 is link-local, and OVN derives that itself"),
        ("namespaces/0/host", None, "set `host` of the namespace"),
        ("namespaces/0/host", "oen", "'oen' is not a host of this topology; did you mean 'one'?"),
        (f"{INTERFACE}/addresses", None, "addresses: is missing: 'left' is a logical switch of OVN"),
        (
            f"{INTERFACE}/mtu",
            1500,
            "mtu: 1500 is too large: OVN's tunnels over a network with an MTU of 1500 carry 1442",
        ),
        (f"{INTERFACE}/tag", 5, "tag: is for a port of Open vSwitch, and 'left' is a logical switch"),
        (f"{INTERFACE}/trunks", [5], "trunks: is for a port of Open vSwitch"),
        (f"{INTERFACE}/protected", True, "protected: is for a port of Open vSwitch"),
        (f"{INTERFACE}/iface_id", "x", "iface_id: is for a port of Open vSwitch"),
        (f"{INTERFACE}/mac", "02:5e:e9:34:00:aG", "mac: "),
        ("ovn_bridge", "a/b", "topology_ovn_bridge: "),
        ("ovn_underlay_mtu", 7, "topology_ovn_underlay_mtu: "),
        ("ovn_chassis", "one", "topology_ovn_chassis: must be a dictionary"),
        ("ovn_chassis", {"one": "c1", "two": "c2"}, "topology_ovn_chassis: the name of three in OVN is not known"),
        ("hosts", [], "topology_hosts: is not set"),
    ],
)
def test_what_cannot_work_is_an_error(path: str, value: Any, message: str) -> None:
    found = errors_of(with_value(logical(this_host="one"), path, value))
    assert any(message in error for error in found), found


def test_the_integration_bridge_is_not_a_bridge_of_the_topology() -> None:
    variables = logical(this_host="one")
    variables["bridges"].append({"name": "br-int"})
    assert "'br-int' is the bridge that OVN connects namespaces on" in only_error_of(variables)


def test_a_patch_port_does_not_lead_to_a_logical_switch() -> None:
    variables = logical(this_host="one")
    ports = [{"name": "to-left", "peer": {"name": "from-br0", "bridge": "left"}}]
    variables["bridges"].append({"name": "br0", "ports": ports})
    assert "bridge: 'left' is a logical switch of OVN, and has no ports of Open vSwitch" in only_error_of(variables)


def test_a_vlan_does_not_pass_a_logical_switch() -> None:
    variables = logical(this_host="one")
    vlan = {"name": "eth0.5", "kind": "vlan", "vlan": {"id": 5}, "parent": {"name": "eth0", "namespace": "a"}}
    variables["namespaces"][0]["interfaces"].append({**vlan, "addresses": ["10.5.0.1/24"]})
    assert "parent: is on 'left', a logical switch of OVN, which carries no VLANs" in only_error_of(variables)


def test_a_name_that_is_not_known_is_reported_once() -> None:
    variables = logical(this_host="one", ovn_chassis={"one": "c1"})
    found = errors_of(variables)
    assert [error for error in found if "host three" in error or "of three" in error][1:] == []
    # A deletion needs none.
    assert compile_topology({**variables, "state": "absent"})["northbound"]["routers"]


def test_the_same_name_on_the_host_is_another_thing() -> None:
    """A logical switch is not a link of the host, and its addresses are not the host's."""
    variables = logical(this_host="one")
    variables["host"] = {"interfaces": [{"name": "left", "addresses": ["10.1.0.254/24"]}]}
    assert compile_topology(variables)["links"][0]["name"] == "left"


def test_the_summary_names_the_logical_switches() -> None:
    summary = compile_topology(logical(this_host="two"))["summary"]
    assert "  bridge left: 10.1.0.254/24, ports b-eth0, a logical switch of OVN" in summary
    assert "  NAT 10.1.0.0/24, translated to 198.51.100.1 by the logical router on one or two" in summary
    published = "  port 8080/tcp of the logical router is forwarded to 10.1.0.2 (b) port 80"
    assert any(line.startswith(f"{published} (not probed: ") for line in summary)

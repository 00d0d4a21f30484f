# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ports of bridges that lead elsewhere: their errors, and the entries that they become."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.from_variables import diagram_from_variables
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    Variables,
    errors_of,
    only_error_of,
)


def bridge(*ports: Any, **changes: Any) -> Variables:
    return {"bridges": [{"name": "br0", "ports": list(ports)}, {"name": "br1"}], **changes}


def test_a_port_of_each_kind() -> None:
    compiled = compile_topology(
        bridge(
            {"name": "eth1", "trunks": ["10-12", 20], "mtu": 9000, "sysctls": {"ipv6.conf.accept_ra": 0}},
            {"name": "eth2", "addresses": []},
            {"name": "bond0", "members": ["eth3", "eth4"], "lacp": False, "lacp_time": "fast", "bond_updelay": 5},
            {"name": "a", "peer": {"name": "b", "bridge": "br1"}, "tag": 3},
            {"name": "vx0", "type": "vxlan", "tunnel": {"remote_ip": "192.0.2.7", "key": 100, "ttl": "inherit"}},
            {"name": "mgmt", "type": "internal", "mac": "02-00-00-00-00-01", "addresses": ["10.0.0.1/24"]},
        )
    )
    assert compiled["ports"] == [
        {"name": "eth1", "bridge": "br0", "trunks": [10, 11, 12, 20], "mtu": 9000, "type": "system"},
        {"name": "eth2", "bridge": "br0", "type": "system"},
        {
            "name": "bond0",
            "bridge": "br0",
            "lacp": "off",
            "lacp_time": "fast",
            "bond_updelay": 5,
            "members": ["eth3", "eth4"],
        },
        {"name": "a", "bridge": "br0", "tag": 3, "peer": {"bridge": "br1", "name": "b"}},
        {
            "name": "vx0",
            "bridge": "br0",
            "tunnel": {"remote_ip": "192.0.2.7", "key": "100", "ttl": "inherit"},
            "type": "vxlan",
        },
        {"name": "mgmt", "bridge": "br0", "mac": "02:00:00:00:00:01", "type": "internal"},
    ]
    assert compiled["links"][2:] == [
        {"name": "eth1", "enabled": True, "sysctls": {"ipv6.conf.accept_ra": 0}},
        {"name": "eth2", "enabled": True, "addresses": []},
        {"name": "eth3", "enabled": True},
        {"name": "eth4", "enabled": True},
        {"name": "mgmt", "enabled": True, "addresses": ["10.0.0.1/24"]},
    ]
    (line,) = [line for line in compiled["summary"] if "bridge br0" in line]
    assert "eth1, eth2, bond0 (bond of eth3 and eth4), a (VLAN 3, to br1), vx0 (vxlan to 192.0.2.7)" in line
    assert "mgmt (internal, 10.0.0.1/24)" in line


def test_deletion() -> None:
    ports = [
        {"name": "eth1", "addresses": ["10.0.0.1/24"]},
        {"name": "bond0", "members": ["eth3", "eth4"]},
        {"name": "a", "peer": {"name": "b", "bridge": "br1"}},
        {"name": "mgmt", "type": "internal"},
    ]
    compiled = compile_topology(bridge(*ports, state="absent"))
    assert compiled["ports"] == [
        {"name": "eth1", "bridge": "br0", "state": "absent"},
        {"name": "bond0", "bridge": "br0", "state": "absent"},
        {"name": "a", "bridge": "br0", "peer": {"bridge": "br1", "name": "b"}, "state": "absent"},
        {"name": "mgmt", "bridge": "br0", "state": "absent"},
    ]
    assert compiled["links"][2:] == [
        {"name": "eth1", "addresses": ["10.0.0.1/24"], "state": "absent"},
        {"name": "eth3", "state": "absent"},
        {"name": "eth4", "state": "absent"},
    ]


@pytest.mark.parametrize(
    ("port", "option", "message"),
    [
        ({"type": "internal"}, "name", "is missing"),
        ({"name": "a-name-that-is-too-long"}, "name", "15"),
        ({"name": "p", "type": "veth"}, "type", "is not one of"),
        ({"name": "p", "typ": "internal"}, "typ", "did you mean 'type'?"),
        ({"name": "p", "members": ["eth1"]}, "members", "at least two"),
        ({"name": "p", "members": ["eth1", "eth2"], "type": "internal"}, "members", "a bond has no type"),
        ({"name": "p", "members": ["e1", "e2"], "bond_mode": "balance-tcp"}, "bond_mode", "requires LACP"),
        ({"name": "p", "members": ["e1", "e2"], "addresses": []}, "addresses", "this one is none"),
        ({"name": "p", "lacp": "active"}, "lacp", "give its `members`"),
        ({"name": "p", "cvlans": [5]}, "cvlans", "give `vlan_mode: dot1q-tunnel` as well"),
        ({"name": "p", "mac": "02:00:00:00:00:01"}, "mac", "is for an internal port"),
        ({"name": "p", "tunnel": {"key": 1}}, "tunnel", "set `type`"),
        ({"name": "p", "type": "vxlan"}, "tunnel.remote_ip", "is missing"),
        ({"name": "p", "type": "gre", "tunnel": {"remote_ip": "x"}}, "remote_ip", "'x' is not an IP"),
        ({"name": "p", "type": "gre", "options": {"remote_ip": "10.0.0.1"}, "enabled": True}, "enabled", "is none"),
        ({"name": "p", "type": "patch"}, "peer", "declare the other half"),
        ({"name": "p", "peer": "b"}, "peer", "must be a dictionary"),
        ({"name": "p", "peer": {"bridge": "br1"}}, "name", "is missing"),
        ({"name": "p", "peer": {"name": "p", "bridge": "br1"}}, "name", "need different names"),
        ({"name": "p", "peer": {"name": "q", "bridge": "br0"}}, "bridge", "connects two bridges"),
        ({"name": "p", "peer": {"name": "q", "bridge": "br9"}}, "bridge", "'br9' is not in `topology_bridges`"),
        ({"name": "p", "peer": {"name": "q", "bridge": "br1"}, "type": "gre"}, "peer", "the type is gre"),
        ({"name": "p", "trunks": ["9-7"]}, "trunks[0]", "write 7-9"),
        ({"name": "br1"}, "name", "already the name of topology_bridges[1] (br1)"),
    ],
)
def test_what_is_wrong_is_named(port: Variables, option: str, message: str) -> None:
    errors = errors_of(bridge(port))
    assert any(f": {message}" in error or message in error for error in errors if f"{option}: " in error), errors
    assert all(error.startswith("topology_bridges[0] (br0) ports[0]") for error in errors if "br1" not in error)


def test_a_link_is_used_once() -> None:
    first = {"name": "eth1"}
    assert "already the name of" in only_error_of(bridge(first, {"name": "bond0", "members": ["eth1", "eth2"]}))
    assert "already the name of" in only_error_of(
        bridge(
            {"name": "a", "peer": {"name": "b", "bridge": "br1"}}, {"name": "b", "peer": {"name": "c", "bridge": "br1"}}
        )
    )
    moved = bridge(first, namespaces=[{"name": "red", "interfaces": [{"name": "eth1"}]}])
    assert any("moves into a namespace" in error for error in errors_of(moved))


def tenants(*ports: Any) -> Variables:
    """Two namespaces of one subnet on two bridges, which do not reach each other."""
    namespaces = [
        {"name": name, "routes": [], "interfaces": [{"name": "eth0", "bridge": on, "addresses": [f"10.0.0.{n}/24"]}]}
        for n, (name, on) in enumerate((("red", "br0"), ("blue", "br1")), 1)
    ]
    return bridge(*ports, namespaces=namespaces)


def forbidden(variables: Variables) -> set[tuple[str, str]]:
    probes = compile_topology(variables)["probes"]
    return {(probe["namespace"], probe["to"]) for probe in probes if probe.get("expect") == "unreachable"}


def test_no_probe_expects_isolation_from_what_a_port_leads_to() -> None:
    assert forbidden(tenants()) == {("red", "10.0.0.2"), ("blue", "10.0.0.1")}
    assert forbidden(tenants({"name": "mgmt", "type": "internal"})) == forbidden(tenants())
    assert forbidden(tenants({"name": "a", "peer": {"name": "b", "bridge": "br1"}})) == set()
    assert ("red", "10.0.0.2") not in forbidden(tenants({"name": "eth1"}))


def test_a_bridge_with_an_uplink_is_open() -> None:
    assert [entry["link"] for entry in compile_topology(tenants())["isolation"]] == ["br0", "br1"]
    assert [entry["link"] for entry in compile_topology(tenants({"name": "eth1"}))["isolation"]] == ["br1"]
    tunnel = {"name": "vx0", "type": "vxlan", "tunnel": {"remote_ip": "192.0.2.7"}}
    assert [entry["link"] for entry in compile_topology(tenants(tunnel))["isolation"]] == ["br0", "br1"]


def test_ports_stand_in_the_diagram() -> None:
    diagram, _name = diagram_from_variables(bridge({"name": "eth1", "tag": 4}))
    (box,) = [box for box in diagram.boxes if box.title == "br0"]
    assert "port eth1 (VLAN 4)" in [note.text for note in box.notes]

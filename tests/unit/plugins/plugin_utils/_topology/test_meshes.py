# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes of bridges: tunnels, MTUs, and errors."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import TopologyError
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.meshes import tunnel_name
from ansible_collections.netns.fabric.tests.package.examples.collecting import collect
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import meshed, with_value

HOSTS = {"one": "192.0.2.1", "two": "192.0.2.2", "three": "192.0.2.3"}


def tunnels(variables: dict[str, Any]) -> list[dict[str, Any]]:
    return [port for port in compile_topology(variables)["ports"] if port.get("type")]


def errors_of(variables: dict[str, Any]) -> list[str]:
    with pytest.raises(TopologyError) as raised:
        compile_topology(variables)
    return list(raised.value.errors)


def test_a_host_has_a_protected_tunnel_to_each_other_one() -> None:
    found = tunnels(meshed(this_host="two"))
    assert [port["name"] for port in found] == ["lab-one", "lab-three"]
    assert found[1] == {
        "name": "lab-three",
        "bridge": "lab",
        "type": "vxlan",
        "protected": True,
        "tunnel": {"remote_ip": "192.0.2.3", "local_ip": "192.0.2.2", "key": "7"},
    }


def test_the_guide_is_a_topology() -> None:
    """What `From one host to many` declares, for each of its hosts."""
    hosts, variables = (example.data for example in collect() if "/many_hosts.rst" in example.origin)
    addresses = {name: each["ansible_host"] for name, each in hosts["lab"]["hosts"].items()}
    topology = {name.removeprefix("topology_"): value for name, value in variables.items()}
    for name in addresses:
        built = compile_topology({**topology, "hosts": addresses, "this_host": name})
        assert len([port for port in built["ports"] if port.get("type") == "vxlan"]) == 2
        assert len(built["namespaces"]) == 1
        assert len(built["rules"]) == (1 if name == "lab1" else 0)


def test_a_mesh_of_one_host_has_no_tunnel() -> None:
    variables = meshed(this_host="one", hosts={"one": "192.0.2.1"})
    variables["namespaces"] = variables["namespaces"][:1]
    assert tunnels(variables) == []


def test_the_deletion_names_the_tunnels() -> None:
    deleted = compile_topology(meshed(this_host="one", state="absent"))["ports"]
    assert {"name": "lab-two", "bridge": "lab", "state": "absent"} in deleted


@pytest.mark.parametrize(
    ("bridge", "host", "name"),
    [("lab", "two", "lab-two"), ("lab", "two.example.com", "mesh-61a4b899"), ("lab", "a/b", "mesh-f1c4275b")],
)
def test_the_name_of_a_tunnel_is_one_of_an_interface(bridge: str, host: str, name: str) -> None:
    assert tunnel_name(bridge, host) == name


@pytest.mark.parametrize(
    ("mesh", "port", "address", "mtu"),
    [
        ({"type": "vxlan"}, {}, "192.0.2.", 1450),
        ({"type": "geneve"}, {}, "192.0.2.", 1442),
        ({"type": "vxlan", "underlay_mtu": 9000}, {}, "192.0.2.", 8950),
        ({"type": "vxlan"}, {}, "2001:db8::", 1430),
        ({"type": "vxlan"}, {"tag": 5}, "192.0.2.", 1446),
    ],
)
def test_the_mtu_fits_into_the_tunnels(mesh: dict[str, Any], port: dict[str, Any], address: str, mtu: int) -> None:
    hosts = {name: f"{address}{number}" for number, name in enumerate(HOSTS, 1)}
    variables = meshed(this_host="one", mesh=mesh, hosts=hosts)
    for namespace in variables["namespaces"]:
        namespace["interfaces"][0].update(port)
    compiled = compile_topology(variables)
    assert {pair["mtu"] for pair in compiled["pairs"]} == {pair["peer"]["mtu"] for pair in compiled["pairs"]} == {mtu}
    assert compiled["bridges"][0]["mtu"] == mtu + (4 if port else 0)


def test_a_smaller_mtu_is_kept() -> None:
    variables = meshed(this_host="one")
    variables["bridges"][0]["mtu"] = 1400
    for namespace in variables["namespaces"]:
        namespace["interfaces"][0]["mtu"] = 1400
    assert {pair["mtu"] for pair in compile_topology(variables)["pairs"]} == {1400}


def test_the_gateway_alone_has_the_addresses_of_the_bridge() -> None:
    local = {host: compile_topology(meshed(this_host=host))["links"][0]["addresses"] for host in HOSTS}
    assert local == {"one": ["10.1.0.254/24"], "two": [], "three": []}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("bridges/0/mesh/gateway", None, "mesh: gateway: is missing: the bridge has addresses"),
        ("bridges/0/mesh/gateway", "tow", "mesh: gateway: 'tow' is not a host of this topology; did you mean 'two'?"),
        ("bridges/0/addresses", None, "mesh: gateway: is of no effect without `addresses`"),
        ("bridges/0/mtu", 1500, "bridges[0] (lab): mtu: 1500 is too large: a vxlan tunnel over a network with an MTU"),
        ("namespaces/0/interfaces/0/mtu", 1451, "interfaces[0] (eth0): mtu: 1451 is too large"),
        ("namespaces/0/interfaces/0/protected", True, "protected: on 'lab' it would cut the interface off"),
        ("namespaces/0/host", None, "set `host` of the namespace"),
        ("namespaces/0/interfaces/0/peer", "lab-two", "'lab-two', the port to host two, is also the name of"),
        ("hosts", {**HOSTS, "three": "cc.example"}, "of three: 'cc.example' is not an address, and tunnels need one"),
        ("hosts", {**HOSTS, "three": ""}, "of three: has no address"),
        ("hosts", {**HOSTS, "three": "192.0.2.2"}, "192.0.2.2 is that of two and of three"),
        ("hosts", {**HOSTS, "three": "2001:db8::3"}, "one an IPv4 address and three an IPv6 address"),
        ("hosts", {**HOSTS, **{f"h{n}": f"192.0.2.{n}" for n in range(10, 19)}}, "use OVN for more"),
    ],
)
def test_what_cannot_work_is_an_error(path: str, value: Any, message: str) -> None:
    found = errors_of(with_value(meshed(this_host="one"), path, value))
    assert any(message in error for error in found), found


def test_each_mesh_has_its_own_key() -> None:
    variables = meshed(this_host="one")
    variables["bridges"].append({"name": "dmz", "mesh": {"type": "vxlan", "key": 7}})
    assert errors_of(variables) == [
        "topology_bridges[1] (dmz) mesh: key: 7 is also the key of topology_bridges[0] (lab); use another one"
    ]
    variables["bridges"][1]["mesh"]["type"] = "geneve"
    assert len(tunnels(variables)) == 4

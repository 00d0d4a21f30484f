# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host has which part of a topology."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import TopologyError
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    meshed,
    on_bridge,
    reference,
)

HOSTS = ("one", "two", "three")


def names(entries: list[dict[str, Any]], key: str = "name") -> list[str]:
    return [entry[key] for entry in entries]


def split(**variables: Any) -> dict[str, Any]:
    """Return a topology with a namespace on each of two hosts and one on both, on bridges without a mesh."""

    def namespace(name: str, bridge: str, address: str, **options: Any) -> dict[str, Any]:
        return {"name": name, "interfaces": [{"name": "eth0", "bridge": bridge, "addresses": [address]}], **options}

    return {
        "hosts": ["one", "two"],
        "bridges": [
            {"name": "left", "addresses": ["10.1.0.254/24"]},
            {"name": "right", "addresses": ["10.2.0.254/24"]},
            {"name": "both", "addresses": ["10.3.0.254/24"]},
            {"name": "free"},
        ],
        "namespaces": [
            namespace("a", "left", "10.1.0.1/24", host="one"),
            namespace("b", "right", "10.2.0.1/24", host="two"),
            namespace("c", "both", "10.3.0.1/24"),
        ],
        "nat": [{"source": "10.1.0.0/24"}, {"source": "10.2.0.0/24"}, {"source": "10.3.0.0/24"}],
        **variables,
    }


@pytest.mark.parametrize("variables", [reference(), on_bridge(a={}, b={"tag": 5})])
def test_a_topology_that_is_not_spread_is_the_same_on_each_host(variables: dict[str, Any]) -> None:
    plain = compile_topology(variables)
    hosts = {f"host{number}": "" for number in range(20)}
    assert compile_topology({**variables, "hosts": hosts, "this_host": "host3"}) == plain
    # Nor does a limited run matter, which knows no hosts.
    assert compile_topology({**variables, "hosts": {}, "this_host": "host3"}) == plain
    assert "distant_probes" not in plain
    # Nor does OVN of the hosts.
    ovn = {"ovn_bridge": "br-ovn", "ovn_underlay_mtu": 9000, "ovn_chassis": {"host3": "c3"}}
    assert compile_topology({**variables, **ovn, "this_host": "host3"}) == plain
    assert "northbound" not in plain
    # The engine is what it is without one.
    named = [{**bridge, "engine": "ovs"} for bridge in variables["bridges"]]
    assert compile_topology({**variables, "bridges": named}) == plain


def test_each_host_gets_its_part() -> None:
    one, two = (compile_topology(split(this_host=host)) for host in ("one", "two"))
    assert names(one["namespaces"]) == ["a", "c"]
    assert names(two["namespaces"]) == ["b", "c"]
    assert names(one["bridges"]) == ["left", "both", "free"]
    assert names(two["bridges"]) == ["right", "both", "free"]
    assert names(one["ports"]) == ["a-eth0", "c-eth0"]
    assert names(one["rules"], "source") == ["10.1.0.0/24", "10.3.0.0/24"]
    assert names(two["rules"], "source") == ["10.2.0.0/24", "10.3.0.0/24"]
    assert names(two["isolation"], "link") == ["right", "both", "free"]
    assert list(one["hosts"]) == ["a", "c"]
    assert {probe.get("namespace") for probe in one["probes"]} == {"a", "c"}
    assert one["summary"][0].endswith("(and 1 on other hosts)")


def test_the_parts_of_an_absent_topology() -> None:
    one = compile_topology(split(this_host="one", state="absent"))
    assert names(one["namespaces"]) == ["a", "c"]
    assert names(one["rules"], "source") == ["10.1.0.0/24", "10.3.0.0/24"]
    # A host that has left is taken down by a limited run.
    assert names(compile_topology(split(this_host="one", state="absent", hosts={}))["namespaces"]) == ["a", "c"]


def test_rules_of_a_router_are_on_its_host() -> None:
    nat = [{"source": "10.1.0.0/24", "namespace": "b"}, {"publish": 80, "to": "a"}, {"publish": 81, "to": "b"}]
    one, two = (compile_topology(split(this_host=host, nat=nat)) for host in ("one", "two"))
    assert [one["rules"], names(two["rules"], "namespace")] == [[], ["b"]]
    assert [names(one["forwards"], "port"), names(two["forwards"], "port")] == [["80"], ["81"]]


def test_nat_of_a_network_behind_a_router_is_on_the_host_that_has_it() -> None:
    host = {"routes": [{"destination": "10.7.0.0/24", "gateway": "10.2.0.1"}]}
    variables = split(host=host, nat=[{"source": "10.7.0.0/24"}])
    one, two = (compile_topology({**variables, "this_host": host}) for host in ("one", "two"))
    assert [one["rules"], names(two["rules"], "source")] == [[], ["10.7.0.0/24"]]


def test_names_are_those_that_a_mesh_leads_to() -> None:
    variables = meshed(this_host="two")
    variables["bridges"].append({"name": "alone"})
    variables["namespaces"][0]["interfaces"].append({"name": "x", "bridge": "alone", "addresses": ["10.9.0.1/24"]})
    variables["namespaces"].append(
        {"name": "d", "host": "one", "interfaces": [{"name": "x", "bridge": "alone", "addresses": ["10.9.0.2/24"]}]}
    )
    assert compile_topology(variables)["hosts"] == {"a": ["10.1.0.1"], "b": ["10.1.0.2"], "c": ["10.1.0.3"]}


def test_nat_of_a_mesh_is_on_its_gateway() -> None:
    parts = {host: compile_topology(meshed(this_host=host, nat=[{"source": "10.1.0.0/24"}])) for host in HOSTS}
    assert {host: names(part["rules"], "source") for host, part in parts.items()} == {
        "one": ["10.1.0.0/24"],
        "two": [],
        "three": [],
    }
    # The gateway lets out what comes from all hosts.
    assert parts["one"]["isolation"][0]["outbound"] == [{"source": "10.1.0.0/24"}]


def test_a_port_is_published_by_the_gateway_of_a_mesh() -> None:
    forwards = {
        host: compile_topology(meshed(this_host=host, nat=[{"publish": 80, "to": "c"}]))["forwards"] for host in HOSTS
    }
    assert names(forwards["one"], "to_address") == ["10.1.0.3"]
    assert forwards["two"] == forwards["three"] == []


def test_policies_are_enforced_on_the_host_of_the_namespace_by_the_addresses_of_all() -> None:
    policies = [{"from": {"namespaces": ["a"]}, "to": {"namespaces": ["b"]}, "action": "drop"}]
    variables = meshed(policies=policies)
    for namespace in variables["namespaces"]:
        namespace["incoming"] = "deny"
    two = compile_topology({**variables, "this_host": "two"})
    assert names(two["policies"], "namespace") == ["b"]
    assert two["policies"][0]["rules"][0]["peers"] == ["10.1.0.1/32"]
    absent = compile_topology({**variables, "this_host": "two", "state": "absent"})
    assert names(absent["policies"], "namespace") == ["b"]


def patched(**ports: str) -> dict[str, Any]:
    """Return `split` with pairs of patch ports, from the one bridge of each to the other."""
    variables = split()
    for bridge in variables["bridges"]:
        if bridge["name"] in ports:
            far = ports[bridge["name"]]
            port = {"name": f"to_{far}", "peer": {"name": f"from_{bridge['name']}", "bridge": far}}
            mirror = {"name": "m", "select_src_ports": [port["name"]], "output_vlan": 99}
            bridge.update(ports=[port], mirrors=[mirror])
    return variables


def test_a_pair_of_patch_ports_is_on_the_hosts_that_have_both_bridges() -> None:
    variables = patched(left="both", both="right", free="left")
    variables["bridges"][2]["flows"] = ["in_port=from_left,actions=NORMAL", "priority=1,actions=NORMAL"]
    one, two = (compile_topology({**variables, "this_host": host}) for host in ("one", "two"))
    assert names([port for port in one["ports"] if "bridge" in port["peer"]]) == ["to_both", "to_left"]
    assert names([port for port in two["ports"] if "bridge" in port["peer"]]) == ["to_right"]
    # Nor is there what names a port that is not there.
    assert names(one["mirrors"], "bridge") == ["left", "free"]
    assert len(one["flows"][0]["flows"]) == 2
    assert two["flows"][0]["flows"] == ["priority=1,actions=NORMAL"]


def test_a_bridge_is_joined_to_a_mesh_on_its_own_host() -> None:
    variables = patched(both="left")
    variables["bridges"][2]["mesh"] = {"type": "vxlan", "key": 1, "gateway": "one"}
    variables["bridges"][0]["mtu"] = variables["namespaces"][0]["interfaces"][0]["mtu"] = 1450
    variables["namespaces"][2]["host"] = "two"
    variables["hosts"] = {"one": "192.0.2.1", "two": "192.0.2.2"}
    ports = {host: names(compile_topology({**variables, "this_host": host})["ports"]) for host in ("one", "two")}
    assert "to_left" in ports["one"]
    assert "to_left" not in ports["two"]


def test_patch_ports_between_bridges_of_different_hosts() -> None:
    (error,) = errors_of({**patched(left="right"), "this_host": "one"})
    assert error == (
        "topology_bridges[0] (left) ports[0] (to_right) peer: bridge: 'right' is on host 'two' and 'left' on host "
        "'one', and a pair of patch ports does not leave its host; use one bridge with `mesh` or `engine: ovn`"
    )


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        ({"name": "eth0", "namespace": "a"}, "parent: namespace: 'a' is on host 'one' and 'b' on host 'two', and no"),
        ({"name": "left"}, "parent: name: 'left' is on host 'one' and 'b' on host 'two', and no link is on one"),
        ({"name": "both"}, None),
        ({"name": "eth0", "namespace": "c"}, None),
        ({"name": "eth9"}, None),
    ],
)
def test_a_link_on_a_link_of_another_host(parent: dict[str, str], message: str | None) -> None:
    variables = split(this_host="one")
    variables["namespaces"][1]["interfaces"].append({"name": "m0", "kind": "macvlan", "parent": parent})
    if message is None:
        compile_topology(variables)
    else:
        (error,) = errors_of(variables)
        assert message in error


def errors_of(variables: dict[str, Any]) -> list[str]:
    with pytest.raises(TopologyError) as raised:
        compile_topology(variables)
    return list(raised.value.errors)


LINK = {"name": "v0", "namespace": "a", "peer": {"name": "v1", "namespace": "b"}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"links": [LINK]}, "'a' is on host 'one' and 'b' on host 'two', and a veth pair does not leave its host"),
        (
            {"links": [{**LINK, "peer": {"name": "v1", "namespace": "c"}}]},
            "'a' is on host 'one' and 'c' on every host, and a veth pair",
        ),
        (
            {"nat": [{"publish": 80, "to": "a", "namespace": "b"}]},
            "to: 'a' is on host 'one', and the router 'b' on host 'two'; use a router there",
        ),
        ({"hosts": ["one", "too"]}, "host: 'two' is not a host of this topology; did you mean 'too'?"),
        ({"hosts": ["two", "three"]}, "'one', to which the topology is applied, is not one of its hosts (two, three)"),
        ({"hosts": []}, "topology_hosts: is not set, the topology is spread over hosts, and the run is limited"),
    ],
)
def test_what_cannot_work_is_an_error(changes: dict[str, Any], message: str) -> None:
    found = errors_of(split(this_host="one", **changes))
    assert any(message in error for error in found), found


def test_a_gateway_on_another_host_needs_a_mesh() -> None:
    variables = split(this_host="one")
    variables["namespaces"][1]["interfaces"][0].update(bridge="left", addresses=["10.1.0.2/24"])
    variables["namespaces"][1]["routes"] = [{"destination": "default", "gateway": "10.1.0.1"}]
    (error,) = errors_of({**variables, "nat": []})
    assert error == (
        "topology_namespaces[1] (b) routes[0] (default): gateway: 10.1.0.1 is that of 'a' on host 'one', and 'b' is on "
        "host 'two'; set `mesh` of the bridge between them, or use a gateway there"
    )
    variables["bridges"][0]["mesh"] = {"type": "vxlan", "key": 1, "gateway": "one"}
    variables["hosts"] = {"one": "192.0.2.1", "two": "192.0.2.2"}
    compile_topology({**variables, "nat": []})

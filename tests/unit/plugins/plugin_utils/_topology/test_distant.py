# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probes that lead to other hosts, and what listens there."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    Variables,
    logical,
    meshed,
)

HOSTS = ("one", "two", "three")


def distant(host: str, **variables: Any) -> list[dict[str, Any]]:
    found = compile_topology(meshed(this_host=host, **variables))["distant_probes"]
    assert isinstance(found, list)
    return found


def paths(entries: list[dict[str, Any]], protocol: str) -> set[tuple[str, str, str]]:
    probes = ((entry["host"], entry["probe"]) for entry in entries)
    return {
        (probe["namespace"], probe["to"], host)
        for host, probe in probes
        if probe["protocol"] == protocol and probe.get("expect", "reachable") == "reachable"
    }


@pytest.mark.parametrize("protocol", ["icmp", "tcp"])
def test_each_host_probes_each_other_one(protocol: str) -> None:
    assert paths(distant("one"), protocol) == {("a", "10.1.0.2", "two"), ("a", "10.1.0.3", "three")}
    assert paths(distant("three"), protocol) == {("c", "10.1.0.1", "one"), ("c", "10.1.0.2", "two")}


def test_a_large_packet_is_probed_and_a_port_is_opened_at_the_far_end() -> None:
    echo, exchange = (entry for entry in distant("one") if entry["host"] == "two")
    assert echo == {
        "host": "two",
        "probe": {"namespace": "a", "to": "10.1.0.2", "protocol": "icmp", "timeout": 10.0, "full_size": True},
    }
    assert exchange == {
        "host": "two",
        "probe": {"namespace": "a", "to": "10.1.0.2", "protocol": "tcp", "timeout": 10.0, "port": 7},
        "listen": {"namespace": "b", "address": "10.1.0.2", "protocol": "tcp", "port": 7},
    }


def test_what_stays_on_the_host_is_probed_with_the_build() -> None:
    compiled = compile_topology(meshed(this_host="one"))
    assert {(probe["namespace"], probe["to"]) for probe in compiled["probes"]} == {("a", "10.1.0.254")}
    assert "distant_probes" not in compile_topology(meshed(this_host="one", verify=False))


def test_all_hosts_together_probe_what_one_host_would() -> None:
    """The next one of each namespace, whichever host it is on."""
    variables = meshed()
    for number in range(4, 10):
        entry = {"name": "eth0", "bridge": "lab", "addresses": [f"10.1.0.{number}/24"]}
        variables["namespaces"].append({"name": f"n{number}", "host": HOSTS[number % 2], "interfaces": [entry]})
    found = set()
    for host in HOSTS:
        compiled = compile_topology({**variables, "this_host": host})
        probes = [*compiled["probes"], *(entry["probe"] for entry in compiled["distant_probes"])]
        found |= {(probe["namespace"], probe["to"]) for probe in probes}
    names = ["a", "b", "c", *(f"n{number}" for number in range(4, 10))]
    ring = {(name, f"10.1.0.{number % 9 + 1}") for number, name in enumerate(names, 1)}
    assert ring <= found


def test_the_outside_is_probed_by_the_gateway_of_another_host() -> None:
    variables = meshed(nat=[{"source": "10.1.0.0/24"}], verify_outside=["198.51.100.1"])
    for namespace in variables["namespaces"]:
        namespace["routes"] = [{"destination": "default", "gateway": "10.1.0.254"}]
    one, two = (compile_topology({**variables, "this_host": host}) for host in ("one", "two"))
    assert ("a", "198.51.100.1") in {(probe["namespace"], probe["to"]) for probe in one["probes"]}
    assert ("b", "198.51.100.1", "one") in paths(two["distant_probes"], "icmp")
    assert two["probes"] == []


def denying() -> Variables:
    variables = meshed(
        policies=[
            {
                "from": {"namespaces": ["a"]},
                "to": {"namespaces": ["b"]},
                "protocol": "udp",
                "ports": [53],
                "action": "allow",
            }
        ]
    )
    for namespace in variables["namespaces"]:
        namespace["incoming"] = "deny"
    return variables


def test_policies_decide_across_hosts() -> None:
    one = compile_topology({**denying(), "this_host": "one"})["distant_probes"]
    expected = {(entry["host"], entry["probe"]["protocol"]): entry["probe"].get("expect", "reachable") for entry in one}
    assert expected == {
        ("two", "udp"): "reachable",
        ("two", "icmp"): "silent",
        ("two", "tcp"): "silent",
        ("three", "icmp"): "silent",
        ("three", "tcp"): "silent",
    }
    (listen,) = (entry["listen"] for entry in one if entry["probe"]["protocol"] == "udp")
    assert listen == {"namespace": "b", "address": "10.1.0.2", "protocol": "udp", "port": 53}
    # What the policy forbids would be answered if it got there.
    assert all("listen" in entry for entry in one if entry["probe"]["protocol"] == "tcp")


def test_a_probe_of_the_users_is_that_of_the_host_with_its_namespace() -> None:
    probes = [{"namespace": "a", "to": "10.1.0.3", "protocol": "tcp", "port": 443, "expect": "unreachable"}]
    own = [entry for entry in distant("one", verify_probes=probes) if entry["probe"].get("port") == 443]
    assert [(entry["host"], entry["probe"]["expect"]) for entry in own] == [("three", "unreachable")]
    assert not [entry for entry in distant("two", verify_probes=probes) if entry["probe"].get("port") == 443]


def test_a_namespace_with_more_than_a_mesh_is_not_taken_for_one_without() -> None:
    """It may lead further, by what its host alone knows."""
    variables = meshed(this_host="two")
    variables["bridges"] += [{"name": "other", "mesh": {"type": "vxlan", "key": 8}}, {"name": "alone"}]
    variables["namespaces"].append(
        {"name": "x", "host": "two", "interfaces": [{"name": "eth0", "bridge": "other", "addresses": ["10.1.0.9/24"]}]}
    )
    for namespace in variables["namespaces"]:
        namespace["routes"] = []

    def forbidden() -> set[tuple[str, str]]:
        probes = [entry["probe"] for entry in compile_topology(variables)["distant_probes"]]
        return {(probe["namespace"], probe["to"]) for probe in probes if probe.get("expect") == "unreachable"}

    assert forbidden() == {("x", "10.1.0.1")}
    more = {"name": "eth1", "bridge": "alone", "addresses": ["10.3.0.1/24"]}
    variables["namespaces"][0]["interfaces"].append(more)
    assert not forbidden()


def test_what_ovn_carries_is_probed_once_all_hosts_are_built() -> None:
    variables = logical(this_host="one")
    variables["namespaces"][4]["host"] = "one"
    compiled = compile_topology({**variables, "verify_outside": ["192.0.2.1"]})
    assert compiled["probes"] == []
    found = {(entry["host"], entry["probe"]["namespace"], entry["probe"]["to"]) for entry in compiled["distant_probes"]}
    # To the same host, to the router, to another host, and outside.
    assert {
        ("one", "d", "10.2.0.2"),
        ("one", "a", "10.1.0.254"),
        ("two", "a", "10.1.0.2"),
        ("one", "a", "192.0.2.1"),
    } <= found
    assert all("listen" not in entry for entry in compiled["distant_probes"] if entry["host"] == "one")


def test_a_bridge_beside_ovn_is_probed_at_once() -> None:
    variables = logical(this_host="one")
    variables["bridges"].append({"name": "br0", "addresses": ["10.9.0.254/24"]})
    variables["namespaces"].append(
        {"name": "f", "host": "one", "interfaces": [{"name": "eth0", "bridge": "br0", "addresses": ["10.9.0.1/24"]}]}
    )
    probes = compile_topology(variables)["probes"]
    assert {(probe["namespace"], probe["to"]) for probe in probes} == {("f", "10.9.0.254")}

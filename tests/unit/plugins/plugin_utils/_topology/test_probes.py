# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probes that verify a topology: within subnets, outside, and the user's own."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    OUTSIDE,
    OUTSIDE6,
    Variables,
    colliding_topologies,
    expected_paths,
    forbidden_paths,
    on_bridge,
    only_error_of,
    veth,
)

# --- within a broadcast domain -------------------------------------------------------------------------------------


def test_ring_within_a_subnet() -> None:
    variables = on_bridge(
        a={"addresses": ["10.0.0.1/24"]}, b={"addresses": ["10.0.0.2/24"]}, c={"addresses": ["10.0.0.3/24"]}
    )
    assert expected_paths(variables) == {
        ("a", "10.0.0.2"),
        ("b", "10.0.0.3"),
        ("c", "10.0.0.1"),
        *((name, "10.0.0.254") for name in "abc"),
    }
    assert expected_paths(variables, "tcp") == expected_paths(variables)
    assert forbidden_paths(variables) == set()


def test_expected_echoes_are_followed_by_one_of_full_size() -> None:
    """Not outside, where somebody may limit the size of an echo request; not where the user has decided."""
    variables = {
        **on_bridge(
            a={"addresses": ["10.0.0.1/24"]},
            b={"addresses": ["10.0.0.2/24"]},
            c={"addresses": ["10.0.0.3/24"], "tag": 7},
        ),
        "nat": [{"source": "10.0.0.0/24"}],
        "verify_outside": [OUTSIDE],
        "verify_probes": [
            {"namespace": "a", "to": "10.0.0.254"},
            {"namespace": "b", "to": "10.0.0.254", "full_size": True},
        ],
    }
    for namespace in variables["namespaces"]:
        namespace["routes"] = [{"destination": "default", "gateway": "10.0.0.254"}]
    probes = compile_topology(variables)["probes"]
    large = {(probe["namespace"], probe["to"]) for probe in probes if probe.get("full_size")}
    assert large == {("a", "10.0.0.2"), ("b", "10.0.0.1"), ("b", "10.0.0.254")}
    assert {probe["to"] for probe in probes} > {OUTSIDE}
    assert all(probe["protocol"] == "icmp" for probe in probes if "full_size" in probe)


@pytest.mark.parametrize("option", [{"protocol": "tcp"}, {"expect": "unreachable"}])
def test_a_full_sized_packet_is_for_an_echo_that_is_expected(option: Variables) -> None:
    probe = {"namespace": "a", "to": "10.0.0.254", "full_size": True, **option}
    variables = {**on_bridge(a={"addresses": ["10.0.0.1/24"]}), "verify_probes": [probe]}
    assert "full_size: only for `protocol: icmp`, and where an answer is expected" in only_error_of(variables)


def test_what_the_host_lets_in_is_left_to_its_packet_filter() -> None:
    variables = on_bridge(a={"addresses": ["10.0.0.1/24"]}, b={"addresses": ["10.0.0.2/24"]})
    probes = compile_topology(variables)["probes"]
    assert {probe["to"] for probe in probes if probe.get("expect") == "delivered"} == {"10.0.0.254"}
    # A service that the user declares must answer.
    declared = {"namespace": "a", "to": "10.0.0.254", "protocol": "tcp"}
    variables["verify_probes"] = [declared]
    (probe,) = (probe for probe in compile_topology(variables)["probes"] if probe.items() >= declared.items())
    assert "expect" not in probe


def many_on_bridge(count: int) -> Variables:
    last = {"addresses": ["10.0.100.1/16"]}
    others = {f"ns{index}": {"addresses": [f"10.0.{index // 250}.{index % 250 + 1}/16"]} for index in range(1, count)}
    variables = on_bridge(**others, last=last)
    variables["bridges"][0]["addresses"] = ["10.0.255.254/16"]
    for index, namespace in enumerate(variables["namespaces"]):
        namespace["interfaces"][0]["peer"] = f"tap{index}"
    return variables


@pytest.mark.parametrize(("count", "in_ring"), [(100, 100), (101, 17), (200, 17)])
def test_large_subnet_is_sampled(count: int, in_ring: int) -> None:
    paths = expected_paths(many_on_bridge(count))
    to_gateway = {place for place, to in paths if to == "10.0.255.254"}
    assert len(to_gateway) == count
    assert len(paths) - count == in_ring


@pytest.mark.parametrize(("count", "seconds"), [(3, 10), (200, 10), (500, 25)])
def test_timeout_grows_with_the_namespaces(count: int, seconds: float) -> None:
    assert {probe["timeout"] for probe in compile_topology(many_on_bridge(count))["probes"]} == {seconds}


def test_large_subnet_without_gateway_is_not_sampled() -> None:
    variables = many_on_bridge(150)
    del variables["bridges"][0]["addresses"]
    paths = expected_paths(variables)
    assert len(paths) == len({place for place, _to in paths}) == 150


def test_ring_per_vlan_subnet_and_ip_version() -> None:
    variables = on_bridge(
        a={"addresses": ["10.0.0.1/24", "fd00::1/64"]},
        b={"addresses": ["10.0.0.2/24", "fd00::2/64", "fe80::2/64"]},
        c={"addresses": ["10.0.0.3/24"], "tag": 10},
        d={"addresses": ["10.0.0.4/24"], "tag": 10},
        e={"addresses": ["10.7.0.5/24"]},
    )
    assert expected_paths(variables) == {
        ("a", "10.0.0.2"),
        ("b", "10.0.0.1"),
        ("a", "10.0.0.254"),
        ("b", "10.0.0.254"),
        ("a", "fd00::2"),
        ("b", "fd00::1"),
        ("c", "10.0.0.4"),
        ("d", "10.0.0.3"),
    }


@pytest.mark.parametrize(
    ("port", "answers"),
    [
        ({"vlan_mode": "access"}, True),
        ({"vlan_mode": "trunk"}, True),
        ({"vlan_mode": "trunk", "tag": 10}, True),
        ({"trunks": [0, 10]}, True),
        ({"trunks": [10]}, False),
        ({"vlan_mode": "native-tagged", "tag": 0}, False),
        ({"vlan_mode": "native-untagged", "tag": 10}, False),
        ({"vlan_mode": "dot1q-tunnel", "tag": 10}, False),
        ({"tag": 10, "trunks": [0]}, False),
        ({"enabled": False}, False),
    ],
)
def test_vlan_modes(port: Variables, answers: bool) -> None:
    assert bool(expected_paths(on_bridge(a={"addresses": ["10.0.0.1/24"], **port}))) is answers


def test_bridge_in_secure_mode_is_not_probed() -> None:
    variables = on_bridge(
        a={"addresses": ["10.0.0.1/24"]}, b={"addresses": ["10.0.0.2/24"]}, c={"addresses": ["10.0.0.3/24"], "tag": 3}
    )
    variables["bridges"][0]["fail_mode"] = "secure"
    assert compile_topology(variables)["probes"] == []


def test_no_probes_without_verify() -> None:
    assert compile_topology({**on_bridge(a={"addresses": ["10.0.0.1/24"]}), "verify": False})["probes"] == []


def test_links() -> None:
    variables: Variables = {
        "namespaces": [{"name": "red"}, {"name": "blue"}],
        "links": [
            veth("red", "10.9.0.1/30", "blue", "10.9.0.2/30"),
            veth("red", "10.9.1.1/30", None, "10.9.1.2/30"),
        ],
    }
    assert expected_paths(variables) == {
        ("red", "10.9.0.2"),
        ("blue", "10.9.0.1"),
        ("red", "10.9.1.2"),
        (None, "10.9.1.1"),
    }
    variables["links"][0]["peer"]["enabled"] = False
    assert expected_paths(variables) == {("red", "10.9.1.2"), (None, "10.9.1.1")}


def test_subnet_on_two_interfaces_is_not_probed() -> None:
    """Which of the two interfaces the kernel uses is not declared."""
    variables = on_bridge(a={"addresses": ["10.0.0.1/24"]}, b={"addresses": ["10.0.0.2/24"]})
    variables["namespaces"][0]["interfaces"].append(
        {"name": "eth1", "bridge": "br1", "addresses": ["10.0.0.3/24"], "tag": 3}
    )
    assert expected_paths(variables) == {("b", "10.0.0.254")}
    assert forbidden_paths(variables) == set()


# --- outside -------------------------------------------------------------------------------------------------------


def test_outside() -> None:
    variables = {
        **on_bridge(
            a={"addresses": ["10.0.0.1/24"]},
            b={"addresses": ["10.0.0.2/24"]},
            c={"addresses": ["10.1.0.3/24"]},
        ),
        "nat": [{"source": "10.0.0.0/24"}],
        "verify_outside": ["198.51.100.1", "198.51.100.1:443", "[2001:db8::1]:80", "2001:db8::1"],
    }
    a, b, c = variables["namespaces"]
    a["routes"] = [{"destination": "default", "gateway": "10.0.0.254"}]
    b["routes"] = [{"destination": "203.0.113.0/24", "gateway": "10.0.0.254"}]  # Does not cover the target.
    c["routes"] = [{"destination": "default", "device": "eth0"}]  # Covers it, but is not masqueraded.
    outside = [probe for probe in compile_topology(variables)["probes"] if not probe["to"].startswith("10.")]
    assert outside == [
        {"namespace": "a", "to": "198.51.100.1", "protocol": "icmp", "timeout": 10.0},
        {"namespace": "a", "to": "198.51.100.1", "protocol": "tcp", "port": 443, "timeout": 10.0},
    ]


def masqueraded_in_part(**changes: Any) -> Variables:
    """Return IPv4 and IPv6 on one bridge: a is masqueraded, b has a route and is not, c has no route."""
    variables = on_bridge(
        a={"addresses": ["10.0.0.1/24", "fd00::1/64"]},
        b={"addresses": ["10.1.0.2/24", "fd01::2/64"]},
        c={"addresses": ["10.0.0.3/24", "fd00::3/64"]},
    )
    variables["bridges"][0]["addresses"] = ["10.0.0.254/24", "fd00::fe/64", "10.1.0.254/24", "fd01::fe/64"]
    for index in (0, 1):
        variables["namespaces"][index]["routes"] = [
            {"destination": "default", "gateway": f"10.{index}.0.254"},
            {"destination": "default", "gateway": f"fd0{index}::fe"},
        ]
    variables["namespaces"][2]["routes"] = []
    variables["nat"] = [{"source": "10.0.0.1/32"}, {"source": "fd00::1/128"}]
    variables["verify_outside"] = [OUTSIDE, OUTSIDE6]
    return {**variables, **changes}


def test_outside_with_and_without_nat() -> None:
    assert expected_paths(masqueraded_in_part()) >= {("a", OUTSIDE), ("a", OUTSIDE6)}
    assert {path for path in forbidden_paths(masqueraded_in_part()) if path[1] in (OUTSIDE, OUTSIDE6)} == {
        ("b", OUTSIDE),
        ("b", OUTSIDE6),
        ("c", OUTSIDE),
    }


def test_undeclared_routes_may_lead_outside() -> None:
    variables = masqueraded_in_part(nat=[])
    del variables["namespaces"][2]["routes"]
    assert ("c", OUTSIDE) not in forbidden_paths(variables)


def test_outside_of_a_host_that_masquerades_nothing() -> None:
    assert {path for path in forbidden_paths(masqueraded_in_part(nat=[])) if path[1] in (OUTSIDE, OUTSIDE6)} == {
        ("c", OUTSIDE)
    }


def test_public_source_may_have_a_route_back() -> None:
    variables = masqueraded_in_part()
    variables["bridges"][0]["addresses"][2] = "203.0.113.254/24"
    variables["namespaces"][1]["interfaces"][0]["addresses"][0] = "203.0.113.2/24"
    variables["namespaces"][1]["routes"][0]["gateway"] = "203.0.113.254"
    assert ("b", OUTSIDE) not in forbidden_paths(variables)
    variables = masqueraded_in_part(verify_outside=["10.99.0.1"])  # A private network outside.
    assert ("b", "10.99.0.1") not in forbidden_paths(variables)


def linked_to_the_host(**changes: Any) -> Variables:
    """Return a namespace whose only link is the far end of one of the host."""
    return {
        "namespaces": [{"name": "g", "routes": [{"destination": "default", "gateway": "10.1.0.1"}]}],
        "links": [veth("g", "10.1.0.2/30", None, "10.1.0.1/30")],
        "nat": [{"source": "10.1.0.0/30"}],
        "verify_outside": [OUTSIDE],
        **changes,
    }


def test_outside_from_the_end_of_a_link() -> None:
    assert ("g", OUTSIDE) in expected_paths(linked_to_the_host())
    excluded = linked_to_the_host(nat=[{"source": "10.1.0.0/30", "excluded_destinations": [f"{OUTSIDE}/32"]}])
    assert ("g", OUTSIDE) not in expected_paths(excluded) | forbidden_paths(excluded)
    others = linked_to_the_host(nat=[{"source": "10.2.0.0/24"}])
    others["bridges"] = [{"name": "br0", "addresses": ["10.2.0.254/24"]}]
    assert ("g", OUTSIDE) in forbidden_paths(others)


def behind_a_router(*sources: str) -> Variables:
    """Return a client at a link of a router namespace, which masquerades it; the host masquerades these networks."""
    router = {"address": "10.1.0.1/24", "gateway": "10.1.0.254"}
    return {
        "bridges": [{"name": "br0", "addresses": ["10.1.0.254/24", "10.3.0.254/24"]}],
        "namespaces": [
            {
                "name": "router",
                "interfaces": [{"name": "eth0", "bridge": "br0", "addresses": [router["address"]]}],
                "routes": [{"destination": "default", "gateway": router["gateway"]}],
            },
            {"name": "client", "routes": [{"destination": "default", "gateway": "10.2.0.254"}]},
        ],
        "links": [veth("router", "10.2.0.254/24", "client", "10.2.0.1/24")],
        "nat": [{"source": "10.2.0.0/24", "namespace": "router"}, *({"source": source} for source in sources)],
        "verify_outside": [OUTSIDE],
    }


def test_outside_from_behind_a_router() -> None:
    assert expected_paths(behind_a_router("10.1.0.0/24")) >= {("router", OUTSIDE), ("client", OUTSIDE)}
    # What a router sends itself has the address of the link by which it leaves.
    variables = behind_a_router("10.3.0.0/24")
    assert ("router", OUTSIDE) in forbidden_paths(variables)
    # What the router makes of its client's packets has that address as well.
    assert ("client", OUTSIDE) not in expected_paths(variables) | forbidden_paths(variables)
    # The route may give the source.
    variables["namespaces"][0]["routes"][0]["source"] = "10.2.0.254"
    variables["nat"] = [{"source": "10.2.0.0/24"}]
    assert ("router", OUTSIDE) in expected_paths(variables)


def test_outside_by_a_rule() -> None:
    """By which link it leaves then is not known: nothing is expected of it."""
    variables = behind_a_router("10.3.0.0/24")
    variables["namespaces"][0]["rules"] = [{"priority": 100, "fwmark": 1, "table": 100}]
    assert ("router", OUTSIDE) not in expected_paths(variables) | forbidden_paths(variables)


# --- the user's own ------------------------------------------------------------------------------------------------


def test_user_probes() -> None:
    variables = on_bridge(a={"addresses": ["10.0.0.1/24"]}, b={"addresses": ["10.0.0.2/24"]})
    variables["verify_probes"] = [
        {"namespace": "a", "to": "10.0.0.2", "protocol": "tcp", "expect": "unreachable"},
        {"to": "2001:DB8::1", "protocol": "tcp", "port": "443", "timeout": 5},
        {"namespace": "b", "to": "192.0.2.1", "expect": "unreachable", "timeout": "0.5"},
    ]
    probes = compile_topology(variables)["probes"]
    assert probes[-3:] == [
        {"namespace": "a", "to": "10.0.0.2", "protocol": "tcp", "expect": "unreachable", "timeout": 1.0},
        {"to": "2001:db8::1", "protocol": "tcp", "port": 443, "timeout": 5.0},
        {"namespace": "b", "to": "192.0.2.1", "protocol": "icmp", "expect": "unreachable", "timeout": 0.5},
    ]
    # The user overrides the derived probe of the same path.
    assert ("a", "10.0.0.2") not in expected_paths(variables, "tcp")
    assert ("a", "10.0.0.2") in expected_paths(variables)


# --- any topology --------------------------------------------------------------------------------------------------


@given(variables=colliding_topologies(), data=st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_no_path_is_probed_twice(variables: Variables, data: st.DataObject) -> None:
    probes = compile_topology(variables)["probes"]
    if probes and data.draw(st.booleans()):
        chosen = data.draw(st.lists(st.sampled_from(probes), max_size=3, unique_by=_path_of))
        own = [
            {**probe, "expect": data.draw(st.sampled_from(["reachable", "unreachable"])), "full_size": False}
            for probe in chosen
        ]
        variables = {**variables, "verify_probes": copy.deepcopy(own)}
        probes = compile_topology(variables)["probes"]
        found = {_path_of(probe): probe.get("expect", "reachable") for probe in probes}
        assert all(found[_path_of(probe)] == probe["expect"] for probe in own)
    paths = [_path_of(probe) for probe in probes]
    assert len(paths) == len(set(paths))


def _path_of(probe: Variables) -> tuple[object, ...]:
    return probe.get("namespace"), probe["to"], probe["protocol"], probe.get("port")


def large(count: int, vlans: int = 4) -> Variables:
    """Return the same subnet in each VLAN, and a router with a veth pair to every tenth namespace."""
    return {
        "bridges": [{"name": "br0", "addresses": ["10.255.0.254/16"]}],
        "namespaces": [
            {
                "name": f"ns{index}",
                "interfaces": [
                    {
                        "name": "eth0",
                        "bridge": "br0",
                        "peer": f"tap{index}",
                        "tag": index % vlans + 1,
                        "addresses": [f"10.0.{index // 250}.{index % 250 + 1}/16"],
                    }
                ],
            }
            for index in range(count)
        ]
        + [{"name": "router", "sysctls": {"net.ipv4.ip_forward": 1}}],
        "links": [
            veth(f"ns{index}", f"10.100.{index // 10}.1/30", "router", f"10.100.{index // 10}.2/30")
            for index in range(0, count, 10)
        ],
    }


@pytest.mark.parametrize("vlans", [1, 4, 200])
def test_number_grows_linearly(vlans: int) -> None:
    counts = [len(compile_topology(large(count, vlans))["probes"]) for count in (400, 800, 1600)]
    assert counts[1] <= 2 * counts[0] + 10
    assert counts[2] <= 2 * counts[1] + 10
    assert counts[2] <= 6 * 1600

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probes of what must not be reached."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    OUTSIDE,
    Variables,
    colliding_topologies,
    expected_paths,
    forbidden_paths,
    on_bridge,
)


def test_another_vlan_with_the_same_subnet() -> None:
    variables = on_bridge(
        a={"addresses": ["10.0.1.1/24", "fd00::1/64"], "tag": 10},
        b={"addresses": ["10.0.1.2/24", "fd00::2/64"], "tag": 10},
        c={"addresses": ["10.0.1.3/24", "fd00::3/64"], "tag": 20},
    )
    assert forbidden_paths(variables) == {
        ("a", "10.0.1.3"),
        ("b", "10.0.1.3"),
        ("c", "10.0.1.1"),
        ("a", "fd00::3"),
        ("b", "fd00::3"),
        ("c", "fd00::1"),
    }
    assert forbidden_paths(variables, "tcp") == set()
    waits = {
        probe["timeout"] for probe in compile_topology(variables)["probes"] if probe.get("expect") == "unreachable"
    }
    assert waits == {1.0}


def test_another_bridge() -> None:
    variables = on_bridge(
        a={"addresses": ["10.0.0.1/24"]},
        b={"addresses": ["10.0.0.2/24"], "bridge": "br1"},
        c={"addresses": ["10.7.0.3/24"], "bridge": "br1", "tag": 7},
    )
    assert forbidden_paths(variables) == {("a", "10.0.0.2"), ("b", "10.0.0.1")}
    # c has one interface and no route, so it reaches no other subnet. Routes that are not declared may lead there.
    variables["namespaces"][2]["routes"] = []
    assert forbidden_paths(variables) == {("a", "10.0.0.2"), ("b", "10.0.0.1"), ("c", "10.0.0.1")}


def test_none_in_one_subnet() -> None:
    assert forbidden_paths(on_bridge(a={"addresses": ["10.0.0.1/24"]}, b={"addresses": ["10.0.0.2/24"]})) == set()


def test_protected_ports() -> None:
    protected = {"protected": True}
    variables = on_bridge(
        a={"addresses": ["10.0.0.1/24"], **protected},
        b={"addresses": ["10.0.0.2/24"], **protected},
        c={"addresses": ["10.0.0.3/24"]},
    )
    assert expected_paths(variables) == {("a", "10.0.0.254"), ("b", "10.0.0.254"), ("c", "10.0.0.254")}
    assert forbidden_paths(variables) == {("a", "10.0.0.2"), ("b", "10.0.0.1")}


def two_vlans() -> Variables:
    """Return two namespaces in one subnet and different VLANs."""
    return on_bridge(
        a={"addresses": ["10.0.1.1/24"], "tag": 10},
        b={"addresses": ["10.0.1.2/24"], "tag": 20},
    )


def _second_interface(variables: Variables, name: str, **options: Any) -> None:
    {entry["name"]: entry for entry in variables["namespaces"]}[name]["interfaces"].append({"name": "eth1", **options})


def _explicit_trunk(variables: Variables) -> None:
    variables["namespaces"][0]["interfaces"][0].update(trunks=[20], vlan_mode="native-untagged")


def _existing_link(variables: Variables) -> None:
    _second_interface(variables, "a")


def _bridging_namespace(variables: Variables) -> None:
    variables["namespaces"].append(
        {
            "name": "between",
            "interfaces": [
                {"name": "in0", "bridge": "br0", "tag": 10},
                {"name": "out0", "bridge": "br0", "tag": 20},
            ],
        }
    )


def _in_both(variables: Variables) -> None:
    _second_interface(variables, "b", bridge="br0", tag=10, addresses=["10.5.0.2/24"])


def _proxy(variables: Variables) -> None:
    variables["namespaces"].append(
        {
            "name": "proxy",
            "sysctls": {"net.ipv4.conf.all.proxy_arp": 1},
            "interfaces": [{"name": "eth0", "bridge": "br0", "tag": 10, "addresses": ["10.0.1.9/24"]}],
        }
    )


def _the_same_address_here_too(variables: Variables) -> None:
    variables["namespaces"].append(
        {
            "name": "c",
            "interfaces": [{"name": "eth0", "bridge": "br0", "tag": 10, "addresses": ["10.0.1.2/24"]}],
        }
    )


def _a_route_of_its_own(variables: Variables) -> None:
    variables["namespaces"][0]["routes"] = [{"destination": "10.0.1.2/32", "gateway": "10.0.1.99"}]


def _another_table(variables: Variables) -> None:
    variables["namespaces"][0]["routes"] = [{"destination": "default", "gateway": "10.0.1.99", "table": 7}]


def _expected_by_the_user(variables: Variables) -> None:
    variables["verify_probes"] = [{"namespace": "b", "to": "10.0.1.1"}]


@pytest.mark.parametrize(
    "doubt",
    [
        _explicit_trunk,
        _existing_link,
        _bridging_namespace,
        _in_both,
        _proxy,
        _the_same_address_here_too,
        _a_route_of_its_own,
        _another_table,
        _expected_by_the_user,
    ],
)
def test_no_probe_where_the_result_depends_on_what_is_not_declared(doubt: Any) -> None:
    variables = two_vlans()
    assert ("a", "10.0.1.2") in forbidden_paths(variables)
    doubt(variables)
    assert ("a", "10.0.1.2") not in forbidden_paths(variables)


def between_bridges(**options: Any) -> Variables:
    """Return two bridges with the host as their gateway."""
    return {
        "bridges": [
            {"name": f"br{n}", "addresses": [f"10.{n}.0.254/24", f"fd00:{n}::fe/64"], **options} for n in (0, 1)
        ],
        "namespaces": [
            {
                "name": f"ns{n}",
                "interfaces": [
                    {"name": "eth0", "bridge": f"br{n}", "addresses": [f"10.{n}.0.1/24", f"fd00:{n}::1/64"]},
                ],
                "routes": [
                    {"destination": "default", "gateway": f"10.{n}.0.254"},
                    {"destination": "default", "gateway": f"fd00:{n}::fe"},
                ],
            }
            for n in (0, 1)
        ],
    }


def test_the_host_forwards_between_bridges_what_is_declared() -> None:
    variables = between_bridges()
    assert forbidden_paths(variables) == {
        *(("ns0", address) for address in ("10.1.0.1", "fd00:1::1")),
        *(("ns1", address) for address in ("10.0.0.1", "fd00::1")),
    }
    assert len(expected_paths(variables)) == 4  # To the gateways.
    # A route to the network of the other one: what the host does with it depends on its packet filter.
    variables["namespaces"][0]["routes"].append({"destination": "10.1.0.0/16", "gateway": "10.0.0.254"})
    assert ("ns0", "10.1.0.1") not in forbidden_paths(variables)
    assert ("ns1", "10.0.0.1") in forbidden_paths(variables)


def test_forwarding_of_a_host_that_is_open_is_unknown() -> None:
    """Whether it forwards depends on the host and its firewall."""
    variables = between_bridges(isolate=False)
    assert forbidden_paths(variables) == set()
    assert len(expected_paths(variables)) == 4  # To the gateways.
    variables["namespaces"][0]["routes"] = []
    # Without a route, in IPv4; in IPv6 a router may advertise one.
    assert forbidden_paths(variables) == {("ns0", "10.1.0.1")}


def test_address_of_the_host_is_never_isolated() -> None:
    """The host has an interface on every bridge, and Linux answers on each of them for all of its addresses."""
    variables = on_bridge(a={"addresses": ["10.0.1.1/24"]}, b={"addresses": ["10.0.1.2/24"], "bridge": "br1"})
    variables["bridges"][1]["addresses"] = ["10.0.1.254/24"]
    assert forbidden_paths(variables) == {("a", "10.0.1.2"), ("b", "10.0.1.1")}


# --- any topology --------------------------------------------------------------------------------------------------


@given(variables=colliding_topologies())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_isolated_addresses_are_in_another_domain(variables: Variables) -> None:
    """By brute force: who has the address is in no domain where the namespace has the subnet, or both are protected."""
    namespaces = {entry["name"]: entry for entry in variables["namespaces"]}
    for source, to in forbidden_paths(variables):
        if to == OUTSIDE:
            continue
        interfaces = namespaces[str(source)]["interfaces"]
        sending = [
            entry for entry in interfaces if any(_subnet(address) == _subnet(to) for address in entry["addresses"])
        ]
        for name, namespace in namespaces.items():
            if not any(
                address.split("/")[0] == to for entry in namespace["interfaces"] for address in entry["addresses"]
            ):
                continue
            assert name != source
            for near in sending:
                for far in namespace["interfaces"]:
                    both_protected = near.get("protected") and far.get("protected")
                    assert both_protected or _domain(near) != _domain(far)
        assert sending or (":" not in to and not _may_send_on(namespaces, str(source), to))


def _may_send_on(namespaces: Variables, name: str, to: str) -> bool:
    """Return whether a route of a namespace leads to a router that has the subnet, or routes, or is not declared."""
    holders = {
        address.split("/")[0]: namespace
        for namespace in namespaces.values()
        for entry in namespace["interfaces"]
        for address in entry["addresses"]
    }
    routers = [holders.get(route["gateway"]) for route in namespaces[name]["routes"]]
    return any(
        router is None
        or router["routes"]
        or any(_subnet(address) == _subnet(to) for entry in router["interfaces"] for address in entry["addresses"])
        for router in routers
    )


def _domain(interface: Variables) -> tuple[str, int]:
    return interface["bridge"], interface.get("tag", 0)


def _subnet(address: str) -> str:
    return address.rsplit(":" if ":" in address else ".", 1)[0]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a topology has in OVN's northbound database."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
import yaml

from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import parse_call
from ansible_collections.netns.fabric.plugins.module_utils._entry.step_options import validate_step
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.engines import derive_mac
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    FORWARDING,
    ROOT,
    Variables,
    logical,
    reference,
)

HOSTS = ("one", "two", "three")


def northbound(variables: Variables) -> dict[str, Any]:
    found = compile_topology(variables)["northbound"]
    assert isinstance(found, dict)
    return found


def ports(variables: Variables, switch: str = "lab/left") -> dict[str, dict[str, Any]]:
    found = next(each for each in northbound(variables)["switches"] if each["name"] == switch)
    return {port["name"]: port for port in found["ports"]}


def router(variables: Variables) -> dict[str, Any]:
    (found,) = northbound(variables)["routers"]
    return dict(found)


def parse(variables: Variables) -> None:
    """Have the modules check their lists.

    Raises:
        InvalidEntries: With what they refuse.
    """
    lists = northbound(variables)
    for module, option in (("ovn_switch", "switches"), ("ovn_router", "routers"), ("ovn_acl", "groups")):
        resource = RESOURCES[module]
        parse_call(resource, validate_step(resource, {option: lists[option], "owner": "lab", "prune": True}), False)


def test_the_list_is_the_same_on_each_host() -> None:
    first = northbound(logical())
    assert all(northbound(logical(this_host=host)) == first for host in HOSTS)


def test_a_topology_without_ovn_has_none() -> None:
    assert "northbound" not in compile_topology(reference())


def test_a_namespace_has_a_port_on_its_host_with_its_addresses() -> None:
    names = {"one": "c1", "two": "c2", "three": "c3"}
    own = f"{derive_mac('lab', 'b', 'eth0')} 10.1.0.2"
    assert ports(logical(ovn_chassis=names))["lab/b/eth0"] == {
        "name": "lab/b/eth0",
        "addresses": [own],
        "port_security": [own],
        "requested_chassis": "c2",
    }


def test_a_namespace_moves_with_its_host() -> None:
    variables = logical()
    variables["namespaces"][1]["host"] = "three"
    assert ports(variables)["lab/b/eth0"]["requested_chassis"] == "three"
    assert ports(variables)["lab/b/eth0"]["addresses"] == ports(logical())["lab/b/eth0"]["addresses"]


@pytest.mark.parametrize(
    "changes",
    [
        {"sysctls": FORWARDING},
        {
            "interfaces": [
                {"name": "eth0", "bridge": "left", "addresses": ["10.1.0.1/24"], "sysctls": {"ipv4.conf.forwarding": 1}}
            ]
        },
    ],
)
def test_a_router_may_send_what_is_not_its_own(changes: Variables) -> None:
    variables = logical()
    variables["namespaces"][0].update(changes)
    port = ports(variables)["lab/a/eth0"]
    assert port["addresses"][1:] == ["unknown"]
    assert "port_security" not in port
    assert "port_security" in ports(variables)["lab/b/eth0"]


def test_an_interface_may_have_no_address_or_several() -> None:
    variables = logical(nat=[])
    variables["bridges"][0]["addresses"].append("fd00:1::fe/64")
    variables["namespaces"][0].update(routes=[])
    variables["namespaces"][0]["interfaces"][0]["addresses"] = []
    variables["namespaces"][1]["interfaces"][0]["addresses"] += ["fd00:1::2/64", "fe80::2/64"]
    found = ports(variables)
    assert found["lab/a/eth0"]["addresses"] == [derive_mac("lab", "a", "eth0")]
    assert found["lab/b/eth0"]["addresses"] == [f"{derive_mac('lab', 'b', 'eth0')} 10.1.0.2 fd00:1::2"]
    parse(variables)


def test_the_router_has_a_port_on_each_bridge_and_one_outside() -> None:
    found = router(logical())
    assert [(port["name"], port["networks"], port.get("gateway_chassis")) for port in found["ports"]] == [
        ("lab/left:router", ["10.1.0.254/24"], None),
        ("lab/right:router", ["10.2.0.254/24"], None),
        ("lab:outside:router", ["198.51.100.1/24"], ["one", "two"]),
    ]
    assert found["routes"] == [{"prefix": "0.0.0.0/0", "nexthop": "198.51.100.2"}]
    assert found["nat"] == [
        {"type": "snat", "external_ip": "198.51.100.1", "logical_ip": network}
        for network in ("10.1.0.0/24", "10.2.0.0/24")
    ]
    assert found["load_balancers"] == [
        {
            "name": "lab/tcp/198.51.100.1/8080",
            "protocol": "tcp",
            "address": "198.51.100.1",
            "port": 8080,
            "backends": [{"address": "10.1.0.2", "port": 80}],
        }
    ]


def test_each_port_of_the_router_is_on_a_switch() -> None:
    lists = northbound(logical())
    there = {port["router_port"] for each in lists["switches"] for port in each["ports"] if "router_port" in port}
    assert there == {port["name"] for port in lists["routers"][0]["ports"]}
    assert ports(logical(), "lab:outside")["lab:outside:localnet"]["network"] == "outside"


def test_both_ip_versions_leave_by_one_port() -> None:
    variables = logical()
    variables["bridges"][0]["addresses"].append("fd00:1::fe/64")
    variables["namespaces"][1]["interfaces"][0]["addresses"].append("fd00:1::2/64")
    way = {**variables["nat"][1], "source": "fd00:1::/64", "address": "2001:db8::1/64", "next_hop": "2001:db8::2"}
    variables["nat"].insert(0, way)
    found = router(variables)
    assert found["ports"][-1]["networks"] == ["198.51.100.1/24", "2001:db8::1/64"]
    assert {route["prefix"] for route in found["routes"]} == {"0.0.0.0/0", "::/0"}
    assert {entry["address"] for entry in found["load_balancers"]} == {"198.51.100.1", "2001:db8::1"}
    parse(variables)


def test_a_bridge_without_addresses_has_no_router() -> None:
    bridges = [{"name": "left", "engine": "ovn"}, {"name": "right", "engine": "ovn"}]
    variables = logical(bridges=bridges, nat=[])
    for namespace in variables["namespaces"]:
        namespace["routes"] = []
    assert northbound(variables)["routers"] == []
    assert all("router_port" not in port for port in ports(variables).values())


def test_the_modules_accept_the_lists() -> None:
    parse(logical())
    parse(logical(state="absent"))


def test_the_deletion_names_everything() -> None:
    present, absent = northbound(logical()), northbound(logical(state="absent"))
    for option in ("switches", "routers"):
        assert [entry["name"] for entry in absent[option]] == [entry["name"] for entry in present[option]]
        assert {entry["state"] for entry in absent[option]} == {"absent"}


def test_two_topologies_have_nothing_in_common() -> None:
    """Tenants: the same namespaces, bridges and addresses."""

    def names(variables: Variables) -> set[str]:
        lists = northbound(variables)
        rows = [*lists["switches"], *lists["routers"]]
        inner = [each for row in rows for option in ("ports", "load_balancers") for each in row.get(option, ())]
        return {each["name"] for each in (*rows, *inner)} | {each["mac"] for each in inner if "mac" in each}

    assert not names(logical()) & names(logical(name="dmz"))


def test_no_two_rows_have_one_name() -> None:
    """Not even with names that are made for it."""
    variables = logical()
    variables["bridges"][1]["name"] = "a"
    for namespace in variables["namespaces"][3:]:
        namespace["interfaces"][0]["bridge"] = "a"
    for rule in variables["nat"][:2]:
        rule["physical_network"] = "left"
    lists = northbound(variables)
    for rows in (
        lists["switches"],
        [port for each in (*lists["switches"], *lists["routers"]) for port in each["ports"]],
    ):
        found = [row["name"] for row in rows]
        assert len(found) == len(set(found))
    parse(variables)


def test_the_example_of_the_guide_is_a_topology() -> None:
    guide = (ROOT / "docs" / "docsite" / "rst" / "many_hosts_with_ovn.rst").read_text(encoding="utf-8")
    block = guide.partition("# inventory/group_vars/ovn_central.yml\n")[2].partition(".. code-block:: shell")[0]
    given = yaml.safe_load(textwrap.dedent(block))
    variables = {key.removeprefix("topology_"): value for key, value in given.items() if key.startswith("topology_")}
    hosts = ["alpha", "beta", "gamma"]
    # Joined by the route of `web`, as the guide says.
    assert router({**variables, "hosts": hosts})["policies"] == []
    for host in hosts:
        assert compile_topology({**variables, "hosts": hosts, "this_host": host})["distant_probes"]
    parse({**variables, "hosts": hosts})

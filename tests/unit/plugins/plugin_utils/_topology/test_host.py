# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is declared of the host itself: its errors, and the entries that it becomes."""

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


def on_host(*interfaces: Any, **changes: Any) -> Variables:
    ports = changes.pop("ports", [])
    return {"bridges": [{"name": "br0", "ports": ports}], "host": {"interfaces": list(interfaces), **changes}}


FULL = on_host(
    {"name": "eth1", "mtu": 9000, "addresses": ["10.0.0.1/24"], "sysctls": {"ipv4.conf.rp_filter": 2}},
    {"name": "tap0", "kind": "tap", "tap": {"user": 5}},
    routes=[{"destination": "10.9.0.0/16", "gateway": "10.0.0.9"}],
    rules=[{"priority": 5, "from": "10.9.0.0/16", "table": 7}],
    neighbours=[{"address": "10.0.0.9", "device": "eth1", "mac": "02:00:00:00:00:09"}],
)


def test_the_host_is_like_a_namespace_without_a_name() -> None:
    compiled = compile_topology(FULL)
    assert compiled["links"][1:] == [
        {
            "name": "eth1",
            "enabled": True,
            "mtu": 9000,
            "sysctls": {"ipv4.conf.rp_filter": 2},
            "addresses": ["10.0.0.1/24"],
        },
        {"name": "tap0", "enabled": True, "kind": "tap", "tap": {"user": 5}},
    ]
    assert compiled["routes"] == [{"destination": "10.9.0.0/16", "gateway": "10.0.0.9"}]
    assert compiled["routing_rules"] == [{"priority": 5, "from": "10.9.0.0/16", "table": 7}]
    assert compiled["neighbours"] == [{"address": "10.0.0.9", "device": "eth1", "mac": "02:00:00:00:00:09"}]
    assert any(line.startswith("  host: eth1 10.0.0.1/24, tap tap0") for line in compiled["summary"])


def test_the_loopback_has_an_mtu_of_its_own() -> None:
    loopback = {"name": "lo", "mtu": 65536}
    compiled = compile_topology({**on_host(loopback), "namespaces": [{"name": "red", "interfaces": [loopback]}]})
    assert [each.get("mtu") for each in compiled["links"] if each["name"] == "lo"] == [65536, 65536]
    assert "mtu: 65536" in only_error_of(on_host({"name": "eth1", "mtu": 65536}))


def test_deletion_removes_what_is_declared() -> None:
    compiled = compile_topology({**FULL, "state": "absent"})
    assert compiled["links"][1:] == [
        {"name": "eth1", "addresses": ["10.0.0.1/24"], "state": "absent"},
        {"name": "tap0", "kind": "tap", "state": "absent"},
    ]
    for key in ("routes", "routing_rules", "neighbours"):
        assert [entry["state"] for entry in compiled[key]] == ["absent"]
        assert compile_topology({"state": "absent"})[key] == []


def test_nothing_of_the_host_is_emptied() -> None:
    """An empty list names no namespace that is to have none: the host has routes of others."""
    compiled = compile_topology(on_host(routes=[], rules=[], neighbours=[]))
    assert compiled["routes"] == compiled["routing_rules"] == compiled["neighbours"] == []


def test_a_declared_link_may_be_a_port() -> None:
    variables = on_host({"name": "eth1"}, {"name": "eth2"}, {"name": "tap0", "kind": "tap"})
    variables["bridges"][0]["ports"] = [{"name": "tap0"}, {"name": "bond0", "members": ["eth1", "eth2"]}]
    compiled = compile_topology(variables)
    assert [link["name"] for link in compiled["links"]] == ["br0", "eth1", "eth2", "tap0"]
    assert [link["name"] for link in compile_topology({**variables, "state": "absent"})["links"]] == [
        *("br0", "eth1", "eth2", "tap0")
    ]
    variables["bridges"][0]["ports"][0]["addresses"] = []
    assert "addresses: belongs to the entry of the link" in only_error_of(variables)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("eth1", "topology_host: must be a dictionary with the keys interfaces, routes"),
        ({"interface": []}, "topology_host: interface: is not an option here; did you mean 'interfaces'?"),
        ({"interfaces": [{"name": "eth1", "bridge": "br0"}]}, "bridge: is not an option here"),
        ({"interfaces": [{"name": "br0"}]}, "already the name of"),
        ({"interfaces": [{"name": "v5", "kind": "vlan", "vlan": {"id": 5}}]}, "parent: a vlan is on another link"),
        ({"interfaces": [{"name": "eth1", "vlan": {"id": 5}}]}, "give its `kind`"),
        ({"routes": [{"destination": "default", "gateway": "x"}]}, "topology_host routes[0] (default): gateway"),
        ({"routes": [{"destination": "default", "gateway": "10.0.0.1"}] * 2}, "is also the destination of"),
        (
            {"interfaces": [{"name": name, "addresses": ["10.0.0.1/24"]} for name in ("eth1", "eth2")]},
            "10.0.0.1 is already assigned on the host",
        ),
    ],
)
def test_what_is_wrong_is_named(host: Any, message: str) -> None:
    errors = errors_of({"bridges": [{"name": "br0"}], "host": host})
    assert any(message in error for error in errors), errors


def test_the_host_stands_in_the_diagram() -> None:
    diagram, _name = diagram_from_variables(FULL)
    (box,) = [box for box in diagram.boxes if box.title == "host"]
    assert [interface.name for interface in box.interfaces] == ["eth1", "tap0"]


def test_kernel_parameters() -> None:
    variables = {"host": {"sysctls": {"net.ipv4.tcp_syncookies": 2, "net.core.somaxconn": None}}}
    compiled = compile_topology(variables)
    assert compiled["host_sysctls"] == {"net.ipv4.tcp_syncookies": 2}
    assert "  host: 2 kernel parameters" in compiled["summary"]
    assert compile_topology({**variables, "state": "absent"})["host_sysctls"] == {"net.ipv4.tcp_syncookies": None}
    error = only_error_of({"host": {"sysctls": {"net.ipv4.conf.eth0.rp_filter": 1}}})
    assert "sysctls.net.ipv4.conf.eth0.rp_filter: is a parameter of the link eth0; set ipv4.conf.rp_filter by" in error


def test_a_port_of_a_bridge_is_a_member_of_nothing_else() -> None:
    interfaces = [{"name": "br1", "kind": "bridge"}, {"name": "eth1", "master": "br1"}]
    variables = {"host": {"interfaces": interfaces}, "bridges": [{"name": "br0", "ports": [{"name": "eth1"}]}]}
    error = only_error_of(variables)
    assert (
        "ports[0] (eth1): name: 'eth1' is a member of 'br1' (topology_host interfaces[1] (eth1)), and a link" in error
    )

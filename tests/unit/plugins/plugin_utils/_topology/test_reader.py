# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reader: types, keys and required options."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.reader import Reader, to_plain
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    errors_of,
    on_bridge,
    only_error_of,
    small,
)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ("x", "the topology: must be a dictionary"),
        ({"nam": 1}, "the topology: nam: is not an option; did you mean 'name'?"),
        ({"bridges": None}, "topology_bridges: has no value; set a list, or [] for none"),
        ({"bridges": "br0"}, "topology_bridges: must be a list, not the string 'br0'; write it in brackets"),
        (
            {"nat": "[]"},
            "not the string '[]'; on the command line give it as JSON: --extra-vars '{\"topology_nat\": []}'",
        ),
        ({"nat": {"source": "10.0.0.0/8"}}, "topology_nat: must be a list, not a dictionary; write it in brackets"),
        ({"nat": "x" * 61}, "topology_nat: must be a list, not a string; write it in brackets"),
        ({"namespaces": 5}, "topology_namespaces: must be a list, not a number (5); write it in brackets"),
        ({"bridges": ["br0"]}, "topology_bridges[0]: must be a dictionary with the keys name, "),
        ({"bridges": [{}]}, "topology_bridges[0]: name: is missing"),
        (small(routes=[{"destination": "default", "nexthops": None}]), "nexthops: has no value; set a list, or []"),
        (small(routes=[{"destination": "default", "nexthops": 3}]), "nexthops: must be a list, not a number (3)"),
        (
            {"bridges": [{"name": "br0", "adresses": []}]},
            "topology_bridges[0] (br0): adresses: is not an option here; did you mean 'addresses'?",
        ),
        (
            {"namespaces": [{"name": "red", "state": "absent"}]},
            "topology_namespaces[0] (red): state: is not an option here; to delete the object, remove the entry",
        ),
        (
            {"namespaces": [{"name": "red", "interfaces": {"name": "eth0"}}]},
            "topology_namespaces[0] (red): interfaces: must be a list",
        ),
        (
            {"namespaces": [{"name": "red", "search": [None]}]},
            "topology_namespaces[0] (red): search[0]: has no value",
        ),
        (small(addresses="10.0.0.1/24"), "(eth0): addresses: must be a list, not the string '10.0.0.1/24'"),
        (small(addresses=None), "(eth0): addresses: has no value"),
        (small(routes=[{"gateway": "10.0.0.2"}]), "routes[0]: destination: is missing"),
        (small(routes=[{"destination": "default"}]), "routes[0] (default): gateway: is missing, and so is `device`"),
        (
            {"namespaces": [{"name": "red", "interfaces": [{"name": "eth0", "peer": "p"}]}]},
            "(eth0): peer: requires `bridge`: it names the end of the veth pair",
        ),
        (
            {"namespaces": [{"name": "red", "interfaces": [{"name": "eth0", "tag": 1}]}]},
            "(eth0): tag: requires `bridge`: it is an option of the bridge's port; add `bridge`, or omit `tag`",
        ),
        (
            {
                "bridges": [{"name": "br0"}],
                "namespaces": [{"name": "a-long-name", "interfaces": [{"name": "veth0", "bridge": "br0"}]}],
            },
            "(veth0): peer: is not set, and the name derived for the end on the host, 'a-long-name-veth0', is not an",
        ),
        ({"links": [{"name": "l0"}]}, "topology_links[0] (l0): peer: is missing"),
        ({"links": [{"name": "l0", "peer": "l1"}]}, "topology_links[0] (l0) peer: must be a dictionary"),
        ({"nat": [{}]}, "topology_nat[0]: source: is missing"),
    ],
)
def test_one_error(variables: object, message: str) -> None:
    """Each error is reported once, with its place, and causes no others."""
    assert message in only_error_of(variables)


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ({"to": "10.0.0.1", "namespace": "aa"}, "(10.0.0.1): namespace: 'aa' is not in `topology_namespaces`"),
        ({"to": "10.0.0.300"}, "verify_probes[0] (10.0.0.300): to: '10.0.0.300' is not an IPv4 address"),
        ({"to": "10.0.0.1/24"}, "to: '10.0.0.1/24' has a prefix length"),
        ({"to": "fe80::1"}, "to: fe80::1 is link-local"),
        ({"namespace": "a"}, "verify_probes[0]: to: is missing"),
        ({"to": "10.0.0.1", "expects": "reachable"}, "expects: is not an option here; did you mean 'expect'?"),
        ({"to": "10.0.0.1", "expect": "no"}, "expect: 'no' is not one of reachable, unreachable"),
        ({"to": "10.0.0.1", "protocol": "sctp"}, "protocol: 'sctp' is not one of icmp, tcp, udp"),
        ({"to": "10.0.0.1", "port": 80}, "port: ICMP has no ports"),
        ({"to": "10.0.0.1", "protocol": "tcp", "port": 0}, "port: 0 is not a valid port"),
        ({"to": "10.0.0.1", "timeout": 0}, "timeout: 0 is not a time to wait"),
        ({"to": "10.0.0.1", "timeout": True}, "timeout: True is not a time to wait"),
        ({"to": "10.0.0.1", "timeout": [1]}, "timeout: [1] is not a time to wait"),
        ({"to": "10.0.0.1", "timeout": None}, "timeout: has no value"),
        ("10.0.0.1", "must be a dictionary"),
    ],
)
def test_one_error_in_a_user_probe(probe: Any, message: str) -> None:
    variables = {**on_bridge(a={"addresses": ["10.0.0.1/24"]}), "verify_probes": [probe]}
    error = only_error_of(variables)
    assert message in error
    assert error.startswith("topology_verify_probes[0]")


def test_errors_inside_a_namespace_with_an_invalid_name() -> None:
    variables = small(mtu=1)
    variables["namespaces"][0]["name"] = ""
    assert [line.split(": ")[1] for line in errors_of(variables)] == ["name", "mtu"]


def test_invalid_entries_are_left_out() -> None:
    reader = Reader()
    topology = reader.read(
        {"bridges": [{"name": "br0"}, {}], "namespaces": [{"name": "red", "interfaces": [{"name": "a/b"}]}]}
    )
    assert len(reader.errors) == 2
    assert [bridge.name for bridge in topology.bridges] == ["br0"]
    assert topology.incomplete == {"bridges"}
    assert topology.namespaces[0].incomplete


def test_an_existing_interface_may_have_an_alternative_name() -> None:
    """A veth pair is created, and no link can be created with such a name."""
    name = "enp0s31f6np0-of-the-first-card"
    routes = [{"destination": "default", "gateway": "10.0.0.2", "device": name}]
    namespace: dict[str, Any] = {
        "name": "red",
        "interfaces": [{"name": name, "addresses": ["10.0.0.1/24"]}],
        "routes": routes,
    }
    variables = {"bridges": [], "namespaces": [namespace], "nat": []}
    assert compile_topology(variables)["links"][-1]["name"] == name
    namespace["interfaces"][0]["name"] = "x" * 128
    assert "128 characters long, and Linux takes at most 127" in str(errors_of(variables))


def test_to_plain_copies() -> None:
    class Tagged(str):
        __slots__ = ()

    plain = to_plain({Tagged("a"): (Tagged("b"), {"c": 1})})
    assert plain == {"a": ["b", {"c": 1}]}
    assert {type(key) for key in plain} == {type(plain["a"][0])} == {str}

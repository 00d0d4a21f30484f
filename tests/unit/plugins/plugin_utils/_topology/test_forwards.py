# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Published ports: their targets and their errors."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.forwards import resolve_targets
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    only_error_of,
    publishing,
)


@pytest.mark.parametrize(
    ("entry", "targets"),
    [
        ({"to": "web"}, ["10.0.0.1/24", "fd00::1/64"]),
        ({"to": "fd00::1"}, ["fd00::1/64"]),
        ({"to": "web", "address": "2001:db8::1"}, ["fd00::1/64"]),
        ({"to": "web", "from": ["203.0.113.0/24"]}, ["10.0.0.1/24"]),
        ({"to": "web", "from": ["203.0.113.0/24", "2001:db8::/32"]}, ["10.0.0.1/24", "fd00::1/64"]),
    ],
)
def test_resolve_targets(entry: dict[str, Any], targets: list[str]) -> None:
    topology = load_topology(publishing({"publish": 80, **entry}))
    assert [str(target) for target in resolve_targets(topology, topology.forwards[0])] == targets


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"to": "wep"}, "(8080): to: 'wep' is not in `topology_namespaces`; did you mean 'web'?"),
        ({"to": "10.0.0.9"}, "to: 10.0.0.9 is not an address of a namespace of this topology"),
        ({"to": "10.0.0.254"}, "to: 10.0.0.254 is not an address of a namespace of this topology"),
        ({"to": "bare"}, "to: namespace 'bare' has no address"),
        ({"to": "web", "namespace": "web"}, "to: web is in namespace 'web', which is the router of this entry"),
        ({"to": "web", "namespace": "router"}, "namespace: 'router' is not in `topology_namespaces`"),
        ({"to": "db", "address": "2001:db8::1"}, "address: 2001:db8::1 is of another IP version"),
        ({"to": "db", "address": "127.0.0.1"}, "address: no port can be published at 127.0.0.1"),
        ({"to": "db", "publish": 70000}, "publish: 70000 is not a valid port; give a whole number from 1 to 65535"),
        (
            {"to": "db", "publish": "80-90", "to_port": 80},
            "to_port: cannot be combined with the range 80-90, whose ports keep their numbers",
        ),
        ({"to": "db", "protocol": "dccp"}, "protocol: 'dccp' is not one of tcp, udp, sctp"),
        (
            {"to": "db", "source": "10.0.0.0/24"},
            "source: cannot be combined with `publish`; write one entry that masquerades",
        ),
        ({}, "to: is missing"),
        ({"to": "db", "from": []}, "from: names nobody who may connect; name a network, or omit it for everybody"),
        ({"to": "db", "from": "10.0.0.0/8"}, "from: must be a list"),
        ({"to": "db", "from": ["10.0.0.1/8"]}, "from[0]: '10.0.0.1/8' is an address within a network"),
        ({"to": "db", "in_interface": "wan+"}, "in_interface: 'wan+' contains the character +"),
        ({"to": "db", "from": ["0.0.0.0/0"]}, "from[0]: 0.0.0.0/0 contains every address, which is the default"),
        (
            {"to": "db", "from": ["fd00::/64"]},
            "from: has no network of the IP version of the addresses of db, so that nobody may connect; add one",
        ),
        ({"to": "db", "loopback": True, "in_interface": "eth0"}, "loopback: cannot be combined with `in_interface`"),
        ({"to": "fd00::1", "loopback": True}, "loopback: fd00::1 has no IPv4 address, and IPv6 has no such way"),
        ({"to": "db", "publsh": 1}, "publsh: is not an option here; did you mean 'publish'?"),
    ],
)
def test_one_error(entry: dict[str, Any], message: str) -> None:
    assert message in only_error_of(publishing({"publish": 8080, **entry}))


@pytest.mark.parametrize(
    ("first", "second", "collide"),
    [
        ({"publish": 80}, {"publish": 80}, True),
        ({"publish": 80}, {"publish": "79-81"}, True),
        ({"publish": 80}, {"publish": 80, "protocol": "udp"}, False),
        ({"publish": 80, "address": "198.51.100.1"}, {"publish": 80, "address": "198.51.100.2"}, False),
        ({"publish": 80, "address": "198.51.100.1"}, {"publish": 80, "address": "2001:db8::1"}, False),
        ({"publish": 80, "address": "198.51.100.1"}, {"publish": 80}, True),
        ({"publish": 80, "in_interface": "eth0"}, {"publish": 80, "in_interface": "eth1"}, False),
        ({"publish": 80, "namespace": "db"}, {"publish": 80}, False),
    ],
)
def test_port_published_twice(first: dict[str, Any], second: dict[str, Any], collide: bool) -> None:
    variables = publishing({"to": "web", **first}, {"to": "web", **second})
    if not collide:
        assert compile_topology(variables)["forwards"]
        return
    assert "is also published by topology_nat[1] (80)" in only_error_of(variables)


def behind(*lan_addresses: str, routes: bool = False) -> dict[str, Any]:
    """Return a router whose first interface is on a bridge of its own, and a client behind it."""
    route = {"destination": "10.7.0.0/24", "gateway": "10.0.0.254"}
    ends = [("lan", "10.1.0.1/24"), ("br", "10.0.0.1/24")]
    return {
        "bridges": [{"name": "lan", "addresses": list(lan_addresses)}, {"name": "br", "addresses": ["10.0.0.254/24"]}],
        "namespaces": [
            {
                "name": "router",
                "interfaces": [{"name": f"eth-{name}", "bridge": name, "addresses": [own]} for name, own in ends],
                "routes": [route] if routes else [],
            },
            {"name": "client", "interfaces": [{"name": "eth0", "bridge": "lan", "addresses": ["10.1.0.2/24"]}]},
            {"name": "other", "interfaces": [{"name": "eth0", "bridge": "br", "addresses": ["10.0.0.3/24"]}]},
        ],
    }


def targets_of(variables: dict[str, Any], **entry: Any) -> list[str]:
    topology = load_topology({**variables, "nat": [{"publish": 80, **entry}]})
    return [str(target) for target in resolve_targets(topology, topology.forwards[0])]


def test_the_address_that_the_host_reaches() -> None:
    """Not the first one, which is on a bridge where the host has no address."""
    assert targets_of(behind(), to="router") == ["10.0.0.1/24"]
    assert targets_of(behind("10.1.0.254/24"), to="router") == ["10.1.0.1/24"]
    assert targets_of(behind(), to="client", namespace="router") == ["10.1.0.2/24"]
    # A bridge whose addresses are not declared may have one.
    undeclared = behind()
    undeclared["bridges"][0] = {"name": "lan"}
    assert targets_of(undeclared, to="client") == ["10.1.0.2/24"]
    assert targets_of(undeclared, to="router") == ["10.0.0.1/24"]


def test_what_the_host_has_a_route_to() -> None:
    def routed(*routes: dict[str, Any]) -> dict[str, Any]:
        return {**behind(), "host": {"routes": list(routes)}}

    by_router = {"destination": "10.1.0.0/24", "gateway": "10.0.0.1"}
    assert targets_of(routed(by_router), to="client") == ["10.1.0.2/24"]
    # What it has a link to comes first.
    assert targets_of(routed(by_router), to="router") == ["10.0.0.1/24"]
    for routes in (
        [{"destination": "10.7.0.0/24", "gateway": "10.0.0.1"}],
        [{"destination": "default", "gateway": "10.0.0.1"}],
        [{"destination": "0.0.0.0/0", "gateway": "10.0.0.1"}],
        [by_router, {"destination": "10.1.0.2/32", "type": "prohibit"}],
        [{**by_router, "metric": 10}, {"destination": "10.1.0.0/24", "type": "unreachable", "metric": 5}],
        [{**by_router, "table": 100}],
    ):
        error = only_error_of({**routed(*routes), "nat": [{"publish": 80, "to": "client"}]})
        assert "link that leads there, or a route to `topology_host`, or publish the port by the `namespace`" in error


def test_the_route_that_the_host_uses() -> None:
    """Whatever the order: one that refuses is often behind another, for when that is gone."""
    by_router = {"destination": "10.1.0.0/24", "gateway": "10.0.0.1"}
    refusal = {"destination": "10.1.0.0/24", "type": "unreachable", "metric": 4000}
    rule = {"priority": 100, "to": "10.1.0.0/24", "table": 100}
    for host in (
        {"routes": [refusal, by_router]},
        {"routes": [by_router, refusal]},
        {"routes": [{**by_router, "table": 100}], "rules": [rule]},
    ):
        variables = {**behind(), "host": host}
        assert targets_of(variables, to="client") == ["10.1.0.2/24"]
        compiled = compile_topology({**variables, "nat": [{"publish": 80, "to": "client"}], "verify": False})
        assert compiled["forwards"][0]["hairpin"] == ["10.1.0.0/24", "10.0.0.0/24"]


def test_who_gets_the_address_of_the_router() -> None:
    """All that the service answers without it: its neighbours, and whoever is on the way to it, or beside that."""

    def hairpin(variables: dict[str, Any], **entry: Any) -> Any:
        compiled = compile_topology({**variables, "nat": [{"publish": 80, "to": "client", **entry}], "verify": False})
        return compiled["forwards"][0].get("hairpin")

    by_router = [{"destination": f"10.{net}.0.0/24", "gateway": "10.0.0.1"} for net in (1, 8)]
    others = [{"destination": "10.9.0.0/24", "gateway": "192.0.2.1"}, {"destination": "10.10.0.0/24", "device": "eth9"}]
    all_of_them = ["10.1.0.0/24", "10.0.0.0/24", "10.8.0.0/24"]
    assert hairpin({**behind(), "host": {"routes": [*by_router, *others]}}) == all_of_them
    assert hairpin({**behind(), "host": {"routes": by_router}}, **{"from": ["10.8.0.0/16"]}) == ["10.8.0.0/24"]
    assert hairpin({**behind(), "host": {"routes": by_router}}, **{"from": ["192.0.2.0/24"]}) is None
    for default in ("default", "0.0.0.0/0"):  # what is outside comes by the router, and so does the answer
        routes = [*by_router, {"destination": default, "gateway": "10.0.0.1"}]
        assert hairpin({**behind(), "host": {"routes": routes}}) == all_of_them
    variables = behind("10.1.0.254/24")
    variables["host"] = {"routes": by_router}
    assert hairpin(variables) == ["10.1.0.0/24"]  # the host has a link there
    variables["namespaces"][2]["routes"] = by_router
    assert hairpin(variables, namespace="other") == all_of_them


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"to": "client"}, "to: the host has no address in 10.1.0.0/24, and cannot reach client; add such an address"),
        ({"to": "10.1.0.1"}, "to: the host has no address in 10.1.0.0/24, and cannot reach 10.1.0.1; add such"),
        (
            {"to": "client", "namespace": "other"},
            "to: namespace 'other' has no address in 10.1.0.0/24, and cannot reach client; add such an address",
        ),
    ],
)
def test_what_the_router_cannot_reach(entry: dict[str, Any], message: str) -> None:
    assert message in only_error_of({**behind(), "nat": [{"publish": 80, **entry}]})

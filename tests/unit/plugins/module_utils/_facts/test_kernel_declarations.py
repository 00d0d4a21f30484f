# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Namespaces, links and routes as lists for the modules."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface as interface
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._facts.model import NamespaceFacts
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Address, End, Link, Route
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_host_sysctls import Record
from ansible_collections.netns.fabric.tests.helpers.host_facts import (
    LO,
    OWNED_LO,
    host_facts,
    namespace,
    reported,
    veth,
)


def test_a_pair_is_declared_once_the_end_in_a_namespace_first() -> None:
    host = namespace(None, LO, veth(5, "tap0", End("red", 2), tx_checksum=False))
    red = namespace(
        "red", LO, veth(2, "eth0", End(None, 5), mtu=9000), addresses=(Address(2, interface("10.0.0.1/24")),)
    )
    declared = reported(host_facts(host, red))["declarations"]
    assert declared["pairs"] == [
        {
            "name": "eth0",
            "namespace": "red",
            "addresses": ["10.0.0.1/24"],
            "mtu": 9000,
            "enabled": True,
            "mac": "02:00:00:00:00:02",
            "tx_checksum": True,
            "peer": {
                "name": "tap0",
                "addresses": [],
                "mtu": 1500,
                "enabled": True,
                "mac": "02:00:00:00:00:05",
                "tx_checksum": False,
            },
        }
    ]
    assert declared["namespaces"] == [{"name": "red"}]


def test_a_pair_whose_peer_was_not_found_is_not_declared() -> None:
    result = reported(host_facts(namespace("red", LO, veth(2, "eth0", End(None, 5, known=False)))))
    assert result["declarations"]["pairs"] == []
    assert result["undeclared"] == ["pairs: red/eth0: its peer is not in a namespace with a name"]


def test_parameters_of_the_host_are_those_that_the_owner_has_set_and_nobody_since() -> None:
    recorded = {
        "net.core.somaxconn": (Record("lab", "4096", "8192"), "8192"),
        "net.ipv4.tcp_ecn": (Record("web", "2", "1"), "1"),
        "net.ipv4.tcp_fin_timeout": (Record("lab", "60", "30"), "15"),
    }
    facts = replace(host_facts(namespace(None, LO)), host_sysctls=recorded)
    result = reported(facts, owner="lab")
    assert result["declarations"]["host_sysctls"] == {"net.core.somaxconn": "8192"}
    assert result["undeclared"] == ["host_sysctls: net.ipv4.tcp_fin_timeout: lab has set 30, and somebody else 15"]
    assert result["owners"] == ["lab", "web"]
    assert reported(facts)["declarations"]["host_sysctls"].keys() == {"net.core.somaxconn", "net.ipv4.tcp_ecn"}
    assert reported(facts, namespaces=frozenset({"red"}))["declarations"]["host_sysctls"] == {}


def test_what_was_not_collected_is_not_declared() -> None:
    red = namespace("red", LO, Link(2, "nic", kind="tun", up=True))
    declared = reported(host_facts(red, wanted=frozenset()))["declarations"]
    assert declared["links"] == [{"name": "nic", "namespace": "red", "mtu": 1500, "enabled": True}]


def test_addresses_of_the_kernel_or_with_a_peer_are_not_declared() -> None:
    addresses = (
        Address(2, interface("fe80::1/64"), made_by_kernel=True),
        Address(2, interface("10.0.0.1/24")),
        Address(3, interface("10.0.0.1/32"), peer="10.0.0.2"),
    )
    red = namespace("red", LO, Link(2, "a", kind="tun"), Link(3, "b", kind="tun"), addresses=addresses)
    result = reported(host_facts(red))
    a, b = result["declarations"]["links"]
    assert a["addresses"] == ["10.0.0.1/24"]
    assert "addresses" not in b
    assert [line for line in result["undeclared"] if "red/b" in line]


def test_an_mtu_above_ethernets_is_not_declared() -> None:
    red = namespace("red", LO, Link(2, "a", kind="tun", mtu=65536))
    assert "mtu" not in reported(host_facts(red))["declarations"]["links"][0]


def test_an_empty_namespace_with_its_loopback_down_is_not_declared() -> None:
    """The module netns would take it for the remains of a killed run, and bring the loopback up."""
    down = Link(1, "lo", loopback=True)
    result = reported(host_facts(namespace("red", down), namespace("blue", down, Link(2, "a", kind="tun"))))
    assert result["declarations"]["namespaces"] == [{"name": "blue"}]
    assert {"name": "lo", "namespace": "blue", "addresses": [], "enabled": False} in result["declarations"]["links"]
    assert [line for line in result["undeclared"] if "red" in line]


def test_sysctls_and_a_resolver_file_of_this_collection() -> None:
    text = "# netns.fabric:lab\nnameserver 192.0.2.53\nsearch example.org\n"
    inside = {
        None: NamespaceFacts(),
        "red": NamespaceFacts(sysctls={"net.ipv4.ip_forward": "1", "net.ipv4.conf.all.rp_filter": "0"}),
    }
    for resolver, expected in (
        (text, {"nameservers": ["192.0.2.53"], "search": ["example.org"]}),
        ("nameserver 192.0.2.53\n", {}),
        ("# netns.fabric:lab\nsearch example.org\nnameserver 192.0.2.53\n", {}),  # would be written in another order
    ):
        found = host_facts(namespace("red", OWNED_LO), inside=inside, resolvers={"red": resolver})
        for owner in (None, "lab"):
            declared = reported(found, owner=owner)["declarations"]["namespaces"]
            assert declared == [{"name": "red", **expected, "sysctls": {"net.ipv4.ip_forward": "1"}}]


@pytest.mark.parametrize(
    ("route", "declared"),
    [
        (Route("0.0.0.0/0", gateway="10.0.0.2", device=2), {"destination": "default", "gateway": "10.0.0.2"}),
        (Route("::/0", gateway="fd00::2", device=2, metric=1024), {"destination": "default", "gateway": "fd00::2"}),
        (Route("::/0", device=2, metric=1024), {"destination": "::/0"}),
        (Route("0.0.0.0/0", device=2, metric=1024), {"destination": "default", "metric": 1024}),
        (Route("10.9.0.0/16", device=2, table=7, source="10.0.0.1"), {"table": 7, "source": "10.0.0.1"}),
        (Route("10.9.0.0/16", device=2, protocol=2), None),
        (Route("10.9.0.0/16", device=2, special=True), None),
        (Route("10.9.0.0/16", device=2, tos=8), None),
    ],
)
def test_routes(route: Route, declared: dict[str, Any] | None) -> None:
    red = namespace("red", LO, Link(2, "a", kind="tun", up=True), routes=(route,))
    result = reported(host_facts(red))
    expected = [{"namespace": "red", "destination": "10.9.0.0/16", "device": "a", **declared}] if declared else []
    assert result["declarations"]["routes"] == expected
    assert bool([line for line in result["undeclared"] if "routes" in line]) == (not declared and route.static)

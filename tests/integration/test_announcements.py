# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that moved, and hardware addresses that changed, are announced: neighbours reach them at once.

A neighbour that has talked to an address keeps the hardware address of that time. Each test lets it do so, changes
something with the verification off, and expects the first packet to pass.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.generated.converge import converge as build
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

ADDRESSES = {"red": ["10.0.0.1/24", "fd00::1/64"], "blue": ["10.0.0.2/24", "fd00::2/64"]}
GATEWAY = ["10.0.0.254/24", "fd00::fe/64"]


def topology(**changes: Any) -> dict[str, Any]:
    return {
        "name": "lab",
        "verify": False,
        "bridges": [{"name": "br", "addresses": GATEWAY, **changes.pop("bridge", {})}],
        "namespaces": [
            {
                "name": name,
                "interfaces": [
                    {
                        "name": "eth0",
                        "bridge": "br",
                        "peer": f"{name}0",
                        "addresses": addresses,
                        **changes.get(name, {}),
                    }
                ],
            }
            for name, addresses in ADDRESSES.items()
        ],
        "links": [],
        "nat": [],
    }


def neighbours(host: Host, namespace: str) -> dict[str, str]:
    """Return the hardware addresses that a namespace knows, by IP address."""
    lines = host.run("ip", "-n", namespace, "neigh", "show").stdout.splitlines()
    return {line.split()[0]: line.split()[4] for line in lines if " lladdr " in line}


def hears_multicast(host: Host) -> bool:
    """Return whether blue gets multicast packets: a link that has just come up has no route for them yet."""
    return "multicast ff00::/8 dev eth0" in host.run("ip", "-n", "blue", "-6", "route", "show", "table", "local").stdout


def learn(host: Host) -> None:
    """Let blue talk to red and to the gateway, and keep what it learns as long as Linux does."""
    wait_until(lambda: hears_multicast(host))
    for address in ("10.0.0.1", "fd00::1", "10.0.0.254", "fd00::fe"):
        assert host.pings(address, "blue")
    assert {"10.0.0.1", "fd00::1"} <= set(neighbours(host, "blue"))


def assert_reached_at_once(host: Host, *addresses: str) -> None:
    for address in addresses:
        sent = host.in_namespace("blue", "ping", "-n", "-c", "1", "-W", "1", address, check=False)
        assert sent.returncode == 0, f"{address}: {neighbours(host, 'blue')}"


@pytest.mark.parametrize(
    "damage",
    [
        "link del red0",
        "netns del red",
        "-n red link set eth0 netns 1",
        "!ovs-vsctl del-port red0",
    ],
)
def test_what_was_re_created_is_reached_at_once(host: Host, damage: str) -> None:
    build(topology())
    learn(host)
    shell(host, damage)
    time.sleep(0.2)  # the kernel destroys the links of a namespace in the background
    build(topology())
    assert_reached_at_once(host, "10.0.0.1", "fd00::1")


def test_an_address_that_moves_to_another_namespace(host: Host) -> None:
    variables = topology()
    build(variables)
    learn(host)
    red, blue = variables["namespaces"]
    green = {"name": "green", "interfaces": [{**red["interfaces"][0], "peer": "green0"}]}
    red["interfaces"][0] = {**red["interfaces"][0], "addresses": ["10.0.0.3/24"]}
    build({**variables, "namespaces": [red, blue, green]})
    assert_reached_at_once(host, "10.0.0.1", "fd00::1")


def test_a_changed_hardware_address(host: Host) -> None:
    build(topology())
    learn(host)
    build(topology(red={"mac": "02:00:00:00:00:99"}))
    assert_reached_at_once(host, "10.0.0.1", "fd00::1")
    assert neighbours(host, "blue")["10.0.0.1"] == "02:00:00:00:00:99"


def test_the_changed_hardware_address_of_a_bridge(host: Host) -> None:
    build(topology())
    learn(host)
    build(topology(bridge={"mac": "02:00:00:00:00:98"}))
    assert_reached_at_once(host, "10.0.0.254", "fd00::fe")


def test_modules_one_by_one(host: Host, run_module: Run) -> None:
    """A pair is re-created by one call, and its port is attached again by the next."""
    build(topology())
    learn(host)
    shell(host, "link del red0")
    options = {"name": "eth0", "namespace": "red", "addresses": ADDRESSES["red"], "peer": {"name": "red0"}}
    assert run_module("veth", **options).changed
    assert run_module("ovs_port", name="red0", bridge="br", peer={"name": "eth0", "namespace": "red"}).changed
    assert_reached_at_once(host, "10.0.0.1", "fd00::1")


def test_between_two_namespaces_without_a_switch(host: Host, run_module: Run) -> None:
    shell(host, "netns add red\nnetns add blue")
    pair = {
        "name": "eth0",
        "namespace": "red",
        "addresses": ADDRESSES["red"],
        "peer": {"name": "eth0", "namespace": "blue", "addresses": ADDRESSES["blue"]},
    }
    assert run_module("veth", **pair).changed
    wait_until(lambda: hears_multicast(host))
    assert host.pings("10.0.0.1", "blue")
    assert host.pings("fd00::1", "blue")
    assert run_module("link", name="eth0", namespace="red", mac="02:00:00:00:00:97").changed
    assert_reached_at_once(host, "10.0.0.1", "fd00::1")


def test_a_router_stays_one_to_its_neighbours(host: Host, run_module: Run) -> None:
    """An advertisement without the router flag would remove it from their default routers (RFC 4861, 7.2.5)."""
    shell(host, "netns add red\nnetns add blue\n!ip netns exec red sysctl -qw net.ipv6.conf.all.forwarding=1")
    pair = {
        "name": "eth0",
        "namespace": "red",
        "addresses": ADDRESSES["red"],
        "peer": {"name": "eth0", "namespace": "blue", "addresses": ADDRESSES["blue"]},
    }
    assert run_module("veth", **pair).changed
    wait_until(lambda: hears_multicast(host))
    assert host.pings("fd00::1", "blue")
    assert run_module("link", name="eth0", namespace="red", mac="02:00:00:00:00:97").changed
    shown = host.run("ip", "-n", "blue", "neigh", "show", "fd00::1").stdout
    assert "02:00:00:00:00:97 router" in shown


def test_announcing_changes_no_parameter(host: Host) -> None:
    build(topology())
    for namespace in ("red", "blue"):
        for key in ("arp_notify", "arp_accept"):
            shown = host.in_namespace(namespace, "sysctl", "-n", f"net.ipv4.conf.eth0.{key}").stdout
            assert shown.strip() == "0"

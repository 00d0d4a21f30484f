# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two topologies with NAT on one host, as the role builds them: no packet between them through the host."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.generated.converge import steps
from ansible_collections.netns.fabric.tests.helpers import snapshot, traffic
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_ADDRESS, UPLINK_ADDRESS
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

ADDRESSES = {"red": ("10.61.0.1", "fd00:61::1"), "blue": ("10.62.0.1", "fd00:62::1")}


def topology(name: str, number: int, **bridge: Any) -> dict[str, Any]:
    """Return a namespace on a bridge, in both IP versions, with NAT; its port 80 is published as 8061 or 8062."""
    net, net6 = f"10.{number}.0", f"fd00:{number}::"
    return {
        "name": name,
        "bridges": [{"name": f"{name}_br", "addresses": [f"{net}.254/24", f"{net6}fe/64"], **bridge}],
        "namespaces": [
            {
                "name": name,
                "force": True,  # the tests' servers are in it
                "interfaces": [{"name": "eth0", "bridge": f"{name}_br", "addresses": [f"{net}.1/24", f"{net6}1/64"]}],
                "routes": [
                    {"destination": "default", "gateway": f"{net}.254"},
                    {"destination": "default", "gateway": f"{net6}fe"},
                ],
            }
        ],
        "nat": [
            {"source": f"{net}.0/24"},
            {"source": f"{net6}/64"},
            {"publish": 8000 + number, "to": f"{net}.1", "to_port": traffic.OUTSIDE_PORT},
        ],
        "verify": False,
    }


def build(run_module: RunModule, variables: dict[str, Any]) -> list[str]:
    """Run the role's steps, in check mode first, which says the same and writes nothing; return the commands."""
    before = snapshot.take()
    checked = run_module("sequence", steps=steps(variables), _check=True)
    snapshot.assert_unchanged(before)
    done = run_module("sequence", steps=steps(variables))
    assert not done.failed, done.message
    assert checked.commands == done.commands
    assert not run_module("sequence", steps=steps(variables)).changed
    return list(done.commands)


def serve(host: Host, name: str, own_address: str) -> None:
    """Start a server in a namespace, and wait until it answers there."""
    log = f"/run/traffic-{name}.log"
    host.start(*traffic._ENDPOINT, "serve", name, log, str(traffic.OUTSIDE_PORT), namespace=name)
    wait_until(lambda: bool(traffic.ask(name, own_address)), 10, f"the server in {name} does not answer")


def reached(source: str, target: str) -> set[str]:
    """Return by what a namespace reaches another one."""
    found = set()
    for address in ADDRESSES[target]:
        found |= {protocol for protocol in ("tcp", "udp") if not traffic.is_silent(source, address, protocol=protocol)}
        found |= {"icmp"} if traffic.pings(source, address) else set()
    return found


@pytest.fixture
def host_on_a_lan(outside_world: Host) -> Host:
    """Give a host to whose namespaces the outside has a route, as a neighbour on the LAN can have."""
    for name in ADDRESSES:
        net = ADDRESSES[name][0].removesuffix(".1")
        outside_world.run("ip", "-n", "outside", "route", "add", f"{net}.0/24", "via", UPLINK_ADDRESS)
    return outside_world


def test_two_tenants(host_on_a_lan: Host, run_module: RunModule) -> None:
    topologies = [topology("red", 61), topology("blue", 62)]
    for variables in topologies:
        build(run_module, variables)
    own = {**{name: addresses[0] for name, addresses in ADDRESSES.items()}, "outside": OUTSIDE_ADDRESS}
    for name, address in own.items():
        serve(host_on_a_lan, name, address)
    assert traffic.ask("red", OUTSIDE_ADDRESS).endswith(UPLINK_ADDRESS)
    assert traffic.ask("blue", OUTSIDE_ADDRESS, protocol="udp").endswith(UPLINK_ADDRESS)
    assert traffic.ask("outside", UPLINK_ADDRESS, 8061).startswith("red ")
    assert traffic.ask("blue", "10.62.0.254", 8061).startswith("red ")
    assert reached("red", "blue") == reached("blue", "red") == set()
    assert reached("outside", "red") == reached("outside", "blue") == set()
    # One of them open: the other one stays closed.
    build(run_module, topology("red", 61, isolate=False))
    assert {"tcp", "icmp"} <= reached("outside", "red")
    assert reached("red", "blue") == reached("outside", "blue") == set()
    build(run_module, topology("blue", 62, isolate=False))
    assert {"tcp", "icmp"} <= reached("red", "blue")
    build(run_module, topologies[0])
    for variables in topologies:
        build(run_module, {**variables, "state": "absent"})
    assert "fabric" not in host_on_a_lan.run("nft", "list", "ruleset").stdout

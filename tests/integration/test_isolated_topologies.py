# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two topologies with NAT on one host, as the role builds them: no packet between them through the host."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.generated.converge import steps
from ansible_collections.netns.fabric.tests.helpers import snapshot, traffic
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import (
    OUTSIDE_ADDRESS,
    OUTSIDE_ADDRESS6,
    UPLINK_ADDRESS,
    UPLINK_ADDRESS6,
)
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_world import load_docker
from ansible_collections.netns.fabric.tests.integration.packet_filters import running_firewalld, ufw

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
    host.start(*traffic.ENDPOINT, "serve", name, log, str(traffic.OUTSIDE_PORT), namespace=name)
    wait_until(lambda: bool(traffic.ask(name, own_address)), 10, f"the server in {name} does not answer")


def reached(source: str, target: str) -> set[str]:
    """Return by what a namespace reaches another one."""
    found = set()
    for address in ADDRESSES[target]:
        found |= {protocol for protocol in ("tcp", "udp") if not traffic.is_silent(source, address, protocol=protocol)}
        found |= {"icmp"} if traffic.pings(source, address) else set()
    return found


def send(host: Host, source: str, claimed: str, target: str) -> None:
    """Send a datagram from a namespace with a source address of its own choice."""
    length = 128 if ":" in claimed else 32
    host.in_namespace(source, "ip", "addr", "replace", f"{claimed}/{length}", "dev", "lo", "nodad")
    host.in_namespace(source, sys.executable, "-I", "-c", SEND, claimed, target, str(traffic.OUTSIDE_PORT), check=False)
    host.in_namespace(source, "ip", "addr", "del", f"{claimed}/{length}", "dev", "lo")


# Where the namespace has no route back, or the address is a neighbour's, the kernel sends it all the same.
SEND = """
import socket, sys
claimed, target, port = sys.argv[1:]
with socket.socket(socket.AF_INET6 if ":" in claimed else socket.AF_INET, socket.SOCK_DGRAM) as sender:
    sender.bind((claimed, 0))
    sender.sendto(b"x", (target, int(port)))
"""


@pytest.fixture
def host_on_a_lan(outside_world: Host) -> Host:
    """Give a host to whose namespaces the outside has a route, as a neighbour on the LAN can have."""
    for addresses in ADDRESSES.values():
        for address, gateway, length in zip(addresses, (UPLINK_ADDRESS, UPLINK_ADDRESS6), (32, 128)):
            outside_world.run("ip", "-n", "outside", "route", "add", f"{address}/{length}", "via", gateway)
    return outside_world


def built(host: Host, run_module: RunModule) -> list[dict[str, Any]]:
    """Build two topologies, with servers in their namespaces and outside."""
    topologies = [topology("red", 61), topology("blue", 62)]
    for variables in topologies:
        build(run_module, variables)
    own = {**{name: addresses[0] for name, addresses in ADDRESSES.items()}, "outside": OUTSIDE_ADDRESS}
    for name, address in own.items():
        serve(host, name, address)
    return topologies


def assert_reaches_what_it_declares() -> None:
    """Each reaches the outside, in both IP versions, and the published ports of both are reached."""
    for name in ADDRESSES:
        assert traffic.ask(name, OUTSIDE_ADDRESS).endswith(UPLINK_ADDRESS)
        assert traffic.ask(name, OUTSIDE_ADDRESS, protocol="udp").endswith(UPLINK_ADDRESS)
        assert traffic.ask(name, OUTSIDE_ADDRESS6).endswith(UPLINK_ADDRESS6)
        assert traffic.pings(name, OUTSIDE_ADDRESS)
    for number, name in ((61, "red"), (62, "blue")):
        assert traffic.ask("outside", UPLINK_ADDRESS, 8000 + number).startswith(f"{name} ")


def assert_isolated() -> None:
    """No packet between them, nor from the LAN."""
    assert reached("red", "blue") == reached("blue", "red") == set()
    assert reached("outside", "red") == reached("outside", "blue") == set()


def behind_a_router() -> dict[str, Any]:
    """Return a service behind a router namespace, to which the host has a route, and two namespaces on other bridges.

    One of them has a route to the service by the host, the other one a default route.
    """
    hosts = {"router": ("dmz_br", "10.30.0"), "x": ("x_br", "10.60.0"), "y": ("y_br", "10.70.0")}
    namespaces = {
        name: {
            "name": name,
            "force": True,  # the tests' servers are in it
            "interfaces": [{"name": "eth0", "bridge": bridge, "addresses": [f"{net}.1/24"]}],
            "routes": [{"destination": "default", "gateway": f"{net}.254"}],
        }
        for name, (bridge, net) in hosts.items()
    }
    namespaces["router"]["sysctls"] = {"net.ipv4.ip_forward": 1}
    namespaces["x"]["routes"] = [{"destination": "10.31.0.0/24", "gateway": "10.60.0.254"}]
    inner = {"name": "inner", "force": True, "routes": [{"destination": "default", "gateway": "10.31.0.254"}]}
    return {
        "name": "lab",
        "bridges": [{"name": bridge, "addresses": [f"{net}.254/24"]} for bridge, net in hosts.values()],
        "host": {"routes": [{"destination": "10.31.0.0/24", "gateway": "10.30.0.1"}]},
        "namespaces": [*namespaces.values(), inner],
        "links": [
            {
                "name": "inner0",
                "namespace": "router",
                "addresses": ["10.31.0.254/24"],
                "peer": {"name": "eth0", "namespace": "inner", "addresses": ["10.31.0.1/24"]},
            }
        ],
        "nat": [{"source": "10.31.0.0/24"}, {"publish": 8080, "to": "inner", "to_port": traffic.OUTSIDE_PORT}],
    }


def test_what_the_host_has_a_route_to(outside_world: Host, run_module: RunModule) -> None:
    """It is published, masqueraded, and reached from where a route to it is declared; from elsewhere it is not."""
    variables = behind_a_router()
    build(run_module, variables)
    probed = run_module("reachability", probes=compile_topology(variables)["probes"])
    assert not probed.failed, probed.message
    for name, address in (("inner", "10.31.0.1"), ("x", "10.60.0.1"), ("outside", OUTSIDE_ADDRESS)):
        serve(outside_world, name, address)
    assert traffic.ask("outside", UPLINK_ADDRESS, 8080).startswith("inner ")
    assert traffic.ask("inner", OUTSIDE_ADDRESS).endswith(UPLINK_ADDRESS)
    assert traffic.ask("x", "10.31.0.1") == f"inner {traffic.OUTSIDE_PORT} 10.60.0.1"
    assert traffic.is_silent("y", "10.31.0.1")
    assert traffic.is_silent("inner", "10.60.0.1")


def test_two_tenants(host_on_a_lan: Host, run_module: RunModule) -> None:
    topologies = built(host_on_a_lan, run_module)
    assert_reaches_what_it_declares()
    assert traffic.ask("blue", "10.62.0.254", 8061).startswith("red ")
    assert_isolated()
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


def test_spoofed_sources(host_on_a_lan: Host, run_module: RunModule) -> None:
    """Addresses of the other tenant, of the outside and of nobody, in both IP versions; what is real arrives."""
    built(host_on_a_lan, run_module)
    spoofed = ("10.62.0.9", "203.0.113.9", "fd00:62::9", "2001:db8:77::9")
    for claimed in spoofed:
        for target in ((ADDRESSES["blue"][":" in claimed]), (OUTSIDE_ADDRESS6 if ":" in claimed else OUTSIDE_ADDRESS)):
            send(host_on_a_lan, "red", claimed, target)
    for claimed in ("10.62.0.9", "fd00:62::9"):
        send(host_on_a_lan, "outside", claimed, ADDRESSES["red"][":" in claimed])
    for address in (OUTSIDE_ADDRESS, OUTSIDE_ADDRESS6):
        assert traffic.ask("red", address, protocol="udp")
    recorded = {line for name in ("red", "blue", "outside") for line in traffic.recorded(name)}
    assert not [line for line in recorded if line.endswith(spoofed)]
    assert {f"udp {traffic.OUTSIDE_PORT} {address}" for address in (UPLINK_ADDRESS, UPLINK_ADDRESS6)} <= recorded
    # Without isolation they do arrive.
    build(run_module, topology("red", 61, isolate=False))
    send(host_on_a_lan, "red", "203.0.113.9", OUTSIDE_ADDRESS)
    wait_until(lambda: f"udp {traffic.OUTSIDE_PORT} 203.0.113.9" in traffic.recorded("outside"), 10)


@contextmanager
def docker(host: Host) -> Iterator[None]:
    load_docker(host, "nft")
    yield


@pytest.mark.parametrize("beside", [docker, ufw, running_firewalld])
def test_beside(
    host_on_a_lan: Host, run_module: RunModule, beside: Callable[[Host], AbstractContextManager[None]]
) -> None:
    """Each is as it was after a teardown, byte for byte."""
    with beside(host_on_a_lan):
        before = everything(host_on_a_lan)
        topologies = built(host_on_a_lan, run_module)
        assert_reaches_what_it_declares()
        assert_isolated()
        for variables in topologies:
            build(run_module, {**variables, "state": "absent"})
        assert everything(host_on_a_lan) == before


def everything(host: Host) -> list[str]:
    """Return the packet filter as each program prints it, without counters and handles."""
    saved = [host.run(f"{command}-nft-save").stdout for command in ("iptables", "ip6tables")]
    # An empty table stays behind where iptables has used one.
    kept = [line.partition(" [")[0] for text in saved for line in text.splitlines() if line[:1] in ("-", ":")]
    policies = host.run("firewall-cmd", "--list-all-policies", check=False).stdout
    own = [line for line in host.run("nft", "-s", "list", "ruleset").stdout.splitlines() if "firewalld" in line]
    return [*sorted(line for line in kept if not line.endswith(" ACCEPT") or line.startswith("-")), policies, *own]

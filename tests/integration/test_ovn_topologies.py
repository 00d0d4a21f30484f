# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Topologies on OVN, as the role builds them on three hosts: two tenants with the same addresses, by traffic."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.generated import converge
from ansible_collections.netns.fabric.tests.generated.converge import Step, northbound_steps
from ansible_collections.netns.fabric.tests.helpers import dhcpv6_client, traffic_endpoint
from ansible_collections.netns.fabric.tests.helpers.convergence import assert_unchanged
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTIONS_PATH
from ansible_collections.netns.fabric.tests.helpers.ovn_hosts import (
    MTU,
    OUTSIDE,
    OUTSIDE_ADDRESS,
    PHYSICAL_NETWORK,
    OvnHosts,
    ovn_hosts,
)
from ansible_collections.netns.fabric.tests.helpers.shell import inside
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

COUNT = 3
PORT = 8080
#: The number of the host of each namespace, its bridge, and its address.
PLACES = {
    "web": (1, "front", "10.10.1.1"),
    "app": (2, "front", "10.10.1.2"),
    "job": (3, "front", "10.10.1.3"),
    "db": (3, "back", "10.10.2.1"),
    "log": (1, "back", "10.10.2.2"),
}
#: The addresses of IPv6 that some have as well. On `front` a client gets its own by DHCPv6, on `back` by SLAAC.
IPV6 = {"web": "fd00:10:1::1", "db": "fd00:10:2::1", "guest": "fd00:10:1::4"}
#: What a DHCP client gets on `front`: its address, and the lease.
GUEST, LEASE = "10.10.1.4", "10.10.1.4/24 10.10.1.254 1442 10.10.1.254 3600"
#: What udhcpc runs once it has a lease.
_SET_LEASE = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip link set dev $interface mtu $mtu
ip addr add $ip/$mask dev $interface
ip route add default via $router
echo $ip/$mask $router $mtu $dns $lease
"""


def tenant(number: int, **changes: Any) -> dict[str, Any]:
    """Return a topology; both tenants have the same names of bridges and the same addresses."""
    name = f"t{number}"
    way = {
        "gateways": ["host1", "host2"] if number == 1 else ["host2", "host1"],
        "physical_network": PHYSICAL_NETWORK,
        "address": f"198.51.100.{10 + number}/24",
    }
    namespaces = [
        {
            "name": f"{name}{each}",
            "host": f"host{host}",
            "force": True,  # the tests' servers are in it
            "interfaces": [
                {
                    "name": "eth0",
                    "bridge": bridge,
                    "addresses": [f"{address}/24", *([f"{IPV6[each]}/64"] if each in IPV6 else [])],
                }
            ],
            "routes": [{"destination": "default", "gateway": f"{address.rpartition('.')[0]}.254"}],
        }
        for each, (host, bridge, address) in PLACES.items()
    ]
    job = next(each for each in namespaces if each["name"] == f"{name}job")
    job["incoming"] = "deny"
    guest = {"name": "eth0", "bridge": "front", "addresses": [f"{GUEST}/24", f"{IPV6['guest']}/64"], "dhcp": True}
    closed = {"incoming": "deny", "outgoing": "deny"}
    namespaces.append({"name": f"{name}guest", "host": "host2", "interfaces": [guest], **closed})
    alone = {"name": "eth0", "bridge": "back", "dhcp": True}
    namespaces.append({"name": f"{name}auto", "host": "host1", "interfaces": [alone]})
    to_job = {"to": {"namespaces": [f"{name}job"]}, "action": "allow"}
    return {
        "name": name,
        "hosts": [f"host{each}" for each in range(1, COUNT + 1)],
        "bridges": [
            {"name": "front", "engine": "ovn", "addresses": ["10.10.1.254/24", "fd00:10:1::fe/64"], "dhcp": {}},
            {
                "name": "back",
                "engine": "ovn",
                "addresses": ["10.10.2.254/24", "fd00:10:2::fe/64"],
                "dhcp": {"address_mode": "slaac"},
            },
        ],
        "namespaces": namespaces,
        "nat": [
            {"source": "10.10.1.0/24", **way},
            {"publish": PORT, "to": f"{name}web", "to_port": 80},
        ],
        # The job answers pings of the web server, and serves all of its bridge.
        "policies": [
            {"from": {"namespaces": [f"{name}web"]}, "protocol": "icmp", **to_job},
            {"from": {"bridges": ["front"]}, "protocol": "tcp", "ports": [PORT], **to_job},
            {"from": {"bridges": ["front"]}, "protocol": "udp", "ports": [PORT], **to_job},
            {"from": {"namespaces": [f"{name}guest"]}, "to": {"namespaces": [f"{name}web"]}, "action": "allow"},
        ],
        "verify": False,
        **changes,
    }


class World:
    """The hosts, and the topologies on them."""

    def __init__(self, hosts: OvnHosts, run_module: RunModule) -> None:
        self.hosts = hosts
        self.run_module = run_module

    def steps(self, variables: Mapping[str, Any]) -> list[Step]:
        return northbound_steps(variables, self.hosts.northbound.database)

    def write(self, variables: Mapping[str, Any]) -> None:
        """Write the northbound part, in check mode first."""
        checked = self.run_module("sequence", steps=self.steps(variables), _check=True)
        applied = self.run_module("sequence", steps=self.steps(variables))
        assert not applied.failed, applied.message
        assert checked.commands == applied.commands
        assert_unchanged(self.run_module("sequence", steps=self.steps(variables)))

    def build(self, number: int, variables: Mapping[str, Any]) -> None:
        """Build a host's part, or delete it."""
        line = json.dumps({**variables, "this_host": f"host{number}"})
        run = 'printf "%s\\n" "$1" | exec "$2" -m "$3"'
        collections = f"PYTHONPATH={COLLECTIONS_PATH}"
        self.hosts[number].run("env", collections, "sh", "-c", run, "sh", line, sys.executable, converge.__name__)

    def build_all(self, variables: Mapping[str, Any]) -> None:
        for number in range(1, COUNT + 1):
            self.build(number, variables)

    def ports(self, number: int) -> set[str]:
        """Return the ports of a host's integration bridge that OVN has not created itself."""
        found = self.hosts[number].vsctl("list-ports", "br-int").split()
        return {port for port in found if not port.startswith(("patch-", "ovn-"))}

    def wait(self, tenants: tuple[int, ...], places: Mapping[str, tuple[int, str, str]]) -> None:
        """Wait until OVN has connected all namespaces."""
        for number in tenants:
            for each, (host, _bridge, _address) in places.items():
                port = ("--", "wait-until", "Interface", f"t{number}{each}-eth0", "external_ids:ovn-installed=true")
                self.hosts[host].run("ovs-vsctl", "--timeout=60", *port)


@pytest.fixture(name="world")
def fixture_world(host: Host, run_module: RunModule) -> Iterator[World]:
    with ovn_hosts(COUNT) as hosts:
        yield World(hosts, run_module)


def test_two_tenants_with_the_same_addresses(world: World) -> None:
    hosts = world.hosts
    # Either order: the database before the hosts, and after them.
    world.write(tenant(1))
    for number in (1, 2):
        world.build_all(tenant(number))
    world.write(tenant(2))
    world.wait((1, 2), PLACES)
    _refuse_wrong_rules(world, 1)
    for number in (1, 2):
        _assert_connected(hosts, f"t{number}")
        _assert_limited(hosts, f"t{number}")
        _assert_served(world, number)
        _assert_served_ipv6(world, number)
    # The same address of the other tenant is another one.
    server = hosts[1].listen("t1web", 80)
    try:
        wait_until(lambda: hosts[2].connects("t1app", "10.10.1.1", 80), 30, "the own tenant's server")
        assert not hosts[2].connects("t2app", "10.10.1.1", 80)
        # Published outside, by the first tenant's router only.
        wait_until(lambda: _is_published(1), 30, "the published port")
        assert not _is_published(2)
    finally:
        server.kill()
        server.wait()
    _freeze_gateway(hosts)
    _move(world)
    for number in (1, 2):
        gone = tenant(number, state="absent")
        world.build_all(gone)
        world.write(gone)
    assert hosts.northbound.content() == {}
    for number in range(1, COUNT + 1):
        assert world.ports(number) == set()
        assert hosts[number].run("ip", "netns", "list").stdout == ""


def _assert_connected(hosts: OvnHosts, name: str) -> None:
    """Check all paths of a tenant: within a bridge, to the router, outside, and what must be silent."""
    for each, (host, bridge, address) in PLACES.items():
        start = f"{name}{each}"
        near = {other: to for other, (_host, far, to) in PLACES.items() if far == bridge and other != "job"}
        for to in near.values():
            hosts.wait_for_answer(host, start, to, MTU)
        # One is enough, and costs a second.
        other = next(each for each, (_host, far, _to) in PLACES.items() if far != bridge)
        assert not hosts[host].pings(start, PLACES[other][2]), (start, other)
        assert hosts[host].pings(start, f"{address.rpartition('.')[0]}.254", MTU)
        if bridge == "front":
            hosts.wait_for_answer(host, start, OUTSIDE_ADDRESS, seconds=60)


def _assert_limited(hosts: OvnHosts, name: str) -> None:
    """Check the policies of a tenant, with the namespace's packet filter and without it."""
    (_host, _bridge, to), wanted = PLACES["job"], f"{name}job"
    endpoint = ("-I", str(traffic_endpoint.__file__))
    server = hosts[3].start(wanted, *endpoint, "serve", "job", "/run/job.log", str(PORT), str(PORT + 1))

    def answers_by_udp(port: int) -> bool:
        ask = ("python3", *endpoint, "ask", "udp", to, str(port), "1")
        return hosts[2].run(*ask, namespace=f"{name}app", check=False).returncode == 0

    try:
        for _filter in ("there", "gone"):
            hosts.wait_for_answer(1, f"{name}web", to)
            wait_until(lambda: hosts[2].connects(f"{name}app", to, PORT), 30, "the open port")
            assert not hosts[2].pings(f"{name}app", to)
            assert not hosts[2].connects(f"{name}app", to, PORT + 1)
            # Answers pass.
            assert hosts[3].pings(wanted, PLACES["app"][2])
            hosts[3].run("nft", "flush", "ruleset", namespace=wanted)
        assert answers_by_udp(PORT)
        assert not answers_by_udp(PORT + 1)
    finally:
        server.kill()
        server.wait()


def _refuse_wrong_rules(world: World, number: int) -> None:
    """A rule that OVN would ignore, or that is none, is refused before a write."""
    before = world.hosts.northbound.content()
    for rule, message in (
        ({"from": ["nobody"]}, "there is no group of the name nobody"),
        ({"protocol": "icmp", "from": ["fd00::/64"]}, "icmp is a protocol of IPv4"),
    ):
        steps = world.steps(tenant(number))
        group = next(each for each in steps[-1]["options"]["groups"] if "rules" in each)
        group["rules"] = [{"name": "wrong", **rule}]
        refused = world.run_module("sequence", steps=steps)
        assert refused.failed
        assert message in refused.message
        assert world.hosts.northbound.content() == before


def _assert_served(world: World, number: int) -> None:
    """A client gets its address and names, and what it has set stays."""
    host, name = world.hosts[2], f"t{number}guest"
    host.run("sh", "-c", 'printf "%s" "$1" >/run/set_lease; chmod 755 /run/set_lease', "sh", _SET_LEASE)
    client = ("udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "10", "-T", "3", "-O", "mtu", "-s", "/run/set_lease")
    assert LEASE in host.run(*client, namespace=name).stdout.splitlines()
    world.build(2, tenant(number))
    assert f"inet {GUEST}/24" in host.run("ip", "-n", name, "addr", "show", "dev", "eth0").stdout
    world.hosts.wait_for_answer(2, name, PLACES["web"][2], MTU)
    assert not host.pings(name, PLACES["app"][2])
    # On the same bridge, on another one, and the own: asked of the router, and of whoever is outside.
    for asked, server in (("web", "10.10.1.254"), ("db", "10.10.1.254"), ("web", OUTSIDE_ADDRESS)):
        ask = ("busybox", "nslookup", "-type=a", f"t{number}{asked}", server)
        answer = world.hosts[3].run(*ask, namespace=f"t{number}job").stdout
        assert f"Address: {PLACES[asked][2]}" in answer


def _assert_served_ipv6(world: World, number: int) -> None:
    """A client of DHCPv6 gets the declared address, and a kernel derives the one that OVN expects."""
    near, far = (world.hosts[host] for host in (1, 2))
    guest, auto = f"t{number}guest", f"t{number}auto"

    def addresses() -> list[str]:
        found = near.run(
            "ip", "-6", "-brief", "-n", auto, "addr", "show", "dev", "eth0", "scope", "global"
        ).stdout.split()
        return [each.partition("/")[0] for each in found[2:]]

    # By a closed packet filter, and by ACLs that close the port.
    client = ("python3", "-I", str(dhcpv6_client.__file__), "eth0", "30")
    leased = far.run(*client, namespace=guest).stdout.split()
    assert leased == [IPV6["guest"], "fd00:10:1::fe"]
    far.run("ip", "-n", guest, "addr", "add", f"{leased[0]}/128", "dev", "eth0", "nodad")
    world.hosts.wait_for_answer(2, guest, IPV6["web"])
    wait_until(addresses, 30, "the router is not heard")
    known = world.hosts.northbound.ctl("lsp-get-addresses", f"t{number}/{auto}/eth0").split()
    assert addresses() == known[1:]
    defaults = ("route", "show", "default")
    for name, host in ((guest, far), (auto, near)):
        assert "proto ra" in host.run("ip", "-6", "-n", name, *defaults).stdout
    world.hosts.wait_for_answer(1, auto, IPV6["db"])
    # What is declared stays all that there is.
    for name, host in ((f"t{number}web", near), (f"t{number}db", world.hosts[3])):
        assert host.run("ip", "-6", "-n", name, *defaults).stdout == ""


def _freeze_gateway(hosts: OvnHosts) -> None:
    """The other gateway takes over without a run, as soon as the preferred one is silent (BFD between them)."""

    def reaches_outside() -> bool:
        ping = ("ping", "-n", "-q", "-c", "1", "-W", "1", OUTSIDE_ADDRESS)
        return hosts[1].run(*ping, namespace="t2web", check=False).returncode == 0

    daemons = ("/run/openvswitch/ovs-vswitchd.pid", "/run/ovn/ovn-controller.pid")
    processes = [hosts[2].run("cat", path).stdout.strip() for path in daemons]
    wait_until(reaches_outside, 30, "the preferred gateway")
    hosts[2].run("kill", "-STOP", *processes)
    try:
        began = time.monotonic()
        assert not reaches_outside()
        wait_until(reaches_outside, 60, "the other gateway")
        print(f"the other gateway has taken over after {time.monotonic() - began:.1f} s")  # noqa: T201  # for who measures it
    finally:
        hosts[2].run("kill", "-CONT", *processes)
    wait_until(reaches_outside, 60, "the preferred gateway")


def _is_published(number: int) -> bool:
    """Return whether the outside world reaches the published port of a tenant."""
    connecting = f"exec 3<>/dev/tcp/198.51.100.{10 + number}/{PORT}"
    ran = subprocess.run(
        [*inside(OUTSIDE), "timeout", "2", "bash", "-c", connecting], capture_output=True, timeout=10, check=False
    )
    return ran.returncode == 0


def _move(world: World) -> None:
    """A namespace moves by another `host`; a lost port and a row deleted by hand come back in the same run."""
    hosts = world.hosts
    hosts[1].vsctl("del-port", "t1web-eth0")
    hosts.northbound.ctl("lsp-del", "t1/t1job/eth0")
    moved = tenant(1)
    next(each for each in moved["namespaces"] if each["name"] == "t1app")["host"] = "host3"
    world.write(moved)
    world.build_all(moved)
    assert "t1app" not in hosts[2].run("ip", "netns", "list").stdout.split()
    world.wait((1,), {**PLACES, "app": (3, "front", "10.10.1.2")})
    for start, host, to in (("t1web", 1, "10.10.1.2"), ("t1app", 3, "10.10.1.1"), ("t1job", 3, "10.10.1.2")):
        hosts.wait_for_answer(host, start, to)

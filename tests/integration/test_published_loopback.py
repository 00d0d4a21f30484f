# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A port that is published at 127.0.0.1: who reaches it, and what neighbours do not reach by it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.flow import UdpFlow
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import UPLINK_ADDRESS
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_services import NS01, NS01_6, ROUTER, Services
from ansible_collections.netns.fabric.tests.integration.nat_world import (
    Cycle,
    clear_legacy,
    legacy_programs,
)

PARAMETER = "net.ipv4.conf.lan0.route_localnet"
LOOPBACK = "127.0.0.1"
#: What a service of the host answers that listens on the loopback only.
PRIVATE = "private"


@pytest.fixture
def world(outside_world: Host) -> Iterator[Services]:
    yield Services(outside_world)
    clear_legacy(outside_world)


@pytest.fixture(params=["nftables", "iptables-nft", "iptables-legacy"])
def forward(request: pytest.FixtureRequest, world: Services, run_module: RunModule, tmp_path: Path) -> Cycle:
    """Give the module on a host that uses one of the three backends."""
    env = legacy_programs(tmp_path) if request.param == "iptables-legacy" else {}
    return Cycle(run_module, world, "nat_port_forward", env)


@pytest.fixture
def backend(request: pytest.FixtureRequest, forward: Cycle) -> str:  # with it comes its parameter
    return str(request.node.callspec.params["forward"]).partition("-")[0]


@pytest.fixture
def private_service() -> Iterator[int]:
    """Serve on the loopback of the host, and give the port."""
    with socket.create_server((LOOPBACK, 0)) as server:

        def serve() -> None:
            with suppress(OSError):  # closed, with the test
                while True:
                    connection, _address = server.accept()
                    with connection:
                        connection.sendall(PRIVATE.encode())

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def entry(**options: Any) -> dict[str, Any]:
    return {"port": "8080", "to_address": NS01, "to_port": 80, "loopback": True, **options}


def parameter(host: Host) -> str:
    return host.run("sysctl", "-n", PARAMETER).stdout.strip()


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_published_and_withdrawn(
    outside_world: Host, world: Services, forward: Cycle, backend: str, protocol: str
) -> None:
    assert world.silent(LOOPBACK, 8080, protocol, None)
    assert forward(rules=[entry(protocol=protocol)], backend=backend).changed
    # The service sees the address of the router towards it.
    assert world.ask(LOOPBACK, 8080, protocol, None) == f"ns01 80 {ROUTER}"
    assert world.ask(UPLINK_ADDRESS, 8080, protocol, None).startswith("ns01 80 ")
    assert parameter(outside_world) == "1"
    result = forward(rules=[entry(protocol=protocol, loopback=False)], backend=backend)
    assert f"sysctl -w {PARAMETER}=0" in result.commands
    assert parameter(outside_world) == "0"
    assert world.silent(LOOPBACK, 8080, protocol, None)
    assert world.ask(UPLINK_ADDRESS, 8080, protocol, None).startswith("ns01 80 ")


def test_removed_with_the_last_entry_only(outside_world: Host, forward: Cycle, backend: str) -> None:
    assert forward(rules=[entry(), entry(port="8081")], backend=backend, owner="lab").changed
    assert forward(rules=[entry()], backend=backend, owner="lab", prune=True).changed
    assert parameter(outside_world) == "1"
    assert forward(rules=[], backend=backend, owner="lab", prune=True).changed
    assert parameter(outside_world) == "0"
    assert "fabric" not in forward.world.rules()


def test_neighbours_reach_nothing_on_the_loopback(
    outside_world: Host, world: Services, forward: Cycle, backend: str, private_service: int
) -> None:
    host = outside_world
    # As an attacker in ns02 would: packets to the loopback's addresses leave its namespace by the bridge.
    for link in ("eth0", "lo"):
        host.in_namespace("ns02", "sysctl", "-qw", f"net.ipv4.conf.{link}.route_localnet=1")
    host.in_namespace("ns02", "ip", "addr", "del", "127.0.0.1/8", "dev", "lo")
    host.in_namespace("ns02", "ip", "route", "add", "127.0.0.0/8", "via", ROUTER)
    assert forward(rules=[entry()], backend=backend).changed
    assert parameter(host) == "1"
    assert world.ask(LOOPBACK, private_service, "tcp", None) == PRIVATE
    assert world.silent(LOOPBACK, private_service, "tcp", "ns02")
    # Without the rules the parameter would have let them in: that is what they are for.
    if backend == "nftables":
        host.run("nft", "flush", "chain", "ip", "netns_fabric", "fabric-loopback")
    else:
        world.iptables("legacy" if forward.env else "nft", "-F", "INPUT")
    assert world.ask(LOOPBACK, private_service, "tcp", "ns02") == PRIVATE
    assert forward(rules=[entry()], backend=backend).changed
    assert world.silent(LOOPBACK, private_service, "tcp", "ns02")


def test_guards_come_before_what_accepts(world: Services, forward: Cycle) -> None:
    variant = "legacy" if forward.env else "nft"
    assert forward(rules=[entry()], backend="iptables").changed
    world.iptables(variant, "-I", "INPUT", "-i", "lan0", "-j", "ACCEPT")
    assert forward(rules=[entry()], backend="iptables").changed
    rules = [rule for rule in world.save(variant).splitlines() if rule.startswith("-A INPUT")]
    assert rules[-1] == "-A INPUT -i lan0 -j ACCEPT"


def test_a_set_parameter_is_healed(outside_world: Host, world: Services, forward: Cycle, backend: str) -> None:
    assert forward(rules=[entry()], backend=backend).changed
    outside_world.run("sysctl", "-qw", f"{PARAMETER}=0")
    assert forward(rules=[entry()], backend=backend).commands == [f"sysctl -w {PARAMETER}=1"]
    assert world.ask(LOOPBACK, 8080, "tcp", None) == f"ns01 80 {ROUTER}"


def test_flows_end_with_the_entry(world: Services, forward: Cycle, backend: str) -> None:
    assert forward(rules=[entry(protocol="udp")], backend=backend).changed
    with UdpFlow(None, LOOPBACK, 8080) as flow:
        assert flow.ask() == f"ns01 80 {ROUTER}"
        assert forward(rules=[entry(protocol="udp", loopback=False)], backend=backend).changed
        assert flow.is_silent()


@pytest.mark.parametrize("hairpin", [["192.168.100.0/24", "192.168.101.0/24"], ["0.0.0.0/0"]])
def test_links_to_other_networks_of_the_hairpin_stay_closed(
    outside_world: Host, world: Services, run_module: RunModule, hairpin: list[str]
) -> None:
    outside_world.run("ip", "link", "add", "lan1", "type", "bridge")
    outside_world.run("ip", "link", "set", "lan1", "up")
    outside_world.run("ip", "addr", "add", "192.168.101.254/24", "dev", "lan1")
    closed = ["net.ipv4.conf.lan1.forwarding", "net.ipv4.conf.lan1.route_localnet"]
    outside_world.run("sysctl", "-qw", "net.ipv4.ip_forward=1", *(f"{key}=0" for key in closed))
    cycle = Cycle(run_module, world, "nat_port_forward")
    assert cycle(rules=[entry(hairpin=hairpin)]).changed
    assert parameter(outside_world) == "1"
    assert outside_world.run("sysctl", "-n", *closed).stdout.split() == ["0", "0"]
    assert "lan1" not in outside_world.run("nft", "list", "ruleset").stdout
    assert world.ask(LOOPBACK, 8080, "tcp", None) == f"ns01 80 {ROUTER}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to_address": NS01_6}, "loopback: the kernel sends nothing from ::1 to another host; omit it for IPv6"),
        ({"address": ROUTER}, "loopback: cannot be combined with `address`"),
        ({"in_interface": "lan0"}, "loopback: cannot be combined with `in_interface`"),
        ({"to_address": "203.0.113.9"}, "loopback: no link of the host leads to 203.0.113.9;"),
    ],
)
def test_refused(outside_world: Host, world: Services, run_module: RunModule, options: Any, message: str) -> None:
    outside_world.run("ip", "route", "flush", "exact", "default")
    assert message in Cycle(run_module, world, "nat_port_forward").fails(rules=[entry(**options)])


def test_a_service_on_the_loopback_keeps_its_port(world: Services, run_module: RunModule) -> None:
    with socket.create_server((LOOPBACK, 8080)):
        cycle = Cycle(run_module, world, "nat_port_forward")
        assert "the host itself listens on tcp port 8080 at 127.0.0.1" in cycle.fails(rules=[entry()])
        assert cycle.simply(rules=[entry(loopback=False)]).changed


@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_declarations_are_fed_back(world: Services, run_module: RunModule, backend: str) -> None:
    cycle = Cycle(run_module, world, "nat_port_forward")
    cycle.simply(rules=[entry(), entry(port="8081", loopback=False)], owner="lab", backend=backend)
    info = run_module("topology_info", owner="lab").returned
    declared = info["declarations"]["forwards"]
    assert [each.get("loopback", False) for each in declared] == [True, False]
    assert info["undeclared"] == []
    assert not cycle.simply(rules=declared, owner="lab", prune=True, backend=backend).changed

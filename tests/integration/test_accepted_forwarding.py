# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What NAT opens in the packet filter of the host, tried by a tenant: the way out, and nothing else.

Docker's rules are those that it writes; ufw and firewalld are the real ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_ADDRESS, UPLINK, UPLINK_ADDRESS
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_services import NS01, NS02, Services
from ansible_collections.netns.fabric.tests.integration.nat_world import (
    IPTABLES_VARIANTS,
    OUTSIDE6,
    PORT,
    SERVER,
    SOURCE,
    SOURCE6,
    UPLINK6,
    Cycle,
    World,
    clear_legacy,
    load_docker,
)
from ansible_collections.netns.fabric.tests.integration.packet_filters import running_firewalld, ufw

#: A container with an unpublished port, and a host on another network that the managed host is a member of.
CONTAINER, LAN_HOST = "172.17.0.2", "10.77.0.2"
BOTH = [{"source": SOURCE}, {"source": SOURCE6}]


def add_neighbour(host: Host, link: str, name: str, address: str) -> None:
    """Connect a namespace with a server to the host."""
    run, gateway = host.run, f"{address.rpartition('.')[0]}.1"
    run("ip", "netns", "add", name)
    run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
    run("ip", "link", "set", link, "up")
    run("ip", "addr", "add", f"{gateway}/24", "dev", link)
    for inside in ("lo", "eth0"):
        run("ip", "-n", name, "link", "set", inside, "up")
    run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
    run("ip", "-n", name, "route", "add", "default", "via", gateway)
    host.start("/usr/bin/python3", "-c", SERVER % PORT, namespace=name)


@pytest.fixture
def world(outside_world: Host) -> Iterator[World]:
    """Give a tenant's namespace `ns01`, the outside world, a container and a host on a LAN, each with a server."""
    found = World(outside_world)
    for link, name, address in (("docker0", "container", CONTAINER), ("lan0", "lanhost", LAN_HOST)):
        add_neighbour(outside_world, link, name, address)
        wait_until(partial(found.seen_as, address, name), 30, f"the server in {name} does not answer")
    yield found
    clear_legacy(outside_world)


@pytest.fixture
def masquerade(world: World, run_module: RunModule) -> Cycle:
    return Cycle(run_module, world, "nat_masquerade")


@pytest.fixture(params=IPTABLES_VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    """Give a variant of iptables."""
    return str(request.param)


def saved(world: World, variant: str = "nft") -> tuple[str, str]:
    return world.save(variant), world.save(variant, 6)


def test_unpublished_ports_of_docker(world: World, masquerade: Cycle, variant: str) -> None:
    load_docker(world._host, variant)
    before = saved(world, variant)
    assert world.unanswered(CONTAINER)
    masquerade(rules=BOTH, backend="nftables")
    assert world.seen_as() == UPLINK_ADDRESS
    assert world.seen_as(OUTSIDE6) == UPLINK6
    assert world.unanswered(CONTAINER)
    assert world.unanswered(LAN_HOST)
    masquerade(rules=[{**entry, "state": "absent"} for entry in BOTH])
    assert saved(world, variant) == before


def test_the_hosts_own_rules(world: World, masquerade: Cycle, variant: str) -> None:
    world.iptables(variant, "-P", "FORWARD", "DROP")
    world.iptables(variant, "-A", "FORWARD", "-d", "198.51.100.77", "-j", "DROP")
    masquerade(source=SOURCE, backend="nftables")
    assert world.unanswered(LAN_HOST)
    # What the host adds later keeps its say: at once by another link, and by the same one after the next run.
    later = ("-A", "FORWARD", "-o", "lan0", "-j", "DROP")
    world.iptables(variant, *later)
    world.iptables(variant, "-I", "FORWARD", "1", "-s", "10.9.0.0/16", "-o", "lan0", "-j", "ACCEPT")
    assert world.unanswered(LAN_HOST)
    world.iptables(variant, "-A", "FORWARD", "-o", UPLINK, "-d", OUTSIDE_ADDRESS, "-j", "DROP")
    masquerade(source=SOURCE, backend="nftables")
    assert world.unanswered()
    world.iptables(variant, "-D", "FORWARD", "-o", UPLINK, "-d", OUTSIDE_ADDRESS, "-j", "DROP")
    assert world.seen_as() == UPLINK_ADDRESS


def test_an_opened_filter_of_the_host_stays_open(world: World, masquerade: Cycle) -> None:
    world.iptables("nft", "-P", "FORWARD", "DROP")
    for direction in ("-i", "-o"):
        world.iptables("nft", "-A", "FORWARD", direction, "lan0", "-j", "ACCEPT")
    masquerade(source=SOURCE)
    assert world.seen_as(LAN_HOST) == "10.77.0.1"


def test_a_second_way_out(world: World, masquerade: Cycle) -> None:
    """A route to a network behind a neighbour leads outside as well; when it is gone, so is what was opened for it."""
    world.iptables("nft", "-P", "FORWARD", "DROP")
    world._host.run("ip", "route", "add", "203.0.113.0/24", "via", LAN_HOST)
    masquerade(source=SOURCE)
    assert world.seen_as(LAN_HOST) == "10.77.0.1"
    world._host.run("ip", "route", "del", "203.0.113.0/24")
    assert masquerade(source=SOURCE).changed
    assert world.unanswered(LAN_HOST)
    assert world.seen_as() == UPLINK_ADDRESS


def test_ufw(world: World, masquerade: Cycle) -> None:
    with ufw(world._host):
        world._host.run("ufw", "reload")
        before = saved(world)
        masquerade(rules=BOTH)
        assert world.seen_as() == UPLINK_ADDRESS
        assert world.unanswered(LAN_HOST)
        world._host.run("ufw", "route", "deny", "out", "on", UPLINK, "to", OUTSIDE_ADDRESS)
        assert world.unanswered()
        world._host.run("ufw", "route", "delete", "deny", "out", "on", UPLINK, "to", OUTSIDE_ADDRESS)
        world._host.run("ufw", "reload")
        assert not masquerade(rules=BOTH).changed
        assert world.seen_as() == UPLINK_ADDRESS
        masquerade(rules=[{**entry, "state": "absent"} for entry in BOTH])
        assert saved(world) == before


def test_docker_beside_firewalld(world: World, masquerade: Cycle) -> None:
    """A rule of firewalld cannot match the link that a packet leaves by; Docker's chains keep their say."""
    with running_firewalld(world._host):
        load_docker(world._host, "nft")
        policies = world._host.run("firewall-cmd", "--list-all-policies").stdout
        masquerade(source=SOURCE)
        assert world.seen_as() == UPLINK_ADDRESS
        # The reload of firewalld has flushed iptables, which Docker repairs as soon as it hears of it.
        load_docker(world._host, "nft")
        before = [line for line in saved(world)[0].splitlines() if "netns.fabric" not in line]
        masquerade.simply(source=SOURCE)
        assert world.seen_as() == UPLINK_ADDRESS
        assert world.unanswered(CONTAINER)
        masquerade.simply(source=SOURCE, state="absent")
        load_docker(world._host, "nft")
        assert saved(world)[0].splitlines() == before
        assert world._host.run("firewall-cmd", "--list-all-policies").stdout == policies


class TestPublishedPort:
    @pytest.fixture
    def services(self, outside_world: Host) -> Iterator[Services]:
        yield Services(outside_world)
        clear_legacy(outside_world)

    def test_its_source_port_opens_nothing(self, services: Services, run_module: RunModule) -> None:
        """Who serves a published port can use it as a source port, for a connection that another rule translates."""
        host = services._host
        add_neighbour(host, "docker0", "container", CONTAINER)
        services.iptables("nft", "-P", "FORWARD", "DROP")
        # As Docker publishes a port of the container on the host; its acceptance is limited to the LAN.
        services.iptables(
            *("nft", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "9000"),
            *("-j", "DNAT", "--to-destination", f"{CONTAINER}:{PORT}"),
        )
        publish = Cycle(run_module, services, "nat_port_forward")
        publish(port=8080, to_address=NS02, to_port=80)
        assert from_port(host, 80) == ""
        services.iptables("nft", "-P", "FORWARD", "ACCEPT")
        assert from_port(host, 80) == NS02

    def test_it_is_accepted_where_it_is_published(self, services: Services, run_module: RunModule) -> None:
        """Another rule leads the same port of the same namespace there from elsewhere; the host has closed that."""
        host = services._host
        add_neighbour(host, "lan0x", "lanhost", LAN_HOST)
        services.iptables("nft", "-P", "FORWARD", "DROP")
        services.iptables(
            *("nft", "-t", "nat", "-A", "PREROUTING", "-i", "lan0x", "-p", "tcp", "--dport", "8081"),
            *("-j", "DNAT", "--to-destination", f"{NS01}:80"),
        )
        Cycle(run_module, services, "nat_port_forward")(port=8080, to_address=NS01, to_port=80, in_interface=UPLINK)
        assert services.ask(UPLINK_ADDRESS, 8080) == f"ns01 80 {OUTSIDE_ADDRESS}"
        assert services.silent("10.77.0.1", 8081, namespace="lanhost")
        services.iptables("nft", "-P", "FORWARD", "ACCEPT")
        assert services.ask("10.77.0.1", 8081, namespace="lanhost") == f"ns01 80 {LAN_HOST}"


FROM_PORT = """
import socket, sys
with socket.create_connection((sys.argv[1], 9000), 2, source_address=("", int(sys.argv[2]))) as connection:
    print(connection.recv(100).decode())
"""


def from_port(host: Host, port: int) -> str:
    """Return what the container sees as the address of ns02, which connects from a port; empty for no answer."""
    client = host.in_namespace("ns02", "/usr/bin/python3", "-c", FROM_PORT, "172.17.0.1", str(port), check=False)
    return client.stdout.strip()

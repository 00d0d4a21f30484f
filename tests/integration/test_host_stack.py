# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's own network stack at the ends of ports on the userspace datapath: nobody goes round Open vSwitch by it.

The host has an address in VLAN 20, and a tenant in VLAN 10 with CAP_NET_ADMIN in its namespace tries to reach it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.convergence import converge, converge_and_paste
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.switch_world import BOTH, connect, create_bridges

pytestmark = pytest.mark.skipif(Path("/sys/module/openvswitch").exists(), reason="this is about the userspace datapath")

GATEWAY, TENANT, PORT = "10.20.0.254", "10.20.0.5", "80"
IN_VLAN_10 = [{**port, "tag": 10} for port in BOTH]
PARAMETERS = ("ipv4/conf/{}/arp_ignore", "ipv4/conf/{}/rp_filter", "ipv6/conf/{}/disable_ipv6")


def prepare(host: Host) -> None:
    create_bridges(host)
    for name in ("red", "blue"):
        host.run("ip", "netns", "add", name)
        connect(host, name)


@pytest.fixture
def gateway(host: Host) -> Host:
    """Give a host with an address in VLAN 20, a server there, and two tenants that are no ports yet."""
    prepare(host)
    host.ovs_vsctl("add-port", "int_br", "vlan20", "tag=20", "--", "set", "Interface", "vlan20", "type=internal")
    host.run("ip", "link", "set", "vlan20", "up")
    host.run("ip", "addr", "add", f"{GATEWAY}/24", "dev", "vlan20")
    host.in_namespace("red", "ip", "addr", "add", f"{TENANT}/24", "dev", "eth0")
    log = "/run/traffic-host.log"
    host.start(*traffic.ENDPOINT, "serve", "host", log, PORT)
    wait_until(lambda: asks(None), 30, "the server of the host does not answer")
    return host


def asks(namespace: str | None, wait: float = 0.5) -> str:
    """Return what the server of the host answers; empty for nothing."""
    return traffic.ask(namespace, GATEWAY, int(PORT), "udp", wait)


def test_another_vlan(gateway: Host, run_module: RunModule) -> None:
    """What a tenant sends to the host's address in another VLAN does not arrive there."""
    converge(gateway, run_module, "ovs_port", ports=IN_VLAN_10)
    assert asks("red") == ""
    assert not knows(gateway), "the kernel of the host does not answer ARP"
    # By the hardware address of the end, and by that of all hosts.
    for address in (gateway.links()["red-tap"]["address"], "ff:ff:ff:ff:ff:ff"):
        gateway.in_namespace("red", "ip", "neigh", "replace", GATEWAY, "lladdr", address, "dev", "eth0")
        assert asks("red") == ""
    gateway.in_namespace("red", "ip", "neigh", "del", GATEWAY, "dev", "eth0")
    assert f"udp {PORT} {TENANT}" not in traffic.recorded("host")
    # In its own VLAN it reaches the address, by the switch.
    converge(gateway, run_module, "ovs_port", name="red-tap", tag=20)
    assert traffic.pings("red", GATEWAY)
    assert asks("red", 5) == f"host {PORT} {TENANT}"


def knows(host: Host) -> bool:
    """Return whether the tenant has learnt a hardware address of the host's address."""
    return "lladdr" in host.in_namespace("red", "ip", "neigh", "show", GATEWAY).stdout


def test_link_local_addresses_of_the_end(gateway: Host, run_module: RunModule) -> None:
    """Whoever asks all hosts of the link gets no answer from its end on the host."""
    every_host = ("ping", "-6", "-n", "-c", "3", "-i", "0.2", "-W", "1", "ff02::1%eth0")
    (own,) = [
        found
        for found in gateway.run("ip", "-6", "-o", "addr", "show", "dev", "red-tap").stdout.split()
        if "fe80" in found
    ]
    end = own.partition("/")[0]
    asked = partial(gateway.in_namespace, "red", *every_host, check=False)
    wait_until(lambda: end in asked().stdout, 30, "without a switch, the kernel answers")
    converge(gateway, run_module, "ovs_port", ports=IN_VLAN_10)
    assert end not in asked().stdout
    assert "inet6" not in gateway.run("ip", "addr", "show", "dev", "red-tap").stdout


def read(path: str) -> str:
    return Path("/proc/sys/net", path).read_text(encoding="ascii").strip()


@pytest.mark.parametrize("path", PARAMETERS)
def test_healed(gateway: Host, run_module: RunModule, path: str) -> None:
    run_module("ovs_port", ports=IN_VLAN_10)
    wanted = read(path.format("red-tap"))
    Path("/proc/sys/net", path.format("red-tap")).write_text("0", encoding="ascii")
    done = converge(gateway, run_module, "ovs_port", ports=IN_VLAN_10)
    parameter = path.format("red-tap").replace("/", ".")
    assert done.commands[0] == f"sysctl -w net.{parameter}={wanted}"
    assert read(path.format("red-tap")) == wanted
    assert not traffic.pings("red", GATEWAY)


def test_the_commands_do_the_same(host: Host, run_module: RunModule) -> None:
    done = converge_and_paste(host, run_module, lambda: prepare(host), "ovs_port", ports=IN_VLAN_10)
    assert "sysctl -w net.ipv4.conf.red-tap.arp_ignore=8" in done.commands


def test_rolled_back(gateway: Host, run_module: RunModule) -> None:
    before = [read(path.format("red-tap")) for path in PARAMETERS]
    bad: dict[str, Any] = {"name": "tun0", "bridge": "int_br", "type": "geneve", "options": {"remote_ip": "256.0.0.1"}}
    assert run_module("ovs_port", ports=[*IN_VLAN_10, bad]).failed
    assert [read(path.format("red-tap")) for path in PARAMETERS] == before


def test_a_pair_of_the_same_sequence(host: Host, run_module: RunModule) -> None:
    create_bridges(host)
    steps: list[dict[str, Any]] = [
        {"module": "netns", "options": {"name": "red"}},
        {"module": "veth", "options": {"name": "eth0", "namespace": "red", "peer": {"name": "red-tap"}}},
        {"module": "ovs_port", "options": IN_VLAN_10[0]},
    ]
    checked = run_module("sequence", _check=True, steps=steps)
    done = run_module("sequence", steps=steps)
    assert (checked.diff, checked.commands) == (done.diff, done.commands)
    assert "sysctl -w net.ipv6.conf.red-tap.disable_ipv6=1" in done.commands
    assert not run_module("sequence", steps=steps).changed


def test_a_network_card_is_left_alone(host: Host, run_module: RunModule) -> None:
    """It may be the host's own network card, with IPv6 addresses."""
    create_bridges(host)
    host.run("ip", "link", "add", "nic0", "type", "bridge")
    run_module("ovs_port", name="nic0", bridge="int_br")
    assert [read(path.format("nic0")) for path in PARAMETERS] == [read(path.format("default")) for path in PARAMETERS]

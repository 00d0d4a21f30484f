# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module neighbour against the kernel: check -> apply -> check -> apply, replacement, exactness, traffic."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import (
    Run,
    assert_unchanged,
    converge,
    converge_and_paste,
    shell,
)
from ansible_collections.netns.fabric.tests.helpers.host import Host

STAGE = """
    netns add red
    netns add blue
    -n red link set lo up
    link add name eth0 netns red type veth peer name eth0 netns blue
    -n red link set eth0 up address 02:00:00:00:00:0a
    -n blue link set eth0 up address 02:00:00:00:00:0b
    -n red addr add 192.0.2.1/24 dev eth0
    -n red addr add 2001:db8::1/64 dev eth0 nodad
    -n blue addr add 192.0.2.2/24 dev eth0
    -n blue addr add 2001:db8::2/64 dev eth0 nodad
"""
BLUE, WRONG = "02:00:00:00:00:0b", "02:00:00:00:00:99"


@pytest.fixture(name="stage")
def fixture_stage(host: Host) -> Host:
    shell(host, STAGE)
    return host


def neighbours(host: Host, *selector: str) -> list[str]:
    """Return the static neighbours of red as `ip neigh` prints them."""
    shown = host.run("ip", "-n", "red", "neigh", "show", *(selector or ("nud", "permanent"))).stdout.splitlines()
    return sorted(" ".join(line.split()) for line in shown)


@pytest.mark.parametrize("address", ["192.0.2.2", "2001:db8::2"])
def test_packets_are_sent_to_the_declared_address(host: Host, run_module: Run, address: str) -> None:
    def prepare() -> None:
        shell(host, STAGE)

    entry = {"namespace": "red", "address": address, "device": "eth0"}
    result = converge_and_paste(host, run_module, prepare, "neighbour", **entry, mac=WRONG)
    assert result.diff[0]["before_header"] == f"neighbour red {address}"
    assert not host.pings(address, "red")
    result = converge(host, run_module, "neighbour", **entry, mac=BLUE)
    assert WRONG in result.diff[0]["before"]
    assert host.pings(address, "red")
    assert neighbours(host) == [f"{address} dev eth0 lladdr {BLUE} PERMANENT proto static"]
    converge(host, run_module, "neighbour", **entry, state="absent")
    assert neighbours(host) == []


def test_what_the_kernel_has_found_out_is_replaced(stage: Host, run_module: Run) -> None:
    assert stage.pings("192.0.2.2", "red")
    entry = {"namespace": "red", "address": "192.0.2.2", "device": "eth0"}
    assert_unchanged(run_module("neighbour", **entry, state="absent"))
    converge(stage, run_module, "neighbour", **entry, mac=BLUE)
    assert neighbours(stage) == [f"192.0.2.2 dev eth0 lladdr {BLUE} PERMANENT proto static"]


def test_many_in_one_pass(host: Host, run_module: Run) -> None:
    entries: list[dict[str, Any]] = [
        {"address": "192.0.2.2", "device": "eth0", "mac": BLUE},
        {"address": "203.0.113.9", "device": "eth0", "mac": "02-00-00-00-00-99"},  # in no subnet
        {"address": "192.0.2.3", "device": "eth0", "mac": "03:00:00:00:00:01"},  # of a group
        {"address": "2001:db8::2", "device": "eth0", "mac": BLUE},
        {"address": "fe80::2", "device": "eth0", "mac": BLUE},
        {"address": "192.0.2.9", "device": "eth0", "proxy": True},
        {"address": "192.0.2.2", "device": "eth0", "proxy": True},
        {"address": "2001:db8::9", "device": "eth0", "proxy": True},
    ]
    wanted = [{"namespace": "red", **entry} for entry in entries]
    result = converge_and_paste(
        host, run_module, lambda: shell(host, STAGE), "neighbour", neighbours=wanted, exact=True
    )
    assert len(result.diff) == len(entries)
    assert len(neighbours(host)) == 5
    assert neighbours(host, "proxy") == [
        "192.0.2.2 dev eth0 proxy proto static",
        "192.0.2.9 dev eth0 proxy proto static",
        "2001:db8::9 dev eth0 proxy proto static",
    ]


def test_a_proxy_answers(host: Host, run_module: Run) -> None:
    """For an address behind another link of a namespace that forwards."""
    shell(
        host,
        STAGE
        + """
        !ip netns exec red sysctl -qw net.ipv4.ip_forward=1
        link add name eth1 netns red type veth peer name far
        link set far up
        addr add 198.51.100.9/32 dev far
        route add 192.0.2.0/24 dev far
        -n red link set eth1 up
        -n red addr add 198.51.100.1/32 dev eth1
        -n red route add 198.51.100.9/32 dev eth1
        -n blue route add 198.51.100.9/32 dev eth0
        route add 198.51.100.1/32 dev far
        """,
    )
    assert not host.pings("198.51.100.9", "blue")
    host.run("ip", "-n", "blue", "neigh", "flush", "all")
    converge(host, run_module, "neighbour", namespace="red", address="198.51.100.9", device="eth0", proxy=True)
    found = host.run("ip", "netns", "exec", "blue", "ping", "-c1", "-W3", "198.51.100.9", check=False)
    shown = host.run("ip", "-n", "blue", "neigh", "show", "198.51.100.9").stdout
    assert "02:00:00:00:00:0a" in shown, found.stdout


def test_exact_removes_other_static_neighbours_and_nothing_else(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(
            host,
            STAGE
            + """
            -n red neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev eth0 nud permanent
            -n red neigh add 192.0.2.8 lladdr 02:00:00:00:00:08 dev eth0 nud permanent protocol zebra
            -n red neigh add 192.0.2.6 lladdr 02:00:00:00:00:06 dev eth0 nud stale
            -n red neigh add 2001:db8::7 lladdr 02:00:00:00:00:07 dev eth0 nud permanent protocol static
            -n red neigh add proxy 192.0.2.7 dev eth0
            -n red neigh add proxy 192.0.2.8 dev eth0 protocol bird
            -n blue neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev eth0 nud permanent
            """,
        )

    wanted = [{"namespace": "red", "address": "192.0.2.2", "device": "eth0", "mac": BLUE}]
    result = converge_and_paste(host, run_module, prepare, "neighbour", neighbours=wanted, exact=True)
    assert len(result.diff) == 4
    assert neighbours(host) == [
        f"192.0.2.2 dev eth0 lladdr {BLUE} PERMANENT proto static",
        "192.0.2.8 dev eth0 lladdr 02:00:00:00:00:08 PERMANENT proto zebra",
    ]
    assert neighbours(host, "proxy") == ["192.0.2.8 dev eth0 proxy proto bird"]
    assert "192.0.2.6" in host.run("ip", "-n", "red", "neigh", "show").stdout


@pytest.mark.parametrize("proxy", ["", "proxy"])
def test_the_entry_of_a_routing_daemon_stays(stage: Host, run_module: Run, proxy: str) -> None:
    permanent = "" if proxy else "lladdr 02:00:00:00:00:08 nud permanent"
    shell(stage, f"-n red neigh add {proxy} 192.0.2.8 dev eth0 {permanent} protocol zebra")
    before = snapshot.take()
    entry: dict[str, Any] = {"namespace": "red", "address": "192.0.2.8", "device": "eth0"}
    options = {"proxy": True} if proxy else {"mac": BLUE}
    result = run_module("neighbour", **entry, **options)
    assert "exists and is not static (protocol 11), so it stays" in result.message
    assert_unchanged(run_module("neighbour", **entry, proxy=bool(proxy), state="absent"))
    snapshot.assert_unchanged(before)


def test_what_a_link_loses_is_added_again_in_one_call(stage: Host, run_module: Run) -> None:
    """The kernel deletes neighbours with every change of the link's MAC address: check mode knows it."""
    entry = {"namespace": "red", "address": "192.0.2.2", "device": "eth0", "mac": BLUE}
    converge(stage, run_module, "neighbour", **entry)
    link = {"name": "eth0", "namespace": "red", "mac": "02:00:00:00:00:77"}
    steps = [
        {"module": "link", "options": link},
        {"module": "neighbour", "options": {"neighbours": [entry], "exact": True}},
    ]
    converge(stage, run_module, "sequence", steps=steps)
    assert neighbours(stage) == [f"192.0.2.2 dev eth0 lladdr {BLUE} PERMANENT proto static"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"device": "eth7"}, "device: there is no link eth7 in the namespace red, which has eth0, lo"),
        ({"device": "lo"}, "device: lo is a loopback link, whose neighbours have no MAC addresses"),
        ({"device": "tun0"}, "device: tun0 is a tun link, whose neighbours have no MAC addresses"),
        ({"address": "2001:db8::7", "device": "v6off"}, "device: IPv6 is off (net.ipv6.conf.v6off.disable_ipv6 = 1)"),
    ],
)
def test_what_the_kernel_refuses_or_ignores(stage: Host, run_module: Run, entry: dict[str, Any], said: str) -> None:
    shell(
        stage,
        """
        -n red tuntap add tun0 mode tun
        link add name v6off netns red type veth peer name t0
        !ip netns exec red sysctl -qw net.ipv6.conf.v6off.disable_ipv6=1
        """,
    )
    before = snapshot.take()
    wanted = {"namespace": "red", "address": "192.0.2.7", "mac": BLUE, **entry}
    result = run_module("neighbour", neighbours=[wanted])
    assert said.replace(", lo", ", lo, tun0, v6off") in result.message or said in result.message
    snapshot.assert_unchanged(before)

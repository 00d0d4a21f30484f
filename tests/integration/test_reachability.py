# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes over real links: what is reachable, what is not and why, and what it costs."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import module_runner
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.probe_world import (
    BLUE,
    BLUE6,
    ELSEWHERE,
    GREEN,
    NOBODY,
    NOBODY6,
    RED,
    RED6,
    ask,
    batch,
    bridge_with_ports,
    causes,
    connect,
    nft,
    probe,
    state_of,
    switch,
    wait_until_up,
)


@pytest.fixture
def red_and_blue(host: Host) -> Host:
    connect(host, ("red", [f"{RED}/24", f"{RED6}/64"]), ("blue", [f"{BLUE}/24", f"{BLUE6}/64"]))
    return host


# What is reachable


def test_icmp_and_tcp_over_both_versions_leave_nothing(red_and_blue: Host, run_module: RunModule) -> None:
    before = state_of(red_and_blue)
    result = ask(
        run_module,
        probe("red", BLUE),
        probe("blue", RED),
        probe("red", BLUE6),
        probe("red", BLUE, "tcp"),
        probe("blue", RED, "tcp"),
        probe("blue", RED6, "tcp"),
    )
    assert not result.failed
    assert not result.changed
    probes = result.returned["probes"]
    assert {probe["result"] for probe in probes} == {"reachable"}
    assert all(probe["ok"] and probe["cause"] is None and 0 <= probe["round_trip_ms"] < 1000 for probe in probes)
    assert [probe["answered_by"] for probe in probes] == [None, None, None, "blue", "red", "red"]
    assert result.returned["summary"]["as_expected"] == 6
    assert result.returned["matrix"][0].split() == ["icmp", RED, BLUE]
    assert result.returned["matrix"][1].startswith("red ")
    assert ["icmp", BLUE6] in [line.split() for line in result.returned["matrix"]]
    assert state_of(red_and_blue) == before


def test_no_program_is_run(red_and_blue: Host, run_module: RunModule) -> None:
    """Not even ping: probes work where no program can be found."""
    probes = [probe("red", to, protocol) for to in (BLUE, BLUE6) for protocol in ("icmp", "tcp")]
    result = run_module("reachability", probes=probes, _env={"PATH": "/nonexistent"})
    assert not result.failed, result.message
    assert red_and_blue.namespaces() == ["blue", "red"]


def test_single_form_and_the_host(host: Host, run_module: RunModule) -> None:
    switch(host, ("red", f"{RED}/24"))
    host.run("ip", "address", "add", "192.0.2.254/24", "dev", "br0")
    from_red = run_module("reachability", namespace="red", to="192.0.2.254", protocol="tcp")
    assert not from_red.failed
    assert from_red.returned["probes"][0]["answered_by"] == "the host"
    from_host = run_module("reachability", to=RED, protocol="tcp")
    assert not from_host.failed
    assert from_host.returned["probes"][0]["namespace"] is None
    assert from_host.returned["probes"][0]["answered_by"] == "red"
    assert not run_module("reachability", to=RED).failed


def test_a_namespace_reaches_itself(red_and_blue: Host, run_module: RunModule) -> None:
    own = [probe("red", to, protocol) for to in (RED, RED6, "127.0.0.1", "::1") for protocol in ("icmp", "tcp")]
    result = ask(run_module, *own, probe("blue", "127.0.0.1", "tcp"))
    assert not result.failed, result.message
    assert [probe["answered_by"] for probe in result.returned["probes"]] == [None, "red"] * 4 + ["blue"]
    red_and_blue.run("ip", "-n", "red", "link", "set", "lo", "down")
    assert ask(run_module, probe("red", RED, timeout=0.5)).failed


def test_a_service_that_listens(red_and_blue: Host, run_module: RunModule) -> None:
    program = f"import socket, time; s = socket.create_server(('{BLUE}', 8080)); print(s, flush=True); time.sleep(60)"
    process = red_and_blue.start(sys.executable, "-c", program, namespace="blue")
    assert process.poll() is None
    for _attempt in range(100):
        result = ask(run_module, probe("red", BLUE, "tcp", port=8080), probe("blue", BLUE, "tcp", port=8080))
        if not result.failed:
            break
        time.sleep(0.05)  # the server has no other sign that it listens
    assert not result.failed, result.message
    assert result.returned["probes"][0]["port"] == 8080
    assert result.returned["probes"][0]["answered_by"] is None


def test_the_first_packets_may_be_lost(red_and_blue: Host, run_module: RunModule) -> None:
    nft(red_and_blue, "blue", "input", "icmp type echo-request quota until 200 bytes drop")
    result = ask(run_module, probe("red", BLUE))
    assert not result.failed, result.message


def test_a_stale_neighbour_entry(red_and_blue: Host, run_module: RunModule) -> None:
    entry = ("neigh", "replace", BLUE, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "stale")
    red_and_blue.run("ip", "-n", "red", *entry)
    result = ask(run_module, probe("red", BLUE))
    assert causes(result) == ["silence"]
    assert "stale" in result.message
    red_and_blue.run("ip", "-n", "red", *entry)
    assert not ask(run_module, probe("red", BLUE, timeout=15)).failed


def recreate_link(host: Host, name: str, address: str) -> None:
    """Re-create the veth pair of a member of `switch` with another MAC address, which the others do not know."""
    nodad = " nodad" if ":" in address else ""
    batch(
        f"link del {name}-tap",
        f"link add eth0 netns {name} type veth peer name {name}-tap",
        f"link set {name}-tap up master br0",
        f"-n {name} addr add {address} dev eth0{nodad}",
        f"-n {name} link set eth0 up",
    )
    wait_until_up(host, name)


@pytest.mark.parametrize("version", [4, 6])
def test_a_recreated_link_is_reachable_within_seconds(host: Host, run_module: RunModule, version: int) -> None:
    """Its old neighbours send to its former MAC address for eight seconds or more, unless it sends them a request."""
    base, rest = ("192.0.2.", "/24") if version == 4 else ("2001:db8::", "/64 nodad")
    own = {name: f"{base}{number}{rest}" for number, name in enumerate("abc", 1)}
    switch(host, *own.items())
    to = {name: address.split("/")[0] for name, address in own.items()}
    ring = [probe(name, to[other], timeout=10) for name, other in zip("abc", "bca")]
    assert not ask(run_module, *ring).failed
    assert not ask(run_module, *(probe(name, to[other]) for name, other in zip("bca", "abc"))).failed
    recreate_link(host, "a", own["a"].removesuffix(" nodad"))
    started = time.monotonic()
    result = ask(run_module, *ring)
    assert not result.failed, result.message
    assert time.monotonic() - started < 6


def test_listening_on_a_tentative_address(red_and_blue: Host, run_module: RunModule) -> None:
    red_and_blue.run("ip", "-n", "blue", "address", "add", "2001:db8::22/64", "dev", "eth0")
    result = ask(run_module, probe("red", "2001:db8::22", "tcp", timeout=5))
    assert not result.failed, result.message


# What is not, and why


@pytest.mark.parametrize(
    ("kind", "cause"), [("unreachable", "no route"), ("blackhole", "no route"), ("prohibit", "prohibited")]
)
def test_routes_of_other_types(red_and_blue: Host, run_module: RunModule, kind: str, cause: str) -> None:
    red_and_blue.run("ip", "-n", "red", "route", "add", kind, "203.0.113.0/24")
    result = ask(run_module, probe("red", "203.0.113.1"), probe("red", "203.0.113.1", "tcp", port=80))
    assert causes(result) == [cause, cause]


def test_no_route_is_reported_at_once(red_and_blue: Host, run_module: RunModule) -> None:
    started = time.monotonic()
    result = ask(
        run_module,
        probe("red", ELSEWHERE, timeout=60),
        probe("red", "2001:db8:1::1", timeout=60),
        probe("red", ELSEWHERE, "tcp", port=80, timeout=60),
    )
    assert time.monotonic() - started < 5
    assert causes(result) == ["no route"] * 3
    assert result.message.splitlines()[:2] == [
        "3 of 3 probes are not as expected:",
        f"red -> {ELSEWHERE} icmp: no route (expected reachable)",
    ]
    assert "Likely cause" in result.message
    assert result.returned["matrix"]


def test_silence(red_and_blue: Host, run_module: RunModule) -> None:
    dropped = ("icmp type echo-request", "icmpv6 type echo-request", "meta l4proto tcp")
    nft(red_and_blue, "blue", "input", *(f"{packets} drop" for packets in dropped))
    probes = [probe("red", to, protocol) for to in (BLUE, BLUE6) for protocol in ("icmp", "tcp")]
    result = ask(run_module, *probes)
    assert causes(result) == ["silence"] * 4
    assert f"red -> {BLUE} tcp: silence (expected reachable)" in result.message.splitlines()
    assert "checksum" not in result.message


def test_filtered_by_the_namespace_itself(red_and_blue: Host, run_module: RunModule) -> None:
    nft(red_and_blue, "red", "output", f"ip daddr {BLUE} drop")
    result = ask(run_module, probe("red", BLUE))
    assert causes(result) == ["filtered"]


def test_refused(red_and_blue: Host, run_module: RunModule) -> None:
    started = time.monotonic()
    result = ask(
        run_module, probe("red", BLUE, "tcp", port=80, timeout=30), probe("red", BLUE6, "tcp", port=80, timeout=30)
    )
    assert time.monotonic() - started < 5
    assert causes(result) == ["refused"] * 2
    nft(red_and_blue, "blue", "input", "meta l4proto tcp reject with tcp reset")
    assert causes(ask(run_module, probe("red", BLUE, "tcp"))) == ["refused"]


@pytest.mark.parametrize(
    ("reject", "cause"),
    [
        ("icmpx type admin-prohibited", "prohibited"),
        ("icmpx type host-unreachable", "host unreachable"),
        ("icmpx type no-route", "network unreachable"),
        ("icmpx type port-unreachable", "port unreachable"),
    ],
)
def test_rejected(red_and_blue: Host, run_module: RunModule, reject: str, cause: str) -> None:
    nft(red_and_blue, "blue", "input", f"ct state new reject with {reject}")
    started = time.monotonic()
    to = [(BLUE, protocol) for protocol in ("icmp", "tcp")] + [(BLUE6, "tcp")]
    result = ask(run_module, *(probe("red", address, protocol, timeout=30) for address, protocol in to))
    assert time.monotonic() - started < 5
    assert causes(result) == [cause] * 3
    assert [probe["detail"] for probe in result.returned["probes"]] == [
        f"reported by {address}" for address, _tcp in to
    ]


def test_no_neighbour(red_and_blue: Host, run_module: RunModule) -> None:
    probes = [probe("red", NOBODY), probe("red", NOBODY6), probe("red", NOBODY, "tcp", port=80)]
    result = ask(run_module, *probes)
    assert causes(result) == ["no neighbour"] * 3
    # The kernel gives up after three seconds; with a longer timeout, it reports that itself.
    late = ask(run_module, *({**probe, "to": probe["to"][:-1] + "8", "timeout": 10} for probe in probes))
    assert causes(late) == ["no neighbour"] * 3


def test_a_dead_gateway_is_named(red_and_blue: Host, run_module: RunModule) -> None:
    red_and_blue.run("ip", "-n", "red", "route", "add", "default", "via", NOBODY)
    result = ask(run_module, probe("red", ELSEWHERE))
    assert result.failed
    assert f"gateway {NOBODY}" in result.message


def test_a_routing_loop(host: Host, run_module: RunModule) -> None:
    switch(host, ("red", f"{RED}/24"), ("blue", f"{BLUE}/24"), ("green", f"{GREEN}/24"))
    for name, gateway in (("red", BLUE), ("blue", GREEN), ("green", BLUE)):
        host.run("ip", "-n", name, "route", "add", "default", "via", gateway)
        host.in_namespace(name, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0")
        host.in_namespace(name, "sysctl", "-qw", "net.ipv4.conf.eth0.send_redirects=0")
    assert causes(ask(run_module, probe("red", ELSEWHERE))) == ["hop limit exceeded"]


def test_ping_works_but_tcp_does_not(host: Host, run_module: RunModule) -> None:
    bridge_with_ports(host, "", "")
    result = ask(run_module, probe("red", BLUE), probe("red", BLUE, "tcp"), probe("blue", RED, "tcp"))
    assert causes(result) == [None, "silence", "silence"]
    assert "transmit checksum offload" in result.message
    for name in ("red", "blue"):
        host.in_namespace(name, "ethtool", "-K", "eth0", "tx", "off")
    result = ask(run_module, probe("red", BLUE), probe("red", BLUE, "tcp"), probe("blue", RED, "tcp"))
    assert not result.failed, result.message


def test_the_likely_cause_is_found_without_an_icmp_probe(host: Host, run_module: RunModule) -> None:
    bridge_with_ports(host, "", "")
    result = ask(run_module, probe("red", BLUE, "tcp"))
    assert "ping works on this path but TCP does not" in result.message


def test_another_vlan(host: Host, run_module: RunModule) -> None:
    bridge_with_ports(host, "tag=10", "tag=20")
    for name in ("red", "blue"):
        host.in_namespace(name, "ethtool", "-K", "eth0", "tx", "off")
    apart = [probe("red", BLUE, protocol, expect="unreachable") for protocol in ("icmp", "tcp")]
    result = ask(run_module, *apart)
    assert not result.failed
    assert causes(result) == ["no neighbour"] * 2
    host.ovs_vsctl("set", "port", "blue-tap", "tag=10")
    result = ask(run_module, *apart)
    assert result.failed
    lines = result.message.splitlines()
    assert lines[0] == "2 of 2 probes are not as expected:"
    assert all(line.endswith("ms (expected unreachable)") for line in lines[1:3])
    assert "a port in another VLAN" in lines[3]


def test_an_mtu_that_is_too_small_on_the_path(host: Host, run_module: RunModule) -> None:
    switch(host, ("red", f"{RED}/24"), ("blue", f"{BLUE}/24"))
    host.run("ip", "link", "set", "blue-tap", "mtu", "1000")
    for name in ("red", "blue"):
        host.in_namespace(name, "ethtool", "-K", "eth0", "tso", "off", "gso", "off", "tx", "off")
    result = ask(run_module, probe("red", BLUE), probe("red", BLUE, "tcp"), probe("blue", RED, "tcp"))
    assert causes(result) == [None, "stalled", "stalled"]
    assert "bytes arrived at the destination" in result.returned["probes"][1]["detail"]
    assert "MTU" in result.message
    for link in ("red-tap", "br0"):
        host.run("ip", "link", "set", link, "mtu", "1000")
    for name in ("red", "blue"):
        host.run("ip", "-n", name, "link", "set", "eth0", "mtu", "1000")
    assert not ask(run_module, probe("red", BLUE, "tcp")).failed


FULL_SIZE: dict[str, Any] = {"full_size": True, "timeout": 1.0}


def full_sized(run_module: RunModule, *paths: tuple[str, str]) -> list[str | None]:
    """Return the causes for a probe over each path, with a packet as large as both ends can carry."""
    return causes(ask(run_module, *(probe(namespace, to, **FULL_SIZE) for namespace, to in paths)))


def test_a_smaller_mtu_between_the_ends_is_found_by_a_full_sized_packet(host: Host, run_module: RunModule) -> None:
    """In both versions; the small packet of an ordinary probe passes."""
    switch(host, ("red", f"{RED}/24"), ("blue", f"{BLUE}/24"))
    for namespace, address in (("red", RED6), ("blue", BLUE6)):
        batch(f"-n {namespace} addr add {address}/64 dev eth0 nodad")
    paths = [("red", BLUE), ("blue", RED), ("red", BLUE6)]
    assert full_sized(run_module, *paths) == [None, None, None]
    batch("link set red-tap mtu 1400", "link set blue-tap mtu 1400")
    assert causes(ask(run_module, *(probe(namespace, to) for namespace, to in paths))) == [None, None, None]
    result = ask(run_module, *(probe(namespace, to, **FULL_SIZE) for namespace, to in paths))
    assert causes(result) == ["large packets lost"] * 3
    detail = "(an echo request of 1500 bytes is not answered, one of 84 bytes is)"
    assert f"red -> {BLUE} icmp: large packets lost {detail} (expected reachable)" in result.message
    assert "Likely cause (red -> 192.0.2.2 icmp and 2 more): something between the ends drops" in result.message
    # What the smaller end cannot take is not asked of the larger one.
    batch("-n red link set eth0 mtu 1400")
    assert full_sized(run_module, *paths) == [None, None, None]


def test_jumbo_frames(red_and_blue: Host, run_module: RunModule) -> None:
    batch("-n red link set eth0 mtu 65535", "-n blue link set eth0 mtu 65535")
    assert full_sized(run_module, ("red", BLUE), ("red", BLUE6), ("red", RED)) == [None, None, None]


def test_a_router_that_reports_its_smaller_mtu_is_right(host: Host, run_module: RunModule) -> None:
    """One that does not is a black hole (RFC 2923)."""
    batch(
        *(f"netns add {name}" for name in ("red", "router", "blue")),
        "link add eth0 netns red type veth peer name to-red netns router",
        "link add to-blue netns router mtu 1300 type veth peer name eth0 netns blue",
        "-n red addr add 192.0.2.1/24 dev eth0",
        "-n router addr add 192.0.2.254/24 dev to-red",
        "-n router addr add 198.51.100.254/24 dev to-blue",
        "-n blue addr add 198.51.100.1/24 dev eth0",
        *(f"-n {name} link set {link} up" for name, link in (("red", "eth0"), ("router", "to-red"))),
        *(f"-n {name} link set {link} up" for name, link in (("router", "to-blue"), ("blue", "eth0"))),
        "-n red route add default via 192.0.2.254",
        "-n blue route add default via 198.51.100.254",
    )
    host.in_namespace("router", "sysctl", "-qw", "net.ipv4.ip_forward=1")
    wait_until_up(host, "red", "blue")
    for _time in range(2):  # the second time the kernel knows the path's MTU
        assert full_sized(run_module, ("red", ELSEWHERE)) == [None]
    nft(host, "router", "output", "icmp type destination-unreachable drop")
    assert full_sized(run_module, ("red", ELSEWHERE)) == ["large packets lost"]


@pytest.mark.parametrize("option", [{"protocol": "tcp"}, {"expect": "unreachable"}])
def test_a_full_sized_packet_is_for_an_echo_that_is_expected(run_module: RunModule, option: dict[str, Any]) -> None:
    result = run_module("reachability", to=RED, full_size=True, **option)
    assert "full_size: only for `protocol: icmp`, and where an answer is expected" in result.message


def test_a_slow_link_is_reachable(red_and_blue: Host, run_module: RunModule) -> None:
    shaped = "qdisc replace dev eth0 root tbf rate 2mbit burst 10kb latency 2s"
    made = red_and_blue.in_namespace("red", "tc", *shaped.split(), check=False)
    if made.returncode:
        pytest.skip("this kernel has no token bucket filter")
    started = time.monotonic()
    result = ask(run_module, probe("red", BLUE, "tcp", timeout=0.5))
    assert not result.failed, result.message
    assert time.monotonic() - started > 0.6


def test_a_missing_namespace_proves_nothing(red_and_blue: Host, run_module: RunModule) -> None:
    Path("/run/netns/stale").touch()
    result = ask(
        run_module,
        probe("missing", BLUE),
        probe("stale", BLUE, expect="unreachable"),
        probe("red", BLUE),
    )
    assert result.failed
    assert causes(result) == ["no such namespace", "no such namespace", None]
    assert [probe["ok"] for probe in result.returned["probes"]] == [False, False, True]
    Path("/run/netns/stale").unlink()


def test_an_address_without_an_owner(red_and_blue: Host, run_module: RunModule) -> None:
    result = ask(run_module, probe("red", NOBODY, "tcp"), probe("red", BLUE, "tcp"))
    assert causes(result) == ["no owner", None]
    assert f"red -> {NOBODY} tcp: no owner (expected reachable)" in result.message
    assert "set the port of a service" in result.message
    assert ask(run_module, probe("red", NOBODY, "tcp", expect="unreachable")).failed


# Whose address it is


def test_the_same_address_on_separate_networks(host: Host, run_module: RunModule) -> None:
    connect(host, ("red", [f"{RED}/24"]), ("blue", [f"{BLUE}/24"]))
    connect(host, ("red2", [f"{RED}/24"]), ("blue2", [f"{BLUE}/24"]))
    result = ask(run_module, probe("red", BLUE, "tcp"), probe("red2", BLUE, "tcp"), probe("blue2", RED, "tcp"))
    assert not result.failed, result.message
    assert [probe["answered_by"] for probe in result.returned["probes"]] == ["blue", "blue2", "red2"]


def test_the_owner_may_be_a_namespace_that_no_probe_starts_from(host: Host, run_module: RunModule) -> None:
    connect(host, ("red", [f"{RED}/24"]), ("blue", [f"{BLUE}/24"]))
    connect(host, ("red2", [f"{RED}/24"]), ("blue2", [f"{BLUE}/24"]))
    # blue has the address, and a probe starts from there; but the one from red2 leads to blue2.
    result = ask(run_module, probe("blue", RED), probe("red2", BLUE, "tcp"))
    assert not result.failed, result.message
    assert result.returned["probes"][1]["answered_by"] == "blue2"


def test_other_connections_to_the_listener_are_ignored(red_and_blue: Host, run_module: RunModule) -> None:
    program = (
        "import socket, time\n"
        "while True:\n"
        "    for port in range(32768, 61000):\n"
        "        try:\n"
        f"            s = socket.create_connection(('{BLUE}', port), 0.05); s.send(b'x' * 64); s.close()\n"
        "        except OSError: pass\n"
    )
    red_and_blue.start(sys.executable, "-c", program, namespace="blue")
    for _round in range(5):
        result = ask(run_module, *(probe("red", BLUE, "tcp") for _probe in range(20)))
        assert not result.failed, result.message


# The call


def test_check_mode_sends_nothing_and_does_not_fail_on_an_empty_host(host: Host, run_module: RunModule) -> None:
    probes = [probe("red", BLUE), probe("red", BLUE, "tcp"), probe(None, NOBODY, expect="unreachable")]
    result = ask(run_module, *probes, check=True)
    assert not result.failed
    assert not result.changed
    assert {probe["result"] for probe in result.returned["probes"]} == {"skipped"}
    assert result.returned["summary"]["skipped"] == 3
    assert host.namespaces() == []
    assert ask(run_module, probe("red", "192.0.2"), check=True).failed


def test_check_mode_sends_nothing_where_everything_exists(red_and_blue: Host, run_module: RunModule) -> None:
    nft(red_and_blue, "blue", "input", "counter")
    assert not ask(run_module, probe("red", BLUE), probe("red", BLUE, "tcp"), check=True).failed
    assert "packets 0" in red_and_blue.in_namespace("blue", "nft", "list", "ruleset").stdout


@pytest.mark.usefixtures("host")
def test_invalid_options(run_module: RunModule) -> None:
    result = ask(run_module, probe("red", "192.0.2.300"), probe("red", BLUE, port=80))
    assert [line.split(" ")[0] for line in result.message.splitlines()] == ["probes[0]", "probes[1]"]
    assert "required: probes, to" in run_module("reachability").message
    assert "mutually exclusive: probes|to" in run_module("reachability", to=BLUE, probes=[]).message
    nothing = run_module("reachability", probes=[])
    assert not nothing.failed
    assert nothing.returned["matrix"] == []


def test_all_silent_probes_together_take_one_timeout(red_and_blue: Host, run_module: RunModule) -> None:
    nft(red_and_blue, "blue", "input", "ct state new drop")
    batch(
        *(f"-n blue addr add 203.0.113.{number}/32 dev lo" for number in range(1, 101)),
        f"-n red route add 203.0.113.0/24 via {BLUE}",
    )
    to = [f"203.0.113.{number}" for number in range(1, 101)]
    probes = [probe("red", address, protocol, expect="unreachable") for address in to for protocol in ("icmp", "tcp")]
    started = time.monotonic()
    result = ask(run_module, *probes)
    assert not result.failed, result.message
    assert time.monotonic() - started < 4
    assert set(causes(result)) == {"silence"}


def cpu_time() -> float:
    """Return the processor time of the processes that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("datapath", ["kernel", "userspace"])
def test_all_pairs_of_a_hundred(
    host: Host,
    run_module: RunModule,
    record_testsuite_property: Callable[[str, object], None],
    datapath: str,
    version: int,
) -> None:
    """9,900 probes; the kernel's neighbour tables, for all namespaces together, take 1024 entries each."""
    names = [f"n{number}" for number in range(1, 101)]
    own = {name: f"10.0.0.{index}" if version == 4 else f"2001:db8::{index:x}" for index, name in enumerate(names, 1)}
    if datapath == "kernel":
        batch("link add br0 type bridge", "link set br0 up")
    batch(
        *(f"netns add {name}" for name in names),
        *(f"link add eth0 netns {name} type veth peer name t-{name}" for name in names),
        *(f"link set t-{name} up" + (" master br0" if datapath == "kernel" else "") for name in names),
    )
    length = "24" if version == 4 else "64 nodad"
    for name in names:
        batch(f"-n {name} link set eth0 up", f"-n {name} addr add {own[name]}/{length} dev eth0")
    if datapath == "userspace":
        ports = [word for name in names for word in ("--", "add-port", "br0", f"t-{name}")]
        host.ovs_vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", *ports)
    probes = [probe(name, own[other]) for name in names for other in names if name != other]
    for _attempt in range(3):  # The machine may be busy, or another process fill its neighbour table.
        started, cpu = time.monotonic(), cpu_time()
        result = ask(run_module, *probes)
        took, cpu = time.monotonic() - started, cpu_time() - cpu
        if not result.failed:
            break
    assert not result.failed, result.message[:2000]
    assert result.returned["summary"]["reachable"] == 9900
    assert cpu < 10  # seconds; it takes about two, and on a busy machine as long as that lets it wait
    record_testsuite_property(f"all pairs of a hundred, {datapath} datapath, IPv{version}, seconds", took)


@pytest.mark.parametrize("version", [4, 6])
def test_of_many_probes_most_need_no_broadcast(host: Host, run_module: RunModule, version: int) -> None:
    """A request to all on the link is copied to every port; the neighbour entries of most probes are primed instead."""
    own = star(version, 60)
    before = received(host, "n60")
    others = {name: address for name, address in own.items() if name != "n60"}
    result = ask(run_module, *probes_to_centre(others))
    assert not result.failed, result.message
    assert 0 < received(host, "n60") - before < len(others) // 2, "each request would have come if none were primed"


def test_an_existing_neighbour_entry_is_left_alone(host: Host, run_module: RunModule) -> None:
    """A permanent entry with another MAC address: the probes from there fail, as all traffic does, and it stays."""
    own = star(4, 30)
    batch(f"-n n30 neigh add {own['n1']} lladdr 02:00:00:00:00:99 dev eth0 nud permanent")
    result = ask(run_module, *probes_to_centre(own, 1.0))
    assert "2 of 58 probes are not as expected" in result.message
    assert "n30 -> 10.0.0.1 icmp: silence" in result.message
    kept = host.in_namespace("n30", "ip", "neigh", "show", own["n1"]).stdout
    assert "02:00:00:00:00:99 PERMANENT" in kept


def test_a_primed_entry_does_not_hide_the_cause(host: Host, run_module: RunModule) -> None:
    """A link that is cut has the cause that it has without priming."""
    own = star(4, 30)
    batch("link set t-n29 nomaster")
    result = ask(run_module, *probes_to_centre(own, 5.0))
    assert "2 of 58 probes are not as expected" in result.message
    assert "n29 -> 10.0.0.1 icmp: no neighbour" in result.message
    assert "n29 -> 10.0.0.1 tcp: no neighbour" in result.message


def received(host: Host, namespace: str) -> int:
    """Return how many packets a namespace has received."""
    shown = host.in_namespace(namespace, "ip", "-json", "-statistics", "link", "show", "dev", "eth0").stdout
    return int(json.loads(shown)[0]["stats64"]["rx"]["packets"])


def probes_to_centre(own: dict[str, str], timeout: float = 2.0) -> list[dict[str, Any]]:
    """Return probes from each of a star to n1."""
    return [
        probe(name, own["n1"], protocol, timeout=timeout)
        for name in own
        if name != "n1"
        for protocol in ("icmp", "tcp")
    ]


def star(version: int, size: int) -> dict[str, str]:
    """Create namespaces n1, n2, ... on one bridge of the kernel; return their addresses."""
    names = [f"n{number}" for number in range(1, size + 1)]
    own = {name: f"10.0.0.{index}" if version == 4 else f"2001:db8::{index:x}" for index, name in enumerate(names, 1)}
    length = "24" if version == 4 else "64 nodad"
    batch(
        "link add br0 type bridge",
        "link set br0 up",
        *(f"netns add {name}" for name in names),
        *(f"link add eth0 netns {name} type veth peer name t-{name}" for name in names),
        *(f"link set t-{name} up master br0" for name in names),
    )
    for name in names:
        batch(f"-n {name} link set eth0 up", f"-n {name} addr add {own[name]}/{length} dev eth0")
    time.sleep(3)  # the multicasts that every new link sends are over then (RFC 4861, 6.3.7; RFC 3810, 9.4)
    return own


def test_few_descriptors(red_and_blue: Host, run_module: RunModule) -> None:
    """More exchanges than there are descriptors for: they wait for each other."""
    probes = [probe("red", BLUE, "tcp") for _probe in range(300)]
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)); "
        f"from {module_runner.COLLECTION}.plugins.modules.reachability import main; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {"probes": probes}}),
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(module_runner.COLLECTIONS_PATH)},
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["summary"]["reachable"] == 300
    assert not ask(run_module, *probes).failed
    assert red_and_blue.namespaces() == ["blue", "red"]

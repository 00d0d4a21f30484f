# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""UDP probes over real links: what answers them, what they prove, and why they are not answered."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import traffic_endpoint
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
    bridge_with_ports,
    causes,
    connect,
    nft,
    probe,
    state_of,
    switch,
)
from ansible_collections.netns.fabric.tests.integration.silent_servers import SILENT_PROGRAM, wait_for_port


@pytest.fixture(name="pair")
def fixture_pair(host: Host) -> Host:
    connect(host, ("red", [f"{RED}/24", f"{RED6}/64"]), ("blue", [f"{BLUE}/24", f"{BLUE6}/64"]))
    return host


def listen_silently(host: Host, namespace: str) -> None:
    host.start(sys.executable, "-c", SILENT_PROGRAM, namespace=namespace)
    wait_for_port(host, namespace, 53)


def answered_by(result: Any) -> list[str | None]:
    return [one["answered_by"] for one in result.returned["probes"]]


def udp(namespace: str | None, to: str, **options: Any) -> dict[str, Any]:
    return probe(namespace, to, "udp", **options)


# A listener of the module's own


def test_a_listener_of_its_own_answers_over_both_versions(pair: Host, run_module: RunModule) -> None:
    before = state_of(pair)
    result = ask(run_module, udp("red", BLUE), udp("blue", RED), udp("red", BLUE6), udp("red", RED), udp("red", "::1"))
    assert not result.failed, result.message
    assert not result.changed
    assert answered_by(result) == ["blue", "red", "blue", "red", "red"]
    assert all(0 <= one["round_trip_ms"] < 1000 for one in result.returned["probes"])
    assert result.returned["matrix"][0].split() == ["udp", RED, BLUE]
    assert state_of(pair) == before


def test_the_host_at_either_end(host: Host, run_module: RunModule) -> None:
    switch(host, ("red", f"{RED}/24"))
    host.run("ip", "address", "add", "192.0.2.254/24", "dev", "br0")
    result = ask(run_module, udp("red", "192.0.2.254"), udp(None, RED), udp(None, "127.0.0.1"))
    assert not result.failed, result.message
    assert answered_by(result) == ["the host", "red", "the host"]


def test_the_same_address_on_separate_networks(host: Host, run_module: RunModule) -> None:
    connect(host, ("red", [f"{RED}/24"]), ("blue", [f"{BLUE}/24"]))
    connect(host, ("red2", [f"{RED}/24"]), ("blue2", [f"{BLUE}/24"]))
    result = ask(run_module, udp("blue", RED), udp("red2", BLUE))
    assert not result.failed, result.message
    assert answered_by(result) == ["red", "blue2"]


def test_the_first_datagrams_may_be_lost(pair: Host, run_module: RunModule) -> None:
    nft(pair, "blue", "input", "meta l4proto udp quota until 100 bytes drop")
    result = ask(run_module, udp("red", BLUE))
    assert not result.failed, result.message


def test_hundreds_at_once(pair: Host, run_module: RunModule) -> None:
    result = ask(run_module, *(udp("red", to) for to in (BLUE, BLUE6) for _number in range(300)))
    assert not result.failed, result.message
    assert pair.in_namespace("blue", "ss", "-Huan").stdout == ""


def test_check_mode_sends_nothing(pair: Host, run_module: RunModule) -> None:
    nft(pair, "blue", "input", "counter")
    assert not ask(run_module, udp("red", BLUE), udp("red", BLUE, port=53), check=True).failed
    assert "packets 0" in pair.in_namespace("blue", "nft", "list", "ruleset").stdout


# A port


def test_a_port_without_a_program_is_unreachable_at_once(pair: Host, run_module: RunModule) -> None:
    started = time.monotonic()
    result = ask(run_module, udp("red", BLUE, port=53, timeout=30), udp("red", BLUE6, port=53, timeout=30))
    assert time.monotonic() - started < 10
    assert causes(result) == ["port unreachable"] * 2
    assert result.returned["probes"][0]["detail"] == f"reported by {BLUE}"


def test_a_program_that_answers_nothing_is_reached(pair: Host, run_module: RunModule) -> None:
    """Silence of a program must not pass for isolation: what arrives at its port is read, and answered from it."""
    listen_silently(pair, "blue")
    result = ask(run_module, *(udp("red", to, port=53) for to in (BLUE, BLUE6)))
    assert not result.failed, result.message
    assert answered_by(result) == ["blue", "blue"]
    forbidden = ask(run_module, *(udp("red", to, port=53, expect="unreachable", timeout=0.5) for to in (BLUE, BLUE6)))
    assert "2 of 2 probes are not as expected" in forbidden.message
    nft(pair, "blue", "input", "udp dport 53 drop")
    result = ask(run_module, *(udp("red", to, port=53, expect="unreachable", timeout=0.5) for to in (BLUE, BLUE6)))
    assert not result.failed, result.message
    assert causes(result) == ["silence"] * 2


def test_a_program_that_answers_at_an_address_that_nothing_here_has(host: Host, run_module: RunModule) -> None:
    """Only the program's own answer shows that it is reached."""
    connect(host, ("red", [f"{RED}/24"]), ("blue", [f"{BLUE}/24"]))
    host.start(sys.executable, traffic_endpoint.__file__, "serve", "x", "/run/contacts", "53", namespace="blue")
    wait_for_port(host, "blue", 53)
    host.in_namespace("blue", "nft", "add", "table", "ip", "n")
    host.in_namespace("blue", "nft", "add", "chain", "ip", "n", "p", "{ type nat hook prerouting priority -100; }")
    host.in_namespace("blue", "nft", *f"add rule ip n p ip daddr {ELSEWHERE} dnat to {BLUE}".split())
    host.run("ip", "-n", "red", "route", "add", ELSEWHERE, "via", BLUE)
    result = ask(run_module, udp("red", ELSEWHERE, port=53))
    assert not result.failed, result.message
    assert answered_by(result) == [None]
    silent = ask(run_module, udp("red", ELSEWHERE, port=54, timeout=0.5))
    assert causes(silent) == ["port unreachable"]


def test_the_datagram_reaches_nobody_else(host: Host, run_module: RunModule) -> None:
    switch(host, ("red", f"{RED}/24"), ("blue", f"{BLUE}/24"), ("green", f"{GREEN}/24"))
    nft(host, "green", "input", "meta l4proto udp counter")
    assert not ask(run_module, udp("red", BLUE), udp("red", BLUE, port=9, expect="unreachable")).failed
    assert ask(run_module, udp("red", NOBODY, timeout=0.5)).failed
    assert "packets 0" in host.in_namespace("green", "nft", "list", "ruleset").stdout


def test_what_does_not_know_the_secret_gets_no_answer(pair: Host, run_module: RunModule) -> None:
    program = (
        "import socket\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.01)\n"
        "while True:\n"
        f"    s.sendto(bytes(20), ('{BLUE}', 7777))\n"
        "    try: print('answered', s.recv(100), flush=True); break\n"
        "    except (TimeoutError, ConnectionRefusedError): pass\n"
    )
    process = pair.start(sys.executable, "-c", program, namespace="blue")
    one = {**udp("red", BLUE, port=7777), "forwarded_to": BLUE}
    for _round in range(5):
        assert not ask(run_module, one).failed
    assert process.poll() is None


# Why there is no answer


@pytest.mark.parametrize(
    ("reject", "cause"),
    [
        ("icmpx type admin-prohibited", "prohibited"),
        ("icmpx type host-unreachable", "host unreachable"),
        ("icmpx type no-route", "network unreachable"),
        ("icmpx type port-unreachable", "port unreachable"),
    ],
)
def test_rejected(pair: Host, run_module: RunModule, reject: str, cause: str) -> None:
    nft(pair, "blue", "input", f"ct state new reject with {reject}")
    started = time.monotonic()
    result = ask(run_module, *(udp("red", to, timeout=30) for to in (BLUE, BLUE6)))
    assert time.monotonic() - started < 10
    assert causes(result) == [cause] * 2
    assert [one["detail"] for one in result.returned["probes"]] == [f"reported by {to}" for to in (BLUE, BLUE6)]


def test_silence_and_what_the_namespace_itself_filters(pair: Host, run_module: RunModule) -> None:
    nft(pair, "blue", "input", "meta l4proto udp drop")
    result = ask(run_module, udp("red", BLUE, timeout=0.5), udp("red", BLUE6, timeout=0.5))
    assert causes(result) == ["silence"] * 2
    assert "the packet filter of the namespace blue" in result.message, result.message
    assert "refuses this: nftables inet t c" in result.message, result.message
    nft(pair, "red", "output", f"ip daddr {BLUE} udp dport 1-65535 drop")
    assert causes(ask(run_module, udp("red", BLUE))) == ["filtered"]


def test_no_neighbour_no_route_and_no_owner(pair: Host, run_module: RunModule) -> None:
    result = ask(
        run_module,
        udp("red", NOBODY, port=53),
        udp("red", NOBODY6, port=53),
        udp("red", ELSEWHERE, port=53),
        udp("red", ELSEWHERE),
        udp("missing", BLUE),
    )
    assert causes(result) == ["no neighbour", "no neighbour", "no route", "no owner", "no such namespace"]
    late = ask(run_module, *(udp("red", to[:-1] + "8", port=53, timeout=10) for to in (NOBODY, NOBODY6)))
    assert causes(late) == ["no neighbour"] * 2
    pair.run("ip", "-n", "red", "route", "add", "prohibit", ELSEWHERE)
    assert causes(ask(run_module, udp("red", ELSEWHERE, port=53))) == ["prohibited"]


def test_ping_works_but_udp_does_not(host: Host, run_module: RunModule) -> None:
    """A wrong checksum: the userspace datapath does not complete it, and the receiver drops the datagram."""
    bridge_with_ports(host, "", "")
    result = ask(run_module, probe("red", BLUE), udp("red", BLUE))
    assert causes(result) == [None, "silence"]
    assert "ping works on this path but UDP does not: usually transmit checksum offload" in result.message
    for name in ("red", "blue"):
        host.in_namespace(name, "ethtool", "-K", "eth0", "tx", "off")
    result = ask(run_module, udp("red", BLUE))
    assert not result.failed, result.message


@pytest.mark.usefixtures("host")
def test_options_that_do_not_fit(run_module: RunModule) -> None:
    message = ask(run_module, probe(None, "127.0.0.1", port=80)).message
    assert "port: ICMP has no ports; add `protocol: tcp` or `protocol: udp`" in message
    assert "needs the `port` that is published" in ask(run_module, udp(None, "127.0.0.1", forwarded_to=RED)).message

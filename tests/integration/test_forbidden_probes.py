# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes that must not be answered: silence, a rejection and no route are distinguished, by every protocol."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.probe_world import (
    BLUE,
    BLUE6,
    ELSEWHERE,
    NOBODY,
    NOBODY6,
    RED,
    RED6,
    ask,
    connect,
    nft,
    probe,
)

EXPECTATIONS = ("silent", "rejected", "no_route")
#: The last two differ in who answers: a program, and the module itself.
KINDS: list[dict[str, Any]] = [
    {"protocol": "icmp"},
    {"protocol": "tcp"},
    {"protocol": "udp"},
    {"protocol": "tcp", "port": 53},
    {"protocol": "udp", "port": 53},
    {"protocol": "udp", "port": 53, "forwarded_port": 53},
]


@pytest.fixture(name="pair")
def fixture_pair(host: Host) -> Host:
    connect(host, ("red", [f"{RED}/24", f"{RED6}/64"]), ("blue", [f"{BLUE}/24", f"{BLUE6}/64"]))
    # Each test is answered by more errors than the kernel sends one host in its time.
    host.in_namespace("blue", "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
    return host


def to_each(to: str, kinds: list[dict[str, Any]], expect: str) -> list[dict[str, Any]]:
    """Return a probe of each kind."""
    return [
        {
            **probe("red", to, expect=expect, timeout=1.0),
            **kind,
            **({"forwarded_to": to} if "forwarded_port" in kind else {}),
        }
        for kind in kinds
    ]


def check_only(run_module: RunModule, expect: str, to: str, kinds: list[dict[str, Any]]) -> None:
    """Check that only one of the three expectations holds, of each kind of probe."""
    for other in EXPECTATIONS:
        result = ask(run_module, *to_each(to, kinds, other))
        assert [one["result"] for one in result.returned["probes"]] == [expect] * len(kinds), result.message
        assert {one["ok"] for one in result.returned["probes"]} == {other == expect}
        assert result.returned["summary"][expect] == result.returned["summary"]["unreachable"] == len(kinds)
    assert not ask(run_module, *to_each(to, kinds[:1], "unreachable")).failed


@pytest.mark.parametrize("to", [BLUE, BLUE6])
def test_a_filter_that_drops_is_silent(pair: Host, run_module: RunModule, to: str) -> None:
    dropped = ("meta l4proto { tcp, udp }", "icmp type echo-request", "icmpv6 type echo-request")
    nft(pair, "blue", "input", *(f"{packets} drop" for packets in dropped))
    check_only(run_module, "silent", to, KINDS)


@pytest.mark.parametrize("to", [BLUE, BLUE6])
@pytest.mark.parametrize("reject", ["icmpx type admin-prohibited", "icmpx type port-unreachable"])
def test_a_filter_that_rejects(pair: Host, run_module: RunModule, to: str, reject: str) -> None:
    nft(pair, "blue", "input", f"meta l4proto {{ tcp, udp }} reject with {reject}")
    check_only(run_module, "rejected", to, KINDS[1:])


@pytest.mark.parametrize("to", [BLUE, BLUE6])
@pytest.mark.usefixtures("pair")
def test_a_port_on_which_nothing_listens_rejects(run_module: RunModule, to: str) -> None:
    check_only(run_module, "rejected", to, KINDS[3:5])


@pytest.mark.parametrize("to", [ELSEWHERE, NOBODY, NOBODY6])
@pytest.mark.usefixtures("pair")
def test_no_route_and_no_neighbour(run_module: RunModule, to: str) -> None:
    check_only(run_module, "no_route", to, [KINDS[0], *KINDS[3:5]])


def test_the_namespaces_own_filter_is_silent(pair: Host, run_module: RunModule) -> None:
    """Only ICMP and UDP see that it drops (EPERM); TCP sends again, and is silent."""
    nft(pair, "red", "output", f"ip daddr {BLUE} drop")
    result = ask(run_module, *to_each(BLUE, KINDS, "silent"))
    assert not result.failed, result.message
    assert {one["cause"] for one in result.returned["probes"]} == {"filtered", "silence"}


def test_the_message_names_what_was_expected(pair: Host, run_module: RunModule) -> None:
    nft(pair, "blue", "input", "meta l4proto udp drop")
    result = ask(run_module, probe("red", BLUE, "udp", expect="rejected", timeout=0.5))
    assert f"red -> {BLUE} udp: silence (expected rejected)" in result.message.splitlines()
    assert "a firewall drops them" in result.message
    assert not ask(run_module, probe("red", BLUE, "udp", expect="silent", timeout=0.5)).failed
    pair.in_namespace("blue", "nft", "flush", "ruleset")
    leak = ask(run_module, probe("red", BLUE, "udp", expect="silent", timeout=0.5))
    assert "(expected silent)" in leak.message
    assert "should be isolated but are connected" in leak.message

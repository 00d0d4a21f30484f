# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that live through a change of NAT: those whose translation changes take it at once, all others live on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.conntrack import Flow, read_flows
from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.flow import UdpFlow
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_ADDRESS, UPLINK, UPLINK_ADDRESS
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_services import NS01, NS02, ROUTER, Services
from ansible_collections.netns.fabric.tests.integration.nat_world import (
    OUTSIDE6,
    SOURCE,
    SOURCE6,
    UPLINK6,
    Cycle,
    clear_legacy,
    legacy_programs,
)

PORT = 8003


def forward_entry(to_address: str = NS01, **options: Any) -> dict[str, Any]:
    # The host has a service of its own on the port, which answers while it is not published.
    return {"port": str(PORT), "protocol": "udp", "to_address": to_address, "take_over": True, **options}


@pytest.fixture
def world(outside_world: Host) -> Iterator[Services]:
    services = Services(outside_world)
    start = outside_world.start
    start(*traffic.ENDPOINT, "serve", "ns02", "/run/contacts", str(PORT), namespace="ns02")
    start(*traffic.ENDPOINT, "serve", "host", "/run/contacts", str(PORT))
    start(*traffic.ENDPOINT, "serve", "outside", "/run/contacts", str(PORT), "8004", namespace="outside")
    for address, namespace in ((NS02, "ns01"), (UPLINK_ADDRESS, "outside"), (OUTSIDE_ADDRESS, None)):
        for _attempt in range(100):
            if services.ask(address, PORT, "udp", namespace):
                break
            time.sleep(0.05)  # the server has no other sign that it listens
    track(outside_world)
    yield services
    clear_legacy(outside_world)


def track(host: Host) -> None:
    """Have the host track connections before there is any NAT, as the packet filters of distributions do."""
    chain = "{ type filter hook input priority 0; policy accept; ct state invalid counter; }"
    host.run("nft", f"table inet tracking {{ chain input {chain}; }}")


@pytest.fixture(params=["nftables", "iptables-nft", "iptables-legacy"])
def env(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    return legacy_programs(tmp_path) if request.param == "iptables-legacy" else {}


@pytest.fixture
def backend(request: pytest.FixtureRequest, env: dict[str, str]) -> str:  # with it comes its parameter
    return str(request.node.callspec.params["env"]).partition("-")[0]


@pytest.fixture
def forward(world: Services, run_module: RunModule, env: dict[str, str]) -> Cycle:
    return Cycle(run_module, world, "nat_port_forward", env)


@pytest.fixture
def masquerade(world: Services, run_module: RunModule, env: dict[str, str]) -> Cycle:
    return Cycle(run_module, world, "nat_masquerade", env)


def identity_of(flow: UdpFlow, version: int = 4) -> tuple[bytes, bytes]:
    """Return what identifies the entry of a flow: it changes where the entry is deleted and created again."""
    return entry_of(flow, version).identity


def entry_of(flow: UdpFlow, version: int = 4) -> Flow:
    found = [each for each in read_flows(version) if each.sent.source_port == flow.port]
    assert len(found) == 1, found
    return found[0]


class TestPublishedPort:
    def test_published_under_a_flow_led_elsewhere_and_removed(self, forward: Cycle, backend: str) -> None:
        with UdpFlow("outside", UPLINK_ADDRESS, PORT) as flow, UdpFlow(None, OUTSIDE_ADDRESS, PORT) as other:
            assert flow.ask() == f"host {PORT} {OUTSIDE_ADDRESS}"
            assert other.ask() == f"outside {PORT} {UPLINK_ADDRESS}"
            before = identity_of(other)
            forward(rules=[forward_entry()], backend=backend)
            assert flow.ask() == f"ns01 {PORT} {OUTSIDE_ADDRESS}"
            forward(rules=[forward_entry(NS02)], backend=backend)
            assert flow.ask() == f"ns02 {PORT} {OUTSIDE_ADDRESS}"
            forward(rules=[forward_entry(NS02, state="absent")], backend=backend)
            assert flow.ask() == f"host {PORT} {OUTSIDE_ADDRESS}"
            assert other.ask() == f"outside {PORT} {UPLINK_ADDRESS}"
            assert identity_of(other) == before

    def test_ipv6(self, forward: Cycle, backend: str) -> None:
        with UdpFlow("outside", UPLINK6, PORT) as flow:
            assert flow.ask() == f"host {PORT} {OUTSIDE6}"
            forward(rules=[forward_entry("fd00:100::1")], backend=backend)
            assert flow.ask() == f"ns01 {PORT} {OUTSIDE6}"
            forward(rules=[forward_entry("fd00:100::2")], backend=backend)
            assert flow.ask() == f"ns02 {PORT} {OUTSIDE6}"

    def test_limits_keep_other_flows(self, forward: Cycle, backend: str) -> None:
        """A flow at another address, by another interface or of an unchanged entry is not deleted."""
        with UdpFlow("ns02", ROUTER, PORT) as inner, UdpFlow("outside", UPLINK_ADDRESS, PORT) as outer:
            assert inner.ask() == f"host {PORT} {NS02}"
            assert outer.ask() == f"host {PORT} {OUTSIDE_ADDRESS}"
            kept = identity_of(inner)
            forward(rules=[forward_entry(address=UPLINK_ADDRESS)], backend=backend)
            assert outer.ask() == f"ns01 {PORT} {OUTSIDE_ADDRESS}"
            assert inner.ask() == f"host {PORT} {NS02}"
            assert identity_of(inner) == kept
            forward(rules=[forward_entry(address=UPLINK_ADDRESS, state="absent")], backend=backend)
            forward(rules=[forward_entry(in_interface=UPLINK)], backend=backend)
            assert outer.ask() == f"ns01 {PORT} {OUTSIDE_ADDRESS}"
            assert inner.ask() == f"host {PORT} {NS02}"
            assert identity_of(inner) == kept

    def test_a_flow_that_is_led_right_lives_on(self, forward: Cycle, backend: str) -> None:
        forward(rules=[forward_entry()], backend=backend)
        with UdpFlow("outside", UPLINK_ADDRESS, PORT) as flow:
            assert flow.ask() == f"ns01 {PORT} {OUTSIDE_ADDRESS}"
            before = identity_of(flow)
            # One of its rules is healed, and another port is published.
            forward(rules=[forward_entry(hairpin=[SOURCE]), forward_entry(port="9000")], backend=backend)
            assert flow.ask() == f"ns01 {PORT} {OUTSIDE_ADDRESS}"
            assert identity_of(flow) == before

    @pytest.mark.usefixtures("world")
    def test_a_rollback_returns_the_flow(self, run_module: RunModule) -> None:
        """The second entry is refused by the kernel once the first one's rules are there."""
        with UdpFlow("outside", UPLINK_ADDRESS, PORT) as flow:
            assert flow.ask() == f"host {PORT} {OUTSIDE_ADDRESS}"
            entries = [forward_entry(), {"port": "9000", "to_address": "fd00:100::1"}]
            failed = run_module("nat_port_forward", rules=entries, backend="iptables", _env=broken_ip6tables())
            assert failed.failed
            assert "rolled back" in failed.message
            assert flow.ask() == f"host {PORT} {OUTSIDE_ADDRESS}"


def broken_ip6tables() -> dict[str, str]:
    """Return an environment whose ip6tables-restore waits until a flow may have met the rules of IPv4, and fails."""
    directory = Path("/run/broken")
    directory.mkdir(exist_ok=True)
    program = directory / "ip6tables-restore"
    program.write_text("#!/bin/sh\nsleep 1\necho 'broken' >&2\nexit 2\n", encoding="ascii")
    program.chmod(0o755)
    return {"PATH": f"{directory}:/usr/sbin:/usr/bin:/sbin:/bin"}


class TestMasquerade:
    def test_added_under_a_flow_healed_and_removed(self, world: Services, masquerade: Cycle, backend: str) -> None:
        host = world._host
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
        with UdpFlow("ns01", OUTSIDE_ADDRESS, PORT) as flow, UdpFlow("ns01", ROUTER, PORT) as inner:
            assert flow.is_silent()  # the outside has no route back
            assert inner.ask() == f"host {PORT} {NS01}"
            kept = identity_of(inner)
            masquerade(rules=[{"source": SOURCE}], backend=backend)
            assert flow.ask() == f"outside {PORT} {UPLINK_ADDRESS}"
            # Somebody deletes the rules, and another flow begins without them.
            for command in (["nft", "flush", "ruleset"], ["iptables-legacy", "-w", "10", "-t", "nat", "-F"]):
                host.run(*command, check=False)
            track(host)
            with UdpFlow("ns01", OUTSIDE_ADDRESS, 8004) as late:
                assert late.is_silent()
                masquerade(rules=[{"source": SOURCE}], backend=backend)
                assert late.ask() == f"outside 8004 {UPLINK_ADDRESS}"
            masquerade(rules=[{"source": SOURCE, "state": "absent"}], backend=backend)
            assert flow.is_silent()
            assert entry_of(flow).answer.destination == entry_of(flow).sent.source
            assert inner.ask() == f"host {PORT} {NS01}"
            assert identity_of(inner) == kept

    def test_ipv6(self, masquerade: Cycle, backend: str) -> None:
        Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1", encoding="ascii")
        with UdpFlow("ns01", OUTSIDE6, PORT) as flow:
            assert flow.is_silent()
            masquerade(rules=[{"source": SOURCE6}], backend=backend)
            assert flow.ask() == f"outside {PORT} {UPLINK6}"

    def test_a_narrowed_rule_keeps_its_flows(self, masquerade: Cycle, backend: str) -> None:
        masquerade(rules=[{"source": SOURCE}], backend=backend)
        with UdpFlow("ns01", OUTSIDE_ADDRESS, PORT) as flow:
            assert flow.ask() == f"outside {PORT} {UPLINK_ADDRESS}"
            before = identity_of(flow)
            narrowed = [{"source": SOURCE, "out_interface": UPLINK}, {"source": SOURCE, "state": "absent"}]
            masquerade(rules=narrowed, backend=backend)
            assert flow.ask() == f"outside {PORT} {UPLINK_ADDRESS}"
            assert identity_of(flow) == before

    def test_in_a_router_namespace(self, world: Services, run_module: RunModule) -> None:
        """Only the flows of the namespace that has the rules are concerned."""
        host = world._host
        for command in (
            "ip netns add inner",
            "ip link add eth0 netns inner type veth peer name down0 netns ns01",
            "ip -n inner link set eth0 up",
            "ip -n ns01 link set down0 up",
            "ip -n inner addr add 10.9.0.1/24 dev eth0",
            "ip -n ns01 addr add 10.9.0.254/24 dev down0",
            "ip -n inner route add default via 10.9.0.254",
            "ip netns exec ns01 sysctl -qw net.ipv4.ip_forward=1",
        ):
            host.run(*command.split())
        with UdpFlow("inner", NS02, PORT) as flow:
            assert flow.is_silent()
            done = run_module("nat_masquerade", namespace="ns01", source="10.9.0.0/24")
            assert not done.failed, done.message
            assert flow.ask() == f"ns02 {PORT} {NS01}"

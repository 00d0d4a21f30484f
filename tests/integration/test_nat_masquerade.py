# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masquerading on a real kernel, verified by what a server in the outside world sees.

The outside world has no route back to the networks behind the router: only masqueraded connections get an answer.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import without_nf_tables
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import TARGET_PYTHON
from ansible_collections.netns.fabric.tests.helpers.own_host import (
    OUTSIDE_LINK,
    UPLINK,
    UPLINK_ADDRESS,
)
from ansible_collections.netns.fabric.tests.helpers.programs import hidden_programs
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_world import (
    IPTABLES_VARIANTS,
    OUTSIDE6,
    SOURCE,
    SOURCE6,
    UPLINK6,
    Cycle,
    World,
    clear_legacy,
    failing_program,
    legacy_programs,
    load_docker,
    programs,
)


@pytest.fixture
def world(outside_world: Host) -> Iterator[World]:
    yield World(outside_world)
    clear_legacy(outside_world)


@pytest.fixture
def masquerade(world: World, run_module: RunModule) -> Cycle:
    return Cycle(run_module, world, "nat_masquerade")


@pytest.fixture(params=IPTABLES_VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    """Give a variant of iptables."""
    return str(request.param)


@pytest.fixture
def legacy_host(tmp_path: Path) -> dict[str, str]:
    """Give the environment of a host where iptables is the legacy variant."""
    return legacy_programs(tmp_path)


@pytest.fixture
def without() -> Iterator[Callable[..., None]]:
    """Give a function that hides programs for the rest of the test."""
    with ExitStack() as stack:
        yield lambda *names: stack.enter_context(hidden_programs(*names))


# Sends a router advertisement (RFC 4861, section 4.2) on the interface that it is given: for 1800 s, no prefix.
ADVERTISE = """
import socket, struct, sys
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
    index = socket.if_nametoindex(sys.argv[1])
    raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    raw.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0), ("ff02::1", 0, 0, index))
"""


class TestTraffic:
    @pytest.mark.parametrize("backend", ["nftables", "iptables"])
    def test_created_modified_deleted(self, world: World, masquerade: Cycle, backend: str) -> None:
        assert world.unanswered()
        before = world.rules()
        assert masquerade(source=SOURCE, backend=backend).changed
        assert world.seen_as() == UPLINK_ADDRESS
        # A rule for another interface does not match.
        narrower = [{"source": SOURCE, "out_interface": "lo"}, {"source": SOURCE, "state": "absent"}]
        assert masquerade(rules=narrower, backend=backend).changed
        assert world.unanswered()
        masquerade.simply(source=SOURCE, out_interface=UPLINK, backend=backend)
        assert world.seen_as() == UPLINK_ADDRESS
        assert masquerade(
            rules=[{"source": SOURCE, "out_interface": link, "state": "absent"} for link in ("lo", UPLINK)]
        ).changed
        assert world.unanswered()
        if backend == "nftables":  # iptables leaves its tables behind, empty
            assert world.rules() == before.replace("\n0\n", "\n1\n", 1)
        assert "netns" not in world.rules()

    def test_with_the_legacy_variant(self, world: World, run_module: RunModule, legacy_host: dict[str, str]) -> None:
        masquerade = Cycle(run_module, world, "nat_masquerade", legacy_host)
        masquerade.simply(source=SOURCE, backend="iptables")
        assert world.seen_as() == UPLINK_ADDRESS
        assert (world.count("legacy", "MASQUERADE"), world.nft_rules()) == (1, [])
        assert world.count("nft", "MASQUERADE") == 0
        # Duplicates, and the rules of a variant that was used before.
        line = world.save("legacy").split("-A POSTROUTING ")[1].splitlines()[0].replace('"', "").split()
        world.iptables("legacy", "-t", "nat", "-A", "POSTROUTING", *line)
        world.iptables("nft", "-t", "nat", "-A", "POSTROUTING", *line)
        masquerade(source=SOURCE, backend="iptables")
        assert (world.count("legacy", "MASQUERADE"), world.count("nft", "MASQUERADE")) == (1, 0)
        assert world.seen_as() == UPLINK_ADDRESS
        masquerade(source=SOURCE, state="absent")
        assert world.count("legacy", "netns.fabric") == 0

    def test_on_a_kernel_without_nf_tables(
        self, world: World, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """nft and both variants of iptables are installed, and only iptables-legacy works."""
        helper = Path(without_nf_tables.__file__)
        python = tmp_path / "python"
        python.write_text(f'#!/bin/sh\nexec {sys.executable} {helper} {sys.executable} "$@"\n', "ascii")
        python.chmod(0o755)
        monkeypatch.setenv(TARGET_PYTHON, str(python))
        masquerade = Cycle(run_module, world, "nat_masquerade", {"LC_ALL": "C"})
        masquerade(source=SOURCE)
        assert world.seen_as() == UPLINK_ADDRESS
        assert (world.count("legacy", "MASQUERADE"), world.nft_rules()) == (1, [])
        assert "no nf_tables" in masquerade.fails(source=SOURCE, backend="nftables")
        assert not masquerade.simply(source=SOURCE, backend="iptables").changed
        masquerade(source=SOURCE, state="absent")
        assert world.unanswered()

    def test_on_a_host_that_uses_the_legacy_variant(self, world: World, masquerade: Cycle) -> None:
        world.iptables("legacy", "-P", "FORWARD", "DROP")
        masquerade(source=SOURCE)
        assert (world.count("legacy", "MASQUERADE"), world.nft_rules()) == (1, [])
        assert world.seen_as() == UPLINK_ADDRESS
        # Somebody starts to use nftables as well: existing rules stay where they are.
        world.iptables("nft", "-A", "FORWARD", "-s", "10.9.0.0/16", "-j", "ACCEPT")
        assert not masquerade.simply(source=SOURCE).changed
        masquerade(source=SOURCE, state="absent")
        masquerade(source=SOURCE)
        assert (world.count("legacy", "MASQUERADE"), len(world.nft_rules())) == (0, 1)

    @pytest.mark.parametrize("backend", ["nftables", "iptables"])
    def test_ipv6(self, world: World, masquerade: Cycle, backend: str) -> None:
        assert world.unanswered(OUTSIDE6)
        masquerade(rules=[{"source": SOURCE6}], backend=backend)
        assert world.seen_as(OUTSIDE6) == UPLINK6
        assert world.unanswered()
        masquerade(rules=[{"source": SOURCE6}, {"source": SOURCE, "out_interface": UPLINK}], backend=backend)
        assert (world.seen_as(), world.seen_as(OUTSIDE6)) == (UPLINK_ADDRESS, UPLINK6)
        masquerade(rules=[{"source": SOURCE6, "state": "absent"}])
        assert world.seen_as() == UPLINK_ADDRESS
        assert world.unanswered(OUTSIDE6)

    def test_neither_within_the_network_nor_to_multicast(self, world: World, masquerade: Cycle) -> None:
        for backend in ("nftables", "iptables"):
            masquerade(source=SOURCE, backend=backend)
            (rule,) = [line for line in world.rules().splitlines() if "masquerade" in line]
            assert "ip daddr != 192.168.100.0/24" in rule
            assert "ip daddr != 224.0.0.0/4" in rule or "fib daddr type != multicast" in rule

    @pytest.mark.parametrize("backend", ["nftables", "iptables"])
    def test_a_namespace_as_the_router(self, outside_world: Host, masquerade: Cycle, backend: str) -> None:
        world, host = masquerade.world, outside_world
        host.run("ip", "netns", "add", "router")
        world.connect("ns02", "router")
        host.run(
            "ip", "link", "add", "wan0", "netns", "router", "type", "veth", "peer", "name", "wan1", "netns", "outside"
        )
        host.run("ip", "-n", "router", "addr", "add", "203.0.113.1/24", "dev", "wan0")
        host.run("ip", "-n", "outside", "addr", "add", "203.0.113.2/24", "dev", "wan1")
        host.run("ip", "-n", "router", "link", "set", "wan0", "up")
        host.run("ip", "-n", "outside", "link", "set", "wan1", "up")
        assert world.unanswered("203.0.113.2", "ns02")
        entry = {"source": SOURCE, "namespace": "router", "out_interface": "wan0"}
        before = world.rules()
        checked = masquerade.check(rules=[entry], backend=backend)
        assert all(line.startswith("ip netns exec router ") for line in checked.commands)
        assert masquerade.simply(rules=[entry], backend=backend).commands == checked.commands
        assert not masquerade.simply(rules=[entry], backend=backend).changed
        assert world.seen_as("203.0.113.2", "ns02") == "203.0.113.1"
        # The host has none of it.
        assert world.rules() == before
        assert masquerade.simply(rules=[{**entry, "state": "absent"}]).changed
        assert world.unanswered("203.0.113.2", "ns02")
        for command in ("nft list ruleset", "iptables-save"):
            assert "netns" not in host.in_namespace("router", *command.split()).stdout

    @pytest.mark.parametrize("backend", ["nftables", "iptables"])
    def test_the_commands_do_the_same(self, world: World, masquerade: Cycle, outside_world: Host, backend: str) -> None:
        rules = [{"source": SOURCE}, {"source": SOURCE6, "out_interface": UPLINK}]
        world.iptables("nft", "-P", "FORWARD", "DROP")
        for wanted in (rules, [{**entry, "state": "absent"} for entry in rules]):
            checked = masquerade.check(rules=wanted, backend=backend, owner="lab-a")
            assert checked.changed
            outside_world.run("sh", "-ec", "\n".join(checked.commands))
            assert not masquerade.simply(rules=wanted, backend=backend, owner="lab-a").changed


class TestChainsThatDrop:
    def test_policy(self, world: World, masquerade: Cycle, variant: str) -> None:
        world.iptables(variant, "-P", "FORWARD", "DROP")
        before = world.save(variant)
        masquerade(source=SOURCE, accept_forward="never", backend="nftables")
        assert world.unanswered()
        result = masquerade(source=SOURCE, backend="nftables")
        assert result.returned["blocked_by"] == []
        assert world.seen_as() == UPLINK_ADDRESS
        assert world.count(variant, "netns.fabric:") == 2
        assert masquerade(source=SOURCE, state="absent").changed
        assert world.save(variant) == before

    def test_an_open_policy_again(self, world: World, masquerade: Cycle, variant: str) -> None:
        world.iptables(variant, "-P", "FORWARD", "DROP")
        masquerade.simply(source=SOURCE, backend="nftables")
        world.iptables(variant, "-P", "FORWARD", "ACCEPT")
        assert masquerade(source=SOURCE, backend="nftables").changed
        assert world.count(variant, "netns.fabric:") == 0
        assert world.seen_as() == UPLINK_ADDRESS

    def test_docker(self, world: World, masquerade: Cycle, variant: str) -> None:
        world.iptables(variant, "-P", "FORWARD", "DROP")
        load_docker(world._host, variant)
        before = world.save(variant)
        masquerade(source=SOURCE, backend="nftables")
        assert world.seen_as() == UPLINK_ADDRESS
        # Somebody flushes FORWARD, and Docker adds its own again.
        world.iptables(variant, "-F", "FORWARD")
        assert world.unanswered()
        for chain in ("DOCKER-FORWARD", "DOCKER-USER"):
            world.iptables(variant, "-I", "FORWARD", "-j", chain)
        masquerade(source=SOURCE, backend="nftables")
        assert world.seen_as() == UPLINK_ADDRESS
        masquerade(source=SOURCE, state="absent")
        assert world.save(variant) == before

    def test_docker_that_is_started_later(self, world: World, masquerade: Cycle) -> None:
        world.iptables("nft", "-P", "FORWARD", "DROP")
        masquerade.simply(source=SOURCE)
        world.iptables("nft", "-N", "DOCKER-USER")
        world.iptables("nft", "-I", "FORWARD", "-j", "DOCKER-USER")
        assert not masquerade(source=SOURCE).changed
        assert world.seen_as() == UPLINK_ADDRESS

    def test_a_last_rule_that_rejects(self, world: World, masquerade: Cycle, variant: str) -> None:
        world.iptables(variant, "-A", "FORWARD", "-d", "198.51.100.77", "-j", "DROP")
        world.iptables(variant, "-A", "FORWARD", "-j", "REJECT", "--reject-with", "icmp-host-prohibited")
        before = world.save(variant)
        masquerade(source=SOURCE, backend="nftables")
        assert world.seen_as() == UPLINK_ADDRESS
        # After the rules that forbid something explicitly, before the one that forbids the rest.
        rules = [line for line in world.save(variant).splitlines() if line.startswith("-A FORWARD")]
        assert ["198.51.100.77" in rules[0], "REJECT" in rules[-1], len(rules)] == [True, True, 4]
        # Somebody adds another one before them.
        world.iptables(variant, "-I", "FORWARD", "-j", "REJECT", "--reject-with", "icmp-host-prohibited")
        assert world.unanswered()
        masquerade(source=SOURCE, backend="nftables")
        assert world.seen_as() == UPLINK_ADDRESS
        world.iptables(variant, "-D", "FORWARD", "-j", "REJECT", "--reject-with", "icmp-host-prohibited")
        masquerade(source=SOURCE, state="absent")
        assert world.save(variant) == before

    def test_ufw(self, world: World, masquerade: Cycle) -> None:
        for line in (
            "-P FORWARD DROP",
            "-N ufw-before-forward",
            "-N ufw-user-forward",
            "-N ufw-reject-forward",
            "-A FORWARD -j ufw-before-forward",
            "-A FORWARD -j ufw-reject-forward",
            "-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            "-A ufw-before-forward -p icmp -m icmp --icmp-type 3 -j ACCEPT",
            "-A ufw-before-forward -j ufw-user-forward",
            "-A ufw-reject-forward -j REJECT",
        ):
            world.iptables("nft", *line.split())
        before = world.save("nft")
        masquerade(source=SOURCE)
        assert world.seen_as() == UPLINK_ADDRESS
        masquerade(source=SOURCE, state="absent")
        assert world.save("nft") == before

    @pytest.mark.parametrize("end", ["", "counter reject"])
    def test_an_nft_chain(self, world: World, masquerade: Cycle, outside_world: Host, end: str) -> None:
        policy = "accept" if end else "drop"
        outside_world.run("nft", "add table inet site")
        outside_world.run(
            "nft", f"add chain inet site forward {{ type filter hook forward priority 0; policy {policy}; }}"
        )
        outside_world.run("nft", "add rule inet site forward ip daddr 198.51.100.77 drop")
        if end:
            outside_world.run("nft", f"add rule inet site forward {end}")
        before = outside_world.run("nft", "list", "table", "inet", "site").stdout
        masquerade(rules=[{"source": SOURCE}, {"source": SOURCE6}])
        assert (world.seen_as(), world.seen_as(OUTSIDE6)) == (UPLINK_ADDRESS, UPLINK6)
        masquerade(rules=[{"source": SOURCE, "state": "absent"}, {"source": SOURCE6}])
        assert world.seen_as(OUTSIDE6) == UPLINK6
        assert world.unanswered()
        masquerade(rules=[{"source": SOURCE6, "state": "absent"}])
        after = outside_world.run("nft", "list", "table", "inet", "site").stdout
        assert [line for line in after.splitlines() if "counter" not in line] == [
            line for line in before.splitlines() if "counter" not in line
        ]

    def test_several_at_once(self, world: World, masquerade: Cycle, outside_world: Host) -> None:
        for variant in IPTABLES_VARIANTS:
            world.iptables(variant, "-P", "FORWARD", "DROP")
        outside_world.run("nft", "add table ip site")
        outside_world.run("nft", "add chain ip site forward { type filter hook forward priority 10; policy drop; }")
        masquerade(source=SOURCE)
        assert world.seen_as() == UPLINK_ADDRESS
        masquerade(source=SOURCE, state="absent")
        assert "netns.fabric" not in world.rules()

    def test_table_that_a_running_program_has_reserved(
        self, world: World, masquerade: Cycle, outside_world: Host
    ) -> None:
        program = subprocess.Popen(["nft", "-i"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        try:
            assert program.stdin is not None
            program.stdin.write("add table inet busy { flags owner; }\n")
            program.stdin.write("add chain inet busy forward { type filter hook forward priority 0; policy drop; }\n")
            program.stdin.flush()
            while "forward" not in outside_world.run("nft", "list", "ruleset").stdout:
                time.sleep(0.02)  # until the other program has written
            result = masquerade(source=SOURCE)
            assert result.changed
            assert "nftables inet busy forward (policy drop), left alone" in result.returned["blocked_by"][0]
        finally:
            program.communicate(timeout=10)
        assert masquerade(source=SOURCE).returned["blocked_by"] == []
        assert world.seen_as() == UPLINK_ADDRESS


class TestWhateverIsFound:
    """One run repairs every state."""

    @pytest.mark.parametrize("backend", ["nftables", "iptables"])
    def test_left_over_from_the_other_backend(self, world: World, masquerade: Cycle, backend: str) -> None:
        masquerade.simply(source=SOURCE, backend="iptables" if backend == "nftables" else "nftables")
        # Without the option `backend` it stays where it is.
        assert not masquerade(source=SOURCE).changed
        masquerade(source=SOURCE, backend=backend)
        assert (len(world.nft_rules()), world.count("nft", "MASQUERADE")) == (
            (1, 0) if backend == "nftables" else (0, 1)
        )
        assert world.seen_as() == UPLINK_ADDRESS

    def test_twice_in_nftables(self, world: World, masquerade: Cycle, outside_world: Host) -> None:
        masquerade.simply(source=SOURCE)
        (rule,) = world.nft_rules()
        for _again in range(2):
            outside_world.run("nft", f"add rule ip netns_fabric postrouting {rule}")
        assert len(world.nft_rules()) == 3
        masquerade(source=SOURCE)
        assert world.nft_rules() == [rule]
        assert world.seen_as() == UPLINK_ADDRESS

    def test_twice_in_iptables(self, world: World, masquerade: Cycle) -> None:
        world.iptables("nft", "-P", "FORWARD", "DROP")
        masquerade.simply(source=SOURCE, backend="iptables")
        before = world.save("nft")
        for table, chain in (("nat", "POSTROUTING"), ("filter", "FORWARD"), ("filter", "FORWARD")):
            lines = [line for line in before.splitlines() if line.startswith(f"-A {chain} ")]
            for line in lines:
                world.iptables("nft", "-t", table, *shlex.split(line))
        assert world.count("nft", "netns.fabric:") == 8
        masquerade(source=SOURCE)
        assert world.save("nft") == before
        assert world.seen_as() == UPLINK_ADDRESS

    @pytest.mark.parametrize("backend", ["nftables", "iptables"])
    @pytest.mark.parametrize(
        "damage",
        ["nft flush ruleset", "nft flush chain ip {table} {chain}", "nft delete chain ip {table} {chain}"],
    )
    def test_flushed(self, world: World, masquerade: Cycle, outside_world: Host, backend: str, damage: str) -> None:
        masquerade.simply(source=SOURCE, backend=backend)
        table, chain = ("netns_fabric", "postrouting") if backend == "nftables" else ("nat", "POSTROUTING")
        if "delete" in damage:
            outside_world.run("nft", "flush", "chain", "ip", table, chain)
        outside_world.run(*damage.format(table=table, chain=chain).split())
        assert world.unanswered()
        masquerade(source=SOURCE, backend=backend)
        assert world.seen_as() == UPLINK_ADDRESS

    def test_altered(self, world: World, masquerade: Cycle, outside_world: Host) -> None:
        masquerade.simply(source=SOURCE)
        (rule,) = world.nft_rules()
        outside_world.run("nft", "flush chain ip netns_fabric postrouting")
        outside_world.run("nft", "add rule ip netns_fabric postrouting meta l4proto udp " + rule)
        assert world.unanswered()
        masquerade(source=SOURCE)
        assert world.nft_rules() == [rule]
        assert world.seen_as() == UPLINK_ADDRESS

    def test_switched_off(self, world: World, masquerade: Cycle, outside_world: Host) -> None:
        masquerade.simply(source=SOURCE)
        outside_world.run("nft", "add table ip netns_fabric { flags dormant; }")
        assert world.unanswered()
        masquerade(source=SOURCE)
        assert world.seen_as() == UPLINK_ADDRESS

    def test_forwarding_turned_off(self, world: World, masquerade: Cycle) -> None:
        masquerade.simply(source=SOURCE)
        Path("/proc/sys/net/ipv4/ip_forward").write_text("0", encoding="ascii")
        assert world.unanswered()
        result = masquerade(source=SOURCE)
        assert result.commands == ["sysctl -w net.ipv4.ip_forward=1"]
        assert world.seen_as() == UPLINK_ADDRESS

    def test_a_default_route_from_router_advertisements_is_not_lost(
        self, outside_world: Host, run_module: RunModule
    ) -> None:
        run = outside_world.run
        run("ip", "-6", "route", "del", "default")

        def default_routes() -> list[str]:
            # Sent from a link-local address, which is usable after duplicate address detection.
            outside_world.in_namespace("outside", sys.executable, "-c", ADVERTISE, OUTSIDE_LINK)
            routes = run("ip", "-6", "route", "show", "default").stdout.splitlines()
            return [line for line in routes if "proto ra" in line]

        for _attempt in range(100):
            if default_routes():
                break
            time.sleep(0.1)  # the kernel handles the advertisement in its own time
        assert default_routes()
        for check in (True, False):
            result = run_module("nat_masquerade", _check=check, source=SOURCE6)
            assert result.failed
            assert f"sysctl -w net.ipv6.conf.{UPLINK}.accept_ra=2" in result.message
        assert run("sysctl", "-n", "net.ipv6.conf.all.forwarding").stdout == "0\n"
        assert "netns_fabric" not in run("nft", "list", "tables").stdout
        # The cure in the message works, and without it the route would have been lost.
        run("sysctl", "-w", f"net.ipv6.conf.{UPLINK}.accept_ra=2")
        assert run_module("nat_masquerade", source=SOURCE6).changed
        assert [line for line in run("ip", "-6", "route", "show", "default").stdout.splitlines() if "proto ra" in line]
        run("sysctl", "-w", "net.ipv6.conf.all.forwarding=0", f"net.ipv6.conf.{UPLINK}.accept_ra=1")
        # A new route: the kernel examines only once those that it has kept.
        run("ip", "-6", "route", "flush", "proto", "ra")
        assert default_routes()
        run("sysctl", "-w", "net.ipv6.conf.all.forwarding=1")
        assert "proto ra" not in run("ip", "-6", "route", "show", "default").stdout
        clear_legacy(outside_world)

    def test_forwarding_is_not_touched_unasked(self, world: World, masquerade: Cycle) -> None:
        masquerade(source=SOURCE, ip_forward=False)
        assert Path("/proc/sys/net/ipv4/ip_forward").read_text(encoding="ascii") == "0\n"
        assert world.unanswered()


class TestOwners:
    def test_two_with_the_same_network(self, world: World, masquerade: Cycle) -> None:
        for owner in ("lab-a", "lab-b"):
            masquerade.simply(owner=owner, prune=True, rules=[{"source": SOURCE}])
        assert len(world.nft_rules()) == 2
        masquerade(owner="lab-a", prune=True, rules=[])
        assert ["lab-b" in rule for rule in world.nft_rules()] == [True]
        assert world.seen_as() == UPLINK_ADDRESS
        masquerade(owner="lab-b", prune=True, rules=[])
        assert "netns_fabric" not in world.rules()

    def test_prune_finds_every_place(self, world: World, masquerade: Cycle, outside_world: Host) -> None:
        outside_world.run("ip", "netns", "add", "router")
        Path("/run/netns/stale").touch()
        world.iptables("nft", "-P", "FORWARD", "DROP")
        rules = [
            {"source": "10.1.0.0/16"},
            {"source": SOURCE6},
            {"source": "10.2.0.0/16", "namespace": "router"},
            {"source": SOURCE},
        ]
        masquerade.simply(owner="lab-a", rules=rules[:2], backend="iptables")
        masquerade.simply(owner="lab-a", rules=rules[2:3], backend="iptables")
        masquerade.simply(owner="lab-a", rules=[{"source": "10.3.0.0/16", "namespace": "router"}])
        masquerade.simply(owner="other", rules=[{"source": "10.4.0.0/16"}])
        result = masquerade(owner="lab-a", prune=True, rules=rules[3:])
        assert len(result.diff) == 5
        router = outside_world.in_namespace("router", "iptables-save").stdout
        assert "netns.fabric" not in router
        assert world.nft_rules("router") == []
        assert world.rules().count("lab-a") == 3  # masquerade, out, replies
        assert world.rules().count("10.4.0.0/16") > 0
        assert world.seen_as() == UPLINK_ADDRESS

    def test_rules_of_others_stay(self, world: World, masquerade: Cycle, outside_world: Host) -> None:
        world.iptables("nft", "-t", "nat", "-A", "POSTROUTING", "-s", SOURCE, "-j", "MASQUERADE")
        world.iptables("nft", "-P", "FORWARD", "DROP")
        world.iptables("nft", "-A", "FORWARD", "-s", SOURCE, "-j", "ACCEPT")
        outside_world.run("nft", "add table ip site")
        before = world.rules()
        masquerade(source=SOURCE)
        masquerade(source=SOURCE, state="absent")
        assert world.rules() == before.replace("\n0\n", "\n1\n", 1)


class TestAllOrNothing:
    def script(self, directory: Path, name: str, *lines: str) -> dict[str, str]:
        """Put a program in place of the system's."""
        script = directory / f"{name}.sh"
        script.write_text("\n".join(["#!/bin/sh", *lines, ""]), "ascii")
        script.chmod(0o755)
        return programs(directory, **{name: str(script)})

    def test_nft_is_rolled_back_where_iptables_refuses(self, world: World, masquerade: Cycle, tmp_path: Path) -> None:
        sources = ("10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16")
        present = [{"source": source} for source in sources]
        world.iptables("nft", "-P", "FORWARD", "DROP")
        masquerade.simply(rules=present, owner="lab-a")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("0", encoding="ascii")
        lock = "echo 'Another app is currently holding the xtables lock.' >&2"
        masquerade.env = self.script(tmp_path, "iptables_restore", lock, "exit 4")
        absent = [{**entry, "state": "absent"} for entry in present]
        for rules in (
            [absent[0], present[1], {"source": SOURCE}, {"source": SOURCE6}],
            [absent[1], absent[0], present[2]],
            absent,  # which deletes the table as well
        ):
            message = masquerade.fails(rules=rules, owner="lab-a")
            assert "has held the lock of iptables for 10 s" in message
            assert "rolled back; the host is unchanged" in message
            assert [rule.split()[2] for rule in world.nft_rules()] == list(sources)

    @pytest.mark.parametrize("ending", ["exit 1", "kill -9 $$"])
    @pytest.mark.parametrize(
        ("backend", "program"),
        [("nftables", "nft"), ("iptables", "iptables-nft-restore"), ("iptables", "iptables-legacy-restore")],
    )
    def test_program_that_fails_after_its_commit(
        self,
        outside_world: Host,
        world: World,
        masquerade: Cycle,
        tmp_path: Path,
        backend: str,
        program: str,
        ending: str,
    ) -> None:
        """The real program has done its work when it fails, at every call: at the rollback too."""
        variant = "legacy" if "legacy" in program else "nft"
        system = legacy_programs(tmp_path) if variant == "legacy" else {"PATH": os.environ["PATH"]}
        if backend == "iptables":
            world.iptables(variant, "-P", "FORWARD", "DROP")
        else:
            outside_world.run("nft", "add table inet site")
            outside_world.run("nft", "add chain inet site f { type filter hook forward priority 0; policy drop; }")
        masquerade.env = system
        present = [{"source": "10.1.0.0/16"}, {"source": "10.2.0.0/16"}]
        masquerade.simply(rules=present, backend=backend)
        masquerade.env = failing_program(tmp_path, f"/usr/sbin/{program}", ending, system)
        for wanted in (
            {"source": SOURCE},
            {"source": "10.1.0.0/16", "accept_forward": "never"},
            {"source": "10.2.0.0/16", "state": "absent"},
            {"rules": [{**entry, "state": "absent"} for entry in present]},
        ):
            message = masquerade.fails(backend=backend, **wanted)
            assert "exit status 1" in message or "signal 9" in message
            assert "rolled back; the host is unchanged" in message
        masquerade.env = system
        assert not masquerade.simply(rules=present, backend=backend).changed

    def test_iptables_is_rolled_back_where_another_table_refuses(
        self, world: World, masquerade: Cycle, tmp_path: Path
    ) -> None:
        world.iptables("nft", "-t", "nat", "-A", "POSTROUTING", "-s", "10.9.0.0/16", "-j", "ACCEPT")
        world.iptables("nft", "-A", "FORWARD", "-j", "DROP")
        masquerade.simply(rules=[{"source": "10.1.0.0/16"}, {"source": "10.2.0.0/16"}], backend="iptables")
        masquerade.env = self.script(
            tmp_path,
            "iptables_restore",
            "rules=$(cat)",
            'case $rules in *filter*) echo "iptables-restore: line 3 failed" >&2; exit 1 ;; esac',
            'echo "$rules" | /usr/sbin/iptables-restore "$@"',
        )
        rules = [{"source": "10.1.0.0/16", "state": "absent"}, {"source": SOURCE}]
        # The second rule of the filter table: the replies of the entry that is planned first.
        assert f"rules[1] ({SOURCE}): iptables refused the change: " in masquerade.fails(rules=rules)

    def test_a_refusal_among_fifty(self, masquerade: Cycle, tmp_path: Path) -> None:
        spoil = r"s|\(add rule .* 10[.]25[.]0[.]0/16 .*\) masquerade|\1 jump nowhere|"
        masquerade.env = self.script(
            tmp_path,
            "nft",
            'case $* in *--file*) ;; *) exec /usr/sbin/nft "$@" ;; esac',
            f"sed '{spoil}' | /usr/sbin/nft \"$@\"",
        )
        message = masquerade.fails(rules=[{"source": f"10.{number}.0.0/16"} for number in range(50)])
        assert message.startswith("rules[25] (10.25.0.0/16): nft refused the change: ")


class TestErrors:
    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            ({"source": "192.168.100.1/24"}, "source: '192.168.100.1/24' is an address within a network"),
            ({"source": SOURCE, "out_interface": "eth7"}, "out_interface: there is no link eth7 on the host"),
            ({"source": SOURCE, "namespace": "nowhere"}, "namespace: the namespace nowhere does not exist"),
            ({"rules": [{"source": SOURCE}, {"source": SOURCE}]}, "rules[1] (192.168.100.0/24): source: is the same"),
            ({"rules": [{"source": SOURCE}, {"source": "192.168.0.0/16"}]}, "overlaps 192.168.0.0/16 of rules[1]"),
            ({"source": SOURCE, "owner": "a b"}, "owner"),
            ({}, "one of the following is required: rules, source"),
        ],
    )
    def test_refused_before_the_first_write(self, masquerade: Cycle, params: dict[str, Any], expected: str) -> None:
        assert expected in masquerade.fails(**params)

    def test_plain_file_in_place_of_a_namespace(self, masquerade: Cycle) -> None:
        Path("/run/netns/stale").touch()
        assert "is a plain file" in masquerade.fails(source=SOURCE, namespace="stale")
        assert not masquerade(source=SOURCE, namespace="stale", state="absent").changed

    def test_own_chain_that_is_not_for_nat(self, masquerade: Cycle, outside_world: Host) -> None:
        outside_world.run("nft", "add table ip netns_fabric")
        outside_world.run("nft", "add chain ip netns_fabric postrouting")
        assert "`nft 'delete table ip netns_fabric'`" in masquerade.fails(source=SOURCE)
        assert masquerade(source=SOURCE, state="absent").changed
        assert masquerade.simply(source=SOURCE).changed

    def test_check_mode_before_anything_exists(self, world: World, masquerade: Cycle) -> None:
        before = world.rules()
        rules = [{"source": SOURCE, "namespace": "router", "out_interface": "wan0"}, {"source": "10.0.0.0/8"}]
        assert masquerade.check(rules=rules).warnings == [
            "Check mode: assuming an earlier task creates namespace router, link router/wan0"
        ]
        assert world.rules() == before
        assert not Path("/run/netns/router").exists()

    def test_without_nft_and_iptables(self, masquerade: Cycle, without: Callable[..., None]) -> None:
        without("nft", "iptables-nft", "iptables-legacy")
        result = masquerade.run_module("nat_masquerade", source=SOURCE)
        assert "this host has neither; install nft (`apt install nftables`" in result.message
        assert not masquerade.simply(source=SOURCE, state="absent").changed

    def test_without_nft(self, world: World, masquerade: Cycle, without: Callable[..., None]) -> None:
        without("nft")
        result = masquerade.run_module("nat_masquerade", source=SOURCE, backend="nftables")
        assert "this host has no nft" in result.message
        assert masquerade.simply(source=SOURCE).changed
        assert world.seen_as() == UPLINK_ADDRESS
        assert not masquerade.simply(source=SOURCE).changed
        assert masquerade.simply(source=SOURCE, state="absent").changed

    def test_without_iptables(self, world: World, masquerade: Cycle, without: Callable[..., None]) -> None:
        without("iptables-nft", "iptables-legacy")
        result = masquerade.run_module("nat_masquerade", source=SOURCE, backend="iptables")
        assert "this host has no iptables" in result.message
        assert masquerade.simply(source=SOURCE).changed
        assert world.seen_as() == UPLINK_ADDRESS

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masquerading with exemptions by destination, and with a given source: seen by a server outside."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import firewalld, traffic
from ansible_collections.netns.fabric.tests.helpers.flow import UdpFlow
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_ADDRESS, UPLINK, UPLINK_ADDRESS
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_world import (
    OUTSIDE6,
    SOURCE,
    SOURCE6,
    UPLINK6,
    Cycle,
    World,
    clear_legacy,
    legacy_programs,
)

NS01 = "192.168.100.1"
#: Addresses that the outside world sends to the host, and that no interface has.
POOL, POOL6 = "203.0.113.7-203.0.113.9", "2001:db8:77::7-2001:db8:77::9"
#: Ranges that are whole networks: nft prints them as such.
BLOCK, BLOCK6 = "203.0.113.8-203.0.113.15", "2001:db8:77::8-2001:db8:77::f"
#: A second site outside, which has a route back.
SITE, SITE6 = "10.77.0.2", "fd77::2"


@pytest.fixture
def world(outside_world: Host) -> Iterator[World]:
    world = World(outside_world)
    for command in (
        f"route add 203.0.113.0/24 via {UPLINK_ADDRESS}",
        f"route add 2001:db8:77::/64 via {UPLINK6}",
        f"route add {SOURCE} via {UPLINK_ADDRESS} src {SITE}",
        f"addr add {SITE6}/128 dev lo nodad",
    ):
        prepare = ("addr", "add", f"{SITE}/32", "dev", "lo") if "src" in command else ()
        for words in (prepare, command.split()):
            if words:
                outside_world.run("ip", "-n", "outside", *words)
    outside_world.run("ip", "route", "add", "10.77.0.0/24", "via", OUTSIDE_ADDRESS)
    outside_world.run("ip", "route", "add", "fd77::/64", "via", OUTSIDE6)
    yield world
    outside_world.run("ip", "route", "del", "10.77.0.0/24")
    outside_world.run("ip", "route", "del", "fd77::/64")
    clear_legacy(outside_world)


@pytest.fixture(params=["nftables", "iptables-nft", "iptables-legacy"])
def masquerade(request: pytest.FixtureRequest, world: World, run_module: RunModule, tmp_path: Path) -> Cycle:
    """Give the module on a host that uses one of the three backends."""
    env = legacy_programs(tmp_path) if request.param == "iptables-legacy" else {}
    return Cycle(run_module, world, "nat_masquerade", env)


@pytest.fixture
def backend(request: pytest.FixtureRequest, masquerade: Cycle) -> str:  # with it comes its parameter
    return str(request.node.callspec.params["masquerade"]).partition("-")[0]


@pytest.fixture
def plain(world: World, run_module: RunModule) -> Cycle:
    return Cycle(run_module, world, "nat_masquerade")


def is_in(address: str, pool: str) -> bool:
    first, last = (int(ip_address(each)) for each in pool.split("-"))
    return bool(address) and first <= int(ip_address(address)) <= last


class TestTraffic:
    def test_a_source_a_pool_and_exemptions(self, world: World, masquerade: Cycle, backend: str) -> None:
        def apply(**options: Any) -> None:
            assert masquerade(source=SOURCE, backend=backend, **options).changed

        apply(to_source="203.0.113.7")
        assert world.seen_as() == world.seen_as(SITE) == "203.0.113.7"
        apply(to_source=POOL, excluded_destinations=["10.77.0.0/24"])
        assert is_in(world.seen_as(), POOL)
        assert world.seen_as(SITE) == NS01
        apply(to_source=BLOCK)
        assert is_in(world.seen_as(), BLOCK)
        apply(excluded_destinations=["10.77.0.0/25", "10.88.0.1/32", "10.77.0.128/25"])
        assert world.seen_as() == UPLINK_ADDRESS
        assert world.seen_as(SITE) == NS01
        apply()
        assert world.seen_as() == world.seen_as(SITE) == UPLINK_ADDRESS
        apply(out_interface=UPLINK, to_source=POOL, excluded_destinations=["10.77.0.0/24", "10.88.0.0/16"])
        masquerade(source=SOURCE, state="absent")
        assert is_in(world.seen_as(), POOL)
        assert world.seen_as(SITE) == NS01
        assert masquerade(source=SOURCE, out_interface=UPLINK, state="absent").changed
        assert "netns" not in world.rules()

    def test_ipv6_through_chains_that_drop(
        self, world: World, masquerade: Cycle, backend: str, outside_world: Host
    ) -> None:
        outside_world.run("ip6tables-nft", "-w", "10", "-P", "FORWARD", "DROP")
        outside_world.run("ip", "-n", "outside", "route", "add", SOURCE6, "via", UPLINK6)
        masquerade(source=SOURCE6, to_source=POOL6, excluded_destinations=["fd77::/64", "fd78::/63"], backend=backend)
        assert is_in(world.seen_as(OUTSIDE6), POOL6)
        assert world.seen_as(SITE6) == "fd00:100::1"
        masquerade(source=SOURCE6, to_source=BLOCK6, backend=backend)
        assert is_in(world.seen_as(OUTSIDE6), BLOCK6)
        masquerade(source=SOURCE6, backend=backend)
        assert world.seen_as(SITE6) == UPLINK6

    def test_commands_altered_rules_and_prune(
        self, world: World, masquerade: Cycle, backend: str, outside_world: Host
    ) -> None:
        rules = [{"source": SOURCE, "to_source": POOL, "excluded_destinations": ["10.77.0.0/24", "10.88.0.0/16"]}]
        path = f"export PATH={masquerade.env['PATH']}\n" if masquerade.env else ""
        checked = masquerade.check(rules=rules, backend=backend, owner="lab")
        outside_world.run("sh", "-ec", path + "\n".join(checked.commands))
        before = world.rules()
        assert not masquerade.simply(rules=rules, backend=backend, owner="lab").changed
        # Somebody adds one that translates to another address, first.
        if backend == "nftables":
            rule = f'ip saddr {SOURCE} snat to 203.0.113.77 persistent comment "netns.fabric:lab"'
            outside_world.run("nft", f"insert rule ip netns_fabric postrouting {rule}")
        else:
            rule = f"-I POSTROUTING -s {SOURCE} -m comment --comment netns.fabric:lab"
            target = "-j SNAT --to-source 203.0.113.77 --persistent"
            world.iptables("legacy" if masquerade.env else "nft", "-t", "nat", *f"{rule} {target}".split())
        assert world.seen_as() == "203.0.113.77"
        healed = masquerade(rules=rules, backend=backend, owner="lab")
        assert "(altered)" in str(healed.diff)
        assert world.rules() == before
        assert is_in(world.seen_as(), POOL)
        masquerade(rules=[], owner="lab", prune=True)
        assert "netns" not in world.rules()

    def test_flows(self, masquerade: Cycle, backend: str, outside_world: Host) -> None:
        """A flow takes the translation that its entry has now, and one that has it already lives on."""
        outside_world.start(*traffic.ENDPOINT, "serve", "outside", "/run/contacts", "8003", namespace="outside")
        with UdpFlow("ns01", OUTSIDE_ADDRESS, 8003) as flow, UdpFlow("ns01", SITE, 8003) as site:

            def seen(each: UdpFlow) -> str:
                return each.ask().rpartition(" ")[2]

            masquerade(source=SOURCE, backend=backend)
            for _attempt in range(100):
                if seen(flow):
                    break
                time.sleep(0.05)  # the server has no other sign that it listens
            assert seen(flow) == seen(site) == UPLINK_ADDRESS
            masquerade(source=SOURCE, to_source="203.0.113.7", backend=backend)
            assert seen(flow) == seen(site) == "203.0.113.7"
            masquerade(source=SOURCE, to_source=POOL, excluded_destinations=["10.77.0.0/24"], backend=backend)
            assert seen(flow) == "203.0.113.7"
            assert seen(site) == NS01
            masquerade(source=SOURCE, backend=backend)
            assert seen(flow) == seen(site) == UPLINK_ADDRESS

    def test_a_namespace_as_the_router(self, world: World, plain: Cycle, outside_world: Host) -> None:
        """What the router in ns01 translates, the host sees and passes on as it is."""
        world.connect("inner", "ns01")
        outside_world.run("ip", "-n", "ns01", "addr", "del", "192.168.100.254/24", "dev", "to-inner")
        outside_world.run("ip", "-n", "ns01", "addr", "add", "10.9.0.254/24", "dev", "to-inner")
        outside_world.run("ip", "-n", "inner", "addr", "flush", "dev", "eth0")
        outside_world.run("ip", "-n", "inner", "addr", "add", "10.9.0.1/24", "dev", "eth0")
        outside_world.run("ip", "-n", "inner", "route", "add", "default", "via", "10.9.0.254")
        plain.simply(source=SOURCE)
        entry = {"namespace": "ns01", "source": "10.9.0.0/24", "to_source": "192.168.100.77"}
        outside_world.run("ip", "-n", "ns01", "addr", "add", "192.168.100.77/24", "dev", "eth0")
        assert plain.simply(**entry).changed
        assert not plain.simply(**entry).changed
        assert world.seen_as(namespace="inner") == UPLINK_ADDRESS
        rules = outside_world.in_namespace("ns01", "nft", "list", "ruleset").stdout
        assert "snat to 192.168.100.77 comment" in rules

    @pytest.mark.skipif(
        shutil.which("firewall-cmd") is None,
        reason="firewalld is not installed, which `make setup-checks` does on Debian",
    )
    def test_beside_firewalld(self, world: World, plain: Cycle) -> None:
        processes = firewalld.start()
        try:
            options = {"source": SOURCE, "to_source": POOL, "excluded_destinations": ["10.77.0.0/24"]}
            assert plain(**options).returned["blocked_by"] == []
            assert is_in(world.seen_as(), POOL)
            assert world.seen_as(SITE) == NS01
            plain(source=SOURCE, state="absent")
        finally:
            firewalld.stop(processes)


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"excluded_destinations": ["0.0.0.0/0"]}, "so that nothing is masqueraded; remove the entry"),
            ({"excluded_destinations": ["224.0.0.0/4"]}, "is multicast, which is not masqueraded anyway; omit it"),
            ({"excluded_destinations": ["10.0.0.0/8", "10.0.0.1/8"]}, "excluded_destinations[1]: '10.0.0.1/8' is an"),
            ({"excluded_destinations": ["fd00::/8"]}, "excluded_destinations: fd00::/8 is not IPv4, which"),
            ({"to_source": "2001:db8::1"}, "to_source: 2001:db8::1 is not IPv4, which 192.168.100.0/24 is"),
            ({"to_source": "192.0.2.9-192.0.2.7"}, "ends before it begins; write 192.0.2.7-192.0.2.9"),
            ({"to_source": "127.0.0.1"}, "nobody outside can answer to 127.0.0.1"),
            ({"to_source": "eth0"}, "to_source: 'eth0' is not an IP address"),
        ],
    )
    def test_errors(self, plain: Cycle, options: dict[str, Any], expected: str) -> None:
        assert expected in plain.fails(source=SOURCE, **options)


@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_declarations_are_fed_back(plain: Cycle, run_module: RunModule, backend: str) -> None:
    rules: list[dict[str, Any]] = [
        {"source": SOURCE, "to_source": POOL, "excluded_destinations": ["10.77.0.0/24", "10.88.0.0/16"]},
        {"source": SOURCE6, "to_source": BLOCK6},
        {"source": "10.9.0.0/24", "out_interface": UPLINK, "excluded_destinations": ["10.0.0.0/8"]},
    ]
    plain(rules=rules, owner="lab", backend=backend)
    info = run_module("topology_info", owner="lab").returned
    declared = info["declarations"]["rules"]
    defaults = {"ip_forward": True, "accept_forward": "auto"}
    by_source = {entry["source"]: entry for entry in declared}
    assert by_source == {rule["source"]: {**rule, **defaults} for rule in rules}
    assert info["undeclared"] == []
    assert not plain(rules=declared, owner="lab", prune=True, backend=backend).changed
    found = {rule["source"]: rule["to_source"] for rule in info["host"]["firewall"]["masquerade"]}
    assert found == {SOURCE: POOL, SOURCE6: BLOCK6, "10.9.0.0/24": None}

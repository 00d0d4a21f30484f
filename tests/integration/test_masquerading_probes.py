# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes of masquerading: what a namespace sends leaves its router with an address of that, or the cause is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.generated.converge import steps
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import ModuleResult
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_ADDRESS, UPLINK, UPLINK_ADDRESS
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_world import (
    SOURCE,
    SOURCE6,
    UPLINK6,
    World,
    clear_legacy,
    legacy_programs,
)

BEYOND, BEYOND6 = "192.0.2.1", "2001:db8::1"


@pytest.fixture
def world(outside_world: Host) -> Any:
    yield World(outside_world)
    clear_legacy(outside_world)


def ask(run_module: RunModule, **options: Any) -> ModuleResult:
    probe = {"namespace": "ns01", "to": BEYOND, "expect": "masqueraded", "timeout": 1.0}
    return run_module("reachability", **{**probe, **options})


@pytest.mark.parametrize("backend", ["nftables", "iptables-nft", "iptables-legacy"])
@pytest.mark.parametrize("version", [4, 6])
def test_before_and_after(
    outside_world: Host, world: World, run_module: RunModule, tmp_path: Path, backend: str, version: int
) -> None:
    source, to, own, seen = {
        4: (SOURCE, BEYOND, "192.168.100.1", UPLINK_ADDRESS),
        6: (SOURCE6, BEYOND6, "fd00:100::1", UPLINK6),
    }[version]
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
    Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1", encoding="ascii")
    # Connections are tracked before there is any NAT, as the packet filters of distributions have it.
    outside_world.run(
        "nft", "table inet tracking { chain input { type filter hook input priority 0; ct state new; }; }"
    )
    before = ask(run_module, to=to)
    assert before.failed
    assert f"ns01 -> {to} masquerading: not masqueraded (it leaves with its own address, {own})" in before.message
    assert "no rule translates the source" in before.message
    env = legacy_programs(tmp_path) if backend == "iptables-legacy" else {}
    applied = run_module("nat_masquerade", source=source, backend=backend.partition("-")[0], _env=env)
    assert not applied.failed, applied.message
    after = ask(run_module, to=to)
    assert not after.failed, after.message
    (probe,) = after.returned["probes"]
    assert (probe["result"], probe["ok"], probe["detail"]) == ("masqueraded", True, f"it leaves as {seen}")
    assert after.returned["summary"]["masqueraded"] == 1


def test_what_the_host_drops(outside_world: Host, world: World, run_module: RunModule) -> None:
    """The rules are all there, and nothing leaves: the packet filter that drops it is named."""
    run_module("nat_masquerade", source=SOURCE, backend="nftables")
    drop = "table ip theirs { chain forward { type filter hook forward priority 10; policy accept; %s; }; }"
    outside_world.run("nft", drop % f"oifname {UPLINK} drop")
    result = ask(run_module)
    assert result.failed
    assert f"ns01 -> {BEYOND} masquerading: silence (nothing leaves the host)" in result.message
    assert "ip theirs forward" in result.message


def test_forwarding_that_is_off(outside_world: Host, world: World, run_module: RunModule) -> None:
    run_module("nat_masquerade", source=SOURCE, backend="nftables")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("0", encoding="ascii")
    assert "nothing leaves the host" in ask(run_module).message


def test_it_ends_at_the_first_router_beyond(outside_world: Host, world: World, run_module: RunModule) -> None:
    run_module("nat_masquerade", source=SOURCE, backend="nftables")
    outside_world.in_namespace("outside", "sysctl", "-qw", "net.ipv4.ip_forward=1")
    outside_world.in_namespace(
        "outside", "nft", "table ip seen { chain c { type filter hook prerouting priority 0; }; }"
    )
    outside_world.in_namespace("outside", "nft", f"add rule ip seen c ip daddr {BEYOND} ip ttl != 1 counter drop")
    outside_world.in_namespace("outside", "nft", f"add rule ip seen c ip daddr {BEYOND} ip ttl 1 counter")
    assert not ask(run_module).failed
    rules = outside_world.in_namespace("outside", "nft", "list", "table", "ip", "seen").stdout.splitlines()
    further, ending = [line for line in rules if "counter" in line]
    assert "packets 0" in further
    assert "packets 0" not in ending


def test_nothing_to_probe(outside_world: Host, world: World, run_module: RunModule) -> None:
    """No route outside, or by another interface than the rule's: that is reported, and not a failure."""
    run_module("nat_masquerade", source=SOURCE, out_interface="wan1", backend="nftables")
    outside_world.run("ip", "route", "del", "default")
    result = ask(run_module, out_interface="wan1")
    assert not result.failed
    (line,) = result.returned["not_probed"]
    reason = f"the host has no route to {BEYOND}, such as a default route"
    assert line == f"ns01 -> {BEYOND} masquerading was not probed: {reason}"
    outside_world.run("ip", "route", "add", "default", "via", OUTSIDE_ADDRESS)
    result = ask(run_module, out_interface="wan1")
    assert not result.failed
    (probe,) = result.returned["probes"]
    assert (probe["result"], probe["ok"]) == ("skipped", None)
    assert probe["skipped_because"] == f"the host sends to {BEYOND} by {UPLINK}, not by wan1"


def test_a_router_namespace(outside_world: Host, world: World, run_module: RunModule) -> None:
    outside_world.in_namespace("ns01", "sysctl", "-qw", "net.ipv4.ip_forward=1")
    for command in (
        "netns add inner",
        "link add eth0 netns inner type veth peer name down0 netns ns01",
        "-n inner link set eth0 up",
        "-n ns01 link set down0 up",
        "-n inner addr add 10.9.0.1/24 dev eth0",
        "-n ns01 addr add 10.9.0.254/24 dev down0",
        "-n inner route add default via 10.9.0.254",
    ):
        outside_world.run("ip", *command.split())
    run_module("nat_masquerade", namespace="ns01", source="10.9.0.0/24")
    result = ask(run_module, namespace="inner", router="ns01")
    assert not result.failed, result.message
    assert result.returned["probes"][0]["detail"] == "it leaves as 192.168.100.1"


def test_what_a_topology_with_links_derives(outside_world: Host, run_module: RunModule) -> None:
    """A namespace at a link of the host, and one behind it, have nothing but links: what is outside answers both."""
    variables = {
        "name": "lab",
        "namespaces": [
            {"name": "gate", "routes": [{"destination": "default", "gateway": "10.1.0.1"}]},
            {"name": "client", "routes": [{"destination": "default", "gateway": "10.2.0.254"}]},
        ],
        "links": [
            {
                "name": "gate0",
                "addresses": ["10.1.0.1/30"],
                "peer": {"name": "eth0", "namespace": "gate", "addresses": ["10.1.0.2/30"]},
            },
            {
                "name": "client0",
                "namespace": "gate",
                "addresses": ["10.2.0.254/24"],
                "peer": {"name": "eth0", "namespace": "client", "addresses": ["10.2.0.1/24"]},
            },
        ],
        "nat": [{"source": "10.1.0.0/30"}, {"source": "10.2.0.0/24", "namespace": "gate"}],
        "verify_outside": [OUTSIDE_ADDRESS],
    }
    built = run_module("sequence", steps=steps(variables))
    assert not built.failed, built.message
    probes = [probe for probe in compile_topology(variables)["probes"] if probe["to"] == OUTSIDE_ADDRESS]
    assert [(probe["namespace"], probe.get("expect")) for probe in probes] == [("gate", None), ("client", None)]
    probed = run_module("reachability", probes=probes)
    assert not probed.failed, probed.message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"expect": "reachable", "router": "ns01"}, "router: only for `expect: masqueraded`; omit it"),
        ({"expect": "silent", "out_interface": "wan1"}, "out_interface: only for `expect: masqueraded`; omit it"),
        ({"protocol": "tcp"}, "expect: only an echo request is followed to the router"),
        ({"namespace": "nope"}, "no such namespace"),
        ({"router": "nope"}, "no such namespace"),
    ],
)
def test_errors(host: Host, run_module: RunModule, options: dict[str, Any], message: str) -> None:
    host.run("ip", "netns", "add", "ns01")
    host.run("ip", "route", "add", "unreachable", BEYOND)
    result = ask(run_module, **options)
    assert result.failed
    assert message in result.message

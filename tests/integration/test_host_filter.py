# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts whose packet filter lets in no more than it must: the reference topology, and what failures name as the cause.

ufw, firewalld, iptables and nft are the real ones, with the rules that they write by default.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTIONS_PATH
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_ADDRESS, OUTSIDE_NAMESPACE
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.packet_filters import (
    FILTERS,
    GATEWAY,
    iptables,
    ufw,
)

COLLECTION = COLLECTIONS_PATH / "ansible_collections" / "netns" / "fabric"


def play(*options: str, **variables: Any) -> tuple[int, str]:
    """Run the playbook of the reference topology; return its exit status, and its output in one line."""
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS_PATH),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        "ANSIBLE_NOCOLOR": "1",
        "COLUMNS": "1000",
    }
    inventory = COLLECTION / "extensions" / "molecule" / "inventory" / "hosts.yml"
    # The one of the interpreter, which need not be on PATH.
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "--inventory", str(inventory)]
    command += [str(COLLECTION / "playbooks" / "site.yml"), "--extra-vars", json.dumps(variables), *options]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return ran.returncode, " ".join((ran.stdout + ran.stderr).split())


@pytest.fixture(name="strict_host", params=FILTERS)
def fixture_strict_host(request: pytest.FixtureRequest, outside_world: Host) -> Iterator[tuple[Host, str]]:
    """Give a host with an outside world and a packet filter, and what opens that to the bridge."""
    start, opening = FILTERS[request.param]
    with start(outside_world):
        yield outside_world, opening


def test_reference_topology_is_built_and_verified(strict_host: tuple[Host, str]) -> None:
    host, opening = strict_host
    status, output = play()
    assert status == 0, output
    assert f"tcp to {GATEWAY} of the host arrives there from ns01, ns02" in output
    assert opening in output
    # The host is as closed as before, and the namespaces reach each other and, masqueraded, the outside.
    assert not traffic.connects("ns01", None, GATEWAY)
    assert traffic.pings("ns01", "192.168.100.2")
    if "iptables" not in opening:  # which drops the answers of the outside world to the host, too
        assert traffic.pings("ns01", OUTSIDE_ADDRESS)
    status, output = play()
    assert (status, " changed=0 " in output) == (0, True), output
    assert host.namespaces() == ["ns01", "ns02", OUTSIDE_NAMESPACE]


@pytest.mark.parametrize("name", ["ufw", "firewalld"])
def test_declared_service_that_is_refused_fails(outside_world: Host, name: str) -> None:
    """The packet filter is named as the cause, and not what cannot be it."""
    start, opening = FILTERS[name]
    with start(outside_world):
        declared = {"namespace": "ns01", "to": GATEWAY, "protocol": "tcp"}
        status, output = play(topology_verify_probes=[declared])
        assert status == 2, output
        assert "1 of 9 probes is not as expected" in output
        assert f"Likely cause (ns01 -> {GATEWAY} tcp): the packet filter of the host refuses this" in output
        assert opening in output
        assert "checksum" not in output


def test_opened_filter(outside_world: Host) -> None:
    """What the report says does open it."""
    with ufw(outside_world):
        assert play()[0] == 0
        outside_world.run("ufw", "allow", "in", "on", "int_br")
        status, output = play(topology_verify_probes=[{"namespace": "ns01", "to": GATEWAY, "protocol": "tcp"}])
        assert status == 0, output
        assert "packet filter" not in output
        assert traffic.connects("ns01", None, GATEWAY)
        # Its reload keeps what the topology has added.
        outside_world.run("ufw", "reload")
        assert traffic.pings("ns01", OUTSIDE_ADDRESS)
        assert " changed=0 " in play()[1]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_filter_does_not_hide_a_dead_path(outside_world: Host, run_module: RunModule, protocol: str) -> None:
    """Where TCP and UDP are dead by the checksum offload, what the host sends is not answered either."""
    with ufw(outside_world):
        assert play()[0] == 0
        probe = {"namespace": "ns01", "to": GATEWAY, "protocol": protocol, "expect": "delivered"}
        result = run_module("reachability", probes=[probe])
        assert not result.failed, result.message
        assert (result.returned["probes"][0]["ok"], result.returned["probes"][0]["result"]) == (True, "silent")
        assert "ufw allow in on int_br" in result.returned["probes"][0]["refused_by"]
        outside_world.in_namespace("ns01", "ethtool", "-K", "veth-ns01", "tx", "on")
        result = run_module("reachability", probes=[probe])
        assert result.failed
        cause = result.message.splitlines()[2]
        assert cause.index("the packet filter of the host refuses this") < cause.index("checksum offload")


# --- what failures name as the cause -------------------------------------------------------------------------------


@pytest.fixture(name="red")
def fixture_red(outside_world: Host) -> Iterator[Host]:
    """Connect a namespace `red` to the host, in both families, with default routes to it."""
    run = outside_world.run
    run("ip", "netns", "add", "red")
    run("ip", "link", "add", "eth0", "netns", "red", "type", "veth", "peer", "name", "to-red")
    for where, link, end in ((["-n", "red"], "eth0", "1"), ([], "to-red", "254")):
        run("ip", *where, "link", "set", link, "up")
        run("ip", *where, "addr", "add", f"192.168.100.{end}/24", "dev", link)
        run("ip", *where, "addr", "add", f"fd00:100::{end}/64", "dev", link, "nodad")
    run("ip", "-n", "red", "route", "add", "default", "via", GATEWAY)
    run("ip", "-n", "red", "-6", "route", "add", "default", "via", "fd00:100::254")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
    assert traffic.pings("red", GATEWAY)
    assert traffic.pings("red", "fd00:100::254")
    yield outside_world
    run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0")


def cause_of(run_module: RunModule, to: str, protocol: str = "icmp", **options: Any) -> str:
    """Return the likely cause that a failed probe names."""
    result = run_module("reachability", namespace="red", to=to, protocol=protocol, timeout=1, **options)
    assert result.failed
    return result.message.partition("Likely cause (")[2].partition("): ")[2]


def test_requests_for_a_neighbour_that_the_filter_drops(red: Host, run_module: RunModule) -> None:
    with iptables(red):
        red.run("ip", "neigh", "flush", "dev", "to-red")
        red.run("ip", "-n", "red", "neigh", "flush", "dev", "eth0")
        cause = cause_of(run_module, "fd00:100::254", expect="delivered")
        assert cause.startswith(
            "the packet filter of the host refuses this: iptables-nft ip6 filter INPUT (policy drop)"
        )
        assert "ip6tables -I INPUT -i to-red -j ACCEPT" in cause


def test_forwarding_that_the_filter_drops(red: Host, run_module: RunModule) -> None:
    red.run("iptables-nft", "-P", "FORWARD", "DROP")
    cause = cause_of(run_module, OUTSIDE_ADDRESS)
    assert cause.startswith("the packet filter of the host refuses this: iptables-nft ip filter FORWARD (policy drop)")


def test_filter_of_the_namespace_itself_that_drops_the_answers(red: Host, run_module: RunModule) -> None:
    red.in_namespace("red", "nft", "add table ip f")
    red.in_namespace("red", "nft", "add chain ip f in { type filter hook input priority 0; policy drop; }")
    cause = cause_of(run_module, GATEWAY, "tcp")
    assert cause.startswith("the packet filter of the namespace red refuses this: nftables ip f in (policy drop)")
    assert "`ip netns exec red nft 'insert rule ip f in iifname \"eth0\" accept'`" in cause


@pytest.mark.parametrize(("where", "parameter"), [(None, "all"), (None, "to-red"), ("red", "all"), ("red", "eth0")])
@pytest.mark.parametrize("protocol", ["icmp", "tcp"])
def test_ipv6_that_is_off(red: Host, run_module: RunModule, where: str | None, parameter: str, protocol: str) -> None:
    key = f"net.ipv6.conf.{parameter}.disable_ipv6"
    red.run(*(["ip", "netns", "exec", where] if where else []), "sysctl", "-qw", f"{key}=1")
    cause = cause_of(run_module, "fd00:100::254", protocol)
    assert cause.startswith(f"IPv6 is off in {where or 'the host'} ({key} = 1)")

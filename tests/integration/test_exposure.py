# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exposure that topology_info computes, against connections on the same host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.convergence import Run
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import UPLINK
from ansible_collections.netns.fabric.tests.integration.exposure_world import HOST, World, verdicts
from ansible_collections.netns.fabric.tests.integration.nat_world import clear_legacy


@pytest.fixture
def world(outside_world: Host) -> Iterator[World]:
    """Two tenants, one on a bridge of the kernel, one on Open vSwitch with VLANs, and what is outside."""
    found = World(outside_world)
    found.add_bridge("a_br", "10.1.0.254/24", "fd00:1::fffe/112")
    found.add_switch("b_br", "10.2.0.254/24", "fd00:2::fffe/112", tag=10)
    for number in (1, 2):
        found.add_namespace(f"a{number}", f"10.1.0.{number}/24", f"fd00:1::{number}/112", bridge="a_br")
        found.add_namespace(f"b{number}", f"10.2.0.{number}/24", f"fd00:2::{number}/112", switch="b_br", tag=10)
    found.add_namespace("b3", "10.2.0.3/24", switch="b_br", tag=20)
    found.serve(HOST)
    found.hide_outside()
    for network in ("10.1.0.0/24", "10.2.0.0/24"):
        found.outside(f"route add {network} via 198.51.100.1")
    for network in ("fd00:1::/112", "fd00:2::/112"):
        found.outside(f"route add {network} via 2001:db8:51::1")
    yield found
    found.close()


def exposure(run_module: Run, **options: Any) -> list[dict[str, Any]]:
    result = run_module("topology_info", gather_subset=["exposure"], **options)
    assert not result.failed, result.message
    assert not result.changed
    return list(result.returned["exposure"])


DOCKER = """
*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 10.1.0.0/24 ! -o a_br -j MASQUERADE
-A DOCKER -i a_br -j RETURN
-A DOCKER ! -i a_br -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.1.0.1:80
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o a_br -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o a_br -j DOCKER
-A FORWARD -i a_br ! -o a_br -j ACCEPT
-A FORWARD -i a_br -o a_br -j ACCEPT
-A DOCKER -d 10.1.0.1/32 ! -i a_br -o a_br -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i a_br ! -o a_br -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker1 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
"""


def test_forwarding_between_all(world: World, run_module: Run) -> None:
    found = exposure(run_module)
    assert "\n".join(world.compare(found)) == ""
    assert verdicts(found, "a1", 80) == {
        **dict.fromkeys(("a2", "b1", "b2", HOST, UPLINK), "open"),
        "b3": "closed",
    }


def compared(world: World, run_module: Run) -> list[dict[str, Any]]:
    """Return the exposure, which must be what connections find."""
    found = exposure(run_module)
    assert "\n".join(world.compare(found)) == ""
    return found


@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_isolated_links(world: World, run_module: Run, backend: str) -> None:
    """What is closed names the chain that drops it; one tenant may reach the other one, not the reverse."""
    to_b = {"destination": "10.2.0.0/24", "out_interface": "b_br"}
    links = [
        {"link": "a_br", "networks": ["10.1.0.0/24", "fd00:1::/112"], "reaches": [to_b]},
        {"link": "b_br", "networks": ["10.2.0.0/24", "fd00:2::/112"]},
    ]
    assert not run_module("isolation", links=links, backend=backend).failed
    found = compared(world, run_module)
    open_to_a = {name for name, verdict in verdicts(found, "a1", 80).items() if verdict == "open"}
    open_to_b = {name for name, verdict in verdicts(found, "b1", 81, "udp").items() if verdict == "open"}
    assert open_to_a == {"a2", HOST}
    assert open_to_b == {"a1", "a2", "b2", HOST}
    assert "depends" not in {*verdicts(found, "a1").values(), *verdicts(found, "b1").values()}
    reasons = [
        reason
        for group in next(each for each in found if each["namespace"] == "a1")["paths"]
        if group["outside"] == [UPLINK]
        for reason in group["reasons"]
    ]
    assert any("fabric-to-a_br (a rule with drop)" in reason for reason in reasons), reasons


@pytest.mark.parametrize("command", ["iptables-nft", "iptables-legacy"])
def test_docker(world: World, host: Host, run_module: Run, command: str) -> None:
    """A container's published port is open from outside, its other ports are not; who publishes it does not matter."""
    file = Path("/run/docker.rules")
    file.write_text(DOCKER, encoding="ascii")
    host.run(f"{command}-restore", str(file))
    try:
        found = compared(world, run_module)
    finally:
        clear_legacy(host)
    assert verdicts(found, "a1", 80)[UPLINK] == "open"
    assert verdicts(found, "a1", 81)[UPLINK] == "closed" or ":" in str(found)
    group = next(
        group
        for service in next(each for each in found if each["namespace"] == "a1")["services"]
        if (service["protocol"], service["port"]) == ("tcp", 80)
        for group in service["reached_from"]
        if UPLINK in group["outside"]
    )
    assert "198.51.100.1:8080" in group["at"]


def test_published_and_masqueraded(world: World, run_module: Run) -> None:
    links = [
        {"link": "a_br", "networks": ["10.1.0.0/24", "fd00:1::/112"], "outbound": [{"source": "10.1.0.0/24"}]},
        {"link": "b_br", "networks": ["10.2.0.0/24", "fd00:2::/112"]},
    ]
    rule = {"port": 8080, "to_address": "10.2.0.1", "to_port": 80}
    six = {"port": 8081, "to_address": "fd00:1::1", "to_port": 81, "protocol": "udp"}
    assert not run_module("isolation", links=links).failed
    assert not run_module("nat_masquerade", rules=[{"source": "10.1.0.0/24"}]).failed
    assert not run_module("nat_port_forward", rules=[rule, six]).failed
    found = compared(world, run_module)
    entry = next(each for each in found if each["namespace"] == "b1")
    service = next(each for each in entry["services"] if (each["protocol"], each["port"]) == ("tcp", 80))
    published = [group for group in service["reached_from"] if group["published"]]
    assert {name for group in published for name in (*group["namespaces"], *group["outside"])} >= {"a1", "a2", UPLINK}
    assert verdicts(found, "b1", 81)[UPLINK] == "closed"
    assert verdicts(found, "a1", 81, "udp")[UPLINK] == "open"


def test_what_a_namespace_filters(world: World, host: Host, run_module: Run) -> None:
    """Rules that are understood decide, others are named."""
    nft = """
    table inet own {
        chain in {
            type filter hook input priority 0; policy drop;
            ct state vmap { established : accept, related : accept, invalid : drop }
            meta l4proto { icmp, icmpv6 } accept
            iifname "lo" accept
            ip saddr { 10.1.0.2, 10.2.0.0/24 } tcp dport { 80, 443 } accept
            tcp dport 81 meta skuid 0 accept
        }
    }
    """
    file = Path("/run/own.nft")
    file.write_text(nft, encoding="ascii")
    host.in_namespace("a1", "nft", "-f", str(file))
    found = compared(world, run_module)
    assert verdicts(found, "a1", 80) == {
        **dict.fromkeys(("a2", "b1", "b2"), "open"),
        **dict.fromkeys(("b3", HOST), "closed"),
        UPLINK: "depends",
    }
    assert verdicts(found, "a1", 81)["a2"] == "depends"
    entry = next(each for each in found if each["namespace"] == "a1")
    reasons = {
        reason
        for service in entry["services"]
        for group in service["reached_from"]
        if group["verdict"] == "depends"
        for reason in group["reasons"]
    }
    assert reasons == {"the packet filter of the namespace a1: nftables inet own in (policy drop)"}


def test_what_the_host_forwards(world: World, host: Host, run_module: Run) -> None:
    """Parameters of links, a filter's policy, routes that are missing, addresses that are not answered for."""
    host.run("sysctl", "-w", "net.ipv4.conf.uplink0.forwarding=0", "net.ipv6.conf.all.forwarding=0")
    host.in_namespace("b2", "ip", "route", "del", "default")
    host.in_namespace("a2", "ip", "route", "add", "blackhole", "10.2.0.1/32")
    found = compared(world, run_module)
    assert verdicts(found, "a1", 80)[UPLINK] == "closed"
    assert verdicts(found, "b1", 80)["a2"] == "closed"
    assert verdicts(found, "b1", 80)["a1"] == "open"
    assert verdicts(found, "b2", 80)["a1"] == "closed"
    host.run("sysctl", "-w", "net.ipv4.ip_forward=1")
    rules = "iifname { a_br } oifname b_br tcp dport 80 accept; ct state established accept;"
    hook = "type filter hook forward priority 0; policy drop;"
    host.run("nft", f"table inet own {{ chain passing {{ {hook} {rules} }}; }}")
    found = compared(world, run_module)
    assert verdicts(found, "b1", 80)["a1"] == "open"
    assert verdicts(found, "b1", 81)["a1"] == "closed"
    assert verdicts(found, "a1", 80)["b1"] == "closed"


def test_what_a_tenant_can_add(world: World, host: Host, run_module: Run) -> None:
    """Thousands of rules and a hundred sockets in a namespace cost nobody else anything, and are named."""
    rules = "\n".join(f"tcp dport {port} counter" for port in range(6000))
    head = "table inet own {\nchain in {\ntype filter hook input priority 0;\n"
    file = Path("/run/many.nft")
    file.write_text(head + rules + "\n}\n}\n", encoding="ascii")
    host.in_namespace("a1", "nft", "-f", str(file))
    world.serve("a1", range(20000, 20070))
    found = compared(world, run_module)
    entry = next(each for each in found if each["namespace"] == "a1")
    assert (len(entry["services"]), entry["further_services"] > 60) == (64, True)
    assert verdicts(found, "a1", 80)["a2"] == "depends"
    reason = "the packet filter of the namespace a1, which has 6000 rules, too many to follow"
    assert any(reason in group["reasons"] for group in entry["paths"] if "a2" in group["namespaces"])
    assert verdicts(found, "b1", 80)["b2"] == "open"

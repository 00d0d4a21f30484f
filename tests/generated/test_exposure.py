# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exposure that topology_info computes for generated packet filters, NAT, routes and parameters.

What it says to be open is reached by TCP and UDP, IPv4 and IPv6, and what it says to be closed is not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.tests.generated.cases import generated
from ansible_collections.netns.fabric.tests.helpers import module_runner
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import UPLINK, build_outside_world
from ansible_collections.netns.fabric.tests.integration.exposure_world import HOST, World

CASES = 25
LINKS = ("a_br", "b_br", UPLINK, "a1_tap", "b1_tap")
NETWORKS = {
    "ip": ("10.1.0.0/24", "10.2.0.0/24", "10.1.0.1", "10.2.0.2", "198.51.100.0/24"),
    "ip6": ("fd00:1::/112", "fd00:2::/112", "fd00:1::2", "2001:db8:51::/64"),
}
SPACES = ("a1", "a2", "b1", "b2")


#: Conditions, one of each kind at most in a rule.
STATES = ("ct state established,related", "ct state new", "ct status dnat", "fib daddr type local")
TRANSPORTS = (
    *("tcp dport 80", "udp dport 80-81", "tcp dport { 80, 81 }", "meta l4proto udp", "tcp sport 80"),
    "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }",
)
SIDES = {"forward": ("iifname", "oifname"), "postrouting": ("oifname",)}
VERDICTS = ("accept", "drop", "drop", "reject", "return", "jump one", "goto one", "jump two", "counter")
MAPS = ("ct state vmap { established : accept, related : accept }", "meta l4proto vmap { udp : jump two }")


@st.composite
def rules(draw: st.DrawFn, hook: str) -> list[str]:
    """Generate the rules of a chain."""
    return [draw(rule(hook)) for _number in range(draw(st.integers(0, 4)))]


@st.composite
def rule(draw: st.DrawFn, hook: str) -> str:
    if draw(st.integers(0, 7)) == 0:
        return draw(st.sampled_from(MAPS))
    words = []
    kinds = draw(st.lists(st.sampled_from(["link", "state", "transport", "network"]), unique=True, max_size=2))
    if "link" in kinds:
        names = st.sampled_from(LINKS if hook != "input" else ("eth0", "lo"))
        side = draw(st.sampled_from(SIDES.get(hook, ("iifname",))))
        form = draw(st.sampled_from(["{} {}", "{} != {}", "{} {{ {}, eth7 }}"]))
        words.append(form.format(side, draw(names)))
    if "state" in kinds:
        words.append(draw(st.sampled_from(STATES)))
    if "transport" in kinds:
        words.append(draw(st.sampled_from(TRANSPORTS)))
    if "network" in kinds and "icmpv6" not in "".join(words):
        family = draw(st.sampled_from([*NETWORKS]))
        side = draw(st.sampled_from(["saddr", "daddr", "saddr !=", "daddr !="]))
        words.append(f"{family} {side} {draw(st.sampled_from(NETWORKS[family]))}")
    verdict = draw(st.sampled_from(VERDICTS))
    # There is no reject on this hook (nft(8)).
    return " ".join([*words, "drop" if (hook, verdict) == ("postrouting", "reject") else verdict])


def chains(hook: str) -> st.SearchStrategy[str]:
    """Generate a table with a chain on a hook and two that it calls."""

    def write(first: list[str], one: list[str], two: list[str], policy: str) -> str:
        inner = [line.replace("jump one", "jump two").replace("goto one", "goto two") for line in one]
        last = [line for line in two if "one" not in line and "two" not in line]
        base = [f"type filter hook {hook} priority 0; policy {policy};", *first]
        parts = {"two": last, "one": inner, "base": base}
        return "".join(f"chain {name} {{\n" + "\n".join(lines) + "\n}\n" for name, lines in parts.items())

    return st.builds(write, rules(hook), rules(hook), rules(hook), st.sampled_from(["accept", "accept", "drop"]))


NAT_RULES = {
    "prerouting": (
        "tcp dport 8080 dnat ip to 10.1.0.1:80",
        "iifname uplink0 udp dport 8081 dnat ip to 10.2.0.1:81",
        "tcp dport 80 redirect to :81",
        "ip daddr 198.51.100.1 tcp dport 81 dnat ip to 10.2.0.2",
        "tcp dport 8082 dnat ip6 to [fd00:2::1]:80",
    ),
    "postrouting": (
        "ip saddr 10.1.0.0/24 oifname uplink0 masquerade",
        "ip saddr 10.2.0.0/24 ip daddr != 10.2.0.0/24 masquerade",
        "oifname a_br snat ip to 10.1.0.254",
        "ip6 saddr fd00:1::/112 masquerade",
    ),
}
#: What somebody may have changed besides, each with what restores it.
CHANGES = {
    "sysctl -qw net.ipv4.conf.a_br.forwarding=0": ["sysctl -qw net.ipv4.conf.a_br.forwarding=1"],
    "sysctl -qw net.ipv4.conf.b_br.forwarding=0": ["sysctl -qw net.ipv4.conf.b_br.forwarding=1"],
    "sysctl -qw net.ipv6.conf.all.forwarding=0": ["sysctl -qw net.ipv6.conf.all.forwarding=1"],
    "sysctl -qw net.ipv4.conf.all.rp_filter=1": ["sysctl -qw net.ipv4.conf.all.rp_filter=0"],
    "sysctl -qw net.ipv4.conf.all.arp_ignore=1": ["sysctl -qw net.ipv4.conf.all.arp_ignore=0"],
    "ip -n a1 route del default": ["ip -n a1 route add default via 10.1.0.254"],
    "ip -n b1 -6 route del default": ["ip -n b1 -6 route add default via fd00:2::fffe"],
    "ip -n a2 route add blackhole 10.2.0.2/32": ["ip -n a2 route del blackhole 10.2.0.2/32"],
    "ip -n a2 route replace default via 10.1.0.1": ["ip -n a2 route replace default via 10.1.0.254"],
    "ip route add unreachable 10.2.0.1/32": ["ip route del unreachable 10.2.0.1/32"],
    "ip -n b2 addr del 10.2.0.2/24 dev eth0": [
        "ip -n b2 addr add 10.2.0.2/24 dev eth0",
        "ip -n b2 route add default via 10.2.0.254",
    ],
    "ip link set a2_tap down": ["ip link set a2_tap up"],
    "ovs-vsctl set port b2_tap tag=20": ["ovs-vsctl set port b2_tap tag=10"],
    "ovs-vsctl clear port b1_tap tag": ["ovs-vsctl set port b1_tap tag=10"],
    "ovs-vsctl set port b1_tap protected=true -- set port b2_tap protected=true": [
        "ovs-vsctl set port b1_tap protected=false -- set port b2_tap protected=false"
    ],
}


@st.composite
def changes_of_a_host(draw: st.DrawFn) -> dict[str, Any]:
    """Generate what a host's administrator and the tenants may have done."""
    hooks = draw(
        st.lists(st.sampled_from(["forward", "forward", "prerouting", "postrouting"]), unique=True, max_size=2)
    )
    tables = {hook: draw(chains(hook)) for hook in hooks}
    inside = {name: draw(chains("input")) for name in draw(st.lists(st.sampled_from(SPACES), unique=True, max_size=2))}
    nat = {hook: draw(st.lists(st.sampled_from(found), unique=True, max_size=2)) for hook, found in NAT_RULES.items()}
    changes = draw(st.lists(st.sampled_from([*CHANGES]), unique=True, max_size=3))
    return {"tables": tables, "inside": inside, "nat": nat, "changes": changes}


@pytest.fixture(scope="module", name="world")
def fixture_world() -> Iterator[World]:
    host = Host()
    world = build(host)
    yield world
    world.close()
    host.clear()


def build(host: Host) -> World:
    """Build two tenants, one on a bridge of the kernel, one on Open vSwitch, and what is outside."""
    host.clear()
    build_outside_world()
    world = World(host)
    world.add_bridge("a_br", "10.1.0.254/24", "fd00:1::fffe/112")
    world.add_switch("b_br", "10.2.0.254/24", "fd00:2::fffe/112", tag=10)
    for number in (1, 2):
        world.add_namespace(f"a{number}", f"10.1.0.{number}/24", f"fd00:1::{number}/112", bridge="a_br")
        world.add_namespace(f"b{number}", f"10.2.0.{number}/24", f"fd00:2::{number}/112", switch="b_br", tag=10)
    world.serve(HOST)
    world.hide_outside()
    for network in ("10.1.0.0/24", "10.2.0.0/24"):
        world.outside(f"route add {network} via 198.51.100.1")
    for network in ("fd00:1::/112", "fd00:2::/112"):
        world.outside(f"route add {network} via 2001:db8:51::1")
    return world


def apply(host: Host, case: dict[str, Any]) -> None:
    for hook, text in case["tables"].items():
        load(host, None, f"table inet on_{hook} {{\n{text}}}\n")
    for name, text in case["inside"].items():
        load(host, name, f"table inet own {{\n{text}}}\n")
    for hook, lines in case["nat"].items():
        kind = "dstnat" if hook == "prerouting" else "srcnat"
        body = "\n".join([f"type nat hook {hook} priority {kind};", *lines])
        load(host, None, f"table inet nat_{hook} {{\nchain base {{\n{body}\n}}\n}}\n")
    for line in case["changes"]:
        host.run(*line.split())


def load(host: Host, namespace: str | None, text: str) -> None:
    file = Path("/run/case.nft")
    file.write_text(text, encoding="ascii")
    command = ("nft", "-f", str(file))
    if namespace is None:
        host.run(*command)
    else:
        host.in_namespace(namespace, *command)


def test_exposure_is_what_connections_find(world: World, request: pytest.FixtureRequest) -> None:
    @generated(request, CASES)
    @given(changes_of_a_host())
    def case(done: dict[str, Any]) -> None:
        _check(world, done)

    case()


def _check(world: World, case: dict[str, Any]) -> None:
    try:
        apply(world.host, case)
        result = module_runner.run_module("topology_info", {"gather_subset": ["exposure"]})
        assert not result.failed, result.message
        wrong = world.compare(result.returned["exposure"])
        assert not wrong, json.dumps(case, indent=1) + "\n" + "\n".join(wrong)
    finally:
        restore(world, case)


def restore(world: World, case: dict[str, Any]) -> None:
    host = world.host
    host.run("nft", "flush", "ruleset")
    for name in case["inside"]:
        host.in_namespace(name, "nft", "flush", "ruleset")
    world.forget_connections()
    for line in reversed(case["changes"]):
        for undo in CHANGES[line]:
            host.run(*undo.split())

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links that do not forward on a router that does: turned on where NAT needs them, judged by traffic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_ADDRESS, UPLINK, UPLINK_ADDRESS
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_services import NS01, ROUTER, Services
from ansible_collections.netns.fabric.tests.integration.nat_world import (
    OUTSIDE6,
    SOURCE,
    SOURCE6,
    UPLINK6,
    Cycle,
    World,
    clear_legacy,
)

CONF = Path("/proc/sys/net/ipv4/conf")


def forwards(link: str) -> bool:
    return (CONF / link / "forwarding").read_text(encoding="ascii") == "1\n"


def set_forwarding(link: str, value: str) -> None:
    (CONF / link / "forwarding").write_text(value, encoding="ascii")


@pytest.fixture(autouse=True)
def router(outside_world: Host) -> Iterator[Host]:
    """A host that forwards, except from links that come later."""
    set_forwarding("all", "1")
    set_forwarding("default", "0")
    yield outside_world
    set_forwarding("all", "1")
    set_forwarding("all", "0")  # with it go those of all links, and the default


class TestMasquerade:
    @pytest.fixture
    def world(self, router: Host) -> Iterator[World]:
        yield World(router)
        clear_legacy(router)

    @pytest.fixture
    def masquerade(self, world: World, run_module: RunModule) -> Cycle:
        return Cycle(run_module, world, "nat_masquerade")

    @pytest.mark.parametrize("backend", ["nftables", "iptables"])
    def test_links_that_came_later(self, world: World, masquerade: Cycle, backend: str) -> None:
        assert not forwards("to-ns01")
        set_forwarding(UPLINK, "0")
        world._host.run("ip", "link", "add", "other0", "type", "veth", "peer", "other1")
        done = masquerade(source=SOURCE, backend=backend)
        assert world.seen_as() == UPLINK_ADDRESS
        assert forwards("to-ns01")
        assert forwards(UPLINK)
        assert not forwards("other0"), "it is not on the way"
        assert "sysctl -w net.ipv4.conf.to-ns01.forwarding=1" in done.commands
        assert "net.ipv4.conf.to-ns01.forwarding: 1" in done.returned["diff"][0]["after"]

    @pytest.mark.parametrize("link", ["to-ns01", UPLINK])
    def test_healed(self, world: World, masquerade: Cycle, link: str) -> None:
        masquerade(source=SOURCE)
        assert world.seen_as() == UPLINK_ADDRESS
        set_forwarding(link, "0")
        assert world.unanswered()
        done = masquerade(source=SOURCE)
        assert "forwarding: 0" in done.returned["diff"][0]["before"]
        assert done.commands == [f"sysctl -w net.ipv4.conf.{link}.forwarding=1"]
        assert world.seen_as() == UPLINK_ADDRESS

    def test_only_the_named_way_out(self, world: World, masquerade: Cycle) -> None:
        set_forwarding(UPLINK, "0")
        world._host.run("ip", "link", "add", "wan.2", "type", "veth", "peer", "wan2")
        masquerade(source=SOURCE, out_interface="wan.2")
        assert forwards("wan.2")
        assert not forwards(UPLINK)

    def test_left_to_the_user_and_named(self, world: World, masquerade: Cycle) -> None:
        done = masquerade(source=SOURCE, ip_forward=False)
        assert done.returned["blocked_by"] == [
            "link to-ns01 (net.ipv4.conf.to-ns01.forwarding = 0), left alone: ip_forward is false"
        ]
        assert world.unanswered()
        set_forwarding("to-ns01", "1")
        assert masquerade.simply(source=SOURCE, ip_forward=False).returned["blocked_by"] == []

    def test_ipv6_needs_no_link(self, world: World, masquerade: Cycle) -> None:
        conf = Path("/proc/sys/net/ipv6/conf")
        (conf / "all/forwarding").write_text("1", encoding="ascii")
        for link in ("to-ns01", UPLINK):
            (conf / link / "forwarding").write_text("0", encoding="ascii")
        masquerade(source=SOURCE6)
        assert world.seen_as(OUTSIDE6) == UPLINK6
        assert (conf / "to-ns01/forwarding").read_text(encoding="ascii") == "0\n"

    def test_in_a_router_namespace(self, world: World, masquerade: Cycle) -> None:
        host = world._host
        host.run("ip", "netns", "add", "inner")
        host.run("ip", "link", "add", "eth0", "netns", "inner", "type", "veth", "peer", "name", "lan", "netns", "ns01")
        for command in (
            "-n inner link set eth0 up",
            "-n ns01 link set lan up",
            "-n inner addr add 10.9.0.1/24 dev eth0",
            "-n ns01 addr add 10.9.0.254/24 dev lan",
            "-n inner route add default via 10.9.0.254",
        ):
            host.run("ip", *command.split())
        masquerade.simply(source=SOURCE)
        for value in ("conf.all.forwarding=1", "conf.lan.forwarding=0", "conf.eth0.forwarding=0"):
            host.in_namespace("ns01", "sysctl", "-qw", f"net.ipv4.{value}")
        masquerade.simply(source="10.9.0.0/24", namespace="ns01")
        assert world.seen_as(namespace="inner") == UPLINK_ADDRESS
        assert not forwards("default"), "the host's own is not touched"

    def test_a_rollback_closes_them_again(self, masquerade: Cycle, tmp_path: Path) -> None:
        nft = tmp_path / "nft"
        nft.write_text(
            '#!/bin/sh\ncase "$*" in *--file*) echo refused >&2; exit 1;; esac\nexec /usr/sbin/nft "$@"\n',
            encoding="ascii",
        )
        nft.chmod(0o755)
        masquerade.env["PATH"] = f"{tmp_path}:/usr/sbin:/usr/bin"
        assert "rolled back" in masquerade.fails(source=SOURCE, backend="nftables")
        assert not forwards("to-ns01")


class TestPublishedPort:
    @pytest.fixture
    def world(self, router: Host) -> Iterator[Services]:
        yield Services(router)
        clear_legacy(router)

    def test_links_of_both_ways(self, world: Services, run_module: RunModule) -> None:
        publish = Cycle(run_module, world, "nat_port_forward")
        assert not forwards("lan0")
        set_forwarding(UPLINK, "0")
        publish(port="8080", to_address=NS01, to_port=80)
        assert world.ask(UPLINK_ADDRESS, 8080) == f"ns01 80 {OUTSIDE_ADDRESS}"
        assert forwards("lan0")
        set_forwarding("lan0", "0")
        assert world.silent(UPLINK_ADDRESS, 8080)
        assert publish(port="8080", to_address=NS01, to_port=80).changed
        assert world.ask(UPLINK_ADDRESS, 8080) == f"ns01 80 {OUTSIDE_ADDRESS}"


def test_links_of_the_same_sequence(router: Host, run_module: RunModule) -> None:
    """In check mode, links that do not exist yet are known to be closed."""
    steps = [
        {"module": "netns", "options": {"name": "ns01"}},
        {"module": "ovs_bridge", "options": {"name": "int_br", "datapath_type": "auto"}},
        {
            "module": "veth",
            "options": {
                "name": "eth0",
                "namespace": "ns01",
                "addresses": [f"{NS01}/24"],
                "peer": {"name": "ns01_tap"},
            },
        },
        {"module": "link", "options": {"name": "int_br", "enabled": True, "addresses": [f"{ROUTER}/24"]}},
        {"module": "route", "options": {"namespace": "ns01", "destination": "default", "gateway": ROUTER}},
        {"module": "nat_masquerade", "options": {"source": SOURCE}},
        {"module": "nat_port_forward", "options": {"port": "8080", "to_address": NS01, "to_port": 80}},
        {
            "module": "ovs_port",
            "options": {
                "name": "ns01_tap",
                "bridge": "int_br",
                "peer": {"name": "eth0", "namespace": "ns01"},
            },
        },
    ]
    checked = run_module("sequence", _check=True, steps=steps)
    assert not checked.failed, checked.message
    done = run_module("sequence", steps=steps)
    assert not done.failed, done.message
    assert checked.commands == done.commands
    assert done.commands.count("sysctl -w net.ipv4.conf.int_br.forwarding=1") == 1
    assert not run_module("sequence", steps=steps).changed
    pinged = router.in_namespace("ns01", "ping", "-n", "-c", "3", "-W", "1", OUTSIDE_ADDRESS, check=False)
    assert pinged.returncode == 0, pinged.stdout


Step = dict[str, Any]
LAN = {"name": "lan0", "addresses": ["192.168.101.254/24"], "peer": {"name": "eth0", "namespace": "far"}}
TURN_ON = "sysctl -w net.ipv4.conf.lan0.forwarding=1"


def router_steps(sysctls: dict[str, Any], namespace: str | None, *before: Step) -> list[Step]:
    """Return steps that create a link with kernel parameters, and NAT for its network in two ways."""
    inside = {"namespace": namespace} if namespace else {}
    forward = {"port": "8080", "to_address": "192.168.101.1", **inside}
    return [
        {"module": "netns", "options": {"name": "far"}},
        *before,
        {"module": "veth", "options": {**LAN, **inside, "sysctls": sysctls}},
        {"module": "nat_masquerade", "options": {"source": "192.168.101.0/24", **inside}},
        {"module": "nat_port_forward", "options": forward},
    ]


def predicted(run_module: RunModule, steps: list[Step]) -> list[str]:
    """Return the commands of a run, which check mode returns as well."""
    checked = run_module("sequence", _check=True, steps=steps)
    done = run_module("sequence", steps=steps)
    assert not done.failed, done.message
    assert checked.returned["diff"] == done.returned["diff"]
    assert checked.commands == done.commands
    return list(done.commands)


class TestPredictedInASequence:
    @pytest.mark.parametrize("exists", [True, False])
    def test_forwarding_of_all_links_is_turned_on(self, run_module: RunModule, exists: bool) -> None:
        """The kernel sets that of every link then, and that of new ones; the port forward has nothing to add."""
        steps = router_steps({}, None)
        set_forwarding("all", "0")
        if exists:
            predicted(run_module, steps[:-2])
            assert not forwards("lan0")
        commands = predicted(run_module, steps)
        assert [line for line in commands if "forwarding" in line] == []
        assert "sysctl -w net.ipv4.ip_forward=1" in commands
        assert forwards("lan0")
        assert not run_module("sequence", steps=steps).changed

    @pytest.mark.parametrize("value", ["0", "1"])
    def test_parameter_of_a_new_link(self, run_module: RunModule, value: str) -> None:
        commands = predicted(run_module, router_steps({"ipv4.conf.forwarding": value}, None))
        assert commands.count(TURN_ON) == 1, "by the link itself, or by NAT"
        assert forwards("lan0")

    def test_a_link_that_is_created_again_has_the_default(self, run_module: RunModule) -> None:
        steps = router_steps({}, None)
        predicted(run_module, steps[:-2])
        set_forwarding("lan0", "1")
        steps.insert(1, {"module": "veth", "options": {"name": "lan0", "state": "absent"}})
        assert TURN_ON in predicted(run_module, steps)

    @pytest.mark.parametrize("value", ["0", "1"])
    def test_parameters_of_a_new_namespace(self, run_module: RunModule, value: str) -> None:
        sysctls = {"net.ipv4.ip_forward": "1", "net.ipv4.conf.default.forwarding": value}
        netns = {"module": "netns", "options": {"name": "ns01", "sysctls": sysctls}}
        commands = " ".join(predicted(run_module, router_steps({}, "ns01", netns)))
        assert (TURN_ON in commands) == (value == "0")

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's chains: rules after them accept what the topology needs, nothing else; a teardown deletes these."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.own_host import (
    OUTSIDE_ADDRESS,
    OUTSIDE_ADDRESS6,
    UPLINK_ADDRESS,
    UPLINK_ADDRESS6,
)
from ansible_collections.netns.fabric.tests.helpers.plays import Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell

SCENARIO = Path(__file__).parents[1]
SHARED = SCENARIO.parent / "shared"


def rules(text: str) -> list[str]:
    """Return the rules and policies of iptables-save's output, or of a file for iptables-restore, without counters."""
    lines = (line.partition(" [")[0] for line in text.splitlines())
    return sorted(line for line in lines if line[:1] in ("-", ":"))


def test_masqueraded_traffic_passes() -> None:
    assert traffic.ask("ns01", OUTSIDE_ADDRESS) == f"outside 7000 {UPLINK_ADDRESS}"
    assert traffic.ask("ns02", OUTSIDE_ADDRESS6, protocol="udp") == f"outside 7000 {UPLINK_ADDRESS6}"
    assert {f"tcp 7000 {UPLINK_ADDRESS}", f"udp 7000 {UPLINK_ADDRESS6}"} <= traffic.recorded("outside")


def test_published_port_is_reached() -> None:
    assert traffic.ask("outside", UPLINK_ADDRESS, 8080) == f"ns01 80 {OUTSIDE_ADDRESS}"
    assert traffic.ask("outside", UPLINK_ADDRESS6, 8080, "udp") == f"ns01 80 {OUTSIDE_ADDRESS6}"


def test_unpublished_port_is_dropped(shell: Shell) -> None:
    shell.run("ip", "-n", "outside", "route", "replace", "192.168.100.0/24", "via", UPLINK_ADDRESS)
    assert traffic.is_silent("outside", "192.168.100.1", 80)
    shell.run("ip", "-n", "outside", "route", "del", "192.168.100.0/24")


def test_rules_come_after_dockers(shell: Shell) -> None:
    forward = [line for line in shell.run("iptables-save").splitlines() if line.startswith("-A FORWARD ")]
    assert forward[:2] == ["-A FORWARD -j DOCKER-USER", "-A FORWARD -j DOCKER-FORWARD"]
    assert forward[2:]
    assert all("netns.fabric" in line for line in forward[2:])


def test_teardown_restores_dockers_rules(shell: Shell, plays: Plays) -> None:
    plays.run(SHARED / "teardown.yml")
    empty = {":PREROUTING ACCEPT", ":INPUT ACCEPT", ":OUTPUT ACCEPT", ":POSTROUTING ACCEPT"}
    for command, name in (("iptables-save", "docker.rules"), ("ip6tables-save", "docker6.rules")):
        before = rules((SCENARIO / "files" / name).read_text(encoding="ascii"))
        assert set(rules(shell.run(command))) - empty == set(before) - empty
    assert "netns_fabric" not in shell.run("nft", "list", "tables")

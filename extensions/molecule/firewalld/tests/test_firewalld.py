# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic through firewalld, also after a reload, and what remains in firewalld after the teardown."""

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

SHARED = Path(__file__).parents[2] / "shared"
CONVERGE = Path(__file__).parents[1] / "converge.yml"


#: The answers to those whose packets pass.
ALL = [
    f"outside 7000 {UPLINK_ADDRESS}",
    f"outside 7000 {UPLINK_ADDRESS6}",
    f"ns01 80 {OUTSIDE_ADDRESS}",
    f"ns01 80 {OUTSIDE_ADDRESS6}",
]


def answers() -> list[str]:
    """Return what the outside world answers to namespaces, and published ports to the outside world."""
    return [
        traffic.ask("ns01", OUTSIDE_ADDRESS),
        traffic.ask("ns02", OUTSIDE_ADDRESS6, protocol="udp"),
        traffic.ask("outside", UPLINK_ADDRESS, 8080),
        traffic.ask("outside", UPLINK_ADDRESS6, 8080, "udp"),
    ]


def test_firewalld_runs_and_rejects_what_is_forwarded(shell: Shell) -> None:
    assert shell.run("firewall-cmd", "--state").strip() == "running"
    assert "admin-prohibited" in shell.run("nft", "list", "chain", "inet", "firewalld", "filter_FORWARD")


def test_traffic_passes() -> None:
    assert answers() == ALL
    assert {f"tcp 7000 {UPLINK_ADDRESS}", f"udp 7000 {UPLINK_ADDRESS6}"} <= traffic.recorded("outside")


def test_traffic_passes_after_a_reload(shell: Shell, plays: Plays) -> None:
    shell.run("firewall-cmd", "--reload")
    assert answers() == ALL
    assert not plays.run(CONVERGE, "--check").changed


def test_flushed_rules_are_restored_by_one_run(shell: Shell, plays: Plays) -> None:
    shell.run("nft", "flush", "ruleset")
    assert answers() == [""] * len(ALL)
    assert plays.run(CONVERGE).changed
    assert answers() == ALL
    # firewalld 1.3 deletes its table first when it reloads, and fails without it.
    shell.run("nft", "add", "table", "inet", "firewalld")
    shell.run("firewall-cmd", "--reload")
    assert answers() == ALL


def test_teardown_leaves_nothing(shell: Shell, plays: Plays) -> None:
    plays.run(SHARED / "teardown.yml")
    for where in ((), ("--permanent",)):
        assert shell.run("firewall-cmd", *where, "--get-policies").split() == ["allow-host-ipv6"]
    assert "netns_fabric" not in shell.run("nft", "list", "tables")

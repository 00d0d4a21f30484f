# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches a published port, which address the service sees, and that the port is closed again."""

from __future__ import annotations

from pathlib import Path

import pytest

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
GATEWAY, GATEWAY6 = "192.168.100.254", "fd00:100::254"


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("place", "address", "seen"),
    [
        ("outside", UPLINK_ADDRESS, OUTSIDE_ADDRESS),
        ("outside", UPLINK_ADDRESS6, OUTSIDE_ADDRESS6),
        (None, UPLINK_ADDRESS, UPLINK_ADDRESS),
        (None, GATEWAY, GATEWAY),
        (None, GATEWAY6, GATEWAY6),
        ("ns02", UPLINK_ADDRESS, GATEWAY),
        ("ns02", UPLINK_ADDRESS6, GATEWAY6),
    ],
)
def test_published_port_is_reached(place: str | None, address: str, seen: str, protocol: str) -> None:
    assert traffic.ask(place, address, 8080, protocol) == f"ns01 80 {seen}"
    assert f"{protocol} 80 {seen}" in traffic.recorded("ns01")


def test_published_port_not_reached_at_loopback() -> None:
    assert traffic.is_silent(None, "127.0.0.1", 8080)
    assert traffic.is_silent(None, "::1", 8080)


def test_port_range_with_in_interface() -> None:
    assert traffic.ask("outside", UPLINK_ADDRESS, 8103) == f"ns01 8103 {OUTSIDE_ADDRESS}"
    assert traffic.is_silent("ns02", UPLINK_ADDRESS, 8103)


def test_publish_at_one_address() -> None:
    assert traffic.ask("outside", UPLINK_ADDRESS, 8443) == f"ns01 80 {OUTSIDE_ADDRESS}"
    assert traffic.is_silent(None, GATEWAY, 8443)


def test_port_is_closed_with_its_entry(plays: Plays, shell: Shell) -> None:
    assert "port-forward" in shell.run("nft", "list", "ruleset")
    assert plays.run(SHARED / "unpublish.yml").changed
    assert traffic.is_silent("outside", UPLINK_ADDRESS, 8080)
    assert traffic.ask("ns01", OUTSIDE_ADDRESS) == f"outside 7000 {UPLINK_ADDRESS}"
    assert "port-forward" not in shell.run("nft", "list", "ruleset")
    assert not plays.run(SHARED / "unpublish.yml").changed


def test_teardown_leaves_nothing(plays: Plays, shell: Shell) -> None:
    plays.run(SHARED / "teardown.yml")
    assert "netns_fabric" not in shell.run("nft", "list", "ruleset")

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches a published port, and whom the service sees; and that it is withdrawn again."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers.contacts import OUTSIDE, OUTSIDE6, UPLINK, UPLINK6, Contacts
from ansible_collections.netns.fabric.tests.helpers.plays import Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell

SHARED = Path(__file__).parents[2] / "shared"
GATEWAY, GATEWAY6 = "192.168.100.254", "fd00:100::254"


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("place", "address", "seen"),
    [
        ("outside", UPLINK, OUTSIDE),
        ("outside", UPLINK6, OUTSIDE6),
        (None, UPLINK, UPLINK),
        (None, GATEWAY, GATEWAY),
        (None, GATEWAY6, GATEWAY6),
        ("ns02", UPLINK, GATEWAY),
        ("ns02", UPLINK6, GATEWAY6),
    ],
)
def test_it_is_reached(contacts: Contacts, place: str | None, address: str, seen: str, protocol: str) -> None:
    assert contacts.ask(place, address, 8080, protocol) == f"ns01 80 {seen}"
    assert f"{protocol} 80 {seen}" in contacts.recorded("ns01")


def test_not_at_the_loopback(contacts: Contacts) -> None:
    assert contacts.silent(None, "127.0.0.1", 8080)
    assert contacts.silent(None, "::1", 8080)


def test_several_in_a_row_for_what_comes_in_by_an_interface(contacts: Contacts) -> None:
    assert contacts.ask("outside", UPLINK, 8103) == f"ns01 8103 {OUTSIDE}"
    assert contacts.silent("ns02", UPLINK, 8103)


def test_at_one_address(contacts: Contacts) -> None:
    assert contacts.ask("outside", UPLINK, 8443) == f"ns01 80 {OUTSIDE}"
    assert contacts.silent(None, GATEWAY, 8443)


def test_withdrawn_with_its_entry(contacts: Contacts, plays: Plays, shell: Shell) -> None:
    assert "port-forward" in shell.run("nft", "list", "ruleset")
    assert plays.run(SHARED / "withdraw.yml").changed
    assert contacts.silent("outside", UPLINK, 8080)
    assert contacts.ask("ns01", OUTSIDE) == f"outside 7000 {UPLINK}"
    assert "port-forward" not in shell.run("nft", "list", "ruleset")
    assert not plays.run(SHARED / "withdraw.yml").changed


def test_gone_with_the_topology(plays: Plays, shell: Shell) -> None:
    plays.run(SHARED / "teardown.yml")
    assert "netns_fabric" not in shell.run("nft", "list", "ruleset")

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A way through Docker's chains, no wider than it must be, and closed again."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.netns.fabric.tests.helpers.contacts import OUTSIDE, OUTSIDE6, UPLINK, UPLINK6, Contacts
from ansible_collections.netns.fabric.tests.helpers.plays import Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell

SCENARIO = Path(__file__).parents[1]
SHARED = SCENARIO.parent / "shared"


def rules(text: str) -> list[str]:
    """Return the rules and policies of iptables-save's output, or of a file for iptables-restore, without counters."""
    lines = (line.partition(" [")[0] for line in text.splitlines())
    return sorted(line for line in lines if line[:1] in ("-", ":"))


def test_what_is_let_out_gets_through(contacts: Contacts) -> None:
    assert contacts.ask("ns01", OUTSIDE) == f"outside 7000 {UPLINK}"
    assert contacts.ask("ns02", OUTSIDE6, protocol="udp") == f"outside 7000 {UPLINK6}"
    assert {f"tcp 7000 {UPLINK}", f"udp 7000 {UPLINK6}"} <= contacts.recorded("outside")


def test_what_is_published_is_reached(contacts: Contacts) -> None:
    assert contacts.ask("outside", UPLINK, 8080) == f"ns01 80 {OUTSIDE}"
    assert contacts.ask("outside", UPLINK6, 8080, "udp") == f"ns01 80 {OUTSIDE6}"


def test_nothing_else_is(shell: Shell, contacts: Contacts) -> None:
    shell.run("ip", "-n", "outside", "route", "replace", "192.168.100.0/24", "via", UPLINK)
    assert contacts.silent("outside", "192.168.100.1", 80)
    shell.run("ip", "-n", "outside", "route", "del", "192.168.100.0/24")


def test_the_rules_are_where_docker_leaves_them(shell: Shell) -> None:
    saved = shell.run("iptables-save")
    ours = [line for line in saved.splitlines() if "netns.fabric" in line and not line.startswith("-A DOCKER-USER ")]
    assert ours == []
    assert "-A DOCKER-USER " in saved


def test_without_the_topology_docker_is_as_it_was(shell: Shell, plays: Plays) -> None:
    plays.run(SHARED / "teardown.yml")
    empty = {":PREROUTING ACCEPT", ":INPUT ACCEPT", ":OUTPUT ACCEPT", ":POSTROUTING ACCEPT"}
    for command, name in (("iptables-save", "docker.rules"), ("ip6tables-save", "docker6.rules")):
        before = rules((SCENARIO / "files" / name).read_text(encoding="ascii"))
        assert set(rules(shell.run(command))) - empty == set(before) - empty
    assert "netns_fabric" not in shell.run("nft", "list", "tables")

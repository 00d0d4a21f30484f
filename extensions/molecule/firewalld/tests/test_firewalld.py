# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gets through firewalld, also after it has been reloaded, and what is left in it after the teardown."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.netns.fabric.tests.helpers.contacts import OUTSIDE, OUTSIDE6, UPLINK, UPLINK6, Contacts
from ansible_collections.netns.fabric.tests.helpers.plays import Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell

SHARED = Path(__file__).parents[2] / "shared"
CONVERGE = Path(__file__).parents[1] / "converge.yml"


#: What they answer to one who gets through.
ALL = [f"outside 7000 {UPLINK}", f"outside 7000 {UPLINK6}", f"ns01 80 {OUTSIDE}", f"ns01 80 {OUTSIDE6}"]


def answers(contacts: Contacts) -> list[str]:
    """Return what namespaces hear from outside, and the outside world from what is published."""
    return [
        contacts.ask("ns01", OUTSIDE),
        contacts.ask("ns02", OUTSIDE6, protocol="udp"),
        contacts.ask("outside", UPLINK, 8080),
        contacts.ask("outside", UPLINK6, 8080, "udp"),
    ]


def test_it_runs(shell: Shell) -> None:
    assert shell.run("firewall-cmd", "--state").strip() == "running"
    assert "admin-prohibited" in shell.run("nft", "list", "chain", "inet", "firewalld", "filter_FORWARD")


def test_traffic_passes(contacts: Contacts) -> None:
    assert answers(contacts) == ALL
    assert {f"tcp 7000 {UPLINK}", f"udp 7000 {UPLINK6}"} <= contacts.recorded("outside")


def test_after_a_reload_without_a_further_run(contacts: Contacts, shell: Shell, plays: Plays) -> None:
    shell.run("firewall-cmd", "--reload")
    assert answers(contacts) == ALL
    assert not plays.run(CONVERGE, "--check").changed


def test_after_all_rules_were_flushed_by_one_more_run(contacts: Contacts, shell: Shell, plays: Plays) -> None:
    shell.run("nft", "flush", "ruleset")
    assert answers(contacts) == [""] * len(ALL)
    # Not verified: what firewalld is to reject it lets pass until it is reloaded.
    assert plays.run(CONVERGE, '--extra-vars={"topology_verify": false}').changed
    assert answers(contacts) == ALL
    # firewalld 1.3 fails to reload without its table, which it wants to delete first.
    shell.run("nft", "add", "table", "inet", "firewalld")
    shell.run("firewall-cmd", "--reload")
    assert answers(contacts) == ALL


def test_nothing_is_left_after_the_teardown(shell: Shell, plays: Plays) -> None:
    plays.run(SHARED / "teardown.yml")
    for where in ((), ("--permanent",)):
        assert shell.run("firewall-cmd", *where, "--get-policies").split() == ["allow-host-ipv6"]
    assert "netns_fabric" not in shell.run("nft", "list", "tables")

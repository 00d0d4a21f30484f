# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is let out by nftables, as the outside world sees it."""

from __future__ import annotations

from ansible_collections.netns.fabric.tests.helpers.contacts import OUTSIDE, OUTSIDE6, UPLINK, UPLINK6, Contacts
from ansible_collections.netns.fabric.tests.helpers.nat import Nat


def test_the_outside_world_sees_the_host(contacts: Contacts) -> None:
    for protocol in ("tcp", "udp"):
        assert contacts.ask("ns01", OUTSIDE, protocol=protocol) == f"outside 7000 {UPLINK}"
        assert contacts.ask("ns01", OUTSIDE6, protocol=protocol) == f"outside 7000 {UPLINK6}"
    assert {f"tcp 7000 {UPLINK}", f"udp 7000 {UPLINK6}"} <= contacts.recorded("outside")


def test_what_is_not_listed_is_not_let_out(contacts: Contacts) -> None:
    assert contacts.silent("ns02", OUTSIDE)
    assert contacts.silent("ns02", OUTSIDE, protocol="udp")


def test_neighbours_see_each_other_as_they_are(contacts: Contacts) -> None:
    assert contacts.ask(None, OUTSIDE) == f"outside 7000 {UPLINK}"
    assert not [line for line in contacts.recorded("outside") if "192.168.100." in line or "fd00:" in line]


def test_nothing_of_it_is_in_iptables(nat: Nat) -> None:
    assert nat.iptables_rules() == []
    assert [rule.table for rule in nat.masquerading()] == ["nft ip netns_fabric", "nft ip6 netns_fabric"]
    assert {rule.comment for rule in nat.masquerading()} == {"netns.fabric:lab"}

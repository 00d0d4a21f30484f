# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masquerading by nftables, as the outside world sees it."""

from __future__ import annotations

from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.nat import Nat
from ansible_collections.netns.fabric.tests.helpers.own_host import (
    OUTSIDE_ADDRESS,
    OUTSIDE_ADDRESS6,
    UPLINK_ADDRESS,
    UPLINK_ADDRESS6,
)


def test_outside_sees_the_uplink_address() -> None:
    for protocol in ("tcp", "udp"):
        assert traffic.ask("ns01", OUTSIDE_ADDRESS, protocol=protocol) == f"outside 7000 {UPLINK_ADDRESS}"
        assert traffic.ask("ns01", OUTSIDE_ADDRESS6, protocol=protocol) == f"outside 7000 {UPLINK_ADDRESS6}"
    assert {f"tcp 7000 {UPLINK_ADDRESS}", f"udp 7000 {UPLINK_ADDRESS6}"} <= traffic.recorded("outside")


def test_undeclared_source_is_not_masqueraded() -> None:
    assert traffic.is_silent("ns02", OUTSIDE_ADDRESS)
    assert traffic.is_silent("ns02", OUTSIDE_ADDRESS, protocol="udp")


def test_outside_never_sees_a_namespaces_address() -> None:
    assert traffic.ask(None, OUTSIDE_ADDRESS) == f"outside 7000 {UPLINK_ADDRESS}"
    assert not [line for line in traffic.recorded("outside") if "192.168.100." in line or "fd00:" in line]


def test_rules_are_in_nftables_only(nat: Nat) -> None:
    assert nat.iptables_rules() == []
    assert [rule.table for rule in nat.masquerading()] == ["nft ip netns_fabric", "nft ip6 netns_fabric"]
    assert {rule.comment for rule in nat.masquerading()} == {"netns.fabric:lab"}

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masquerading by the two variants of iptables, as the outside world sees it."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.own_host import (
    OUTSIDE_ADDRESS,
    OUTSIDE_ADDRESS6,
    UPLINK_ADDRESS,
    UPLINK_ADDRESS6,
)
from ansible_collections.netns.fabric.tests.helpers.shell import Shell


@pytest.mark.parametrize("namespace", ["new01", "old01"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_outside_sees_the_uplink_address(namespace: str, protocol: str) -> None:
    assert traffic.ask(namespace, OUTSIDE_ADDRESS, protocol=protocol) == f"outside 7000 {UPLINK_ADDRESS}"
    assert traffic.ask(namespace, OUTSIDE_ADDRESS6, protocol=protocol) == f"outside 7000 {UPLINK_ADDRESS6}"
    assert {f"{protocol} 7000 {UPLINK_ADDRESS}", f"{protocol} 7000 {UPLINK_ADDRESS6}"} <= traffic.recorded("outside")


@pytest.mark.parametrize(("variant", "owner", "other"), [("nft", "new", "old"), ("legacy", "old", "new")])
@pytest.mark.parametrize("command", ["iptables", "ip6tables"])
def test_each_variant_has_its_own_rule(shell: Shell, command: str, variant: str, owner: str, other: str) -> None:
    rules = [line for line in shell.run(f"{command}-{variant}-save").splitlines() if "MASQUERADE" in line]
    assert len(rules) == 1
    assert f"netns.fabric:{owner}" in rules[0]
    assert f"netns.fabric:{other}" not in rules[0]


def test_rule_of_backend_nftables_is_replaced(shell: Shell) -> None:
    assert "netns_fabric" not in shell.run("nft", "list", "tables")

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is let out by the two variants of iptables, as the outside world sees it."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.tests.helpers.contacts import OUTSIDE, OUTSIDE6, UPLINK, UPLINK6, Contacts
from ansible_collections.netns.fabric.tests.helpers.shell import Shell


@pytest.mark.parametrize("namespace", ["new01", "old01"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_the_outside_world_sees_the_host(contacts: Contacts, namespace: str, protocol: str) -> None:
    assert contacts.ask(namespace, OUTSIDE, protocol=protocol) == f"outside 7000 {UPLINK}"
    assert contacts.ask(namespace, OUTSIDE6, protocol=protocol) == f"outside 7000 {UPLINK6}"
    assert {f"{protocol} 7000 {UPLINK}", f"{protocol} 7000 {UPLINK6}"} <= contacts.recorded("outside")


@pytest.mark.parametrize(("variant", "owner", "other"), [("nft", "new", "old"), ("legacy", "old", "new")])
@pytest.mark.parametrize("command", ["iptables", "ip6tables"])
def test_each_has_its_own(shell: Shell, command: str, variant: str, owner: str, other: str) -> None:
    rules = [line for line in shell.run(f"{command}-{variant}-save").splitlines() if "MASQUERADE" in line]
    assert len(rules) == 1
    assert f"netns.fabric:{owner}" in rules[0]
    assert f"netns.fabric:{other}" not in rules[0]


def test_what_nftables_had_is_replaced(shell: Shell) -> None:
    assert "netns_fabric" not in shell.run("nft", "list", "tables")

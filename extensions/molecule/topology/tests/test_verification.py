# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's verification: a topology that carries no traffic fails the play, and the message names the path."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.openvswitch import OpenVSwitch
from ansible_collections.netns.fabric.tests.helpers.plays import PLAYBOOKS, Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell

NOBODY = "198.51.100.77"


@pytest.fixture
def no_tcp_into_ns01(shell: Shell) -> Iterator[None]:
    """Drop TCP in ns01, where no module repairs it; ping passes."""
    nft = ["ip", "netns", "exec", "ns01", "nft"]
    shell.run(*nft, "add table ip broken; add chain ip broken input { type filter hook input priority 0; }")
    shell.run(*nft, "add rule ip broken input iifname veth-ns01 meta l4proto tcp drop")
    yield
    shell.run(*nft, "delete table ip broken")


@pytest.mark.usefixtures("no_tcp_into_ns01")
def test_path_without_tcp_fails_and_is_named(plays: Plays) -> None:
    outside = json.dumps({"topology_verify_outside": [NOBODY]})
    played = plays.attempt(PLAYBOOKS / "site.yml", "--extra-vars", outside)
    assert played.status == 2, played.output
    assert played.changed == 0, played.output
    assert "ns02 -> 192.168.100.1 tcp: silence (expected reachable)" in played.words
    assert f"ns01 -> {NOBODY} icmp" in played.words
    assert "ns02 -> 192.168.100.1 icmp" not in played.words
    assert "the packet filter of the namespace ns01" in played.words
    assert "Traceback" not in played.output


def test_smaller_mtu_on_the_path_fails_and_is_named(plays: Plays, shell: Shell) -> None:
    """What is not declared is not repaired; ping passes, and TCP as soon as it has learnt the path's MTU."""
    shell.run("ip", "link", "set", "dev", "ns01_tap", "mtu", "1300")
    assert traffic.pings("ns01", "192.168.100.2")
    played = plays.attempt(PLAYBOOKS / "site.yml")
    shell.run("ip", "link", "set", "dev", "ns01_tap", "mtu", "1500")
    assert played.status == 2, played.output
    assert (
        "ns01 -> 192.168.100.2 icmp: large packets lost (an echo request of 1500 bytes is not answered" in played.words
    )


@pytest.mark.usefixtures("no_tcp_into_ns01")
def test_verify_false_does_not_probe(plays: Plays) -> None:
    assert plays.run(PLAYBOOKS / "site.yml", "--extra-vars", '{"topology_verify": false}').changed == 0


def test_checksum_offload_is_repaired(plays: Plays, shell: Shell, openvswitch: OpenVSwitch) -> None:
    """No listing shows the damage, and ping passes: only TCP fails."""
    shell.run("ip", "netns", "exec", "ns01", "ethtool", "--offload", "veth-ns01", "tx", "on")
    assert traffic.pings("ns01", "192.168.100.2")
    if openvswitch.bridge("int_br")["datapath_type"] == "netdev":  # The kernel's datapath computes the checksums.
        assert not traffic.connects("ns01", "ns02", "192.168.100.2")
        assert plays.run(PLAYBOOKS / "site.yml").changed == 1
    assert traffic.connects("ns01", "ns02", "192.168.100.2")

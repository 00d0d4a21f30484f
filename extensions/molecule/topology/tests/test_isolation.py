# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Isolation: a connection made by hand between separate networks fails the next verification."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.plays import PLAYBOOKS, Played, Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell

SITE = PLAYBOOKS / "site.yml"


def variables(**more: Any) -> str:
    """Return a topology with one subnet on two VLANs of a bridge, and on another bridge."""
    places = {"red1": ("apart_a", 10), "red2": ("apart_a", 10), "blue1": ("apart_a", 20), "green1": ("apart_b", None)}
    namespaces = []
    for number, (name, (bridge, tag)) in enumerate(places.items(), 1):
        addresses = [f"10.44.0.{number}/24", f"fd00:44::{number}/64"]
        interface = {"name": "eth0", "bridge": bridge, "peer": f"{name}_tap", "addresses": addresses}
        namespaces.append({"name": name, "interfaces": [{**interface, "tag": tag} if tag else interface]})
    topology = {
        "topology_name": "apart",
        "topology_bridges": [{"name": "apart_a"}, {"name": "apart_b"}],
        "topology_namespaces": namespaces,
        "topology_nat": [],
        **more,
    }
    return json.dumps(topology)


def verified(plays: Plays, **more: Any) -> Played:
    """Run nothing but the verification."""
    return plays.attempt(SITE, "--tags", "verify", "--extra-vars", variables(**more))


@pytest.fixture(scope="module", autouse=True)
def _separate_networks(plays: Plays) -> Iterator[None]:
    plays.run(SITE, "--extra-vars", variables())
    yield
    plays.run(PLAYBOOKS / "teardown.yml", "--extra-vars", variables())


def test_separate_networks_pass(plays: Plays) -> None:
    played = verified(plays)
    assert played.status == 0, played.output
    assert "no neighbour" in played.output


def test_port_in_another_vlan_is_reported(plays: Plays, shell: Shell) -> None:
    shell.run("ovs-vsctl", "set", "port", "red2_tap", "tag=20")
    try:
        played = verified(plays)
        assert played.status == 2, played.output
        for to in ("10.44.0.3", "fd00:44::3"):
            assert f"red2 -> {to} icmp: reachable in " in played.words
            assert f"red1 -> {to} icmp: " not in played.words
        assert "(expected unreachable)" in played.words
        assert "a port in another VLAN" in played.words
        # It no longer reaches its own VLAN either; how the probe fails depends on the neighbour cache.
        assert re.search(r"red1 -> 10\.44\.0\.2 icmp: (no neighbour|silence) \(expected reachable\)", played.words)
    finally:
        # A run restores the tag.
        assert plays.run(SITE, "--extra-vars", variables()).changed == 1
    assert verified(plays).status == 0


@pytest.fixture
def connected(shell: Shell) -> Iterator[None]:
    """Connect the two bridges by patch ports, the untagged ports of one with VLAN 20 of the other."""
    shell.run(
        *("ovs-vsctl", "add-port", "apart_a", "to_b", "tag=20"),
        *("--", "set", "interface", "to_b", "type=patch", "options:peer=to_a"),
        *("--", "add-port", "apart_b", "to_a", "--", "set", "interface", "to_a", "type=patch", "options:peer=to_b"),
    )
    yield
    shell.run("ovs-vsctl", "del-port", "apart_a", "to_b", "--", "del-port", "apart_b", "to_a")


@pytest.mark.usefixtures("connected")
def test_bridges_connected_by_hand_are_reported(plays: Plays) -> None:
    played = verified(plays)
    assert played.status == 2, played.output
    assert "blue1 -> 10.44.0.4 icmp: reachable in " in played.words


@pytest.mark.usefixtures("connected")
def test_verify_probes_allow_connected_bridges(plays: Plays) -> None:
    """One declared probe allows it, for both families and both directions."""
    probes = [
        {"namespace": "blue1", "to": "10.44.0.4", "protocol": "tcp"},
        {"namespace": "green1", "to": "10.44.0.1", "expect": "unreachable", "timeout": 0.5},
    ]
    played = verified(plays, topology_verify_probes=probes)
    assert played.status == 0, played.output


def test_failed_verify_probe_is_reported(plays: Plays) -> None:
    played = verified(plays, topology_verify_probes=[{"namespace": "red1", "to": "10.44.0.2", "expect": "unreachable"}])
    assert played.status == 2, played.output
    assert "red1 -> 10.44.0.2 icmp: reachable in " in played.words
    assert "1 of " in played.words


def test_error_in_verify_probes_changes_nothing(plays: Plays) -> None:
    played = plays.attempt(
        SITE, "--extra-vars", variables(topology_verify_probes=[{"namespace": "rde1", "to": "10.44.0"}])
    )
    assert played.status == 2
    assert "topology_verify_probes[0] (10.44.0): to: " in played.words
    assert "changed=0" in played.words

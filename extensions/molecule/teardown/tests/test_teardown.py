# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of a topology that is taken down (nothing), and what becomes of what only looks like it (nothing)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers.kernel import Kernel
from ansible_collections.netns.fabric.tests.helpers.openvswitch import OpenVSwitch
from ansible_collections.netns.fabric.tests.helpers.plays import PLAYBOOKS, Played, Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell
from ansible_collections.netns.fabric.tests.helpers.snapshot import Snapshot, State, differences
from ansible_collections.netns.fabric.tests.helpers.traffic import Traffic

SEEN = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
SITE = PLAYBOOKS / "site.yml"
TEARDOWN = PLAYBOOKS / "teardown.yml"
FOREIGN_PLAY = Path(__file__).parents[1] / "foreign_play.yml"


@pytest.fixture(scope="session")
def before() -> State:
    """Return the host as it was before there was a topology."""
    found: State = json.loads((SEEN / "before.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def standing(snapshot: Snapshot) -> State:
    """Return the host as it is with the topology, and in check mode should stay."""
    return snapshot.take()


@pytest.fixture(scope="module")
def foreseen(plays: Plays, standing: State) -> Played:
    """Return how the teardown in check mode went."""
    return plays.run(TEARDOWN, "--check", "--diff")


@pytest.fixture(scope="module")
def done(plays: Plays, foreseen: Played) -> Played:
    """Return how the teardown went that came after."""
    return plays.run(TEARDOWN, "--diff")


def test_the_topology_took_nothing_of_somebody_elses(before: State, snapshot: Snapshot) -> None:
    found = differences(before, snapshot.take())
    assert [line for line in found if ": gone: " in line] == []
    assert [line for line in found if line.startswith(("ns01-test:", "ns0:", "ns011:"))] == []


def test_both_carry_traffic(traffic: Traffic) -> None:
    assert traffic.exchange("ns01", "outside", "198.51.100.2") == "198.51.100.1"
    assert traffic.exchange("ns01", "ns02", "192.168.100.2") == "192.168.100.1"


def test_check_mode_takes_nothing_down(foreseen: Played, snapshot: Snapshot, standing: State) -> None:
    assert foreseen.changed == 1, foreseen.output  # one task for all of it
    assert differences(standing, snapshot.take()) == []


def test_teardown_leaves_nothing(done: Played, before: State, snapshot: Snapshot) -> None:
    assert done.changed == 1, done.output
    assert differences(before, snapshot.take()) == []


def test_check_mode_has_foreseen_it(foreseen: Played, done: Played) -> None:
    assert foreseen.diff == done.diff


def test_teardown_of_nothing_changes_nothing(plays: Plays, before: State, snapshot: Snapshot) -> None:
    assert plays.run("netns.fabric.teardown").changed == 0
    assert differences(before, snapshot.take()) == []


def test_teardown_of_half_a_topology(plays: Plays, before: State, snapshot: Snapshot, shell: Shell) -> None:
    foreseen = plays.run(SITE, "--check", "--diff")
    assert differences(before, snapshot.take()) == []
    done = plays.run(SITE, "--diff")
    assert (foreseen.changed, foreseen.diff) == (done.changed, done.diff)

    # Somebody has begun by hand: a namespace with its cable, a port whose device stays, a rule.
    shell.run("ip", "netns", "delete", "ns02")
    shell.run("ovs-vsctl", "--timeout=10", "del-port", "ns01_tap")
    shell.run("ip", "address", "flush", "dev", "int_br")
    plays.run(TEARDOWN)
    assert differences(before, snapshot.take()) == []


def test_the_role_in_somebody_elses_play(
    plays: Plays, before: State, snapshot: Snapshot, kernel: Kernel, openvswitch: OpenVSwitch, traffic: Traffic
) -> None:
    theirs = kernel.namespaces()
    links, bridges = set(kernel.links()), openvswitch.bridges()
    plays.run(FOREIGN_PLAY, "--tags", "namespaces")
    assert kernel.namespaces() - theirs == {"east", "west", "south", "north"}
    assert (set(kernel.links()), openvswitch.bridges()) == (links, bridges)

    plays.run(FOREIGN_PLAY)
    assert openvswitch.bridges() - bridges == {"yard_br"}
    assert traffic.exchange("east", "west", "10.1.0.2") == "10.1.0.1"
    assert traffic.exchange("south", "outside", "198.51.100.2") == "198.51.100.1"
    assert traffic.exchange(None, "north", "10.3.0.1") == "10.3.0.254"

    plays.run(FOREIGN_PLAY, "--extra-vars", "topology_state=absent")
    assert differences(before, snapshot.take()) == []

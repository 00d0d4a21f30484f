# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Teardown: it leaves nothing of the topology, and does not change objects of other owners with similar names."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot, traffic
from ansible_collections.netns.fabric.tests.helpers.kernel import Kernel
from ansible_collections.netns.fabric.tests.helpers.openvswitch import OpenVSwitch
from ansible_collections.netns.fabric.tests.helpers.plays import PLAYBOOKS, Played, Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell
from ansible_collections.netns.fabric.tests.helpers.snapshot import Snapshot

SEEN = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
SITE = PLAYBOOKS / "site.yml"
TEARDOWN = PLAYBOOKS / "teardown.yml"
ROLE_IN_PLAYS = Path(__file__).parents[1] / "role_in_plays.yml"
#: Namespaces of another owner (../files/foreign.sh).
FOREIGN = ("ns01-test", "ns0", "ns011")


def assert_host_as(before: Snapshot) -> None:
    """Assert that the host is as it was, except for forwarding."""
    assert changes_since(before, snapshot.take()) == []


def changes_since(before: Snapshot, after: Snapshot) -> list[str]:
    """Return the differences, without those of forwarding."""
    return snapshot.differences(snapshot.without_forwarding(before), snapshot.without_forwarding(after))


@pytest.fixture(scope="session")
def before() -> Snapshot:
    """Return the host before the topology was built."""
    found: Snapshot = json.loads((SEEN / "before.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def built() -> Snapshot:
    """Return the host with the topology."""
    return snapshot.take()


@pytest.fixture(scope="module")
def predicted(plays: Plays, built: Snapshot) -> Played:
    """Return the result of the teardown in check mode."""
    return plays.run(TEARDOWN, "--check", "--diff")


@pytest.fixture(scope="module")
def done(plays: Plays, predicted: Played) -> Played:
    """Return the result of the teardown after that."""
    return plays.run(TEARDOWN, "--diff")


def test_building_changes_no_foreign_object(before: Snapshot) -> None:
    after = snapshot.take()
    assert [line for line in changes_since(before, after) if ": gone: " in line] == []
    for part, spaces in before.items():
        for name in FOREIGN:
            assert spaces.get(name) == after[part].get(name), (part, name)
    assert set(FOREIGN) < set(before["links"])


def test_both_topologies_carry_traffic() -> None:
    assert traffic.exchange("ns01", "outside", "198.51.100.2") == "198.51.100.1"
    assert traffic.exchange("ns01", "ns02", "192.168.100.2") == "192.168.100.1"


def test_teardown_check_mode_changes_nothing(predicted: Played, built: Snapshot) -> None:
    assert predicted.changed == 1, predicted.output  # one task for all of it
    assert "topology default: would be deleted (check mode has changed nothing)" in predicted.words
    assert "namespace ns01" in predicted.words.partition("would be deleted")[2]
    assert snapshot.differences(built, snapshot.take()) == []


def test_teardown_leaves_nothing(done: Played, before: Snapshot) -> None:
    assert done.changed == 1, done.output
    assert "would be deleted" not in done.words
    assert_host_as(before)


def test_teardown_check_mode_predicts_the_run(predicted: Played, done: Played) -> None:
    assert predicted.diff == done.diff


def test_teardown_without_topology_changes_nothing(plays: Plays, before: Snapshot) -> None:
    assert plays.run("netns.fabric.teardown").changed == 0
    assert_host_as(before)


def test_teardown_of_partial_topology(plays: Plays, before: Snapshot, shell: Shell) -> None:
    predicted = plays.run(SITE, "--check", "--diff")
    assert_host_as(before)
    done = plays.run(SITE, "--diff")
    assert (predicted.changed, predicted.diff) == (done.changed, done.diff)

    # Deleted by hand: a namespace with its veth pair, a port whose device stays, an address.
    shell.run("ip", "netns", "delete", "ns02")
    shell.run("ovs-vsctl", "--timeout=10", "del-port", "ns01_tap")
    shell.run("ip", "address", "flush", "dev", "int_br")
    plays.run(TEARDOWN)
    assert_host_as(before)


def test_role_in_roles_import_role_and_include_role(
    plays: Plays, before: Snapshot, kernel: Kernel, openvswitch: OpenVSwitch
) -> None:
    namespaces = kernel.namespaces()
    links, bridges = set(kernel.links()), openvswitch.bridges()
    plays.run(ROLE_IN_PLAYS, "--tags", "namespaces")
    assert kernel.namespaces() - namespaces == {"east", "west", "south", "north"}
    assert (set(kernel.links()), openvswitch.bridges()) == (links, bridges)

    plays.run(ROLE_IN_PLAYS)
    assert openvswitch.bridges() - bridges == {"yard_br"}
    assert traffic.exchange("east", "west", "10.1.0.2") == "10.1.0.1"
    assert traffic.exchange("south", "outside", "198.51.100.2") == "198.51.100.1"
    assert traffic.exchange(None, "north", "10.3.0.1") == "10.3.0.254"

    plays.run(ROLE_IN_PLAYS, "--extra-vars", "topology_state=absent")
    assert_host_as(before)

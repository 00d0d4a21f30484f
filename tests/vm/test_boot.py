# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology that survives a reboot and damage, without Ansible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.lab import SITE, TEARDOWN, Lab

#: Seconds that an emulated machine may take to start Python, and to repair.
PATIENCE = 300
STORED: dict[str, Any] = {"topology_boot": True, "topology_heal": 20}
#: What a boot leaves of a stored topology, by the commands that list it.
TRACES = (
    "ls -A /etc/netns-fabric /usr/local/sbin 2>/dev/null || true; find /etc/systemd/system -name 'netns-fabric*'; "
    "systemctl list-units --all --plain --no-legend 'netns-fabric*'"
)


@pytest.fixture(name="stored_once", scope="session")
def fixture_stored_once(built_once: Lab) -> Lab:
    """Store the reference topology once, for the snapshot `stored`."""
    built_once.machine.restore("built")
    built_once.play(SITE, **STORED)
    wait_for_unit(built_once)
    built_once.machine.save("stored")
    return built_once


@pytest.fixture(name="stored_lab")
def fixture_stored_lab(stored_once: Lab) -> Lab:
    """Provide a machine that has stored the reference topology."""
    stored_once.machine.restore("stored")
    return stored_once


def status(lab: Lab) -> int:
    return lab.machine.attempt("sudo /usr/local/sbin/netns-fabric status default", timeout=PATIENCE).returncode


def wait_for_unit(lab: Lab) -> None:
    """Wait until the unit that applies the topology has ended."""

    def ended() -> bool:
        return lab.machine.attempt("systemctl is-active netns-fabric@default").stdout.strip() in ("active", "failed")

    wait_until(ended, PATIENCE, "the unit does not end")
    assert lab.root("systemctl is-active netns-fabric@default").strip() == "active"


def assert_as_stored(lab: Lab) -> None:
    assert status(lab) == 0
    errors = lab.root("ovs-vsctl --timeout=20 --bare --columns=error list Interface").split()
    assert errors == []
    lab.prepare_outside()
    lab.assert_reference_works()


def test_a_reboot_brings_the_topology_back_and_the_next_run_changes_nothing(stored_lab: Lab) -> None:
    stored_lab.machine.reboot()
    wait_for_unit(stored_lab)
    assert_as_stored(stored_lab)
    assert stored_lab.play(SITE, **STORED).changed == 0


@long
def test_the_timer_repairs_and_writes_to_the_journal_what(stored_lab: Lab) -> None:
    stored_lab.root("ip netns delete ns02; ip -n ns01 link set dev veth-ns01 down")
    wait_until(lambda: status(stored_lab) == 0, PATIENCE, "nothing is repaired")
    stored_lab.assert_reference_works()
    journal = stored_lab.root("journalctl --no-pager -u netns-fabric-heal@default")
    assert "default: repaired: namespace ns02: missing" in journal
    assert "default: repaired: veth ns01/veth-ns01: enabled: false -> true" in journal


@long
def test_reload_applies_the_topology(stored_lab: Lab) -> None:
    stored_lab.root("systemctl stop netns-fabric-heal@default.timer; ip netns delete ns02")
    stored_lab.root("systemctl reload netns-fabric@default", timeout=PATIENCE)
    assert status(stored_lab) == 0


@long
@pytest.mark.parametrize(
    "remove",
    [
        lambda lab: lab.play(TEARDOWN),
        lambda lab: lab.play(SITE),
    ],
    ids=["teardown", "topology_boot: false"],
)
def test_nothing_is_left_of_a_removed_topology(stored_lab: Lab, remove: Callable[[Lab], object]) -> None:
    stored = stored_lab.root(TRACES)
    stored_lab.machine.restore("built")
    before = stored_lab.root(TRACES)
    assert stored != before
    stored_lab.machine.restore("stored")
    remove(stored_lab)
    assert stored_lab.root(TRACES) == before
    assert stored_lab.root("systemctl --failed --plain --no-legend") == ""

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology that survives a reboot, without Ansible."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.vm.lab import SITE, Lab

#: Seconds that an emulated machine may take to start Python, and to repair.
PATIENCE = 300
STORED: dict[str, Any] = {"topology_boot": True, "topology_heal": 20}


@pytest.fixture(name="stored_lab")
def fixture_stored_lab(built_lab: Lab) -> Lab:
    """Provide a machine that has stored the reference topology."""
    built_lab.play(SITE, **STORED)
    return built_lab


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
    wait_for_unit(stored_lab)
    stored_lab.machine.reboot()
    wait_for_unit(stored_lab)
    assert_as_stored(stored_lab)
    assert stored_lab.play(SITE, **STORED).changed == 0

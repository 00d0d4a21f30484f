# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine as it was installed, over ssh as a login that becomes root by sudo."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.lab import SITE, TEARDOWN, Lab


@pytest.fixture(name="lab")
def fixture_lab(bare_machine: Lab) -> Lab:
    """Provide the machine as the former test has left it: installing takes long, and each test continues."""
    return bare_machine


def installed(lab: Lab) -> str:
    return lab.root("dpkg-query --show")


def test_check_mode_installs_nothing(lab: Lab) -> None:
    before = installed(lab)
    checked = lab.play(SITE, "--check")
    assert "openvswitch-switch, nftables would be installed" in checked.words
    assert installed(lab) == before
    assert lab.namespaces() == {"outside"}


def test_role_installs_and_starts_everything(lab: Lab) -> None:
    lab.build(topology_verify_outside=["198.51.100.2", "198.51.100.2:7000"])
    lab.assert_reference_works()
    assert lab.root("ovs-vsctl get Bridge int_br datapath_type").strip() in ('""', "system")
    assert lab.root("ovs-dpctl dump-dps").strip() == "system@ovs-system"
    assert lab.root("systemctl is-enabled openvswitch-switch").strip() == "enabled"


@long
def test_reboot_after_the_installation(lab: Lab) -> None:
    """What the role has installed starts at boot, and then the stored topology."""
    variables = {"topology_boot": True}
    lab.build(**variables)
    lab.machine.reboot()
    lab.wait_for_unit()
    assert lab.status() == 0
    lab.prepare_outside()
    lab.assert_reference_works()
    assert lab.play(SITE, **variables).changed == 0


def test_check_mode_predicts_teardown_and_build(lab: Lab) -> None:
    for playbook in (TEARDOWN, SITE):
        predicted = lab.play(playbook, "--check", "--diff")
        played = lab.play(playbook, "--diff")
        assert predicted.changed == played.changed > 0
        assert predicted.diff == played.diff
    lab.assert_reference_works()


def test_teardown_leaves_nothing(lab: Lab) -> None:
    lab.play(TEARDOWN)
    assert lab.namespaces() == {"outside"}
    assert lab.root("ovs-vsctl list-br") == ""
    assert "192.168.100" not in lab.root("nft list ruleset")
    links = {line.split()[1].rstrip(":") for line in lab.root("ip -o link show").splitlines()}
    assert links <= {"lo", "ens3", "ens4", "ovs-system"}
    assert lab.play(TEARDOWN).changed == 0

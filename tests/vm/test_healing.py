# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damage to the reference topology on the kernel's datapath: one run repairs it, and the next one changes nothing."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.lab import SITE, Lab

#: What happens to a host, each with the commands that do it.
DAMAGE = {
    "datapath deleted under ovs-vswitchd": "ovs-dpctl del-dp system@ovs-system",
    "ovs-vswitchd killed": "systemctl kill --signal=SIGKILL ovs-vswitchd; while pidof ovs-vswitchd; do sleep 0.2; done",
}
#: The same, of what is less likely.
FURTHER_DAMAGE = {
    "service restarted": "systemctl restart openvswitch-switch",
    "module reloaded": "systemctl stop openvswitch-switch ovs-vswitchd; ovs-dpctl del-dp system@ovs-system; "
    "modprobe -r openvswitch; systemctl start openvswitch-switch",
    "module removed, Open vSwitch stopped": "systemctl stop openvswitch-switch ovs-vswitchd ovsdb-server; "
    "ovs-dpctl del-dp system@ovs-system; modprobe -r openvswitch",
    "tap left by a userspace datapath": "systemctl stop openvswitch-switch ovs-vswitchd; "
    "ovs-dpctl del-dp system@ovs-system; ip tuntap add mode tap name int_br; "
    "ip link set dev int_br alias netns.fabric:default; systemctl start openvswitch-switch",
    "bridge on the userspace datapath": "ovs-vsctl set Bridge int_br datapath_type=netdev",
    "local interface down and without address": "ip link set dev int_br down; ip addr flush dev int_br",
    "veth pair deleted": "ip link del dev ns01_tap",
    "namespace deleted": "ip netns del ns01",
    "every port deleted": "ovs-vsctl del-port ns01_tap; ovs-vsctl del-port ns02_tap",
    "forwarding off and rules flushed": "sysctl -q -w net.ipv4.ip_forward=0; nft flush ruleset",
}


@pytest.fixture(name="lab")
def fixture_lab(built_once: Lab) -> Lab:
    """Provide a machine with the reference topology."""
    built_once.machine.restore("built")
    return built_once


@pytest.mark.parametrize("damage", [*DAMAGE, *(pytest.param(name, marks=long) for name in FURTHER_DAMAGE)])
def test_one_run_repairs(lab: Lab, damage: str) -> None:
    lab.root({**DAMAGE, **FURTHER_DAMAGE}[damage])
    lab.build()
    lab.assert_reference_works()
    assert lab.root("ovs-vsctl get Bridge int_br datapath_type").strip() in ('""', "system")
    assert lab.root("ovs-dpctl dump-dps").strip() == "system@ovs-system"


@long
def test_reboot(lab: Lab) -> None:
    """One run restores what a reboot has left, and check mode predicts it."""
    lab.machine.reboot()
    lab.prepare_outside()
    predicted = lab.play(SITE, "--check", "--diff")
    assert lab.build().diff == predicted.diff
    lab.assert_reference_works()

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damage to the reference topology on the kernel's datapath: one run repairs it, and the next one changes nothing."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.lab import SITE, Lab

#: What happens to a host, each with the commands that do it.
DAMAGE = {
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


@pytest.mark.parametrize("damage", [*DAMAGE, *(pytest.param(name, marks=long) for name in FURTHER_DAMAGE)])
def test_one_run_repairs(built_lab: Lab, damage: str) -> None:
    built_lab.root({**DAMAGE, **FURTHER_DAMAGE}[damage])
    built_lab.build()
    built_lab.assert_reference_works()
    assert built_lab.root("ovs-vsctl get Bridge int_br datapath_type").strip() in ('""', "system")
    assert built_lab.root("ovs-dpctl dump-dps").strip() == "system@ovs-system"


def test_datapath_deleted_under_a_running_daemon(built_lab: Lab) -> None:
    """It is created again, for a foreign bridge on it as well, whose row is as before."""
    theirs = "ovs-vsctl list Bridge theirs"
    before = built_lab.root(f"ovs-vsctl add-br theirs; {theirs}")
    built_lab.root("ovs-dpctl del-dp system@ovs-system")
    predicted = built_lab.play(SITE, "--check", "--diff")
    built = built_lab.build()
    assert (built.changed, built.diff) == (predicted.changed, predicted.diff)
    assert "reports an error" not in predicted.output
    built_lab.assert_reference_works()
    assert "int_br" in built_lab.root("ovs-dpctl show system@ovs-system")
    assert configuration(built_lab.root(theirs)) == configuration(before)


def configuration(listed: str) -> list[str]:
    """Return the lines of a bridge's row without what ovs-vswitchd writes."""
    return [
        line for line in listed.splitlines() if line.split()[0] not in ("datapath_id", "datapath_version", "status")
    ]


@long
def test_reboot(built_lab: Lab) -> None:
    """One run restores what a reboot has left, and check mode predicts it."""
    built_lab.machine.reboot()
    built_lab.prepare_outside()
    predicted = built_lab.play(SITE, "--check", "--diff")
    assert built_lab.build().diff == predicted.diff
    built_lab.assert_reference_works()

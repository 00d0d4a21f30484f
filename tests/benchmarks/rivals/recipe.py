# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe that people paste: one command at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ansible_collections.netns.fabric.tests.benchmarks.lab import BRIDGE, GATEWAY, PREFIX_LENGTH, SUBNET, Lab, Member
from ansible_collections.netns.fabric.tests.benchmarks.records import ModuleRun
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import Rival

NAT = f"POSTROUTING -s {SUBNET} -j MASQUERADE"


def needs_userspace_datapath() -> bool:
    """Return whether the kernel has no Open vSwitch, and the bridge needs the userspace datapath."""
    return not Path("/sys/module/openvswitch").exists()


#: Arguments of ovs-vsctl that create the bridge, with the datapath that the kernel of the script's host has.
ADD_BRIDGE = f"add-br {BRIDGE} $datapath"
_CHOOSE_DATAPATH = (
    f'datapath=; [ -e /sys/module/openvswitch ] || datapath="-- set bridge {BRIDGE} datapath_type=netdev"'
)


class Scripted(Rival):
    """A rival that is a script for each action, written beforehand and run by bash."""

    offers = frozenset({"build", "add", "teardown"})

    def write_script(self, name: str, lines: Sequence[str]) -> None:
        """Write the script for an action."""
        (self.place.directory / f"{name}.sh").write_text(
            "\n".join(["set -e", _CHOOSE_DATAPATH, *lines, ""]), encoding="ascii"
        )

    def build(self, lab: Lab) -> tuple[ModuleRun, ...]:
        return self._run("build")

    def add(self, lab: Lab) -> tuple[ModuleRun, ...]:
        return self._run("add")

    def teardown(self, lab: Lab) -> tuple[ModuleRun, ...]:
        return self._run("teardown")

    def _run(self, name: str) -> tuple[ModuleRun, ...]:
        self.place.run(["bash", str(self.place.directory / f"{name}.sh")])
        return ()


class Recipe(Scripted):
    """What the guides say. It does not handle TCP on the userspace datapath, and is not charged for it."""

    title = "recipe"
    description = (
        "one `ip` or `ovs-vsctl` command at a time; on the userspace datapath TCP does not work with it, "
        "and a second run fails"
    )
    tcp = False

    def prepare(self, lab: Lab) -> None:
        host = [
            f"ovs-vsctl {ADD_BRIDGE}",
            f"ip link set dev {BRIDGE} up",
            f"ip addr add {GATEWAY}/{PREFIX_LENGTH} dev {BRIDGE}",
            f"iptables -t nat -A {NAT}",
            "sysctl -q -w net.ipv4.ip_forward=1",
        ]
        self.write_script("build", [*host, *(line for one in lab.members for line in _make(one))])
        self.write_script("add", _make(lab.larger.members[-1]))
        members = [line for one in lab.larger.members for line in _remove(one)]
        self.write_script("teardown", [*members, f"ovs-vsctl del-br {BRIDGE}", f"iptables -t nat -D {NAT}"])


def _make(one: Member) -> list[str]:
    return [
        f"ip netns add {one.namespace}",
        f"ip link add {one.link} type veth peer name {one.tap}",
        f"ovs-vsctl add-port {BRIDGE} {one.tap}",
        f"ip link set dev {one.link} netns {one.namespace}",
        f"ip -n {one.namespace} addr add {one.cidr} dev {one.link}",
        f"ip -n {one.namespace} link set dev lo up",
        f"ip -n {one.namespace} link set dev {one.link} up",
        f"ip link set dev {one.tap} up",
        f"ip netns exec {one.namespace} ip route add default via {GATEWAY}",
    ]


def _remove(one: Member) -> list[str]:
    return [
        f"ovs-vsctl del-port {BRIDGE} {one.tap}",
        f"ip link del dev {one.tap}",
        f"ip netns del {one.namespace}",
    ]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an expert writes by hand when it has to be fast."""

from __future__ import annotations

from ansible_collections.netns.fabric.tests.benchmarks.lab import BRIDGE, GATEWAY, PREFIX_LENGTH, Lab, Member
from ansible_collections.netns.fabric.tests.benchmarks.rivals.recipe import ADD_BRIDGE, NAT, Scripted

#: Leaves the kernel time to delete the far ends, as far as Open vSwitch is concerned.
_WAIT = "while ls /sys/class/net | grep -q '_tap$'; do sleep 0.01; done"


class Shell(Scripted):
    """`ip -batch`, veths with the far end in place, one Open vSwitch transaction; `order` is that of the teardown."""

    title = "hand-tuned shell"
    description = (
        "`ip -batch`, veths created with the far end in place, one `ovs-vsctl` transaction that runs while the "
        "namespaces are set up by `nsenter --net` (which, other than `ip -n`, does not copy the mount table), transmit "
        "checksums off; teardown: the namespaces, then the bridge; a second run fails"
    )

    def prepare(self, lab: Lab) -> None:
        self._write_build(lab)
        self.write_script("add", _add(lab.larger.members[-1]))
        self.write_script("teardown", [*self._removal(lab.larger), f"iptables -t nat -D {NAT}"])

    def _write_build(self, lab: Lab) -> None:
        members = lab.members
        self._write("namespaces", [f"netns add {one.namespace}" for one in members])
        self._write("links", [_new_link(one) for one in members])
        for one in members:
            self._write(one.namespace, _settings(one))
        ports = " ".join(f"-- add-port {BRIDGE} {one.tap}" for one in members)
        self.write_script(
            "build",
            [
                "ip -batch namespaces",
                "ip -batch links",
                f"ovs-vsctl {ADD_BRIDGE} {ports} &",
                *(line for one in members for line in _enter(one)),
                f"iptables -t nat -A {NAT}",
                "echo 1 >/proc/sys/net/ipv4/ip_forward",
                "wait $!",
                f"ip link set dev {BRIDGE} up",
                f"ip addr add {GATEWAY}/{PREFIX_LENGTH} dev {BRIDGE}",
            ],
        )

    def _removal(self, lab: Lab) -> list[str]:
        return [*self._remove_namespaces(lab), _WAIT, f"ovs-vsctl del-br {BRIDGE}"]

    def _remove_namespaces(self, lab: Lab) -> list[str]:
        self._write("teardown", [f"netns del {one.namespace}" for one in lab.members])
        return ["ip -batch teardown"]

    def _write(self, name: str, lines: list[str]) -> None:
        (self.place.directory / name).write_text("\n".join([*lines, ""]), encoding="ascii")


class BridgeFirst(Shell):
    """The same with another order of the teardown."""

    title = "shell, bridge first"
    description = "teardown in another order: the bridge, then the namespaces"
    once = True
    largest = 500

    def _removal(self, lab: Lab) -> list[str]:
        return [f"ovs-vsctl del-br {BRIDGE}", *self._remove_namespaces(lab)]


class PortsFirst(Shell):
    """The same with another order of the teardown."""

    title = "shell, ports first"
    description = "teardown in another order: all ports in one transaction, then the namespaces, then the bridge"
    once = True
    largest = 500

    def _removal(self, lab: Lab) -> list[str]:
        ports = " ".join(f"-- del-port {BRIDGE} {one.tap}" for one in lab.members)
        return [f"ovs-vsctl {ports}", *self._remove_namespaces(lab), f"ovs-vsctl del-br {BRIDGE}"]


class AtOnce(Shell):
    """The same with another order of the teardown."""

    title = "shell, all at once"
    description = "teardown in another order: the namespaces, and the bridge without waiting for the kernel"
    once = True
    largest = 500

    def _removal(self, lab: Lab) -> list[str]:
        return [*self._remove_namespaces(lab), f"ovs-vsctl del-br {BRIDGE}"]


def _new_link(one: Member) -> str:
    return f"link add {one.tap} up type veth peer name {one.link} netns {one.namespace}"


def _settings(one: Member) -> list[str]:
    return [
        "link set lo up",
        f"link set {one.link} up",
        f"addr add {one.cidr} dev {one.link}",
        f"route add default via {GATEWAY}",
    ]


def _enter(one: Member) -> list[str]:
    enter = f"nsenter --net=/run/netns/{one.namespace}"
    return [f"{enter} ip -batch {one.namespace}", f"{enter} ethtool -K {one.link} tx off >/dev/null"]


def _add(one: Member) -> list[str]:
    settings = "\n".join(_settings(one))
    enter, checksums = _enter(one)
    return [
        f"ip netns add {one.namespace}",
        f"ip {_new_link(one)}",
        f"{enter.replace(' ' + one.namespace, ' -')} <<'END'\n{settings}\nEND",
        checksums,
        f"ovs-vsctl add-port {BRIDGE} {one.tap}",
    ]

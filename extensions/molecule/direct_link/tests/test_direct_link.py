# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The direct link; from it to the switch and back, each in one run, judged by traffic and by what remains."""

from __future__ import annotations

from ansible_collections.netns.fabric.tests.helpers import snapshot, traffic
from ansible_collections.netns.fabric.tests.helpers.kernel import Kernel
from ansible_collections.netns.fabric.tests.helpers.nat import Nat
from ansible_collections.netns.fabric.tests.helpers.openvswitch import OpenVSwitch
from ansible_collections.netns.fabric.tests.helpers.plays import PLAYBOOKS, Plays

HOSTS_OWN = {"lo", "uplink0"}


def assert_direct_link(kernel: Kernel, openvswitch: OpenVSwitch, nat: Nat) -> None:
    """Assert that there is one veth pair, which carries traffic, and nothing of the switch."""
    assert kernel.namespaces() == {"outside", "ns01", "ns02"}
    assert set(kernel.links("ns01")) == {"lo", "veth-ns01"}
    assert set(kernel.links("ns02")) == {"lo", "veth-ns02"}
    assert kernel.peer("veth-ns01", "ns01")[0] == kernel.link("veth-ns02", "ns02")["ifindex"]
    assert kernel.addresses("veth-ns01", "ns01") == {"192.168.100.1/24"}
    assert kernel.addresses("veth-ns02", "ns02") == {"192.168.100.2/24"}
    assert set(kernel.links()) - {"ovs-netdev"} == HOSTS_OWN
    assert openvswitch.bridges() == set()
    assert nat.masquerading() == []
    assert kernel.routes("ns01") == kernel.routes("ns02") == set()
    assert traffic.pings("ns01", "192.168.100.2")
    assert traffic.pings("ns02", "192.168.100.1")
    assert traffic.exchange("ns01", "ns02", "192.168.100.2") == "192.168.100.1"
    assert traffic.exchange("ns02", "ns01", "192.168.100.1") == "192.168.100.2"


def assert_switch(kernel: Kernel, openvswitch: OpenVSwitch, nat: Nat) -> None:
    """Assert that there is the switch, which carries traffic inside and outside, and nothing of the direct link."""
    assert kernel.namespaces() == {"outside", "ns01", "ns02"}
    assert openvswitch.ports("int_br") == {"ns01_tap", "ns02_tap"}
    assert kernel.peer("veth-ns01", "ns01")[0] == kernel.link("ns01_tap")["ifindex"]
    assert kernel.peer("veth-ns02", "ns02")[0] == kernel.link("ns02_tap")["ifindex"]
    assert [rule.source for rule in nat.masquerading()] == ["192.168.100.0/24"]
    assert traffic.pings("ns01", "192.168.100.254")
    assert traffic.exchange("ns01", "ns02", "192.168.100.2") == "192.168.100.1"
    assert traffic.exchange("ns02", "ns01", "192.168.100.1") == "192.168.100.2"
    assert traffic.exchange("ns01", "outside", "198.51.100.2") == "198.51.100.1"


def test_direct_link(kernel: Kernel, openvswitch: OpenVSwitch, nat: Nat) -> None:
    assert_direct_link(kernel, openvswitch, nat)


def test_change_to_switch_and_back(plays: Plays, kernel: Kernel, openvswitch: OpenVSwitch, nat: Nat) -> None:
    assert plays.run(PLAYBOOKS / "site.yml").changed > 0
    assert_switch(kernel, openvswitch, nat)
    before = snapshot.take_identities()
    assert plays.run(PLAYBOOKS / "site.yml").changed == 0
    assert snapshot.differences(before, snapshot.take_identities()) == []

    assert plays.run("netns.fabric.direct_link").changed > 0
    assert_direct_link(kernel, openvswitch, nat)
    before = snapshot.take_identities()
    assert plays.run("netns.fabric.direct_link").changed == 0
    assert snapshot.differences(before, snapshot.take_identities()) == []


def test_teardown_leaves_nothing(plays: Plays, kernel: Kernel) -> None:
    plays.run(PLAYBOOKS / "teardown.yml")
    assert kernel.namespaces() == {"outside"}
    assert set(kernel.links()) - {"ovs-netdev"} == HOSTS_OWN

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ovn_chassis: the cycle, what is left alone, refusals, rollback, facts."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.openvswitch import stopped
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

CHASSIS: dict[str, Any] = {
    "bridge": "br-int",
    "remotes": ["tcp:192.0.2.9:6642", "tcp:192.0.2.8:6642"],
    "encap_ip": "192.0.2.1",
}
KEYS = {
    "ovn-remote": "tcp:192.0.2.8:6642,tcp:192.0.2.9:6642",
    "ovn-encap-type": "geneve",
    "ovn-encap-ip": "192.0.2.1",
    "ovn-bridge-datapath-type": "netdev",
}


def keys(host: Host) -> dict[str, str]:
    """Return the keys in external_ids of the table Open_vSwitch, without those that Open vSwitch sets at its start."""
    text = host.ovs_vsctl("get", "Open_vSwitch", ".", "external_ids").strip("{}\n")
    pairs = (pair.partition("=") for pair in text.split(", ") if pair)
    found = {key.strip('"'): value.strip('"') for key, _equals, value in pairs}
    return {key: value for key, value in found.items() if key not in ("system-id", "hostname", "rundir")}


def prepare(host: Host) -> None:
    """Give the host a bridge with the tunnels' address."""
    host.ovs_vsctl("add-br", "br-phy", "--", "set", "Bridge", "br-phy", "datapath_type=netdev")
    shell(host, "addr add 192.0.2.1/24 dev br-phy\nlink set br-phy up")


@pytest.fixture(name="prepared", autouse=True)
def fixture_prepared(host: Host) -> Host:
    prepare(host)
    return host


def test_a_chassis_is_made_changed_and_removed(prepared: Host, run_module: RunModule) -> None:
    before = snapshot.take()
    converge(prepared, run_module, "ovn_chassis", **CHASSIS, owner="lab")
    assert keys(prepared) == {**KEYS, "netns.fabric/lab": "owner"}
    prepared.ovs_vsctl("add-br", "br-ex", "--", "set", "Bridge", "br-ex", "datapath_type=netdev")
    mappings = [{"network": "out", "bridge": "br-ex"}, {"network": "lab", "bridge": "br-phy"}]
    more = {"remote_probe_interval": 60000, "openflow_probe_interval": 0, "monitor_all": True}
    converge(prepared, run_module, "ovn_chassis", bridge="br-int", bridge_mappings=mappings, **more)
    assert keys(prepared)["ovn-bridge-mappings"] == "lab:br-phy,out:br-ex"
    assert keys(prepared)["ovn-monitor-all"] == "true"
    declared = run_module("topology_info").returned["declarations"]["chassis"]
    assert declared[0]["bridge_mappings"] == [mappings[1], mappings[0]]
    assert not run_module("ovn_chassis", chassis=declared, owner="lab", prune=True).changed
    converge(prepared, run_module, "ovn_chassis", bridge="br-int", bridge_mappings=[])
    assert "ovn-bridge-mappings" not in keys(prepared)
    prepared.ovs_vsctl("del-br", "br-ex")
    converge(prepared, run_module, "ovn_chassis", chassis=[], owner="lab", prune=True)
    snapshot.assert_unchanged(before, "the host without the chassis")


def test_the_commands_do_the_same(host: Host, run_module: RunModule) -> None:
    host.clear()
    ssl = {"key": "/etc/k", "certificate": "/etc/c", "ca_certificate": "/etc/a"}
    secure = {**CHASSIS, "remotes": ["ssl:192.0.2.9:6642"], "ssl": ssl}
    converge_and_paste(host, run_module, lambda: prepare(host), "ovn_chassis", **secure, owner="lab")
    converge(host, run_module, "ovn_chassis", bridge="br-int", state="absent", owner="lab", ssl={})
    assert keys(host) == {}
    assert host.ovs_vsctl("get", "Open_vSwitch", ".", "ssl").strip() == "[]"


def test_an_address_that_is_on_no_bridge_is_refused(prepared: Host, run_module: RunModule) -> None:
    shell(prepared, "link add nic0 type veth peer name nic1\naddr add 192.0.2.77/24 dev nic0\nlink set nic0 up")
    before = snapshot.take()
    result = run_module("ovn_chassis", **{**CHASSIS, "encap_ip": "192.0.2.77"})
    assert result.failed
    assert "encap_ip: 192.0.2.77 is on nic0, which is not a bridge of the userspace datapath" in result.message
    shell(prepared, "link set br-phy down")
    assert "the bridge br-phy, which has the address 192.0.2.1, is down" in run_module("ovn_chassis", **CHASSIS).message
    shell(prepared, "link set br-phy up")
    snapshot.assert_unchanged(before)


def test_a_sequence_moves_the_address_first(prepared: Host, run_module: RunModule) -> None:
    shell(prepared, "link add nic0 type veth peer name nic1\naddr add 198.51.100.7/24 dev nic0\nlink set nic0 up")
    before = snapshot.take()
    steps = [
        {"module": "ovs_bridge", "options": {"name": "br-tun", "datapath_type": "netdev"}},
        {"module": "ovs_port", "options": {"name": "nic0", "bridge": "br-tun"}},
        {"module": "link", "options": {"name": "nic0", "addresses": []}},
        {"module": "link", "options": {"name": "br-tun", "addresses": ["198.51.100.7/24"], "enabled": True}},
        {"module": "ovn_chassis", "options": {**CHASSIS, "encap_ip": "198.51.100.7"}},
    ]
    checked = run_module("sequence", steps=steps, _check=True)
    assert not checked.failed, checked.message
    snapshot.assert_unchanged(before, "the host after check mode")
    done = run_module("sequence", steps=steps)
    assert not done.failed, done.message
    assert (checked.diff, checked.commands) == (done.diff, done.commands)
    assert not run_module("sequence", steps=steps).changed
    other = {"module": "ovn_chassis", "options": {**CHASSIS, "encap_ip": "198.51.100.9"}}
    refused = run_module("sequence", steps=[*steps[:4], other])
    assert "no link of the host has the address 198.51.100.9" in refused.message


def test_a_change_that_ovs_does_not_apply_is_rolled_back(prepared: Host, run_module: RunModule) -> None:
    converge(prepared, run_module, "ovn_chassis", **CHASSIS)
    before = keys(prepared)
    with stopped("ovs-vswitchd"):
        result = run_module("ovn_chassis", bridge="br-int", encap_type="vxlan", timeout=1)
    assert result.failed
    assert keys(prepared) == before

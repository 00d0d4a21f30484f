# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a topology declares of the host itself, as the role builds, probes and deletes it, beside that of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_host_sysctls import RECORDS
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.generated.converge import steps
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, assert_unchanged, converge, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host

Variables = dict[str, Any]

#: Of another program: a card, a route, a rule and a neighbour.
STAGE = """
    link add name card0 type ifb
    addr add 172.16.0.1/24 dev card0
    link set card0 up
    route add 172.20.0.0/16 via 172.16.0.2
    rule add priority 77 to 172.21.0.0/16 prohibit
    neigh add 172.16.0.9 lladdr 02:00:00:00:00:09 dev card0 nud permanent
    tuntap add nic9 mode tap
    link set nic9 mtu 1300 up
"""
MAC = "02:00:00:00:00:0b"
SYSCTL = "net.ipv4.tcp_syncookies"


@pytest.fixture(autouse=True)
def fixture_stage(host: Host) -> None:
    shell(host, STAGE)


def topology() -> Variables:
    """Return a router behind a bridge; the host has a link of its own on the bridge, and a port by another one."""
    card = {"name": "lan0", "nic": "nic9", "mtu": 1400, "addresses": ["10.6.0.1/24"]}
    return {
        "name": "lab",
        "bridges": [{"name": "dmz", "addresses": ["10.3.0.254/24"], "ports": [{"name": "tap0", "tag": 9}]}],
        "host": {
            "interfaces": [
                {
                    "name": "mon0",
                    "kind": "macvlan",
                    "parent": {"name": "dmz"},
                    "macvlan": {"mode": "bridge"},
                    "addresses": ["10.3.1.1/32"],
                },
                {"name": "tap0", "kind": "tap"},
                {"name": "card0", "mtu": 1400},
            ],
            "routes": [
                {"destination": "10.4.0.0/24", "gateway": "10.3.0.1"},
                {"destination": "10.5.0.0/24", "type": "prohibit"},
            ],
            "rules": [{"priority": 3000, "from": "10.3.1.1/32", "to": "10.5.0.0/24", "table": 254}],
            "neighbours": [{"address": "10.3.0.77", "device": "dmz", "mac": MAC}],
            "sysctls": {SYSCTL: 2, "net.ipv4.conf.all.log_martians": 1},
        },
        "namespaces": [
            {
                "name": "router",
                "sysctls": {"net.ipv4.ip_forward": 1},
                "interfaces": [{"name": "eth0", "bridge": "dmz", "addresses": ["10.3.0.1/24"]}],
            },
            {"name": "edge", "interfaces": [card]},
            {"name": "inner", "routes": [{"destination": "default", "gateway": "10.4.0.254"}]},
        ],
        "links": [
            {
                "name": "inner0",
                "namespace": "router",
                "addresses": ["10.4.0.254/24"],
                "peer": {"name": "eth0", "namespace": "inner", "addresses": ["10.4.0.1/24"]},
            }
        ],
    }


def build(host: Host, run_module: Run, variables: Variables) -> None:
    """Converge, check mode first, and run the probes."""
    converge(host, run_module, "sequence", steps=steps(variables))
    probed = run_module("reachability", probes=compile_topology(variables)["probes"])
    assert not probed.failed, probed.message
    assert host.pings("10.4.0.1")


def test_the_topology_is_built_probed_and_deleted(host: Host, run_module: Run) -> None:
    before = snapshot.take()
    build(host, run_module, topology())
    assert host.links()["card0"]["mtu"] == host.links("edge")["lan0"]["mtu"] == 1400
    assert "nic9" not in host.links()
    assert host.run("sysctl", "-n", SYSCTL, "net.ipv4.conf.all.log_martians").stdout.split() == ["2", "1"]
    for owner in ("lab", None):
        declared = run_module("topology_info", owner=owner).returned["declarations"]
        assert declared["host_sysctls"] == {SYSCTL: "2", "net.ipv4.conf.all.log_martians": "1"}
        options = {name: declared[name] for name in ("namespaces", "host_sysctls")}
        assert_unchanged(run_module("netns", **options, **({"owner": owner, "prune": True} if owner else {})))
    assert run_module("topology_info", owner="other").returned["declarations"]["host_sysctls"] == {}
    links = run_module("topology_info", owner="lab").returned["declarations"]["links"]
    assert {link["name"]: link.get("nic") for link in links if link.get("namespace") == "edge"} == {"lan0": "nic9"}
    assert_unchanged(run_module("link", links=links, owner="lab"))
    assert "prohibit 10.5.0.0/24" in host.run("ip", "route").stdout
    assert "3000:" in host.run("ip", "rule").stdout
    assert f"10.3.0.77 lladdr {MAC} PERMANENT" in host.run("ip", "neigh", "show", "dev", "dmz").stdout
    converge(host, run_module, "sequence", steps=steps({**topology(), "state": "absent"}))
    snapshot.assert_unchanged(before)
    assert host.run("sysctl", "-n", SYSCTL, "net.ipv4.conf.all.log_martians").stdout.split() == ["1", "0"]
    assert not Path(RECORDS).parent.exists()


@pytest.mark.parametrize(
    "damage",
    [
        f"link del mon0\nlink set card0 mtu 1500\n!sysctl -qw {SYSCTL}=0",
        "route del 10.4.0.0/24\nrule del priority 3000\nneigh del 10.3.0.77 dev dmz",
        "!ip tuntap del dev tap0 mode tap",
        "!ovs-vsctl del-br dmz",
    ],
)
def test_damage_is_repaired(host: Host, run_module: Run, damage: str) -> None:
    build(host, run_module, topology())
    wanted = snapshot.take()
    shell(host, damage)
    if SYSCTL in damage:
        facts = run_module("topology_info", owner="lab").returned
        assert set(facts["declarations"]["host_sysctls"]) == {"net.ipv4.conf.all.log_martians"}
        assert f"host_sysctls: {SYSCTL}: lab has set 2, and somebody else 0" in facts["undeclared"]
    build(host, run_module, topology())
    snapshot.assert_equal_host(wanted, f"the host repaired after {damage}")


def test_links_that_are_no_longer_declared_are_given_back(host: Host, run_module: Run) -> None:
    """And the rules of others, and what has no owner, stay."""
    build(host, run_module, topology())
    less = topology()
    less["host"]["interfaces"] = []
    less["host"]["rules"] = []
    less["bridges"][0]["ports"] = []
    build(host, run_module, less)
    assert {"mon0", "tap0"}.isdisjoint(host.links())
    assert host.links()["card0"]["mtu"] == 1500
    shown = host.run("ip", "rule").stdout
    assert "77:" in shown
    assert "3000:" in shown

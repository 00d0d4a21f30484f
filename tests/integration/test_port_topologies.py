# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Topologies whose bridges have ports of every kind, as the role builds, probes and deletes them: judged by traffic."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import cookie_of
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.generated.converge import steps
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, assert_unchanged, converge, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.openvswitch import rows

Variables = dict[str, Any]

#: A neighbour on a wire, and a switch on two wires, none of which the topology declares. The links of the host are up,
#: and the far ends have no checksum offload, which a port on the userspace datapath turns off.
STAGE = """
    netns add neighbour
    link add name nic0 mtu 1400 type veth peer name eth0 netns neighbour
    -n neighbour addr add 10.1.0.9/24 dev eth0
    -n neighbour link set eth0 up
    netns add switch
    link add name nic1 type veth peer name p1 netns switch
    link add name nic2 type veth peer name p2 netns switch
    -n switch link add name sw0 type bridge
    -n switch link set p1 master sw0
    -n switch link set p1 up
    -n switch link set sw0 up
    -n switch addr add 10.2.0.9/24 dev sw0
    link set nic0 up
    link set nic1 up
    link set nic2 up
    !ip netns exec neighbour ethtool -K eth0 tx off
    !ip netns exec switch ethtool -K p1 tx off
    !ip netns exec switch ethtool -K p2 tx off
"""


@pytest.fixture(autouse=True)
def fixture_stage(host: Host) -> None:
    shell(host, STAGE)


def topology() -> Variables:
    """Return an edge bridge with an uplink, a core bridge with a bond, a patch pair between them, and more."""
    return {
        "name": "lab",
        "bridges": [
            {
                "name": "edge",
                "ports": [
                    {"name": "nic0"},
                    {"name": "to-core", "peer": {"bridge": "core", "name": "to-edge"}, "tag": 7},
                    {"name": "mgmt", "type": "internal", "addresses": ["10.1.0.250/24"], "mac": "02:00:00:00:00:77"},
                    {"name": "mgmt7", "type": "internal", "tag": 7, "addresses": ["10.2.0.250/24"]},
                ],
            },
            {
                "name": "core",
                "ports": [
                    {"name": "bond0", "members": ["nic1", "nic2"], "bond_mode": "active-backup"},
                    {"name": "vx0", "type": "vxlan", "tunnel": {"remote_ip": "192.0.2.7", "key": 100}},
                ],
            },
        ],
        "namespaces": [
            {"name": "web", "interfaces": [{"name": "eth0", "bridge": "edge", "addresses": ["10.1.0.1/24"]}]},
            {"name": "db", "interfaces": [{"name": "eth0", "bridge": "core", "addresses": ["10.2.0.1/24"]}]},
        ],
    }


def build(host: Host, run_module: Run, variables: Variables) -> None:
    """Converge, check mode first, and run the derived probes."""
    converge(host, run_module, "sequence", steps=steps(variables))
    probes = compile_topology(variables)["probes"]
    if probes:
        probed = run_module("reachability", probes=probes)
        assert not probed.failed, probed.message


def test_the_topology_is_built_probed_exported_and_deleted(host: Host, run_module: Run) -> None:
    before = snapshot.take()
    build(host, run_module, topology())
    for namespace, address in (
        ("web", "10.1.0.9"),  # by the uplink
        ("web", "10.1.0.250"),  # to the internal port
        ("db", "10.2.0.9"),  # by the bond
        (None, "10.2.0.1"),  # from the internal port in VLAN 7 of one bridge, by the patch pair, to the other bridge
    ):
        assert host.pings(address, namespace), (namespace, address)
    assert host.ovs_vsctl("get", "interface", "vx0", "type", "options:remote_ip", "options:key").split() == [
        "vxlan",
        '"192.0.2.7"',
        '"100"',
    ]
    assert host.links()["mgmt"]["address"] == "02:00:00:00:00:77"
    # The facts are declarations that change nothing.
    declared = run_module("topology_info", owner="lab").returned["declarations"]
    assert {port["name"] for port in declared["ports"]} >= {"nic0", "mgmt", "mgmt7", "bond0", "vx0"}
    assert_unchanged(run_module("ovs_port", ports=declared["ports"], owner="lab"))
    converge(host, run_module, "sequence", steps=steps({**topology(), "state": "absent"}))
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize(
    "damage",
    [
        "!ovs-vsctl del-port nic0",
        "!ovs-vsctl del-port mgmt7",
        "!ovs-vsctl del-port to-core -- del-port bond0",
        "!ovs-vsctl set port mgmt7 tag=9",
        "!ovs-vsctl clear port mgmt7 tag -- set port mgmt7 vlan_mode=trunk trunks=5",
        "link set nic1 down\nlink set nic0 down",
        "addr flush dev mgmt",
        """
        link del nic0
        link add name nic0 type veth peer name eth0 netns neighbour
        -n neighbour addr add 10.1.0.9/24 dev eth0
        -n neighbour link set eth0 up
        """,
    ],
)
def test_damage_is_repaired(host: Host, run_module: Run, damage: str) -> None:
    build(host, run_module, topology())
    wanted = snapshot.take()
    shell(host, damage)
    build(host, run_module, topology())
    if "netns neighbour" not in damage:
        snapshot.assert_equal_host(wanted, f"the host repaired after {damage}")
    assert host.pings("10.1.0.9", "web")
    assert host.pings("10.2.0.1")


def test_ports_that_are_no_longer_declared_are_given_back(host: Host, run_module: Run) -> None:
    """An uplink stays a link of the host, with the MTU and the state that it had; what the topology created ends."""
    bare = topology()
    for bridge in bare["bridges"]:
        del bridge["ports"]
    build(host, run_module, bare)
    wanted = snapshot.take()
    build(host, run_module, topology())
    build(host, run_module, bare)
    snapshot.assert_unchanged(wanted)


def test_change_of_a_port_in_place(host: Host, run_module: Run) -> None:
    build(host, run_module, topology())
    changed = copy.deepcopy(topology())
    ports = changed["bridges"][0]["ports"]
    ports[0] |= {"trunks": ["0-10"], "mtu": 1300}
    for namespace in changed["namespaces"]:  # they are in its broadcast domains, one of them by the patch ports
        namespace["interfaces"][0]["mtu"] = 1300
    ports[2] |= {"tag": 7, "addresses": ["10.1.0.251/24"]}
    build(host, run_module, changed)
    assert host.ovs_vsctl("get", "port", "nic0", "trunks") == str(list(range(11)))
    assert host.links()["nic0"]["mtu"] == 1300
    assert host.pings("10.1.0.9", "web")
    assert not host.pings("10.1.0.251", "web")


def switching() -> Variables:
    """Return a bridge whose flows, mirror and queues name ports that the same run adds."""
    variables = topology()
    edge = variables["bridges"][0]
    edge["ports"] = [{"name": "nic0"}, {"name": "ids0", "type": "internal", "qos": {"type": "linux-noop"}}]
    edge["mirrors"] = [
        {"name": "watch", "select_src_ports": ["web-eth0", "edge"], "output_port": "ids0", "snaplen": 90}
    ]
    edge["flows"] = [
        "priority=100,in_port=web-eth0,icmp,nw_dst=10.1.0.250,actions=drop",
        "priority=90,in_port=web-eth0,arp,actions=output:nic0",
    ]
    variables["bridges"] = [edge]
    del variables["namespaces"][1]
    queues = [{"id": 1, "min_rate": 1000000}]
    variables["namespaces"][0]["interfaces"][0]["qos"] = {"type": "linux-htb", "max_rate": 10000000, "queues": queues}
    return variables


def own_flows(host: Host) -> list[str]:
    """Return the topology's flows on the bridge."""
    dumped = host.run("ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "--names", "dump-flows", "edge").stdout
    return sorted(line.split(", ", 1)[1] for line in dumped.splitlines() if f"{cookie_of('lab'):#x}" in line)


def received(host: Host) -> int:
    return int(Path("/sys/class/net/ids0/statistics/rx_packets").read_text(encoding="ascii"))


def test_what_names_ports_is_built_with_them_and_deleted(host: Host, run_module: Run) -> None:
    before = snapshot.take()
    build(host, run_module, switching())
    wanted = own_flows(host)
    assert [line.partition(" actions=")[2] for line in wanted] == ["drop", "output:nic0"]
    assert host.pings("10.1.0.9", "web")
    copied = received(host)
    assert host.pings("10.1.0.9", "web")
    assert received(host) > copied
    # What a run restores: what ovs-vswitchd and the database have lost, and a port that is re-created with its pair.
    for damage in ("!ovs-ofctl del-flows edge icmp", "!ovs-vsctl del-port ids0", "link del web-eth0"):
        shell(host, damage)
        build(host, run_module, switching())
        assert own_flows(host) == wanted, damage
        assert host.pings("10.1.0.9", "web"), damage
    # With the mode ovs-vswitchd removes all flows.
    changed = switching()
    edge = changed["bridges"][0]
    edge["fail_mode"] = "secure"
    edge["flows"].append("priority=1,actions=normal")
    edge["mirrors"][0] = {"name": "watch", "select_all": True, "output_vlan": 5}
    changed["namespaces"][0]["interfaces"][0]["qos"] = {"type": "linux-htb"}
    build(host, run_module, changed)
    assert len(own_flows(host)) == 3
    (mirror,) = rows("Mirror").values()
    assert (mirror["select_src_port"], mirror["output_port"], mirror["snaplen"]) == ([], [], [])
    assert rows("Queue") == {}
    # The facts are declarations that change nothing.
    declared = run_module("topology_info", owner="lab").returned["declarations"]
    for key, module, option in (("flows", "flow", "bridges"), ("mirrors", "mirror", "mirrors"), ("qos", "qos", "qos")):
        assert declared[key], key
        assert_unchanged(run_module(f"ovs_{module}", **{option: declared[key]}, owner="lab", prune=True))
    # What is no longer declared ends.
    for key in ("mirrors", "flows", "fail_mode"):
        del edge[key]
    del changed["namespaces"][0]["interfaces"][0]["qos"]
    build(host, run_module, changed)
    assert (own_flows(host), rows("Mirror"), len(rows("QoS"))) == ([], {}, 1)
    build(host, run_module, switching())
    converge(host, run_module, "sequence", steps=steps({**switching(), "state": "absent"}))
    assert (rows("QoS"), rows("Queue"), rows("Mirror")) == ({}, {}, {})
    snapshot.assert_unchanged(before)

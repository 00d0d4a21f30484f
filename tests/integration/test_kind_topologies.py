# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Topologies with interfaces of many kinds, as the role builds, probes and deletes them: judged by traffic.

A kind that the kernel of this machine lacks is refused by name, before anything is changed.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.generated.converge import steps
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, assert_unchanged, converge, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

Variables = dict[str, Any]


def offices() -> Variables:
    """Return two offices, joined by a VXLAN tunnel whose outer packets travel in a namespace of their own.

    In one of them a bridge of the kernel has the tunnel, the end of a veth pair to Open vSwitch, and that of a link. A
    device of the host moves into a namespace, where a link is on it.
    """
    return {
        "name": "offices",
        "bridges": [{"name": "core"}, {"name": "lan"}],
        "namespaces": [
            *(
                {
                    "name": f"wan{number}",
                    "interfaces": [{"name": "eth0", "bridge": "core", "addresses": [f"192.0.2.{number}/24"]}],
                }
                for number in (1, 2)
            ),
            {
                "name": "office1",
                "interfaces": [
                    {"name": "br0", "kind": "bridge", "bridge": {"ageing_time": 6000}, "addresses": ["10.1.0.254/24"]},
                    {"name": "eth0", "bridge": "lan", "master": "br0"},
                    vxlan(1, master="br0"),
                    {"name": "tap0", "kind": "tap", "master": "br0", "tap": {"multi_queue": True}},
                ],
            },
            {"name": "office2", "interfaces": [vxlan(2, addresses=["10.1.0.2/24"])]},
            {"name": "pc", "interfaces": [{"name": "eth0", "bridge": "lan", "addresses": ["10.1.0.3/24"]}]},
            {
                "name": "guest",
                "interfaces": [
                    {**macvlan("eth0", namespace="pc"), "name": "eth0", "addresses": ["10.1.0.4/24"]},
                    {**macvlan("nic0"), "name": "uplink", "addresses": ["10.2.0.1/24"]},
                    {"name": "nic0"},
                ],
            },
            {"name": "printer"},
        ],
        "links": [
            {
                "name": "port1",
                "namespace": "office1",
                "master": "br0",
                "peer": {"name": "eth0", "namespace": "printer", "addresses": ["10.1.0.5/24"]},
            }
        ],
        "verify_probes": [
            {"namespace": source, "to": f"10.1.0.{target}", **more}
            for source, target in (("pc", 2), ("office2", 5), ("guest", 254), ("printer", 4))
            for more in ({}, {"protocol": "tcp"})
        ],
    }


def vxlan(number: int, **options: Any) -> Variables:
    return {
        "name": "vx0",
        "kind": "vxlan",
        "underlay": {"namespace": f"wan{number}"},
        "vxlan": {"id": 100, "dstport": 4789, "remote": f"192.0.2.{3 - number}"},
        **options,
    }


def macvlan(parent: str, namespace: str = "guest") -> Variables:
    return {"kind": "macvlan", "parent": {"name": parent, "namespace": namespace}, "macvlan": {"mode": "bridge"}}


#: The device of the host that moves.
NIC = "link add name nic0 type ifb"


def build(host: Host, run_module: Run, variables: Variables) -> None:
    """Converge, check mode first, and run the probes."""
    converge(host, run_module, "sequence", steps=steps(variables))
    probed = run_module("reachability", probes=compile_topology(variables)["probes"])
    assert not probed.failed, probed.message


def test_the_topology_is_built_probed_exported_and_deleted(host: Host, run_module: Run) -> None:
    # Links of other programs with the names of interfaces.
    shell(host, f"{NIC}\nlink add name eth0 type ifb\nlink add name port1 type veth peer name eth9")
    before = snapshot.take()
    build(host, run_module, offices())
    members = {name for name, link in host.links("office1").items() if link.get("master") == "br0"}
    assert members == {"eth0", "vx0", "tap0", "port1"}
    assert host.pings("10.1.0.2", "pc")
    # The facts are declarations that change nothing.
    declared = run_module("topology_info", owner="offices").returned["declarations"]
    assert {link["kind"] for link in declared["links"] if "kind" in link} == {"bridge", "vxlan", "tap", "macvlan"}
    assert_unchanged(run_module("link", links=declared["links"], owner="offices"))
    converge(host, run_module, "sequence", steps=steps({**offices(), "state": "absent"}))
    # The kernel gives the device another index where its own is taken on its way.
    snapshot.assert_equal_host(before, "the host after the deletion")


@pytest.mark.parametrize(
    "damage",
    [
        "-n office1 link del br0",
        "-n office1 link set eth0 nomaster\n-n office1 link set port1 nomaster",
        "-n office1 link del vx0\n-n office2 link set vx0 down",
        "-n pc link del eth0",
        "netns del office1",
    ],
)
def test_damage_is_repaired(host: Host, run_module: Run, damage: str) -> None:
    shell(host, NIC)
    build(host, run_module, offices())
    wanted = snapshot.take()
    shell(host, damage)
    if "netns del" in damage:  # the kernel deletes its links later
        wait_until(lambda: "office1-eth0" not in host.links())
    build(host, run_module, offices())
    snapshot.assert_equal_host(wanted, f"the host repaired after {damage}")


def test_interfaces_that_are_no_longer_declared_are_deleted(host: Host, run_module: Run) -> None:
    shell(host, NIC)
    build(host, run_module, offices())
    less = offices()
    less["namespaces"][2]["interfaces"] = less["namespaces"][2]["interfaces"][:2]
    less["namespaces"][5]["interfaces"] = []
    less["verify_probes"] = [{"namespace": "pc", "to": "10.1.0.254"}]
    build(host, run_module, less)
    assert {*host.links("office1")} == {"lo", "br0", "eth0", "port1"}
    assert {*host.links("guest")} == {"lo"}


#: Topologies with a kind that few kernels lack, each with two addresses that reach each other.
OTHERS: dict[str, Variables] = {
    "vlan": {
        "namespaces": [
            {
                "name": "router",
                "sysctls": {"net.ipv4.ip_forward": 1},
                "interfaces": [
                    {"name": "trunk", "bridge": "core", "trunks": ["10-20"]},
                    *(
                        {
                            "name": f"vlan{number}",
                            "kind": "vlan",
                            "parent": {"name": "trunk", "namespace": "router"},
                            "vlan": {"id": number},
                            "addresses": [f"10.{number}.0.254/24"],
                        }
                        for number in (10, 20)
                    ),
                ],
            },
            *(
                {
                    "name": name,
                    "interfaces": [
                        {"name": "eth0", "bridge": "core", "tag": number, "addresses": [f"10.{number}.0.1/24"]}
                    ],
                    "routes": [{"destination": "default", "gateway": f"10.{number}.0.254"}],
                }
                for name, number in (("one", 10), ("other", 20))
            ),
        ],
    },
    "dummy": {
        "namespaces": [
            {"name": "one", "interfaces": [{"name": "d0", "kind": "dummy", "addresses": ["10.20.0.1/32"]}]},
        ],
    },
}


@pytest.mark.parametrize("kind", OTHERS)
def test_where_the_kernel_lacks_a_kind_the_run_is_refused_before_it_changes_anything(
    host: Host, run_module: Run, kind: str
) -> None:
    variables = {"name": "lab", "bridges": [{"name": "core"}], **OTHERS[kind]}
    before = snapshot.take()
    on = ["link", "lo"] if kind == "vlan" else []
    tried = host.run("ip", "link", "add", "try0", *on, "type", kind, *(["id", "5"] if on else []), check=False)
    if "Unknown device type" not in tried.stderr:
        host.run("ip", "link", "del", "try0", check=False)
        build(host, run_module, variables)
        assert host.pings("10.20.0.1", "one")
        return
    for check in (True, False):
        result = run_module("sequence", steps=steps(variables), _check=check)
        assert f"the kernel of this host has no links of the kind {kind}" in result.message
    snapshot.assert_unchanged(before)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shaped interfaces of a topology, built and verified as the role does: judged by traffic and the kernel's counts.

The kernel of this machine may lack netem: a rate alone needs tbf, and a delay is tried where netem is.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.generated.converge import steps
from ansible_collections.netns.fabric.tests.helpers import snapshot, traffic
from ansible_collections.netns.fabric.tests.helpers.convergence import shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

Variables = dict[str, Any]

#: What takes a second and a half each way, and at least one, for the burst.
RATE, SIZE, SECONDS = "8mbit", 1_500_000, 1.0


def sites(shape: dict[str, Any] | None, **others: Any) -> Variables:
    """Return two namespaces on a bridge, of which one has a shape."""
    east = {"shape": shape} if shape else {}
    return {
        "name": "wan",
        "bridges": [{"name": "wan_br", "addresses": ["10.71.0.254/24"], "datapath_type": "auto"}],
        "namespaces": [
            {
                "name": "east",
                "interfaces": [{"name": "eth0", "bridge": "wan_br", "addresses": ["10.71.0.1/24"], **east}],
            },
            {"name": "west", "interfaces": [{"name": "eth0", "bridge": "wan_br", "addresses": ["10.71.0.2/24"]}]},
        ],
        **others,
    }


def direct(near: dict[str, Any], far: dict[str, Any] | None = None) -> Variables:
    """Return two namespaces with a link between them."""
    peer = {"name": "eth0", "namespace": "west", "addresses": ["10.71.0.2/24"]}
    return {
        "name": "wan",
        "namespaces": [{"name": "east"}, {"name": "west"}],
        "links": [
            {
                "name": "eth0",
                "namespace": "east",
                "addresses": ["10.71.0.1/24"],
                "shape": near,
                "peer": {**peer, "shape": far} if far else peer,
            }
        ],
    }


def build(run_module: RunModule, variables: Variables) -> list[str]:
    """Run the role's steps and probes, in check mode first, which predicts it; return the commands."""
    probes = compile_topology(variables)["probes"]
    before = snapshot.take()
    checked = run_module("sequence", steps=steps(variables), probes=probes, _check=True)
    assert not checked.failed, checked.message
    snapshot.assert_unchanged(before)
    done = run_module("sequence", steps=steps(variables), probes=probes)
    assert not done.failed, done.message
    assert checked.commands == done.commands
    again = run_module("sequence", steps=steps(variables), probes=probes)
    assert (again.failed, again.changed) == (False, False), again.commands
    return list(done.commands)


def held_back(host: Host, namespace: str, link: str) -> int:
    """Return how often the qdisc of a link had to let packets wait."""
    listed = host.json("tc", "-n", namespace, "-s", "-json", "qdisc", "show", "dev", link)
    return sum(int(each["overlimits"]) for each in listed if each.get("root"))


def exchange(client: str, server: str) -> float:
    """Return the seconds that an exchange takes, the same number of bytes each way."""
    start = time.monotonic()
    traffic.exchange(client, server, "10.71.0.2" if server == "west" else "10.71.0.1", SIZE)
    return time.monotonic() - start


@pytest.mark.parametrize(("direction", "held"), [("both", [True, True]), ("out", [True, False]), ("in", [False, True])])
def test_each_direction_of_an_interface(host: Host, run_module: RunModule, direction: str, held: list[bool]) -> None:
    build(run_module, sites({"rate": RATE, "direction": direction}))
    assert exchange("west", "east") >= SECONDS * held.count(True)
    outward = held_back(host, "east", "eth0") > 0
    inward = "in-eth0" in host.links("east") and held_back(host, "east", "in-eth0") > 0
    assert [outward, inward] == held


@pytest.mark.parametrize(
    ("near", "far", "held"),
    [
        ({"rate": RATE}, None, [True, True]),
        ({"rate": RATE, "direction": "out"}, None, [True, False]),
        ({"rate": RATE, "direction": "in"}, None, [False, True]),
        ({"rate": RATE, "direction": "out"}, {"rate": RATE, "direction": "out"}, [True, True]),
    ],
)
def test_each_direction_of_a_link(
    host: Host, run_module: RunModule, near: Variables, far: Variables | None, held: list[bool]
) -> None:
    """Of a link without a switch each end shapes what it sends: there is no ifb."""
    build(run_module, direct(near, far))
    assert exchange("west", "east") >= SECONDS * held.count(True)
    found = [any(each.get("overlimits", 0) for each in counts(host, name)) for name in ("east", "west")]
    assert found == held
    assert all(set(host.links(name)) == {"lo", "eth0"} for name in ("east", "west"))


def counts(host: Host, namespace: str) -> list[dict[str, Any]]:
    return list(host.json("tc", "-n", namespace, "-s", "-json", "qdisc", "show", "dev", "eth0"))


def test_full_packets_pass_a_narrow_line(host: Host, run_module: RunModule) -> None:
    """A token bucket drops what is larger than its burst, which therefore follows from the MTU."""
    variables = sites({"rate": "2mbit"})
    for namespace in variables["namespaces"]:
        namespace["interfaces"][0]["mtu"] = 9000
    build(run_module, variables)
    for source, target in (("east", "10.71.0.2"), ("west", "10.71.0.1")):
        host.in_namespace(source, "ping", "-c1", "-W5", "-Mdo", "-s8972", target)


def test_shape_that_is_no_longer_declared_is_removed(host: Host, run_module: RunModule) -> None:
    build(run_module, sites(None))
    wanted = snapshot.take()
    build(run_module, sites({"rate": RATE}))
    commands = build(run_module, sites(None))
    assert (
        sorted(line.split(" ", 3)[3] for line in commands)
        == [
            "link del dev in-eth0",
            "qdisc del dev eth0 ingress",
            "qdisc del dev eth0 root",
        ]
        or len(commands) == 3
    )
    snapshot.assert_unchanged(wanted)


def test_deletion_leaves_nothing(host: Host, run_module: RunModule) -> None:
    before = snapshot.take()
    build(run_module, sites({"rate": RATE}))
    build(run_module, sites({"rate": RATE}, state="absent", verify=False))
    snapshot.assert_unchanged(before)


def test_damage_is_repaired(host: Host, run_module: RunModule) -> None:
    build(run_module, sites({"rate": RATE}))
    wanted = snapshot.take()
    for damage in (
        "!tc -n east qdisc del dev eth0 root",
        "!tc -n east qdisc del dev eth0 ingress",
        "!tc -n east qdisc change dev in-eth0 root handle 7ab0: tbf rate 1mbit burst 10kb latency 50ms",
        "-n east link del in-eth0",
        "-n east link del eth0",
    ):
        shell(host, damage)
        build(run_module, sites({"rate": RATE}))
        snapshot.assert_equal_host(wanted, f"the host repaired after {damage}")


def test_shape_of_an_existing_link(host: Host, run_module: RunModule) -> None:
    """A card that was moved into the namespace loses its shape as it returns; an ifb is deleted."""
    shell(host, "link add name nic0 type veth peer name far0\nlink set far0 up\nlink add name card0 type ifb")
    before = snapshot.take()
    variables: Variables = {
        "name": "wan",
        "namespaces": [{"name": "east", "interfaces": [{"name": "card0", "shape": {"rate": RATE}}]}],
    }
    build(run_module, variables)
    assert {"card0", "in-card0"} <= set(host.links("east"))
    build(run_module, {**variables, "state": "absent"})
    snapshot.assert_unchanged(before)


def test_where_the_kernel_lacks_netem_the_run_is_refused_before_it_changes_anything(
    host: Host, run_module: RunModule
) -> None:
    shell(host, "link add name q0 type veth peer name q1")
    if host.run("tc", "qdisc", "add", "dev", "q0", "root", "netem", check=False).returncode == 0:
        pytest.skip("the kernel has netem: see test_delay_and_loss")
    before = snapshot.take()
    variables = sites({"delay": "20ms", "loss": "1%"})
    for check in (True, False):
        result = run_module("sequence", steps=steps(variables), _check=check)
        assert "netns.fabric.qdisc: qdiscs[0] (eth0): kind: the kernel of this host has no qdiscs" in result.message
        assert "`modprobe -a sch_netem`" in result.message
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize(
    "shape", [{"delay": "500ms"}, {"loss": "10%"}, {"delay": "50ms", "jitter": "5ms", "loss": "1%"}]
)
def test_delay_and_loss(host: Host, run_module: RunModule, shape: dict[str, str]) -> None:
    """The probes of the role wait as long as the shape takes."""
    shell(host, "link add name q0 type veth peer name q1")
    if host.run("tc", "qdisc", "add", "dev", "q0", "root", "netem", check=False).returncode != 0:
        pytest.skip("the kernel of this machine lacks netem")
    shell(host, "link del q0")
    build(run_module, sites(shape))
    if "delay" in shape and "loss" not in shape:
        shown = host.in_namespace("west", "ping", "-c1", "-W5", "10.71.0.1").stdout
        assert float(shown.partition("time=")[2].split()[0]) >= 1000

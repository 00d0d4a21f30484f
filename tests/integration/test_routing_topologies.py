# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology with routes of every type, rules and static neighbours, as the role builds, probes and deletes it."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.generated.converge import steps
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, assert_unchanged, converge, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host

MAC = "02:00:00:00:00:0b"


def topology() -> dict[str, Any]:
    """Return two namespaces behind a router; `left` is refused some of what is there, and uses tables of its own."""
    return {
        "name": "lab",
        "bridges": [{"name": "br1"}, {"name": "br2"}],
        "namespaces": [
            {
                "name": "router",
                "sysctls": {"net.ipv4.ip_forward": 1},
                "interfaces": [
                    {"name": "left", "bridge": "br1", "addresses": ["10.1.0.254/24"]},
                    {"name": "right", "bridge": "br2", "addresses": ["10.2.0.254/24"]},
                ],
            },
            {
                "name": "left",
                "interfaces": [{"name": "eth0", "bridge": "br1", "addresses": ["10.1.0.1/24", "fd00:1::1/64"]}],
                "routes": [
                    {"destination": "10.0.0.0/8", "gateway": "10.1.0.254", "table": 100, "mtu": 1400},
                    {"destination": "10.2.0.2/32", "type": "prohibit", "table": 100},
                    {"destination": "10.2.0.3/32", "type": "blackhole"},
                    {"destination": "172.16.0.0/12", "nexthops": [{"gateway": "10.1.0.254"}, {"gateway": "10.1.0.9"}]},
                    {"destination": "fd00:9::/48", "gateway": "fd00:99::1", "device": "eth0", "onlink": True},
                    {"destination": "fd00:8::/48", "type": "unreachable", "protocol": "77"},
                ],
                "rules": [
                    {"priority": 100, "to": "10.2.0.3/32", "table": 254},
                    {"priority": 1000, "to": "10.0.0.0/8", "table": 100},
                    {"priority": 1001, "fwmark": "1/1", "version": 6, "action": "prohibit"},
                ],
                "neighbours": [{"address": "10.1.0.9", "device": "eth0", "mac": MAC}],
            },
            {
                "name": "right",
                "interfaces": [{"name": "eth0", "bridge": "br2", "addresses": [f"10.2.0.{n}/24" for n in (1, 2, 3)]}],
                "routes": [{"destination": "default", "gateway": "10.2.0.254"}],
            },
        ],
    }


def expected(variables: dict[str, Any]) -> dict[str, str]:
    """Return what the derived probes of `left` expect, by the address of the ping."""
    return {
        probe["to"]: probe.get("expect", "reachable")
        for probe in compile_topology(variables)["probes"]
        if probe.get("namespace") == "left" and probe["protocol"] == "icmp"
    }


def test_the_topology_is_built_probed_exported_and_deleted(host: Host, run_module: Run) -> None:
    variables = topology()
    before = snapshot.take()
    converge(host, run_module, "sequence", steps=steps(variables))
    # The derived probes are right: what passes passes, and what a route refuses is refused.
    assert expected(variables)["10.2.0.3"] == "unreachable"
    probes = compile_topology(variables)["probes"]
    probed = run_module("reachability", probes=probes)
    assert not probed.failed, probed.message
    assert host.pings("10.2.0.1", "left")
    assert not host.pings("10.2.0.2", "left")
    # The facts are declarations that change nothing.
    declared = run_module("topology_info", owner="lab").returned["declarations"]
    for module, option, key in (("route", "routes", "routes"), ("rule", "rules", "routing_rules")):
        assert_unchanged(run_module(module, **{option: declared[key]}, exact=True))
    assert_unchanged(run_module("neighbour", neighbours=declared["neighbours"], exact=True))
    assert [rule["priority"] for rule in declared["routing_rules"]] == [100, 1000, 1001]
    # The one with a protocol of its own is not a static route; `right` has one more.
    assert len(declared["routes"]) == len(variables["namespaces"][1]["routes"]) - 1 + 1
    # Others are removed, and what is lost is added again, in one run.
    shell(
        host,
        """
        -n left rule add priority 5 prohibit
        -n left rule del priority 1000
        -n left route add prohibit 10.77.0.0/16
        -n left neigh flush dev eth0 nud permanent
        -n left neigh add proxy 10.1.0.7 dev eth0
        """,
    )
    converge(host, run_module, "sequence", steps=steps(variables))
    assert not run_module("reachability", probes=probes).failed
    for key in ("rules", "neighbours"):
        variables["namespaces"][1][key] = []
    converge(host, run_module, "sequence", steps=steps(variables))
    assert len(host.run("ip", "-n", "left", "rule").stdout.splitlines()) == 3
    converge(host, run_module, "sequence", steps=steps({**variables, "state": "absent"}))
    snapshot.assert_unchanged(before)


def test_what_is_omitted_is_untouched(host: Host, run_module: Run) -> None:
    variables = topology()
    for key in ("routes", "rules", "neighbours"):
        del variables["namespaces"][1][key]
    converge(host, run_module, "sequence", steps=steps(variables))
    shell(
        host,
        f"""
        -n left rule add priority 5 to 10.9.0.0/16 prohibit
        -n left route add prohibit 10.77.0.0/16
        -n left neigh add 10.1.0.9 lladdr {MAC} dev eth0 nud permanent
        """,
    )
    assert_unchanged(run_module("sequence", steps=steps(variables)))

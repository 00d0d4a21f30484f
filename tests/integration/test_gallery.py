# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of playbooks/gallery: their topologies are built and judged by their probes, and leave nothing.

Where the kernel of this machine lacks what one needs, it is refused by name before anything is changed.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.generated.converge import steps
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, converge
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.plays import COLLECTION

Variables = dict[str, Any]

PLAYBOOKS = sorted((COLLECTION / "playbooks" / "gallery").glob("*.yml"))
#: What a kernel may lack of each, and the words of the refusal.
NEEDS = {
    "router_on_a_stick": "links of the kind vlan",
    "vrf_lite": "links of the kind vrf",
    "wan_link": "qdiscs",
    "wireguard_egress": "links of the kind wireguard",
}
#: A path of each by which traffic has to pass: the namespace and the address.
PATHS = {
    "dual_homed_host": ("dual-pc", "10.40.0.1"),
    "router_on_a_stick": ("stick-web", "10.20.0.1"),
    "vrf_lite": ("vrf-red2", "10.51.0.1"),
    "wan_link": ("wan-east", "10.60.0.2"),
    "wireguard_egress": ("wg-app", "10.71.0.1"),
}


def variables_of(name: str) -> Variables:
    """Return the variables of a playbook, as the filter gets them."""
    (path,) = [each for each in PLAYBOOKS if each.stem == name]
    (play,) = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {key.removeprefix("topology_"): value for key, value in play["vars"].items()}


@pytest.mark.parametrize("name", [path.stem for path in PLAYBOOKS])
def test_the_topology_of_a_playbook(host: Host, run_module: Run, name: str) -> None:
    variables = variables_of(name)
    probes = compile_topology(variables)["probes"]
    before = snapshot.take()
    checked = run_module("sequence", steps=steps(variables), probes=probes, _check=True)
    if checked.failed:
        lacking = f"the kernel of this host has no {NEEDS.get(name, 'such thing')}"
        assert lacking in checked.message, checked.message
        done = run_module("sequence", steps=steps(variables), probes=probes)
        assert lacking in done.message, done.message
        snapshot.assert_unchanged(before)
        return
    converge(host, run_module, "sequence", steps=steps(variables))
    probed = run_module("reachability", probes=probes)
    assert not probed.failed, probed.message
    namespace, address = PATHS[name]
    assert host.pings(address, namespace)
    converge(host, run_module, "sequence", steps=steps({**variables, "state": "absent"}))
    snapshot.assert_unchanged(before)


def test_the_bond_of_the_dual_homed_host_negotiates_and_survives_a_link(host: Host, run_module: Run) -> None:
    variables = variables_of("dual_homed_host")
    probes = compile_topology(variables)["probes"]
    done = run_module("sequence", steps=steps(variables), probes=probes)
    assert not done.failed, done.message
    assert "lacp_status: negotiated" in host.run("ovs-appctl", "bond/show", "uplink").stdout
    host.run("ip", "link", "set", "dual_up1", "down")
    assert host.pings("10.40.0.1", "dual-pc")

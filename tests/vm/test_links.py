# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""NICs of a machine in namespaces."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.tests.vm.lab import SITE, TEARDOWN, Lab
from ansible_collections.netns.fabric.tests.vm.machine import NICS

NIC, NIC_ADDRESS = NICS[0], "198.51.100.7"
ROUTER: dict[str, Any] = {
    "topology_bridges": [],
    "topology_nat": [],
    "topology_namespaces": [{"name": "ns03", "interfaces": [{"name": NIC, "addresses": [f"{NIC_ADDRESS}/24"]}]}],
}


def test_nic_moves_into_a_namespace_and_back(lab: Lab) -> None:
    lab.build(**ROUTER)
    assert lab.seen_as("ns03") == NIC_ADDRESS
    # The kernel returns a NIC to the host when its namespace is deleted.
    lab.root(f"ip netns del ns03; until ip link show dev {NIC}; do sleep 0.2; done")
    lab.play(SITE, **ROUTER)
    assert lab.seen_as("ns03") == NIC_ADDRESS
    lab.play(TEARDOWN, **ROUTER)
    assert lab.namespaces() == {"outside"}
    assert "netns.fabric" not in lab.root(f"ip -d link show dev {NIC}")

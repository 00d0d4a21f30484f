# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges of Open vSwitch, and two namespaces whose links become their ports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.helpers.convergence import shell
from ansible_collections.netns.fabric.tests.helpers.host import Host

KERNEL_DATAPATH = Path("/sys/module/openvswitch").exists()
NAMESPACES = ("red", "blue")
BOTH: list[dict[str, Any]] = [
    {"name": f"{name}-tap", "bridge": "int_br", "peer": {"name": "eth0", "namespace": name}} for name in NAMESPACES
]


def create_bridges(host: Host, *names: str) -> None:
    kind = "system" if KERNEL_DATAPATH else "netdev"
    for name in names or ("int_br",):
        host.ovs_vsctl("add-br", name, "--", "set", "Bridge", name, f"datapath_type={kind}")


def connect(host: Host, name: str) -> None:
    """Create a veth pair from a namespace, eth0, to the host."""
    shell(
        host,
        f"""
        link add {name}-tap type veth peer name eth0 netns {name}
        -n {name} addr add 192.0.2.{NAMESPACES.index(name) + 1}/24 dev eth0
        -n {name} link set eth0 address 02:00:00:00:01:0{NAMESPACES.index(name) + 1}
        -n {name} link set eth0 up
        link set {name}-tap up
        """,
    )

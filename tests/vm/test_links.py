# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""NICs of a machine in namespaces, and ports of every kind on the kernel's datapath."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.lab import OUTSIDE, SITE, TEARDOWN, UPLINK_ADDRESS, Lab
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


def end(number: int, **port: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a veth pair with 10.0.0.NUMBER in the namespace nsNUMBER, and its port."""
    name = f"tap{number}"
    pair = {
        "name": "eth0",
        "namespace": f"ns{number}",
        "addresses": [f"10.0.0.{number}/24"],
        "enabled": True,
        "peer": {"name": name, "enabled": True},
    }
    return pair, {"name": name, "bridge": "br1", **port}


def write_play(path: Path, steps: list[dict[str, Any]]) -> Path:
    task = {"name": "Build", "netns.fabric.sequence": {"steps": steps}}
    play = {"name": "Build", "hosts": "fabric", "gather_facts": False, "become": True, "tasks": [task]}
    path.write_text(json.dumps([play]), encoding="utf-8")
    return path


@long
def test_ports_of_every_kind(lab: Lab, tmp_path: Path) -> None:
    ends = [
        end(1, tag=10),
        end(2, tag=10),
        end(3, tag=20),
        end(4, bridge="br2", tag=10),
        end(5, trunks=[10, 20]),
        end(6, tag=30),
    ]
    patches = [
        {"name": f"to{there}", "bridge": here, "type": "patch", "options": {"peer": f"to{here}"}}
        for here, there in (("br1", "br2"), ("br2", "br1"))
    ]
    tunnel = {
        "name": "tunnel",
        "bridge": "br1",
        "type": "vxlan",
        "tag": 30,
        "options": {"remote_ip": OUTSIDE, "local_ip": UPLINK_ADDRESS, "key": "5"},
    }
    steps = [
        {"module": "netns", "options": {"namespaces": [{"name": pair["namespace"]} for pair, _port in ends]}},
        {
            "module": "ovs_bridge",
            "options": {"bridges": [{"name": name, "datapath_type": "auto"} for name in ("br1", "br2")]},
        },
        {"module": "veth", "options": {"pairs": [pair for pair, _port in ends]}},
        {"module": "ovs_port", "options": {"ports": [*(port for _pair, port in ends), *patches, tunnel]}},
    ]
    play = write_play(tmp_path / "play.yml", steps)
    assert lab.play(play).changed == 1
    assert lab.play(play).changed == 0
    lab.root(
        "ip -n ns5 link add link eth0 name eth0.20 type vlan id 20; ip -n ns5 addr add 10.0.0.25/24 dev eth0.20; "
        "ip -n ns5 addr flush dev eth0; ip -n ns5 link set dev eth0.20 up; "
        f"ip -n outside link add vx type vxlan id 5 local {OUTSIDE} remote {UPLINK_ADDRESS} dstport 4789; "
        "ip -n outside addr add 10.0.0.30/24 dev vx; ip -n outside link set dev vx up"
    )
    assert lab.pings("ns1", "10.0.0.2")  # the same VLAN
    assert lab.pings("ns1", "10.0.0.4")  # over the patch ports
    assert lab.pings("ns3", "10.0.0.25")  # a VLAN of a trunk
    assert lab.pings("ns6", "10.0.0.30")  # through the tunnel
    assert lab.transfers("ns1", "ns4", "10.0.0.4")
    assert not lab.pings("ns1", "10.0.0.3")  # another VLAN

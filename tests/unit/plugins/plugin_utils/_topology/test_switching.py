# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flows, mirrors and quality of service: their errors, the entries that they become, and the part of each host."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.from_variables import diagram_from_variables
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    Variables,
    errors_of,
    only_error_of,
)

QOS = {"type": "linux-htb", "max_rate": 10**10, "queues": [{"id": 1, "min_rate": 1000, "dscp": 8}]}
MIRROR = {"name": "watch", "select_src_ports": ["tap0"], "select_vlans": ["10-12"], "output_port": "ids0"}
FLOWS = ["in_port=tap0,tcp,tp_dst=23,  actions=drop", "in_port=br0,actions=output:ids0"]


def topology(**bridge: Any) -> Variables:
    interface = {"name": "eth0", "bridge": "br0", "peer": "tap0", "addresses": ["10.0.0.1/24"], "qos": QOS}
    ports = [{"name": "ids0", "type": "internal"}, {"name": "eth1", "qos": {"type": "linux-noop"}}]
    return {
        "bridges": [{"name": "br0", "ports": ports, "flows": FLOWS, "mirrors": [MIRROR], **bridge}, {"name": "br1"}],
        "namespaces": [{"name": "red", "interfaces": [interface, {"name": "eth1", "bridge": "br1"}]}],
    }


def test_the_entries_of_the_modules() -> None:
    compiled = compile_topology(topology())
    assert compiled["qos"] == [{"port": "tap0", **QOS}, {"port": "eth1", "type": "linux-noop"}]
    assert compiled["mirrors"] == [{**MIRROR, "bridge": "br0"}]
    assert compiled["flows"] == [{"bridge": "br0", "flows": [" ".join(flow.split()) for flow in FLOWS]}]
    # What the bridge forwards is its flows' matter.
    assert [probe for probe in compiled["probes"] if probe["to"].startswith("10.0.0.")] == []
    (line,) = [line for line in compiled["summary"] if "bridge br0" in line]
    assert line.endswith(", mirror watch to ids0, 2 flows")
    box = next(box for box in diagram_from_variables(topology())[0].boxes if box.key.name == "br0")
    assert [note.text for note in box.notes][-2:] == ["mirror watch to ids0", "2 flows"]


def test_deletion() -> None:
    compiled = compile_topology({**topology(), "state": "absent"})
    assert compiled["qos"] == [{"port": name, "state": "absent"} for name in ("tap0", "eth1")]
    assert compiled["mirrors"] == [{"name": "watch", "bridge": "br0", "state": "absent"}]
    assert compiled["flows"] == [{"bridge": "br0", "state": "absent"}]


def test_a_host_has_what_its_ports_are_in() -> None:
    def interface(name: str, host: str) -> Variables:
        return {"name": name, "host": host, "interfaces": [{"name": "eth0", "bridge": "br0", "peer": f"{name}0"}]}

    mirrors: list[dict[str, Any]] = [
        {"name": "both", "select_src_ports": ["a0", "b0"], "output_port": "ids0"},
        {"name": "of a", "select_all": True, "output_port": "a0"},
        {"name": "from a", "select_dst_ports": ["a0"], "output_vlan": 7},
    ]
    flows = [f"in_port={name},actions=drop" for name in ("a0", "b0", "ids0")]
    compiled = compile_topology(
        {
            "bridges": [{"name": "br0", "mirrors": mirrors, "flows": flows}],
            "namespaces": [interface("a", "one"), interface("b", "two")],
            "hosts": ["one", "two"],
            "this_host": "two",
        }
    )
    assert compiled["mirrors"] == [{**mirrors[0], "bridge": "br0", "select_src_ports": ["b0"]}]
    assert compiled["flows"] == [{"bridge": "br0", "flows": flows[1:]}]


@pytest.mark.parametrize(
    ("bridge", "message"),
    [
        ({"flows": ["ip", "actions=drop"]}, "flows[0]: it has no actions; end it with"),
        ({"flows": "ip,actions=drop"}, "flows: must be a list, not"),
        ({"flows": [5]}, "flows[0]: must be a non-empty string, not"),
        ({"flows": FLOWS, "protocols": ["OpenFlow10"]}, "flows: are changed as a whole, for which `protocols` needs"),
        ({"flows": ["in_port=red-eth1,actions=drop"]}, "flows[0]: 'red-eth1' is a port of the bridge 'br1'; name a"),
        ({"mirrors": [{**MIRROR, "output_port": "br1"}]}, "output_port: 'br1' is a port of the bridge 'br1'"),
        ({"mirrors": [{**MIRROR, "output_vlan": 3}]}, "output_port: packets go to one port or to one VLAN, and both"),
        ({"mirrors": [{"name": "m", "select_all": True}]}, "and neither is given; give `output_port` or"),
        ({"mirrors": [{"name": "m", "output_vlan": 3}]}, "select_all: selects nothing, and nor do the others; set it"),
        ({"mirrors": [{**MIRROR, "select_vlans": ["9-5"]}]}, "select_vlans[0]: "),
        ({"mirrors": [{**MIRROR, "snaplen": 3}]}, "snaplen: "),
        (
            {"mirrors": [MIRROR, MIRROR]},
            "name: 'watch' is also the name of topology_bridges[0] (br0) mirrors[0] (watch)",
        ),
        ({"ports": [{"name": "ids0", "qos": {"max_rate": 5}}]}, "ports[0] (ids0) qos: type: is missing"),
        ({"ports": [{"name": "ids0", "qos": {**QOS, "max_rate": 0}}]}, "qos: max_rate: "),
        ({"ports": [{"name": "ids0", "qos": {**QOS, "queues": [{"id": 70000}]}}]}, "queues[0]: id: "),
        (
            {"ports": [{"name": "ids0", "qos": {**QOS, "queues": [{"id": 1}, {"id": 1}]}}]},
            "qos: queues: 1 is the `id` of",
        ),
        ({"engine": "ovn"}, "flows: is for a bridge of Open vSwitch, and with `engine: ovn`"),
    ],
)
def test_errors(bridge: Variables, message: str) -> None:
    assert any(message in error for error in errors_of(topology(**bridge))), errors_of(topology(**bridge))


def test_an_interface_without_a_bridge_has_no_port() -> None:
    interface = {"name": "eth0", "qos": {"type": "linux-htb"}}
    message = only_error_of({"namespaces": [{"name": "red", "interfaces": [interface]}]})
    assert "qos: requires `bridge`: it is an option of the bridge's port" in message

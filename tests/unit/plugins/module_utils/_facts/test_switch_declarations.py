# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bridges and ports as lists for the modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import Flow, cookie_of
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch
from ansible_collections.netns.fabric.tests.helpers.host_facts import LO, host_facts, namespace, reported


def port(name: str, *interfaces: Interface, **more: Any) -> Port:
    return Port(name, interfaces or (Interface(name, ofport=1, ifindex=5),), **more)


def bridged(*ports: Port, **more: Any) -> Switch:
    local = Port("br0", (Interface("br0", type="internal", ofport=65534),))
    return Switch(bridges=(Bridge("br0", datapath_type="netdev", ports=(local, *ports), **more),), running=True)


@pytest.mark.parametrize(
    ("found", "declared", "reason"),
    [
        (port("a", tag=7, trunks=(1, 2), vlan_mode="native-tagged"), {"tag": 7, "vlan_mode": "native-tagged"}, ""),
        (port("a", tag=7, trunks=(1, 2)), None, "trunks"),
        (port("a", Interface("a", type="vxlan", ofport=1, options={"remote_ip": "192.0.2.1"})), {"type": "vxlan"}, ""),
        (port("a", Interface("a", type="internal", ofport=1, mac="02:00:00:00:00:01")), {"type": "internal"}, ""),
        (port("a", Interface("a", ofport=-1, error="no such device")), None, "no such device"),
        (port("a", Interface("a", ofport=1, ifindex=0)), None, "no such device"),
        (port("a", Interface("m0", type="dpdk"), Interface("m1")), None, "bond"),
        (port("a", Interface("m0", ofport=1), Interface("m1", ofport=2)), {"members": ["m0", "m1"]}, ""),
        (port("a", fake_bridge=True), None, "VLAN bridge"),
        (port("--"), None, "--"),
    ],
)
def test_ports(found: Port, declared: dict[str, Any] | None, reason: str) -> None:
    result = reported(host_facts(namespace(None, LO), switch=bridged(found)))
    ports = result["declarations"]["ports"]
    if declared is None:
        assert ports == []
        assert [line for line in result["undeclared"] if line.startswith("ports: ") and reason in line]
    else:
        assert len(ports) == 1
        assert ports[0].items() >= {"name": "a", "bridge": "br0", "tx_checksum": "keep", **declared}.items()


def test_bridges() -> None:
    options: Mapping[str, Any] = {
        "fail_mode": "secure",
        "protocols": ("OpenFlow13",),
        "external_ids": {"netns.fabric/lab": "owner", "a": "b"},
        "row": Row("Bridge", "b", {"controller": ()}),
    }
    declared = reported(host_facts(namespace(None, LO), switch=bridged(**options)))["declarations"]["bridges"]
    assert declared == [
        {
            "name": "br0",
            "datapath_type": "netdev",
            "fail_mode": "secure",
            "protocols": ["OpenFlow13"],
            "external_ids": {"a": "b"},
        }
    ]


def test_flows_are_those_of_one_owner() -> None:
    flow, other = Flow("ip", "ip actions=drop"), Flow("arp", "arp actions=drop")
    owners = {"netns.fabric/lab": "owner"}
    facts = host_facts(
        namespace(None, LO),
        switch=bridged(external_ids=owners),
        flows={"br0": [(cookie_of("lab"), flow), (cookie_of("gone"), other)]},
    )
    result = reported(facts, owner="lab")
    assert result["declarations"]["flows"] == [{"bridge": "br0", "flows": [flow.text]}]
    assert result["openvswitch"]["bridges"][0]["flows"] == [{"flow": flow.text, "owner": "lab"}]
    result = reported(facts)
    assert result["openvswitch"]["bridges"][0]["flows"][1] == {"flow": other.text, "owner": None}
    assert [line for line in result["undeclared"] if line.startswith("flows: br0: it has some of lab; ask for")]

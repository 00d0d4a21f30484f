# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The summary: lines for a person."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    masqueraded,
    on_bridge,
    publishing,
    reference,
    veth,
)


def test_reference_topology() -> None:
    assert compile_topology(reference())["summary"] == [
        "topology default: 2 namespaces, 1 bridge, no links, 1 NAT rule",
        "  namespace ns01: veth-ns01 192.168.100.1/24, default via 192.168.100.254",
        "  namespace ns02: veth-ns02 192.168.100.2/24, default via 192.168.100.254",
        "  bridge int_br: 192.168.100.254/24, ports ns01_tap, ns02_tap",
        "  NAT 192.168.100.0/24, masqueraded by the host",
    ]


def test_absent_topology() -> None:
    assert compile_topology({**reference(), "state": "absent"})["summary"] == ["topology default: absent"]


def test_links_vlans_and_routers() -> None:
    variables = on_bridge(a={"tag": 7}, router={"addresses": ["10.0.0.1/24"]})
    variables["links"] = [veth("a", "10.9.0.1/30", None, "10.9.0.2/30")]
    variables["nat"] = [{"source": "10.9.0.0/30", "namespace": "router", "out_interface": "eth0"}]
    assert compile_topology(variables)["summary"] == [
        "topology default: 2 namespaces, 2 bridges, 1 link, 1 NAT rule",
        "  namespace a: eth0 no address, ahost 10.9.0.1/30",
        "  namespace router: eth0 10.0.0.1/24",
        "  bridge br0: 10.0.0.254/24, ports a-eth0 (VLAN 7), router-eth0",
        "  bridge br1: no address, no ports",
        "  link a ahost 10.9.0.1/30 <-> host ahostp 10.9.0.2/30",
        "  NAT 10.9.0.0/30 out of eth0, masqueraded by namespace router",
    ]


def test_published_ports() -> None:
    summary = compile_topology(
        publishing(
            {"publish": 8080, "to": "web", "to_port": 80},
            {"publish": "53", "protocol": "udp", "to": "10.0.0.2", "address": "198.51.100.1", "in_interface": "eth0"},
            {"publish": "90-99", "to": "web", "address": "2001:db8::1", "namespace": "db", "accept_forward": "never"},
        )
    )["summary"]
    assert summary[0].endswith(", 1 NAT rule, 3 published ports")
    assert summary[-3:] == [
        "  port 8080/tcp of the host is forwarded to 10.0.0.1 and fd00::1 (web) port 80",
        "  port 53/udp of the host at 198.51.100.1 on eth0 is forwarded to 10.0.0.2 port 53",
        "  port 90-99/tcp of namespace db at 2001:db8::1 is forwarded to fd00::1 (web) port 90-99",
    ]


def test_large_topology_is_short() -> None:
    summary = compile_topology(masqueraded(100))["summary"]
    assert len(summary) < 50
    assert "  ... and 80 more" in summary


def test_limits_of_nat() -> None:
    variables = publishing({"publish": 80, "to": "web", "from": ["203.0.113.0/24", "198.51.100.0/24"]})
    variables["nat"][0].update(to_source="192.0.2.7-192.0.2.9", excluded_destinations=["10.8.0.0/16"])
    assert compile_topology(variables)["summary"][-2:] == [
        "  NAT 10.0.0.0/24, translated to 192.0.2.7-192.0.2.9 by the host, but not to 10.8.0.0/16",
        "  port 80/tcp of the host is forwarded to 10.0.0.1 (web) port 80, for 203.0.113.0/24 and 198.51.100.0/24 only",
    ]

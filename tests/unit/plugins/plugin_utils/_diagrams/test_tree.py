# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tree for people."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.tree import render_tree
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils.facts import (
    bridge,
    example,
    info,
    link,
    port,
    route,
    space,
)


def test_bridge_port_and_namespace() -> None:
    assert render_tree(example()) == [
        "host",
        "├─ br0  10.0.0.254/24  (Open vSwitch, netdev)",
        "│  └─ tap0  VLAN 7  ── eth0 in red 10.0.0.1/24",
        "└─ up0  192.0.2.1/24  (tun)",
        "red",
        "├─ eth0  10.0.0.1/24  ── tap0 on the host",
        "└─ default via 10.0.0.254",
    ]


def test_empty_host() -> None:
    unavailable = {"available": False, "reason": "Open vSwitch is not installed (there is no x): do y", "bridges": []}
    assert render_tree(info(openvswitch=unavailable)) == ["host", "└─ Open vSwitch is not installed", "no namespaces"]


def test_faults() -> None:
    found = info(
        space(None, link("tap0", peer=(None, None), enabled=False)),
        space("net:[7]", link("eth0", state="lowerlayerdown")),
        bridges=(bridge(port("tap0", error="no such device"), works=False, owners=["lab"], fail_mode="secure"),),
        stale=["left"],
        unreadable=["rules"],
    )
    lines = render_tree(found)
    assert "├─ br0  (Open vSwitch, netdev)  secure  BROKEN  [lab]" in lines or (
        "└─ br0  (Open vSwitch, netdev)  secure  BROKEN  [lab]" in lines
    )
    assert any(
        "tap0  BROKEN (no such device)  down  ── a link in a namespace that was not found" in line for line in lines
    )
    assert "net:[7]  (without a name)" in lines
    assert any("eth0  (tun)  no carrier" in line for line in lines)
    assert "left (stale: not a namespace)" in lines
    assert "not read: rules" in lines


def test_what_a_bridge_does_with_packets() -> None:
    mirror = {"name": "watch", "output_port": "ids0", "output_vlan": None, "owners": ["lab"]}
    flows = [{"flow": "actions=drop", "owner": "lab"}] * 2
    found = bridge(port("tap0", qos={"type": "linux-htb"}), mirrors=[mirror], flows=flows)
    lines = [line.lstrip("│├└─ ") for line in render_tree(info(bridges=(found,)))]
    assert lines[2:5] == ["tap0  sends by linux-htb", "mirror watch to ids0  [lab]", "2 flows"]


def policy_rule(chain: str, family: str, verdict: str) -> dict[str, Any]:
    return {"chain": chain, "family": family, "verdict": verdict, "criteria": [], "owner": "lab"}


def test_facts_of_a_namespace() -> None:
    process = {"pid": 7, "command": "/usr/bin/python3 -m\nhttp.server " + "x" * 90, "user": "nobody"}
    socket = {"protocol": "tcp", "address": "::", "port": 80, "version": 6, "processes": [process]}
    masquerade = {"source": "10.0.0.0/24", "out_interface": "up0", "owner": "lab"}
    firewall = {
        "rules": [
            {"owner": None, "verdict": "dnat", "chain": "x"},
            {"owner": None, "verdict": "drop", "chain": "x"},
            *(policy_rule("fabric-policy-in", family, "return") for family in ("ip", "ip6")),
            *(policy_rule("fabric-policy-in", family, "drop") for family in ("ip", "ip6")),
            policy_rule("fabric-policy-out", "ip", "reject"),
        ],
        "masquerade": [masquerade],
    }
    red = space(
        "red",
        processes=[process],
        sockets=[socket, socket],
        sysctls={"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"},
        firewall=firewall,
        routes=[route("default", "fd00::1", version=6, device="eth0", table=7), route("10.0.0.0/8", protocol="kernel")],
    )
    assert render_tree(info(red))[2:] == [
        "├─ default (IPv6) via fd00::1 dev eth0 table 7",
        "├─ forwards IPv4 and IPv6",
        "├─ masquerades 10.0.0.0/24 out of up0 [lab]",
        "├─ policy for incoming IPv4: 2 rules, default deny [lab]",
        "├─ policy for incoming IPv6: 2 rules, default deny [lab]",
        "├─ policy for outgoing IPv4: 1 rule, default allow [lab]",
        "├─ 1 NAT rule without an owner",
        "├─ listens on tcp [::]:80 (python3)",
        "└─ process 7 of nobody: /usr/bin/python3 -m?http.server " + "x" * 35 + "...",
    ]


def test_many_namespaces_have_one_line_each() -> None:
    many = [space(f"n{number}", link("eth0", "10.0.0.1/24"), processes=[{}, {}]) for number in range(40)]
    lines = render_tree(info(*many))
    assert len(lines) == 41
    assert lines[1] == "n0  eth0  10.0.0.1/24  (tun); 2 processes"


def test_vlans_of_a_port() -> None:
    found = info(bridges=(bridge(port("tap0", tag=7, trunks=[1, 2, 3], vlan_mode="native-untagged", protected=True)),))
    assert "   └─ tap0  VLAN 7, trunk 1-3 native-untagged protected" in render_tree(found)

# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tree for people, and the probes of everyone to everyone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.netns.fabric.plugins.filter.probes import probes as probes_filter
from ansible_collections.netns.fabric.plugins.filter.tree import tree as tree_filter
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.tree import probes, tree

Info = dict[str, Any]


def link(name: str, *addresses: str, peer: tuple[str | None, str | None] | None = None, **more: Any) -> Info:
    return {
        "name": name,
        "kind": "veth" if peer else "tun",
        "state": "up",
        "enabled": True,
        "master": None,
        "owners": [],
        "peer": {"namespace": peer[0], "name": peer[1], "index": 9} if peer else None,
        "bridge_port": None,
        "addresses": [
            {"address": address, "peer": None, "made_by_kernel": address.startswith("fe80")} for address in addresses
        ],
        **more,
    }


def space(name: str | None, *links: Info, **more: Any) -> Info:
    return {
        "name": name,
        "named": name is not None and not name.startswith("net:"),
        "owners": [],
        "processes": [],
        "links": [link("lo", kind="loopback"), *links],
        "routes": [],
        "neighbours": [],
        "sockets": [],
        "sysctls": {},
        "firewall": {"tables": [], "chains": [], "rules": [], "masquerade": []},
        **more,
    }


def port(name: str, **more: Any) -> Info:
    return {
        "name": name,
        "local": False,
        "type": "system",
        "tag": None,
        "trunks": [],
        "vlan_mode": None,
        "protected": False,
        "options": {},
        "interfaces": [name],
        "error": "",
        **more,
    }


def bridge(*ports: Info, **more: Any) -> Info:
    return {
        "name": "br0",
        "datapath_type": "netdev",
        "fail_mode": None,
        "works": True,
        "owners": [],
        "controllers": [],
        "ports": [port("br0", local=True), *ports],
        **more,
    }


def info(*spaces: Info, bridges: tuple[Info, ...] = (), **more: Any) -> Info:
    host = spaces[0] if spaces and spaces[0]["name"] is None else space(None)
    return {
        "host": host,
        "namespaces": [found for found in spaces if found["name"] is not None],
        "openvswitch": {"available": True, "reason": "", "running": True, "bridges": list(bridges)},
        "stale": [],
        "unreadable": [],
        **more,
    }


def route(destination: str, gateway: str | None = None, **more: Any) -> Info:
    return {
        "destination": destination,
        "gateway": gateway,
        "device": None,
        "table": 254,
        "protocol": "static",
        "version": 4,
        "type": "unicast",
        **more,
    }


def example() -> Info:
    host = space(
        None,
        link("br0", "10.0.0.254/24", bridge_port={"bridge": "br0", "port": "br0"}),
        link("tap0", peer=("red", "eth0"), bridge_port={"bridge": "br0", "port": "tap0"}),
        link("up0", "192.0.2.1/24"),
    )
    red = space(
        "red", link("eth0", "10.0.0.1/24", "fe80::1/64", peer=(None, "tap0")), routes=[route("default", "10.0.0.254")]
    )
    return info(host, red, bridges=(bridge(port("tap0", tag=7)),))


def test_a_bridge_a_port_and_a_namespace() -> None:
    assert tree(example()) == [
        "host",
        "├─ br0  10.0.0.254/24  (Open vSwitch, netdev)",
        "│  └─ tap0  VLAN 7  ── eth0 in red 10.0.0.1/24",
        "└─ up0  192.0.2.1/24  (tun)",
        "red",
        "├─ eth0  10.0.0.1/24  ── tap0 on the host",
        "└─ default via 10.0.0.254",
    ]


def test_nothing() -> None:
    unavailable = {"available": False, "reason": "Open vSwitch is not installed (there is no x): do y", "bridges": []}
    assert tree(info(openvswitch=unavailable)) == ["host", "└─ Open vSwitch is not installed", "no namespaces"]


def test_what_is_wrong_is_told() -> None:
    found = info(
        space(None, link("tap0", peer=(None, None), enabled=False)),
        space("net:[7]", link("eth0", state="lowerlayerdown")),
        bridges=(bridge(port("tap0", error="no such device"), works=False, owners=["lab"], fail_mode="secure"),),
        stale=["left"],
        unreadable=["rules"],
    )
    lines = tree(found)
    assert "├─ br0  (Open vSwitch, netdev)  secure  BROKEN  [lab]" in lines or (
        "└─ br0  (Open vSwitch, netdev)  secure  BROKEN  [lab]" in lines
    )
    assert any(
        "tap0  BROKEN (no such device)  down  ── a link in a namespace that was not found" in line for line in lines
    )
    assert "net:[7]  (without a name)" in lines
    assert any("eth0  (tun)  no carrier" in line for line in lines)
    assert "left (stale, no namespace stands behind the name)" in lines
    assert "not read - rules" in lines


def test_what_happens_in_a_namespace_is_told() -> None:
    process = {"pid": 7, "command": "/usr/bin/python3 -m\nhttp.server " + "x" * 90, "user": "nobody"}
    socket = {"protocol": "tcp", "address": "::", "port": 80, "version": 6, "processes": [process]}
    masquerade = {"source": "10.0.0.0/24", "out_interface": "up0", "owner": "lab"}
    firewall = {
        "rules": [{"owner": None, "verdict": "dnat"}, {"owner": None, "verdict": "drop"}],
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
    assert tree(info(red))[2:] == [
        "├─ default (IPv6) via fd00::1 dev eth0 table 7",
        "├─ forwards IPv4 and IPv6",
        "├─ masquerades 10.0.0.0/24 out of up0 [lab]",
        "├─ 1 NAT rule of somebody else",
        "├─ listens on tcp [::]:80 (python3)",
        "└─ process 7 of nobody - /usr/bin/python3 -m?http.server " + "x" * 35 + "...",
    ]


def test_of_many_namespaces_each_has_one_line() -> None:
    many = [space(f"n{number}", link("eth0", "10.0.0.1/24"), processes=[{}, {}]) for number in range(40)]
    lines = tree(info(*many))
    assert len(lines) == 41
    assert lines[1] == "n0  eth0  10.0.0.1/24  (tun); 2 processes"


def test_everyone_probes_everyone() -> None:
    blue = space("blue", link("eth0", "10.0.0.2/24", "fd00::2/64"))
    found = example()
    found["namespaces"].append(blue)
    legs = {(probe.get("namespace"), probe["to"]) for probe in probes(found)}
    assert legs == {
        (None, "10.0.0.1"),
        (None, "10.0.0.2"),
        ("red", "10.0.0.2"),
        ("red", "10.0.0.254"),
        ("blue", "10.0.0.1"),
        ("blue", "10.0.0.254"),
    }


def test_what_cannot_be_probed_is_not() -> None:
    down = space("down", link("eth0", "10.0.0.3/24", enabled=False))
    nameless = space("net:[7]", link("eth0", "10.0.0.4/24"))
    assert probes(info(down, nameless)) == []


def test_of_very_many_neighbours_and_gateways_only() -> None:
    host = space(None, link("br0", "10.0.255.254/16", bridge_port={"bridge": "br0", "port": "br0"}))
    many = [space(f"n{number}", link("eth0", f"10.0.{number // 250}.{number % 250 + 1}/16")) for number in range(500)]
    found = probes(info(host, *many))
    assert len(found) == 1000
    assert {probe["to"] for probe in found if probe.get("namespace") == "n7"} == {"10.0.0.9", "10.0.255.254"}
    assert len(probes(info(host, *many), legs_max=10**6)) == 500 * 500 + 500


def test_the_filters_refuse_what_is_no_result() -> None:
    mistakes: tuple[Any, ...] = ({}, "text", None, {"namespaces": []})
    for function in (tree_filter, probes_filter):
        for mistake in mistakes:
            with pytest.raises(AnsibleFilterError, match="topology_info"):
                function(mistake)
    assert tree_filter(example())
    assert len(probes_filter(example(), at_most=0)) == 1

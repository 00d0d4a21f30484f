# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The MTUs of a broadcast domain: the same for all, unless each one that differs is declared."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    errors_of,
    only_error_of,
)


def bridged(*interfaces: dict[str, Any], **bridge: Any) -> dict[str, Any]:
    return {
        "bridges": [{"name": "br0", **bridge}],
        "namespaces": [
            {"name": f"n{index}", "interfaces": [{"name": "eth0", "bridge": "br0", **options}]}
            for index, options in enumerate(interfaces)
        ],
    }


def linked(near: dict[str, Any], far: dict[str, Any]) -> dict[str, Any]:
    return {"links": [{"name": "l0", **near, "peer": {"name": "l1", **far}}]}


def patched(near: dict[str, Any], far: dict[str, Any], *between: str, **port: Any) -> dict[str, Any]:
    """Two namespaces, on bridges that patch ports connect, with these bridges between them."""
    names = ["br0", *between, "br1"]
    bridges: list[dict[str, Any]] = [{"name": name} for name in names]
    for bridge, name, to in zip(bridges, names, names[1:]):
        more = port if name == "br0" else {}
        bridge["ports"] = [{"name": f"{name}-{to}", "peer": {"bridge": to, "name": f"{to}-{name}"}, **more}]
    ends = [{"name": "eth0", "bridge": "br0", **near}, {"name": "eth0", "bridge": "br1", **far}]
    namespaces = [{"name": f"n{number}", "interfaces": [end]} for number, end in enumerate(ends)]
    return {"bridges": bridges, "namespaces": namespaces}


def uplinked(port: dict[str, Any], *interfaces: dict[str, Any], **host: Any) -> dict[str, Any]:
    links = [{"name": name, "mtu": mtu} for name, mtu in host.items()]
    more = {"host": {"interfaces": links}} if links else {}
    return {**bridged(*interfaces, ports=[{"name": "eth1", **port}]), **more}


ADDRESSES = ["10.0.0.254/24"]
JUMBO, V5, TRUNK = {"mtu": 9000}, {"tag": 5}, {"vlan_mode": "trunk", "trunks": [5]}


@pytest.mark.parametrize(
    ("variables", "path", "text"),
    [
        (
            bridged(JUMBO, {}),
            "topology_namespaces[1] (n1) interfaces[0] (eth0)",
            "topology_namespaces[0] (n0) interfaces[0] (eth0) on bridge 'br0' has 9000: larger packets than 1500 bytes",
        ),
        (bridged({}, {"mtu": 1400}), "topology_namespaces[0] (n0) interfaces[0] (eth0)", "than 1400 bytes"),
        (bridged({"tag": 5}, {"tag": 5, **JUMBO}), "topology_namespaces[0] (n0)", "on bridge 'br0' in VLAN 5 has 9000"),
        (bridged({}, mtu=1400), "topology_namespaces[0] (n0) interfaces[0] (eth0)", "topology_bridges[0] (br0)"),
        (
            bridged(JUMBO, {"tag": 5}, addresses=ADDRESSES),
            "topology_bridges[0] (br0)",
            "is omitted, and Open vSwitch gives it the smallest one of the bridge's ports, 1500, and topology_",
        ),
        (linked(JUMBO, {}), "topology_links[0] (l0) peer", "topology_links[0] (l0) at the other end has 9000"),
        (linked({}, {"mtu": 1400}), "topology_links[0] (l0)", "set `mtu: 1400`, or, if the difference is intended"),
        (patched({}, JUMBO), "topology_namespaces[0] (n0) interfaces[0] (eth0)", "on bridge 'br1' has 9000"),
        (patched({}, JUMBO, "mid"), "topology_namespaces[0] (n0) interfaces[0] (eth0)", "on bridge 'br1' has 9000"),
        (patched(V5, {**JUMBO, **V5}, "mid"), "topology_namespaces[0] (n0)", "on bridge 'br1' in VLAN 5 has 9000"),
        (patched({**JUMBO, **V5}, {}, **V5), "topology_namespaces[1] (n1)", "on bridge 'br0' in VLAN 5 has 9000"),
        (
            uplinked(JUMBO, {}),
            "topology_namespaces[0] (n0)",
            "topology_bridges[0] (br0) ports[0] (eth1) on bridge 'br0'",
        ),
        (uplinked({}, {}, eth1=9000), "topology_namespaces[0] (n0)", "ports[0] (eth1) on bridge 'br0' has 9000"),
        (uplinked(JUMBO, V5), "topology_namespaces[0] (n0)", "ports[0] (eth1) on bridge 'br0' in VLAN 5 has 9000"),
        (uplinked({**JUMBO, **V5}, V5), "topology_namespaces[0] (n0)", "on bridge 'br0' in VLAN 5 has 9000"),
        (
            uplinked({"name": "bond0", "members": ["eth1", "eth2"]}, {}, eth1=9000, eth2=9000),
            "topology_namespaces[0] (n0)",
            "ports[0] (bond0) on bridge 'br0' has 9000",
        ),
        (
            uplinked({"type": "internal", "addresses": ADDRESSES}, {"mtu": 1400, **V5}, JUMBO),
            "topology_bridges[0] (br0) ports[0] (eth1)",
            "is omitted, and Open vSwitch gives it the smallest one of the bridge's ports, 1400",
        ),
    ],
)
def test_an_mtu_that_differs_by_omission(variables: dict[str, Any], path: str, text: str) -> None:
    error = only_error_of(variables)
    assert error.startswith(path)
    assert ": mtu: is omitted, " in error
    assert text in error


@pytest.mark.parametrize(
    "variables",
    [
        bridged({}, {}, addresses=ADDRESSES),
        bridged(JUMBO, JUMBO, addresses=ADDRESSES),
        bridged(JUMBO, {"mtu": 1500}),
        bridged(JUMBO, mtu=1500),
        bridged({"mtu": 1500}, {}),
        bridged(JUMBO, {"tag": 5}),
        bridged(JUMBO, TRUNK),
        bridged(JUMBO, {"enabled": False}),
        bridged(JUMBO, {"tag": 5}, addresses=ADDRESSES, enabled=False),
        bridged(JUMBO, JUMBO, mtu=9000),
        patched({}, {}, "mid"),
        patched(JUMBO, {"mtu": 1500}, "mid"),
        patched({}, {**JUMBO, **V5}, "mid"),
        patched({}, JUMBO, **V5),
        patched(V5, {**JUMBO, **V5}, trunks=[6], vlan_mode="trunk"),
        uplinked({}, JUMBO),
        uplinked(JUMBO, JUMBO, {**V5, **JUMBO}),
        uplinked({**JUMBO, **V5}, {}),
        uplinked(JUMBO, {"mtu": 1500}),
        uplinked({**JUMBO, **TRUNK}, {}, {"mtu": 1500}),
        uplinked({"mtu": 1400, "type": "internal"}, V5),
        linked(JUMBO, JUMBO),
        linked(JUMBO, {"mtu": 1400}),
        linked(JUMBO, {"enabled": False}),
        {"namespaces": [{"name": "red", "interfaces": [{"name": "nic0", **JUMBO}]}]},
    ],
)
def test_mtus_that_fit_or_are_intended(variables: dict[str, Any]) -> None:
    assert compile_topology(variables)["summary"]


def test_there_is_one_error_for_a_domain_which_names_some() -> None:
    error = only_error_of(bridged(JUMBO, *({} for _index in range(300))))
    assert "set `mtu: 9000` here and for topology_namespaces[2] (n2) interfaces[0] (eth0), " in error
    assert "topology_namespaces[4] (n4) interfaces[0] (eth0) and 296 more, or, if" in error


def test_the_domains_are_reported_at_once() -> None:
    variables = {**bridged(JUMBO, {}, {"tag": 5}, {"tag": 5, **JUMBO}), **linked(JUMBO, {})}
    assert len(errors_of(variables)) == 3

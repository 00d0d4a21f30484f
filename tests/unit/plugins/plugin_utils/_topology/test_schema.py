# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of single values."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    errors_of,
    only_error_of,
    small,
)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"name": "a b"}, "topology_name: 'a b' cannot be an owner name"),
        ({"state": "presnt"}, "topology_state: 'presnt' is not one of present, absent"),
        ({"verify": "perhaps"}, "topology_verify: must be true or false"),
        (
            {"bridges": [{"name": "br0", "external_ids": "a=b"}]},
            "topology_bridges[0] (br0): external_ids: must be a dictionary",
        ),
        (
            {"bridges": [{"name": "br0", "external_ids": {"a": [1]}}]},
            "topology_bridges[0] (br0): external_ids: the value of 'a' must be a string",
        ),
        (
            {"bridges": [{"name": "br0", "datapath_type": "kernel"}]},
            "topology_bridges[0] (br0): datapath_type: 'kernel' is not one of auto, system, netdev",
        ),
        ({"namespaces": [{"name": ""}]}, "topology_namespaces[0]: name: a namespace name must not be empty"),
        ({"namespaces": [{"name": "a/b"}]}, "topology_namespaces[0] (a/b): name: 'a/b' has a '/' in it"),
        (
            {"namespaces": [{"name": "red", "nameservers": ["dns"]}]},
            "topology_namespaces[0] (red): nameservers[0]: 'dns' is not an IP address",
        ),
        (small(name="a" * 16), f"interfaces[0] ({'a' * 16}): name: '{'a' * 16}' is 16 characters long"),
        (small(name=""), "interfaces[0]: name: an interface name must not be empty"),
        (small(name="a/b"), "interfaces[0] (a/b): name: 'a/b' has a '/'"),
        (small(addresses=["10.0.0.1"]), "(eth0): addresses[0]: '10.0.0.1' has no prefix length"),
        (small(addresses=["10.0.0.300/24"]), "(eth0): addresses[0]: '10.0.0.300/24' is not an IPv4 address"),
        (small(mac="01:00:00:00:00:00"), "(eth0): mac: 01:00:00:00:00:00 is a group (multicast) address"),
        (small(mtu=20), "(eth0): mtu: 20 is not a valid MTU"),
        (small(tag=4095), "(eth0): tag: 4095 is not a valid VLAN ID"),
        (small(trunks=[1, "x"]), "(eth0): trunks[1]: VLAN ID must be a whole number, not 'x'"),
        (
            small(external_ids={"iface-id": "lsp1"}),
            "(eth0): external_ids: nobody reads `iface-id` in the table Port; use the option `iface_id`",
        ),
        (small(iface_id=""), "(eth0): iface_id: must be a non-empty string"),
        (small(vlan_mode="acces"), "(eth0): vlan_mode: 'acces' is not one of access, trunk"),
        (
            small(routes=[{"destination": "default", "gateway": "10.0.0.2/24"}]),
            "routes[0] (default): gateway: '10.0.0.2/24' has a prefix length",
        ),
        (
            small(routes=[{"destination": "10.9.0.1/16", "gateway": "10.0.0.2"}]),
            "routes[0] (10.9.0.1/16): destination: '10.9.0.1/16' is an address within a network, not a network; write",
        ),
        (
            small(routes=[{"destination": "default", "gateway": "10.0.0.2", "metric": -1}]),
            "metric: must be a whole number",
        ),
        (
            {"nat": [{"source": "10.0.0.1/24"}]},
            "topology_nat[0] (10.0.0.1/24): source: '10.0.0.1/24' is an address within",
        ),
        ({"nat": [{"source": "10.0.0.0"}]}, "topology_nat[0] (10.0.0.0): source: '10.0.0.0' has no prefix length"),
        ({"verify": "maybe"}, "topology_verify: must be true or false, not the string 'maybe'"),
        ({"prune": {}}, "topology_prune: must be true or false, not a dictionary"),
        ({"nat_backend": "pf"}, "topology_nat_backend: 'pf' is not one of auto, nftables, iptables"),
        ({"verify_outside": ["example.org"]}, "topology_verify_outside[0]: 'example.org' is not an IP address"),
        (
            {"verify_outside": ["198.51.100.1:0"]},
            "topology_verify_outside[0]: 0 is not a valid port; give a whole number from 1 to 65535",
        ),
        ({"verify_outside": [80]}, "topology_verify_outside[0]: must be ADDRESS or ADDRESS:PORT, not a number (80)"),
    ],
)
def test_one_error(variables: object, message: str) -> None:
    """Each error is reported once, with its place, and causes no others."""
    assert message in only_error_of(variables)


@pytest.mark.parametrize("path", ["", "a.mmd", "/b/c.md", "d.dot", "e.svg"])
def test_diagram_suffixes(path: str) -> None:
    assert compile_topology({"diagram": path}) == compile_topology({})


def test_diagram_without_a_known_suffix() -> None:
    assert errors_of({"diagram": "a.png"}) == [
        "topology_diagram: 'a.png' has none of the suffixes .mmd, .md, .dot, .svg, which select the format; add one"
    ]

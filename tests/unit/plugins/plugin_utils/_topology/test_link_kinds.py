# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interfaces that are created as links of a kind: their errors, their broadcast domains, and their entries."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.helpers.kinds import SAMPLES
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    Variables,
    errors_of,
    only_error_of,
)


def red(*interfaces: Any, **changes: Any) -> Variables:
    return {
        "bridges": [{"name": "br0"}],
        "namespaces": [{"name": "red", "interfaces": list(interfaces)}, {"name": "blue"}],
        **changes,
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_passed_on_as_it_is(kind: str) -> None:
    options = SAMPLES[kind]["create"]
    compiled = compile_topology(red({"name": "k0", "kind": kind, **options}))
    (entry,) = [entry for entry in compiled["links"] if entry["name"] == "k0"]
    assert entry == {"enabled": True, **options, "name": "k0", "namespace": "red", "kind": kind}
    gone = compile_topology(red({"name": "k0", "kind": kind, **options}, state="absent"))
    assert {"name": "k0", "namespace": "red", "kind": kind, "state": "absent"} in gone["links"]
    assert any(f"{kind} k0" in line for line in compiled["summary"])


def test_members_of_a_bridge() -> None:
    compiled = compile_topology(
        red(
            {"name": "eth0", "bridge": "br0", "master": "b0"},
            {"name": "b0", "kind": "bridge", "bridge": {"stp_state": 1}},
            {"name": "t0", "kind": "tap", "master": "b0"},
            links=[{"name": "l0", "namespace": "red", "master": "b0", "peer": {"name": "l1", "namespace": "blue"}}],
        )
    )
    assert [pair["name"] for pair in compiled["pairs"]] == ["eth0", "l0"]
    assert not any("master" in pair for pair in compiled["pairs"])
    assert compiled["links"][1:] == [
        {"name": "b0", "enabled": True, "namespace": "red", "kind": "bridge", "bridge": {"stp_state": 1}},
        {"name": "t0", "enabled": True, "namespace": "red", "kind": "tap", "master": "b0"},
        {"name": "eth0", "namespace": "red", "master": "b0"},
        {"name": "l0", "namespace": "red", "master": "b0"},
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "vlna"}, "kind: 'vlna' is not one of"),
        ({"kind": "vlan", "parent": {"name": "eth0"}}, "vlan.id: is required for a vlan"),
        ({"kind": "vlan", "vlan": {"id": 5}}, "parent: a vlan is on another link"),
        ({"kind": "vlan", "vlan": {"id": 4095}, "parent": {"name": "eth0"}}, "vlan: id: "),
        ({"kind": "vlan", "vlan": {"idd": 5, "id": 5}, "parent": {"name": "eth0"}}, "did you mean 'id'?"),
        ({"kind": "vlan", "vlan": {"id": 5}, "parent": {}}, "parent: name: is missing"),
        ({"kind": "dummy", "parent": {"name": "eth0"}}, "parent: a dummy is on no other link"),
        ({"kind": "dummy", "vlan": {"id": 5}}, "vlan: is for links of the kind vlan, and this one is a dummy"),
        ({"kind": "bridge", "bridge": "br0"}, "bridge: an interface with `kind` is not plugged into"),
        ({"kind": "bridge", "bridge": {"stp_state": 2}}, "stp_state: "),
        ({"kind": "macvlan", "macvlan": {"mode": "x"}, "parent": {"name": "e"}}, "mode: 'x' is not one of private"),
        ({"kind": "gre", "underlay": {}}, "underlay: the outer packets of a gre travel in its own namespace"),
        ({"kind": "dummy", "underlay": {}}, "underlay: is for tunnels"),
        ({"kind": "vxlan", "vxlan": {"id": 1}, "underlay": {"namespace": "green"}}, "'green' is not in `topology_"),
        ({"kind": "macvlan", "parent": {"name": "e9", "namespace": "blue"}}, "namespace 'blue' has no interface 'e9'"),
        ({"kind": "dummy", "tag": 5}, "tag: requires `bridge`"),
        ({"kind": "bond", "bond": {"updelay": "200"}}, "bond.updelay: is of no effect without `miimon`, which is 0"),
        (
            {"kind": "bond", "bond": {"miimon": "100", "updelay": 250}},
            "bond.updelay: 250 is not a multiple of `miimon`",
        ),
        ({"kind": "bond", "bond": {"lacp_rate": "fast"}}, "bond.lacp_rate: is for the mode 802.3ad, and this bond has"),
        ({"kind": "bridge", "bridge": {"stp_state": 1, "forward_delay": 4}}, "bridge.forward_delay: 4 is not valid"),
        ({"vlan": {"id": 5}}, "vlan: is for a link that is created; give its `kind`"),
        ({"parent": {"name": "eth0"}}, "parent: is for a link that is created; give its `kind`"),
        ({"kind": "dummy", "master": "b9"}, "master: namespace 'red' has no interface 'b9'"),
        ({"kind": "dummy", "master": "k0"}, "master: k0 cannot be a member of itself"),
        ({"kind": "dummy", "master": "d0"}, "master: 'd0' (topology_namespaces[0] (red) interfaces[1] (d0)) has no"),
    ],
)
def test_what_is_wrong_is_named(options: Variables, message: str) -> None:
    errors = errors_of(red({"name": "k0", **options}, {"name": "d0", "kind": "dummy"}))
    assert any(message in error for error in errors), errors
    assert all("topology_namespaces[0] (red) interfaces[0] (k0)" in error for error in errors)


def tenants(**vrf: Any) -> Variables:
    """Two tenants with the same addresses, on two bridges, each with an interface of one router."""
    sides = ((1, "a"), (2, "b"))
    return {
        "bridges": [{"name": f"br{name}"} for _number, name in sides],
        "namespaces": [
            {
                "name": "router",
                "sysctls": {"net.ipv4.ip_forward": 1},
                "interfaces": [
                    *({"name": name, "kind": "vrf", "vrf": {"table": 10 + number}} for number, name in sides if vrf),
                    *(
                        {
                            "name": f"eth{number}",
                            "bridge": f"br{name}",
                            "addresses": ["10.0.0.254/24" if vrf else f"10.{number}.0.254/24"],
                            **({"master": name} if vrf else {}),
                        }
                        for number, name in sides
                    ),
                ],
            },
            *(
                {
                    "name": f"pc{name}",
                    "interfaces": [
                        {
                            "name": "eth0",
                            "bridge": f"br{name}",
                            "addresses": ["10.0.0.1/24" if vrf else f"10.{number}.0.1/24"],
                        }
                    ],
                    "routes": [{"destination": "default", "gateway": "10.0.0.254" if vrf else f"10.{number}.0.254"}],
                }
                for number, name in sides
            ),
        ],
    }


def test_vrfs_have_the_same_addresses_and_are_not_followed() -> None:
    assert any(probe["to"] == "10.2.0.1" for probe in compile_topology(tenants())["probes"])
    compiled = compile_topology(tenants(vrf=True))
    assert compiled["probes"] == []
    assert {"name": "eth1", "namespace": "router", "master": "a"} in compiled["links"]
    apart = tenants(vrf=True)
    del apart["namespaces"][0]["interfaces"][2]["master"], apart["namespaces"][0]["interfaces"][3]["master"]
    assert "10.0.0.254 is already assigned in namespace 'router'" in only_error_of(apart)


def stick(**port: Any) -> Variables:
    """A router with two VLANs on one interface, and a namespace in each of them."""
    vlans = [
        {
            "name": f"vlan{number}",
            "kind": "vlan",
            "parent": {"name": "trunk", "namespace": "router"},
            "vlan": {"id": number},
            "addresses": [f"10.{number}.0.254/24"],
        }
        for number in (10, 20)
    ]
    others = [
        {
            "name": f"pc{number}",
            "interfaces": [{"name": "eth0", "bridge": "br0", "tag": number, "addresses": [f"10.{number}.0.1/24"]}],
            "routes": [{"destination": "default", "gateway": f"10.{number}.0.254"}],
        }
        for number in (10, 20)
    ]
    router = {
        "name": "router",
        "sysctls": {"net.ipv4.ip_forward": 1},
        "interfaces": [{"name": "trunk", "bridge": "br0", **port}, *vlans],
    }
    return {"bridges": [{"name": "br0"}], "namespaces": [router, *others]}


@pytest.mark.parametrize(
    ("port", "reached"),
    [
        ({}, True),
        ({"trunks": ["10-20"]}, True),
        ({"trunks": [10, 20], "tag": 5, "vlan_mode": "native-untagged"}, True),
        ({"trunks": [10]}, False),
        ({"tag": 10}, False),
    ],
)
def test_a_router_on_a_stick_is_followed(port: Variables, reached: bool) -> None:
    paths = {(probe.get("namespace"), probe["to"]) for probe in compile_topology(stick(**port))["probes"]}
    assert (("pc10", "10.20.0.1") in paths) is reached
    assert (("pc20", "10.20.0.254") in paths) is reached


def test_the_same_address_in_one_vlan_is_refused() -> None:
    variables = stick()
    variables["namespaces"][1]["interfaces"][0]["addresses"] = ["10.10.0.254/24"]
    del variables["namespaces"][1]["routes"]
    assert "10.10.0.254 is already assigned on bridge 'br0'" in " ".join(errors_of(variables))

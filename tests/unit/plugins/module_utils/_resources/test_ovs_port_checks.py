# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The VLANs of an entry, and those that an existing port keeps; links that are members of others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Port
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import PortState
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.ovs_ports import (
    LAB,
    NEAR,
    bridge,
    interface,
    links,
    plan,
    port,
    state,
    wanted,
)


@pytest.mark.parametrize(
    ("there", "options", "message"),
    [
        ({"vlan_mode": "trunk"}, {"tag": 10}, "tag: it has no effect, because the port t1 has `vlan_mode: trunk`"),
        ({"vlan_mode": "access"}, {"trunks": [10]}, "trunks: it has no effect, .* has `vlan_mode: access`; give"),
        ({"vlan_mode": "dot1q-tunnel"}, {"trunks": [10]}, "trunks: .* has `vlan_mode: dot1q-tunnel`"),
        ({"tag": 5}, {"trunks": [10]}, "trunks: .* has `tag: 5` and no `vlan_mode`"),
    ],
)
def test_a_vlan_without_an_effect_is_refused(there: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(FabricError, match=message):
        plan(state(bridge(port(**there))), wanted(**options))


@pytest.mark.parametrize(
    ("there", "options"),
    [
        ({"vlan_mode": "native-untagged"}, {"tag": 10}),
        ({"vlan_mode": "trunk"}, {"tag": 10, "vlan_mode": "access"}),
        ({"trunks": (5,)}, {"tag": 10}),
        ({"tag": 5}, {"trunks": []}),
        ({"tag": 5}, {"trunks": [10], "vlan_mode": "native-tagged"}),
        ({"tag": 5}, {"trunks": [10], "vlan_mode": "trunk"}),
    ],
)
def test_a_vlan_with_an_effect_is_written(there: dict[str, Any], options: dict[str, Any]) -> None:
    assert plan(state(bridge(port(**there))), wanted(**options)).changed == (options.get("trunks") != [])


@pytest.mark.parametrize("found", [state(bridge()), state(bridge(port())), state(bridge(port(vlan_mode="access")))])
@pytest.mark.parametrize("call", [{}, {"options": {"exact": True}}, {"check_mode": True}])
def test_inner_vlans_need_their_mode_at_a_port_of_any_state(found: PortState, call: dict[str, Any]) -> None:
    with pytest.raises(FabricError, match=r"cvlans: .*give `vlan_mode: dot1q-tunnel` as well"):
        plan(found, wanted(bridge="br", cvlans=["10"]), **call)
    assert plan(found, wanted(bridge="br", cvlans=["10"], vlan_mode="dot1q-tunnel"), **call).changed


def test_inner_vlans_of_a_tunnel_of_vlans_are_changed_alone() -> None:
    found = state(bridge(port(vlan_mode="dot1q-tunnel")))
    assert plan(found, wanted(cvlans=["10"])).changed
    with pytest.raises(FabricError, match="cvlans: "):  # an exact call removes the mode
        plan(found, wanted(cvlans=["10"]), options={"exact": True})


def bond(**columns: Value) -> Port:
    """Return a bond with these columns."""
    return Port("bond0", (interface("x"), interface("y")), row=Row("Port", "bond0", columns))


PAIR = links([Link(3, "x"), Link(4, "y")])


@pytest.mark.parametrize(
    ("there", "options", "option"),
    [
        (None, {"members": ["x", "y"], "bond_mode": "balance-tcp"}, "bond_mode"),
        ({}, {"bond_mode": "balance-tcp"}, "bond_mode"),
        ({"lacp": "off"}, {"members": ["x", "y"], "bond_mode": "balance-tcp"}, "bond_mode"),
        ({"bond_mode": "balance-tcp", "lacp": "active"}, {"lacp": "off"}, "lacp"),
    ],
)
def test_a_bond_by_connection_without_lacp_is_refused(
    there: dict[str, Value] | None, options: dict[str, Any], option: str
) -> None:
    ports = [] if there is None else [bond(**there)]
    with pytest.raises(FabricError, match=f"{option}: `balance-tcp` requires LACP"):
        plan(state(bridge(*ports), kernel=PAIR), wanted(name="bond0", bridge="br", **options))


@pytest.mark.parametrize(
    ("there", "options"),
    [
        (None, {"members": ["x", "y"], "bond_mode": "balance-tcp", "lacp": "passive"}),
        ({"lacp": "active"}, {"bond_mode": "balance-tcp"}),
        ({"bond_mode": "balance-tcp"}, {"lacp": "active"}),
        # What was done by hand stays.
        ({"bond_mode": "balance-tcp"}, {"bond_mode": "balance-tcp", "tag": 7}),
    ],
)
def test_a_bond_by_connection_has_lacp(there: dict[str, Value] | None, options: dict[str, Any]) -> None:
    ports = [] if there is None else [bond(**there)]
    assert plan(state(bridge(*ports), kernel=PAIR), wanted(name="bond0", bridge="br", **options)).changed


BY_HAND: dict[str, Any] = {"tag": 0, "trunks": (7,), "vlan_mode": "trunk", "protected": True}


def test_an_exact_call_removes_what_is_omitted() -> None:
    found = state(bridge(port(**BY_HAND)))
    assert plan(found, wanted()).commands == []
    result = plan(found, wanted(), options={"exact": True})
    assert result.commands == ["ovs-vsctl set Port t1 'tag=[]' 'trunks=[]' 'vlan_mode=[]' protected=false"]
    assert result.diff[0]["after"] == "protected: false\ntag: -\ntrunks: -\nvlan_mode: -\n"
    result = plan(found, wanted(tag=10, protected=True), options={"exact": True})
    assert result.commands == ["ovs-vsctl set Port t1 tag=10 'trunks=[]' 'vlan_mode=[]'"]


@pytest.mark.parametrize(("owners", "cleared"), [({}, False), (LAB, True)])
def test_an_exact_call_of_an_owner_leaves_other_ports_alone(owners: dict[str, str], cleared: bool) -> None:
    found = state(bridge(port(**BY_HAND, external_ids=owners)))
    assert plan(found, wanted(), owner="lab", options={"exact": True}).changed == cleared


@pytest.mark.parametrize("datapath", ["netdev", "system"])
@pytest.mark.parametrize("kind", ["bridge", "bond", "vrf", "team"])
def test_a_member_of_a_link_of_the_kernel_is_refused(kind: str, datapath: str) -> None:
    kernel = links((Link(3, "m0", kind), replace(NEAR, master=3)))
    there = state(bridge(datapath_type=datapath), kernel=kernel)
    with pytest.raises(
        FabricError, match=f"name: the link t1 is a member of m0, a link of the kind {kind}, .*nomaster"
    ):
        plan(there, wanted(bridge="br"))


def test_a_member_of_the_kernel_datapath_is_a_port() -> None:
    kernel = links((Link(3, "ovs-system", "openvswitch"), replace(NEAR, master=3)))
    assert not plan(state(bridge(port(), datapath_type="system"), kernel=kernel, system_works=True), wanted()).changed

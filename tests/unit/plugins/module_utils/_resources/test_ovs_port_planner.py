# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How ports are converged."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Plan
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import SetPort
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import PortState
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.ovs_ports import (
    CHECKSUM_OFF,
    LAB,
    OTHER,
    PEER,
    both,
    bridge,
    interface,
    links,
    plan,
    port,
    state,
    wanted,
)

# Adding


def test_a_new_port_has_all_options() -> None:
    entry = wanted(
        bridge="br",
        tag=7,
        vlan_mode="native-untagged",
        trunks=[9, 8, 9],
        mtu=1400,
        protected=True,
        external_ids={"k": 1},
        other_config={"o": True},
        options={"p": "q"},
    )
    result = plan(state(bridge()), entry, owner="lab")
    assert result.commands == [
        (
            "ovs-vsctl add-port br t1 tag=7 'trunks=[8,9]' vlan_mode=native-untagged protected=true "
            "'external_ids:k=\"1\"' 'other_config:o=\"true\"' 'external_ids:\"netns.fabric/lab\"=owner' "
            "-- set Interface t1 mtu_request=1400 options:p=q"
        )
    ]
    before, after = both(result)
    assert before is None
    assert (after["bridge"], after["type"], after["mtu"], after["owners"]) == ("br", "system", 1400, ["lab"])


@pytest.mark.parametrize("kind", [None, "", "system"])
def test_a_port_is_a_link_of_the_host_by_default(kind: str | None) -> None:
    assert plan(state(bridge()), wanted(bridge="br", type=kind)).commands == ["ovs-vsctl add-port br t1"]


def test_an_internal_port_creates_its_link() -> None:
    result = plan(state(bridge()), wanted(name="i2", bridge="br", type="internal", mac="02:00:00:00:00:0A"))
    assert result.commands == ["ovs-vsctl add-port br i2 -- set Interface i2 type=internal 'mac=\"02:00:00:00:00:0a\"'"]


@pytest.mark.parametrize(("name", "refused"), [("f81d4", True), ("f81", False), ("f81d5", False)])
def test_the_beginning_of_a_uuid_that_is_a_name_is_refused(name: str, refused: bool) -> None:
    """Ovs-vsctl would find two rows by it."""
    found = state(bridge(port("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")))
    entry = wanted(name=name, bridge="br", type="internal")
    if not refused:
        assert plan(found, entry).changed
        return
    with pytest.raises(FabricError, match=r"name: ovs-vsctl takes f81d4 for an abbreviation of the port f81d4fae-"):
        plan(found, entry)


def test_the_identifier_of_an_interface_is_set_kept_and_removed() -> None:
    result = plan(state(bridge()), wanted(bridge="br", iface_id="lsp 1"))
    assert result.commands == ["ovs-vsctl add-port br t1 -- set Interface t1 'external_ids:iface-id=\"lsp 1\"'"]
    found = state(bridge(port(own=interface("t1", external_ids={"iface-id": "lsp1", "k": "v"}))))
    assert plan(found, wanted(iface_id="lsp1")).commands == plan(found, wanted()).commands == []
    result = plan(found, wanted(iface_id=""))
    assert result.commands == ["ovs-vsctl remove Interface t1 external_ids iface-id"]
    assert both(result) == ({"iface_id": "lsp1"}, {"iface_id": None})


def test_a_patch_port_may_have_a_long_name() -> None:
    result = plan(state(bridge()), wanted(name="patch-to-the-other", bridge="br", type="patch", options={"peer": "x"}))
    assert "type=patch options:peer=x" in result.commands[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "gone", "bridge": "br"}, r"name: the link gone does not exist on the host; create it first.*veth"),
        (
            {"name": "eth0", "bridge": "br"},
            r"eth0 does not exist on the host \(there is one in the namespace red\)",
        ),
        (
            {"bridge": "none"},
            r"bridge: the bridge none does not exist \(existing bridges: br\); create it .*ovs_bridge",
        ),
        ({}, r"bridge: the port t1 does not exist yet; `bridge` is required to create it"),
        (
            {"bridge": "br", "type": "nonsense"},
            r"type: .* not support the type nonsense; use one of internal, patch",
        ),
        ({"bridge": "br", "mac": "02:00:00:00:00:01"}, r"mac: .*internal ports only"),
        ({"bridge": "br", "type": "vxlan", "mtu": 1400}, r"mtu: a port of type vxlan"),
        ({"bridge": "br", "type": "internal"}, r"name: there is a veth link t1 on the host.*ip link del dev t1"),
        ({"bridge": "br", "type": "patch", "name": "p"}, r"options: a patch port requires `peer`"),
        ({"bridge": "br", "name": "x" * 16}, r"name: .*16 characters long"),
        ({"bridge": "fake"}, r"bridge: fake is a VLAN bridge.*use the bridge br with `tag: 5`"),
        ({"name": "fake", "bridge": "br"}, r"name: fake is a VLAN bridge"),
        ({"name": "y", "bridge": "br"}, r"name: y is an interface of the bond bond0 on br"),
        ({"name": "bond0", "iface_id": "a"}, r"iface_id: bond0 is a bond of x, y, and only a port of one interface"),
        ({"name": "b2", "bridge": "br", "members": ["x", "t1"]}, r"members: x is on the port bond0 of the bridge br"),
        ({"name": "br", "members": ["t1", "t2"]}, r"members: br is a port of one interface"),
        ({"bridge": "br", "bond_mode": "balance-slb"}, r"bond_mode: it has no effect on t1"),
        ({"name": "br", "bridge": "other"}, r"bridge: br is a bridge and cannot be a port of other.*patch"),
        ({"name": "br", "type": "system"}, r"type: br is a bridge's own port"),
    ],
)
def test_an_impossible_port_is_refused(options: dict[str, Any], message: str) -> None:
    bond = Port("bond0", (interface("x"), interface("y")))
    fake = Port("fake", (interface("fake", "internal"),), fake_bridge=True, tag=5)
    with pytest.raises(FabricError, match=message):
        plan(state(bridge(bond, fake)), wanted(**options))


def test_a_bridge_that_does_not_work_is_an_error_of_a_real_run() -> None:
    broken = Bridge("br", "system", ports=(Port("br", (Interface("br", type="internal"),)),))
    with pytest.raises(FabricError, match=r"has not set up the bridge br .datapath type system"):
        plan(state(broken), wanted(bridge="br"))
    assert plan(state(broken), wanted(bridge="br"), check_mode=True).changed


def test_two_wrong_entries_give_two_errors() -> None:
    with pytest.raises(InvalidEntries) as failure:
        plan(state(bridge()), wanted(name="gone", bridge="br"), wanted(bridge="none"), wanted(name="br"))
    assert [str(error).split(":")[0:2] for error in failure.value.errors] == [["gone", " name"], ["t1", " bridge"]]


# Changing


def test_a_port_as_wanted_is_unchanged() -> None:
    existing = port(
        own=interface("t1", mtu_request=1400, options={"p": "q"}),
        tag=7,
        trunks=(8, 9),
        vlan_mode="native-tagged",
        protected=True,
        external_ids={"k": "1", "more": "x"},
    )
    entry = wanted(
        bridge="br",
        type="system",
        tag=7,
        trunks=[9, 8],
        vlan_mode="native-tagged",
        mtu=1400,
        protected=True,
        options={"p": "q", "gone": None},
        external_ids={"k": 1},
    )
    assert plan(state(bridge(existing)), entry) == Plan()


def test_omitted_is_untouched() -> None:
    existing = port(own=interface("t1", mtu_request=9000), tag=7, trunks=(8,), vlan_mode="access", protected=True)
    assert not plan(state(bridge(existing)), wanted()).changed


def test_options_are_applied_to_an_existing_port() -> None:
    existing = port(tag=5, trunks=(8,), external_ids={"a": "1", "b": "2"})
    result = plan(state(bridge(existing)), wanted(tag=7, trunks=[], mtu=1400, external_ids={"a": None, "c": "3"}))
    assert result.commands == [
        (
            "ovs-vsctl set Port t1 tag=7 'trunks=[]' 'external_ids:c=\"3\"' -- remove Port t1 external_ids a "
            "-- set Interface t1 mtu_request=1400"
        )
    ]
    assert both(result) == (
        {"tag": 5, "trunks": (8,), "mtu": None, "external_ids": {"a": "1", "c": None}},
        {"tag": 7, "trunks": (), "mtu": 1400, "external_ids": {"a": None, "c": "3"}},
    )


def test_a_bond_whose_members_are_all_new_gets_its_settings() -> None:
    bond = Port("bond0", (interface("x"), interface("y")), row=Row("Port", "bond0"), trunks=(8,), external_ids=OTHER)
    found = state(bridge(bond), kernel=links([Link(3, "t2"), Link(4, "t3")]))
    entry = wanted(name="bond0", members=["t2", "t3"], tag=7, bond_mode="balance-slb")
    result = plan(found, entry, owner="lab", options={"exact": True})
    assert result.commands == [
        "ovs-vsctl add-bond-iface bond0 t2 -- add-bond-iface bond0 t3",
        ("ovs-vsctl set Port bond0 tag=7 bond_mode=balance-slb 'trunks=[]' 'external_ids:\"netns.fabric/lab\"=owner'"),
        "ovs-vsctl -- --if-exists del-bond-iface bond0 x -- --if-exists del-bond-iface bond0 y",
    ]
    written = result.changes[0].operations[2]
    assert isinstance(written, SetPort)
    assert written.undo(found.switch) == [
        ("set", "Port", "bond0", "tag=[]", "bond_mode=[]", "trunks=[]"),
        ("remove", "Port", "bond0", "external_ids", '"netns.fabric/lab"'),
    ]


def test_a_trunk_has_no_tag() -> None:
    result = plan(state(bridge(port(tag=5))), wanted(vlan_mode="trunk"))
    assert result.commands == ["ovs-vsctl set Port t1 'tag=[]' vlan_mode=trunk"]
    assert not plan(state(bridge(port(vlan_mode="trunk"))), wanted(vlan_mode="trunk")).changed


def test_a_port_on_another_bridge_moves_with_its_row() -> None:
    actual = state(bridge(port(tag=5)), bridge(name="b2"))
    result = plan(actual, wanted(bridge="b2", tag=6))
    assert result.commands == [
        "ovs-vsctl -- --id=@port_t1 get Port t1 -- remove Bridge br ports @port_t1 -- add Bridge b2 ports @port_t1",
        "ovs-vsctl set Port t1 tag=6",
    ]
    assert both(result) == ({"bridge": "br", "tag": 5}, {"bridge": "b2", "tag": 6})


def test_another_type_is_set() -> None:
    tunnel = port("v1", interface("v1", "vxlan", options={"remote_ip": "192.0.2.1"}))
    result = plan(state(bridge(tunnel)), wanted(name="v1", type="patch", options={"peer": "p", "remote_ip": None}))
    assert result.commands == [
        "ovs-vsctl set Interface v1 type=patch options:peer=p -- remove Interface v1 options remote_ip"
    ]


def test_an_internal_port_does_not_become_a_link_of_the_host() -> None:
    actual = state(bridge(port("i1", interface("i1", "internal"))), kernel=links([Link(5, "i1", "tun")]))
    with pytest.raises(FabricError, match=r"type: i1 is an internal port, and its link is deleted with its type"):
        plan(actual, wanted(name="i1", type="system"))


def test_a_bridges_own_port_takes_settings() -> None:
    assert plan(state(bridge()), wanted(name="br", tag=7)).commands == ["ovs-vsctl set Port br tag=7"]


@pytest.mark.parametrize(
    ("kind", "error", "warned"),
    [
        ("vxlan", "something", True),
        ("patch", "No usable peer", False),
        ("vxlan", "", False),
    ],
)
def test_an_error_of_an_unchanged_port_is_a_warning(kind: str, error: str, warned: bool) -> None:
    existing = port("v1", interface("v1", kind, error=error))
    result = plan(state(bridge(existing)), wanted(name="v1"))
    assert not result.changed
    assert any("something" in warning for warning in result.warnings) is warned


# Check mode on a host that an earlier task would have changed


def test_check_mode_assumes_bridge_and_link() -> None:
    result = plan(state(kernel=links([], None)), wanted(bridge="br", peer=PEER), check_mode=True)
    assert result.commands == ["ovs-vsctl add-port br t1", CHECKSUM_OFF]
    assert result.warnings == ("Check mode: assuming an earlier task creates bridge br, link host/t1",)


def test_check_mode_assumes_the_kernel_datapath_of_a_new_bridge_where_that_works() -> None:
    actual = state(kernel=links([], None), system_works=True)
    assert plan(actual, wanted(bridge="br", peer=PEER), check_mode=True).commands == ["ovs-vsctl add-port br t1"]


# Removing and owning


def test_a_missing_port_is_absent() -> None:
    assert not plan(state(), wanted(state="absent")).changed
    assert not plan(state(bridge()), wanted(state="absent", bridge="br")).changed


def test_it_is_removed_from_the_bridge_that_it_is_on() -> None:
    actual = state(bridge(port()), bridge(name="b2"))
    result = plan(actual, wanted(state="absent", bridge="b2"))
    assert result.commands == ["ovs-vsctl -- --if-exists del-port br t1"]
    assert both(result) == ({"bridge": "br", "type": "system"}, None)


def test_a_bridges_own_port_is_not_removed() -> None:
    with pytest.raises(FabricError, match=r"br is a bridge's own port, which is deleted with the bridge only"):
        plan(state(bridge()), wanted(name="br", state="absent"))


@pytest.mark.parametrize(
    ("external_ids", "outcome"),
    [({}, "left alone"), (OTHER, "left alone"), (LAB, "deleted"), ({**LAB, **OTHER}, "disowned")],
)
@pytest.mark.parametrize("pruned", [False, True])
def test_with_an_owner_the_last_owner_deletes_it(external_ids: dict[str, str], outcome: str, pruned: bool) -> None:
    entries = () if pruned else (wanted(state="absent"),)
    result = plan(state(bridge(port(external_ids=external_ids))), *entries, owner="lab", prune=pruned)
    commands = {
        "left alone": [],
        "deleted": ["ovs-vsctl -- --if-exists del-port br t1"],
        "disowned": ["ovs-vsctl remove Port t1 external_ids '\"netns.fabric/lab\"'"],
    }
    assert result.commands == commands[outcome]
    warnings = {
        "left alone": () if pruned else ("t1: the port t1 is not owned by lab; left alone",),
        "deleted": (),
        "disowned": ("t1: the port t1 is also owned by other; it stays, and lab no longer owns it",),
    }
    assert result.warnings == warnings[outcome]


@pytest.mark.parametrize(
    ("external_ids", "owners"), [({}, None), (LAB, None), (OTHER, ["lab", "other"]), ({**LAB, **OTHER}, None)]
)
def test_an_owner_is_added_to_other_owners_only(external_ids: dict[str, str], owners: list[str] | None) -> None:
    result = plan(state(bridge(port(external_ids=external_ids))), wanted(), owner="lab")
    assert [dict(change.after or {}) for change in result.changes] == ([{"owners": owners}] if owners else [])


def test_prune_spares_listed_ports_ports_of_others_and_a_bridges_own_port() -> None:
    ports = [port(name, external_ids=LAB) for name in ("a", "t1", "z")]
    own = Port("b2", (interface("b2", "internal"),), external_ids=LAB)
    actual = state(
        bridge(*ports, port("foreign"), port("theirs", external_ids=OTHER)), Bridge("b2", "netdev", ports=(own,))
    )
    result = plan(actual, wanted(), owner="lab", prune=True)
    assert result.commands == [f"ovs-vsctl -- --if-exists del-port br {name}" for name in ("a", "z")]


def test_without_open_vswitch_there_is_nothing_to_prune() -> None:
    assert plan(PortState(Switch(running=False)), owner="lab", prune=True) == Plan()

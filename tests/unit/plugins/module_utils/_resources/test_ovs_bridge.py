# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How bridges are converged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import Attachments
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import Rules
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_bridge import BridgeResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_bridge_model import BridgeState, WantedBridge

LAB = {"netns.fabric/lab": "owner"}
OTHER = {"netns.fabric/other": "owner"}
DISOWNED = "; it stays, and lab no longer owns it"


def port(name: str, kind: str = "system", **attributes: Any) -> Port:
    return Port(name, (Interface(name, type=kind, ofport=1),), **attributes)


def bridge(name: str = "br", datapath_type: str = "netdev", ports: tuple[Port, ...] = (), **attributes: Any) -> Bridge:
    return Bridge(name, datapath_type, ports=(port(name, "internal"), *ports), row=Row("Bridge", name), **attributes)


def broken(name: str = "br", datapath_type: str = "system") -> Bridge:
    """One that ovs-vswitchd has not set up."""
    return Bridge(name, datapath_type, ports=(Port(name, (Interface(name, type="internal"),)),))


def state(*bridges: Bridge, **attributes: Any) -> BridgeState:
    return BridgeState(Switch(bridges, running=True), **attributes)


def wanted(**options: Any) -> WantedBridge:
    options = {"name": "br", "state": "present", **options}
    return BridgeResource().desired(Entry(str(options["name"])), options)


def plan(actual: BridgeState, *entries: WantedBridge, **call: Any) -> Plan:
    return BridgeResource().plan(actual, Call(entries, **call))


def after(result: Plan) -> Mapping[str, Any] | None:
    (change,) = result.changes
    return change.after


def test_capitals_in_a_hardware_address_are_no_change() -> None:
    capitals = wanted(other_config={"hwaddr": "02:00:00:00:00:AB"})
    for present in ("02:00:00:00:00:ab", "02:00:00:00:00:AB"):
        assert not plan(state(bridge(other_config={"hwaddr": present})), capitals).changed
    (command,) = plan(state(bridge()), capitals).commands
    assert command == "ovs-vsctl set Bridge br 'other_config:hwaddr=\"02:00:00:00:00:ab\"'"
    removal = plan(state(bridge(other_config={"hwaddr": "02:00:00:00:00:ab"})), wanted(other_config={"hwaddr": None}))
    assert removal.commands == ["ovs-vsctl remove Bridge br other_config hwaddr"]


# What a dead ovs-vswitchd left


@pytest.mark.parametrize(
    ("system_works", "commands"),
    [
        (True, ["ip link del dev br", "ovs-vsctl add-br br"]),
        (False, ["ip link del dev br", "ovs-vsctl add-br br -- set Bridge br datapath_type=netdev"]),
    ],
)
def test_a_device_that_was_left_behind_makes_way_for_a_new_bridge(system_works: bool, commands: list[str]) -> None:
    found = state(system_works=system_works, kinds={"br": "tun"}, left_behind=frozenset({"br"}))
    result = plan(found, wanted(datapath_type="auto"))
    assert result.commands == commands


def test_a_device_that_was_left_behind_is_deleted_with_its_bridge() -> None:
    assert plan(state(left_behind=frozenset({"br"})), wanted(state="absent")).commands == ["ip link del dev br"]
    assert plan(state(), wanted(state="absent")).commands == []


# Omitted options


SECURE = {"fail_mode": "secure"}


@pytest.mark.parametrize(
    ("call", "owners", "rules", "cleared", "warned"),
    [
        ({}, {}, Rules(0), False, True),
        ({}, {}, Rules(1), False, False),
        ({}, {}, None, False, False),
        ({"options": {"exact": True}}, {}, Rules(0), True, False),
        ({"options": {"exact": True}}, {}, Rules(1), False, False),
        ({"options": {"exact": True}, "owner": "lab"}, LAB, Rules(0), True, False),
        ({"options": {"exact": True}, "owner": "lab"}, {}, Rules(0), False, True),
        # The owner's own rules are added again.
        ({"options": {"exact": True}, "owner": "lab"}, LAB, Rules(2, 2), True, False),
        ({"options": {"exact": True}, "owner": "lab"}, LAB, Rules(3, 2), False, False),
    ],
)
def test_a_mode_with_which_a_bridge_forwards_nothing(
    call: dict[str, Any], owners: dict[str, str], rules: Rules | None, cleared: bool, warned: bool
) -> None:
    found = bridge(fail_mode="secure", external_ids=owners)
    result = plan(state(found, rules={"br": rules}), wanted(), **call)
    assert result.commands == (["ovs-vsctl set Bridge br 'fail_mode=[]'"] if cleared else [])
    assert any("br forwards nothing: its fail_mode is secure" in warning for warning in result.warnings) == warned


def test_an_exact_call_clears_an_mtu_that_is_omitted() -> None:
    local = Port("br", (Interface("br", type="internal", ofport=1, mtu_request=1300),))
    found = Bridge("br", "netdev", ports=(local,), row=Row("Bridge", "br"))
    assert plan(state(found), wanted()).commands == []
    exact = plan(state(found), wanted(), options={"exact": True})
    assert exact.commands == ["ovs-vsctl set Interface br 'mtu_request=[]'"]


# Creating


@pytest.mark.parametrize(
    ("asked", "system_works", "chosen"),
    [
        (None, False, "netdev"),
        (None, True, "system"),
        ("auto", False, "netdev"),
        ("auto", True, "system"),
        ("netdev", True, "netdev"),
        ("system", True, "system"),
    ],
)
def test_a_new_bridge_has_a_datapath_that_works(asked: str | None, system_works: bool, chosen: str) -> None:
    result = plan(state(system_works=system_works), wanted(datapath_type=asked))
    assert after(result) == {"datapath_type": chosen}
    assert result.results == {"bridges": [{"name": "br", "datapath_type": chosen}]}
    stored = " -- set Bridge br datapath_type=netdev" if chosen == "netdev" else ""
    assert result.commands == [f"ovs-vsctl add-br br{stored}"]


def test_the_kernel_datapath_is_refused_where_there_is_none() -> None:
    with pytest.raises(FabricError, match=r"br: datapath_type: .*module openvswitch is missing.*`auto`"):
        plan(state(), wanted(datapath_type="system"))


def test_a_new_bridge_has_all_options() -> None:
    result = plan(
        state(),
        wanted(
            fail_mode="secure",
            mac="02:00:00:00:00:0A",
            external_ids={"n": 5, "flag": True, "none": None, "text": 'x,y=z "q"'},
            other_config={"mac-aging-time": 60},
            protocols=["OpenFlow14", "OpenFlow13", "OpenFlow13"],
        ),
        owner="lab",
    )
    assert after(result) == {
        "datapath_type": "netdev",
        "fail_mode": "secure",
        "external_ids": {"n": "5", "flag": "true", "text": 'x,y=z "q"'},
        "other_config": {"mac-aging-time": "60", "hwaddr": "02:00:00:00:00:0a"},
        "protocols": ("OpenFlow13", "OpenFlow14"),
        "owners": ["lab"],
    }


@pytest.mark.parametrize("kind", ["veth", "bridge", "physical", "tun"])
def test_a_link_of_that_name_is_a_conflict(kind: str) -> None:
    with pytest.raises(FabricError, match=rf"br: name: there is a {kind} link br on the host.*ip link del dev br"):
        plan(state(system_works=True, kinds={"br": kind}), wanted())


@pytest.mark.parametrize(("kind", "system_works"), [("openvswitch", True), ("tun", False)])
def test_the_link_of_a_killed_daemon_is_taken_over(kind: str, system_works: bool) -> None:
    actual = state(system_works=system_works, kinds={"br": kind})
    assert plan(actual, wanted()).changed


@pytest.mark.parametrize(
    ("taken", "message"),
    [
        (port("x"), r"x is already a port of the bridge br.*ovs-vsctl del-port x"),
        (Port("x", (Interface("x"),), fake_bridge=True), r"x is a VLAN bridge"),
        (Port("bond0", (Interface("x"), Interface("y"))), r"x is an interface of the bond bond0"),
    ],
)
def test_a_name_that_open_vswitch_uses_already_is_refused(taken: Port, message: str) -> None:
    with pytest.raises(FabricError, match=message):
        plan(state(bridge(ports=(taken,))), wanted(name="x"))


def test_two_wrong_entries_give_two_errors() -> None:
    actual = state(kinds={"a": "veth", "b": "bridge"})
    with pytest.raises(InvalidEntries) as failure:
        plan(actual, wanted(name="a"), wanted(name="b"), wanted(name="c"))
    assert [str(error).split(":")[0:2] for error in failure.value.errors] == [["a", " name"], ["b", " name"]]


# Changing


def test_a_bridge_as_wanted_is_unchanged() -> None:
    actual = state(
        bridge(
            fail_mode="secure",
            protocols=("OpenFlow13",),
            external_ids={"a": "1", "more": "x"},
            other_config={"hwaddr": "02:00:00:00:00:0A"},
        )
    )
    entry = wanted(
        datapath_type="auto",
        fail_mode="secure",
        protocols=["OpenFlow13"],
        external_ids={"a": 1, "gone": None},
        mac="02:00:00:00:00:0a",
    )
    assert not plan(actual, entry).changed


def test_omitted_is_untouched() -> None:
    actual = state(bridge(fail_mode="secure", protocols=("OpenFlow13",), external_ids={"a": "1"}))
    assert not plan(actual, wanted()).changed


def test_a_list_is_exact_and_a_map_is_compared_key_by_key() -> None:
    actual = state(bridge(protocols=("OpenFlow13",), external_ids={"a": "1", "b": "2", "c": "3"}))
    result = plan(actual, wanted(protocols=[], external_ids={"a": "9", "b": None, "d": "4"}))
    (change,) = result.changes
    assert change.before == {"protocols": ("OpenFlow13",), "external_ids": {"a": "1", "b": "2", "d": None}}
    assert change.after == {"protocols": (), "external_ids": {"a": "9", "b": None, "d": "4"}}
    assert result.commands == [
        (
            "ovs-vsctl set Bridge br 'protocols=[]' 'external_ids:a=\"9\"' 'external_ids:d=\"4\"' "
            "-- remove Bridge br external_ids b"
        )
    ]


@pytest.mark.parametrize(
    ("existing", "asked", "system_works", "becomes"),
    [
        (bridge(), "auto", True, "netdev"),
        (bridge(), None, True, "netdev"),
        (bridge(), "system", True, "system"),
        (bridge(datapath_type="system"), "auto", True, "system"),
        (bridge(datapath_type="system"), "netdev", True, "netdev"),
        (broken(), "auto", False, "netdev"),
        (broken(), "auto", True, "netdev"),  # an ovs-vswitchd that was started before the module was loaded
        (broken(), None, False, "system"),
        (broken(datapath_type="nonsense"), "auto", True, "system"),
    ],
)
def test_an_existing_bridge_keeps_a_type_that_works(
    existing: Bridge, asked: str | None, system_works: bool, becomes: str
) -> None:
    result = plan(state(existing, system_works=system_works), wanted(datapath_type=asked))
    assert result.results["bridges"] == [{"name": "br", "datapath_type": becomes}]
    assert result.changed == (existing.datapath_type != becomes)


def test_a_type_works_that_a_daemon_finds_once_it_starts() -> None:
    actual = replace(state(broken(), system_works=True), switch=Switch((broken(),), running=False))
    assert not plan(actual, wanted(datapath_type="auto"), check_mode=True).changed


def test_a_broken_bridge_that_is_unchanged_is_a_warning() -> None:
    result = plan(state(broken()), wanted())
    assert not result.changed
    assert "has not set up the bridge br" in result.warnings[0]


# The bridge's own link


def test_a_deleted_link_is_re_created() -> None:
    result = plan(state(bridge(), attachments=Attachments(taps=frozenset())), wanted())
    (change,) = result.changes
    assert (change.before, change.after) == ({"link": "lost"}, {"link": "present"})
    assert [line.split()[0] for line in result.commands] == ["ovs-appctl", "ovs-vsctl", "ovs-vsctl"]


def test_a_link_that_was_moved_into_a_namespace_is_not_lost() -> None:
    actual = state(bridge(), attachments=Attachments(taps=frozenset({"br"})))
    assert not plan(actual, wanted()).changed


def test_another_type_re_opens_everything_anyway() -> None:
    actual = state(bridge(), attachments=Attachments(taps=frozenset()), system_works=True)
    assert plan(actual, wanted(datapath_type="system")).commands == ["ovs-vsctl set Bridge br datapath_type=system"]


def test_another_link_in_place_of_a_deleted_one_is_refused() -> None:
    attachments = Attachments(taps=frozenset())
    actual = state(bridge(), attachments=attachments, kinds={"br": "veth"})
    with pytest.raises(FabricError, match=r"veth link br on the host"):
        plan(actual, wanted())


def test_the_rest_of_an_interrupted_repair_is_removed() -> None:
    local = Interface("br", type="internal", ofport=65534, external_ids={"netns.fabric.reopen": "true"})
    actual = state(Bridge("br", "netdev", ports=(Port("br", (local,)),)))
    assert plan(actual, wanted()).commands == ["ovs-vsctl remove Interface br external_ids netns.fabric.reopen"]


# Removing and owning


def test_a_missing_bridge_is_absent() -> None:
    assert not plan(state(), wanted(state="absent")).changed
    assert not plan(state(bridge("x")), wanted(state="absent"), owner="lab").changed


def test_without_an_owner_it_is_deleted() -> None:
    result = plan(state(bridge(ports=(port("t1"),), external_ids=OTHER)), wanted(state="absent"))
    (change,) = result.changes
    assert (change.before, change.after) == ({"datapath_type": "netdev", "ports": ["t1"]}, None)
    assert result.commands == ["ovs-vsctl -- --if-exists del-br br"]


@pytest.mark.parametrize(
    ("external_ids", "ports", "outcome", "warning"),
    [
        ({}, (), "left alone", "is not owned by lab; left alone"),
        (OTHER, (), "left alone", "is not owned by lab; left alone"),
        (LAB, (), "deleted", None),
        ({**LAB, **OTHER}, (), "disowned", f"is also owned by other{DISOWNED}"),
        (LAB, (port("t1", external_ids=LAB),), "deleted", None),
        (LAB, (port("t1"),), "disowned", f"is also used by ports that lab does not own: t1{DISOWNED}"),
        (
            LAB,
            (port("t1", external_ids=OTHER),),
            "disowned",
            f"is also used by ports that lab does not own: t1{DISOWNED}",
        ),
    ],
)
@pytest.mark.parametrize("pruned", [False, True])
def test_with_an_owner_the_last_user_deletes_it(
    external_ids: dict[str, str], ports: tuple[Port, ...], outcome: str, warning: str | None, pruned: bool
) -> None:
    actual = state(bridge(ports=ports, external_ids=external_ids))
    entries = () if pruned else (wanted(state="absent"),)
    result = plan(actual, *entries, owner="lab", prune=pruned)
    commands = {
        "left alone": [],
        "deleted": ["ovs-vsctl -- --if-exists del-br br"],
        "disowned": ["ovs-vsctl remove Bridge br external_ids '\"netns.fabric/lab\"'"],
    }
    assert result.commands == commands[outcome]
    if warning is None or (outcome == "left alone" and pruned):
        assert result.warnings == ()
    else:
        assert result.warnings == (f"br: the bridge br {warning}",)


@pytest.mark.parametrize(
    ("external_ids", "owners"), [({}, None), (LAB, None), (OTHER, ["lab", "other"]), ({**LAB, **OTHER}, None)]
)
def test_an_owner_is_added_to_other_owners_only(external_ids: dict[str, str], owners: list[str] | None) -> None:
    result = plan(state(bridge(external_ids=external_ids)), wanted(), owner="lab")
    assert [dict(change.after or {}) for change in result.changes] == ([{"owners": owners}] if owners else [])


def test_prune_spares_listed_bridges_and_bridges_of_others() -> None:
    actual = state(*(bridge(name, external_ids=LAB) for name in ("a", "b", "lab")), bridge("c"))
    result = plan(actual, wanted(name="a"), owner="lab", prune=True)
    assert result.commands == [f"ovs-vsctl -- --if-exists del-br {name}" for name in ("b", "lab")]


def test_a_vlan_bridge_is_left_alone() -> None:
    fake = Port("x", (Interface("x"),), fake_bridge=True)
    with pytest.raises(FabricError, match=r"VLAN bridge"):
        plan(state(bridge(ports=(fake,))), wanted(name="x", state="absent"))


def test_without_open_vswitch_there_is_nothing_to_prune() -> None:
    assert plan(BridgeState(Switch(running=False)), owner="lab", prune=True) == Plan(results={"bridges": []})


# The options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "x" * 16}, "name: .*16 characters long"),
        ({"name": ""}, "name: .*must not be empty"),
        ({"name": "a/b"}, "name: .*'/'"),
        ({"name": "--"}, "name: .*separates commands of ovs-vsctl"),
        ({"name": "a\\b"}, "name: .*backslash"),
        ({"name": "ovs-netdev"}, "name: .*reserves the name"),
        ({"name": "vxlan_sys_1"}, "name: .*reserves the name"),
        ({"mac": "01:00:00:00:00:01"}, "mac: .*group"),
        ({"external_ids": {"a": [1]}}, "external_ids: a: a list or a dictionary"),
        ({"external_ids": {"a": "x\0y"}}, "external_ids: a: a NUL character"),
        ({"external_ids": {"netns.fabric/lab": "x"}}, "external_ids: .*`owner`"),
        ({"mac": "02:00:00:00:00:01", "other_config": {"hwaddr": "x"}}, "mac: .*hwaddr"),
    ],
)
def test_an_invalid_option_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FabricError, match=message):
        wanted(**options)


# The kernel's datapath, deleted under ovs-vswitchd


@pytest.mark.parametrize("asked", [None, "auto", "system"])
def test_a_deleted_datapath_is_created_again_and_no_bridge_moves(asked: str | None) -> None:
    existing = [broken("br"), broken("br2"), broken("theirs")]
    actual = state(*existing, system_works=True, without_datapath=("br", "br2", "theirs"))
    result = plan(actual, wanted(datapath_type=asked), wanted(name="br2", datapath_type=asked))
    assert [line.count("datapath_type=netdev") for line in result.commands] == [3, 0]
    assert [entry["datapath_type"] for entry in result.results["bridges"]] == ["system", "system"]
    (change,) = result.changes
    assert (change.before, change.after) == ({"datapath": "lost"}, {"datapath": "present"})
    assert result.warnings == ()


def test_bridges_return_to_the_datapath_after_a_killed_run() -> None:
    away = replace(bridge(datapath_type="netdev"), external_ids={"netns.fabric.reopen": "system"})
    result = plan(state(away, system_works=True, away=("br", "theirs")), wanted(datapath_type="auto"))
    assert len(result.commands) == 1
    assert "netdev" not in result.commands[0]
    assert "set Bridge theirs" in result.commands[0]
    assert result.results["bridges"] == [{"name": "br", "datapath_type": "system"}]


def test_a_bridge_that_leaves_a_deleted_datapath_for_good() -> None:
    actual = state(broken("br"), system_works=True, without_datapath=("br",))
    assert plan(actual, wanted(datapath_type="netdev")).commands == ["ovs-vsctl set Bridge br datapath_type=netdev"]

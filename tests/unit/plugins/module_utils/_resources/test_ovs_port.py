# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of ports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    End,
    KernelState,
    Link,
    NamespaceName,
    NamespaceState,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import (
    Attachments,
    Bridge,
    Interface,
    Port,
    Row,
    Switch,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port import (
    PortResource,
    PortState,
    WantedPort,
)

LAB = {"netns.fabric/lab": "owner"}
OTHER = {"netns.fabric/other": "owner"}
CLOSE = "ovs-vsctl set Interface t1 type=patch options:peer=netns.fabric.reopen.system"
OPEN = "ovs-vsctl set Interface t1 'type=\"\"' -- remove Interface t1 options peer"
CHECKSUM_OFF = "ip netns exec red ethtool -K eth0 tx off"


def interface(name: str, kind: str = "system", **attributes: Any) -> Interface:
    return Interface(name, **{"type": kind, "ofport": 1, "row": Row("Interface", name), **attributes})


def port(name: str = "t1", own: Interface | None = None, **attributes: Any) -> Port:
    return Port(name, (own or interface(name),), row=Row("Port", name), **attributes)


def bridge(*ports: Port, name: str = "br", datapath_type: str = "netdev") -> Bridge:
    return Bridge(name, datapath_type, ports=(port(name, interface(name, "internal")), *ports))


def veth(name: str, index: int, namespace: NamespaceName, far: int, **attributes: Any) -> Link:
    return Link(index, name, "veth", peer=End(namespace, far), **attributes)


#: A cable from the host to the namespace red, plugged in.
NEAR = veth("t1", 10, "red", 2, promiscuity=1)
FAR = veth("eth0", 2, None, 10, tx_checksum=False)
FAR_ON = veth("eth0", 2, None, 10, tx_checksum=True)
PLUGGED = Attachments(packet_sockets=frozenset({10}), taps=frozenset({"br", "ovs-netdev", "i1"}))


def links(host: Iterable[Link] = (NEAR,), red: Iterable[Link] | None = (FAR,)) -> KernelState:
    namespaces: dict[NamespaceName, NamespaceState] = {None: NamespaceState(None, tuple(host))}
    if red is not None:
        namespaces["red"] = NamespaceState("red", tuple(red))
    return KernelState(namespaces)


def state(
    *bridges: Bridge,
    kernel: KernelState | None = None,
    attachments: Attachments = PLUGGED,
    system_works: bool = False,
    running: bool | None = True,
) -> PortState:
    types = frozenset({"system", "internal", "patch", "vxlan"})
    switch = Switch(bridges, running=running, interface_types=types)
    return PortState(switch, kernel or links(), attachments, system_works)


def wanted(**options: Any) -> WantedPort:
    options = {"name": "t1", "state": "present", **options}
    return PortResource().desired(Entry(str(options["name"])), options)


def plan(actual: PortState, *entries: WantedPort, **call: Any) -> Plan:
    return PortResource().plan(actual, Call(entries, **call))


def both(result: Plan) -> tuple[Any, Any]:
    (change,) = result.changes
    return change.before, change.after


# Adding


def test_a_new_port_has_all_that_it_is_given() -> None:
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
def test_a_link_of_the_host_is_the_usual_kind(kind: str | None) -> None:
    assert plan(state(bridge()), wanted(bridge="br", type=kind)).commands == ["ovs-vsctl add-port br t1"]


def test_an_internal_port_makes_its_link() -> None:
    result = plan(state(bridge()), wanted(name="i2", bridge="br", type="internal", mac="02:00:00:00:00:0A"))
    assert result.commands == ["ovs-vsctl add-port br i2 -- set Interface i2 type=internal 'mac=\"02:00:00:00:00:0a\"'"]


def test_a_patch_port_may_have_a_long_name() -> None:
    result = plan(state(bridge()), wanted(name="patch-to-the-other", bridge="br", type="patch", options={"peer": "x"}))
    assert "type=patch options:peer=x" in result.commands[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "gone", "bridge": "br"}, r"name: there is no link gone on the host: make it first.*veth"),
        ({"name": "eth0", "bridge": "br"}, r"no link eth0 on the host \(there is one in the namespace red\)"),
        ({"bridge": "none"}, r"bridge: there is no bridge none \(there are: br\): make it first.*ovs_bridge"),
        ({}, r"bridge: there is no port t1 yet: say which bridge"),
        ({"bridge": "br", "type": "nonsense"}, r"type: ovs-vswitchd knows no type nonsense; it knows internal, patch"),
        ({"bridge": "br", "mac": "02:00:00:00:00:01"}, r"mac: .*internal ports only"),
        ({"bridge": "br", "type": "vxlan", "mtu": 1400}, r"mtu: a port of type vxlan"),
        ({"bridge": "br", "type": "internal"}, r"name: there is a veth link t1 on the host.*ip link del dev t1"),
        ({"bridge": "br", "type": "patch", "name": "p"}, r"options: a patch port needs `peer`"),
        ({"bridge": "br", "name": "x" * 16}, r"name: .*16 characters long"),
        ({"bridge": "fake"}, r"bridge: fake is a VLAN bridge.*name br and give `tag: 5`"),
        ({"name": "fake", "bridge": "br"}, r"name: fake is a VLAN bridge"),
        ({"name": "y", "bridge": "br"}, r"name: y is an interface of the bond bond0 on br"),
        ({"name": "bond0"}, r"name: bond0 is a bond of x, y"),
        ({"name": "br", "bridge": "other"}, r"bridge: br is a bridge and cannot be a port of other.*patch"),
        ({"name": "br", "type": "system"}, r"type: br is a bridge's own port"),
    ],
)
def test_what_cannot_be_on_this_host_is_refused(options: dict[str, Any], message: str) -> None:
    bond = Port("bond0", (interface("x"), interface("y")))
    fake = Port("fake", (interface("fake", "internal"),), fake_bridge=True, tag=5)
    with pytest.raises(FabricError, match=message):
        plan(state(bridge(bond, fake)), wanted(**options))


def test_a_bridge_that_does_not_work_is_told_in_a_real_run() -> None:
    broken = Bridge("br", "system", ports=(Port("br", (Interface("br", type="internal"),)),))
    with pytest.raises(FabricError, match=r"has not set up the bridge br .datapath type system"):
        plan(state(broken), wanted(bridge="br"))
    assert plan(state(broken), wanted(bridge="br"), check_mode=True).changed


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(FabricError, match=r"(?s)gone: name: .*t1: bridge: "):
        plan(state(bridge()), wanted(name="gone", bridge="br"), wanted(bridge="none"))


# Changing


def test_what_is_as_wanted_stays() -> None:
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


def test_an_internal_port_does_not_become_one_of_the_host_by_itself() -> None:
    actual = state(bridge(port("i1", interface("i1", "internal"))), kernel=links([Link(5, "i1", "tun")]))
    with pytest.raises(FabricError, match=r"type: i1 is an internal port, and its link goes with its type"):
        plan(actual, wanted(name="i1", type="system"))


def test_a_bridges_own_port_takes_settings() -> None:
    assert plan(state(bridge()), wanted(name="br", tag=7)).commands == ["ovs-vsctl set Port br tag=7"]


# The silent blackhole, and other devices that ovs-vswitchd has lost


@pytest.mark.parametrize(
    ("sockets", "promiscuity", "lost"),
    [
        (frozenset({10}), 0, False),
        (frozenset({9}), 1, True),  # tcpdump listens to it, ovs-vswitchd does not
        (frozenset(), 1, True),
        (None, 1, False),  # the process cannot be seen
        (None, 0, True),
    ],
)
def test_a_link_that_was_made_again_is_opened_anew(
    sockets: frozenset[int] | None, promiscuity: int, lost: bool
) -> None:
    near = veth("t1", 10, "red", 2, promiscuity=promiscuity)
    attachments = Attachments(packet_sockets=sockets)
    result = plan(state(bridge(port(tag=7)), kernel=links([near]), attachments=attachments), wanted())
    assert result.commands == ([CLOSE, OPEN] if lost else [])
    if lost:
        assert both(result) == ({"attached": False}, {"attached": True})


def test_a_port_that_is_opened_anew_keeps_an_option_called_peer() -> None:
    existing = port(own=interface("t1", options={"peer": "mine"}))
    result = plan(state(bridge(existing), attachments=Attachments(packet_sockets=frozenset())), wanted())
    assert result.commands[1] == "ovs-vsctl set Interface t1 'type=\"\"' options:peer=mine"


@pytest.mark.parametrize("kind", [None, "system"])
def test_an_interrupted_repair_is_completed(kind: str | None) -> None:
    half = interface("t1", "patch", ofport=-1, options={"peer": "netns.fabric.reopen.system", "p": "q"})
    result = plan(state(bridge(port(own=half))), wanted(type=kind, options={"p": "q"}))
    assert result.commands == [OPEN]


@pytest.mark.parametrize(("master", "ofport", "lost"), [(7, 1, False), (0, 1, True), (7, -1, True), (0, None, True)])
def test_on_the_kernels_datapath_a_link_is_enslaved(master: int, ofport: int | None, lost: bool) -> None:
    near = veth("t1", 10, "red", 2, master=master)
    existing = bridge(port(own=interface("t1", ofport=ofport)), datapath_type="system")
    actual = state(existing, kernel=links([near]), attachments=Attachments(frozenset()), system_works=True)
    assert plan(actual, wanted()).commands == ([CLOSE, OPEN] if lost else [])


@pytest.mark.parametrize(
    ("taps", "lost"), [({"br", "i1"}, False), ({"br"}, True), (None, False), ({"br", "eth5"}, False)]
)
def test_an_internal_port_lives_as_long_as_its_device(taps: set[str] | None, lost: bool) -> None:
    actual = state(
        bridge(port("i1", interface("i1", "internal", ifindex=0))),
        attachments=Attachments(taps=None if taps is None else frozenset(taps)),
        kernel=links([]),
    )
    assert bool(plan(actual, wanted(name="i1")).commands) is lost


def test_another_link_in_place_of_a_lost_internal_port_is_told() -> None:
    actual = state(
        bridge(port("i1", interface("i1", "internal"))),
        attachments=Attachments(taps=frozenset({"br"})),
        kernel=links([Link(5, "i1", "veth")]),
    )
    with pytest.raises(FabricError, match=r"there is a veth link i1 on the host"):
        plan(actual, wanted(name="i1"))


def test_what_opens_a_port_in_any_case_repairs_it_too() -> None:
    actual = state(bridge(port()), bridge(name="b2"), attachments=Attachments(packet_sockets=frozenset()))
    assert len(plan(actual, wanted(bridge="b2")).commands) == 1


def test_of_a_daemon_that_is_not_running_nothing_is_concluded() -> None:
    actual = state(bridge(port()), attachments=Attachments(), kernel=links([veth("t1", 10, "red", 2)]), running=False)
    assert not plan(actual, wanted(), check_mode=True).changed


@pytest.mark.parametrize(
    ("kind", "error", "told"),
    [
        ("vxlan", "something", True),
        ("patch", "No usable peer", False),
        ("vxlan", "", False),
    ],
)
def test_an_error_of_a_port_that_stays_as_it_is_is_told(kind: str, error: str, told: bool) -> None:
    existing = port("v1", interface("v1", kind, error=error))
    result = plan(state(bridge(existing)), wanted(name="v1"))
    assert not result.changed
    assert any("something" in warning for warning in result.warnings) is told


# Checksums


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize(
    ("datapath_type", "system_works", "far", "mode", "off"),
    [
        ("netdev", False, FAR_ON, "auto", True),
        ("netdev", True, FAR_ON, "auto", True),
        ("netdev", False, FAR_ON, "keep", False),
        ("netdev", False, FAR, "auto", False),
        ("system", True, FAR_ON, "auto", False),
    ],
)
def test_the_far_end_computes_its_checksums_on_the_userspace_datapath(
    datapath_type: str, system_works: bool, far: Link, mode: str, off: bool, existing: bool
) -> None:
    ports = (port(),) if existing else ()
    near = veth("t1", 10, "red", 2, master=7)
    actual = state(bridge(*ports, datapath_type=datapath_type), kernel=links([near], [far]), system_works=system_works)
    result = plan(actual, wanted(bridge="br", tx_checksum=mode))
    assert (CHECKSUM_OFF in result.commands) is off
    if existing:
        assert [(change.before, change.after) for change in result.changes] == (
            [({"peer.tx_checksum": True}, {"peer.tx_checksum": False})] if off else []
        )


def test_a_far_end_on_the_host_is_seen_to_as_well() -> None:
    kernel = links([veth("t1", 10, None, 11), veth("t2", 11, None, 10, tx_checksum=True)])
    assert plan(state(bridge(port()), kernel=kernel), wanted()).commands == ["ethtool -K t2 tx off"]


def test_a_far_end_that_cannot_be_seen_is_told() -> None:
    near = Link(10, "t1", "veth", peer=End(None, 5, known=False))
    result = plan(state(bridge(port()), kernel=links([near])), wanted())
    assert not result.changed
    assert "in a namespace without a name" in result.warnings[0]


def test_a_physical_link_has_no_far_end() -> None:
    assert plan(state(bridge(port()), kernel=links([Link(10, "t1")])), wanted()) == Plan()


# Check mode on a host that an earlier task would have changed


PEER = {"name": "eth0", "namespace": "red"}


def test_check_mode_takes_bridge_and_link_as_made() -> None:
    result = plan(state(kernel=links([], None)), wanted(bridge="br", peer=PEER), check_mode=True)
    assert result.commands == ["ovs-vsctl add-port br t1", CHECKSUM_OFF]
    assert result.warnings == ("Not there yet, and taken as made by an earlier task: bridge br, link host/t1",)


def test_check_mode_takes_a_new_bridge_as_one_of_the_kernels_datapath_where_that_works() -> None:
    actual = state(kernel=links([], None), system_works=True)
    assert plan(actual, wanted(bridge="br", peer=PEER), check_mode=True).commands == ["ovs-vsctl add-port br t1"]


def test_without_a_peer_check_mode_says_what_it_cannot_tell() -> None:
    result = plan(state(kernel=links([], None)), wanted(bridge="br"), check_mode=True)
    assert result.commands == ["ovs-vsctl add-port br t1"]
    assert "give `peer`" in result.warnings[1]


@pytest.mark.parametrize(
    ("host", "red", "commands"),
    [
        # Both ends are gone: the pair is made again.
        ([], [], [CLOSE, OPEN, CHECKSUM_OFF]),
        # Each is there, but cabled to something else: the same.
        ([veth("t1", 10, "red", 9)], [veth("eth0", 2, None, 12), veth("x", 9, None, 10)], [CLOSE, OPEN, CHECKSUM_OFF]),
        # The far end was renamed, or is still elsewhere, and comes home.
        ([veth("t1", 10, "red", 9)], [veth("x", 9, None, 10, tx_checksum=True)], [CHECKSUM_OFF]),
        ([veth("t1", 10, "red", 9)], [veth("x", 9, None, 10, tx_checksum=False)], []),
        # The near end was renamed: the device that ovs-vswitchd has open is the same one.
        ([veth("x", 10, "red", 2)], [veth("eth0", 2, None, 10, tx_checksum=False)], []),
        # Nothing is wrong.
        ([NEAR], [FAR], []),
    ],
)
def test_check_mode_takes_a_cable_as_repaired(host: list[Link], red: list[Link], commands: list[str]) -> None:
    result = plan(state(bridge(port()), kernel=links(host, red)), wanted(peer=PEER), check_mode=True)
    assert result.commands == commands


def test_a_real_run_looks_at_what_is_there() -> None:
    kernel = links([veth("t1", 10, "red", 9)], [veth("eth0", 2, None, 12), veth("x", 9, None, 10, tx_checksum=True)])
    result = plan(state(bridge(port()), kernel=kernel), wanted(peer=PEER))
    assert result.commands == ["ip netns exec red ethtool -K x tx off"]


def test_a_port_that_never_had_its_device_is_taken_when_that_comes() -> None:
    existing = port(own=interface("t1", ofport=-1, error="could not open network device t1 (No such device)"))
    result = plan(state(bridge(existing), kernel=links([], None)), wanted(peer=PEER), check_mode=True)
    assert result.commands == [CHECKSUM_OFF]


def test_the_kernels_datapath_takes_a_link_that_was_made_again_by_itself() -> None:
    actual = state(bridge(port(), datapath_type="system"), kernel=links([], None), system_works=True)
    assert not plan(actual, wanted(), check_mode=True).changed


# Removing and owning


def test_what_is_not_there_is_absent() -> None:
    assert not plan(state(), wanted(state="absent")).changed
    assert not plan(state(bridge()), wanted(state="absent", bridge="br")).changed


def test_it_is_removed_from_the_bridge_that_it_is_on() -> None:
    actual = state(bridge(port()), bridge(name="b2"))
    result = plan(actual, wanted(state="absent", bridge="b2"))
    assert result.commands == ["ovs-vsctl -- --if-exists del-port br t1"]
    assert both(result) == ({"bridge": "br", "type": "system"}, None)


def test_a_bridges_own_port_is_not_removed() -> None:
    with pytest.raises(FabricError, match=r"br is a bridge's own port, which goes with the bridge"):
        plan(state(bridge()), wanted(name="br", state="absent"))


@pytest.mark.parametrize(
    ("external_ids", "outcome"),
    [({}, "stays"), (OTHER, "stays"), (LAB, "goes"), ({**LAB, **OTHER}, "unmarked")],
)
@pytest.mark.parametrize("pruned", [False, True])
def test_with_an_owner_the_last_user_takes_it_along(external_ids: dict[str, str], outcome: str, pruned: bool) -> None:
    entries = () if pruned else (wanted(state="absent"),)
    result = plan(state(bridge(port(external_ids=external_ids))), *entries, owner="lab", prune=pruned)
    commands = {
        "stays": [],
        "goes": ["ovs-vsctl -- --if-exists del-port br t1"],
        "unmarked": ["ovs-vsctl remove Port t1 external_ids '\"netns.fabric/lab\"'"],
    }
    assert result.commands == commands[outcome]
    assert bool(result.warnings) == (outcome == "unmarked" or (outcome == "stays" and not pruned))


@pytest.mark.parametrize(
    ("external_ids", "owners"), [({}, None), (LAB, None), (OTHER, ["lab", "other"]), ({**LAB, **OTHER}, None)]
)
def test_a_mark_is_put_beside_another_owners_only(external_ids: dict[str, str], owners: list[str] | None) -> None:
    result = plan(state(bridge(port(external_ids=external_ids))), wanted(), owner="lab")
    assert [dict(change.after or {}) for change in result.changes] == ([{"owners": owners}] if owners else [])


def test_prune_spares_what_is_listed_what_is_not_marked_and_a_bridges_own_port() -> None:
    ports = [port(name, external_ids=LAB) for name in ("a", "t1", "z")]
    own = Port("b2", (interface("b2", "internal"),), external_ids=LAB)
    actual = state(
        bridge(*ports, port("foreign"), port("theirs", external_ids=OTHER)), Bridge("b2", "netdev", ports=(own,))
    )
    result = plan(actual, wanted(), owner="lab", prune=True)
    assert result.commands == [f"ovs-vsctl -- --if-exists del-port br {name}" for name in ("a", "z")]


def test_without_open_vswitch_there_is_nothing_to_prune() -> None:
    assert plan(PortState(Switch(running=False)), owner="lab", prune=True) == Plan()


# What an entry says


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "name: "),
        ({"name": "x" * 16, "type": "internal"}, "name: .*16 characters long"),
        ({"name": "a/b", "type": "patch"}, "name: 'a/b' cannot be the name of a port"),
        ({"name": "-a"}, "name: '-a' cannot be the name of a port"),
        ({"bridge": "x" * 16}, "bridge: .*16 characters long"),
        ({"tag": 4095}, "tag: .*4095"),
        ({"trunks": [1, -1]}, "trunks: .*-1"),
        ({"mtu": 60}, "mtu: .*60"),
        ({"mac": "02:00:00:00:00"}, "mac: "),
        ({"tag": 5, "vlan_mode": "trunk"}, "tag: a trunk has none"),
        ({"trunks": [5], "vlan_mode": "access"}, "trunks: .*carries one VLAN only"),
        ({"trunks": [5], "tag": 6}, "trunks: .*access port.*`native-untagged`"),
        ({"external_ids": {"netns.fabric/lab": "x"}}, "external_ids: .*`owner`"),
        ({"peer": {"name": "x" * 16}}, "peer.name: .*16 characters long"),
        ({"peer": {"name": "x", "namespace": "a/b"}}, "peer.namespace: "),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FabricError, match=message):
        wanted(**options)


def test_every_mistake_of_an_entry_is_told_at_once() -> None:
    with pytest.raises(FabricError, match=r"(?s)tag: .*mtu: "):
        wanted(tag=4095, mtu=60)

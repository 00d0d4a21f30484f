# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans of veth pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    End,
    KernelState,
    Link,
    NamespaceName,
    NamespaceState,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.veth import Veth, VethResource

RESOURCE = VethResource()
#: Where an end is: its namespace and its name.
Where = tuple[NamespaceName, str]
NAMES: tuple[NamespaceName, ...] = (None, "red", "blue", "green")


def veth_pairs(*pairs: tuple[Where, Where], others: Sequence[Link] = (), **attributes: Any) -> KernelState:
    """Return the host and three namespaces with these pairs; an end has the index of its place in its namespace."""
    links: dict[NamespaceName, list[Link]] = {name: [] for name in NAMES}
    for one, two in pairs:
        indexes = [len(links[namespace]) + 10 for namespace, _name in (one, two)]
        if one[0] == two[0]:
            indexes[1] += 1
        for (namespace, name), own, (far, _far_name), other in (
            (one, indexes[0], two, indexes[1]),
            (two, indexes[1], one, indexes[0]),
        ):
            defaults = {"up": True, "tx_checksum": True, **attributes}
            links[namespace].append(Link(own, name, "veth", peer=End(far, other), **defaults))
    links[None].extend(others)
    return KernelState({name: NamespaceState(name, tuple(found)) for name, found in links.items()})


def desired(name: str = "eth0", namespace: str | None = "red", peer: Any = None, **options: Any) -> Veth:
    given_options: Mapping[str, Any] = {"name": name, "namespace": namespace, "peer": peer, "state": "present"}
    return RESOURCE.desired(Entry(name), {**given_options, **options})


def plan(there: KernelState, *wanted: Veth, **call: Any) -> Plan:
    return RESOURCE.plan(there, Call(wanted, **call))


PEER = {"name": "eth0", "namespace": "blue"}
RED, BLUE = ("red", "eth0"), ("blue", "eth0")


# Creating


def test_new_pair() -> None:
    wanted = desired(peer=PEER, addresses=["192.0.2.1/24"], mtu=9000, tx_checksum=False, mac="02:00:00:00:00:01")
    planned = plan(veth_pairs(), wanted, owner="lab")
    assert planned.commands == [
        "ip link add name eth0 netns red address 02:00:00:00:00:01 mtu 9000 type veth peer name eth0 netns blue",
        "ip netns exec red ethtool -K eth0 tx off",
        "ip -n red link set dev eth0 alias netns.fabric:lab",
        "ip -n blue link set dev eth0 alias netns.fabric:lab",
        "ip -n red addr add 192.0.2.1/24 dev eth0",
        "ip -n red link set dev eth0 up",
        "ip -n blue link set dev eth0 up",
    ]
    assert planned.changes[0].before is None
    assert planned.changes[0].after == {
        "addresses": ["192.0.2.1/24"],
        "alias": "netns.fabric:lab",
        "enabled": True,
        "mac": "02:00:00:00:00:01",
        "mtu": 9000,
        "peer": "blue/eth0",
        "peer.enabled": True,
        "tx_checksum": False,
    }


def test_a_new_end_may_stay_down() -> None:
    planned = plan(veth_pairs(), desired(peer={**PEER, "enabled": False}))
    assert planned.commands[1:] == ["ip -n red link set dev eth0 up"]


def test_new_pair_without_peer_name() -> None:
    with pytest.raises(FabricError, match="`peer\\.name` is required"):
        plan(veth_pairs(), desired())


def test_peer_may_be_omitted_where_the_pair_exists() -> None:
    assert not plan(veth_pairs((RED, BLUE)), desired()).changed
    planned = plan(veth_pairs((RED, BLUE)), desired(mtu=9000))
    assert planned.commands == ["ip -n red link set dev eth0 mtu 9000"]


def test_the_other_end_is_where_nobody_can_look() -> None:
    there = KernelState({"red": NamespaceState("red", (Link(2, "eth0", "veth", peer=End(None, 5, known=False)),))})
    with pytest.raises(FabricError, match="such as a container's"):
        plan(there, desired())


def test_namespaces_that_are_missing() -> None:
    there = KernelState({None: NamespaceState(None)}, frozenset({"blue"}))
    with pytest.raises(InvalidEntries) as caught:
        plan(there, desired(peer=PEER))
    assert [line.split(":")[1:3] for line in str(caught.value).splitlines()] == [
        [" namespace", " the namespace red does not exist; create it first, with netns.fabric.netns"],
        [
            " peer.namespace",
            " the namespace blue is a plain file, not a namespace; create it first, with netns.fabric.netns",
        ],
    ]
    checked = plan(there, desired(peer=PEER), check_mode=True)
    assert checked.warnings == ("Check mode: assuming an earlier task creates namespace red, namespace blue",)
    assert checked.commands == plan(veth_pairs(), desired(peer=PEER)).commands


# Repair


def test_ends_that_are_as_wanted_are_left() -> None:
    wanted = desired(peer={**PEER, "mtu": 1500}, enabled=True, tx_checksum=True)
    assert not plan(veth_pairs((RED, BLUE)), wanted).changed
    # Named from its other end it is the same pair.
    assert not plan(
        veth_pairs((RED, BLUE)), desired(namespace="blue", peer={"name": "eth0", "namespace": "red"})
    ).changed


@pytest.mark.parametrize(
    ("misplaced", "commands"),
    [
        (
            ("blue", "x"),
            [
                "ip -n blue link set dev x down",
                "ip -n blue link set dev x name eth0",
                "ip -n blue link set dev eth0 up",
            ],
        ),
        ((None, "eth0"), ["ip link set dev eth0 netns blue", "ip -n blue link set dev eth0 up"]),
        (("green", "x"), ["ip -n green link set dev x netns blue name eth0", "ip -n blue link set dev eth0 up"]),
    ],
)
def test_misplaced_far_end_is_moved_back(misplaced: Where, commands: list[str]) -> None:
    planned = plan(veth_pairs((RED, misplaced)), desired(peer=PEER))
    assert planned.commands == commands
    assert planned.changes[0].after is not None
    assert planned.changes[0].after["ends"] == ["red/eth0", "blue/eth0"]


def test_misplaced_near_end_is_moved_back() -> None:
    planned = plan(veth_pairs(((None, "x"), BLUE)), desired(peer=PEER))
    assert planned.commands[0] == "ip link set dev x netns red name eth0"
    assert planned.changes[0].before == {"ends": ["host/x", "blue/eth0"]}


def test_misplaced_end_with_enabled_false_is_moved_back_and_stays_down() -> None:
    planned = plan(veth_pairs((RED, ("green", "x"))), desired(peer={**PEER, "enabled": False}))
    assert planned.commands == ["ip -n green link set dev x netns blue name eth0"]


def test_pairs_with_other_ends_are_replaced() -> None:
    planned = plan(veth_pairs((RED, (None, "x")), (BLUE, (None, "y"))), desired(peer=PEER))
    assert planned.commands[:3] == [
        "ip -n red link del dev eth0",
        "ip -n blue link del dev eth0",
        "ip link add name eth0 netns red type veth peer name eth0 netns blue",
    ]


def test_crossed_pairs_are_deleted_once_each() -> None:
    there = veth_pairs((RED, (None, "blue-tap")), (BLUE, (None, "red-tap")))
    wanted = [desired(namespace=name, peer={"name": f"{name}-tap"}) for name in ("red", "blue")]
    commands = plan(there, *wanted).commands
    assert [line for line in commands if "del" in line] == ["ip -n red link del dev eth0", "ip link del dev red-tap"]
    assert len([line for line in commands if "add" in line]) == 2


def test_declared_end_is_not_moved_for_another_entry() -> None:
    """The far end of the first is the declared end of the second, which must keep it."""
    there = veth_pairs((RED, BLUE))
    wanted = desired(peer={"name": "red-tap"}), desired(namespace="blue", peer={"name": "blue-tap"})
    commands = plan(there, *wanted).commands
    assert not any("netns 1" in line or "name red-tap" in line.partition("peer")[0] for line in commands)
    assert [line for line in commands if "del" in line] == ["ip -n red link del dev eth0"]


def test_misplaced_end_of_another_owner_is_left_alone() -> None:
    there = veth_pairs((RED, ("blue", "x")))
    links = there.namespace("blue").links
    foreign = NamespaceState("blue", (replace(links[0], alias="netns.fabric:other"),))
    there = KernelState({**there.namespaces, "blue": foreign})
    commands = plan(there, desired(peer=PEER), owner="lab").commands
    assert commands[0] == "ip -n red link del dev eth0"


def test_link_that_is_not_a_veth_is_left_alone() -> None:
    there = veth_pairs(others=[Link(5, "eth0", "tun")])
    for wanted in (desired(namespace=None, peer={"name": "x"}), desired(peer={"name": "eth0"})):
        with pytest.raises(FabricError, match="is not a veth but tun"):
            plan(there, wanted)
    with pytest.raises(FabricError, match="is not a veth but tun; it is left alone"):
        plan(there, desired(namespace=None, state="absent"))


@pytest.mark.parametrize(
    ("alias", "owner", "refused"),
    [
        ("netns.fabric:one", "two", True),
        ("netns.fabric:one", "one", False),
        ("netns.fabric:one,two", "two", False),
        ("netns.fabric:one", None, False),
        ("anything", "two", False),
    ],
)
def test_pair_of_another_owner_is_refused(alias: str, owner: str | None, refused: bool) -> None:
    there = veth_pairs((RED, BLUE), alias=alias)
    if refused:
        with pytest.raises(FabricError, match="is owned by one"):
            plan(there, desired(peer=PEER), owner=owner)
    else:
        assert plan(there, desired(peer=PEER, mtu=9000), owner=owner).changed


# Errors


def test_one_end_in_two_entries() -> None:
    pairs = [
        (desired(peer=PEER), desired(namespace="blue", peer={"name": "x"})),
        (desired(peer=PEER), desired(name="x", peer=PEER)),
    ]
    for one, two in pairs:
        with pytest.raises(InvalidEntries, match="blue/eth0 is already an end of eth0"):
            plan(veth_pairs(), one, two)
    # One that is to be absent may be what makes room.
    plan(veth_pairs(), desired(peer=PEER), desired(namespace="blue", state="absent"))


def test_both_ends_in_one_place() -> None:
    with pytest.raises(InvalidEntries, match="both ends cannot be red/eth0"):
        desired(peer={"name": "eth0", "namespace": "red"})


def test_all_errors_of_an_entry() -> None:
    with pytest.raises(InvalidEntries) as caught:
        desired(name="", mtu=1, peer={"name": "", "namespace": "a/b", "mac": "x"})
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "name",
        "mtu",
        "peer.name",
        "peer.namespace",
        "peer.mac",
    ]


# Absent, and pruning


@pytest.mark.parametrize(("name", "namespace"), [RED[::-1], BLUE[::-1]])
def test_pair_is_removed_by_either_end(name: str, namespace: str) -> None:
    planned = plan(veth_pairs((RED, BLUE)), desired(name, namespace, state="absent"))
    assert planned.commands == [f"ip -n {namespace} link del dev eth0"]
    assert planned.changes[0].after is None


def test_pair_named_by_both_ends_is_removed_once() -> None:
    wanted = desired(peer=PEER, state="absent"), desired(namespace="blue", state="absent")
    assert len(plan(veth_pairs((RED, BLUE)), *wanted).commands) == 1


def test_absent_in_a_namespace_that_is_not_there() -> None:
    assert not plan(veth_pairs(), desired(namespace="nowhere", state="absent")).changed


@pytest.mark.parametrize(
    ("alias", "commands", "warned"),
    [
        ("netns.fabric:lab", ["ip -n red link del dev eth0"], False),
        ("", [], True),
        ("netns.fabric:lab2", [], True),
        (
            "netns.fabric:lab,two",
            [
                "ip -n red link set dev eth0 alias netns.fabric:two",
                "ip -n blue link set dev eth0 alias netns.fabric:two",
            ],
            True,
        ),
    ],
)
def test_an_owner_removes_its_own(alias: str, commands: list[str], warned: bool) -> None:
    planned = plan(veth_pairs((RED, BLUE), alias=alias), desired(state="absent"), owner="lab")
    assert planned.commands == commands
    assert bool(planned.warnings) is warned


def test_prune() -> None:
    pairs = [(RED, BLUE), ((None, "lab-1"), ("red", "lab-1")), ((None, "x"), (None, "y"))]
    there = veth_pairs(*pairs, alias="netns.fabric:lab", others=[Link(90, "tap", "tun", alias="netns.fabric:lab")])
    planned = plan(there, desired(peer=PEER), owner="lab", prune=True)
    assert planned.commands == ["ip link del dev lab-1", "ip link del dev x"]
    assert not plan(there, owner="la", prune=True).changed
    for foreign in ("", "netns.fabric:lab2", "lab", "netns.fabricated:lab"):
        assert not plan(veth_pairs(*pairs, alias=foreign), owner="lab", prune=True).changed


def test_prune_spares_a_far_end_that_is_not_named() -> None:
    there = veth_pairs((RED, BLUE), alias="netns.fabric:lab")
    assert not plan(there, desired(), owner="lab", prune=True).changed


def test_what_makes_room_is_not_pruned_again() -> None:
    there = veth_pairs((RED, (None, "x")), alias="netns.fabric:lab")
    commands = plan(there, desired(peer=PEER), owner="lab", prune=True).commands
    assert not [line for line in commands if "del" in line]  # moved back
    there = veth_pairs((RED, (None, "x")), (BLUE, (None, "y")), alias="netns.fabric:lab")
    commands = plan(there, desired(peer=PEER), owner="lab", prune=True).commands
    assert len([line for line in commands if "del" in line]) == 2


# Any tangle is sorted out in one run


PLACES: list[Where] = [(namespace, name) for namespace in NAMES for name in ("a", "b")]


@st.composite
def tangles(draw: st.DrawFn) -> list[tuple[Where, Where]]:
    places = draw(st.permutations(PLACES))
    count = draw(st.integers(0, len(places) // 2))
    return [(places[2 * number], places[2 * number + 1]) for number in range(count)]


def carry_out(there: KernelState, planned: Plan) -> dict[Where, Where]:
    """A model of the kernel: which end leads to which once the plan's operations have run."""
    leads: dict[Where, Where] = {}
    for namespace, link in there.links():
        far = there.far_end(link)
        assert far
        leads[namespace, link.name] = far[0], far[1].name
    for _entry, operation in planned.operations:
        if isinstance(operation, op.DeleteLink):
            del leads[leads.pop((operation.namespace, operation.name))]
        elif isinstance(operation, op.CreateVeth):
            one = operation.end.namespace, operation.end.name
            two = operation.peer.namespace, operation.peer.name
            assert not {one, two} & set(leads), "EEXIST"
            leads[one], leads[two] = two, one
        elif isinstance(operation, (op.MoveLink, op.RenameLink)):
            to = operation.to if isinstance(operation, op.MoveLink) else operation.namespace
            old, new = (operation.namespace, operation.name), (to, operation.new_name)
            assert new not in leads, "EEXIST"
            leads[new] = leads.pop(old)
            leads[leads[new]] = new
    return leads


@given(tangles(), tangles())
def test_any_tangle_becomes_what_is_declared(
    is_there: list[tuple[Where, Where]], wanted: list[tuple[Where, Where]]
) -> None:
    there = veth_pairs(*is_there)
    pairs = [desired(one[1], one[0], {"name": two[1], "namespace": two[0]}) for one, two in wanted]
    leads = carry_out(there, plan(there, *pairs))
    for one, two in wanted:
        assert leads[one] == two
    # A pair with no declared end stays.
    declared = {end for pair in wanted for end in pair}
    for one, two in is_there:
        if not {one, two} & declared:
            assert leads[one] == two
    after = veth_pairs(*{tuple(sorted(pair, key=str)) for pair in leads.items()})  # type: ignore[arg-type]  # pairs have two ends
    assert not [step for _entry, step in plan(after, *pairs).operations if not isinstance(step, op.SetUp)]


def test_addresses_of_ends_in_their_own_namespace() -> None:
    there = veth_pairs((RED, BLUE))
    red = replace(there.namespace("red"), addresses=(Address(10, ip_interface("192.0.2.1/24")),))
    there = KernelState({**there.namespaces, "red": red})
    wanted = desired(addresses=["192.0.2.1/24"], peer={**PEER, "addresses": ["192.0.2.1/24"]})
    assert plan(there, wanted).commands == ["ip -n blue addr add 192.0.2.1/24 dev eth0"]

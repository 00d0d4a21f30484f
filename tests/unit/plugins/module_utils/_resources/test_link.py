# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of links that something else has made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_interface
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    End,
    KernelState,
    Link,
    NamespaceName,
    NamespaceState,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_model import WantedLink

RESOURCE = LinkResource()


def namespace(name: NamespaceName, *links: Link, **addresses: list[str]) -> NamespaceState:
    by_name = {link.name: link.index for link in links}
    found = [Address(by_name[link], ip_interface(text)) for link, texts in addresses.items() for text in texts]
    return NamespaceState(name, links, tuple(found))


def host(*links: Link, **addresses: list[str]) -> KernelState:
    return state(namespace(None, *links, **addresses))


def state(*namespaces: NamespaceState) -> KernelState:
    known = {each.name: each for each in (NamespaceState(None), NamespaceState("red"), NamespaceState("blue"))}
    return KernelState({**known, **{each.name: each for each in namespaces}})


def desired(name: str = "br0", **options: Any) -> WantedLink:
    defaults: Mapping[str, Any] = {"name": name, "state": "present"}
    return RESOURCE.desired(Entry(name), {**defaults, **options})


def plan(there: KernelState, *wanted: WantedLink, **call: Any) -> Plan:
    return RESOURCE.plan(there, Call(wanted, **call))


def bridge(**attributes: Any) -> Link:
    return Link(5, "br0", "bridge", **attributes)


def tap(**attributes: Any) -> Link:
    return Link(6, "d0", "tun", **attributes)


LO = Link(1, "lo", loopback=True, up=True)


# Present


def test_settings() -> None:
    planned = plan(host(bridge()), desired(addresses=["192.0.2.254/24"], enabled=True, mtu=1400), owner="lab")
    assert planned.commands == [
        "ip link set dev br0 mtu 1400",
        "ip link set dev br0 alias 'netns.fabric:lab was down mtu 1500'",
        "ip addr add 192.0.2.254/24 dev br0",
        "ip link set dev br0 up",
    ]
    assert planned.changes[0].target == "link host/br0"


def test_what_is_right_is_left() -> None:
    there = host(bridge(up=True, alias="netns.fabric:lab"), br0=["192.0.2.254/24"])
    wanted = desired(addresses=["192.0.2.254/24"], enabled=True)
    assert not plan(there, wanted, owner="lab").changed
    assert not plan(there, desired()).changed


@pytest.mark.parametrize("link", [LO, Link(7, "lo", "veth", peer=End(None, 3, known=False))])
def test_owner_is_not_written_to_a_loopback_or_a_veth(link: Link) -> None:
    """There the alias has the owner of the namespace and of the pair."""
    planned = plan(host(link), desired("lo", addresses=["10.0.0.1/32"]), owner="lab")
    assert planned.commands == ["ip addr add 10.0.0.1/32 dev lo"]
    there = host(Link(1, "lo", loopback=True, alias="netns.fabric:lab"), lo=["10.0.0.1/32"])
    given_back = plan(there, desired("lo", addresses=["10.0.0.1/32"], state="absent"), owner="lab")
    assert given_back.commands == ["ip addr del 10.0.0.1/32 dev lo"]


def test_a_link_on_the_host_is_moved_in() -> None:
    planned = plan(host(tap(up=True), d0=["10.0.0.1/24"]), desired("d0", namespace="red", addresses=["10.0.0.2/24"]))
    assert planned.commands == [
        "ip link set dev d0 alias 'netns.fabric: was host up mtu 1500'",
        "ip link set dev d0 netns red",
        "ip -n red addr add 10.0.0.2/24 dev d0",
        "ip -n red link set dev d0 up",
    ]
    assert planned.changes[0].before == {"addresses": ["10.0.0.1/24"], "alias": "", "namespace": "host"}
    after = {"addresses": ["10.0.0.2/24"], "alias": "netns.fabric: was host up mtu 1500", "namespace": "red"}
    assert planned.changes[0].after == after


def test_an_owners_link_is_found_elsewhere() -> None:
    there = state(namespace("blue", tap(alias="netns.fabric:lab")))
    assert plan(there, desired("d0", namespace="red"), owner="lab").commands == ["ip -n blue link set dev d0 netns red"]
    assert plan(there, desired("d0"), owner="lab").commands == ["ip -n blue link set dev d0 netns $$"]
    for owner in (None, "lab2"):
        with pytest.raises(FabricError, match="there is no link d0"):
            plan(there, desired("d0", namespace="red"), owner=owner)


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        (Link(6, "d0", "veth"), "d0 is an end of a veth pair on the host; move it into red with netns.fabric.veth"),
        (Link(6, "d0", loopback=True), "there is no link d0 in the namespace red, nor on the host"),
    ],
)
def test_what_does_not_move(link: Link, reason: str) -> None:
    with pytest.raises(FabricError, match=reason):
        plan(host(link), desired("d0", namespace="red"))


def test_the_link_that_is_in_its_place_comes_first() -> None:
    there = state(namespace(None, tap()), namespace("red", tap()))
    assert not plan(there, desired("d0", namespace="red")).changed


def test_one_link_in_two_places() -> None:
    with pytest.raises(FabricError, match="d0 wants the same link, host/d0"):
        plan(host(tap()), desired("d0", namespace="red"), desired("d0", namespace="blue"))


def test_what_is_not_there_yet() -> None:
    with pytest.raises(FabricError, match="create it first"):
        plan(host(), desired())
    checked = plan(host(), desired(addresses=["10.0.0.1/24"], enabled=True), owner="lab", check_mode=True)
    assert checked.warnings == ("Check mode: assuming an earlier task creates link host/br0",)
    # It begins as down, whatever creates it.
    for kind in ("openvswitch", "tun", "bridge", ""):
        found = host(replace(bridge(), kind=kind))
        applied = plan(found, desired(addresses=["10.0.0.1/24"], enabled=True), owner="lab")
        assert (checked.commands, checked.diff) == (applied.commands, applied.diff)


def test_a_namespace_that_is_not_there_yet() -> None:
    wanted = desired("lo", namespace="green", enabled=True, addresses=["10.0.0.1/32"])
    with pytest.raises(FabricError, match="the namespace green does not exist"):
        plan(host(), wanted)
    checked = plan(host(), wanted, check_mode=True)
    assert checked.warnings == ("Check mode: assuming an earlier task creates namespace green, link green/lo",)
    # netns.fabric.netns brings it up.
    assert checked.commands == ["ip -n green addr add 10.0.0.1/32 dev lo"]


# Absent


def test_absent_removes_the_declared_addresses_and_the_owner() -> None:
    there = host(bridge(alias="netns.fabric:lab"), br0=["192.0.2.254/24", "10.0.0.1/24"])
    planned = plan(there, desired(addresses=["192.0.2.254/24"], state="absent"), owner="lab")
    assert planned.commands == ["ip link set dev br0 alias ''", "ip addr del 192.0.2.254/24 dev br0"]
    assert planned.changes[0].after == {"addresses": ["10.0.0.1/24"], "alias": ""}


def test_a_moved_link_returns_to_the_host() -> None:
    there = state(namespace("red", tap(alias="netns.fabric:lab was host"), d0=["10.0.0.1/24"]))
    planned = plan(there, desired("d0", namespace="red", state="absent"), owner="lab")
    assert planned.commands == ["ip -n red link set dev d0 netns $$", "ip link set dev d0 alias ''"]


def test_what_another_owner_uses_as_well_stays() -> None:
    there = host(bridge(alias="netns.fabric:lab,two"), br0=["192.0.2.254/24"])
    planned = plan(there, desired(addresses=["192.0.2.254/24"], state="absent"), owner="lab")
    assert planned.commands == ["ip link set dev br0 alias netns.fabric:two"]
    assert "is also owned by two" in planned.warnings[0]


def test_what_is_not_there_is_absent() -> None:
    assert not plan(host(), desired(state="absent")).changed
    assert not plan(host(bridge()), desired(addresses=["10.0.0.1/24"], state="absent")).changed
    assert not plan(host(), desired(namespace="nowhere", state="absent")).changed


# Pruning


def test_prune() -> None:
    ours: dict[str, Any] = {"alias": "netns.fabric:lab"}
    there = state(
        namespace(
            None,
            Link(1, "lo", loopback=True, **ours),
            Link(2, "listed", "bridge", **ours),
            Link(3, "old", "bridge", **ours),
            Link(4, "v0", "veth", **ours),
            Link(5, "shared", "bridge", alias="netns.fabric:lab,two"),
            Link(6, "lab", "bridge", alias="netns.fabric:lab2"),
            old=["10.0.0.1/24"],
            shared=["10.0.1.1/24"],
        ),
        namespace("red", tap(alias="netns.fabric:lab was host")),
    )
    planned = plan(there, desired("listed"), owner="lab", prune=True)
    assert planned.commands == [
        "ip -n red link set dev d0 netns $$",
        "ip link set dev old alias ''",
        "ip link set dev shared alias netns.fabric:two",
        "ip link set dev d0 alias ''",
        "ip addr del 10.0.0.1/24 dev old",
    ]


def test_a_listed_link_that_is_elsewhere_is_moved_and_not_pruned() -> None:
    there = state(namespace("blue", tap(alias="netns.fabric:lab")))
    planned = plan(there, desired("d0", namespace="red"), owner="lab", prune=True)
    assert planned.commands == ["ip -n blue link set dev d0 netns red"]


def test_values_that_are_not_valid() -> None:
    for options in ({"name": "x" * 128}, {"namespace": "a/b"}, {"addresses": ["10.0.0.1"]}, {"mtu": 1}, {"mac": "x"}):
        with pytest.raises(InvalidEntries):
            desired(**options)

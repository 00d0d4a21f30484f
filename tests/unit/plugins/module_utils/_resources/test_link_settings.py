# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a link gets from what it is to what is wanted of it; its addresses by a model of the kernel's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Any, Union

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Operation, Phase
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Address, Link
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import (
    Found,
    Settings,
    alias_with,
    alias_without,
    as_kept,
    managed_addresses,
    parse_settings,
    place,
    plan_addresses,
    plan_move,
    plan_settings,
)

Interface = Union[IPv4Interface, IPv6Interface]

UP = Link(7, "eth0", "veth", mac="02:00:00:00:00:01", mtu=1500, up=True, tx_checksum=True)
DOWN = Link(7, "eth0", "veth", mac="02:00:00:00:00:01", mtu=1500)


def address(text: str, **attributes: Any) -> Address:
    return Address(7, ip_interface(text), **attributes)


def interfaces(*texts: str) -> tuple[Interface, ...]:
    return tuple(ip_interface(text) for text in texts)


# A model of the kernel: net/ipv4/devinet.c and net/ipv6/addrconf.c


@dataclass
class KernelLink:
    """The addresses of one link, and what happens to them."""

    promote: bool
    held: list[Address] = field(default_factory=list)

    def add(self, text: str, replace: bool = False) -> None:
        interface = ip_interface(text)
        for there in self.held:
            same = there.interface == interface if interface.version == 4 else there.interface.ip == interface.ip
            if there.peer is None and same:
                assert replace, f"EEXIST: {text}"
                return
        primaries = [there for there in self.held if there.interface.version == 4 and not there.secondary]
        secondary = interface.version == 4 and any(there.network == interface.network for there in primaries)
        self.held.append(Address(7, interface, secondary=secondary))

    def remove(self, text: str, peer: str | None) -> None:
        found = [there for there in self.held if there.interface == ip_interface(text) and there.peer == peer]
        assert found, f"EADDRNOTAVAIL: {text}"
        self.held.remove(found[0])
        if found[0].interface.version == 4 and not found[0].secondary:
            self._primary_has_gone(found[0])

    def _primary_has_gone(self, gone: Address) -> None:
        family = [there for there in self.held if there.secondary and there.network == gone.network]
        self.held = [there for there in self.held if there not in family]
        if self.promote:
            for there in family:
                self.add(str(there.interface))

    def carry_out(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            if isinstance(operation, op.AddAddress):
                self.add(operation.address, operation.replace)
            else:
                assert isinstance(operation, op.RemoveAddress)
                if operation.missing_ok and ip_interface(operation.address) not in [one.interface for one in self.held]:
                    continue
                self.remove(operation.address, operation.peer)


# Few subnets and few hosts, so that they meet: the same address with other lengths, one primary with many secondaries.
FEW = st.one_of(
    st.builds("10.0.{}.{}/{}".format, st.integers(0, 1), st.integers(1, 4), st.sampled_from([16, 23, 24, 32])),
    st.builds("fd00:0:0:{}::{}/{}".format, st.integers(0, 1), st.integers(1, 3), st.sampled_from([48, 64, 128])),
).map(ip_interface)
LISTS = st.lists(FEW, unique=True, max_size=7)


def as_held(given_addresses: Sequence[Interface], promote: bool) -> KernelLink:
    link = KernelLink(promote)
    for interface in given_addresses:
        if interface.version == 4 or all(there.interface.ip != interface.ip for there in link.held):
            link.add(str(interface))
    return link


def possible(wanted: Sequence[Interface]) -> list[Interface]:
    """Without a second length for the same IPv6 address, which the kernel does not take."""
    kept: dict[object, Interface] = {}
    for interface in wanted:
        kept.setdefault(interface.ip if interface.version == 6 else interface, interface)
    return list(kept.values())


@given(LISTS, LISTS, st.booleans())
def test_one_pass_leads_to_exactly_what_is_listed(
    present: list[Interface], wanted: list[Interface], promote: bool
) -> None:
    link = as_held(present, promote)
    wanted = possible(wanted)
    link.carry_out(plan_addresses(None, "eth0", link.held, wanted))
    assert {there.interface for there in link.held} == set(wanted)
    assert plan_addresses(None, "eth0", link.held, wanted) == []


@given(LISTS, LISTS, st.booleans())
def test_a_link_is_never_without_an_address_if_that_can_be(
    present: list[Interface], wanted: list[Interface], promote: bool
) -> None:
    """An IPv4 link without one loses its routes. Only what stays in a subnet that loses its primary has to wait."""
    link = as_held([one for one in present if one.version == 4], promote)
    wanted = [one for one in wanted if one.version == 4]
    primaries = [there for there in link.held if not there.secondary]
    emptied = {there.network for there in primaries if there.interface not in wanted}
    assume(any(one.network not in emptied for one in wanted))
    for operation in plan_addresses(None, "eth0", tuple(link.held), wanted):
        link.carry_out([operation])
        assert link.held


@given(LISTS, LISTS, st.booleans())
def test_a_link_that_has_gone_down_has_exactly_what_is_listed(
    present: list[Interface], wanted: list[Interface], kept: bool
) -> None:
    """Its IPv6 addresses have gone with that, or have not (keep_addr_on_down)."""
    held = as_held(present, promote=False).held
    stay = [there for there in held if there.interface.version == 4]
    lost = [there for there in held if there.interface.version == 6]
    link = KernelLink(False, list(held if kept else stay))
    wanted = possible(wanted)
    link.carry_out(plan_addresses(None, "eth0", stay, wanted, lost))
    assert {there.interface for there in link.held} == set(wanted)


@pytest.mark.parametrize(
    ("present", "wanted", "lines"),
    [
        ([], ["192.0.2.1/24"], ["add 192.0.2.1/24"]),
        ([address("192.0.2.1/24")], ["192.0.2.1/24"], []),
        ([address("192.0.2.1/24")], [], ["del 192.0.2.1/24"]),
        # What is new comes first, so that the link is never without one.
        ([address("192.0.2.1/24")], ["198.51.100.1/24"], ["add 198.51.100.1/24", "del 192.0.2.1/24"]),
        # In the subnet of the one that goes it would go with it.
        ([address("192.0.2.1/24")], ["192.0.2.2/24"], ["del 192.0.2.1/24", "add 192.0.2.2/24"]),
        # The same address with another prefix length is another address.
        ([address("192.0.2.1/24")], ["192.0.2.1/25"], ["add 192.0.2.1/25", "del 192.0.2.1/24"]),
        # But not in IPv6.
        ([address("fd00::1/64")], ["fd00::1/48"], ["del fd00::1/64", "add fd00::1/48 nodad"]),
        # A secondary that stays is deleted with its primary, or is not (promote_secondaries).
        (
            [address("192.0.2.1/24"), address("192.0.2.2/24", secondary=True)],
            ["192.0.2.2/24"],
            ["del 192.0.2.1/24", "replace 192.0.2.2/24"],
        ),
        # A secondary that goes has to go before its primary.
        (
            [address("192.0.2.1/24"), address("192.0.2.2/24", secondary=True)],
            [],
            ["del 192.0.2.2/24", "del 192.0.2.1/24"],
        ),
        # The deletion of a secondary alone deletes nothing else.
        (
            [address("192.0.2.1/24"), address("192.0.2.2/24", secondary=True)],
            ["192.0.2.1/24"],
            ["del 192.0.2.2/24"],
        ),
        # The kernel's own are not managed_addresses, unless they are listed.
        ([address("fe80::1/64", made_by_kernel=True)], [], []),
        ([address("fe80::1/64", made_by_kernel=True)], ["fe80::1/64"], []),
        # A point-to-point address is another one than the same without its far end.
        (
            [address("192.0.2.1/32", peer="192.0.2.2")],
            ["192.0.2.1/32"],
            ["add 192.0.2.1/32", "del 192.0.2.1 peer 192.0.2.2/32"],
        ),
    ],
)
def test_the_order_of_adding_and_removing(present: list[Address], wanted: list[str], lines: list[str]) -> None:
    operations = plan_addresses(None, "eth0", present, interfaces(*wanted))
    commands = [line for operation in operations for line in operation.commands()]
    assert [line.replace("ip addr ", "").replace(" dev eth0", "") for line in commands] == lines


def test_addresses_with_a_peer_stay_where_they_are_kept() -> None:
    ipv4, ipv6 = address("192.0.2.1/32", peer="192.0.2.2"), address("fd00::1/128", peer="fd00::2")
    wanted = [*interfaces("203.0.113.1/24"), as_kept(ipv4), as_kept(ipv6)]
    assert lines_of(plan_addresses(None, "eth0", [ipv4, ipv6], wanted)) == ["ip addr add 203.0.113.1/24 dev eth0"]
    restored = plan_addresses(None, "eth0", [ipv4], wanted[1:], [ipv6])
    assert lines_of(restored) == ["ip addr replace fd00::1 peer fd00::2/128 dev eth0 nodad"]
    assert [each.phase for each in restored] == [Phase.ROUTES]  # with the link up
    assert lines_of(plan_addresses(None, "eth0", [ipv4], [])) == ["ip addr del 192.0.2.1 peer 192.0.2.2/32 dev eth0"]


def test_a_link_that_goes_down_keeps_its_addresses_with_a_peer() -> None:
    held = [address("192.0.2.1/32", peer="192.0.2.2"), address("fd00::1/128", peer="fd00::2"), address("fd00::3/64")]
    planned = plan_settings(None, Found(UP, held), Settings(enabled=False), None)
    assert lines_of(planned.operations) == [
        "ip link set dev eth0 down",
        "ip addr replace fd00::1 peer fd00::2/128 dev eth0 nodad",
        "ip addr replace fd00::3/64 dev eth0 nodad",
    ]
    assert planned.after == {"enabled": False}


# Settings


def lines_of(operations: Sequence[Operation]) -> list[str]:
    return [line for operation in operations for line in operation.commands()]


def test_nothing_asked_for_is_nothing_done() -> None:
    found = Found(UP, [address("192.0.2.1/24"), address("fe80::1/64", made_by_kernel=True)])
    plan = plan_settings("red", found, Settings(), None)
    assert (plan.before, plan.after, plan.operations) == ({}, {}, ())


def test_what_is_right_already_is_left() -> None:
    wanted = Settings(interfaces("192.0.2.1/24"), UP.mac, 1500, True, True)
    plan = plan_settings("red", Found(UP, [address("192.0.2.1/24")]), wanted, None)
    assert plan.operations == ()


def test_every_setting() -> None:
    wanted = Settings(interfaces("192.0.2.1/24"), "02:00:00:00:00:02", 9000, True, False)
    plan = plan_settings("red", Found(DOWN), wanted, "netns.fabric:lab")
    assert plan.before == {
        "addresses": [],
        "alias": "",
        "enabled": False,
        "mac": "02:00:00:00:00:01",
        "mtu": 1500,
        "tx_checksum": None,
    }
    assert plan.after == {
        "addresses": ["192.0.2.1/24"],
        "alias": "netns.fabric:lab",
        "enabled": True,
        "mac": "02:00:00:00:00:02",
        "mtu": 9000,
        "tx_checksum": False,
    }
    assert {type(step) for step in plan.operations} == {
        op.SetMac,
        op.SetMtu,
        op.SetTxChecksum,
        op.SetAlias,
        op.AddAddress,
        op.SetUp,
    }


@pytest.mark.parametrize("listed", [True, False])
def test_addresses_lost_when_a_link_is_set_down_are_added_again(listed: bool) -> None:
    present = [address("192.0.2.1/24"), address("fd00::1/64"), address("fe80::1/64", made_by_kernel=True)]
    wanted = Settings(interfaces("192.0.2.1/24", "fd00::1/64") if listed else None, enabled=False)
    plan = plan_settings(None, Found(UP, present), wanted, None)
    assert lines_of(plan.operations) == ["ip link set dev eth0 down", "ip addr replace fd00::1/64 dev eth0 nodad"]
    assert (plan.before, plan.after) == ({"enabled": True}, {"enabled": False})


def test_a_renamed_link_is_as_it_was_before() -> None:
    found, steps = plan_move(Found(UP, [address("192.0.2.1/24"), address("fd00::1/64")]), "red", "red", "eth1")
    assert lines_of(steps) == ["ip -n red link set dev eth0 down", "ip -n red link set dev eth0 name eth1"]
    assert [step.phase for step in steps] == [Phase.RELEASE, Phase.MOVE]
    plan = plan_settings("red", found, Settings(), None)
    assert lines_of(plan.operations) == [
        "ip -n red addr replace fd00::1/64 dev eth1 nodad",
        "ip -n red link set dev eth1 up",
    ]
    assert (plan.before, plan.after) == ({}, {})


def test_a_link_that_is_down_is_renamed_as_it_is() -> None:
    found, steps = plan_move(Found(DOWN, [address("fd00::1/64")]), None, None, "eth1")
    assert lines_of(steps) == ["ip link set dev eth0 name eth1"]
    assert plan_settings(None, found, Settings(), None).operations == ()


def test_a_moved_link_is_up_again_and_its_addresses_are_lost() -> None:
    found, steps = plan_move(Found(UP, [address("192.0.2.1/24")]), None, "red", "eth1")
    assert lines_of(steps) == ["ip link set dev eth0 netns red name eth1"]
    plan = plan_settings("red", found, Settings(), None)
    assert lines_of(plan.operations) == ["ip -n red link set dev eth1 up"]
    assert (plan.before, plan.after) == ({"addresses": ["192.0.2.1/24"]}, {"addresses": []})
    listed = plan_settings("red", found, Settings(interfaces("192.0.2.1/24"), enabled=False), None)
    assert lines_of(listed.operations) == ["ip -n red addr add 192.0.2.1/24 dev eth1"]
    assert (listed.before, listed.after) == ({"enabled": True}, {"enabled": False})


def test_which_addresses_count() -> None:
    present = [address("192.0.2.1/24"), address("fe80::1/64", made_by_kernel=True)]
    assert [str(each) for each in managed_addresses(present, ())] == ["192.0.2.1/24"]
    listed = managed_addresses(present, interfaces("fe80::1/64"))
    assert [str(each) for each in listed] == ["192.0.2.1/24", "fe80::1/64"]


# Marks


@pytest.mark.parametrize(
    ("alias", "owner", "marked"),
    [
        ("", None, ""),
        ("", "lab", "netns.fabric:lab"),
        ("netns.fabric:lab", "lab", "netns.fabric:lab"),
        ("netns.fabric:lab", None, "netns.fabric:lab"),
        ("netns.fabric:lab", "lab2", "netns.fabric:lab,lab2"),
        ("netns.fabric:lab2,other", "lab", "netns.fabric:lab2,other,lab"),
        ("the uplink", "lab", "the uplink"),
        ("netns.fabricated:x", "lab", "netns.fabricated:x"),
    ],
)
def test_marking(alias: str, owner: str | None, marked: str) -> None:
    assert alias_with(Link(1, "x", alias=alias), owner) == marked


@pytest.mark.parametrize(
    ("alias", "owner", "left"),
    [
        ("netns.fabric:lab", "lab", ""),
        ("netns.fabric:lab,two", "lab", "netns.fabric:two"),
        ("netns.fabric:lab2", "lab", "netns.fabric:lab2"),
        ("netns.fabric:lab", None, "netns.fabric:lab"),
        ("lab", "lab", "lab"),
    ],
)
def test_taking_the_mark_off(alias: str, owner: str | None, left: str) -> None:
    assert alias_without(Link(1, "x", alias=alias), owner) == left


# What an entry asks for


def test_the_settings_of_an_entry() -> None:
    checks = Checks(Entry("x"))
    given_options = {"addresses": [" 192.0.2.1/24"], "mac": "02-00-00-00-00-0A", "mtu": 9000, "enabled": False}
    assert parse_settings(checks, given_options) == Settings(
        interfaces("192.0.2.1/24"), "02:00:00:00:00:0a", 9000, False, None
    )
    assert parse_settings(checks, {}) == Settings()
    assert parse_settings(checks, {"addresses": []}) == Settings(())
    checks.done()


def test_errors_are_collected() -> None:
    checks = Checks(Entry("x", "pairs", 2))
    parse_settings(checks, {"addresses": ["1.2.3.4", "192.0.2.1/24", "192.0.2.1/24"], "mac": "x", "mtu": 1}, "peer.")
    with pytest.raises(InvalidEntries) as caught:
        checks.done()
    options = ["peer.addresses", "peer.addresses", "peer.mtu", "peer.mac"]
    assert [line.split(": ")[:2] for line in str(caught.value).splitlines()] == [
        ["pairs[2] (x)", option] for option in options
    ]


@pytest.mark.parametrize(
    ("addresses", "message"),
    [
        (["192.0.2.1/24", "192.0.2.1/24"], "192.0.2.1/24 is listed twice"),
        (["fd00::1/64", "fd00::2/64", "fd00:0::1/128"], "fd00::1/64 and fd00::1/128 are the same address"),
        # The kernel has these side by side.
        (["192.0.2.1/24", "192.0.2.1/32"], ""),
    ],
)
def test_an_address_that_is_listed_twice(addresses: list[str], message: str) -> None:
    checks = Checks(Entry("x"))
    parse_settings(checks, {"addresses": addresses})
    if not message:
        checks.done()
    else:
        with pytest.raises(InvalidEntries, match=message):
            checks.done()


def test_the_smallest_mtu_for_ipv6() -> None:
    for mtu, good in ((1279, False), (1280, True)):
        checks = Checks(Entry("x"))
        parse_settings(checks, {"addresses": ["fd00::1/64"], "mtu": mtu})
        if good:
            checks.done()
        else:
            with pytest.raises(InvalidEntries, match="below 1280"):
                checks.done()


def test_the_mtu_of_a_loopback_is_not_bounded_by_ethernet() -> None:
    for name, good in (("lo", True), ("eth0", False)):
        checks = Checks(Entry("x"))
        assert parse_settings(checks, {"name": name, "mtu": 65536}).mtu == (65536 if good else None)
        assert checks.has("mtu") != good


def test_a_place_as_a_person_says_it() -> None:
    assert (place(None, "eth0"), place("red", "eth0")) == ("host/eth0", "red/eth0")

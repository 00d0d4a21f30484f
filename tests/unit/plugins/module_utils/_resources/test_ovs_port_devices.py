# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The devices that ovs-vswitchd has lost, the silent blackhole among them."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import Attachments
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.ovs_ports import (
    CHECKSUM_OFF,
    CLOSE,
    FAR,
    NEAR,
    OPEN,
    PEER,
    both,
    bridge,
    interface,
    links,
    plan,
    port,
    state,
    veth,
    wanted,
)


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
def test_a_re_created_link_is_re_opened(sockets: frozenset[int] | None, promiscuity: int, lost: bool) -> None:
    near = veth("t1", 10, "red", 2, promiscuity=promiscuity)
    attachments = Attachments(packet_sockets=sockets)
    result = plan(state(bridge(port(tag=7)), kernel=links([near]), attachments=attachments), wanted())
    assert result.commands == ([CLOSE, OPEN] if lost else [])
    if lost:
        assert both(result) == ({"attached": False}, {"attached": True})


def test_a_re_opened_port_keeps_an_option_named_peer() -> None:
    existing = port(own=interface("t1", options={"peer": "mine"}))
    result = plan(state(bridge(existing), attachments=Attachments(packet_sockets=frozenset())), wanted())
    assert result.commands[1] == "ovs-vsctl set Interface t1 'type=\"\"' options:peer=mine"


@pytest.mark.parametrize("kind", [None, "system"])
def test_an_interrupted_repair_is_completed(kind: str | None) -> None:
    half = interface("t1", "patch", ofport=-1, options={"peer": "netns.fabric.reopen.system", "p": "q"})
    result = plan(state(bridge(port(own=half))), wanted(type=kind, options={"p": "q"}))
    assert result.commands == [OPEN]


@pytest.mark.parametrize(("master", "ofport", "lost"), [(7, 1, False), (0, 1, True), (7, -1, True), (0, None, True)])
def test_on_the_kernel_datapath_a_link_is_enslaved(master: int, ofport: int | None, lost: bool) -> None:
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


def test_another_link_in_place_of_a_lost_internal_port_is_refused() -> None:
    actual = state(
        bridge(port("i1", interface("i1", "internal"))),
        attachments=Attachments(taps=frozenset({"br"})),
        kernel=links([Link(5, "i1", "veth")]),
    )
    with pytest.raises(FabricError, match=r"there is a veth link i1 on the host"):
        plan(actual, wanted(name="i1"))


def test_a_change_that_opens_a_port_anyway_repairs_it_too() -> None:
    actual = state(bridge(port()), bridge(name="b2"), attachments=Attachments(packet_sockets=frozenset()))
    assert len(plan(actual, wanted(bridge="b2")).commands) == 1


def test_nothing_is_concluded_while_the_daemon_is_not_running() -> None:
    actual = state(bridge(port()), attachments=Attachments(), kernel=links([veth("t1", 10, "red", 2)]), running=False)
    assert not plan(actual, wanted(), check_mode=True).changed


# Check mode on a host that an earlier task would have changed


@pytest.mark.parametrize(
    ("host", "red", "commands"),
    [
        # Both ends are missing: the pair is re-created.
        ([], [], [CLOSE, OPEN, CHECKSUM_OFF]),
        # Both exist, but each is the end of another pair: the same.
        ([veth("t1", 10, "red", 9)], [veth("eth0", 2, None, 12), veth("x", 9, None, 10)], [CLOSE, OPEN, CHECKSUM_OFF]),
        # The far end was renamed or moved, and is moved back into place.
        ([veth("t1", 10, "red", 9)], [veth("x", 9, None, 10, tx_checksum=True)], [CHECKSUM_OFF]),
        ([veth("t1", 10, "red", 9)], [veth("x", 9, None, 10, tx_checksum=False)], []),
        # The near end was renamed: the device that ovs-vswitchd has open is the same one.
        ([veth("x", 10, "red", 2)], [veth("eth0", 2, None, 10, tx_checksum=False)], []),
        # Nothing is wrong.
        ([NEAR], [FAR], []),
    ],
)
def test_check_mode_assumes_a_repaired_veth_pair(host: list[Link], red: list[Link], commands: list[str]) -> None:
    result = plan(state(bridge(port()), kernel=links(host, red)), wanted(peer=PEER), check_mode=True)
    assert result.commands == commands


def test_a_link_that_gets_back_its_name_is_left_to_the_daemon() -> None:
    """Ovs-vswitchd was restarted when the link had another name, so that it has not opened it."""
    existing = port(own=interface("t1", ofport=-1, error="could not open network device t1 (No such device)"))
    kernel = links([veth("x", 10, "red", 2)], [veth("eth0", 2, None, 10, tx_checksum=False)])
    attachments = Attachments(packet_sockets=frozenset())
    actual = state(bridge(existing), kernel=kernel, attachments=attachments)
    assert plan(actual, wanted(peer=PEER), check_mode=True).commands == []


def test_a_real_run_uses_the_present_far_end() -> None:
    kernel = links([veth("t1", 10, "red", 9)], [veth("eth0", 2, None, 12), veth("x", 9, None, 10, tx_checksum=True)])
    result = plan(state(bridge(port()), kernel=kernel), wanted(peer=PEER))
    assert result.commands == ["ip netns exec red ethtool -K x tx off"]


def test_a_port_that_never_had_its_device_is_left_to_the_daemon() -> None:
    existing = port(own=interface("t1", ofport=-1, error="could not open network device t1 (No such device)"))
    result = plan(state(bridge(existing), kernel=links([], None)), wanted(peer=PEER), check_mode=True)
    assert result.commands == [CHECKSUM_OFF]


def test_the_kernel_datapath_takes_a_re_created_link_on_its_own() -> None:
    actual = state(bridge(port(), datapath_type="system"), kernel=links([], None), system_works=True)
    assert not plan(actual, wanted(), check_mode=True).changed

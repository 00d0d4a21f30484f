# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's datapath that was deleted: when it counts as lost, and the two transactions that bring it back."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.datapath import (
    CloseDatapath,
    OpenDatapath,
    bridges_away,
    bridges_without_datapath,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import (
    REOPEN_KEY,
    Bridge,
    Interface,
    Port,
    Switch,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Atom


def bridge(name: str, ofport: int | None = -1, datapath_type: str = "system", *, away: bool = False) -> Bridge:
    local = Port(name, (Interface(name, type="internal", ofport=ofport),))
    external_ids: dict[Atom, Atom] = {REOPEN_KEY: "system"} if away else {}
    row = Row("Bridge", name, {"datapath_type": datapath_type, "external_ids": external_ids})
    keys = {str(key): str(value) for key, value in external_ids.items()}
    return Bridge(name, datapath_type, ports=(local,), external_ids=keys, row=row)


LOST = Switch((bridge("a"), bridge("theirs"), bridge("user", 65534, "netdev")), running=True)


def test_all_bridges_on_it_are_without() -> None:
    assert bridges_without_datapath(LOST, {"lo"}) == ("a", "theirs")


@pytest.mark.parametrize(
    ("switch", "links"),
    [
        (LOST, {"ovs-system"}),
        (Switch(LOST.bridges, running=False), set()),
        (Switch(LOST.bridges), set()),
        # It works; the kernel has never given ovs-vswitchd a datapath.
        (Switch((bridge("a", 65534),), running=True), set()),
        (Switch((bridge("a", None),), running=True), set()),
    ],
)
def test_not_lost(switch: Switch, links: set[str]) -> None:
    assert bridges_without_datapath(switch, links) == ()


def test_they_leave_and_return() -> None:
    close, back = CloseDatapath(("a", "b")), OpenDatapath(("a", "b"))
    assert close.phase < back.phase == Phase.CREATE
    assert close.commands() == [
        (
            "ovs-vsctl set Bridge a datapath_type=netdev external_ids:netns.fabric.reopen=system "
            "-- set Bridge b datapath_type=netdev external_ids:netns.fabric.reopen=system"
        )
    ]
    assert close.undo(LOST) == back.transaction()
    assert back.undo(LOST) == ()
    assert back.expected_interfaces(LOST) == ("a", "b")


def test_whether_the_database_has_it() -> None:
    away = Switch((bridge("a", datapath_type="netdev", away=True), bridge("theirs")))
    assert bridges_away(away) == ("a",)
    assert CloseDatapath(("a",)).is_applied(away)
    assert not CloseDatapath(("a", "theirs")).is_applied(away)
    assert not OpenDatapath(("a",)).is_applied(away)


def test_time_that_it_takes() -> None:
    assert CloseDatapath(("a", "theirs")).size(LOST) == 2

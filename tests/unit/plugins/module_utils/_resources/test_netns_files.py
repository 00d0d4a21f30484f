# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a namespace together."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.netns.fabric.plugins.module_utils._resources import netns_nsswitch, netns_resolver
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_files import (
    OF_THE_HOST,
    Wanted,
    paths,
    plan,
    plan_absent,
)
from ansible_collections.netns.fabric.plugins.module_utils._system import operations as op

RESOLVE: Mapping[str, str | None] = {netns_nsswitch.HOST_FILE: "hosts: files resolve\n"}
NAMES = Wanted(hosts=("10.1.0.1 web",))
SERVERS = Wanted(netns_resolver.Wanted(("192.0.2.53",)))


def names_of(operations: tuple[object, ...]) -> list[str]:
    return [step.path.rpartition("/")[2] for step in operations if isinstance(step, op.FileOperation)]


def files_of(wanted: Wanted) -> dict[str, str | None]:
    steps = plan("red", wanted, RESOLVE, "lab").operations
    return {**RESOLVE, **{step.path: step.text for step in steps if isinstance(step, op.WriteFile)}}


def test_names_and_name_servers_need_a_switch_that_asks_for_them() -> None:
    assert names_of(plan("red", NAMES, RESOLVE, "lab").operations) == ["hosts", "nsswitch.conf"]
    assert names_of(plan("red", SERVERS, RESOLVE, "lab").operations) == ["resolv.conf", "nsswitch.conf"]
    assert plan("red", Wanted(), RESOLVE, "lab").operations == ()


def test_the_switch_stays_as_long_as_one_of_the_others() -> None:
    both = files_of(Wanted(SERVERS.resolver, NAMES.hosts))
    without_names = Wanted(hosts=())
    assert names_of(plan("red", without_names, both, "lab").operations) == ["hosts"]
    assert names_of(plan("red", without_names, files_of(NAMES), "lab").operations) == ["hosts", "nsswitch.conf"]


def test_nothing_is_left() -> None:
    there = files_of(Wanted(SERVERS.resolver, NAMES.hosts))
    assert names_of(plan_absent("red", there, "lab").operations) == ["resolv.conf", "hosts", "nsswitch.conf"]
    assert {*paths("red"), *OF_THE_HOST}.issuperset(there)

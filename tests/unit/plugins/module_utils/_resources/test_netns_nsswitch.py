# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The name service switch of a namespace: which hosts need one, and what it says."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._resources import netns_nsswitch
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_file_plan import FilePlan
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_nsswitch import plan, plan_absent, switch
from ansible_collections.netns.fabric.plugins.module_utils._system import operations as op

PATH = "/etc/netns/red/nsswitch.conf"
#: As systemd's documentation has it.
RESOLVE = "passwd: files\nhosts:  mymachines resolve [!UNAVAIL=return] files myhostname dns\nnetworks: files\n"
SWITCHED = "passwd: files\nhosts: files myhostname dns\nnetworks: files\n"
OURS = "# netns.fabric:lab\n" + SWITCHED


@pytest.mark.parametrize(
    ("services", "switched"),
    [
        ("files dns", None),
        ("files myhostname dns", None),
        ("files mdns4_minimal [NOTFOUND=return] dns", "files dns"),
        ("mymachines resolve [!UNAVAIL=return] files myhostname dns", "files myhostname dns"),
        ("files resolve", "files dns"),
        ("resolve", "files dns"),
        ("files [SUCCESS=continue] dns [!UNAVAIL=return] wins", "files [SUCCESS=continue] dns [!UNAVAIL=return]"),
    ],
)
def test_services(services: str, switched: str | None) -> None:
    text = "passwd: files\nhosts: {} # comment\n"
    assert switch(text.format(services)) == (None if switched is None else text.replace("{} ", f"{switched}"))


def test_a_file_without_the_line_asks_name_servers_and_files() -> None:
    assert switch("passwd: files\n# hosts: resolve\n") is None


@pytest.mark.parametrize(
    ("host", "current", "operations", "is_managed"),
    [
        (RESOLVE, None, [op.WriteFile(PATH, OURS)], True),
        (RESOLVE, OURS, [], True),
        # The host no longer goes round.
        ("hosts: files dns\n", OURS, [op.RemoveFile(PATH)], False),
        (None, None, [], False),
        # Who has written it has decided.
        (RESOLVE, "hosts: resolve\n", [], False),
    ],
)
def test_what_is_in_the_file(
    host: str | None, current: str | None, operations: list[Operation], is_managed: bool
) -> None:
    planned = plan("red", {PATH: current, netns_nsswitch.HOST_FILE: host}, "lab")
    assert planned.operations == tuple(operations)
    assert planned.is_managed == is_managed


def test_the_diff_shows_the_line_of_hosts() -> None:
    planned = plan("red", {netns_nsswitch.HOST_FILE: RESOLVE}, "lab")
    assert (planned.before, planned.after) == (
        {"nsswitch.conf": None},
        {"nsswitch.conf": ["hosts: files myhostname dns"]},
    )


@pytest.mark.parametrize(
    ("current", "owner", "is_removed"),
    [(OURS, "lab", True), (OURS, None, True), (OURS, "two", False), (RESOLVE, "lab", False), (None, "lab", False)],
)
def test_absent(current: str | None, owner: str | None, is_removed: bool) -> None:
    planned = plan_absent("red", {PATH: current}, owner)
    assert (planned != FilePlan()) == is_removed

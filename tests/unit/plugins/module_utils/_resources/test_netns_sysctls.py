# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel parameters of a namespace as options, and the order in which they are set."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_sysctls import find_changes, parse_sysctls

FORWARD, ALL, ETH0 = "net.ipv4.ip_forward", "net.ipv4.conf.all.rp_filter", "net.ipv4.conf.eth0.rp_filter"


def test_what_changes_others_along_comes_first() -> None:
    checks = Checks(Entry("red"))
    given = {ETH0: 2, ALL: 1, FORWARD: True, "net.core.somaxconn": None}
    assert list(parse_sysctls(checks, "sysctls", given).items()) == [(FORWARD, "1"), (ALL, "1"), (ETH0, "2")]
    checks.done()
    parse_sysctls(checks, "sysctls", {"vm.swappiness": 1})
    with pytest.raises(InvalidEntries, match=r"sysctls\.vm\.swappiness"):
        checks.done()


def test_a_value_is_set_again_after_one_that_may_change_it() -> None:
    present = {ALL: "0", ETH0: "2"}
    wanted = {ALL: "1", ETH0: "2"}
    assert list(find_changes(wanted, present.get)) == [(ALL, "1", "0"), (ETH0, "2", "2")]
    assert list(find_changes(wanted, wanted.get)) == []

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel parameters of a link, as an entry writes them."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._resources import link_sysctls


def parse(given: dict[str, object]) -> dict[str, str]:
    checks = Checks(Entry("eth0"))
    wanted = link_sysctls.parse(checks, "sysctls", given)
    checks.done()
    return wanted


def test_values_as_the_kernel_takes_them() -> None:
    given = {
        "ipv4.conf.rp_filter": True,
        "ipv6.neigh.gc_stale_time": 120,
        "mpls.conf.input": "1",
        "ipv6.conf.mtu": None,
    }
    assert parse(given) == {"ipv4.conf.rp_filter": "1", "ipv6.neigh.gc_stale_time": "120", "mpls.conf.input": "1"}


def test_every_wrong_name_is_reported() -> None:
    with pytest.raises(InvalidEntries) as error:
        parse({"rp_filter": 1, "ipv4.conf.rp_filter": 1, "net.ipv4.conf.eth0.rp_filter": 1})
    assert len(error.value.errors) == 2


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}])
def test_values_that_are_none(value: object) -> None:
    with pytest.raises(InvalidEntries, match="write several numbers as one string"):
        parse({"ipv4.conf.rp_filter": value})


OFF = "net.ipv6.conf.default.disable_ipv6"
OWN = "net.ipv6.conf.eth0.disable_ipv6"


@pytest.mark.parametrize(
    ("sysctls", "exists", "mtu", "wanted", "cause"),
    [
        ({OFF: "0"}, False, None, {}, ""),
        ({OFF: "1"}, False, None, {}, "net.ipv6.conf.default.disable_ipv6 = 1"),
        ({OFF: "1", OWN: "0"}, True, None, {}, ""),
        ({OFF: "1", OWN: "0"}, False, None, {}, "net.ipv6.conf.default.disable_ipv6 = 1"),
        ({OFF: "0", OWN: "1"}, True, None, {}, "net.ipv6.conf.eth0.disable_ipv6 = 1"),
        ({OFF: "1"}, False, None, {"ipv6.conf.disable_ipv6": "0"}, ""),
        ({OFF: "0"}, False, None, {"ipv6.conf.disable_ipv6": "1"}, "by the entry's own `sysctls`"),
        ({OFF: "0"}, False, 1000, {}, "the MTU of eth0 is 1000"),
        ({}, False, None, {}, "has no IPv6"),
    ],
)
def test_why_ipv6_is_missing(
    sysctls: dict[str, str], exists: bool, mtu: int | None, wanted: dict[str, str], cause: str
) -> None:
    link = Link(2, "eth0")
    state = KernelState(
        {"red": NamespaceState("red", (link,))}, sysctls={("red", key): value for key, value in sysctls.items()}
    )
    found = link_sysctls.describe_missing_ipv6(state, ("red", "eth0"), link if exists else None, mtu, wanted)
    assert cause in found
    assert bool(cause) == bool(found)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel parameters of the host, with what they were before."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_host_sysctls import (
    HostSysctls,
    Record,
    parse_host_sysctls,
    parse_records,
    plan_host_sysctls,
)

KEY, OTHER, FORWARD = "net.ipv4.tcp_syncookies", "net.ipv4.tcp_sack", "net.ipv4.ip_forward"
LAB = Record("lab", "1", "2")


def plan(
    given: Mapping[str, str | None] | None,
    values: Mapping[str, str],
    records: Mapping[str, Record] | None = None,
    refused: Mapping[tuple[str, str], str] | None = None,
    owner: str | None = "lab",
    prune: bool = True,
) -> HostSysctls:
    kernel = KernelState(
        sysctls={(None, key): value for key, value in values.items()}, refused_sysctls=dict(refused or {})
    )
    return plan_host_sysctls(kernel, records or {}, Call((), owner, prune, options={"host_sysctls": given}))


def lines(found: HostSysctls) -> list[str]:
    return [line for step in found.operations for line in step.commands()]


def test_parameters_are_parsed() -> None:
    checks = Checks(Entry("the call"))
    assert parse_host_sysctls(checks, {KEY: None, OTHER: True}) == {OTHER: "1", KEY: None}
    assert parse_host_sysctls(checks, None) is None
    checks.done()
    for key in ("vm.swappiness", "net.ipv4.conf.eth0.rp_filter"):
        checks = Checks(Entry("the call"))
        parse_host_sysctls(checks, {key: 1})
        with pytest.raises(InvalidEntries, match=f"host_sysctls.{key}"):
            checks.done()


def test_what_a_parameter_was_is_recorded_before_it_is_set_and_dropped_after_it_is_restored() -> None:
    found = plan({KEY: "2"}, {KEY: "1"})
    assert (found.before, found.after) == ({KEY: "1"}, {KEY: "2"})
    assert lines(found)[-1] == f"sysctl -w {KEY}=2"
    assert '"was": "1"' in lines(found)[1]
    assert plan({KEY: "2"}, {KEY: "2"}, {KEY: LAB}).operations == ()
    assert plan({KEY: "2"}, {KEY: "2"}).operations == ()  # it is nobody's
    for given in ({}, {KEY: None}):
        left = plan(given, {KEY: "2"}, {KEY: LAB})
        assert lines(left)[0] == f"sysctl -w {KEY}=1"
        assert lines(left)[1] == "rm -f /run/netns.fabric/sysctls.json"
    assert plan({}, {KEY: "2"}, {KEY: LAB}, prune=False).operations == ()
    assert plan(None, {KEY: "2"}, {KEY: LAB}).operations == ()


def test_a_second_value_keeps_the_first_one_that_was() -> None:
    found = plan({KEY: "3"}, {KEY: "2"}, {KEY: LAB})
    assert '"set": "3",\n  "was": "1"' in lines(found)[1]


def test_what_somebody_else_has_set_since_stays() -> None:
    found = plan({}, {KEY: "5"}, {KEY: LAB, OTHER: Record("web", "0", "1")})
    assert not [line for line in lines(found) if line.startswith("sysctl")]
    assert found.before == {f"record of {KEY}": "1"}
    assert parse_records('{"a": {"owner": "lab", "was": "1", "set": "2"}}') == {"a": LAB}
    assert parse_records("{damaged") == parse_records('{"a": 5}') == {}


def test_what_stays_and_what_has_no_owner_is_not_recorded() -> None:
    assert lines(plan({FORWARD: "1"}, {FORWARD: "0"})) == [f"sysctl -w {FORWARD}=1"]
    assert lines(plan({KEY: "2"}, {KEY: "1"}, owner=None)) == [f"sysctl -w {KEY}=2"]
    key = "net.ipv6.conf.default.stable_secret"  # the kernel refuses an empty one
    assert lines(plan({key: "2001:db8::1"}, {key: ""})) == [f"sysctl -w {key}=2001:db8::1"]


def test_errors_name_the_parameter() -> None:
    found = plan(
        {KEY: "3", OTHER: "9", "net.nothing": "1"},
        {KEY: "2", OTHER: "0"},
        {KEY: Record("web", "1", "2")},
        refused={(OTHER, "9"): "Invalid argument"},
    )
    assert [str(error).partition(";")[0] for error in found.errors] == [
        f"host_sysctls: {KEY}: the owner web has set it to 2",
        f"host_sysctls: {OTHER}: the kernel refuses the value '9': Invalid argument",
        "host_sysctls: net.nothing: the kernel of this host has no such parameter that can be read",
    ]

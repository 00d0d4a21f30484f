# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module rule against the kernel: check -> apply -> check -> apply, order, replacement, exactness, traffic."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import (
    Run,
    assert_unchanged,
    converge,
    converge_and_paste,
    shell,
)
from ansible_collections.netns.fabric.tests.helpers.host import Host

# red has two ways to blue: by eth0, and by eth1, where nobody answers.
STAGE = """
    netns add red
    netns add blue
    -n red link set lo up
    link add name eth0 netns red type veth peer name eth0 netns blue
    link add name eth1 netns red type veth peer name t1
    -n red link set eth0 up
    -n red link set eth1 up
    -n blue link set eth0 up
    link set t1 up
    -n red addr add 192.0.2.1/24 dev eth0
    -n red addr add 203.0.113.1/24 dev eth1
    -n red addr add 2001:db8::1/64 dev eth0 nodad
    -n blue addr add 192.0.2.254/24 dev eth0
    -n blue addr add 198.51.100.1/32 dev eth0
    -n red route add 198.51.100.1 via 203.0.113.9
    -n red route add 198.51.100.1 via 192.0.2.254 table 100
"""
DEFAULT = ["0: from all lookup local", "32766: from all lookup main", "32767: from all lookup default"]


@pytest.fixture(name="stage")
def fixture_stage(host: Host) -> Host:
    shell(host, STAGE)
    return host


def rules(host: Host, namespace: str | None = "red", version: str = "-4") -> list[str]:
    """Return the rules as `ip rule` prints them, without those that every namespace begins with."""
    where = ["-n", namespace] if namespace else []
    shown = host.run("ip", *where, version, "rule").stdout.splitlines()
    return [" ".join(line.split()) for line in shown if " ".join(line.split()) not in DEFAULT]


def test_a_rule_selects_a_table(host: Host, run_module: Run) -> None:
    options = {"namespace": "red", "priority": 1000, "to": "198.51.100.0/24", "table": 100}
    result = converge_and_paste(host, run_module, lambda: shell(host, STAGE), "rule", **options)
    assert host.pings("198.51.100.1", "red")
    assert result.diff[0]["before_header"] == "rule red 1000"
    assert rules(host) == ["1000: from all to 198.51.100.0/24 lookup 100 proto static"]
    converge(host, run_module, "rule", **{**options, "table": None}, action="prohibit")
    assert not host.pings("198.51.100.1", "red")
    converge(host, run_module, "rule", namespace="red", priority=1000, state="absent")
    assert rules(host) == []


EVERY: list[dict[str, Any]] = [
    {"priority": 10, "from": "192.0.2.0/24", "table": 100},
    {"priority": 10, "from": "203.0.113.0/24", "table": 101},
    {"priority": 11, "from": "192.0.2.1/32", "to": "10.0.0.0/8", "table": 4294967295},
    {"priority": 12, "iif": "eth0", "oif": "eth1", "fwmark": "0x10/0xf0", "table": 254, "suppress_prefixlength": 0},
    {"priority": 13, "iif": "later0", "fwmark": 7, "table": 100, "suppress_prefixlength": 24},
    {"priority": 13, "fwmark": 0, "table": 100},
    {"priority": 14, "ipproto": "tcp", "sport": "10-20", "dport": 80, "action": "unreachable"},
    {"priority": 15, "ipproto": "47", "action": "blackhole"},
    {"priority": 16, "l3mdev": True},
    {"priority": 17, "from": "2001:db8::/64", "action": "prohibit"},
    {"priority": 17, "version": 6, "iif": "lo", "table": 100, "suppress_prefixlength": 0},
    {"priority": 18, "to": "2001:db8:1::/48", "ipproto": "ipv6-icmp", "table": 300},
    {"priority": 32766, "from": "192.0.2.7/32", "table": 254},
    {"priority": 4294967295, "from": "0.0.0.0/0", "action": "prohibit"},
]


def test_every_option_in_one_pass(host: Host, run_module: Run) -> None:
    entries = [{"namespace": "red", **rule} for rule in EVERY]
    result = converge_and_paste(host, run_module, lambda: shell(host, STAGE), "rule", rules=entries, exact=True)
    assert len(result.diff) == len(EVERY)
    assert len(rules(host)) + len(rules(host, version="-6")) == len(EVERY)
    absent = [{**entry, "state": "absent"} for entry in entries]
    converge(host, run_module, "rule", rules=absent)
    assert rules(host) == []


def test_a_rule_of_the_host(host: Host, run_module: Run) -> None:
    entry = {"priority": 1000, "from": "198.51.100.0/24", "table": 100}
    converge_and_paste(host, run_module, lambda: None, "rule", **entry)
    converge(host, run_module, "rule", **entry, state="absent")


def test_check_mode_where_nothing_exists_yet(host: Host, run_module: Run) -> None:
    entries = [{"namespace": "red", "priority": 1000, "iif": "eth0", "table": 100}]
    checked = run_module("rule", rules=entries, exact=True, _check=True)
    assert checked.warnings == ["Check mode: assuming an earlier task creates namespace red"]
    shell(host, STAGE)
    applied = run_module("rule", rules=entries, exact=True)
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)


@pytest.mark.parametrize("present", ["lookup 101", "prohibit", "lookup 100 suppress_prefixlength 0", "l3mdev"])
@pytest.mark.parametrize("protocol", ["", "protocol static", "protocol boot"])
def test_whatever_does_something_else_with_the_same_packets_is_replaced(
    host: Host, run_module: Run, present: str, protocol: str
) -> None:
    def prepare() -> None:
        shell(host, STAGE + f"-n red rule add priority 1000 to 198.51.100.0/24 {present} {protocol}")

    options = {"namespace": "red", "priority": 1000, "to": "198.51.100.0/24", "table": 100}
    result = converge_and_paste(host, run_module, prepare, "rule", **options)
    assert result.diff[0]["before"]
    assert rules(host) == ["1000: from all to 198.51.100.0/24 lookup 100 proto static"]


def test_another_one_that_is_tried_before_is_removed(stage: Host, run_module: Run) -> None:
    shell(
        stage,
        """
        -n red rule add priority 1000 to 198.51.100.0/24 prohibit
        -n red rule add priority 1000 to 198.51.100.0/24 lookup 100
        """,
    )
    options = {"namespace": "red", "priority": 1000, "to": "198.51.100.0/24", "table": 100}
    converge(stage, run_module, "rule", **options)
    assert stage.pings("198.51.100.1", "red")


def test_a_rule_that_is_there_by_another_hand(stage: Host, run_module: Run) -> None:
    """`ip rule add` gives it no protocol."""
    shell(stage, "-n red rule add priority 1000 from 192.0.2.77/24 lookup 100")
    before = snapshot.take()
    assert_unchanged(run_module("rule", namespace="red", priority=1000, **{"from": "192.0.2.0/24"}, table=100))
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize("protocol", ["kernel", "bird", "99"])
def test_the_rule_of_another_program_stays(stage: Host, run_module: Run, protocol: str) -> None:
    shell(stage, f"-n red rule add priority 1000 to 10.0.0.0/8 prohibit protocol {protocol}")
    before = snapshot.take()
    options = {"namespace": "red", "priority": 1000, "to": "10.0.0.0/8", "table": 100}
    for check in (True, False):
        result = run_module("rule", **options, _check=check)
        assert "exists and is not a static rule" in result.message
        assert "give this rule another priority" in result.message
    assert_unchanged(run_module("rule", namespace="red", priority=1000, state="absent"))
    snapshot.assert_unchanged(before)
    converge(stage, run_module, "rule", **{**options, "priority": 999})


def test_the_rules_that_every_namespace_begins_with_stay(stage: Host, run_module: Run) -> None:
    entries = [{"namespace": "red", "priority": priority, "state": "absent"} for priority in (0, 32766, 32767)]
    assert_unchanged(run_module("rule", rules=entries, exact=True))
    result = run_module("rule", namespace="red", priority=32766, action="prohibit")
    assert "`32766: lookup 254 protocol kernel` exists and is not a static rule" in result.message


@pytest.mark.parametrize(
    ("entry", "left"),
    [
        ({"priority": 7}, 2),
        ({"priority": 7, "version": 6}, 4),
        ({"priority": 7, "table": 100}, 4),
        ({"priority": 7, "from": "192.0.2.0/24"}, 3),
        ({"priority": 7, "action": "prohibit"}, 4),
        ({"priority": 7, "iif": "eth0"}, 5),
    ],
)
def test_absent_removes_the_rules_that_match_the_given_options(
    host: Host, run_module: Run, entry: dict[str, Any], left: int
) -> None:
    def prepare() -> None:
        shell(
            host,
            STAGE
            + """
            -n red rule add priority 7 from 192.0.2.0/24 lookup 100
            -n red rule add priority 7 from 192.0.2.0/24 prohibit
            -n red -6 rule add priority 7 lookup 101
            -n red rule add priority 8 lookup 100
            -n red rule add priority 7 lookup 100 protocol bird
            """,
        )

    converge_and_paste(host, run_module, prepare, "rule", namespace="red", **entry, state="absent")
    assert len([*rules(host), *rules(host, version="-6")]) == left


def test_exact_removes_other_static_rules_and_nothing_else(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(
            host,
            STAGE
            + """
            -n red rule add priority 7 from 192.0.2.0/24 lookup 100
            -n red rule add priority 8 not from 192.0.2.0/24 tos 0x10 lookup 100
            -n red rule add priority 9 uidrange 0-10 lookup 100
            -n red rule add priority 20 nop
            -n red rule add priority 10 goto 20
            -n red rule add priority 11 prohibit protocol bird
            -n red -6 rule add priority 7 lookup 101 protocol boot
            -n blue rule add priority 7 lookup 101
            rule add priority 7 lookup 101
            """,
        )

    wanted = [{"namespace": "red", "priority": 30, "table": 100}]
    result = converge_and_paste(host, run_module, prepare, "rule", rules=wanted, exact=True)
    assert len(result.diff) == 7
    assert rules(host) == ["11: from all prohibit proto bird", "30: from all lookup 100 proto static"]
    assert rules(host, "blue") == ["7: from all lookup 101"]
    assert rules(host, None) == ["7: from all lookup 101"]


def test_exact_never_touches_the_hosts_own_rules(host: Host, run_module: Run) -> None:
    shell(host, "rule add priority 7 lookup 101")
    converge(host, run_module, "rule", rules=[{"priority": 8, "table": 100}], exact=True)
    assert len(rules(host, None)) == 2


def test_two_wrong_entries_are_reported_at_once(stage: Host, run_module: Run) -> None:
    shell(stage, "-n red rule add priority 7 prohibit protocol bird\n-n red rule add priority 8 prohibit protocol bird")
    entries = [{"namespace": "red", "priority": priority, "table": 100} for priority in (7, 8)]
    before = snapshot.take()
    for check in (True, False):
        result = run_module("rule", rules=entries, _check=check)
        assert "rules[0] (7): priority: `7: prohibit protocol bird` exists" in result.message
        assert "rules[1] (8): priority: `8: prohibit protocol bird` exists" in result.message
    snapshot.assert_unchanged(before)

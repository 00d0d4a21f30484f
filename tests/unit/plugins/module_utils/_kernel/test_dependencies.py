# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the options of a kind need of each other: refused, sent along, and restored together."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.dependencies import (
    find_faults,
    find_former,
    plan_requests,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS
from ansible_collections.netns.fabric.tests.helpers.kinds import SAMPLES

Values = dict[str, Any]

BOND, BRIDGE = KINDS["bond"], KINDS["bridge"]
#: What the kernel reports of a bond, by how it finds out that a member is usable.
BY_CARRIER: Values = {"mode": "active-backup", "miimon": 100, "updelay": 400, "downdelay": 0, "arp_interval": 0}
BY_ARP: Values = {**BY_CARRIER, "miimon": 0, "updelay": 0, "arp_interval": 50}


@pytest.mark.parametrize(
    ("former", "given", "options"),
    [
        ({}, {"updelay": 100}, ["updelay"]),
        ({}, {"updelay": 0, "downdelay": 0}, []),
        ({}, {"updelay": 100, "mode": "802.3ad"}, []),  # the kernel takes a miimon of 100 then
        ({}, {"updelay": 100, "mode": "802.3ad", "miimon": 0}, ["updelay"]),
        ({}, {"updelay": 100, "arp_interval": 50}, ["updelay"]),
        ({"miimon": 100}, {"updelay": 300}, []),
        ({"miimon": 100}, {"updelay": 350}, ["updelay"]),
        ({"miimon": 100, "updelay": 400}, {"miimon": 200}, []),
        ({"miimon": 100, "updelay": 400}, {"miimon": 300}, ["miimon"]),
        ({"miimon": 100, "updelay": 400}, {"miimon": 0}, []),
        ({"miimon": 100, "updelay": 400}, {"arp_interval": 50}, []),
        ({"arp_interval": 50}, {"miimon": 100}, []),
        ({}, {"miimon": 100, "arp_interval": 50}, ["miimon"]),
        ({}, {"lacp_rate": "slow", "ad_actor_sys_prio": 65535}, []),
        ({}, {"lacp_rate": "fast"}, ["lacp_rate"]),
        ({"mode": "802.3ad"}, {"lacp_rate": "fast"}, []),
        ({"mode": "802.3ad", "lacp_rate": "fast"}, {"mode": "broadcast"}, []),
        ({"mode": "balance-tlb"}, {"arp_interval": 50}, ["arp_interval"]),
        ({"mode": "balance-alb"}, {"arp_interval": 0}, []),
    ],
)
def test_faults_of_a_bond(former: Values, given: Values, options: list[str]) -> None:
    assert [option for option, _message in find_faults(BOND, former, given)] == options


@pytest.mark.parametrize(
    ("former", "given", "options"),
    [
        ({}, {"forward_delay": 0}, []),
        ({}, {"stp_state": 1}, []),
        ({}, {"stp_state": 1, "forward_delay": 199}, ["forward_delay"]),
        ({"stp_state": 1}, {"forward_delay": 199}, ["forward_delay"]),
        ({"stp_state": 1}, {"forward_delay": 0, "stp_state": 0}, []),
        ({"forward_delay": 0}, {"stp_state": 1}, ["stp_state"]),
        ({"forward_delay": 0}, {"stp_state": 1, "forward_delay": 200}, []),
    ],
)
def test_faults_of_a_bridge(former: Values, given: Values, options: list[str]) -> None:
    assert [option for option, _message in find_faults(BRIDGE, former, given)] == options


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_samples_have_no_faults(kind: str) -> None:
    given = SAMPLES[kind]["create"].get(kind, {})
    for change in ({}, *(SAMPLES[kind].get(name, {}).get(kind, {}) for name in ("in_place", "recreate"))):
        assert list(find_faults(KINDS[kind], {}, {**given, **change})) == []


@pytest.mark.parametrize(
    ("current", "changed", "requests"),
    [
        (BY_CARRIER, {"miimon": 200}, [{"miimon": 200, "updelay": 400, "downdelay": 0}]),
        (BY_CARRIER, {"miimon": 200, "updelay": 600}, [{"miimon": 200, "updelay": 600, "downdelay": 0}]),
        (BY_CARRIER, {"miimon": 0, "updelay": 0}, [{"miimon": 0}]),
        (BY_CARRIER, {"updelay": 500}, [{"updelay": 500}]),
        (BY_CARRIER, {"min_links": 1}, [{"min_links": 1}]),
        (BY_ARP, {"miimon": 100}, [{"miimon": 100, "updelay": 0, "downdelay": 0}]),
    ],
)
def test_delays_are_sent_along_with_what_they_are_multiples_of(
    current: Values, changed: Values, requests: list[Values]
) -> None:
    assert plan_requests(BOND, current, changed) == requests


def test_spanning_tree_stops_before_the_delay_changes() -> None:
    """The kernel sets the delay first, see br_changelink(), and refuses one that is short until then."""
    on, off = {"stp_state": 1, "forward_delay": 1500}, {"stp_state": 0, "forward_delay": 0}
    assert plan_requests(BRIDGE, on, off) == [{"stp_state": 0}, {"forward_delay": 0}]
    assert plan_requests(BRIDGE, off, on) == [{"stp_state": 1, "forward_delay": 1500}]
    assert plan_requests(BRIDGE, on, {"stp_state": 0}) == [{"stp_state": 0}]


@pytest.mark.parametrize(
    ("former", "changed", "undone"),
    [
        (BY_ARP, {"miimon": 100}, {"miimon": 0, "arp_interval": 50}),
        (BY_CARRIER, {"arp_interval": 50}, {"miimon": 100, "updelay": 400, "downdelay": 0, "arp_interval": 0}),
        ({**BY_CARRIER, "mode": "802.3ad"}, {"miimon": 50}, {"miimon": 100, "updelay": 400, "downdelay": 0}),
        (BY_CARRIER, {"updelay": 500}, {"updelay": 400}),
        (BY_CARRIER, {"arp_ip_target": ("192.0.2.1",)}, {"arp_ip_target": None}),
    ],
)
def test_what_is_restored_is_what_the_kernel_takes(former: Values, changed: Values, undone: Values) -> None:
    """With what the kernel has changed along with an option."""
    assert plan_requests(BOND, former, find_former(BOND, former, changed)) == [undone]


def test_spanning_tree_is_restored_with_its_delay() -> None:
    off = {"stp_state": 0, "forward_delay": 0, "priority": 7}
    former = find_former(BRIDGE, off, {"stp_state": 1})
    assert plan_requests(BRIDGE, off, former) == [{"stp_state": 0}, {"forward_delay": 0}]


@pytest.mark.parametrize(
    ("kind", "current", "none"),
    [
        ("vxlan", {"remote": "2001:db8::1", "local": None}, "::"),
        ("vxlan", {"remote": "192.0.2.1", "local": None}, str(IPv4Address(0))),
        ("gre", {"remote": "192.0.2.1", "local": None}, None),
    ],
)
def test_no_address_is_restored_as_one_of_the_tunnels_version(kind: str, current: Values, none: str | None) -> None:
    """The kernel does not take another version."""
    assert find_former(KINDS[kind], current, {"local": "192.0.2.9"}) == {"local": none}

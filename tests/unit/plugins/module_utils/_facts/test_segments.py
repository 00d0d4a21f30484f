# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which links are on one segment."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._facts.segments import Segment, Segments
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._facts.exposure_samples import (
    build_facts,
    two_tenants,
)


def names(segments: Segments, segment: Segment) -> set[str]:
    return {f"{key[0] or 'host'}/{link.name}" for key in segment.members if (link := segments.link(key)) is not None}


def of(case: dict[str, Any], namespace: str | None, link: str) -> tuple[Segments, Segment]:
    facts = build_facts(case)
    found = facts.kernel.link(namespace, link)
    assert found is not None
    segments = Segments(facts)
    return segments, segments.of((namespace, found.index))


def test_bridge_of_the_kernel() -> None:
    segments, found = of(two_tenants(), "a1", "eth0")
    assert names(segments, found) == {"a2/eth0", "host/a_br"}
    (way,) = {way for key, way in found.members.items() if key[0] == "a2"}
    assert [crossing.bridge for crossing in way.crossings] == ["a_br"]
    segments, found = of(two_tenants(), None, "a_br")
    assert names(segments, found) == {"a1/eth0", "a2/eth0"}


def test_userspace_datapath_has_packets_of_its_ports_in_the_kernel() -> None:
    case = {
        "switches": {"br": {"addresses": ["10.1.0.254/24"]}},
        "namespaces": {name: {"switch": "br", "addresses": [f"10.1.0.{name[1]}/24"]} for name in ("n1", "n2")},
    }
    segments, found = of(case, "n1", "eth0")
    assert names(segments, found) == {"n2/eth0", "host/br", "host/n1_tap"}


def test_vlan_doubts_and_ports_of_both_kinds() -> None:
    case = two_tenants()
    case["namespaces"]["a1"]["isolated"] = case["namespaces"]["a2"]["isolated"] = True
    segments, found = of(case, "a1", "eth0")
    assert names(segments, found) == {"host/a_br"}


def test_outward_links() -> None:
    facts = build_facts(two_tenants())
    segments = Segments(facts)
    (key,) = segments.outward_links()
    link = segments.link(key)
    assert link is not None
    assert link.name == "lan0"
    assert names(segments, segments.entered_by(key)) == {"host/lan0"}
    assert list(segments.of(key).outside) == [key]


def test_kinds_that_are_not_followed() -> None:
    case = {"namespaces": {"n1": {"links": {"mv0": "macvlan"}, "addresses": ["10.1.0.1/24"]}}}
    _segments, found = of(case, "n1", "mv0")
    assert (found.members, found.lost) == ({}, "mv0")

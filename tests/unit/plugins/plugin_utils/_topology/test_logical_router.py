# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a logical router forwards between its bridges, and how the probes see it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import Variables, logical

LEFT, RIGHT = "10.1.0.0/24", "10.2.0.0/24"


def policies(variables: Variables) -> list[tuple[str, list[str], list[str]]]:
    (router,) = compile_topology(variables)["northbound"]["routers"]
    return [(policy["action"], policy["from"], policy["to"]) for policy in router["policies"]]


def between(variables: Variables, expect: str) -> set[tuple[str, str]]:
    """Return the probes by ICMP from one bridge to the other that expect a result."""
    compiled = compile_topology({**variables, "this_host": "one"})
    return {
        (probe["namespace"], probe["to"])
        for probe in (entry["probe"] for entry in compiled["distant_probes"])
        if probe["protocol"] == "icmp"
        and probe.get("expect", "reachable") == expect
        and (probe["namespace"] == "a") == probe["to"].startswith("10.2.")
    }


def test_bridges_are_isolated_from_each_other() -> None:
    assert policies(logical()) == [("drop", [LEFT], [RIGHT]), ("drop", [RIGHT], [LEFT])]
    assert between(logical(), "unreachable") == {("a", "10.2.0.1"), ("d", "10.1.0.1")}
    assert between(logical(), "reachable") == set()


def test_a_route_joins_two_bridges() -> None:
    variables = logical()
    variables["namespaces"][0]["routes"].append({"destination": RIGHT, "gateway": "10.1.0.254"})
    assert policies(variables) == []
    assert between(variables, "unreachable") == set()
    assert {start for start, _to in between(variables, "reachable")} >= {"a"}


def test_a_default_route_joins_none_however_it_is_written() -> None:
    variables = logical()
    variables["namespaces"][0]["routes"] = [{"destination": "0.0.0.0/0", "gateway": "10.1.0.254"}]
    assert policies(variables) == policies(logical())


def test_a_route_by_another_router_joins_none() -> None:
    variables = logical()
    variables["namespaces"][0]["routes"].append({"destination": RIGHT, "gateway": "10.1.0.2"})
    assert len(policies(variables)) == 2


@pytest.mark.parametrize(("isolate", "count"), [((False, False), 0), ((False, True), 2), ((False, None), 2)])
def test_both_bridges_have_to_be_open(isolate: tuple[Any, Any], count: int) -> None:
    variables = logical()
    for bridge, value in zip(variables["bridges"], isolate):
        if value is not None:
            bridge["isolate"] = value
    assert len(policies(variables)) == count


def test_each_ip_version_has_its_own_policy() -> None:
    variables = logical()
    for number, bridge in enumerate(variables["bridges"], 1):
        bridge["addresses"].append(f"fd00:{number}::fe/64")
    assert [found[1:] for found in policies(variables)] == [
        ([LEFT], [RIGHT]),
        (["fd00:1::/64"], ["fd00:2::/64"]),
        ([RIGHT], [LEFT]),
        (["fd00:2::/64"], ["fd00:1::/64"]),
    ]


def test_a_router_namespace_joins_them_as_well() -> None:
    """What does not pass the logical router is none of its business."""
    variables = logical()
    variables["namespaces"][0]["interfaces"].append({"name": "eth1", "bridge": "right", "addresses": ["10.2.0.9/24"]})
    assert len(policies(variables)) == 2
    assert ("a", "10.2.0.1") not in between(variables, "unreachable")


def test_nobody_probes_from_the_router_and_nobody_asks_it_by_tcp() -> None:
    for host in ("one", "two", "three"):
        compiled = compile_topology(logical(this_host=host))
        probes = [entry["probe"] for entry in compiled["distant_probes"]]
        assert compiled["probes"] == []
        assert all("/" not in probe["namespace"] for probe in probes)
        assert {probe["protocol"] for probe in probes if probe["to"].endswith(".254")} == {"icmp"}

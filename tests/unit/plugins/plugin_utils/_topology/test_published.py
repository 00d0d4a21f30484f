# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paths to published ports that the role probes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import publishing


def probed(**entry: Any) -> list[tuple[Any, ...]]:
    compiled = compile_topology(publishing({"publish": 80, **entry}))
    return [
        (each.get("namespace"), each["to"], each["port"], each["forwarded_to"], each["forwarded_port"])
        for each in compiled["probes"]
        if "forwarded_to" in each
    ]


def test_from_the_router_and_from_a_neighbour() -> None:
    assert probed(to="web", to_port=8080) == [
        (None, "10.0.0.254", 80, "10.0.0.1", 8080),
        ("db", "10.0.0.254", 80, "10.0.0.1", 8080),
        (None, "fd00::254", 80, "fd00::1", 8080),
    ]


def test_a_range_by_its_first_port() -> None:
    assert probed(publish="90-99", to="db") == [
        (None, "10.0.0.254", 90, "10.0.0.2", 90),
        ("web", "10.0.0.254", 90, "10.0.0.2", 90),
    ]


def test_at_one_address() -> None:
    assert probed(to="db", address="198.51.100.1") == [(None, "198.51.100.1", 80, "10.0.0.2", 80)]


@pytest.mark.parametrize("option", [{"ip_forward": False}, {"accept_forward": "never"}])
def test_only_from_the_router_where_forwarding_is_left_to_the_user(option: dict[str, Any]) -> None:
    assert probed(to="db", **option) == [(None, "10.0.0.254", 80, "10.0.0.2", 80)]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_by_the_protocol_that_is_published(protocol: str) -> None:
    compiled = compile_topology(publishing({"publish": 80, "to": "db", "protocol": protocol}))
    assert {each["protocol"] for each in compiled["probes"] if "forwarded_to" in each} == {protocol}


def test_at_the_loopback_from_the_router_only() -> None:
    assert (None, "127.0.0.1", 80, "10.0.0.2", 80) in probed(to="db", loopback=True)
    assert ("web", "127.0.0.1", 80, "10.0.0.2", 80) not in probed(to="db", loopback=True)
    compiled = compile_topology(publishing({"publish": 80, "to": "web", "loopback": True}))
    assert {each["to_address"]: each.get("loopback") for each in compiled["forwards"]} == {
        "10.0.0.1": True,
        "fd00::1": None,
    }


def test_sctp_is_not_probed() -> None:
    assert probed(to="db", protocol="sctp") == []


def test_a_port_of_one_interface_is_not_probed() -> None:
    assert probed(to="web", in_interface="eth0") == []


def test_limited_to_some_senders() -> None:
    """The router connects from the address that it connects to; of the neighbours, one may and one may not."""
    compiled = compile_topology(
        publishing(
            {"publish": 80, "to": "db", "from": ["10.0.0.1/32", "203.0.113.0/24"]},
            {"publish": 81, "to": "db", "from": ["10.0.0.254/32"], "take_over": True},
        )
    )
    probes = [each for each in compiled["probes"] if "forwarded_to" in each]
    assert [(each["port"], each.get("namespace"), each.get("expect")) for each in probes] == [
        (80, "web", None),
        (81, None, None),
        (80, None, "unreachable"),
    ]
    assert [entry.get("hairpin") for entry in compiled["forwards"]] == ["10.0.0.0/24", "10.0.0.0/24"]
    outside = compile_topology(publishing({"publish": 80, "to": "db", "from": ["203.0.113.0/24"]}))["forwards"]
    assert [(entry["sources"], "hairpin" in entry) for entry in outside] == [(["203.0.113.0/24"], False)]

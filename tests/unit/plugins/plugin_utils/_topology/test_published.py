# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paths to published ports that the role probes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    FORWARDING,
    Variables,
    logical,
    publishing,
)


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


def test_behind_a_router_at_the_address_that_the_router_is_next_to() -> None:
    """It has no route to the other address of the host, which is the first one."""
    addresses = {"br3": "10.3.0.254/24", "br1": "10.1.0.254/24"}
    ends = [{"bridge": "br1", "addresses": ["10.1.0.1/24"]}, {"bridge": "lan", "addresses": ["10.0.0.254/24"]}]
    client = {"name": "eth0", "bridge": "lan", "addresses": ["10.0.0.1/24"]}
    variables: Variables = {
        "bridges": [*({"name": name, "addresses": [own]} for name, own in addresses.items()), {"name": "lan"}],
        "namespaces": [
            {
                "name": "r1",
                "interfaces": [{"name": f"eth{n}", **end} for n, end in enumerate(ends)],
                "routes": [],
                "sysctls": FORWARDING,
            },
            {"name": "c", "interfaces": [client], "routes": [{"destination": "default", "gateway": "10.0.0.254"}]},
        ],
        "host": {"routes": [{"destination": "10.0.0.0/24", "gateway": "10.1.0.1"}]},
        "nat": [{"publish": 80, "to": "c"}],
    }
    probes = [each for each in compile_topology(variables)["probes"] if "forwarded_to" in each]
    assert [(each.get("namespace"), each["to"]) for each in probes] == [(None, "10.1.0.254"), ("r1", "10.1.0.254")]


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
    assert [entry.get("hairpin") for entry in compiled["forwards"]] == [["10.0.0.0/24"], ["10.0.0.0/24"]]
    outside = compile_topology(publishing({"publish": 80, "to": "db", "from": ["203.0.113.0/24"]}))["forwards"]
    assert [(entry["sources"], "hairpin" in entry) for entry in outside] == [(["203.0.113.0/24"], False)]


OUTSIDE_LINK = {"name": "br-ex", "addresses": ["198.51.100.9/24"]}


def on_logical_router(name: str, changes: Variables) -> tuple[list[Variables], str]:
    """Return the probes of a host to the port that the logical router publishes, and what the summary says of it."""
    compiled = compile_topology({**logical(this_host=name), **changes})
    found = [each for each in (*compiled["probes"], *compiled["distant_probes"]) if "198.51.100.1" in str(each)]
    (line,) = (line for line in compiled["summary"] if "port 8080/tcp of the logical router" in line)
    return found, line


def test_a_logical_router_is_probed_from_a_link_outside() -> None:
    host = {"interfaces": [OUTSIDE_LINK]}
    probe = {"to": "198.51.100.1", "protocol": "tcp", "port": 8080, "timeout": 10.0}
    # The service is on host two, and has to listen there.
    service = {"namespace": "b", "address": "10.1.0.2", "protocol": "tcp", "port": 80}
    for name, wanted in (
        ("two", {"host": "two", "probe": {**probe, "forwarded_to": "10.1.0.2", "forwarded_port": 80}}),
        ("three", {"host": "two", "probe": probe, "listen": service}),
    ):
        found, line = on_logical_router(name, {"host": host})
        assert found == [wanted]
        assert "not probed" not in line


def test_a_logical_router_is_probed_from_a_namespace_outside() -> None:
    router = {"name": "edge", "host": "three", "interfaces": [{"name": "nic0", "addresses": ["198.51.100.9/24"]}]}
    namespaces = [*logical()["namespaces"], router]
    (found,), _line = on_logical_router("three", {"namespaces": namespaces})
    assert found["probe"]["namespace"] == "edge"
    assert on_logical_router("one", {"namespaces": namespaces})[0] == []


@pytest.mark.parametrize(
    ("changes", "is_reported"),
    [
        ({}, True),
        # Another network, and a bridge that leads nowhere.
        ({"host": {"interfaces": [{"name": "eth9", "addresses": ["198.51.100.9/25"]}]}}, True),
        ({"bridges": [*logical()["bridges"], {"name": "lan", "addresses": ["198.51.100.9/24"]}]}, True),
        ({"verify_probes": [{"to": "198.51.100.1", "protocol": "tcp", "port": 8080}]}, False),
        ({"verify": False}, False),
    ],
)
def test_what_is_not_probed_is_reported(changes: Variables, is_reported: bool) -> None:
    compiled = compile_topology({**logical(this_host="three"), **changes})
    (line,) = (line for line in compiled["summary"] if "port 8080/tcp of the logical router" in line)
    reason = " (not probed: no link outside with an address in 198.51.100.0/24 is declared for this host)"
    assert line.endswith(reason) is is_reported
    derived = [*compiled["probes"], *compiled.get("distant_probes", [])]
    assert sum("198.51.100.1'" in str(each) for each in derived) == len(changes.get("verify_probes", []))


def test_what_a_client_sets_is_not_probed() -> None:
    variables = logical(this_host="three")
    variables["bridges"][0]["dhcp"] = {}
    variables["namespaces"][1]["interfaces"][0]["dhcp"] = True
    del variables["namespaces"][1]["routes"]
    variables["host"] = {"interfaces": [OUTSIDE_LINK]}
    found, line = on_logical_router("three", variables)
    assert found == []
    assert line.endswith("(not probed: a DHCP client sets the address)")

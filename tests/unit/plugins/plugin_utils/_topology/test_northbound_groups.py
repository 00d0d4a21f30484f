# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies of namespaces on logical switches, as groups of OVN."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import parse_call
from ansible_collections.netns.fabric.plugins.module_utils._core.policies import (
    ALLOW,
    DROP,
    ICMP_TYPES,
    IN,
    OUT,
    Connection,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.transports import port_range
from ansible_collections.netns.fabric.plugins.module_utils._entry.step_options import validate_step
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.northbound_groups import group_entries
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policies import Policies
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    FORWARDING,
    Variables,
    logical,
)

NAMES = ("a", "b", "c", "d", "e")
SQL = {"from": {"namespaces": ["b"]}, "to": {"groups": ["db"]}, "protocol": "tcp", "ports": [5432], "action": "allow"}


def lab(*policies: Variables, **changes: Variables) -> Variables:
    """Return the topology with policies, `d` in the group db, and changes to namespaces."""
    variables = logical(policies=list(policies))
    variables["namespaces"][3]["labels"] = ["db"]
    for namespace in variables["namespaces"]:
        namespace.update(changes.get(namespace["name"], {}))
    return variables


def entries(variables: Variables) -> list[dict[str, Any]]:
    return group_entries(Policies(load_topology(variables)))


def group(variables: Variables, name: str) -> dict[str, Any]:
    (found,) = (entry for entry in entries(variables) if entry["name"].startswith(f"lab.{name}."))
    return found


def test_a_namespace_without_a_policy_has_no_group() -> None:
    assert entries(lab()) == []
    assert [entry["ports"] for entry in entries(lab(SQL, d={"incoming": "deny"}))] == [["lab/d/eth0"]]


def test_a_closed_namespace_opens_what_is_declared() -> None:
    found = group(lab(SQL, d={"incoming": "deny"}), "d")
    assert (found["incoming"], found["outgoing"]) == ("drop", "allow")
    assert found["rules"] == [
        {
            "name": "in 0 IPv4",
            "priority": 32000,
            "direction": "to-lport",
            "action": "allow-related",
            "ports": ["5432"],
            "from": ["10.1.0.2/32"],
            "protocol": "tcp",
        }
    ]


def test_an_open_namespace_lets_the_rest_pass_and_tracks_it() -> None:
    found = group(lab({**SQL, "action": "drop"}), "d")
    assert (found["incoming"], found["outgoing"]) == ("allow", "allow")
    assert [(rule["name"], rule.get("action"), rule["priority"]) for rule in found["rules"]] == [
        ("in 0 IPv4", "drop", 32000),
        ("in others", None, 1),
        ("out others", None, 1),
    ]


def test_what_is_rejected_is_left_to_the_packet_filter() -> None:
    assert group(lab({**SQL, "action": "reject"}), "d")["rules"][0]["action"] == "allow-related"


def test_what_is_outside_has_no_address_of_the_topology() -> None:
    policy = {"from": {"outside": True}, "to": {"namespaces": ["a"]}, "action": "allow"}
    found = entries(lab(policy, a={"incoming": "deny"}))
    (addresses,) = (entry["addresses"] for entry in found if "addresses" in entry)
    networks = [ip_network(each) for each in addresses]
    assert sum(network.num_addresses for network in networks) == 2**32 - 2 * 256
    assert not any(network.overlaps(ip_network("10.1.0.0/24")) for network in networks)
    rules = group(lab(policy, a={"incoming": "deny"}), "a")["rules"]
    assert [rule.get("from", [])[:1] for rule in rules] == [[found[0]["name"]], ["::/0"]]


def test_rules_share_a_set_of_addresses() -> None:
    policy = {"from": {"namespaces": list(NAMES)}, "to": {"namespaces": ["a", "b"]}, "action": "allow"}
    variables = lab(policy, a={"incoming": "deny"}, b={"incoming": "deny"})
    for index, namespace in enumerate(variables["namespaces"]):
        namespace["interfaces"][0]["addresses"] = [f"10.{1 + index // 3}.0.{1 + index * 2}/24"]
    found = entries(variables)
    assert [sorted(entry)[0] for entry in found] == ["addresses", "incoming", "incoming"]
    assert {rule["from"][0] for entry in found[1:] for rule in entry["rules"]} == {found[0]["name"]}


def test_a_router_is_left_to_its_packet_filter() -> None:
    """Its port carries what is not its own."""
    assert entries(lab(SQL, d={"incoming": "deny", "sysctls": FORWARDING})) == []


def test_a_namespace_beside_ovn_is_left_to_its_packet_filter() -> None:
    variables = lab(f={"incoming": "deny"})
    variables["namespaces"].append({"name": "f", "host": "one", "incoming": "deny"})
    assert entries(variables) == []


@pytest.mark.parametrize(("name", "other"), [("a.b", "a_b"), ("0ns", "1ns"), ("ü", "ä"), ("db", "DB")])
def test_names_are_those_of_groups_and_each_has_its_own(name: str, other: str) -> None:
    variables = lab()
    for namespace, own in zip(variables["namespaces"], (name, other)):
        namespace.update(name=own, incoming="deny")
        namespace["interfaces"][0]["peer"] = f"t{own.encode().hex()}"
    variables["nat"] = []
    found = [entry["name"] for entry in entries({**variables, "name": "0.lab-x"})]
    assert len(set(found)) == 2
    parse(entries({**variables, "name": "0.lab-x"}))


def test_the_deletion_names_the_same() -> None:
    variables = lab(SQL, d={"incoming": "deny"})
    absent = entries({**variables, "state": "absent"})
    assert absent == [{"name": entry["name"], "state": "absent"} for entry in entries(variables)]


def parse(given_entries: list[dict[str, Any]]) -> None:
    """Have the module check the list."""
    resource = RESOURCES["ovn_acl"]
    parse_call(resource, validate_step(resource, {"groups": given_entries, "owner": "lab"}), False)


# All policies


@st.composite
def _policies(draw: st.DrawFn) -> Variables:
    """Draw a topology in which each namespace has some default, and some policies between them."""

    def side() -> Variables:
        return draw(
            st.sampled_from(
                [
                    {"namespaces": ["a"]},
                    {"namespaces": ["b", "d"]},
                    {"groups": ["db"]},
                    {"bridges": ["left"]},
                    {"outside": True},
                    {"networks": ["10.1.0.0/30"]},
                    {"networks": ["203.0.113.0/24", "2001:db8::/32"]},
                ]
            )
        )

    policies = []
    for number in range(draw(st.integers(0, 4))):
        traffic: Variables = draw(
            st.sampled_from(
                [
                    {},
                    {"protocol": "tcp"},
                    {"protocol": "tcp", "ports": ["80", "8000-8100"]},
                    {"protocol": "udp", "ports": ["53"]},
                    {"protocol": "icmp"},
                    {"protocol": "icmp", "icmp_types": ["echo-request"]},
                ]
            )
        )
        sides = {"from": side(), "to": side()}
        sides.pop(draw(st.sampled_from(["from", "to", "neither"])), None)
        if not {"namespaces", "groups", "bridges"} & {key for each in sides.values() for key in each}:
            continue
        policies.append(
            {**sides, **traffic, "action": draw(st.sampled_from(["allow", "drop", "reject"])), "priority": 10 + number}
        )
    defaults = {
        name: {
            "incoming": draw(st.sampled_from(["allow", "deny"])),
            "outgoing": draw(st.sampled_from(["allow", "deny"])),
        }
        for name in NAMES
    }
    return lab(*policies, **defaults)


def _is_of(connection: Connection, rule: dict[str, Any], sets: dict[str, list[str]]) -> bool:
    """Return whether a rule of OVN is about the first packet of a connection."""
    names = rule.get("from", rule.get("to"))
    if names is not None:
        networks = [ip_network(one) for each in names for one in sets.get(each, [each])]
        if not any(one.version == connection.peer.version and connection.peer in one for one in networks):
            return False
    protocol = connection.protocol if connection.protocol != "icmp" or connection.peer.version == 4 else "icmp6"
    if rule.get("protocol") not in (None, protocol):
        return False
    if rule.get("icmp_type") not in (None, connection.icmp_type):
        return False
    ranges = list(map(port_range, rule.get("ports", ())))
    return not ranges or any(first <= (connection.port or 0) <= last for first, last in ranges)


def _passes(connection: Connection, direction: str, found: dict[str, Any], sets: dict[str, list[str]]) -> bool:
    """Return whether OVN lets the first packet of a connection pass, as ovn-nb(5) has it for ACLs."""
    lport, default = {IN: ("to-lport", "incoming"), OUT: ("from-lport", "outgoing")}[direction]
    rules = [rule for rule in found["rules"] if rule["direction"] == lport and _is_of(connection, rule, sets)]
    best = max(rules, key=lambda rule: int(rule["priority"]), default={"action": found[default]})
    return str(best.get("action", "allow-related")) != "drop"


CONNECTIONS = [
    (peer, *traffic)
    for peer in ("10.1.0.2", "10.2.0.1", "10.1.0.77", "203.0.113.9", "192.0.2.1")
    for traffic in (("tcp", 80, None), ("tcp", 8050, None), ("udp", 53, None), ("icmp", None, 8), ("icmp", None, 13))
]


@given(_policies())
def test_ovn_stops_what_the_policy_drops_and_nothing_else(variables: Variables) -> None:
    try:
        policies = Policies(load_topology(variables))
    except ValueError:
        return  # drawn policies may contradict each other
    found = group_entries(policies)
    parse(found)
    sets = {entry["name"]: entry["addresses"] for entry in found if "addresses" in entry}
    for name, policy in policies.by_namespace.items():
        (own,) = (entry for entry in found if entry.get("ports") == [f"lab/{name}/eth0"])
        local = policies.addresses[name][0].network_address
        for direction in (IN, OUT):
            for peer, protocol, port, icmp_type in CONNECTIONS:
                connection = Connection(local, ip_address(peer), protocol, port, icmp_type)
                decision = policy.decide(direction, connection)
                assert _passes(connection, direction, own, sets) is (decision != DROP), (name, direction, connection)


def test_the_numbers_of_icmp_are_those_of_each_version() -> None:
    policy = {"to": {"namespaces": ["a"]}, "protocol": "icmp", "icmp_types": ["echo-request", "timestamp-request"]}
    rules = group(lab({**policy, "action": "allow"}, a={"incoming": "deny"}), "a")["rules"]
    assert [(rule["protocol"], rule["icmp_type"]) for rule in rules] == [("icmp", 8), ("icmp", 13), ("icmp6", 128)]
    assert ICMP_TYPES["echo-request"] == {4: 8, 6: 128}
    assert ALLOW in rules[0]["action"]

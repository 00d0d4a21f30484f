# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors in the policies of a topology."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import TopologyError
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.policy_topologies import lab, policy, to
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import Variables


def errors_of(variables: Variables) -> list[str]:
    try:
        compile_topology(variables)
    except TopologyError as error:
        return list(error.errors)
    return []


A = to(namespaces=["a"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"to": {"namespaces": ["a"]}}, "topology_policies[0]: action: is missing; every entry requires it"),
        (policy("deny", **A), "action: 'deny' is not one of allow, reject, drop; use one of these"),
        (policy(), "has neither `from` nor `to`; add one, or set `incoming` and `outgoing` of namespaces or bridges"),
        (policy(**to(host=True), from_={"outside": True}), "selects no namespace on either side"),
        (
            policy(**A, ports=["80"]),
            "ports: requires `protocol: tcp` or `protocol: udp` or `protocol: sctp`; add it, or omit `ports`",
        ),
        (policy(**A, protocol="icmp", ports=["80"]), "ports: requires `protocol: tcp` or `protocol: udp`"),
        (policy(**A, protocol="tcp", icmp_types=["echo-reply"]), "icmp_types: requires `protocol: icmp`"),
        (policy(**A, protocol="tcp", ports=["80-70"]), "ports[0]: '80-70' ends before it begins; write 70-80"),
        (policy(**A, protocol="icmp", icmp_types=["ping"]), "icmp_types[0]: 'ping' is not one of echo-request"),
        (policy(**A, protocol="tcp", ports=[]), "ports: names no port; name one, or omit it for all ports"),
        (policy(**A, protocol="icmp", icmp_types=[]), "icmp_types: names no type; name one, or omit it for all types"),
        (policy(**A, from_={"networks": []}), "from: selects nobody; name some of namespaces, groups, bridges"),
        (policy(**to(namespaces=[], outside=False)), "to: selects nobody; name some of namespaces, groups"),
        (policy(**A, priority=-1), "priority: must be a whole number from 0 to 65535"),
        (policy(to=[]), "to: must be a dictionary with some of the keys namespaces, groups"),
        (policy(to={}), "to: must be a dictionary with some of the keys namespaces, groups"),
        (policy(**to(namespace=["a"])), "to: namespace: is not an option here; did you mean 'namespaces'?"),
        (policy(**to(namespaces=["aa"])), "to: namespaces: 'aa' is not in `topology_namespaces`; did you mean 'a'?"),
        (policy(**to(groups=["wbe"])), "to: groups: 'wbe' is not a label of any namespace, so that the group is empty"),
        (policy(**to(bridges=["br1"])), "to: bridges: 'br1' is not in `topology_bridges`; did you mean 'br0'?"),
        (policy(**to(networks=["10.0.0.1/24"])), "to: networks[0]: '10.0.0.1/24' is an address within a network"),
    ],
)
def test_entry(given: dict[str, Any], expected: str) -> None:
    found = errors_of(lab(given, c={"labels": ["web"]}))
    assert any(expected in error for error in found), found
    assert all(error.startswith("topology_policies[0]") for error in found)


def test_all_errors_at_once_and_none_twice() -> None:
    found = errors_of(lab(policy(**to(namespaces=["x"], groups=["y"])), policy(**A, ports=["0"])))
    assert len(found) == 4


def test_defaults_and_labels() -> None:
    found = errors_of(lab(a={"incoming": "drop", "labels": "web"}, br0={"outgoing": None}))
    assert len(found) == 3
    assert any("incoming: 'drop' is not one of allow, deny" in error for error in found)


def test_selected_without_addresses() -> None:
    variables = lab(policy(**to(namespaces=["d"], bridges=["br9"])))
    variables["namespaces"].append({"name": "d"})
    variables["bridges"].append({"name": "br9"})
    first, second = errors_of(variables)
    assert "bridges: no namespace has an interface on 'br9'" in first
    assert "namespaces: 'd' has no declared address, and a policy knows a namespace by its addresses" in second
    variables["bridges"] = [{"name": "br0"}]
    variables["policies"] = [policy(**to(host=True), from_={"namespaces": ["a"]})]
    (found,) = errors_of(variables)
    assert "to: host: the host has no address on a link of the topology" in found


WEB = {"protocol": "tcp", "ports": ["80-90"]}


@pytest.mark.parametrize(
    ("second", "contradicts"),
    [
        (policy(**A), True),
        (policy("allow", **A), False),
        (policy(**A, priority=5), False),
        (policy(**A, protocol="udp"), False),
        (policy(**A, protocol="tcp", ports=["90"]), True),
        (policy(**A, protocol="tcp", ports=["91"]), False),
        (policy(**to(namespaces=["b"])), False),
        (policy(**A, from_={"namespaces": ["c"]}), False),
        (policy(**A, from_={"namespaces": ["b", "c"]}), True),
        (policy(**A, from_={"networks": ["10.0.0.0/30"]}), True),
        (policy(**A, from_={"networks": ["10.8.0.0/30"]}), False),
        (policy(**A, from_={"outside": True}), False),
        (policy(**to(networks=["10.0.0.1/32"])), True),
        (policy(**to(host=True), from_={"namespaces": ["b"]}), False),
        (policy(from_={"namespaces": ["b"]}), True),
    ],
)
def test_contradictions(second: dict[str, Any], contradicts: bool) -> None:
    first = policy("allow", **A, **WEB, from_={"namespaces": ["b"]})
    found = errors_of(lab(first, second))
    assert bool(found) == contradicts
    if found:
        assert "topology_policies[1] (drop): priority: is 1000 as that of topology_policies[0] (allow)" in found[0]


@pytest.mark.parametrize(
    ("network", "contradicts"), [("192.0.2.0/24", True), ("10.0.0.0/25", False), ("0.0.0.0/0", True)]
)
def test_what_is_outside(network: str, contradicts: bool) -> None:
    entries = (policy("allow", **A, from_={"outside": True}), policy(**A, from_={"networks": [network]}))
    assert bool(errors_of(lab(*entries))) == contradicts
    assert bool(errors_of(lab(*reversed(entries)))) == contradicts


def test_types_of_icmp() -> None:
    found: list[dict[str, Any]] = [
        {"protocol": "icmp", "icmp_types": [name]} for name in ("echo-request", "echo-reply")
    ]
    one, other = found
    assert not errors_of(lab(policy(**A, **one), policy("allow", **A, **other)))
    assert errors_of(lab(policy(**A, **one), policy("allow", **A, **one)))

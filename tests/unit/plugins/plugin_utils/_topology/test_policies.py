# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policies of a topology, as the rules of each namespace."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import permutations
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.policies import ALLOW, DROP, IN, OUT, Connection
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policies import Policies
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.policy_topologies import (
    NAMES,
    lab,
    policy,
    to,
)


def compiled(*policies: dict[str, Any], **namespaces: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the entries of the module policy by namespace."""
    return {entry.pop("namespace"): entry for entry in compile_topology(lab(*policies, **namespaces))["policies"]}


def test_without_policies_there_is_nothing_to_do() -> None:
    assert compiled() == {}
    # What is allowed anyway needs no rule.
    assert compiled(policy("allow", **to(namespaces=["a"]))) == {}


def test_what_a_namespace_accepts_is_decided_there() -> None:
    found = compiled(policy(**to(namespaces=["a"]), from_={"namespaces": ["b", "c"]}, protocol="tcp", ports=["80"]))
    peers = ["10.0.0.2/31", "fd00::2/127"]
    rule = {"direction": "in", "action": "drop", "protocol": "tcp", "ports": ["80"], "peers": peers}
    assert found == {"a": {"incoming": "allow", "outgoing": "allow", "rules": [rule]}}


def test_the_first_priority() -> None:
    (rule,) = compiled(policy(**to(namespaces=["a"]), priority=0))["a"]["rules"]
    assert rule == {"direction": "in", "action": "drop", "priority": 0}


def test_what_leads_to_others_is_decided_where_it_begins() -> None:
    found = compiled(policy(from_={"namespaces": ["a"]}, **to(outside=True, host=True, networks=["192.0.2.0/24"])))
    assert list(found) == ["a"]
    rules = [{name: rule[name] for name in rule if name.endswith("peers")} for rule in found["a"]["rules"]]
    hosts = ["10.0.0.254/32", "192.0.2.0/24", "fd00::fe/128"]
    assert rules == [{"excluded_peers": ["10.0.0.0/24", "fd00::/64"]}, {"peers": hosts}]
    assert list(compiled(policy(from_={"namespaces": ["a"]}))) == ["a"]
    assert list(compiled(policy(from_={"outside": True}))) == list(NAMES)
    assert list(compiled(policy(**to(networks=["192.0.2.0/24"])))) == list(NAMES)


def test_groups_bridges_and_networks() -> None:
    labels = {"a": {"labels": ["web"]}, "c": {"labels": ["web", "db"]}}
    assert list(compiled(policy(**to(groups=["web"])), **labels)) == ["a", "c"]
    assert list(compiled(policy(**to(groups=["db"], namespaces=["b"])), **labels)) == ["b", "c"]
    assert list(compiled(policy(**to(bridges=["br0"])))) == list(NAMES)
    # A network that has an address of a namespace selects it, with this address.
    found = compiled(policy(**to(networks=["10.0.0.2/31"]), from_={"namespaces": ["a"]}))
    assert found["b"]["rules"] == [
        {"direction": "in", "action": "drop", "peers": ["10.0.0.1/32", "fd00::1/128"], "local": ["10.0.0.2/31"]}
    ]


def test_defaults() -> None:
    found = compiled(br0={"incoming": "deny"}, b={"incoming": "allow", "outgoing": "deny"})
    assert {name: (entry["incoming"], entry["outgoing"]) for name, entry in found.items()} == {
        "a": ("deny", "allow"),
        "b": ("allow", "deny"),
        "c": ("deny", "allow"),
    }


def test_absent() -> None:
    variables = {**lab(a={"incoming": "deny"}), "state": "absent"}
    assert compile_topology(variables)["policies"] == [{"namespace": "a", "state": "absent"}]


def test_summary() -> None:
    variables = lab(
        policy("reject", from_={"groups": ["web"], "networks": ["192.0.2.0/24"]}, **to(host=True), log=True),
        policy("allow", **to(namespaces=["a"]), protocol="icmp", icmp_types=["echo-request"], priority=5),
        a={"incoming": "deny", "outgoing": "deny", "labels": ["web"]},
    )
    summary = compile_topology(variables)["summary"]
    assert "2 policies" in summary[0]
    for line in (
        "  policy 1000: reject everything from group web and 192.0.2.0/24 to the host (logged)",
        "  policy 5: allow ICMP echo-request from anybody to namespace a",
        "  namespace a denies other incoming and outgoing connections",
    ):
        assert line in summary


# The rules of all namespaces together decide as the policies do

SIDES = st.one_of(
    st.none(),
    st.builds(lambda names: {"namespaces": names}, st.lists(st.sampled_from(NAMES), min_size=1, unique=True)),
    st.sampled_from([{"networks": ["10.0.0.0/30"]}, {"networks": ["10.0.0.2/32", "fd00::3/128"]}, {"outside": True}]),
)

TRAFFIC: list[dict[str, Any]] = [{}, {"protocol": "tcp"}, {"protocol": "tcp", "ports": ["80"]}]


@st.composite
def policies(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for priority in range(draw(st.integers(0, 6))):
        sides = {"from": draw(SIDES), "to": draw(SIDES)}
        sides = {side: selector for side, selector in sides.items() if selector is not None}
        if not sides or all("outside" in selector for selector in sides.values()):
            sides["to"] = {"namespaces": ["a"]}
        protocol = draw(st.sampled_from(TRAFFIC))
        found.append({"action": draw(st.sampled_from(["allow", "drop"])), "priority": priority, **sides, **protocol})
    return found


def selected(selector: dict[str, Any] | None, name: str, address: str) -> bool:
    if selector is None or name in selector.get("namespaces", ()):
        return True
    return any(_holds(network, address) for network in selector.get("networks", ()))


def _holds(network: str, address: str) -> bool:
    addresses = {"10.0.0.0/30": ("10.0.0.1", "10.0.0.2", "10.0.0.3")}
    return address in addresses.get(network, (network.partition("/")[0],))


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(policies(), st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["incoming", "outgoing"])))
def test_all_rules_together_decide_as_the_first_policy(listed: list[dict[str, Any]], denying: dict[str, str]) -> None:
    options = {name: {way: "deny"} for name, way in denying.items()}
    found = Policies(load_topology(lab(*listed, **options))).by_namespace
    for one, other in permutations(NAMES, 2):
        for prefix in ("10.0.0.", "fd00::"):
            near, far = (f"{prefix}{NAMES.index(name) + 1}" for name in (one, other))
            for protocol, port in (("tcp", 80), ("tcp", 81), ("udp", 80)):
                passes = True
                for direction, name, own, peer in ((OUT, one, near, far), (IN, other, far, near)):
                    connection = Connection(ip_address(own), ip_address(peer), protocol, port)
                    passes &= name not in found or found[name].decide(direction, connection) == ALLOW
                first = next(
                    (
                        entry["action"]
                        for entry in listed
                        if selected(entry.get("from"), one, near)
                        and selected(entry.get("to"), other, far)
                        and entry.get("protocol") in (None, protocol)
                        and ("ports" not in entry or port == 80)
                    ),
                    DROP if denying.get(one) == "outgoing" or denying.get(other) == "incoming" else ALLOW,
                )
                assert passes == (first == ALLOW), (one, other, protocol, port)

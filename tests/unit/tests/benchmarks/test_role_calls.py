# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules are measured with is what the role gives them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.benchmarks.lab import GATEWAY, Lab, member
from ansible_collections.netns.fabric.tests.benchmarks.rivals.role_calls import module_calls


def steps(lab: Lab, state: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the modules that the role's one sequence runs, with their options."""
    [(name, arguments)] = module_calls(lab, state)
    assert name == "sequence"
    return [(step["module"], step["options"]) for step in arguments["steps"]]


@pytest.mark.parametrize(("state", "probing"), [("present", True), ("absent", False)])
def test_only_a_build_probes(state: str, probing: bool) -> None:
    [(_name, arguments)] = module_calls(Lab(3), state)
    assert bool(arguments.get("probes")) == probing


def test_the_steps_are_in_the_roles_order() -> None:
    built = [name for name, _options in steps(Lab(2), "present")]
    assert built[:8] == ["netns", "ovs_bridge", "veth", "link", "qdisc", "neighbour", "route", "rule"]
    assert built[8:12] == ["isolation", "nat_masquerade", "nat_port_forward", "policy"]
    assert built[12:] == ["ovs_port", "ovs_qos", "ovs_mirror", "ovs_flow", "boot"]
    removed = [name for name, _options in steps(Lab(2), "absent")]
    nat = ["isolation", "nat_masquerade", "nat_port_forward"]
    ports = ["ovs_port", "ovs_qos", "ovs_mirror", "ovs_flow"]
    assert removed == ["boot", "qdisc", *ports, "ovs_bridge", "link", *nat, "veth", "netns", "policy"]


def test_the_lists_of_a_build_name_every_member() -> None:
    calls = dict(steps(Lab(3), "present"))
    assert [one["name"] for one in calls["netns"]["namespaces"]] == ["ns0001", "ns0002", "ns0003"]
    assert len(calls["veth"]["pairs"]) == len(calls["ovs_port"]["ports"]) == len(calls["route"]["routes"]) == 3
    assert calls["netns"]["owner"] == "default"
    assert calls["netns"]["prune"] is True


@pytest.mark.parametrize("state", ["present", "absent"])
def test_nothing_is_left_to_be_rendered(state: str) -> None:
    assert "{{" not in json.dumps(module_calls(Lab(2), state))


def test_addresses_of_a_thousand_are_different_and_none_is_the_gateways() -> None:
    addresses = {one.address for one in Lab(1001).members}
    assert len(addresses) == 1001
    assert GATEWAY not in addresses
    assert member(300).cidr == "10.10.1.44/16"


def test_names_fit_the_kernel() -> None:
    assert max(len(name) for one in Lab(1001).members for name in (one.namespace, one.link, one.tap)) <= 15

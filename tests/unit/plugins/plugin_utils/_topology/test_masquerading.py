# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probes of masquerading."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    OUTSIDE,
    Variables,
    on_bridge,
    only_error_of,
)

V4, V6 = "192.0.2.1", "2001:db8::1"


def behind_the_host(**changes: Any) -> Variables:
    """Return two namespaces of both IP versions with default routes to the bridge, and NAT for them."""
    addresses = {name: [f"10.0.0.{number}/24", f"fd00::{number}/64"] for number, name in ((2, "b"), (1, "a"))}
    variables = on_bridge(**{name: {"addresses": those} for name, those in addresses.items()})
    variables["bridges"][0]["addresses"] = ["10.0.0.254/24", "fd00::fe/64"]
    for namespace in variables["namespaces"]:
        namespace["routes"] = [{"destination": "default", "gateway": gateway} for gateway in ("10.0.0.254", "fd00::fe")]
    variables["nat"] = [{"source": "10.0.0.0/24"}, {"source": "fd00::/64", "out_interface": "wan0"}]
    return {**variables, **changes}


def probes_of(variables: Variables) -> list[dict[str, Any]]:
    return [probe for probe in compile_topology(variables)["probes"] if probe.get("expect") == "masqueraded"]


def starts(variables: Variables) -> set[tuple[str, str]]:
    return {(probe["namespace"], probe["to"]) for probe in probes_of(variables)}


def test_one_for_each_network() -> None:
    base = {"namespace": "a", "protocol": "icmp", "expect": "masqueraded", "timeout": 10.0}
    assert probes_of(behind_the_host()) == [{**base, "to": V4}, {**base, "to": V6, "out_interface": "wan0"}]


@pytest.mark.parametrize(
    "options",
    [{"ip_forward": False}, {"accept_forward": "never"}, {"source": "10.0.0.128/25"}],
)
def test_none_where_it_is_not_known_to_be_forwarded_and_masqueraded(options: dict[str, Any]) -> None:
    variables = behind_the_host()
    variables["nat"][0].update(options)
    assert starts(variables) == {("a", V6)}


def test_a_narrow_network() -> None:
    variables = behind_the_host()
    variables["nat"][0]["source"] = "10.0.0.2/32"
    assert starts(variables) == {("b", V4), ("a", V6)}


def test_none_beside_addresses_that_the_user_names() -> None:
    assert starts(behind_the_host(verify_outside=[OUTSIDE])) == {("a", V6)}


def test_none_without_a_route() -> None:
    variables = behind_the_host()
    for namespace in variables["namespaces"]:
        del namespace["routes"][0]
    assert starts(variables) == {("a", V6)}


def test_an_address_that_the_topology_does_not_have() -> None:
    variables = behind_the_host()
    variables["namespaces"][0]["routes"].append({"destination": "192.0.2.0/24", "gateway": "10.0.0.9"})
    assert starts(variables) == {("a", "198.51.100.1"), ("a", V6)}
    variables["host"] = {"routes": [{"destination": "198.51.100.0/24", "gateway": "10.0.0.9"}]}
    assert starts(variables) == {("a", "203.0.113.1"), ("a", V6)}


def test_a_router_namespace() -> None:
    variables = behind_the_host()
    variables["bridges"][0]["addresses"] = []
    router = {"name": "eth0", "bridge": "br0", "peer": "tap-r", "addresses": ["10.0.0.254/24", "fd00::fe/64"]}
    variables["namespaces"].append({"name": "r", "interfaces": [router]})
    variables["nat"] = [{"source": "10.0.0.0/24", "namespace": "r"}]
    (probe,) = probes_of(variables)
    assert (probe["namespace"], probe["to"], probe["router"]) == ("a", V4, "r")
    variables["nat"][0].pop("namespace")  # what a sends comes to r first
    assert probes_of(variables) == []


def test_a_few_of_many() -> None:
    variables = on_bridge(**{f"n{number}": {"addresses": [f"10.{number}.0.1/24"]} for number in range(100)})
    variables["bridges"][0]["addresses"] = [f"10.{number}.0.254/24" for number in range(100)]
    for number, namespace in enumerate(variables["namespaces"]):
        namespace["routes"] = [{"destination": "default", "gateway": f"10.{number}.0.254"}]
    variables["nat"] = [{"source": f"10.{number}.0.0/24"} for number in range(100)]
    assert 10 <= len(probes_of(variables)) <= 16


def test_exemptions_and_a_given_source() -> None:
    """An address that is not masqueraded shows nothing; the other ones are as good."""
    variables = behind_the_host()
    variables["nat"][0].update(excluded_destinations=["192.0.2.0/24", "10.8.0.0/16"], to_source="203.0.113.7")
    assert starts(variables) == {("a", "198.51.100.1"), ("a", V6)}
    assert compile_topology(variables)["rules"][0] == {
        "source": "10.0.0.0/24",
        "excluded_destinations": ["192.0.2.0/24", "10.8.0.0/16"],
        "to_source": "203.0.113.7",
    }
    variables["verify_outside"] = ["10.8.0.1", "203.0.113.99"]
    outside = [probe for probe in compile_topology(variables)["probes"] if probe["to"] in variables["verify_outside"]]
    # Who is exempted has its own address there, and whether that has a route back is not declared.
    assert {(probe["to"], probe.get("expect")) for probe in outside} == {("203.0.113.99", None)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"excluded_destinations": ["fd00::/8"]}, "excluded_destinations[0]: fd00::/8 is not IPv4, which 10.0.0.0/24"),
        ({"excluded_destinations": ["0.0.0.0/0"]}, "excluded_destinations[0]: 0.0.0.0/0 contains every address"),
        ({"source": "0.0.0.0/0"}, "source: 0.0.0.0/0 contains every address, so that no destination is left"),
        ({"source": "::/0"}, "source: ::/0 contains every address, so that no destination is left"),
        ({"source": "224.0.0.0/4"}, "source: 224.0.0.0/4 is multicast, which is never a source"),
        ({"out_interface": "wan*"}, "out_interface: 'wan*' contains the character *, which a firewall rule reads as"),
        ({"to_source": "2001:db8::7"}, "to_source: 2001:db8::7 is not IPv4, which 10.0.0.0/24 is"),
        ({"to_source": "192.0.2.9-192.0.2.7"}, "to_source: 192.0.2.9-192.0.2.7 ends before it begins"),
    ],
)
def test_errors(options: dict[str, Any], message: str) -> None:
    variables = behind_the_host()
    variables["nat"][0].update(options)
    assert message in only_error_of(variables)

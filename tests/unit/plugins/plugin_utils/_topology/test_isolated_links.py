# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The links of the host that a topology isolates."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import TopologyError
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    Variables,
    only_error_of,
    reference,
    veth,
)


def isolation(variables: Variables) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = compile_topology(variables)["isolation"]
    return found


def two(**second: Any) -> Variables:
    """Return a namespace on each of two bridges, br0 and br1; `second` changes the second bridge."""
    bridges = [{"name": f"br{n}", "addresses": [f"10.{n}.0.254/24"]} for n in (0, 1)]
    return {
        "bridges": [bridges[0], {**bridges[1], **second}],
        "namespaces": [
            {
                "name": f"ns{n}",
                "interfaces": [{"name": "eth0", "bridge": f"br{n}", "addresses": [f"10.{n}.0.1/24"]}],
                "routes": [{"destination": "default", "gateway": f"10.{n}.0.254"}],
            }
            for n in (0, 1)
        ],
    }


def test_reference_topology() -> None:
    network = "192.168.100.0/24"
    assert isolation(reference()) == [{"link": "int_br", "networks": [network], "outbound": [{"source": network}]}]
    assert isolation({**reference(), "state": "absent"}) == [{"link": "int_br", "state": "absent"}]
    assert not [line for line in compile_topology(reference())["summary"] if "is open" in line]


def test_without_nat_nothing_leaves() -> None:
    first, second = isolation(two())
    assert first == {"link": "br0", "networks": ["10.0.0.0/24"]}
    assert second["link"] == "br1"


def test_open_bridges_are_in_the_summary() -> None:
    variables = two(isolate=False)
    assert [entry["link"] for entry in isolation(variables)] == ["br0"]
    assert "  br1 is open: the host forwards to and from it" in compile_topology(variables)["summary"]


@pytest.mark.parametrize(
    ("nat", "outbound"),
    [
        ({"source": "10.0.0.0/8"}, ["10.0.0.0/24", "10.1.0.0/24"]),
        ({"source": "10.0.0.0/25"}, ["10.0.0.0/25"]),
        ({"source": "10.0.0.0/24", "namespace": "ns0"}, []),
        # Behind a router: by which link its packets come in is not declared.
        ({"source": "172.16.0.0/16"}, ["172.16.0.0/16", "172.16.0.0/16"]),
    ],
)
def test_what_is_masqueraded_leaves(nat: dict[str, Any], outbound: list[str]) -> None:
    variables = {**two(), "nat": [nat]}
    variables["namespaces"][0]["routes"].append({"destination": "172.16.0.0/16", "gateway": "10.0.0.9"})
    found = isolation(variables)
    assert [allowed["source"] for entry in found for allowed in entry.get("outbound", ())] == outbound
    for entry in found:
        assert {allowed["source"] for allowed in entry.get("outbound", ())} <= {*entry["networks"], "10.0.0.0/25"}


def test_what_nat_leaves_by_is_open() -> None:
    variables = {**two(), "nat": [{"source": "10.0.0.0/24", "out_interface": "br1"}]}
    assert isolation(variables) == [
        {
            "link": "br0",
            "networks": ["10.0.0.0/24"],
            "outbound": [{"source": "10.0.0.0/24", "out_interface": "br1"}],
        }
    ]
    variables["bridges"][1]["isolate"] = True
    assert [entry["link"] for entry in isolation(variables)] == ["br0", "br1"]


def test_a_route_by_the_host_opens_its_direction() -> None:
    variables = two()
    routes = variables["namespaces"][0]["routes"]
    routes += [
        {"destination": "10.1.0.0/16", "gateway": "10.0.0.254"},
        {"destination": "10.9.0.0/16", "gateway": "10.0.0.254"},
    ]
    first, second = isolation(variables)
    assert first["reaches"] == [by("br1", "10.1.0.0/24")]
    assert "reaches" not in second
    # By another gateway than the host.
    routes[1]["gateway"] = "10.0.0.9"
    assert "reaches" not in isolation(variables)[0]


def test_a_default_route_opens_nothing_however_it_is_written() -> None:
    for destination in ("default", "0.0.0.0/0"):
        variables = two()
        for namespace in variables["namespaces"]:
            namespace["routes"][0]["destination"] = destination
        assert [entry.get("reaches") for entry in isolation(variables)] == [None, None]
        forbidden = {probe["to"] for probe in compile_topology(variables)["probes"] if "expect" in probe}
        assert {"10.0.0.1", "10.1.0.1"} <= forbidden


def by(link: str, network: str) -> Variables:
    """Return what is reached of a network by a link."""
    return {"destination": network, "out_interface": link}


def behind_a_router(*routes: Variables, **more: Any) -> Variables:
    """Return `two`, with a router on the first bridge, and these routes of the host."""
    variables = {**two(), "host": {"routes": list(routes)}, **more}
    interface = {"name": "eth0", "bridge": "br0", "addresses": ["10.0.0.1/24", "10.0.9.1/24"]}
    variables["namespaces"][0].update(interfaces=[interface], sysctls={"net.ipv4.ip_forward": 1})
    return variables


def test_a_route_of_the_host_is_to_what_is_behind_the_link_of_its_gateway() -> None:
    route = {"destination": "10.7.0.0/24", "gateway": "10.0.0.1"}
    variables = behind_a_router(route)
    variables["namespaces"][1]["routes"] = [{"destination": "10.7.0.0/16", "gateway": "10.1.0.254"}]
    first, second = isolation(variables)
    assert first == {"link": "br0", "networks": ["10.0.0.0/24", "10.0.9.0/24", "10.7.0.0/24"]}
    assert second == {"link": "br1", "networks": ["10.1.0.0/24"], "reaches": [by("br0", "10.7.0.0/24")]}
    # In the direction of the declared route only, unless there is one back.
    variables["namespaces"][0]["routes"] = [{"destination": "10.1.0.0/24", "gateway": "10.0.0.254"}]
    assert isolation(variables)[0]["reaches"] == [by("br1", "10.1.0.0/24")]


def test_a_wide_route_of_the_host_opens_its_own_link_only() -> None:
    """The host may have a card in a part of it, by which nothing is to leave."""
    variables = behind_a_router({"destination": "10.0.0.0/8", "gateway": "10.0.0.1"})
    variables["namespaces"][1]["routes"] = [{"destination": "10.0.0.0/8", "gateway": "10.1.0.254"}]
    networks = ("10.0.0.0/24", "10.0.9.0/24", "10.0.0.0/8")
    assert isolation(variables)[1]["reaches"] == [by("br0", network) for network in networks]


def test_what_the_host_has_no_declared_way_to_may_be_behind_another_link() -> None:
    """Such as a link of the host for one VLAN of the bridge."""
    variables = two(addresses=[])
    variables["namespaces"][0]["routes"] = [{"destination": "10.1.0.0/24", "gateway": "10.0.0.254"}]
    variables["namespaces"][1]["routes"] = []
    assert isolation(variables)[0]["reaches"] == [{"destination": "10.1.0.0/24"}]


@pytest.mark.parametrize(
    ("route", "networks"),
    [
        ({"destination": "10.7.0.0/24", "device": "br0"}, ["10.7.0.0/24"]),
        ({"destination": "10.7.0.0/24", "gateway": "10.0.0.1", "device": "br0"}, ["10.7.0.0/24"]),
        ({"destination": "10.7.0.0/24", "nexthops": [{"gateway": "10.0.0.1"}, {"device": "eth9"}]}, ["10.7.0.0/24"]),
        # By others, to others, or to nobody.
        ({"destination": "10.7.0.0/24", "gateway": "192.0.2.1"}, []),
        ({"destination": "10.7.0.0/24", "gateway": "10.0.0.1", "device": "eth9"}, []),
        ({"destination": "default", "gateway": "10.0.0.1"}, []),
        ({"destination": "0.0.0.0/0", "gateway": "10.0.0.1"}, []),
        ({"destination": "10.7.0.0/24", "type": "prohibit"}, []),
    ],
)
def test_which_routes_of_the_host_lead_where(route: Variables, networks: list[str]) -> None:
    first, second = isolation(behind_a_router(route))
    assert first["networks"][2:] == networks
    assert second["networks"] == ["10.1.0.0/24"]


def test_what_is_behind_a_router_and_masqueraded_leaves_by_its_link_only() -> None:
    route = {"destination": "10.7.0.0/24", "gateway": "10.0.0.1"}
    nat = [{"source": "10.7.0.0/24"}]
    first, second = isolation(behind_a_router(route, nat=nat))
    assert first["outbound"] == nat
    assert second == {"link": "br1", "networks": ["10.1.0.0/24"]}
    # Without the host's route it may be behind each.
    for entry in isolation(behind_a_router({"destination": "10.7.0.0/25", "gateway": "10.0.0.1"}, nat=nat)):
        assert {"source": "10.7.0.0/24"} in entry["outbound"]


def test_ends_of_links_on_the_host() -> None:
    variables: Variables = {"namespaces": [{"name": "a"}, {"name": "b"}]}
    variables["links"] = [veth("a", "10.5.0.1/30", None, "10.5.0.2/30"), veth("a", "10.6.0.1/30", "b", "10.6.0.2/30")]
    assert isolation(variables) == [{"link": "ahostp", "networks": ["10.5.0.0/30"]}]
    variables["links"][0]["peer"]["isolate"] = False
    assert isolation(variables) == []
    variables["links"][0]["isolate"] = False
    with pytest.raises(TopologyError, match="isolate: is for an end on the host"):
        compile_topology(variables)


def test_a_link_that_no_rule_can_match_is_open() -> None:
    variables = two(name="br*")
    variables["namespaces"].pop()
    assert [entry["link"] for entry in isolation(variables)] == ["br0"]
    variables["bridges"][1]["isolate"] = True
    cause = "'br*' contains the character *, which a firewall rule reads as a pattern or a quote; rename the link"
    assert only_error_of(variables) == f"topology_bridges[1] (br*): isolate: {cause}"
    variables["bridges"].pop()
    variables["namespaces"] = [{"name": "red"}]
    variables["links"] = [{"name": "r*d0", "isolate": True, "peer": {"name": "eth0", "namespace": "red"}}]
    variables["nat"] = []
    assert only_error_of(variables).startswith("topology_links[0] (r*d0): isolate: 'r*d0' contains the character *")

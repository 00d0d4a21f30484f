# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a topology is verified by: what must be reached, and what must not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import TopologyError, compile_topology

Variables = dict[str, Any]
Legs = set[tuple["str | None", str]]


def on_bridge(**interfaces: Variables) -> Variables:
    """Namespaces with one interface each on the bridge br0, which is 10.0.0.254/24."""
    return {
        "bridges": [{"name": "br0", "addresses": ["10.0.0.254/24"]}, {"name": "br1"}],
        "namespaces": [
            {"name": name, "interfaces": [{"name": "eth0", "bridge": "br0", **options}]}
            for name, options in interfaces.items()
        ],
    }


def legs_of(variables: Variables, protocol: str = "icmp", expect: str = "reachable") -> Legs:
    return {
        (probe.get("namespace"), probe["to"])
        for probe in compile_topology(variables)["probes"]
        if probe["protocol"] == protocol and probe.get("expect", "reachable") == expect
    }


def forbidden(variables: Variables, protocol: str = "icmp") -> Legs:
    return legs_of(variables, protocol, "unreachable")


# --- within a broadcast domain -------------------------------------------------------------------------------------


def test_they_go_round_in_a_ring() -> None:
    variables = on_bridge(
        a={"addresses": ["10.0.0.1/24"]}, b={"addresses": ["10.0.0.2/24"]}, c={"addresses": ["10.0.0.3/24"]}
    )
    assert legs_of(variables) == {
        ("a", "10.0.0.2"),
        ("b", "10.0.0.3"),
        ("c", "10.0.0.1"),
        *((name, "10.0.0.254") for name in "abc"),
    }
    assert legs_of(variables, "tcp") == legs_of(variables)
    assert forbidden(variables) == set()


def many_on_bridge(count: int) -> Variables:
    last = {"addresses": ["10.0.100.1/16"]}
    others = {f"ns{index}": {"addresses": [f"10.0.{index // 250}.{index % 250 + 1}/16"]} for index in range(1, count)}
    variables = on_bridge(**others, last=last)
    variables["bridges"][0]["addresses"] = ["10.0.255.254/16"]
    for index, namespace in enumerate(variables["namespaces"]):
        namespace["interfaces"][0]["peer"] = f"tap{index}"
    return variables


@pytest.mark.parametrize(("count", "from_one_to_the_next"), [(100, 100), (101, 17), (200, 17)])
def test_of_many_only_some_probe_the_next_one(count: int, from_one_to_the_next: int) -> None:
    legs = legs_of(many_on_bridge(count))
    to_gateway = {place for place, to in legs if to == "10.0.255.254"}
    assert len(to_gateway) == count
    assert len(legs) - count == from_one_to_the_next


@pytest.mark.parametrize(("count", "seconds"), [(3, 10), (200, 10), (500, 25)])
def test_more_time_is_given_to_many(count: int, seconds: float) -> None:
    assert {probe["timeout"] for probe in compile_topology(many_on_bridge(count))["probes"]} == {seconds}


def test_of_many_without_a_gateway_all_probe_the_next_one() -> None:
    variables = many_on_bridge(150)
    del variables["bridges"][0]["addresses"]
    legs = legs_of(variables)
    assert len(legs) == len({place for place, _to in legs}) == 150


def test_they_stay_within_vlan_subnet_and_family() -> None:
    variables = on_bridge(
        a={"addresses": ["10.0.0.1/24", "fd00::1/64"]},
        b={"addresses": ["10.0.0.2/24", "fd00::2/64", "fe80::2/64"]},
        c={"addresses": ["10.0.0.3/24"], "tag": 10},
        d={"addresses": ["10.0.0.4/24"], "tag": 10},
        e={"addresses": ["10.7.0.5/24"]},
    )
    assert legs_of(variables) == {
        ("a", "10.0.0.2"),
        ("b", "10.0.0.1"),
        ("a", "10.0.0.254"),
        ("b", "10.0.0.254"),
        ("a", "fd00::2"),
        ("b", "fd00::1"),
        ("c", "10.0.0.4"),
        ("d", "10.0.0.3"),
    }


@pytest.mark.parametrize(
    ("port", "answers"),
    [
        ({"vlan_mode": "access"}, True),
        ({"vlan_mode": "trunk"}, True),
        ({"vlan_mode": "trunk", "tag": 10}, True),
        ({"trunks": [0, 10]}, True),
        ({"trunks": [10]}, False),
        ({"vlan_mode": "native-tagged", "tag": 0}, False),
        ({"vlan_mode": "native-untagged", "tag": 10}, False),
        ({"vlan_mode": "dot1q-tunnel", "tag": 10}, False),
        ({"tag": 10, "trunks": [0]}, False),
        ({"enabled": False}, False),
    ],
)
def test_they_know_vlan_modes(port: Variables, answers: bool) -> None:
    assert bool(legs_of(on_bridge(a={"addresses": ["10.0.0.1/24"], **port}))) is answers


def test_where_flows_decide_nothing_is_asked() -> None:
    variables = on_bridge(
        a={"addresses": ["10.0.0.1/24"]}, b={"addresses": ["10.0.0.2/24"]}, c={"addresses": ["10.0.0.3/24"], "tag": 3}
    )
    variables["bridges"][0]["fail_mode"] = "secure"
    assert compile_topology(variables)["probes"] == []


def test_none_without_verification() -> None:
    assert compile_topology({**on_bridge(a={"addresses": ["10.0.0.1/24"]}), "verify": False})["probes"] == []


def cable(near: str, near_address: str, far: str | None, far_address: str) -> Variables:
    name = f"{near}{far or 'host'}"
    link: Variables = {
        "name": name,
        "namespace": near,
        "addresses": [near_address],
        "peer": {"name": f"{name}p", "addresses": [far_address]},
    }
    if far:
        link["peer"]["namespace"] = far
    return link


def test_over_links() -> None:
    variables: Variables = {
        "namespaces": [{"name": "red"}, {"name": "blue"}],
        "links": [
            cable("red", "10.9.0.1/30", "blue", "10.9.0.2/30"),
            cable("red", "10.9.1.1/30", None, "10.9.1.2/30"),
        ],
    }
    assert legs_of(variables) == {
        ("red", "10.9.0.2"),
        ("blue", "10.9.0.1"),
        ("red", "10.9.1.2"),
        (None, "10.9.1.1"),
    }
    variables["links"][0]["peer"]["enabled"] = False
    assert legs_of(variables) == {("red", "10.9.1.2"), (None, "10.9.1.1")}


def test_a_subnet_that_a_namespace_has_twice_is_left_alone() -> None:
    """By which of the two the packets go is nobody's to say."""
    variables = on_bridge(a={"addresses": ["10.0.0.1/24"]}, b={"addresses": ["10.0.0.2/24"]})
    variables["namespaces"][0]["interfaces"].append(
        {"name": "eth1", "bridge": "br1", "addresses": ["10.0.0.3/24"], "tag": 3}
    )
    assert legs_of(variables) == {("b", "10.0.0.254")}
    assert forbidden(variables) == set()


# --- what must not be reached --------------------------------------------------------------------------------------


def test_another_vlan_with_the_same_subnet() -> None:
    variables = on_bridge(
        a={"addresses": ["10.0.1.1/24", "fd00::1/64"], "tag": 10},
        b={"addresses": ["10.0.1.2/24", "fd00::2/64"], "tag": 10},
        c={"addresses": ["10.0.1.3/24", "fd00::3/64"], "tag": 20},
    )
    assert forbidden(variables) == {
        ("a", "10.0.1.3"),
        ("b", "10.0.1.3"),
        ("c", "10.0.1.1"),
        ("a", "fd00::3"),
        ("b", "fd00::3"),
        ("c", "fd00::1"),
    }
    assert forbidden(variables, "tcp") == set()
    waits = {
        probe["timeout"] for probe in compile_topology(variables)["probes"] if probe.get("expect") == "unreachable"
    }
    assert waits == {1.0}


def test_another_bridge() -> None:
    variables = on_bridge(
        a={"addresses": ["10.0.0.1/24"]},
        b={"addresses": ["10.0.0.2/24"], "bridge": "br1"},
        c={"addresses": ["10.7.0.3/24"], "bridge": "br1", "tag": 7},
    )
    # c has no route: that much is certain where it has no other cable.
    assert forbidden(variables) == {("a", "10.0.0.2"), ("b", "10.0.0.1"), ("c", "10.0.0.1")}


def test_the_reference_topology_waits_for_nothing() -> None:
    assert forbidden(on_bridge(a={"addresses": ["10.0.0.1/24"]}, b={"addresses": ["10.0.0.2/24"]})) == set()


def test_one_protected_port_and_another() -> None:
    protected = {"protected": True}
    variables = on_bridge(
        a={"addresses": ["10.0.0.1/24"], **protected},
        b={"addresses": ["10.0.0.2/24"], **protected},
        c={"addresses": ["10.0.0.3/24"]},
    )
    assert legs_of(variables) == {("a", "10.0.0.254"), ("b", "10.0.0.254"), ("c", "10.0.0.254")}
    assert forbidden(variables) == {("a", "10.0.0.2"), ("b", "10.0.0.1")}


def two_vlans() -> Variables:
    """Two namespaces in one subnet and different VLANs."""
    return on_bridge(
        a={"addresses": ["10.0.1.1/24"], "tag": 10},
        b={"addresses": ["10.0.1.2/24"], "tag": 20},
    )


def _second_interface(variables: Variables, name: str, **options: Any) -> None:
    {entry["name"]: entry for entry in variables["namespaces"]}[name]["interfaces"].append({"name": "eth1", **options})


def _explicit_trunk(variables: Variables) -> None:
    variables["namespaces"][0]["interfaces"][0].update(trunks=[20], vlan_mode="native-untagged")


def _existing_link(variables: Variables) -> None:
    _second_interface(variables, "a")


def _bridging_namespace(variables: Variables) -> None:
    variables["namespaces"].append(
        {
            "name": "between",
            "interfaces": [
                {"name": "in0", "bridge": "br0", "tag": 10},
                {"name": "out0", "bridge": "br0", "tag": 20},
            ],
        }
    )


def _in_both(variables: Variables) -> None:
    _second_interface(variables, "b", bridge="br0", tag=10, addresses=["10.5.0.2/24"])


def _proxy(variables: Variables) -> None:
    variables["namespaces"].append(
        {
            "name": "proxy",
            "sysctls": {"net/ipv4/conf/all/proxy_arp": 1},
            "interfaces": [{"name": "eth0", "bridge": "br0", "tag": 10, "addresses": ["10.0.1.9/24"]}],
        }
    )


def _the_same_address_here_too(variables: Variables) -> None:
    variables["namespaces"].append(
        {
            "name": "c",
            "interfaces": [{"name": "eth0", "bridge": "br0", "tag": 10, "addresses": ["10.0.1.2/24"]}],
        }
    )


def _a_route_of_its_own(variables: Variables) -> None:
    variables["namespaces"][0]["routes"] = [{"destination": "10.0.1.2/32", "gateway": "10.0.1.99"}]


def _another_table(variables: Variables) -> None:
    variables["namespaces"][0]["routes"] = [{"destination": "default", "gateway": "10.0.1.99", "table": 7}]


def _said_by_the_user(variables: Variables) -> None:
    variables["verify_probes"] = [{"namespace": "b", "to": "10.0.1.1"}]


@pytest.mark.parametrize(
    "doubt",
    [
        _explicit_trunk,
        _existing_link,
        _bridging_namespace,
        _in_both,
        _proxy,
        _the_same_address_here_too,
        _a_route_of_its_own,
        _another_table,
        _said_by_the_user,
    ],
)
def test_in_doubt_nothing_is_demanded(doubt: Any) -> None:
    variables = two_vlans()
    assert ("a", "10.0.1.2") in forbidden(variables)
    doubt(variables)
    assert ("a", "10.0.1.2") not in forbidden(variables)


def test_the_hosts_forwarding_is_not_known() -> None:
    """Two bridges, the host the gateway on both: whether it forwards is the host's affair, and its firewall's."""
    variables: Variables = {
        "bridges": [{"name": f"br{n}", "addresses": [f"10.{n}.0.254/24", f"fd00:{n}::fe/64"]} for n in (0, 1)],
        "namespaces": [
            {
                "name": f"ns{n}",
                "interfaces": [
                    {"name": "eth0", "bridge": f"br{n}", "addresses": [f"10.{n}.0.1/24", f"fd00:{n}::1/64"]},
                ],
                "routes": [
                    {"destination": "default", "gateway": f"10.{n}.0.254"},
                    {"destination": "default", "gateway": f"fd00:{n}::fe"},
                ],
            }
            for n in (0, 1)
        ],
    }
    assert forbidden(variables) == set()
    assert len(legs_of(variables)) == 4  # To the gateways.
    variables["namespaces"][0]["routes"] = []
    # Without a route, by IPv4; by IPv6 somebody may advertise one.
    assert forbidden(variables) == {("ns0", "10.1.0.1")}


def test_a_host_address_is_never_forbidden() -> None:
    """The host has an interface on every bridge, and Linux answers on each for all of its addresses."""
    variables = on_bridge(a={"addresses": ["10.0.1.1/24"]}, b={"addresses": ["10.0.1.2/24"], "bridge": "br1"})
    variables["bridges"][1]["addresses"] = ["10.0.1.254/24"]
    assert forbidden(variables) == {("a", "10.0.1.2"), ("b", "10.0.1.1")}


# --- through router namespaces -------------------------------------------------------------------------------------


def routed(**router: Any) -> Variables:
    """left - router - right, in both families."""
    return {
        "namespaces": [
            {
                "name": "left",
                "routes": [
                    {"destination": "default", "gateway": "10.1.0.254"},
                    {"destination": "fd00:2::/64", "gateway": "fd00:1::fe"},
                ],
            },
            {"name": "router", **router},
            {
                "name": "right",
                "routes": [
                    {"destination": "10.1.0.0/24", "gateway": "10.2.0.254"},
                    {"destination": "default", "gateway": "fd00:2::fe"},
                ],
            },
        ],
        "links": [
            {
                "name": name,
                "namespace": name,
                "addresses": [f"10.{n}.0.1/24", f"fd00:{n}::1/64"],
                "peer": {"name": name, "namespace": "router", "addresses": [f"10.{n}.0.254/24", f"fd00:{n}::fe/64"]},
            }
            for n, name in ((1, "left"), (2, "right"))
        ],
    }


FORWARDING = {"net.ipv4.ip_forward": True, "net.ipv6.conf.all.forwarding": "1"}
THROUGH = {("left", "10.2.0.1"), ("right", "10.1.0.1"), ("left", "fd00:2::1"), ("right", "fd00:1::1")}


def test_through_a_router_namespace() -> None:
    assert legs_of(routed(sysctls=FORWARDING)) >= THROUGH
    assert legs_of(routed(sysctls=FORWARDING), "tcp") >= THROUGH


@pytest.mark.parametrize("version", [4, 6])
def test_a_router_that_is_not_declared_to_forward(version: int) -> None:
    sysctls = {key: value for key, value in FORWARDING.items() if f"ipv{version}" in key}
    assert legs_of(routed(sysctls=sysctls)) & THROUGH == {leg for leg in THROUGH if (":" in leg[1]) == (version == 6)}
    assert forbidden(routed(sysctls=sysctls)) == set()


def test_no_way_back() -> None:
    variables = routed(sysctls=FORWARDING)
    del variables["namespaces"][2]["routes"][0]
    assert ("left", "10.2.0.1") not in legs_of(variables)
    # Unless the router has it look as if it were itself that asks.
    variables["nat"] = [{"source": "10.1.0.0/24", "namespace": "router"}]
    assert ("left", "10.2.0.1") in legs_of(variables)
    variables["nat"][0]["out_interface"] = "left"
    assert ("left", "10.2.0.1") not in legs_of(variables)


def test_nat_in_a_namespace_has_it_forward() -> None:
    variables = routed()
    variables["nat"] = [{"source": "10.1.0.0/24", "namespace": "router"}]
    assert legs_of(variables) & THROUGH == {("left", "10.2.0.1"), ("right", "10.1.0.1")}
    variables["nat"][0]["ip_forward"] = False
    assert legs_of(variables) & THROUGH == set()


def test_routers_in_circles() -> None:
    variables = routed(sysctls=FORWARDING, routes=[{"destination": "10.3.0.0/24", "gateway": "10.1.0.1"}])
    variables["namespaces"][0]["sysctls"] = FORWARDING
    variables["verify_outside"] = ["10.3.0.7"]
    assert ("right", "10.3.0.7") not in legs_of(variables) | forbidden(variables)


# --- outside -------------------------------------------------------------------------------------------------------


def test_the_outside() -> None:
    variables = {
        **on_bridge(
            a={"addresses": ["10.0.0.1/24"]},
            b={"addresses": ["10.0.0.2/24"]},
            c={"addresses": ["10.1.0.3/24"]},
        ),
        "nat": [{"source": "10.0.0.0/24"}],
        "verify_outside": ["198.51.100.1", "198.51.100.1:443", "[2001:db8::1]:80", "2001:db8::1"],
    }
    a, b, c = variables["namespaces"]
    a["routes"] = [{"destination": "default", "gateway": "10.0.0.254"}]
    b["routes"] = [{"destination": "203.0.113.0/24", "gateway": "10.0.0.254"}]  # Does not lead there.
    c["routes"] = [{"destination": "default", "device": "eth0"}]  # Leads there, but is not let out.
    outside = [probe for probe in compile_topology(variables)["probes"] if not probe["to"].startswith("10.")]
    assert outside == [
        {"namespace": "a", "to": "198.51.100.1", "protocol": "icmp", "timeout": 10.0},
        {"namespace": "a", "to": "198.51.100.1", "protocol": "tcp", "port": 443, "timeout": 10.0},
    ]


OUTSIDE, OUTSIDE6 = "198.51.100.1", "2001:db8::1"


def let_out(**changes: Any) -> Variables:
    """Dual stack on one bridge: a is let out, b has a route and is not, c has no route at all."""
    variables = on_bridge(
        a={"addresses": ["10.0.0.1/24", "fd00::1/64"]},
        b={"addresses": ["10.1.0.2/24", "fd01::2/64"]},
        c={"addresses": ["10.0.0.3/24", "fd00::3/64"]},
    )
    variables["bridges"][0]["addresses"] = ["10.0.0.254/24", "fd00::fe/64", "10.1.0.254/24", "fd01::fe/64"]
    for index in (0, 1):
        variables["namespaces"][index]["routes"] = [
            {"destination": "default", "gateway": f"10.{index}.0.254"},
            {"destination": "default", "gateway": f"fd0{index}::fe"},
        ]
    variables["nat"] = [{"source": "10.0.0.1/32"}, {"source": "fd00::1/128"}]
    variables["verify_outside"] = [OUTSIDE, OUTSIDE6]
    return {**variables, **changes}


def test_without_nat() -> None:
    assert legs_of(let_out()) >= {("a", OUTSIDE), ("a", OUTSIDE6)}
    assert {leg for leg in forbidden(let_out()) if leg[1] in (OUTSIDE, OUTSIDE6)} == {
        ("b", OUTSIDE),
        ("b", OUTSIDE6),
        ("c", OUTSIDE),
    }


def test_without_nat_at_all_somebody_else_may_see_to_it() -> None:
    assert {leg for leg in forbidden(let_out(nat=[])) if leg[1] in (OUTSIDE, OUTSIDE6)} == {("c", OUTSIDE)}


def test_a_public_address_may_have_a_way_back() -> None:
    variables = let_out()
    variables["bridges"][0]["addresses"][2] = "203.0.113.254/24"
    variables["namespaces"][1]["interfaces"][0]["addresses"][0] = "203.0.113.2/24"
    variables["namespaces"][1]["routes"][0]["gateway"] = "203.0.113.254"
    assert ("b", OUTSIDE) not in forbidden(variables)
    variables = let_out(verify_outside=["10.99.0.1"])  # A network of the house's own.
    assert ("b", "10.99.0.1") not in forbidden(variables)


# --- the user's own ------------------------------------------------------------------------------------------------


def test_the_users_own() -> None:
    variables = on_bridge(a={"addresses": ["10.0.0.1/24"]}, b={"addresses": ["10.0.0.2/24"]})
    variables["verify_probes"] = [
        {"namespace": "a", "to": "10.0.0.2", "protocol": "tcp", "expect": "unreachable"},
        {"to": "2001:DB8::1", "protocol": "tcp", "port": "443", "timeout": 5},
        {"namespace": "b", "to": "192.0.2.1", "expect": "unreachable", "timeout": "0.5"},
    ]
    probes = compile_topology(variables)["probes"]
    assert probes[-3:] == [
        {"namespace": "a", "to": "10.0.0.2", "protocol": "tcp", "expect": "unreachable", "timeout": 1.0},
        {"to": "2001:db8::1", "protocol": "tcp", "port": 443, "timeout": 5.0},
        {"namespace": "b", "to": "192.0.2.1", "protocol": "icmp", "expect": "unreachable", "timeout": 0.5},
    ]
    # The user has the last word on a leg.
    assert ("a", "10.0.0.2") not in legs_of(variables, "tcp")
    assert ("a", "10.0.0.2") in legs_of(variables)


@pytest.mark.parametrize(
    ("probe", "says"),
    [
        ({"to": "10.0.0.1", "namespace": "aa"}, "(10.0.0.1): namespace: 'aa' is not in `topology_namespaces`"),
        ({"to": "10.0.0.300"}, "verify_probes[0] (10.0.0.300): to: '10.0.0.300' is not an IPv4 address"),
        ({"to": "10.0.0.1/24"}, "to: '10.0.0.1/24' has a prefix length"),
        ({"to": "fe80::1"}, "to: fe80::1 is link-local"),
        ({"namespace": "a"}, "verify_probes[0]: to: is missing"),
        ({"to": "10.0.0.1", "expects": "reachable"}, "expects: is not an option here; did you mean 'expect'?"),
        ({"to": "10.0.0.1", "expect": "no"}, "expect: 'no' is not one of reachable, unreachable"),
        ({"to": "10.0.0.1", "protocol": "udp"}, "protocol: 'udp' is not one of icmp, tcp"),
        ({"to": "10.0.0.1", "port": 80}, "port: only TCP has ports"),
        ({"to": "10.0.0.1", "protocol": "tcp", "port": 0}, "port: 0 is no port"),
        ({"to": "10.0.0.1", "timeout": 0}, "timeout: 0 is not a time to wait"),
        ({"to": "10.0.0.1", "timeout": True}, "timeout: True is not a time to wait"),
        ({"to": "10.0.0.1", "timeout": [1]}, "timeout: [1] is not a time to wait"),
        ({"to": "10.0.0.1", "timeout": None}, "timeout: has no value"),
        ("10.0.0.1", "must be a dictionary"),
    ],
)
def test_mistakes_in_the_users_own(probe: Any, says: str) -> None:
    variables = {**on_bridge(a={"addresses": ["10.0.0.1/24"]}), "verify_probes": [probe]}
    with pytest.raises(TopologyError) as refused:
        compile_topology(variables)
    (mistake,) = refused.value.mistakes
    assert says in mistake
    assert mistake.startswith("topology_verify_probes[0]")


def test_contradictions_in_the_users_own() -> None:
    own = [{"namespace": "a", "to": "fd00::1"}, {"namespace": "a", "to": "FD00::0:1", "expect": "unreachable"}]
    with pytest.raises(TopologyError) as refused:
        compile_topology({**on_bridge(a={"addresses": ["10.0.0.1/24"]}), "verify_probes": own})
    assert "topology_verify_probes[1] (FD00::0:1): expect: is the contrary" in str(refused.value)


# --- any topology --------------------------------------------------------------------------------------------------


@st.composite
def topologies(draw: st.DrawFn) -> Variables:
    """Few networks, so that much collides: namespaces with several interfaces, VLANs, routers, links, NAT."""
    count = draw(st.integers(1, 6))
    namespaces: list[Variables] = []
    for index in range(count):
        interfaces = []
        for number in range(draw(st.integers(0, 2))):
            bridge, tag = draw(st.sampled_from(["br0", "br1"])), draw(st.sampled_from([None, 10, 20]))
            subnet = draw(st.integers(0, 2))
            host = 1 + index * 2 + number
            interface: Variables = {
                "name": f"eth{number}",
                "bridge": bridge,
                "peer": f"t{index}x{number}",
                "addresses": [f"10.0.{subnet}.{host}/24", f"fd00:{subnet + 1}::{host:x}/64"][: draw(st.integers(0, 2))],
            }
            if tag is not None:
                interface["tag"] = tag
            if draw(st.integers(0, 4)) == 0:
                interface["protected"] = True
            interfaces.append(interface)
        namespace: Variables = {"name": f"ns{index}", "interfaces": interfaces, "routes": []}
        if draw(st.booleans()):
            namespace["sysctls"] = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}
        own = next((interface["addresses"][0] for interface in interfaces if interface["addresses"]), None)
        if own is not None and draw(st.booleans()):
            gateway = f"{own.rsplit('.', 1)[0]}.{draw(st.sampled_from([1, 3, 254]))}"
            if f"{gateway}/24" not in [address for entry in interfaces for address in entry["addresses"]]:
                namespace["routes"].append({"destination": "default", "gateway": gateway})
        namespaces.append(namespace)
    return {
        "bridges": [{"name": "br0", "addresses": ["10.0.0.254/24", "fd00:1::fe/64"]}, {"name": "br1"}],
        "namespaces": namespaces,
        "links": [
            cable(f"ns{index}", f"10.9.{index}.1/30", f"ns{index + 1}", f"10.9.{index}.2/30")
            for index in range(draw(st.integers(0, count - 1)))
        ],
        "nat": draw(st.sampled_from([[], [{"source": "10.0.0.0/24"}]])),
        "verify_outside": draw(st.sampled_from([[], [OUTSIDE, f"{OUTSIDE}:80"]])),
    }


@given(variables=topologies(), data=st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_leg_is_asked_twice_and_none_to_the_contrary(variables: Variables, data: st.DataObject) -> None:
    probes = compile_topology(variables)["probes"]
    if probes and data.draw(st.booleans()):
        chosen = data.draw(st.lists(st.sampled_from(probes), max_size=3, unique_by=_leg))
        own = [{**probe, "expect": data.draw(st.sampled_from(["reachable", "unreachable"]))} for probe in chosen]
        variables = {**variables, "verify_probes": copy.deepcopy(own)}
        probes = compile_topology(variables)["probes"]
        found = {_leg(probe): probe.get("expect", "reachable") for probe in probes}
        assert all(found[_leg(probe)] == probe["expect"] for probe in own)
    legs = [_leg(probe) for probe in probes]
    assert len(legs) == len(set(legs))


def _leg(probe: Variables) -> tuple[object, ...]:
    return probe.get("namespace"), probe["to"], probe["protocol"], probe.get("port")


@given(variables=topologies())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_must_not_be_reached_is_in_another_domain(variables: Variables) -> None:
    """By brute force: where a namespace has the subnet, nobody who has the address is, but for protected ports."""
    namespaces = {entry["name"]: entry for entry in variables["namespaces"]}
    for source, to in forbidden(variables):
        if to == OUTSIDE:
            continue
        interfaces = namespaces[str(source)]["interfaces"]
        sending = [
            entry for entry in interfaces if any(_subnet(address) == _subnet(to) for address in entry["addresses"])
        ]
        for name, namespace in namespaces.items():
            if not any(
                address.split("/")[0] == to for entry in namespace["interfaces"] for address in entry["addresses"]
            ):
                continue
            assert name != source
            for near in sending:
                for far in namespace["interfaces"]:
                    both_protected = near.get("protected") and far.get("protected")
                    assert both_protected or _domain(near) != _domain(far)
        assert sending or (":" not in to and not _may_send_on(namespaces, str(source), to))


def _may_send_on(namespaces: Variables, name: str, to: str) -> bool:
    """Whether a namespace has a route by somebody who could have the subnet, or a route in turn, or is not known."""
    holders = {
        address.split("/")[0]: namespace
        for namespace in namespaces.values()
        for entry in namespace["interfaces"]
        for address in entry["addresses"]
    }
    routers = [holders.get(route["gateway"]) for route in namespaces[name]["routes"]]
    return any(
        router is None
        or router["routes"]
        or any(_subnet(address) == _subnet(to) for entry in router["interfaces"] for address in entry["addresses"])
        for router in routers
    )


def _domain(interface: Variables) -> tuple[str, int]:
    return interface["bridge"], interface.get("tag", 0)


def _subnet(address: str) -> str:
    return address.rsplit(":" if ":" in address else ".", 1)[0]


def large(count: int, vlans: int = 4) -> Variables:
    """In each VLAN the same subnet; a router with a cable to each tenth."""
    return {
        "bridges": [{"name": "br0", "addresses": ["10.255.0.254/16"]}],
        "namespaces": [
            {
                "name": f"ns{index}",
                "interfaces": [
                    {
                        "name": "eth0",
                        "bridge": "br0",
                        "peer": f"tap{index}",
                        "tag": index % vlans + 1,
                        "addresses": [f"10.0.{index // 250}.{index % 250 + 1}/16"],
                    }
                ],
            }
            for index in range(count)
        ]
        + [{"name": "router", "sysctls": {"net.ipv4.ip_forward": 1}}],
        "links": [
            cable(f"ns{index}", f"10.100.{index // 10}.1/30", "router", f"10.100.{index // 10}.2/30")
            for index in range(0, count, 10)
        ],
    }


@pytest.mark.parametrize("vlans", [1, 4, 200])
def test_their_number_grows_linearly(vlans: int) -> None:
    counts = [len(compile_topology(large(count, vlans))["probes"]) for count in (400, 800, 1600)]
    assert counts[1] <= 2 * counts[0] + 10
    assert counts[2] <= 2 * counts[1] + 10
    assert counts[2] <= 6 * 1600

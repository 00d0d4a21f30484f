# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of a topology as a whole."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    on_bridge,
    only_error_of,
    small,
)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"bridges": [{"name": "br0"}, {"name": "br0"}]},
            "topology_bridges[1] (br0): name: 'br0' on the host is already the name of topology_bridges[0] (br0)",
        ),
        (
            {"bridges": [{"name": "br0", "mtu": 1000, "addresses": ["fd00::1/64"]}]},
            "topology_bridges[0] (br0): mtu: 1000 is too small for IPv6",
        ),
        (
            {"namespaces": [{"name": "red"}, {"name": "red"}]},
            "topology_namespaces[1] (red): name: 'red' is also the name of topology_namespaces[0] (red)",
        ),
        (small(name="lo"), "interfaces[0] (lo): name: 'lo' is the loopback interface"),
        (small(peer="br0"), "(eth0): peer: 'br0' on the host is already the name of topology_bridges[0] (br0)"),
        (small(bridge="br1"), "(eth0): bridge: 'br1' is not in `topology_bridges`; did you mean 'br0'?"),
        (
            small(addresses=["10.0.0.1/24", "10.0.0.1/16"]),
            "(eth0): addresses[1]: 10.0.0.1 is already assigned in namespace 'red', by topology_namespaces[0] (red)",
        ),
        (small(mtu=1000, addresses=["fd00::1/64"]), "(eth0): mtu: 1000 is too small for IPv6"),
        (
            {"bridges": [{"name": "br0"}], "namespaces": [{"name": "red", "interfaces": [{"name": "br0"}]}]},
            "interfaces[0] (br0): name: 'br0' is a link that this topology creates on the host",
        ),
        (
            {"links": [{"name": "l0", "peer": {"name": "l0"}}]},
            "topology_links[0] (l0) peer: name: 'l0' on the host is already the name of topology_links[0] (l0)",
        ),
        (
            {"namespaces": [{"name": "red"}], "links": [{"name": "l0", "namespace": "rd", "peer": {"name": "l1"}}]},
            "topology_links[0] (l0): namespace: 'rd' is not in `topology_namespaces`; did you mean 'red'?",
        ),
        (
            {
                "links": [
                    {"name": "l0", "addresses": ["10.0.0.1/24"], "peer": {"name": "l1", "addresses": ["10.0.0.1/24"]}}
                ]
            },
            "(l0) peer: addresses[0]: 10.0.0.1 is already assigned on the host, by topology_links[0] (l0) addresses[0]",
        ),
        (
            {"nat": [{"source": "10.0.0.0/24"}, {"source": "10.0.0.0/24"}]},
            "topology_nat[1] (10.0.0.0/24): source: 10.0.0.0/24 is also the source of topology_nat[0] (10.0.0.0/24)",
        ),
        (
            {"nat": [{"source": "10.0.0.0/24"}, {"source": "10.0.0.0/8", "out_interface": "eth0"}]},
            "topology_nat[1] (10.0.0.0/8): source: 10.0.0.0/8 overlaps with 10.0.0.0/24 of topology_nat[0] (10",
        ),
        (
            {"nat": [{"source": "10.0.0.0/24", "namespace": "red"}]},
            "topology_nat[0] (10.0.0.0/24): namespace: 'red' is not in `topology_namespaces`; none is declared",
        ),
    ],
)
def test_one_error(variables: object, message: str) -> None:
    """Each error is reported once, with its place, and causes no others."""
    assert message in only_error_of(variables)


def router_with(*addresses: str) -> object:
    """A router with a link-local address on each of two bridges, which is what hosts have as their gateway."""
    interfaces = [
        {"name": f"eth{index}", "bridge": f"br{index}", "peer": f"tap{index}", "addresses": [address]}
        for index, address in enumerate(addresses)
    ]
    return {"bridges": [{"name": "br0"}, {"name": "br1"}], "namespaces": [{"name": "router", "interfaces": interfaces}]}


def test_a_link_local_address_may_be_on_several_links() -> None:
    compiled = compile_topology(router_with("fe80::1/64", "fe80::1/64"))
    assert [pair["addresses"] for pair in compiled["pairs"]] == [["fe80::1/64"], ["fe80::1/64"]]
    assert "is already assigned in namespace 'router'" in only_error_of(router_with("fd00::1/64", "fd00::1/64"))
    assert "is already assigned on this interface" in only_error_of(small(addresses=["fe80::1/64", "fe80::1/128"]))
    links = [{"name": "l0", "addresses": ["fe80::1/64"], "peer": {"name": "l1", "addresses": ["fe80::1/64"]}}]
    assert "is already assigned on this link" in only_error_of({"links": links})


def test_user_probes_that_contradict_each_other() -> None:
    own = [{"namespace": "a", "to": "fd00::1"}, {"namespace": "a", "to": "FD00::0:1", "expect": "unreachable"}]
    error = only_error_of({**on_bridge(a={"addresses": ["10.0.0.1/24"]}), "verify_probes": own})
    assert "topology_verify_probes[1] (FD00::0:1): expect: is unreachable, but topology_verify_probes[0]" in error
    assert "expects reachable of the same path" in error


def masqueraded(source: str, **more: object) -> dict[str, object]:
    return {**on_bridge(a={"addresses": ["10.1.0.1/24"]}), "nat": [{"source": source}], **more}


def test_nat_that_covers_nothing() -> None:
    """The role's default source was left beside another network."""
    error = only_error_of(masqueraded("192.168.100.0/24"))
    assert "topology_nat[0] (192.168.100.0/24): source: 192.168.100.0/24 overlaps no network of this topology" in error
    assert "(this topology has 10.0.0.0/24, 10.1.0.0/24), or to [] for no NAT" in error
    assert "(this topology has none of this IP version)" in only_error_of(masqueraded("fd00::/64"))
    # A default route leads to no network.
    for destination in ("default", "0.0.0.0/0"):
        host = {"routes": [{"destination": destination, "gateway": "10.1.0.9"}]}
        assert "overlaps no network" in only_error_of({**masqueraded("192.168.100.0/24"), "host": host})


def test_nat_that_covers_something() -> None:
    for source in ("10.1.0.0/24", "10.0.0.0/8", "10.1.0.0/30"):
        compile_topology(masqueraded(source))
    # A network that the topology has a route to, and one that is deleted.
    routed: dict[str, object] = masqueraded("172.16.0.0/16")
    namespaces: list[dict[str, object]] = routed["namespaces"]  # type: ignore[assignment]  # the values are of any type
    compile_topology({**routed, "state": "absent"})
    namespaces[0]["routes"] = [{"destination": "172.16.7.0/24", "gateway": "10.1.0.9"}]
    compile_topology(routed)
    del namespaces[0]["routes"]
    compile_topology({**routed, "host": {"routes": [{"destination": "172.16.7.0/24", "gateway": "10.1.0.9"}]}})
    # The addresses of a NIC that moves into a namespace are not declared.
    unknown = masqueraded("172.16.0.0/16")
    unknown["namespaces"] = [{"name": "a", "interfaces": [{"name": "eth1"}]}]
    compile_topology(unknown)


def moving(*interfaces: object, **more: object) -> dict[str, object]:
    """Return a namespace for each of these interfaces."""
    names = [f"n{number}" for number in range(len(interfaces))]
    return {"namespaces": [{"name": name, "interfaces": [each]} for name, each in zip(names, interfaces)], **more}


def test_a_link_that_moves_has_a_name_on_the_host_and_one_inside() -> None:
    compiled = compile_topology(moving({"name": "lan0", "nic": "eno2", "addresses": ["10.0.0.1/24"]}))
    link = {"name": "lan0", "namespace": "n0", "nic": "eno2"}
    assert compiled["links"] == [{**link, "enabled": True, "addresses": ["10.0.0.1/24"]}]
    assert "  namespace n0: lan0 (the host's eno2) 10.0.0.1/24" in compiled["summary"]
    absent = compile_topology(moving({"name": "lan0", "nic": "eno2"}, state="absent"))
    assert absent["links"] == [{**link, "state": "absent"}]
    # Each has its own, also under one name.
    compile_topology(moving({"name": "lan0", "nic": "eno2"}, {"name": "lan0", "nic": "eno3"}))


@pytest.mark.parametrize(
    ("interfaces", "message"),
    [
        (
            [{"name": "lan0", "nic": "eno2"}, {"name": "eno2"}],
            "name: 'eno2' moves by topology_namespaces[0] (n0)",
        ),
        (
            [{"name": "eno2"}, {"name": "lan0", "nic": "eno2"}],
            "nic: 'eno2' moves by topology_namespaces[0] (n0)",
        ),
        ([{"name": "lan0", "nic": "br0"}], "nic: 'br0' is a link that this topology creates on the host"),
        ([{"name": "lan0", "nic": "eno2", "bridge": "br0"}], "nic: is for a link that exists, and moves into the"),
        ([{"name": "lan0", "nic": "eno2", "kind": "dummy"}], "nic: is for a link that exists, and moves into the"),
        ([{"name": "a-name-of-20-bytes..", "nic": "eno2"}], "name: 'a-name-of-20-bytes..'"),
    ],
)
def test_wrong_names_of_links_that_move(interfaces: list[object], message: str) -> None:
    assert message in only_error_of(moving(*interfaces, bridges=[{"name": "br0"}]))

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Diagrams: what is read from variables and from what was found, and the drift between the two."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.build import diagram
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.layout import Layout
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    HOST,
    OUTSIDE,
    Box,
    Cable,
    Diagram,
    Drift,
    End,
    Interface,
    Nat,
    bridge_key,
    namespace_key,
    ranges,
    vlan_label,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import TopologyError

MAC = "02:00:00:00:00:01"


def interface(name: str, *addresses: str, **options: Any) -> dict[str, Any]:
    """Return an entry of a namespace's interfaces."""
    return {"name": name, "bridge": "int_br", "addresses": list(addresses), **options}


def variables(*namespaces: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a topology on one bridge."""
    bridges = [{"name": "int_br", "addresses": ["10.0.0.254/24"]}]
    return {"name": "lab", "bridges": bridges, "namespaces": list(namespaces), **more}


RED = {"name": "red", "interfaces": [interface("eth0", "10.0.0.1/24", tag=10)]}


def link(name: str, *addresses: str, peer: tuple[str | None, str] | None = None, **more: Any) -> dict[str, Any]:
    """Return a link as topology_info has it."""
    return {
        "name": name,
        "kind": "veth",
        "enabled": True,
        "mac": MAC,
        "mtu": 1500,
        "owners": ["lab"],
        "peer": {"namespace": peer[0], "name": peer[1], "index": 1} if peer else None,
        "bridge_port": None,
        "addresses": [{"address": address, "peer": None, "made_by_kernel": False} for address in addresses],
        **more,
    }


def place(name: str | None, *links: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a namespace, or the host, as topology_info has it."""
    return {"name": name, "owners": ["lab"], "links": [link("lo", kind="loopback"), *links], "firewall": {}, **more}


def port(name: str, **more: Any) -> dict[str, Any]:
    """Return a port of int_br as topology_info has it."""
    return {"name": name, "bridge": "int_br", "local": False, "tag": None, "trunks": [], "owners": ["lab"], **more}


def info(*namespaces: dict[str, Any], ports: tuple[dict[str, Any], ...] = (), **host: Any) -> dict[str, Any]:
    """Return what topology_info finds where int_br is."""
    links = [link("int_br", "10.0.0.254/24", kind="tun"), *host.pop("links", ())]
    bridge = {"name": "int_br", "owners": ["lab"], "ports": [port("int_br", local=True), *ports]}
    return {
        "host": place(None, *links, **host),
        "namespaces": list(namespaces),
        "openvswitch": {"available": True, "bridges": [bridge]},
    }


FOUND_RED = place("red", link("eth0", "10.0.0.1/24", peer=(None, "red-eth0")))
RED_PORT = port("red-eth0", tag=10)
RED_TAP = link("red-eth0", peer=("red", "eth0"))


def boxes(made: Diagram) -> dict[str, Box]:
    """Return the boxes by their titles."""
    return {box.title: box for box in made.boxes}


def test_declared() -> None:
    made = diagram(variables(RED, nat=[{"source": "10.0.0.0/24"}]))
    assert made == Diagram(
        boxes=(
            Box(namespace_key("red"), (Interface("eth0", ("10.0.0.1/24",)),)),
            Box(bridge_key("int_br"), (Interface("int_br", ("10.0.0.254/24",)),)),
            Box(OUTSIDE),
        ),
        cables=(Cable(End(namespace_key("red"), "eth0"), End(bridge_key("int_br"), "red-eth0"), "VLAN 10"),),
        nat=(Nat(bridge_key("int_br"), "10.0.0.0/24"),),
    )


def test_found_is_drawn_as_declared() -> None:
    masquerade = [{"source": "10.0.0.0/24", "out_interface": None, "owner": "lab", "backend": "nftables"}]
    seen = info(FOUND_RED, ports=(RED_PORT,), links=[RED_TAP], firewall={"masquerade": masquerade})
    wanted = variables(RED, nat=[{"source": "10.0.0.0/24"}])
    made = diagram(seen)
    assert [box.key for box in made.boxes] == [box.key for box in diagram(wanted).boxes]
    assert made.cables == diagram(wanted).cables
    assert made.nat == diagram(wanted).nat
    compared = diagram(seen, wanted)
    assert compared.drifts == ()
    assert compared.cables == made.cables


def test_nat_begins_where_the_network_is() -> None:
    router = {"name": "router"}
    nat = [{"source": "10.0.0.0/24"}, {"source": "10.9.0.0/24"}, {"source": "10.8.0.0/24", "namespace": "router"}]
    made = diagram(variables(router, nat=nat))
    assert [rule.origin for rule in made.nat] == [bridge_key("int_br"), HOST, namespace_key("router")]


def test_a_link_to_the_host() -> None:
    ends = {"name": "up0", "namespace": "red", "peer": {"name": "down0", "addresses": ["10.8.0.1/30"]}}
    made = diagram(variables(RED, links=[ends]))
    assert boxes(made)["host"].interfaces == (Interface("down0", ("10.8.0.1/30",)),)
    assert Cable(End(namespace_key("red"), "up0"), End(HOST, "down0")) in made.cables


def test_missing() -> None:
    compared = diagram(info(), variables(RED, nat=[{"source": "10.0.0.0/24"}]))
    assert boxes(compared)["red"].drift is Drift.MISSING
    assert boxes(compared)["int_br"].drift is Drift.NONE
    assert [line.drift for line in compared.lines] == [Drift.MISSING, Drift.MISSING]


def test_extra_is_what_bears_the_mark_or_is_within_what_is_declared() -> None:
    foreign = place("theirs", link("eth0", "10.7.0.1/24", owners=[], peer=(None, "uplink0")), owners=[])
    ours = place("blue", link("eth0", peer=(None, "blue-eth0")))
    red = place("red", *FOUND_RED["links"], link("dummy0", owners=[]))
    seen = info(
        red,
        ours,
        foreign,
        ports=(RED_PORT, port("blue-eth0")),
        links=[RED_TAP, link("blue-eth0", peer=("blue", "eth0")), link("uplink0", owners=[], peer=("theirs", "eth0"))],
    )
    compared = diagram(seen, variables(RED))
    assert set(boxes(compared)) == {"red", "int_br", "blue"}
    assert boxes(compared)["blue"].drift is Drift.EXTRA
    assert {line.name: line.drift for line in boxes(compared)["red"].interfaces} == {
        "eth0": Drift.NONE,
        "dummy0": Drift.EXTRA,
    }
    assert [(cable.far.interface, cable.drift) for cable in compared.cables] == [
        ("red-eth0", Drift.NONE),
        ("blue-eth0", Drift.EXTRA),
    ]
    assert set(boxes(diagram(seen))) == {"red", "blue", "theirs", "int_br", "host"}


@pytest.mark.parametrize(
    ("declared", "found", "remark"),
    [
        ({}, {"addresses": []}, "declared 10.0.0.1/24"),
        ({"addresses": []}, {}, "declared without address"),
        ({}, {"enabled": False}, "declared up"),
        ({"enabled": False}, {}, "up, declared down"),
        ({"mtu": 1400}, {}, "MTU 1500, declared 1400"),
        ({"mac": "02:00:00:00:00:02"}, {}, f"MAC {MAC}, declared 02:00:00:00:00:02"),
    ],
)
def test_an_interface_that_differs(declared: dict[str, Any], found: dict[str, Any], remark: str) -> None:
    red = {"name": "red", "interfaces": [{**interface("eth0", "10.0.0.1/24", tag=10), **declared}]}
    seen = place("red", {**FOUND_RED["links"][1], **found})
    compared = diagram(info(seen, ports=(RED_PORT,), links=[RED_TAP]), variables(red))
    line = boxes(compared)["red"].interfaces[0]
    assert (line.drift, line.remarks) == (Drift.DIFFERING, (remark,))


def test_what_is_not_declared_cannot_differ() -> None:
    red = {"name": "red", "interfaces": [{"name": "eth0", "bridge": "int_br", "tag": 10}]}
    compared = diagram(info(FOUND_RED, ports=(RED_PORT,), links=[RED_TAP]), variables(red))
    assert compared.drifts == ()
    assert boxes(compared)["red"].interfaces[0].addresses == ("10.0.0.1/24",)


@pytest.mark.parametrize(
    ("found", "shown", "remark"),
    [
        ({"tag": 20}, "VLAN 20", "declared VLAN 10"),
        ({"tag": None}, "no VLAN", "declared VLAN 10"),
        ({"trunks": [1, 2]}, "VLAN 10, trunk 1-2", "declared VLAN 10"),
    ],
)
def test_a_vlan_that_differs(found: dict[str, Any], shown: str, remark: str) -> None:
    compared = diagram(info(FOUND_RED, ports=({**RED_PORT, **found},), links=[RED_TAP]), variables(RED))
    (cable,) = compared.cables
    assert (cable.drift, cable.vlan, cable.remark) == (Drift.DIFFERING, shown, remark)


def test_an_internal_port_in_a_namespace() -> None:
    inside = link("int0", kind="openvswitch", bridge_port={"bridge": "int_br", "port": "int0", "tag": None})
    made = diagram(info(place("red", inside), ports=(port("int0"),)))
    assert made.cables == (Cable(End(namespace_key("red"), "int0"), End(bridge_key("int_br"), "int0")),)


def test_mistakes_are_told() -> None:
    with pytest.raises(TopologyError, match="is not an option"):
        diagram({"namespaces": [{"name": "red", "nam": 1}]})


def test_only_what_was_found_can_be_compared() -> None:
    with pytest.raises(ValueError, match=r"only a result of netns\.fabric\.topology_info"):
        diagram(variables(RED), variables(RED))


def test_vlans_in_few_words() -> None:
    assert ranges([3, 1, 2, 7, 1]) == "1-3,7"
    assert vlan_label(None) == ""
    assert vlan_label(0, [5]) == "VLAN 0, trunk 5"


def leaves(count: int, **options: Any) -> list[dict[str, Any]]:
    """Return namespaces that hang on the bridge alone."""
    kind = "".join(map(str, options.values()))
    return [{"name": f"n{kind}-{number}", "interfaces": [interface("e", **options)]} for number in range(count)]


def sides(*namespaces: dict[str, Any]) -> list[tuple[str, int, bool]]:
    """Return the groups' titles, sizes, and whether they are on the left."""
    layout = Layout(diagram(variables(*namespaces)))
    return [(group.title, len(group.leaves), group.left) for group in layout.groups]


def test_few_stand_on_the_left() -> None:
    assert sides(*leaves(4), *leaves(2, tag=10)) == [("", 4, True), ("", 2, True)]


def test_many_stand_on_both_sides() -> None:
    assert sides(*leaves(41)) == [("", 21, True), ("", 20, False)]


def test_those_of_a_vlan_stand_together() -> None:
    assert sides(*leaves(5, tag=10), *leaves(5, tag=20), *leaves(3)) == [
        ("int_br, VLAN 10", 5, True),
        ("int_br, VLAN 20", 5, False),
        ("", 3, True),
    ]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The diagram of a declared topology."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.build import build_diagram
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    HOST,
    OPEN,
    OUTSIDE,
    Box,
    Connection,
    Diagram,
    End,
    Interface,
    Nat,
    bridge_key,
    mesh_note,
    namespace_key,
    place_note,
    policy_note,
    reaching_note,
)
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._diagrams.samples import (
    RED,
    boxes,
    interface,
    variables,
)
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import logical, meshed


def test_declared_topology() -> None:
    diagram = build_diagram(variables(RED, nat=[{"source": "10.0.0.0/24"}]))
    assert diagram == Diagram(
        boxes=(
            Box(namespace_key("red"), (Interface("eth0", ("10.0.0.1/24",)),)),
            Box(bridge_key("int_br"), (Interface("int_br", ("10.0.0.254/24",)),)),
            Box(OUTSIDE),
        ),
        connections=(Connection(End(namespace_key("red"), "eth0"), End(bridge_key("int_br"), "red-eth0"), "VLAN 10"),),
        nat=(Nat(bridge_key("int_br"), "10.0.0.0/24"),),
    )


def test_origin_of_nat() -> None:
    router = {"name": "router", "interfaces": [{"name": "eth9"}]}  # what is behind it is not declared
    nat = [{"source": "10.0.0.0/24"}, {"source": "10.9.0.0/24"}, {"source": "10.8.0.0/24", "namespace": "router"}]
    diagram = build_diagram(variables(router, nat=nat))
    assert [rule.origin for rule in diagram.nat] == [bridge_key("int_br"), HOST, namespace_key("router")]


def test_link_to_the_host() -> None:
    ends = {"name": "up0", "namespace": "red", "peer": {"name": "down0", "addresses": ["10.8.0.1/30"]}}
    diagram = build_diagram(variables(RED, links=[ends]))
    assert boxes(diagram)["host"].interfaces == (Interface("down0", ("10.8.0.1/30",)),)
    assert Connection(End(namespace_key("red"), "up0"), End(HOST, "down0")) in diagram.connections


def test_what_is_open() -> None:
    red = {
        **RED,
        "interfaces": [interface("eth0", "10.0.0.1/24")],
        "routes": [{"destination": "10.1.0.0/24", "gateway": "10.0.0.254"}],
    }
    bridges = [
        {"name": "int_br", "addresses": ["10.0.0.254/24"]},
        {"name": "far_br", "addresses": ["10.1.0.254/24"]},
        {"name": "open_br", "addresses": ["10.2.0.254/24"], "isolate": False},
    ]
    nat = [{"publish": 8080, "to": "red", "to_port": 80}, {"publish": "90-99", "to": "red", "protocol": "udp"}]
    found = boxes(build_diagram(variables(red, bridges=bridges, nat=nat)))
    assert [note.text for note in found["red"].notes] == ["published: tcp 8080 to 80", "published: udp 90-99"]
    assert found["int_br"].notes == (reaching_note("10.1.0.0/24"),)
    assert (found["far_br"].notes, found["open_br"].notes) == ((), (OPEN,))


def test_policies() -> None:
    red = {**RED, "incoming": "deny"}
    policies = [
        {"from": {"namespaces": ["red"]}, "to": {"outside": True}, "action": "reject", "protocol": "tcp", "ports": [25]}
    ]
    found = boxes(build_diagram(variables(red, policies=policies)))
    assert found["red"].notes == (policy_note("incoming", denies=True), policy_note("outgoing", denies=False))
    assert boxes(build_diagram(variables(RED)))["red"].notes == ()


def test_hosts_and_meshes() -> None:
    whole = boxes(build_diagram(meshed()))
    assert [whole[name].notes for name in "abc"] == [
        (place_note("one"),),
        (place_note("two"),),
        (place_note("three"),),
    ]
    assert whole["lab"].notes == (mesh_note("vxlan", 7, "one"),)
    part = boxes(build_diagram(meshed(this_host="two")))
    assert list(part) == ["b", "lab"]
    assert part["lab"].interfaces[0].addresses == ()


def test_logical_switches_are_drawn_as_bridges() -> None:
    diagram = build_diagram(logical())
    assert boxes(diagram)["left"].interfaces[0].addresses == ("10.1.0.254/24",)
    assert Connection(End(namespace_key("b"), "eth0"), End(bridge_key("left"), "b-eth0")) in diagram.connections
    assert [rule.origin for rule in diagram.nat] == [bridge_key("left"), bridge_key("right")]

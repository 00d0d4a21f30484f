# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drift between a declared topology and the actual one."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.build import build_diagram
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import OPEN, Drift, Note
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.engines import derive_mac
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._diagrams.samples import (
    FORWARDING,
    FOUND_RED,
    ISOLATING,
    PUBLISHING,
    RED,
    RED_PORT,
    RED_TAP,
    boxes,
    build_facts,
    interface,
    owned_link,
    owned_port,
    owned_space,
    variables,
)
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils.facts import MAC, bridge, info


def test_missing() -> None:
    compared = build_diagram(build_facts(), variables(RED, nat=[{"source": "10.0.0.0/24"}]))
    assert boxes(compared)["red"].drift is Drift.MISSING
    assert boxes(compared)["int_br"].drift is Drift.NONE
    assert [line.drift for line in compared.lines] == [Drift.MISSING, Drift.MISSING]


def test_extra_is_owned_or_within_what_is_declared() -> None:
    foreign = owned_space("theirs", owned_link("eth0", "10.7.0.1/24", owners=[], peer=(None, "uplink0")), owners=[])
    ours = owned_space("blue", owned_link("eth0", peer=(None, "blue-eth0")))
    red = owned_space("red", *FOUND_RED["links"], owned_link("dummy0", owners=[]))
    seen = build_facts(
        red,
        ours,
        foreign,
        ports=(RED_PORT, owned_port("blue-eth0")),
        links=[
            RED_TAP,
            owned_link("blue-eth0", peer=("blue", "eth0")),
            owned_link("uplink0", owners=[], peer=("theirs", "eth0")),
        ],
    )
    compared = build_diagram(seen, variables(RED))
    assert set(boxes(compared)) == {"red", "int_br", "blue"}
    assert boxes(compared)["blue"].drift is Drift.EXTRA
    assert {line.name: line.drift for line in boxes(compared)["red"].interfaces} == {
        "eth0": Drift.NONE,
        "dummy0": Drift.EXTRA,
    }
    assert [(connection.far.interface, connection.drift) for connection in compared.connections] == [
        ("red-eth0", Drift.NONE),
        ("blue-eth0", Drift.EXTRA),
    ]
    assert set(boxes(build_diagram(seen))) == {"red", "blue", "theirs", "int_br", "host"}


@pytest.mark.parametrize(
    ("declared", "actual", "remark"),
    [
        ({}, {"addresses": []}, "declared 10.0.0.1/24"),
        ({"addresses": []}, {}, "declared without address"),
        ({}, {"enabled": False}, "declared up"),
        ({"enabled": False}, {}, "up, declared down"),
        ({"mtu": 1400}, {}, "MTU 1500, declared 1400"),
        ({"mac": "02:00:00:00:00:02"}, {}, f"MAC {MAC}, declared 02:00:00:00:00:02"),
    ],
)
def test_interface_that_differs(declared: dict[str, Any], actual: dict[str, Any], remark: str) -> None:
    red = {"name": "red", "interfaces": [{**interface("eth0", "10.0.0.1/24", tag=10), **declared}]}
    seen = owned_space("red", {**FOUND_RED["links"][1], **actual})
    compared = build_diagram(build_facts(seen, ports=(RED_PORT,), links=[RED_TAP]), variables(red))
    line = boxes(compared)["red"].interfaces[0]
    assert (line.drift, line.remarks) == (Drift.DIFFERENT, (remark,))


def test_undeclared_addresses_do_not_differ() -> None:
    red = {"name": "red", "interfaces": [{"name": "eth0", "bridge": "int_br", "tag": 10}]}
    compared = build_diagram(build_facts(FOUND_RED, ports=(RED_PORT,), links=[RED_TAP]), variables(red))
    assert compared.drifts == ()
    assert boxes(compared)["red"].interfaces[0].addresses == ("10.0.0.1/24",)


@pytest.mark.parametrize(
    ("actual", "label", "remark"),
    [
        ({"tag": 20}, "VLAN 20", "declared VLAN 10"),
        ({"tag": None}, "no VLAN", "declared VLAN 10"),
        ({"trunks": [1, 2]}, "VLAN 10, trunk 1-2", "declared VLAN 10"),
    ],
)
def test_vlan_that_differs(actual: dict[str, Any], label: str, remark: str) -> None:
    compared = build_diagram(build_facts(FOUND_RED, ports=({**RED_PORT, **actual},), links=[RED_TAP]), variables(RED))
    (connection,) = compared.connections
    assert (connection.drift, connection.vlan, connection.remark) == (Drift.DIFFERENT, label, remark)


def test_what_is_open() -> None:
    red, red_port = {**RED, "interfaces": [interface("eth0", "10.0.0.1/24")]}, {**RED_PORT, "tag": None}
    wanted = variables(red, nat=[{"publish": 8080, "to": "red", "to_port": 80}])
    rules = {"rules": [*PUBLISHING, ISOLATING[0]]}
    seen = build_facts(FOUND_RED, ports=(red_port,), links=[RED_TAP], sysctls=FORWARDING, firewall=rules)
    assert build_diagram(seen, wanted).drifts == ()  # the other published port is somebody else's
    seen = build_facts(FOUND_RED, ports=(red_port,), links=[RED_TAP], sysctls=FORWARDING)
    compared = boxes(build_diagram(seen, wanted))
    assert compared["red"].notes == (Note("published: tcp 8080 to 80", Drift.MISSING),)
    assert [(note.text, note.drift) for note in compared["int_br"].notes] == [(OPEN.text, Drift.EXTRA)]
    wanted["bridges"] = [{**wanted["bridges"][0], "isolate": False}]
    assert boxes(build_diagram(seen, wanted))["int_br"].notes == (OPEN,)
    assert boxes(build_diagram(build_facts(FOUND_RED), wanted))["int_br"].notes == (OPEN,)


def test_a_logical_switch_is_on_no_host() -> None:
    """What a host has of it are ports of the integration bridge, which is somebody else's."""
    variables_of_red = variables({**RED, "host": "one", "interfaces": [interface("eth0", "10.0.0.1/24")]})
    declared = {**variables_of_red, "hosts": ["one"], "this_host": "one"}
    declared["bridges"] = [{**declared["bridges"][0], "engine": "ovn"}]
    pair = {"mac": derive_mac("lab", "red", "eth0"), "mtu": 1442}
    red = owned_space("red", owned_link("eth0", "10.0.0.1/24", peer=(None, "red-eth0"), **pair))
    port = owned_port("red-eth0", bridge="br-int")
    seen = info(owned_space(None, RED_TAP), red, bridges=(bridge(port, name="br-int", owners=["ovn-host"]),))
    compared = build_diagram(seen, declared)
    assert {title: box.drift for title, box in boxes(compared).items()} == {"red": Drift.NONE, "br-int": Drift.NONE}
    assert [line.drift for line in (*compared.lines, *boxes(compared)["red"].interfaces)] == [Drift.NONE] * 2


def test_mirrors_and_flows() -> None:
    declared = variables(RED)
    declared["bridges"][0].update(
        mirrors=[{"name": "watch", "select_all": True, "output_vlan": 7}], flows=["actions=1"]
    )
    found = build_facts()
    found["openvswitch"]["bridges"][0].update(flows=[{"flow": "actions=drop", "owner": "lab"}] * 2)
    notes = {note.text: note.drift for note in boxes(build_diagram(found, declared))["int_br"].notes}
    assert notes["mirror watch to VLAN 7"] is Drift.MISSING
    assert (notes["1 flow"], notes["2 flows"]) == (Drift.MISSING, Drift.EXTRA)

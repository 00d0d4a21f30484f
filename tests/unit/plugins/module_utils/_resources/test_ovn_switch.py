# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How logical switches are converged."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import Northbound
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_switch import SwitchResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_things import ALogicalPort
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.northbound_rows import (
    LEFT,
    left,
    mapping,
    northbound,
    ref,
    row,
)

RED = {"name": "red", "addresses": ["02:00:00:00:00:01 10.0.0.1"]}
SERVER = {"server_id": "10.0.0.254", "server_mac": "02:00:00:00:00:fe"}
DHCP = {"cidr": "10.0.0.0/24", "options": SERVER}


def plan(*entries: dict[str, Any], state: Northbound | None = None, **call: Any) -> Plan:
    resource = SwitchResource()
    given = ({"name": "left", "state": "present", **entry} for entry in entries)
    desired = tuple(resource.desired(Entry(each["name"]), each) for each in given)
    return resource.plan(left() if state is None else state, Call(desired, **call))


def test_a_port_that_is_served_an_address_refers_to_the_options() -> None:
    blue = {"name": "blue", "tag": 7, "addresses": ["02:00:00:00:00:02 dynamic"]}
    commands = plan({"ports": [RED, blue], "dhcpv4": DHCP}).commands
    assert commands == [
        "ovn-nbctl set Logical_Switch_Port q 'addresses=[\"02:00:00:00:00:02 dynamic\"]'",
        "ovn-nbctl set Logical_Switch_Port blue dhcpv4_options=o",
    ]
    assert not plan({"ports": [RED, {"name": "blue", "tag": 7}], "dhcpv4": DHCP}).changed
    (stops,) = plan({"ports": [{"name": "red"}, {"name": "blue", "tag": 7}], "dhcpv4": DHCP}).changes
    assert stops.after["ports red dhcpv4_options"] is None  # type: ignore[index]  # there is one


def test_options_of_dhcp_are_stored_as_ovn_reads_them() -> None:
    flags = {"ip_forward_enable": True, "router_discovery": "False", "ethernet_encap": 0}
    options = {**SERVER, **flags, "lease_time": None, "mtu": None, "ntp_server": ["10.0.0.1", "10.0.0.2"]}
    (change,) = plan({"ports": [RED, {"name": "blue", "tag": 7}], "dhcpv4": {**DHCP, "options": options}}).changes
    assert (change.after or {})["dhcpv4.options"] == {
        **SERVER,
        "ip_forward_enable": "1",
        "router_discovery": "0",
        "ethernet_encap": "0",
        "lease_time": "3600",
        "ntp_server": "{10.0.0.1, 10.0.0.2}",
    }
    with pytest.raises(FabricError, match=r"dhcpv4\.options: `server_id` is required"):
        plan({"ports": [RED], "dhcpv4": {**DHCP, "options": {**SERVER, "server_id": None}}})


def test_a_port_has_one_address_that_ovn_chooses() -> None:
    with pytest.raises(FabricError, match=r"ports\[0\].addresses: a port has one entry with `dynamic` at most"):
        plan({"ports": [{"name": "red", "addresses": ["dynamic", "02:00:00:00:00:01 dynamic"]}]})
    same = [{"name": "red", "addresses": ["dynamic 10.0.0.7"]}, {"name": "blue", "addresses": ["dynamic 10.0.0.7"]}]
    with pytest.raises(FabricError, match=r"10\.0\.0\.7 is an address of"):
        plan({"ports": same})


def test_a_switch_is_deleted_with_what_belongs_to_it() -> None:
    commands = plan({"state": "absent"}).commands
    assert [line.split()[-2:] for line in commands] == [["Logical_Switch", "s"], ["DHCP_Options", "o"], ["DNS", "d"]]


def test_names_that_two_switches_have_are_deleted_with_the_last_of_them() -> None:
    mark = {"external_ids": ["map", [["netns.fabric.part-of", "Logical_Switch left"]]]}
    shared = northbound(
        Logical_Switch=[row(name, name=name, dns_records=ref("d")) for name in ("left", "right")],
        DNS=[row("d", records=mapping(a="b"), **mark)],
    )
    others: list[dict[str, Any]] = [{"name": "right", "state": "absent"}, {"name": "right", "dns": {}}]
    for other in others:
        commands = " ".join(plan({"dns": {}}, other, state=shared).commands)
        assert commands.count("destroy DNS d") == 1


def test_options_of_dhcp_stay_with_their_switch() -> None:
    mark = {"external_ids": ["map", [["netns.fabric.part-of", "Logical_Switch left"]]]}
    used = northbound(
        Logical_Switch=[row("s", name="left"), row("t", name="right", ports=ref("p"))],
        Logical_Switch_Port=[row("p", name="red", dhcpv4_options=ref("o"))],
        DHCP_Options=[row("o", cidr="10.0.0.0/24", **mark)],
    )
    assert "destroy DHCP" not in " ".join(plan({"name": "right", "state": "absent"}, state=used).commands)


def test_owners_release_what_is_theirs() -> None:
    assert len(plan({"state": "absent"}, owner="lab").notes) == 1
    assert not plan({"name": "right", "state": "absent"}).changed
    assert not plan(owner="lab", prune=True).changed


def test_the_ports_are_known_to_later_steps() -> None:
    resource = SwitchResource()
    desired = resource.desired(Entry("left"), {"name": "left", "state": "present", "ports": [RED]})
    assert list(resource.ensures(desired)) == [ALogicalPort("red")]


def test_a_name_that_is_taken_is_refused_unless_it_is_given_up() -> None:
    taking = {"name": "right", "ports": [RED]}
    with pytest.raises(FabricError, match=r"ports\[0\].name: red is on left"):
        plan(taking)
    assert plan(taking, {"ports": []}).changed
    assert plan(taking, {"state": "absent"}).changed
    # What the owner does not own, or others own as well, stays with its ports.
    for marks in ({}, {"netns.fabric/lab": "owner", "netns.fabric/ops": "owner"}):
        there = northbound(
            **{**LEFT, "Logical_Switch": [{**LEFT["Logical_Switch"][0], "external_ids": mapping(**marks)}]}
        )
        with pytest.raises(FabricError, match="red is on left"):
            plan(taking, {"state": "absent"}, state=there, owner="lab")


def test_an_unavailable_database_is_noted_in_check_mode() -> None:
    result = plan({"name": "new"}, state=Northbound(unavailable="x: y", cause="x"), check_mode=True)
    assert result.warnings == ("Check mode: x; assuming an earlier task starts it, with nothing in it",)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How logical routers are converged."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import Northbound
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_router import RouterResource
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.northbound_rows import (
    mapping,
    northbound,
    ref,
    row,
)

PORT = {"name": "a", "mac": "02:00:00:00:00:01", "networks": ["10.0.0.1/24"], "gateway_chassis": ["h1", "h2"]}
SNAT = {"type": "snat", "external_ip": "192.0.2.1", "logical_ip": "10.0.0.0/24"}


def state(**columns: Any) -> Northbound:
    return northbound(
        Logical_Router=[row("r", name="core", ports=ref("p"), nat=ref("n"), load_balancer=ref("l", "m"), **columns)],
        Logical_Router_Port=[
            row("p", name="a", mac="02:00:00:00:00:01", networks="10.0.0.1/24", gateway_chassis=ref("g", "h"))
        ],
        Gateway_Chassis=[
            row("g", name="a-h1", chassis_name="h1", priority=100),
            row("h", name="a-h2", chassis_name="h2", priority=99),
        ],
        NAT=[row("n", type="snat", external_ip="192.0.2.1", logical_ip="10.0.0.0/24", external_port_range="")],
        Load_Balancer=[
            row("l", name="theirs"),
            row("m", name="web", external_ids=["map", [["netns.fabric.part-of", "Logical_Router core"]]]),
        ],
    )


def plan(*entries: dict[str, Any], actual: Northbound | None = None, **call: Any) -> Plan:
    resource = RouterResource()
    given = ({"name": "core", "state": "present", **entry} for entry in entries)
    desired = tuple(resource.desired(Entry(each["name"]), each) for each in given)
    return resource.plan(state() if actual is None else actual, Call(desired, **call))


def test_what_is_as_wanted_is_left_alone() -> None:
    assert not plan({"ports": [PORT], "nat": [SNAT], "routes": [], "policies": []}).changed


def test_gateways_have_priorities_in_their_order() -> None:
    commands = plan({"ports": [{**PORT, "gateway_chassis": ["h2"]}]}).commands
    assert commands == [
        "ovn-nbctl -- --if-exists remove Logical_Router_Port p gateway_chassis g",
        "ovn-nbctl set Gateway_Chassis h priority=100",
    ]


def test_what_is_advertised_has_no_empty_values() -> None:
    advertised = {"address_mode": "slaac", "mtu": None, "send_periodic": True}
    (change,) = plan({"ports": [{**PORT, "ipv6_ra_configs": advertised}]}).changes
    assert change.after == {"ports a ipv6_ra_configs": {"address_mode": "slaac", "send_periodic": "true"}}
    assert not plan({"ports": [{**PORT, "ipv6_ra_configs": {"address_mode": None}}]}).changed


def test_only_the_own_load_balancers_are_removed() -> None:
    (command,) = plan({"load_balancers": []}).commands
    assert command.endswith("-- --if-exists destroy Load_Balancer m")
    commands = plan({"state": "absent"}).commands
    assert [line.split()[-1] for line in commands] == ["r", "m"]


@pytest.mark.parametrize("option", ["from", "to", "ports"])
def test_a_policy_with_an_empty_list_is_not_about_everything(option: str) -> None:
    policy = {"priority": 100, "action": "drop", "protocol": "tcp", option: []}
    with pytest.raises(FabricError, match=rf"policies\[0\]\.{option}: an empty list matches nothing; leave it out"):
        plan({"policies": [policy]})


def test_a_load_balancer_of_two_routers_is_deleted_with_the_last_of_them() -> None:
    mark = {"external_ids": ["map", [["netns.fabric.part-of", "Logical_Router core"]]]}
    shared = northbound(
        Logical_Router=[row(name, name=name, load_balancer=ref("m")) for name in ("core", "edge")],
        Load_Balancer=[row("m", name="web", **mark)],
    )
    gone: list[dict[str, Any]] = [{"name": name, "state": "absent"} for name in ("core", "edge")]
    without: list[dict[str, Any]] = [{"name": name, "load_balancers": []} for name in ("core", "edge")]
    mixed = ([gone[0], without[1]], [without[1], gone[0]], [without[0], gone[1]], [gone[1], without[0]])
    for entries in (gone, gone[::-1], without, *mixed):
        commands = " ".join(plan(*entries, actual=shared).commands)
        assert commands.count("destroy Load_Balancer m") == 1
    for entry in (*gone, *without):
        assert "destroy Load_Balancer" not in " ".join(plan(entry, actual=shared).commands)


def test_a_load_balancer_that_its_router_has_given_up_is_deleted_with_its_last_user() -> None:
    mark = {"external_ids": ["map", [["netns.fabric.part-of", "Logical_Router core"]]]}
    left = northbound(
        Logical_Router=[row("core", name="core"), row("edge", name="edge", load_balancer=ref("m", "t"))],
        Load_Balancer=[row("m", name="web", **mark), row("t", name="theirs")],
    )
    commands = plan({"name": "edge", "state": "absent"}, actual=left).commands
    assert [line.split()[-1] for line in commands] == ["edge", "m"]


def test_a_translation_needs_a_gateway() -> None:
    bare = {"nat": [SNAT]}
    assert not plan(bare).changed
    with pytest.raises(FabricError, match="nat: OVN ignores it on a router without a gateway"):
        plan({**bare, "ports": [{**PORT, "gateway_chassis": []}]})
    assert plan({**bare, "ports": [], "options": {"chassis": "h1"}}).changed
    assert plan({**bare, "ports": []}, actual=state(options=mapping(chassis="h1"))).changed
    with pytest.raises(FabricError, match="nat: OVN ignores it"):
        plan({**bare, "name": "new"})

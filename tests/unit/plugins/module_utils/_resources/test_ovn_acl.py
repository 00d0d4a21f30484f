# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How groups and their rules are converged."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import Northbound
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_acl import GroupResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_things import AGroup, ALogicalPort
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.northbound_rows import northbound, ref, row

SQL = {"name": "sql", "from": ["web"], "protocol": "tcp", "ports": ["5432"]}
MATCH = "outport == @db && ip && (ip4.src == {$web_ip4} || ip6.src == {$web_ip6}) && tcp && tcp.dst == {5432}"
FROM_DB, TO_DB = "inport == @db && ip", "outport == @db && ip"
LAST = {"priority": 0, "log": False}


def state() -> Northbound:
    return northbound(
        Logical_Switch_Port=[row("p", name="red"), row("q", name="blue")],
        Port_Group=[row("g", name="web", ports=ref("p")), row("h", name="db", ports=ref("q"), acls=ref("a", "b", "c"))],
        Address_Set=[row("s", name="office", addresses=["set", ["fd00::1", "fd00::2"]])],
        ACL=[
            row("a", name="sql", direction="to-lport", action="allow-related", priority=1000, log=False, match=MATCH),
            row("b", name="default incoming", direction="to-lport", action="drop", match=TO_DB, **LAST),
            row("c", name="default outgoing", direction="from-lport", action="allow-related", match=FROM_DB, **LAST),
        ],
    )


def plan(*entries: dict[str, Any], **call: Any) -> Plan:
    resource = GroupResource()
    given = ({"name": "db", "state": "present", **entry} for entry in entries)
    desired = tuple(resource.desired(Entry(each["name"]), each) for each in given)
    return resource.plan(state(), Call(desired, **call))


def attributes(result: Plan) -> dict[str, Any]:
    (change,) = result.changes
    return dict(change.after or {})


def test_what_is_not_given_is_left_as_it_is() -> None:
    (command,) = plan({"rules": []}).commands
    assert command.endswith("remove Port_Group h acls a")
    assert not plan({"ports": ["blue"]}).changed
    assert len(plan({"rules": [SQL], "incoming": "allow"}).commands) == 2


def test_the_expression_of_a_rule_names_what_exists() -> None:
    rules = [{**SQL, "from": ["office", "fd00:1::/64", "10.0.0.1"], "priority": 5}]
    after = attributes(plan({"rules": rules}))
    assert after["acls sql match"] == (
        "outport == @db && ip && (ip4.src == {10.0.0.1} || ip6.src == {fd00:1::/64, $office}) "
        "&& tcp && tcp.dst == {5432}"
    )
    ping = {"name": "ping", "direction": "from-lport", "to": ["web"], "protocol": "icmp", "icmp_type": 8}
    after = attributes(plan({"rules": [SQL, ping]}))
    assert after["acls ping"]["match"] == "inport == @db && ip && ip4.dst == {$web_ip4} && icmp4 && icmp4.type == 8"


def test_a_group_that_does_not_exist_is_refused() -> None:
    unknown = {"rules": [{**SQL, "from": ["nobody"]}, {**SQL, "name": "b", "from": ["nobody"]}]}
    with pytest.raises(FabricError) as raised:
        plan(unknown)
    assert str(raised.value).count("there is no group of the name nobody") == 2
    assert plan(unknown, {"name": "nobody"}).changed
    assert plan(unknown, {"name": "nobody", "addresses": ["10.0.0.1"]}).changed
    assert plan(unknown, ensured=frozenset({AGroup("nobody")})).changed
    with pytest.raises(FabricError, match="there is no group of the name web"):
        plan({"rules": [SQL]}, {"name": "web", "state": "absent"})


def test_ports_of_earlier_steps_are_known() -> None:
    with pytest.raises(FabricError, match=r"ports\[0\]: the logical port new does not exist"):
        plan({"ports": ["new"]})
    (command,) = plan({"ports": ["new"]}, ensured=frozenset({ALogicalPort("new")})).commands
    assert command == (
        "ovn-nbctl -- --id=@h/Logical_Switch_Port/new get Logical_Switch_Port new "
        "-- set Port_Group h 'ports=[@h/Logical_Switch_Port/new]'"
    )


def test_a_group_that_a_rule_names_stays() -> None:
    with pytest.raises(FabricError, match="a rule of db names the port group web"):
        plan({"name": "web", "state": "absent"})
    assert plan({"rules": []}, {"name": "web", "state": "absent"}).changed
    assert plan({"state": "absent"}, {"name": "web", "state": "absent"}).changed
    assert plan({"name": "office", "state": "absent"}).changed


def test_a_kind_of_group_does_not_become_another() -> None:
    with pytest.raises(FabricError, match=r"web is the name of another kind of group \(port group\)"):
        plan({"name": "web", "addresses": ["10.0.0.1"]})

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How groups and their rules are converged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import Northbound
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_acl import GroupPlanner, GroupResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_things import AGroup, ALogicalPort
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.northbound_rows import (
    mapping,
    northbound,
    ref,
    row,
)

SQL = {"name": "sql", "from": ["web"], "protocol": "tcp", "ports": ["5432"]}
MATCH = "outport == @db && ip && (ip4.src == {$web_ip4} || ip6.src == {$web_ip6}) && tcp && tcp.dst == {5432}"
FROM_DB, TO_DB = "inport == @db && ip", "outport == @db && ip"
LAST = {"priority": 0, "log": False}


LAB, OPS = {"netns.fabric/lab": "owner"}, {"netns.fabric/ops": "owner"}


def guarded(
    office: dict[str, str] | None = None,
    db: dict[str, str] | None = None,
    addresses: Sequence[str] = ("192.0.2.1",),
    match: str = "outport == @db && ip && ip4.src == {$office}",
    table: str = "ACL",
) -> Northbound:
    """Return the set office, and db with a rule that names it, each with its owners."""
    parent, column = {
        "ACL": ("Port_Group", "acls"),
        "QoS": ("Logical_Switch", "qos_rules"),
        "Logical_Router_Policy": ("Logical_Router", "policies"),
    }[table]
    rule = row("a", name="sql", direction="to-lport", action="drop", priority=1000, log=False, match=match)
    tables = {
        parent: [row("h", name="db", external_ids=mapping(**db or {}), **{column: ref("a")})],
        table: [rule],
        "Address_Set": [row("s", name="office", external_ids=mapping(**office or {}), addresses=["set", [*addresses]])],
    }
    return northbound(**tables)


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


def plan(*entries: dict[str, Any], actual: Northbound | None = None, **call: Any) -> Plan:
    resource = GroupResource()
    given = ({"name": "db", "state": "present", **entry} for entry in entries)
    desired = tuple(resource.desired(Entry(each["name"]), each) for each in given)
    return resource.plan(state() if actual is None else actual, Call(desired, **call))


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
    with pytest.raises(FabricError, match="there is no group of the name nobody"):
        plan(unknown, {"name": "nobody", "state": "absent"}, check_mode=True)


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


def test_a_group_that_a_rule_of_the_call_names_stays() -> None:
    office = {"rules": [{**SQL, "from": ["office"]}]}
    for name, rule in (("web", {"rules": [SQL]}), ("office", office)):
        with pytest.raises(FabricError, match=f"a rule of db names the [a-z]+ [a-z]+ {name}, .*remove that first"):
            plan(rule, {"name": name, "state": "absent"})
    owned = guarded(office=LAB, db=LAB)
    with pytest.raises(FabricError, match="a rule of db names the address set office"):
        plan(office, actual=owned, owner="lab", prune=True)
    # One that is only disowned stays.
    shared = guarded(office={**LAB, **OPS}, db=LAB)
    assert plan(office, {"name": "office", "state": "absent"}, actual=shared, owner="lab").changed
    assert plan(office, actual=shared, owner="lab", prune=True).changed


@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize(
    ("owners", "stays"),
    [(LAB, False), ({**LAB, **OPS}, True), (OPS, True), ({}, True)],
    ids=["own", "both", "ops", "-"],
)
def test_a_rule_of_a_group_that_is_not_deleted_keeps_the_set(owners: dict[str, str], stays: bool, pruned: bool) -> None:
    actual = guarded(office=LAB, db=owners)
    entries = [] if pruned else [{"state": "absent"}, {"name": "office", "state": "absent"}]
    call: dict[str, Any] = {"owner": "lab", "prune": pruned}
    if stays:
        with pytest.raises(FabricError, match="a rule of db names the address set office"):
            plan(*entries, actual=actual, **call)
    else:
        assert len(plan(*entries, actual=actual, **call).commands) == 2


@pytest.mark.parametrize(
    ("present", "match", "given", "refused"),
    [
        (["192.0.2.1"], "ip4.src == {$office}", ["fd00::1"], True),
        (["192.0.2.1"], "ip4.src == {$office, $web_ip4}", ["192.0.2.2"], False),
        (["192.0.2.1"], "ip4.src == {$office}", [], False),
        (["fd00::1"], "ip6.dst == $office", ["192.0.2.2"], True),
        ([], "ip4.src == {$office}", ["fd00::1"], True),
        ([], "ip4.src == {$office}", ["192.0.2.1"], False),
        ([], "ip6.src == {$office}", ["fd00::1"], False),
        (["192.0.2.1"], "arp.spa == $office", ["fd00::1"], True),
        ([], "arp.spa == $office", ["192.0.2.1"], False),
        (["192.0.2.1"], "ip4.src == {$office.2, $office_ip4} && ip6.dst == fd00::2", ["fd00::1"], False),
        (["192.0.2.1"], "inport == @office", ["fd00::1"], False),
        (["fd00::1"], "ip4.src == {$office}", ["fd00::2"], False),  # OVN ignores it already
    ],
)
@pytest.mark.parametrize("table", ["ACL", "QoS", "Logical_Router_Policy"])
def test_a_set_keeps_the_version_of_a_rule_that_stays(
    table: str, present: list[str], match: str, given: list[str], refused: bool
) -> None:
    actual = guarded(addresses=present, match=match, table=table)
    entry = {"name": "office", "addresses": given}
    calls: tuple[dict[str, Any], ...] = ({}, {"check_mode": True}, {"owner": "lab", "prune": True})
    for call in calls:
        if refused:
            with pytest.raises(FabricError, match="addresses: a rule of db names the set for addresses of the other"):
                plan(entry, actual=actual, **call)
        else:
            assert plan(entry, actual=actual, **call).changed


def test_a_set_of_another_version_comes_with_the_rules_that_name_it() -> None:
    actual = guarded(addresses=["192.0.2.1"], match="outport == @db && ip && ip4.src == {$office}")
    office = {"name": "office", "addresses": ["fd00::1"]}
    rule = {"name": "sql", "action": "drop", "from": ["office"]}
    result = plan(office, {"rules": [rule]}, actual=actual)
    assert [dict(change.after or {}) for change in result.changes] == [
        {"addresses": ["fd00::1"]},
        {"acls sql match": "outport == @db && ip && ip6.src == {$office}"},
    ]
    assert plan(office, {"state": "absent"}, actual=actual).changed
    with pytest.raises(FabricError, match="a rule of db names the set"):
        plan(office, {"ports": []}, actual=actual)
    with pytest.raises(FabricError, match="a rule of db names the set"):
        plan(office, {"state": "absent"}, actual=guarded(db=OPS), owner="lab")


def test_many_groups_are_deleted_with_one_look_at_each_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"g{number}" for number in range(20)]
    groups = [row(f"p-{name}", name=name, acls=ref(f"a-{name}")) for name in names]
    rules = [row(f"a-{name}", name="all", match=f"outport == @{name} && ip") for name in names]
    looked: list[Row] = []
    is_replaced = GroupPlanner._is_replaced

    def look(planner: GroupPlanner, parent: Row) -> bool:
        looked.append(parent)
        return is_replaced(planner, parent)

    monkeypatch.setattr(GroupPlanner, "_is_replaced", look)
    entries = [{"name": name, "state": "absent"} for name in names]
    assert len(plan(*entries, actual=northbound(Port_Group=groups, ACL=rules)).changes) == len(names)
    assert len(looked) == len(names)


def test_a_kind_of_group_does_not_become_another() -> None:
    with pytest.raises(FabricError, match=r"web is the name of another kind of group \(port group\)"):
        plan({"name": "web", "addresses": ["10.0.0.1"]})

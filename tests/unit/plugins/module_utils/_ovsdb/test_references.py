# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that are rows of other tables."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.bridge_settings import (
    CONTROLLERS,
    FLOW_TABLES,
    SFLOW,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.differences import Difference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.references import (
    Reference,
    parse_rows,
    plan_rows,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.removed_references import RemovedReferences
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Uuid

C1 = Row("Controller", "c1", {"target": "tcp:a", "max_backoff": 2000})
C2 = Row("Controller", "c2", {"target": "tcp:b"})
F7 = Row("Flow_Table", "f7", {"name": "seven"})
S1 = Row("sFlow", "s1", {"targets": "a:1"})
BRIDGE = Row(
    "Bridge",
    "b",
    {"controller": (Uuid("c1"), Uuid("c2")), "flow_tables": {7: Uuid("f7")}, "sflow": Uuid("s1")},
)
OTHER = Row("Bridge", "other", {"sflow": Uuid("s1")})


def switch(*rows: Row) -> Switch:
    return Switch(rows={row.uuid: row for row in (BRIDGE, C1, C2, F7, S1, *rows)})


def parse(reference: Reference, given: Any) -> Any:
    checks = Checks(Entry("br"))
    found = reference.parse(checks, given)
    checks.done()
    return found


def plan(reference: Reference, given: Any, *rows: Row) -> tuple[list[str], Difference]:
    difference = Difference()
    found = switch(*rows)
    removed = RemovedReferences(found.referrers)
    operations = plan_rows(found, reference, "br", BRIDGE, parse(reference, given), difference, removed)
    return [line for operation in operations for line in operation.commands()], difference


def test_a_list_and_a_single_row_are_specified() -> None:
    assert CONTROLLERS.spec["options"]["target"]["required"] is True
    assert FLOW_TABLES.spec["options"]["id"] == {"type": "int", "required": True}
    assert SFLOW.spec["type"] == "dict"


def test_what_an_entry_omits_is_that_of_a_new_row() -> None:
    wanted = parse(CONTROLLERS, [{"target": "tcp:a"}])
    assert wanted["tcp:a"]["max_backoff"] == ()
    assert parse(SFLOW, {"targets": [], "sampling": None}) == {}
    assert parse_rows(Checks(Entry("br")), (SFLOW, CONTROLLERS), {"controllers": [], "sflow": None}) == {
        "controllers": {}
    }


@pytest.mark.parametrize(
    ("reference", "given", "message"),
    [
        (CONTROLLERS, [{"target": "tcp:a"}, {"target": "tcp:a"}], r"controllers\[1\].target: tcp:a is listed twice"),
        (CONTROLLERS, [{"target": "a"}], r"controllers\[0\].target: 'a' is not a connection method"),
        (FLOW_TABLES, [{"id": 255}], r"flow_tables\[0\].id: 255"),
        (SFLOW, {"sampling": 5}, r"sflow.targets: it is required"),
    ],
)
def test_wrong_entries_are_refused(reference: Reference, given: Any, message: str) -> None:
    with pytest.raises(InvalidEntries, match=message):
        parse(reference, given)


def test_rows_are_changed_in_place_added_and_removed() -> None:
    commands, difference = plan(CONTROLLERS, [{"target": "tcp:a"}, {"target": "tcp:c"}])
    assert commands == [
        "ovs-vsctl -- --if-exists remove Bridge br controller c2",
        "ovs-vsctl set Controller c1 'max_backoff=[]'",
        (
            "ovs-vsctl -- --id=@x436f6e74726f6c6c65722f62722f7463703a63 create Controller 'target=\"tcp:c\"' "
            "-- add Bridge br controller @x436f6e74726f6c6c65722f62722f7463703a63"
        ),
    ]
    assert difference.before == {"controllers": [{"target": "tcp:a", "max_backoff": 2000}, {"target": "tcp:b"}]}
    assert difference.after == {"controllers": [{"target": "tcp:a"}, {"target": "tcp:c"}]}
    assert plan(CONTROLLERS, [{"target": "tcp:a", "max_backoff": 2000}, {"target": "tcp:b"}])[0] == []


def test_rows_of_a_map_are_known_by_their_keys() -> None:
    commands, _difference = plan(FLOW_TABLES, [{"id": 5}])
    assert commands == [
        "ovs-vsctl -- --if-exists remove Bridge br flow_tables 7",
        (
            "ovs-vsctl -- --id=@Flow_Table_br_5 create Flow_Table 'external_ids={}' "
            "-- add Bridge br flow_tables 5=@Flow_Table_br_5"
        ),
    ]
    assert FLOW_TABLES.declare(switch(), BRIDGE) == [{"id": 7, "name": "seven"}]


def test_a_row_that_another_one_refers_to_is_not_changed() -> None:
    given = {"targets": ["a:1"], "sampling": 5}
    assert plan(SFLOW, given)[0] == ["ovs-vsctl set sFlow s1 sampling=5"]
    commands, _difference = plan(SFLOW, given, OTHER)
    assert commands == [
        ("ovs-vsctl -- --id=@sFlow_br create sFlow 'targets=[\"a:1\"]' sampling=5 -- set Bridge br sflow=@sFlow_br")
    ]
    assert plan(SFLOW, {}, OTHER)[0] == ["ovs-vsctl -- --if-exists remove Bridge br sflow s1"]
    assert SFLOW.declare(switch(), Row("Bridge", "new")) == {}


def plan_both(given: Any) -> list[list[str]]:
    """Return the commands for each of two bridges that share a row."""
    found = switch(OTHER)
    removed = RemovedReferences(found.referrers)
    planned = [
        plan_rows(found, SFLOW, name, row, parse(SFLOW, given), Difference(), removed)
        for name, row in (("br", BRIDGE), ("other", OTHER))
    ]
    return [[line for operation in operations for line in operation.commands()] for operations in planned]


def test_a_shared_row_that_one_gives_up_is_changed_in_place_for_the_last() -> None:
    new, changed = plan_both({"targets": ["1.2.3.4:6343"], "sampling": 9})
    assert " create sFlow " in new[0]
    assert changed[0].startswith("ovs-vsctl set sFlow s1 ")
    assert plan_both({}) == [
        ["ovs-vsctl -- --if-exists remove Bridge br sflow s1"],
        ["ovs-vsctl -- --if-exists remove Bridge other sflow s1"],
    ]

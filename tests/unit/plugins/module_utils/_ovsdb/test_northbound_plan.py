# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows as they are wanted: operations and diff."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_plan import (
    PART_OF,
    Changes,
    WantedRow,
    find_parts,
    is_there_for_users,
    part_of,
)
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.northbound_rows import (
    LEFT,
    left,
    northbound,
    ref,
    row,
)

NEW_PORT = (
    "ovn-nbctl -- --id=@Logical_Switch_Port/s/ports/green create Logical_Switch_Port name=green "
    "-- add Logical_Switch s ports @Logical_Switch_Port/s/ports/green"
)


def converge(wanted: WantedRow, uuid: str = "s") -> tuple[list[str], dict[str, Any], dict[str, Any]]:
    state = left()
    changes = Changes(state)
    changes.converge(wanted, state.rows[uuid])
    commands = [line for operation in changes.operations for line in operation.commands()]
    return commands, changes.before, changes.after


def port(name: str, **columns: Any) -> WantedRow:
    return WantedRow("Logical_Switch_Port", name, {"name": name, **columns})


def test_what_is_not_given_is_left_untouched() -> None:
    assert converge(WantedRow("Logical_Switch", "left", {"name": "left"})) == ([], {}, {})
    address = ("02:00:00:00:00:01 10.0.0.1",)
    same = (port("red", addresses=address), port("blue", tag=7, type="", addresses=()))
    assert converge(WantedRow("Logical_Switch", children={"ports": same})) == ([], {}, {})


def test_parts_are_exact() -> None:
    commands, before, after = converge(
        WantedRow("Logical_Switch", children={"ports": (port("blue", tag=8), port("green", tag=()))})
    )
    assert commands == [
        "ovn-nbctl -- --if-exists remove Logical_Switch s ports p",
        "ovn-nbctl set Logical_Switch_Port q tag=8",
        NEW_PORT,
    ]
    assert before["ports red"]["addresses"] == "02:00:00:00:00:01 10.0.0.1"
    assert "up" not in before["ports red"]
    assert (before["ports blue tag"], after["ports blue tag"]) == (7, 8)
    assert (before["ports green"], after["ports green"]) == (None, {"name": "green"})


def test_rows_of_others_in_a_column_stay() -> None:
    """Load balancers and names exist for themselves: only those that belong to the row are the module's."""
    commands, _before, _after = converge(WantedRow("Logical_Switch", children={"dns_records": (), "load_balancer": ()}))
    assert commands == ["ovn-nbctl -- --if-exists remove Logical_Switch s dns_records d -- --if-exists destroy DNS d"]


def test_keys_names_and_owners() -> None:
    keys = {("other_config", "a"): "b", ("other_config", "c"): None}
    state = northbound(
        **{**LEFT, "Port_Group": [row("g", ports=ref("p"), external_ids=["map", [["netns.fabric/x", "owner"]]])]}
    )
    changes = Changes(state)
    names = {"ports": ("Logical_Switch_Port", ("blue", "red"))}
    changes.converge(WantedRow("Port_Group", names=names, keys=keys), state.rows["g"], owner="y")
    assert changes.before == {"other_config:a": None, "ports": ["red"], "owners": ["x"]}
    assert changes.after == {"other_config:a": "b", "ports": ["blue", "red"], "owners": ["x", "y"]}
    assert len(changes.operations) == 1


def test_what_belongs_to_a_row_is_found() -> None:
    state = left()
    assert [each.uuid for each in find_parts(state, "DNS", state.rows["s"])] == ["d"]
    keys = {("external_ids", PART_OF): part_of("Logical_Switch", "left")}
    assert WantedRow("DNS", keys=keys).key == ""
    assert WantedRow("DNS").key is None


def test_a_new_row_is_described_with_its_parts() -> None:
    changes = Changes(left())
    wanted = WantedRow("Logical_Switch", "new", {"name": "new"}, children={"ports": (port("p9", tag=()),)})
    changes.create(wanted, "lab")
    assert changes.after == {"name": "new", "ports": [{"name": "p9"}], "owners": ["lab"]}
    (line,) = changes.operations[0].commands()
    assert line.endswith("'external_ids:\"netns.fabric/lab\"=owner'")


def test_what_is_there_for_those_that_refer_to_it() -> None:
    rows = left().rows
    assert {uuid for uuid, row in rows.items() if is_there_for_users(row)} == {"d"}

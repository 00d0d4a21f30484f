# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations on rows of the northbound database: commands, and how they are undone."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_operations import (
    ChangeRow,
    CreateRow,
    DeleteRow,
    NewRow,
    Place,
    ReferTo,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.northbound_rows import (
    LEFT,
    left,
    northbound,
    ref,
    row,
)

PORT = NewRow("Logical_Switch_Port", ("p1",), Columns({"name": "p1"}))
PORTS = Place("Logical_Switch", "s", "ports")


def test_a_row_is_created_after_those_that_it_refers_to() -> None:
    names = {"ports": ("Logical_Switch_Port", ("red", "blue-1"))}
    group = CreateRow(NewRow("Port_Group", ("g1",), Columns({"name": "g1"}), names))
    one = "@Port_Group/g1/Logical_Switch_Port"
    assert " ".join(group.commands()).split(" -- ") == [
        "ovn-nbctl",
        "--id=@Port_Group/g1/Logical_Switch_Port/blue-1 get Logical_Switch_Port blue-1",
        "--id=@Port_Group/g1/Logical_Switch_Port/red get Logical_Switch_Port red",
        f"--id=@Port_Group/g1 create Port_Group name=g1 'ports=[{one}/red,{one}/blue-1]'",
    ]
    switch = CreateRow(NewRow("Logical_Switch", ("s1",), Columns({"name": "s1"}), children={"ports": (PORT,)}))
    assert " ".join(switch.commands()).split(" -- ") == [
        "ovn-nbctl",
        "--id=@Logical_Switch_Port/p1 create Logical_Switch_Port name=p1",
        "--id=@Logical_Switch/s1 create Logical_Switch name=s1 'ports=[@Logical_Switch_Port/p1]'",
    ]


def test_other_words_are_another_name_within_the_transaction() -> None:
    labels = [("a", "b"), ("a/b",), ("a b",), ("a", "b", ""), ("ab",), ("a\0b"[:1], "b/")]
    assert len({NewRow("ACL", label).id for label in labels}) == len(labels)


def test_a_created_row_is_undone_with_what_would_stay() -> None:
    names = NewRow("DNS", ("d1",), Columns({"records": {"x": "y"}}))
    switch = CreateRow(NewRow("Logical_Switch", ("s1",), Columns({"name": "s1"}), children={"dns_records": (names,)}))
    before, now = (
        left(),
        northbound(
            **{
                **LEFT,
                "Logical_Switch": [*LEFT["Logical_Switch"], row("t", name="s1", dns_records=ref("f"))],
                "DNS": [*LEFT["DNS"], row("f", records=["map", [["x", "y"]]])],
            }
        ),
    )
    assert (switch.is_applied(before), switch.is_applied(now)) == (False, True)
    assert switch.undo_created(before, now) == [
        ("--if-exists", "destroy", "DNS", "f"),
        ("--if-exists", "destroy", "Logical_Switch", "t"),
    ]
    assert switch.undo_created(before, before) == ()


def test_a_created_part_is_removed_from_its_place() -> None:
    adding = CreateRow(PORT, (PORTS,))
    assert adding.commands()[0].endswith("-- add Logical_Switch s ports @Logical_Switch_Port/p1")
    now = northbound(
        **{
            **LEFT,
            "Logical_Switch": [row("s", name="left", ports=ref("p", "q", "n"))],
            "Logical_Switch_Port": [*LEFT["Logical_Switch_Port"], row("n", name="p1")],
        }
    )
    assert adding.is_applied(now)
    assert adding.undo_created(left(), now) == [("--if-exists", "remove", "Logical_Switch", "s", "ports", "n")]


def test_a_change_is_undone_by_the_former_values() -> None:
    change = ChangeRow("Logical_Switch_Port", "q", Columns({"tag": 8}, (("options", "a", "b"),)))
    assert change.commands() == ["ovn-nbctl set Logical_Switch_Port q tag=8 options:a=b"]
    assert change.undo(left()) == [
        ("set", "Logical_Switch_Port", "q", "tag=7"),
        ("remove", "Logical_Switch_Port", "q", "options", "a"),
    ]
    members = ChangeRow("Port_Group", "g", names={"ports": ("Logical_Switch_Port", ("blue",))})
    assert members.undo(left()) == [("set", "Port_Group", "g", "ports=p")]
    assert not members.is_applied(left())
    assert ChangeRow("Port_Group", "g", names={"ports": ("Logical_Switch_Port", ("red",))}).is_applied(left())


def test_a_row_is_deleted_with_its_reference_or_as_a_row() -> None:
    port = DeleteRow("Logical_Switch_Port", "p", (PORTS,))
    assert port.commands() == ["ovn-nbctl -- --if-exists remove Logical_Switch s ports p"]
    assert [row.uuid for row in port.deleted_rows(left())] == ["p"]
    assert DeleteRow("Logical_Switch", "s").commands() == ["ovn-nbctl -- --if-exists destroy Logical_Switch s"]
    shared = DeleteRow("Load_Balancer", "l", (Place("Logical_Switch", "s", "load_balancer"),), is_shared=True)
    assert shared.commands() == ["ovn-nbctl -- --if-exists remove Logical_Switch s load_balancer l"]
    assert (shared.dropped(), port.dropped()) == ([("s", "l")], [])
    assert (shared.removed(), shared.deleted_rows(left()), shared.is_applied(left())) == ([], [], False)
    restored = [("--if-exists", "add", "Logical_Switch", "s", "load_balancer", "l")]
    assert shared.undo_created(left(), left()) == restored
    assert shared.undo_created(left(), left().without(["l"])) == port.undo_created(left(), left()) == ()


def test_references_to_a_row_are_undone() -> None:
    places = tuple(Place("Logical_Switch_Port", name, "dhcpv4_options", True) for name in ("red", "blue"))
    refer = ReferTo("o2", places)
    assert refer.commands() == [
        "ovn-nbctl set Logical_Switch_Port red dhcpv4_options=o2 -- set Logical_Switch_Port blue dhcpv4_options=o2"
    ]
    assert not refer.is_applied(left())
    assert refer.undo(left())[2:] == [("--if-exists", "add", "Logical_Switch_Port", "red", "dhcpv4_options", "o")]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations: their commands, and their rollback."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import operations as ovs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import OvsOperation
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Uuid


def interface(name: str, **attributes: Any) -> Interface:
    return Interface(name, ofport=1, row=Row("Interface", f"i-{name}", {"name": name, "type": ""}), **attributes)


def before() -> Switch:
    ports = tuple(
        Port(
            name,
            (interface(name),),
            row=Row("Port", f"p-{name}", {"name": name, "interfaces": Uuid(f"i-{name}"), "tag": 5}),
        )
        for name in ("br", "t1")
    )
    row = Row("Bridge", "b", {"name": "br", "datapath_type": "netdev", "ports": (Uuid("p-br"), Uuid("p-t1"))})
    rows = [row, *(port.row for port in ports), *(port.interface.row for port in ports)]
    return Switch((Bridge("br", "netdev", ports=ports, row=row),), rows={each.uuid: each for each in rows})


OPERATIONS: list[tuple[OvsOperation, str, list[str]]] = [
    (
        ovs.AddBridge("b2", Columns({"datapath_type": "netdev"})),
        "ovs-vsctl add-br b2 -- set Bridge b2 datapath_type=netdev",
        ["--if-exists del-br b2"],
    ),
    (ovs.AddBridge("b2"), "ovs-vsctl add-br b2", ["--if-exists del-br b2"]),
    (
        ovs.SetBridge("br", Columns({"datapath_type": "system"})),
        "ovs-vsctl set Bridge br datapath_type=system",
        ["set Bridge br datapath_type=netdev"],
    ),
    (
        ovs.DeleteBridge("br"),
        "ovs-vsctl -- --if-exists del-br br",
        [],
    ),
    (
        ovs.AddPort("br", "t2", Columns({"tag": 7}), Columns({"type": "internal"})),
        "ovs-vsctl add-port br t2 tag=7 -- set Interface t2 type=internal",
        ["--if-exists del-port t2"],
    ),
    (
        ovs.SetPort("t1", "t1", Columns({"tag": 7}), Columns({"mtu_request": 1400})),
        "ovs-vsctl set Port t1 tag=7 -- set Interface t1 mtu_request=1400",
        ["set Port t1 tag=5", "set Interface t1 mtu_request=[]"],
    ),
    (
        ovs.MovePort("t1", "br", "b2"),
        "ovs-vsctl -- --id=@port_t1 get Port t1 -- remove Bridge br ports @port_t1 -- add Bridge b2 ports @port_t1",
        ["--id=@port_t1 get Port t1", "remove Bridge b2 ports @port_t1", "add Bridge br ports @port_t1"],
    ),
    (
        ovs.DeletePort("br", "t1"),
        "ovs-vsctl -- --if-exists del-port br t1",
        [],
    ),
    (
        ovs.CloseInterface("t1", "t1", "system"),
        "ovs-vsctl set Interface t1 type=patch options:peer=netns.fabric.reopen.system",
        ['set Interface t1 type=""', "remove Interface t1 options peer"],
    ),
    (
        ovs.OpenInterface("t1", "internal"),
        "ovs-vsctl set Interface t1 type=internal -- remove Interface t1 options peer",
        [],
    ),
    (
        ovs.OpenInterface("t1", "internal", "old"),
        "ovs-vsctl set Interface t1 type=internal options:peer=old",
        [],
    ),
    (
        ovs.OpenLocalInterface("br"),
        "ovs-vsctl remove Interface br external_ids netns.fabric.reopen",
        [],
    ),
]


@pytest.mark.parametrize(("operation", "command", "undo"), OPERATIONS, ids=lambda value: type(value).__name__)
def test_an_operation_has_its_command_and_its_rollback(operation: OvsOperation, command: str, undo: list[str]) -> None:
    assert operation.backend == "ovsdb"
    assert [shlex.split(line) for line in operation.commands()] == [shlex.split(command.replace('""', "'\"\"'"))]
    assert [" ".join(words) for words in operation.undo(before())] == undo


@pytest.mark.parametrize(
    "operation", [operation for operation, _command, _undo in OPERATIONS], ids=lambda value: type(value).__name__
)
def test_without_the_former_row_only_an_addition_is_rolled_back(operation: OvsOperation) -> None:
    added = isinstance(operation, (ovs.AddBridge, ovs.AddPort, ovs.MovePort, ovs.CloseInterface))
    assert bool(operation.undo(Switch())) == added


def test_a_deletion_names_the_rows_that_a_rollback_re_creates() -> None:
    switch = before()
    collector = Row("Flow_Sample_Collector_Set", "f", {"id": 1, "bridge": Uuid("b")})
    switch = Switch(switch.bridges, rows={**switch.rows, "f": collector})
    assert switch.collectors(switch.bridges[0]) == ("f",)
    deletion = ovs.DeleteBridge("br", ("f",))
    assert [row.uuid for row in deletion.deleted_rows(switch)] == ["b", "f"]
    assert list(deletion.commands()) == [
        "ovs-vsctl -- --if-exists destroy Flow_Sample_Collector_Set f -- --if-exists del-br br"
    ]
    assert [row.uuid for row in ovs.DeletePort("br", "t1").deleted_rows(switch)] == ["p-t1"]
    assert list(ovs.DeletePort("br", "t9").deleted_rows(switch)) == list(ovs.AddBridge("b").deleted_rows(switch)) == []


@pytest.mark.parametrize(
    ("operation", "applied"),
    [
        (ovs.AddBridge("br", Columns({"datapath_type": "netdev"})), True),
        (ovs.AddBridge("b2"), False),
        (ovs.AddBridge("br", interface=Columns({"mtu_request": 1400})), False),
        (ovs.SetBridge("br", Columns({"datapath_type": "system"})), False),
        (ovs.DeleteBridge("br"), False),
        (ovs.DeleteBridge("b2"), True),
        (ovs.AddPort("br", "t1", Columns({"tag": 5})), True),
        (ovs.AddPort("br", "t1", Columns({"tag": 6})), False),
        (ovs.SetPort("t1", "t1", Columns({"tag": 5}, (("external_ids", "a", None),))), True),
        (ovs.SetPort("t1", "t1", Columns(keys=(("external_ids", "a", "b"),))), False),
        (ovs.MovePort("t1", "b2", "br"), True),
        (ovs.MovePort("t1", "br", "b2"), False),
        (ovs.DeletePort("br", "t1"), False),
        (ovs.DeletePort("br", "t2"), True),
        (ovs.CloseInterface("t1", "t1", "system"), False),
        (ovs.OpenInterface("t1", "system"), True),
        (ovs.OpenInterface("t9", "system"), False),
        (ovs.CloseLocalInterface("br"), False),
        (ovs.OpenLocalInterface("br"), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_an_operation_writes_is_found_in_the_database(operation: OvsOperation, applied: bool) -> None:
    assert operation.is_applied(before()) == applied


@pytest.mark.parametrize(("port", "requested"), [(None, ["br"]), ("7", ["7"]), ("", [])])
def test_a_datapath_port_may_be_named_by_its_number(port: str | None, requested: list[str]) -> None:
    """A name of digits alone is a number to ovs-appctl."""
    assert [words[-1] for words in ovs.CloseLocalInterface("br", port).requests()] == requested


def test_closing_comes_first_and_deleting_last() -> None:
    kinds: dict[Phase, set[type]] = {}
    for operation in [*(each for each, _command, _undo in OPERATIONS), ovs.CloseLocalInterface("br")]:
        kinds.setdefault(operation.phase, set()).add(type(operation))
    assert kinds.pop(Phase.RELEASE) == {ovs.CloseInterface, ovs.CloseLocalInterface}
    assert kinds.pop(Phase.REMOVE) == {ovs.DeleteBridge, ovs.DeletePort}
    assert list(kinds) == [Phase.CREATE]


def test_a_link_gets_back_an_mtu_and_an_address_that_were_not_requested() -> None:
    row = Row("Interface", "i", {"name": "i1", "type": "internal", "mtu_request": (), "mac": ()})
    own = Interface("i1", "internal", 1, mtu=1500, mac_in_use="02:00:00:00:00:0a", row=row)
    switch = Switch((Bridge("br", "netdev", ports=(Port("i1", (own,), row=Row("Port", "p")),)),))
    operation = ovs.SetPort("i1", "i1", interface=Columns({"mtu_request": 1400, "mac": "02:00:00:00:00:0b"}))
    assert [" ".join(words) for words in operation.undo(switch)] == [
        'set Interface i1 mtu_request=1500 mac="02:00:00:00:00:0a"'
    ]
    assert [" ".join(words) for words in operation.undo_after(switch)] == ["set Interface i1 mtu_request=[] mac=[]"]
    assert list(ovs.SetPort("i1", "i1", Columns({"tag": 1})).undo_after(switch)) == []
    assert list(operation.undo_after(Switch())) == []


def test_the_link_of_a_bridge_is_closed_by_ovs_appctl() -> None:
    assert list(ovs.CloseLocalInterface("br").commands()) == [
        "ovs-appctl dpctl/del-if netdev@ovs-netdev br",
        "ovs-vsctl set Interface br 'external_ids:netns.fabric.reopen=\"true\"'",
    ]
    assert [" ".join(words) for words in ovs.CloseLocalInterface("br").undo(before())] == [
        "remove Interface br external_ids netns.fabric.reopen"
    ]


def test_another_datapath_type_is_verified_by_the_ports_that_worked() -> None:
    broken = Port("t9", (Interface("t9", ofport=-1),))
    switch = before()
    bridge = switch.bridges[0]
    switch = Switch((Bridge("br", "netdev", ports=(*bridge.ports, broken), row=bridge.row),))
    flip = ovs.SetBridge("br", Columns({"datapath_type": "system"}))
    assert list(flip.expected_interfaces(switch)) == ["br"]
    assert list(flip.reopened_interfaces(switch)) == ["t1"]
    assert (flip.size(switch), ovs.DeleteBridge("br").size(switch)) == (2, 3)
    assert list(ovs.SetBridge("br", Columns({"fail_mode": "secure"})).expected_interfaces(switch)) == []


def test_names_in_one_transaction_do_not_clash() -> None:
    moves = [ovs.MovePort(name, "a", "b") for name in ("t-1", "t_1", "t.1", "tü1")]
    assert len({move.transaction()[0][0] for move in moves}) == 4

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The language of ovs-vsctl."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import (
    Columns,
    format_assignment,
    format_atom,
    join_commands,
    recreate_rows,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Uuid

UUID = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"


@pytest.mark.parametrize(
    ("atom", "text"),
    [
        ("secure", "secure"),
        ("a.b-c_1", "a.b-c_1"),
        ("", '""'),
        ("5", '"5"'),
        ("true", '"true"'),
        ("false", '"false"'),
        (UUID, f'"{UUID}"'),
        ("02:00:00:00:00:01", '"02:00:00:00:00:01"'),
        ('x,y=z "q"', '"x,y=z \\"q\\""'),
        ("a\nb\\", '"a\\nb\\\\"'),
        ("grün", '"gr\\u00fcn"'),
        (5, "5"),
        (True, "true"),
        (Uuid(UUID), UUID),
    ],
)
def test_an_atom_is_quoted_where_it_needs_it(atom: Any, text: str) -> None:
    assert format_atom(atom) == text


def test_sets_and_maps_are_written_whole() -> None:
    assert format_assignment("trunks", (1, 2)) == "trunks=[1,2]"
    assert format_assignment("tag", ()) == "tag=[]"
    assert format_assignment("options", {"a b": "c", "d": "1"}) == 'options={"a b"=c,d="1"}'
    assert format_assignment("options", {}) == "options={}"


def test_columns_set_values_and_keys_and_remove_keys() -> None:
    columns = Columns({"tag": 7}, (("external_ids", "a:b", "c"), ("external_ids", "d", None)))
    assert columns.commands("Port", "t1") == [
        ("set", "Port", "t1", "tag=7", 'external_ids:"a:b"=c'),
        ("remove", "Port", "t1", "external_ids", "d"),
    ]
    assert columns
    assert not Columns()


def test_the_inverse_restores_the_columns() -> None:
    row = Row("Port", "p", {"tag": 5, "trunks": (), "external_ids": {"a": "1"}})
    columns = Columns(
        {"tag": 7, "trunks": (1, 2)},
        (("external_ids", "a", "2"), ("external_ids", "b", "3"), ("other_config", "c", "4")),
    )
    assert columns.inverse(row) == Columns(
        {"tag": 5, "trunks": ()},
        (("external_ids", "a", "1"), ("external_ids", "b", None), ("other_config", "c", None)),
    )


def test_rows_are_re_created_with_their_references() -> None:
    port = Row("Port", "p-1", {"name": "t1", "interfaces": Uuid("i-1"), "qos": Uuid(UUID), "tag": 0, "trunks": ()})
    interface = Row("Interface", "i-1", {"name": "t1", "type": "", "ofport": 3, "ifindex": 9, "options": {"a": "b"}})
    assert recreate_rows([port, interface], {}) == [
        ("--id=@row_p_1", "create", "Port", "interfaces=@row_i_1", "name=t1", f"qos={UUID}", "tag=0"),
        ("--id=@row_i_1", "create", "Interface", "name=t1", "ofport=3", "options={a=b}"),
    ]


@pytest.mark.parametrize("name", ["1br", "10-br", "br+1", "true", "300cf7d291f454f", "brü", "-x", 'a"b', "a b"])
def test_a_record_is_named_as_it_is(name: str) -> None:
    """Ovs-vsctl never unquotes it."""
    assert Columns({"tag": 1}, (("external_ids", "a", None),)).commands("Port", name) == [
        ("set", "Port", name, "tag=1"),
        ("remove", "Port", name, "external_ids", "a"),
    ]


def test_the_rows_that_were_kept_refer_to_the_re_created_ones_again() -> None:
    port, other = (Row("Port", f"p-{number}", {"name": f"t{number}"}) for number in (1, 2))
    bridge = Row("Bridge", "b", {"name": "br", "ports": (Uuid("p-1"), Uuid("p-2"))})
    columns: dict[str, Any] = {
        "name": "m",
        "select_src_port": Uuid("p-1"),
        "output_port": Uuid("p-2"),
        "select_dst_port": (),
    }
    mirror = Row("Mirror", "m", columns)
    rows = {row.uuid: row for row in (port, other, bridge, mirror)}
    assert recreate_rows([port], rows) == [
        ("--id=@row_p_1", "create", "Port", "name=t1"),
        ("--if-exists", "add", "Bridge", "br", "ports", "@row_p_1"),
        ("--if-exists", "add", "Mirror", "m", "select_src_port", "@row_p_1"),
    ]
    assert recreate_rows([bridge], rows)[-1] == ("add", "Open_vSwitch", ".", "bridges", "@row_b")


def test_columns_are_found_in_a_row() -> None:
    row = Row("Port", "p", {"tag": 5, "trunks": (2, 1), "vlan_mode": (), "external_ids": {"a": "1"}})
    keys = (("external_ids", "a", "1"), ("external_ids", "b", None))
    assert Columns({"tag": 5, "trunks": (1, 2), "vlan_mode": ()}, keys).are_set(row)
    assert not Columns({"tag": 6}).are_set(row)
    assert not Columns({"vlan_mode": "trunk"}).are_set(row)
    assert not Columns(keys=(("external_ids", "a", None),)).are_set(row)


def test_commands_are_joined_into_one_transaction() -> None:
    assert join_commands([("add-br", "a"), ("--if-exists", "del-br", "b")]) == [
        "add-br",
        "a",
        "--",
        "--if-exists",
        "del-br",
        "b",
    ]
    assert join_commands([("--if-exists", "del-br", "b")]) == ["--", "--if-exists", "del-br", "b"]
    assert join_commands([]) == []

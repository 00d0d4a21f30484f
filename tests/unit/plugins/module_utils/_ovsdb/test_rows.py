# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows that ovs-vsctl lists."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import (
    Row,
    collect_dependents,
    drop_references,
    parse_tables,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import TABLES
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Uuid
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.listings import build, table


@pytest.mark.parametrize("count", [0, 1, len(TABLES) + 1])
def test_output_with_another_number_of_tables_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=r"tables"):
        parse_tables("\n".join(table() for _number in range(count)))


def test_configuration_omits_status_and_empty_columns() -> None:
    found = build().port("t1")
    assert found is not None
    assert found[1].interface.row.configuration == {
        "name": "t1",
        "mac": "02:00:00:00:00:0A",
        "mtu_request": 1400,
        "options": {"k": "v"},
    }
    assert found[1].row.configuration == {
        "name": "t1",
        "interfaces": Uuid("i2"),
        "tag": 7,
        "trunks": (3, 1),
        "protected": True,
        "qos": Uuid("q"),
    }


def test_a_tag_of_zero_and_a_false_are_configuration() -> None:
    assert Row("Port", "p", {"tag": 0, "protected": False}).configuration == {"tag": 0, "protected": False}


def test_ports_and_controllers_of_a_bridge_are_deleted_with_it_and_qos_is_not() -> None:
    whole = build()
    bridge = whole.bridge("int_br")
    assert bridge is not None
    rows = collect_dependents([bridge.row], whole.rows)
    assert rows[0] is bridge.row
    assert sorted(row.uuid for row in rows) == ["b", "c", "i1", "i2", "p1", "p2"]


def test_what_another_row_keeps_is_not_deleted() -> None:
    """Two bridges may have one sFlow, and a mirror does not keep its ports."""
    port = Row("Port", "p", {"name": "t1"})
    sflow = Row("sFlow", "s", {"agent": "eth0"})
    mirror = Row("Mirror", "m", {"name": "m", "select_src_port": Uuid("p")})
    bridges = [
        Row("Bridge", name, {"name": name, "sflow": Uuid("s"), **more})
        for name, more in (("b1", {"mirrors": Uuid("m")}), ("b2", {"ports": Uuid("p")}))
    ]
    rows = {row.uuid: row for row in (port, sflow, mirror, *bridges)}
    assert {row.uuid for row in collect_dependents(bridges[:1], rows)} == {"b1", "m"}
    assert {row.uuid for row in collect_dependents(bridges, rows)} == {"b1", "b2", "m", "s", "p"}


def test_references_are_dropped_from_columns_of_every_shape() -> None:
    row = Row(
        "QoS",
        "q",
        {"queues": {0: Uuid("w"), 1: Uuid("x")}, "one": Uuid("w"), "some": (Uuid("w"), Uuid("x")), "name": "w"},
    )
    assert drop_references(row, {"w"}).columns == {"queues": {1: Uuid("x")}, "one": (), "some": Uuid("x"), "name": "w"}
    assert drop_references(row, ()) == row

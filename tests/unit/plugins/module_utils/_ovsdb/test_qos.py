# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The quality of service that ports have."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.qos import Qos, find_qos, remove_owned_qos
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.removed_references import RemovedReferences
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.row_operations import DeleteRow, RemoveRow
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row, collect_dependents
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Uuid
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.qos_rows import QUEUE, switch


def test_a_row_is_declared() -> None:
    host, port = switch("p1")
    qos = find_qos(host, port)
    assert qos is not None
    assert (qos.is_shared, qos.owners) == (False, ("lab",))
    assert qos.declare(host) == {
        "type": "linux-htb",
        "max_rate": 9,
        "queues": [{"id": 0, "max_rate": 5}],
        "other_config": {"a": "b"},
    }
    assert find_qos(host, Port("p9")) is None


def test_the_queues_are_deleted_with_it() -> None:
    host, port = switch("p1")
    lines = [
        line
        for operation in remove_owned_qos(host, port, RemovedReferences(host.referrers))
        for line in operation.commands()
    ]
    assert lines == [
        "ovs-vsctl -- --if-exists remove QoS q queues 0 -- --if-exists destroy Queue w",
        "ovs-vsctl -- --if-exists remove Port p1 qos q -- --if-exists destroy QoS q",
    ]


def test_a_row_of_two_ports_or_without_an_owner_stays() -> None:
    host, port = switch("p1", "p2")
    assert remove_owned_qos(host, port, RemovedReferences(host.referrers)) == []
    qos = find_qos(host, port)
    assert qos is not None
    lines = [line for operation in qos.remove(host, RemovedReferences(host.referrers)) for line in operation.commands()]
    assert lines == ["ovs-vsctl -- --if-exists remove Port p1 qos q"]
    host, port = switch("p1", owner=False)
    assert remove_owned_qos(host, port, RemovedReferences(host.referrers)) == []


def test_a_row_is_deleted_with_the_last_of_its_ports() -> None:
    host, port = switch("p1", "p2")
    removed = RemovedReferences(host.referrers)
    assert remove_owned_qos(host, port, removed) == []
    last = host.bridges[0].ports[1]
    assert [line for operation in remove_owned_qos(host, last, removed) for line in operation.commands()] == [
        "ovs-vsctl -- --if-exists remove Port p1 qos q",
        "ovs-vsctl -- --if-exists remove QoS q queues 0 -- --if-exists destroy Queue w",
        "ovs-vsctl -- --if-exists remove Port p2 qos q -- --if-exists destroy QoS q",
    ]
    found = find_qos(host, last, removed)
    assert found is not None
    assert not found.is_shared


def test_a_queue_of_two_rows_is_deleted_with_the_last_of_them() -> None:
    rows = [Row("QoS", name, {"queues": {0: Uuid("w")}}) for name in ("q1", "q2")]
    host = Switch(rows={row.uuid: row for row in (QUEUE, *rows)})
    removed = RemovedReferences(host.referrers)
    first, last = (Qos("", row).remove(host, removed) for row in rows)
    assert first == [DeleteRow("QoS", "q1")]
    assert last == [RemoveRow("QoS", "q2", "queues", "w", 0, table="Queue"), DeleteRow("QoS", "q2")]


def test_a_port_that_is_deleted_leaves_the_row() -> None:
    host, port = switch("p1")
    assert collect_dependents([port.row], host.rows) == [port.row]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The quality of service that ports have."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.qos import find_qos, remove_owned_qos
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import collect_dependents
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Port
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.qos_rows import switch


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
    lines = [line for operation in remove_owned_qos(host, port) for line in operation.commands()]
    assert lines == [
        "ovs-vsctl -- --if-exists remove QoS q queues 0 -- --if-exists destroy Queue w",
        "ovs-vsctl -- --if-exists remove Port p1 qos q -- --if-exists destroy QoS q",
    ]


def test_a_row_of_two_ports_or_without_an_owner_stays() -> None:
    host, port = switch("p1", "p2")
    assert remove_owned_qos(host, port) == []
    qos = find_qos(host, port)
    assert qos is not None
    lines = [line for operation in qos.remove(host) for line in operation.commands()]
    assert lines == ["ovs-vsctl -- --if-exists remove Port p1 qos q"]
    assert remove_owned_qos(*switch("p1", owner=False)) == []


def test_a_port_that_is_deleted_leaves_the_row() -> None:
    host, port = switch("p1")
    assert collect_dependents([port.row], host.rows) == [port.row]

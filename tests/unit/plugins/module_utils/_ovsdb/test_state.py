# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The switch as it is put together from rows."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import parse_tables
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import (
    Bridge,
    Interface,
    Port,
    Switch,
    build_switch,
    find_owners,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import TABLES
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.listings import build, table


def test_the_bridge_and_its_ports_are_put_together() -> None:
    bridge = build().bridge("int_br")
    assert bridge is not None
    assert (bridge.datapath_type, bridge.fail_mode, bridge.protocols) == (
        "system",
        "secure",
        ("OpenFlow13", "OpenFlow14"),
    )
    assert [port.name for port in bridge.ports] == ["int_br", "t1"]
    assert bridge.owners == ("lab",)
    assert bridge.works
    assert bridge.local is not None
    assert bridge.local.type == "internal"


def test_a_port_has_the_values_of_its_rows() -> None:
    found = build().port("t1")
    assert found is not None
    port, interface = found[1], found[1].interface
    assert (found[0].name, port.tag, port.trunks, port.vlan_mode, port.protected) == ("int_br", 7, (1, 3), None, True)
    assert (interface.type, interface.works, interface.ifindex) == ("system", False, None)
    assert (interface.mac, interface.mtu_request, interface.options) == ("02:00:00:00:00:0a", 1400, {"k": "v"})
    assert "No such device" in interface.error


def test_an_unknown_name_is_none() -> None:
    assert build().bridge("x") is None
    assert build().port("x") is None
    assert build().port_with("x") is None


def test_an_unused_database_is_empty() -> None:
    empty = build_switch(parse_tables("\n".join(table() for _table in TABLES)))
    assert (empty.bridges, empty.interface_types) == ((), frozenset())


def test_owners_are_distinguished_from_other_keys() -> None:
    assert find_owners({"netns.fabric/b": "owner", "netns.fabric/a": "owner", "netns.fabric": "x"}) == ("a", "b")


def test_an_interrupted_repair_is_recognised() -> None:
    assert Interface("t1", type="patch", options={"peer": "netns.fabric.reopen.internal"}).reopening == "internal"
    assert Interface("t1", type="patch", options={"peer": "p2"}).reopening is None
    assert Interface("t1", type="system", options={"peer": "netns.fabric.reopen.internal"}).reopening is None


def test_without_a_bridge_and_a_port() -> None:
    ports = (Port("a"), Port("b"))
    switch = Switch((Bridge("one", ports=ports), Bridge("two")), running=True)
    assert switch.without((), ()) is switch
    assert switch.without({"two"}, {"a"}) == Switch((Bridge("one", ports=ports[1:]),), running=True)


def test_without_rows_what_is_deleted_with_them_and_references() -> None:
    whole = build()
    assert whole.port("t1") is not None
    left = whole.without((), {"t1"}, {"p2", "unknown"}, {("b", "c"), ("gone", "c")})
    assert whole.rows.keys() - left.rows.keys() == {"p2", "i2"}
    assert left.referrers("q") == left.referrers("c") == set()
    bridge = left.bridge("int_br")
    assert bridge is not None
    assert bridge.row is left.rows["b"]
    assert "controller" not in bridge.row.configuration

# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ovs-vsctl prints, read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import lost_taps, lost_vports
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import (
    TABLES,
    Attachments,
    Bridge,
    Interface,
    Port,
    Row,
    Switch,
    Uuid,
    elements,
    internal_ports_of,
    owners_in,
    switch_of,
    tables_of,
    value_of,
)

EMPTY: list[Any] = ["set", []]
NOTHING: list[Any] = ["map", []]


def ref(text: str) -> list[str]:
    return ["uuid", text]


def table(*rows: Mapping[str, Any]) -> str:
    headings = sorted({column for row in rows for column in row}) or ["_uuid"]
    data = [[row.get(column, EMPTY) for column in headings] for row in rows]
    return json.dumps({"headings": headings, "data": data})


# As ovs-vsctl 3.1.0 prints one bridge with a port of a veth, less the columns that nothing here turns on.
OUTPUT: Mapping[str, str] = {
    "Open_vSwitch": table(
        {
            "_uuid": ref("o"),
            "bridges": ref("b"),
            "iface_types": ["set", ["internal", "system", "patch"]],
            "external_ids": ["map", [["rundir", "/run/x"]]],
        }
    ),
    "Bridge": table(
        {
            "_uuid": ref("b"),
            "name": "int_br",
            "datapath_type": "",
            "datapath_id": "0000020000000001",
            "fail_mode": "secure",
            "protocols": ["set", ["OpenFlow14", "OpenFlow13"]],
            "ports": ["set", [ref("p2"), ref("p1")]],
            "controller": ref("c"),
            "external_ids": ["map", [["netns.fabric/lab", "owner"], ["a", "b"]]],
            "other_config": NOTHING,
        }
    ),
    "Port": table(
        {"_uuid": ref("p1"), "name": "int_br", "interfaces": ref("i1"), "trunks": EMPTY, "protected": False},
        {
            "_uuid": ref("p2"),
            "name": "t1",
            "interfaces": ref("i2"),
            "tag": 7,
            "trunks": ["set", [3, 1]],
            "protected": True,
            "qos": ref("q"),
            "bond_active_slave": EMPTY,
        },
    ),
    "Interface": table(
        {"_uuid": ref("i1"), "name": "int_br", "type": "internal", "ofport": 65534, "ifindex": 3, "error": EMPTY},
        {
            "_uuid": ref("i2"),
            "name": "t1",
            "type": "",
            "ofport": -1,
            "ifindex": EMPTY,
            "error": "could not open network device t1 (No such device)",
            "mac": "02:00:00:00:00:0A",
            "mac_in_use": EMPTY,
            "mtu_request": 1400,
            "options": ["map", [["k", "v"]]],
            "statistics": ["map", [["rx_bytes", 5]]],
        },
    ),
    "Controller": table({"_uuid": ref("c"), "target": "tcp:192.0.2.1:6653", "is_connected": True}),
}


def output() -> str:
    return "\n".join(OUTPUT.get(name, table()) for name in TABLES) + "\n"


def switch() -> Switch:
    return switch_of(tables_of(output()))


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (["set", []], ()),
        ("x", "x"),
        (7, 7),
        (True, True),
        (["set", [1, 2]], (1, 2)),
        (["uuid", "u"], Uuid("u")),
        (["set", [["uuid", "u"], ["uuid", "v"]]], (Uuid("u"), Uuid("v"))),
        (["map", [["a", "1"], ["b", ["uuid", "u"]]]], {"a": "1", "b": Uuid("u")}),
        (["map", []], {}),
    ],
)
def test_a_value_is_read(cell: Any, value: Any) -> None:
    assert value_of(cell) == value


def test_a_cell_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not a value"):
        value_of(["named-uuid", "x"])


def test_a_set_of_one_is_its_element() -> None:
    assert (elements(()), elements(5), elements((5, 6))) == ((), (5,), (5, 6))


def test_the_bridge_and_its_ports_are_put_together() -> None:
    bridge = switch().bridge("int_br")
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


def test_the_port_has_what_its_rows_say() -> None:
    found = switch().port("t1")
    assert found is not None
    port, interface = found[1], found[1].interface
    assert (found[0].name, port.tag, port.trunks, port.vlan_mode, port.protected) == ("int_br", 7, (1, 3), None, True)
    assert (interface.type, interface.works, interface.ifindex) == ("system", False, None)
    assert (interface.mac, interface.mtu_request, interface.options) == ("02:00:00:00:00:0a", 1400, {"k": "v"})
    assert "No such device" in interface.error


def test_what_is_not_there_is_none() -> None:
    assert switch().bridge("x") is None
    assert switch().port("x") is None
    assert switch().port_with("x") is None


def test_a_database_that_was_never_used_is_empty() -> None:
    empty = switch_of(tables_of("\n".join(table() for _name in TABLES)))
    assert (empty.bridges, empty.interface_types) == ((), frozenset())


@pytest.mark.parametrize("count", [0, 1, len(TABLES) + 1])
def test_output_with_another_number_of_tables_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=r"tables"):
        tables_of("\n".join(table() for _number in range(count)))


def test_configuration_leaves_out_what_is_reported_and_what_is_empty() -> None:
    found = switch().port("t1")
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


def test_a_bridge_takes_its_ports_and_controllers_along_and_no_qos() -> None:
    whole = switch()
    bridge = whole.bridge("int_br")
    assert bridge is not None
    rows = whole.with_all_it_takes_along([bridge.row])
    assert rows[0] is bridge.row
    assert sorted(row.uuid for row in rows) == ["b", "c", "i1", "i2", "p1", "p2"]


def test_owners_are_told_from_other_keys() -> None:
    assert owners_in({"netns.fabric/b": "owner", "netns.fabric/a": "owner", "netns.fabric": "x"}) == ("a", "b")


def test_an_interrupted_repair_is_recognised() -> None:
    assert Interface("t1", type="patch", options={"peer": "netns.fabric.reopen.internal"}).reopening == "internal"
    assert Interface("t1", type="patch", options={"peer": "p2"}).reopening is None
    assert Interface("t1", type="system", options={"peer": "netns.fabric.reopen.internal"}).reopening is None


DATAPATHS = """\
netdev@ovs-netdev:
  lookups: hit:0 missed:2 lost:0
  flows: 0
  port 0: ovs-netdev (tap)
  port 1: u1 (internal)
system@ovs-system:
  lookups: hit:18 missed:34 lost:0
  masks: hit:121 total:4 hit/pkt:2.33
  caches:
    masks-cache: size:256
  port 0: ovs-system (internal)
  port 1: A (internal)
  port 3: t1
  port 6: i1 (internal)
"""


def test_internal_ports_are_those_of_the_kernels_datapath() -> None:
    assert internal_ports_of(DATAPATHS) == {"ovs-system", "A", "i1"}
    assert internal_ports_of("") == frozenset()


def internal(name: str, **attributes: Any) -> Port:
    return Port(name, (Interface(name, type="internal", ofport=1, **attributes),))


USERSPACE = Switch((Bridge("br", "netdev", ports=(internal("br"), internal("i1"), internal("i2"))),))


@pytest.mark.parametrize(
    ("taps", "lost"),
    [
        (None, set()),
        ({"ovs-netdev", "br", "i1", "i2"}, set()),
        ({"ovs-netdev", "br", "i1"}, {"i2"}),
        (set(), {"br", "i1", "i2"}),
        # One that was renamed within its namespace may be any that is missing.
        ({"br", "i1", "eth0"}, set()),
    ],
)
def test_a_tap_that_is_held_by_nobody_is_lost(taps: set[str] | None, lost: set[str]) -> None:
    held = None if taps is None else frozenset(taps)
    assert lost_taps(USERSPACE, Attachments(taps=held)) == lost
    assert lost_vports(USERSPACE, Attachments(taps=held)) == frozenset()


def test_a_vport_that_the_kernel_does_not_list_is_lost() -> None:
    switch = Switch((Bridge("br", "system", ports=(internal("br"), internal("i1"))),))
    assert lost_vports(switch, Attachments(vports=frozenset({"ovs-system", "br"}))) == {"i1"}
    assert lost_vports(switch, Attachments()) == frozenset()


def test_what_never_worked_is_not_lost() -> None:
    port = Port("i1", (Interface("i1", type="internal", ofport=-1),))
    switch = Switch((Bridge("br", "netdev", ports=(port,)),))
    assert lost_taps(switch, Attachments(taps=frozenset())) == frozenset()


def test_without_a_bridge_and_a_port() -> None:
    ports = (Port("a"), Port("b"))
    switch = Switch((Bridge("one", ports=ports), Bridge("two")), running=True)
    assert switch.without((), ()) is switch
    assert switch.without({"two"}, {"a"}) == Switch((Bridge("one", ports=ports[1:]),), running=True)

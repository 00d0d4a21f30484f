# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ovs-vsctl lists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import parse_tables
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch, build_switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import TABLES

EMPTY: list[Any] = ["set", []]
NOTHING: list[Any] = ["map", []]


def ref(text: str) -> list[str]:
    return ["uuid", text]


def table(*rows: Mapping[str, Any]) -> str:
    headings = sorted({column for row in rows for column in row}) or ["_uuid"]
    data = [[row.get(column, EMPTY) for column in headings] for row in rows]
    return json.dumps({"headings": headings, "data": data})


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
    """Return the whole output of ovs-vsctl."""
    return "\n".join(OUTPUT.get(each.name, table()) for each in TABLES) + "\n"


def build() -> Switch:
    """Return the switch of OUTPUT."""
    return build_switch(parse_tables(output()))

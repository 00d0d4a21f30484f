# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mirrors that a bridge has."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.mirrors import find_mirrors
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Uuid, Value

COLUMNS: dict[str, Value] = {
    "name": "m",
    "select_src_port": (Uuid("p2"), Uuid("p1")),
    "output_port": Uuid("p3"),
    "select_vlan": (5, 6, 7),
    "external_ids": {"netns.fabric/lab": "owner"},
}
ROW = Row("Mirror", "m1", COLUMNS)
PORTS = tuple(Port(name, row=Row("Port", name)) for name in ("p1", "p2", "p3"))
BRIDGE = Bridge("br", ports=PORTS, row=Row("Bridge", "b", {"mirrors": (Uuid("m1"), Uuid("gone"))}))


def test_a_mirror_is_found_with_the_names_of_its_ports() -> None:
    (mirror,) = find_mirrors(Switch((BRIDGE,), rows={"m1": ROW}), BRIDGE)
    assert (mirror.bridge, mirror.name, mirror.owners) == ("br", "m", ("lab",))
    assert mirror.declare() == {
        "select_vlans": ["5-7"],
        "select_src_ports": ["p1", "p2"],
        "output_port": "p3",
    }
    described = mirror.describe()
    assert (described["select_dst_ports"], described["select_all"], described["output_vlan"]) == ([], False, None)

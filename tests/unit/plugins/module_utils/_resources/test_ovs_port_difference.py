# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The differences between a port and what is wanted of it."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Interface, Port
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_difference import PortDifference
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.ovs_ports import wanted


def test_options_go_to_their_tables() -> None:
    options = {"bond_updelay": 5, "lacp_time": "fast", "external_ids": {"a": "b"}, "interface_external_ids": {"c": "d"}}
    entry = wanted(**options, interface_other_config={"e": None}, iface_id="lsp", ingress_policing_rate=7, mtu=1400)
    difference = PortDifference()
    difference.compare(entry, Port("t1"))
    found = difference.compare_interface(entry, Interface("t1", other_config={"e": "f"}), "system")
    assert difference.port.columns.values == {"bond_updelay": 5}
    assert difference.port.columns.keys == (("other_config", "lacp-time", "fast"), ("external_ids", "a", "b"))
    assert found.columns.values == {"mtu_request": 1400, "ingress_policing_rate": 7}
    assert found.columns.keys == (
        ("external_ids", "iface-id", "lsp"),
        ("external_ids", "c", "d"),
        ("other_config", "e", None),
    )
    assert difference.after["interface_other_config"] == {"e": None}
    assert difference.before["ingress_policing_rate"] == 0


def test_what_is_as_wanted_is_left_alone() -> None:
    row = Row("Port", "u", {"cvlans": (3, 4, 5), "lacp": "active"})
    difference = PortDifference()
    difference.compare(wanted(cvlans=["3-5"], lacp="active"), Port("t1", row=row))
    assert not difference.after


def test_what_is_omitted_is_cleared() -> None:
    difference = PortDifference()
    difference.clear_omitted(wanted(), Port("t1", tag=5, protected=True))
    assert difference.after == {"tag": None, "protected": False}

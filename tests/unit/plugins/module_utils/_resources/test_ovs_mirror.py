# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How mirrors are converged."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Uuid, Value
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_mirror import MirrorResource


def switch(*owners: str, **columns: Value) -> Switch:
    marks: Value = {f"netns.fabric/{owner}": "owner" for owner in owners}
    row = Row("Mirror", "m1", {"name": "m", "external_ids": marks, **columns})
    ports = tuple(Port(name, row=Row("Port", name)) for name in ("a", "b"))
    other = Bridge("other", ports=(Port("c", row=Row("Port", "c")),))
    bridge = Bridge("br", ports=ports, row=Row("Bridge", "b", {"mirrors": Uuid("m1")}))
    return Switch((bridge, other), rows={"m1": row})


def plan(actual: Switch, *entries: dict[str, Any], **call: Any) -> Plan:
    resource = MirrorResource()
    given = ({"name": "m", "bridge": "br", "state": "present", **entry} for entry in entries)
    return resource.plan(actual, Call(tuple(resource.desired(Entry(each["name"]), each) for each in given), **call))


def test_a_new_mirror_refers_to_ports_by_name() -> None:
    entry = {"name": "n", "select_src_ports": ["b", "a"], "output_port": "b", "snaplen": 60}
    result = plan(switch(), entry, owner="lab")
    (command,) = result.commands
    assert "get Port a" in command
    assert command.endswith("-- add Bridge br mirrors @Mirror_br_n")
    assert result.changes[0].after == {
        "bridge": "br",
        "select_src_ports": ["a", "b"],
        "output_port": ["b"],
        "snaplen": 60,
        "owners": ["lab"],
    }


def test_one_output_excludes_the_other() -> None:
    result = plan(switch(output_port=Uuid("a")), {"output_vlan": 5})
    assert result.commands == ["ovs-vsctl set Mirror m1 output_vlan=5 'output_port=[]'"]
    result = plan(switch(output_vlan=5), {"output_port": "a"})
    assert result.changes[0].before == {"output_vlan": 5, "output_port": []}
    assert "output_vlan=[]" in result.commands[0]


def test_what_is_omitted_is_untouched() -> None:
    assert not plan(switch(output_port=Uuid("a"), select_all=True), {}).changed


def test_an_exact_call_removes_what_is_omitted() -> None:
    found: dict[str, Any] = {"output_port": Uuid("a"), "select_all": True, "snaplen": 60, "select_src_port": Uuid("b")}
    call: dict[str, Any] = {"owner": "lab", "options": {"exact": True}}
    result = plan(switch("lab", **found), {"output_vlan": 5, "select_vlans": [7]}, **call)
    assert result.changes[0].after == {
        "select_all": False,
        "select_vlans": [7],
        "output_vlan": 5,
        "snaplen": None,
        "select_src_ports": [],
        "output_port": [],
    }
    # A mirror without an owner is somebody else's.
    assert not plan(switch(**found), {}, **call).changed
    assert not plan(switch(output_port=Uuid("a")), {"output_port": "a"}, owner="lab").changed


def test_owners_share_a_mirror() -> None:
    assert plan(switch("lab"), {}, owner="other").changes[0].after == {"owners": ["lab", "other"]}
    result = plan(switch("lab", "other"), {"state": "absent"}, owner="lab")
    assert result.commands == ["ovs-vsctl remove Mirror m1 external_ids '\"netns.fabric/lab\"'"]
    result = plan(switch("lab"), {"name": "n", "state": "absent"}, owner="lab", prune=True)
    assert result.commands == ["ovs-vsctl -- --if-exists remove Bridge br mirrors m1"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": ""}, "name: a mirror must have a name"),
        ({"bridge": ""}, "bridge: it is required"),
        ({"name": "n", "output_port": "a"}, "select_all: a mirror that selects nothing"),
        ({"name": "n", "select_all": True}, "output_port: it is required"),
        ({"output_port": "a", "output_vlan": 5}, "output_vlan: packets go to a port or to a VLAN"),
        ({"output_port": "c"}, "output_port: the port c is on the bridge other"),
        ({"output_port": "z"}, "output_port: the port z does not exist"),
        ({"bridge": "z", "select_all": True, "output_vlan": 5}, "bridge: the bridge z does not exist"),
    ],
)
def test_an_impossible_mirror_is_refused(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(FabricError, match=message):
        plan(switch(), entry)


def test_check_mode_assumes_bridge_and_port() -> None:
    entry = {"bridge": "z", "select_all": True, "output_port": "y"}
    assert plan(switch(), entry, check_mode=True).assumed == ("bridge z", "port y")

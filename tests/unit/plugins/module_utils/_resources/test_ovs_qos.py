# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the quality of service of ports is converged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_qos import QosResource
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.qos_rows import switch


def plan(
    *entries: dict[str, Any],
    ports: tuple[str, ...] = ("p1",),
    owned: bool = True,
    actual: Switch | None = None,
    **call: Any,
) -> Plan:
    resource = QosResource()
    given = ({"port": "p1", "state": "present", **entry} for entry in entries)
    actual = actual or switch(*ports, owner=owned)[0]
    return resource.plan(actual, Call(tuple(resource.desired(Entry(each["port"]), each) for each in given), **call))


def test_a_row_is_changed_in_place_with_its_queues() -> None:
    result = plan({"max_rate": 7, "queues": [{"id": 0, "max_rate": 6}, {"id": 1}]})
    assert result.commands == [
        "ovs-vsctl set QoS q 'other_config:max-rate=\"7\"'",
        "ovs-vsctl set Queue w 'other_config:max-rate=\"6\"'",
        ("ovs-vsctl -- --id=@Queue_q_1 create Queue 'external_ids={}' -- add QoS q queues 1=@Queue_q_1"),
    ]
    assert not plan({"type": "linux-htb", "max_rate": 9, "queues": [{"id": 0, "max_rate": 5}]}).changed


def test_a_port_that_shares_a_row_gets_one_of_its_own() -> None:
    result = plan({"type": "linux-htb"}, ports=("p1", "p2"), owner="lab")
    assert result.commands[0].endswith("-- set Port p1 qos=@QoS_p1")
    assert result.changes[0].after == {"type": "linux-htb", "owners": ["lab"]}


def test_owners_release_what_is_theirs() -> None:
    result = plan({"state": "absent"}, owner="lab")
    assert [line.split()[-2:] for line in result.commands] == [["Queue", "w"], ["QoS", "q"]]
    assert plan({"state": "absent"}, owner="lab", owned=False).notes != ()
    assert len(plan({"port": "p2", "state": "absent"}, owner="lab", prune=True).commands) == 2
    assert plan({}, owner="other").changes[0].after == {"owners": ["lab", "other"]}


DESTROYED = [["Queue", "w"], ["QoS", "q"]]


@pytest.mark.parametrize("call", [{}, {"check_mode": True}, {"owner": "lab"}, {"owner": "lab", "prune": True}])
def test_a_shared_row_is_deleted_with_its_last_port(call: dict[str, Any]) -> None:
    absent = [{"port": port, "state": "absent"} for port in ("p1", "p2")]
    for entries in (absent, absent[1:], absent[:1], []) if "prune" in call else (absent,):
        result = plan(*entries, ports=("p1", "p2"), **call)
        assert [line.split()[-2:] for line in result.commands if "destroy" in line] == DESTROYED
        assert len(result.commands) == 3
    if "prune" not in call:
        assert not any("destroy" in line for line in plan(absent[0], ports=("p1", "p2"), **call).commands)


def test_a_row_that_another_owner_owns_as_well_stays_with_both_ports() -> None:
    actual, _port = switch("p1", "p2")
    marks: Value = {"netns.fabric/lab": "owner", "netns.fabric/ops": "owner"}
    row = replace(actual.rows["q"], columns={**actual.rows["q"].columns, "external_ids": marks})
    shared = replace(actual, rows={**actual.rows, "q": row})
    absent = [{"port": port, "state": "absent"} for port in ("p1", "p2")]
    commands = plan(*absent, actual=shared, owner="lab").commands
    assert not any("destroy" in line or "remove Port" in line for line in commands)


def test_a_shared_row_is_changed_in_place_for_the_port_that_keeps_it() -> None:
    both = [{"port": port, "type": "linux-htb", "max_rate": 7} for port in ("p1", "p2")]
    commands = plan(*both, ports=("p1", "p2")).commands
    assert len(commands) == 2
    assert commands[0].endswith("-- set Port p1 qos=@QoS_p1")
    assert commands[1] == "ovs-vsctl set QoS q 'other_config:max-rate=\"7\"'"
    gone = {"port": "p1", "state": "absent"}
    assert plan(gone, both[1], ports=("p1", "p2")).commands == [
        "ovs-vsctl -- --if-exists remove Port p1 qos q",
        commands[1],
    ]
    # In the other order the row has no port at the end.
    last = plan(both[1], gone, ports=("p1", "p2")).commands
    assert [line.split()[-2:] for line in last if "destroy" in line] == DESTROYED


def test_an_exact_call_removes_what_is_omitted() -> None:
    exact: dict[str, Any] = {"options": {"exact": True}}
    result = plan({"type": "linux-htb"}, **exact)
    assert result.changes[0].after == {"max_rate": None, "queues": []}
    # A row that the owner does not own is somebody else's.
    assert plan({"type": "linux-htb"}, owner="lab", owned=False, **exact).commands == []


def test_a_row_whose_port_is_gone_is_pruned() -> None:
    left = plan(ports=(), owner="lab", prune=True)
    assert [line.split()[-2:] for line in left.commands] == [["Queue", "w"], ["QoS", "q"]]
    assert "remove Port" not in left.commands[-1]
    for call in ({"owner": "other", "prune": True}, {"owner": "lab"}):
        assert plan(ports=(), **call).commands == []


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"port": "z", "type": "linux-htb"}, "port: the port z does not exist"),
        ({"queues": [{"id": -1}]}, r"queues\[0\].id: -1"),
        ({"other_config": {"max-rate": 1}}, "other_config: use the option `max_rate`"),
    ],
)
def test_wrong_entries_are_refused(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(FabricError, match=message):
        plan(entry)


def test_a_new_row_needs_a_type() -> None:
    with pytest.raises(FabricError, match="type: p1 has no quality of service of its own yet"):
        plan({}, ports=("p1", "p2"))

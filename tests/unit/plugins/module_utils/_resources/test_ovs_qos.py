# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the quality of service of ports is converged."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_qos import QosResource
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.qos_rows import switch


def plan(*entries: dict[str, Any], ports: tuple[str, ...] = ("p1",), owned: bool = True, **call: Any) -> Plan:
    resource = QosResource()
    given = ({"port": "p1", "state": "present", **entry} for entry in entries)
    actual, _port = switch(*ports, owner=owned)
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

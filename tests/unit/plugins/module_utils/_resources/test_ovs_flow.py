# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flows of bridges."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import Flow, FlowDifference, SetFlows
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_flow import (
    FlowResource,
    FlowState,
    WantedFlows,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ABridge, APort

PORTS = (Port("br", (Interface("br", ofport=65534),)), Port("a", (Interface("a", ofport=1),)))
SWITCH = Switch((Bridge("br", ports=PORTS),))
NUMBERS = {"br": {"br": 65534, "a": 1}}
OURS = Flow("ip", "ip actions=drop")


def parse(**options: Any) -> WantedFlows:
    return FlowResource().desired(Entry("br"), {"bridge": "br", "state": "present", "flows": None, **options})


def plan(
    state: FlowState, *flows: str, present: bool = True, prune: bool = False, ensured: Collection[object] | None = None
) -> Plan:
    call = Call(
        (WantedFlows(Entry("br"), present, "br", flows),),
        owner="lab",
        prune=prune,
        ensured=None if ensured is None else frozenset(ensured),
    )
    return FlowResource().plan(state, call)


def only(planned: Plan) -> SetFlows:
    [(_entry, operation)] = planned.operations
    assert isinstance(operation, SetFlows)
    return operation


def test_flows_are_parsed() -> None:
    assert parse(flows=["ip,  actions=drop"]).flows == ("ip, actions=drop",)
    assert parse(flows=[]).flows == ()
    with pytest.raises(InvalidEntries, match=r"flows: is required"):
        parse()
    with pytest.raises(InvalidEntries, match=r"flows\[0\]: it has no actions"):
        parse(flows=["ip"])


def test_what_differs_is_changed_as_the_user_has_written_it() -> None:
    same = FlowState(SWITCH, {"br": FlowDifference({0: "in_port=1"})}, NUMBERS)
    assert not plan(same, "in_port=a,actions=drop").changed
    state = FlowState(SWITCH, {"br": FlowDifference({0: "in_port=1"}, removed=(OURS,), missing=(0,))}, NUMBERS)
    change = only(plan(state, "in_port=a,actions=drop"))
    assert (change.removed, change.added) == ((OURS,), (Flow("in_port=1", "in_port=a,actions=drop"),))


def test_all_that_is_wrong_is_reported_at_once() -> None:
    found = FlowDifference({1: "ip", 2: "arp"}, missing=(1, 2), foreign=(OURS,))
    with pytest.raises(InvalidEntries) as caught:
        plan(FlowState(SWITCH, {"br": found}, NUMBERS), "arp,actions=1", "ip,actions=1", "arp,actions=2", "in_port=b,x")
    assert [str(error).partition(";")[0].partition(" (")[0] for error in caught.value.errors] == [
        "br: flows[1]: the bridge has a flow of somebody else with the same match",
        "br: flows[0]: a later one has the same table, priority and match, and replaces it",
        "br: flows[3]: the bridge has no port b",
    ]
    with pytest.raises(InvalidEntries, match=r"flows\[1\]: ovs-ofctl does not understand it: unknown keyword x"):
        plan(FlowState(SWITCH, {"br": FlowDifference(errors=((1, "unknown keyword x"),))}, NUMBERS), "a", "x")


def test_a_flow_waits_for_a_port_of_an_earlier_step() -> None:
    new = FlowState(Switch(), {"br": FlowDifference()}, {"br": {}})
    change = only(plan(new, "in_port=b,actions=drop", ensured=[ABridge("br"), APort("b")]))
    assert change.added == (Flow("", "in_port=b,actions=drop"),)
    with pytest.raises(InvalidEntries, match="the bridge br does not exist"):
        plan(new, "in_port=b,actions=drop")


@pytest.mark.parametrize(
    ("bridge", "message"),
    [
        (Bridge("br"), "ovs-vswitchd has not set up the bridge br"),
        (Bridge("br", ports=PORTS, protocols=("OpenFlow10",)), "has the `protocols` OpenFlow10"),
    ],
)
def test_a_bridge_that_cannot_have_flows_is_refused(bridge: Bridge, message: str) -> None:
    state = FlowState(Switch((bridge,)), {"br": FlowDifference({0: ""}, missing=(0,))}, {"br": {}})
    with pytest.raises(InvalidEntries, match=message):
        plan(state, "actions=drop")
    assert plan(state, "actions=drop", ensured=[ABridge("br")]).changed


def test_the_flows_of_the_owner_are_removed() -> None:
    state = FlowState(SWITCH, owned={"br": [OURS], "b2": [OURS]})
    for planned in (plan(state), plan(state, present=False)):
        assert only(planned).removed == (OURS,)
    assert [change.target for change in plan(state, prune=True).changes] == ["flows br", "flows b2"]

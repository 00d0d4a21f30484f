# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The declared OpenFlow rules of bridges."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.differences import Difference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import Flow, FlowDifference, SetFlows
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_bridge_flows import (
    parse_flows,
    plan_flows,
    plan_removal,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_bridge_model import WantedBridge

SWITCH = Switch((Bridge("br", ports=(Port("a", (Interface("a", ofport=1),)),)),))
OURS, MISSING = Flow("ip", "ip actions=drop"), Flow("arp", "arp actions=drop")


def parse(*flows: str, protocols: Sequence[str] | None = None) -> tuple[str, ...] | None:
    checks = Checks(Entry("br"))
    found = parse_flows(checks, flows, protocols)
    checks.done()
    return found


def plan(
    found: FlowDifference | None, *flows: str, changed: str = "", assumed: list[str] | None = None
) -> list[SetFlows]:
    def require(entry: Entry, option: str, name: str) -> None:
        if assumed is None:
            raise InvalidEntry(entry, option, f"no port {name}")
        assumed.append(name)

    difference = Difference(after={changed: True} if changed else {})
    wanted = WantedBridge(Entry("br"), True, "br", flows=flows)
    return plan_flows(SWITCH, wanted, found, "lab", difference, require)


def test_flows_are_parsed() -> None:
    assert parse("ip,  actions=drop") == ("ip, actions=drop",)
    assert parse_flows(Checks(Entry("br")), None, None) is None
    assert parse("actions=drop", protocols=["OpenFlow13"]) == ("actions=drop",)


@pytest.mark.parametrize(
    ("flow", "message"),
    [("ip", r"flows\[0\]: it has no actions"), ("cookie=5,actions=drop", r"flows\[0\]: the cookie shows")],
)
def test_wrong_flows_are_refused(flow: str, message: str) -> None:
    with pytest.raises(InvalidEntries, match=message):
        parse(flow)
    with pytest.raises(InvalidEntries, match="flows: they are changed as a whole"):
        parse("actions=drop", protocols=["OpenFlow10"])


def test_what_differs_is_changed() -> None:
    assert plan(FlowDifference(), "in_port=a,actions=drop") == []
    (change,) = plan(FlowDifference(removed=(OURS,), added=(MISSING,), wanted=(MISSING,)), "arp,actions=drop")
    assert (change.removed, change.added) == ((OURS,), (MISSING,))


def test_all_flows_are_added_again_where_they_are_lost() -> None:
    (change,) = plan(FlowDifference(wanted=(MISSING,)), "arp,actions=drop", changed="fail_mode")
    assert change.added == (MISSING,)


def test_errors_name_the_flow() -> None:
    with pytest.raises(InvalidEntry, match=r"flows\[1\]: ovs-ofctl does not understand it: unknown keyword x"):
        plan(FlowDifference(error="unknown keyword x", line=1), "actions=drop", "x,actions=drop")
    with pytest.raises(InvalidEntry, match=r"flows: the bridge has a flow of somebody else .*\(ip actions=drop\)"):
        plan(FlowDifference(added=(OURS,), foreign=(OURS,)), "ip,actions=drop")
    with pytest.raises(InvalidEntry, match=r"flows\[0\]: no port b"):
        plan(FlowDifference(), "in_port=b,actions=drop")


def test_a_flow_of_a_port_that_is_assumed_is_added() -> None:
    assumed: list[str] = []
    (change,) = plan(FlowDifference(), "in_port=b,actions=drop", assumed=assumed)
    assert assumed == ["b"]
    assert change.added[0].text.endswith(",in_port=b,actions=drop")


def test_the_flows_of_an_owner_are_removed() -> None:
    difference = Difference()
    (change,) = plan_removal("br", FlowDifference(removed=(OURS,)), "lab", difference)
    assert (change.removed, change.added) == ((OURS,), ())
    assert difference.after == {"flows": []}
    assert plan_removal("br", None, "lab", difference) == []

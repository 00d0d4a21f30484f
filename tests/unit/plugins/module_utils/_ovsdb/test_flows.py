# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The OpenFlow rules of a bridge."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import (
    Flow,
    FlowDifference,
    SetFlows,
    cookie_of,
    parse_difference,
    parse_error,
    port_names,
    with_numbers,
)

MINE = cookie_of("lab")
DIFFERENCE = f"""\
-priority=10,ip,in_port=1 cookie=0x5 actions=drop
+priority=10,ip,in_port=1 cookie={MINE:#x} actions=drop
-priority=0 actions=NORMAL
-table=1  actions=resubmit(,2)
-table=2 priority=7 cookie={MINE:#x} idle_timeout=5 actions=output:1
+table=3 priority=12,ip cookie={MINE:#x} idle_timeout=5 actions=output:1,NORMAL
"""


def test_each_owner_has_a_cookie() -> None:
    assert cookie_of(None) == cookie_of("")
    assert len({cookie_of(owner) for owner in (None, "lab", "other")}) == 3
    assert MINE >> 32 == 0x6E65746E


@pytest.mark.parametrize(
    ("flow", "names"),
    [
        ("in_port=red-tap,actions=output:blue-tap,normal", ["red-tap", "blue-tap"]),
        ('in_port="a b",actions=output(port=c,max_len=5)', ["a b", "c"]),
        ("in_port=1,actions=output:LOCAL,output:in_port,output:0x2", []),
        ("actions=output:NXM_NX_REG0[0..15],output:reg1[]", []),
    ],
)
def test_names_of_ports_are_found(flow: str, names: list[str]) -> None:
    assert port_names(flow) == names


def test_names_are_replaced_by_numbers() -> None:
    flow = "in_port=a,actions=output:b,output:LOCAL"
    assert with_numbers(flow, {"a": 1, "b": 2}) == "in_port=1,actions=output:2,output:LOCAL"


def test_a_difference_is_parsed() -> None:
    found = parse_difference(DIFFERENCE, MINE)
    assert [flow.match for flow in found.removed] == ["table=2,priority=7"]
    assert [flow.match for flow in found.added] == ["priority=10,ip,in_port=1", "table=3,priority=12,ip"]
    assert [flow.match for flow in found.foreign] == ["priority=10,ip,in_port=1"]
    assert found.added[1].text == f"table=3 priority=12,ip cookie={MINE:#x} idle_timeout=5 actions=output:1,NORMAL"
    assert parse_difference("", MINE) == FlowDifference()


def test_an_error_names_the_flow() -> None:
    found = parse_error("ovs-ofctl: /dev/stdin:2: unknown keyword tp_foo\n")
    assert (found.error, found.line) == ("unknown keyword tp_foo", 1)
    assert parse_error("ovs-ofctl: br0: failed to connect to socket").error == "br0: failed to connect to socket"
    assert parse_error("something else").error == "something else"


def test_flows_are_changed_as_a_whole_and_back() -> None:
    old, new = Flow("table=2,priority=7", "table=2 priority=7 actions=drop"), Flow("", "actions=drop")
    change = SetFlows("br", MINE, (old,), (new,))
    assert change.lines == [f"delete_strict cookie={MINE:#x}/-1,table=2,priority=7", "add actions=drop"]
    assert change.undo().lines == [f"delete_strict cookie={MINE:#x}/-1", "add table=2 priority=7 actions=drop"]
    (command,) = change.commands()
    assert command.endswith("| ovs-ofctl -O OpenFlow13,OpenFlow14,OpenFlow15 --bundle add-flows br -")

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flows of a bridge."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import (
    Flow,
    FlowDifference,
    SetFlows,
    cookie_of,
    find_flow_errors,
    parse_difference,
    parse_dump,
    parse_error,
    parse_matches,
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


def test_the_matches_of_wanted_flows_are_known_by_their_numbers() -> None:
    lines = (
        " cookie=0x3 actions=drop",
        "priority=100,ip,in_port=1 actions=1",
        "table=3 priority=8 cookie=0x2 actions=1",
    )
    assert parse_matches("".join(f"+{line}\n" for line in lines)) == {
        3: "",
        0: "priority=100,ip,in_port=1",
        2: "table=3,priority=8",
    }


def test_a_difference_is_parsed() -> None:
    matches = {0: "priority=10,ip,in_port=1", 1: "priority=5", 2: "table=3,priority=12,ip"}
    found = parse_difference(DIFFERENCE, MINE, matches)
    assert found.removed == (Flow("table=2,priority=7", "table=2,priority=7,idle_timeout=5 actions=output:1"),)
    assert found.missing == (0, 2)
    assert [flow.match for flow in found.foreign] == ["priority=10,ip,in_port=1"]
    assert parse_difference("", MINE, {}) == FlowDifference()


def test_a_dump_is_parsed() -> None:
    text = " cookie=0x2, table=3, idle_timeout=5, priority=8,tcp actions=output:i1\n cookie=0x3, actions=drop\nNXST:\n"
    assert parse_dump(text) == [
        (2, Flow("table=3,priority=8,tcp", "table=3,priority=8,tcp,idle_timeout=5 actions=output:i1")),
        (3, Flow("", "actions=drop")),
    ]


def test_what_is_wrong_with_flows_is_found() -> None:
    assert [number for number, _message in find_flow_errors(["ip", "actions=drop", "cookie=5,actions=drop"])] == [0, 2]


def test_an_error_names_the_flow() -> None:
    assert parse_error("ovs-ofctl: /dev/stdin:2: unknown keyword tp_foo\n") == (1, "unknown keyword tp_foo")
    assert parse_error("ovs-ofctl: br0: failed to connect to socket") == (None, "br0: failed to connect to socket")
    assert parse_error("something else") == (None, "something else")


def test_flows_are_changed_as_a_whole_and_back() -> None:
    old, new = Flow("table=2,priority=7", "table=2,priority=7 actions=drop"), Flow("", "actions=drop")
    change, cookie = SetFlows("br", MINE, (old,), (new,)), f"cookie={MINE:#x}"
    assert change.lines == [f"delete_strict {cookie}/-1,table=2,priority=7", f"add {cookie},actions=drop"]
    assert change.undo().lines == [f"delete_strict {cookie}/-1", f"add {cookie},table=2,priority=7 actions=drop"]
    (command,) = change.commands()
    assert command.endswith("| ovs-ofctl -O OpenFlow13,OpenFlow14,OpenFlow15 --bundle add-flows br -")

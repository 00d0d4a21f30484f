# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several modules in one call: how their steps are parsed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._entry import sequence
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES

ROLE = Path(__file__).parents[5] / "roles" / "topology"


def step(module: str, **options: Any) -> dict[str, Any]:
    return {"module": module, "options": options}


def test_a_step_is_a_call_of_its_module() -> None:
    given = step("netns", namespaces=[{"name": "red"}], owner="lab", prune="yes")
    [parsed], probes = sequence._parse_steps([given], [], True)
    name, call = parsed.module, parsed.call
    assert probes == []
    assert (name, call.owner, call.prune, call.check_mode) == ("netns", "lab", True, True)
    assert [(entry.name, entry.present, entry.force) for entry in call.entries] == [("red", True, False)]


def test_the_single_form_is_a_step_too() -> None:
    given = step("route", destination="default", gateway="192.0.2.1")
    [parsed], _probes = sequence._parse_steps([given], [], False)
    assert [route.destination for route in parsed.call.entries] == ["0.0.0.0/0"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"namespaces": [{"name": "red", "colour": "red"}]}, "colour"),
        ({"namespaces": [{}]}, "name"),
        ({"namespaces": [], "name": "red"}, "mutually exclusive"),
        ({}, "one of the following is required"),
        ({"namespaces": [{"name": "a/b"}]}, "namespaces[0] (a/b): name: "),
        ({"namespaces": [], "prune": True}, "owner"),
    ],
)
def test_an_error_names_the_module(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidEntries) as caught:
        sequence._parse_steps([step("netns", **options)], [], False)
    assert str(caught.value).startswith("netns.fabric.netns: ")
    assert message in str(caught.value)


def test_all_errors_are_reported_at_once() -> None:
    with pytest.raises(InvalidEntries) as caught:
        sequence._parse_steps(
            [step("netns"), step("veth", pairs=[{"name": "eth0"}]), step("route")], [{"to": "192.0.2.300"}], False
        )
    assert [str(error).split(":", maxsplit=1)[0] for error in caught.value.errors] == [
        "netns.fabric.netns",
        "netns.fabric.route",
        "netns.fabric.reachability",
    ]


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ({}, "to"),
        ({"to": "192.0.2.1", "protcol": "tcp"}, "protcol"),
        ({"to": "192.0.2.1", "port": 80}, "probes[0] (the host -> 192.0.2.1): port: "),
    ],
)
def test_a_probe_is_one_of_reachability(probe: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidEntries) as caught:
        sequence._parse_steps([], [probe], False)
    assert str(caught.value).startswith("netns.fabric.reachability: ")
    assert message in str(caught.value)
    [parsed] = sequence._parse_steps([], [{"to": "192.0.2.1", "protocol": "tcp"}], False)[1]
    assert (parsed.namespace, str(parsed.to), parsed.kind) == (None, "192.0.2.1", "tcp")


def test_the_role_runs_every_module() -> None:
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    calls, order = variables["topology__calls"], variables["topology__order"]
    steps = [step for part in calls.values() for step in (part if isinstance(part, list) else [part])]
    # Logical networks are not of one host, and the role ovn_host makes a chassis.
    others = {name for name in RESOURCES if name.startswith("ovn_")}
    assert {step["module"] for step in steps} == set(RESOURCES) - others
    assert set(order["present"]) == set(order["internal"]) == set(calls)
    assert set(order["absent"]) == set(calls) - {"routes"}
    assert order["absent_host"] == ["routes", *order["absent"]]
    build, delete = [
        task for task in yaml.safe_load((ROLE / "tasks" / "build.yml").read_text()) if "netns.fabric.sequence" in task
    ]
    assert build["tags"] == delete["tags"]
    always, parts = build["tags"]
    assert always == "topology"
    # Tags are evaluated before the role's variables exist, so the task lists its parts again.
    rendered = NativeEnvironment()
    rendered.filters["difference"] = lambda one, other: [each for each in one if each not in other]
    assert set(rendered.from_string(parts).render(ansible_skip_tags=[])) == {*calls, "verify"}
    assert "nat" not in rendered.from_string(parts).render(ansible_skip_tags=["nat"])

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the module boot, and what a sequence and the role give it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import argument_spec, parse_call
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._entry import sequence
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot import BootResource, _with_owner
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_planner import Topology
from ansible_collections.netns.fabric.plugins.module_utils._entry.step_options import validate_step

ROLE = Path(__file__).parents[5] / "roles" / "topology"
NETNS = {"module": "netns", "options": {"namespaces": [{"name": "red"}], "owner": "lab"}}
#: As it is stored: with the defaults, and without what is not set.
STORED = {
    "module": "netns",
    "options": {
        "namespaces": [{"name": "red", "force": False, "state": "present"}],
        "owner": "lab",
        "prune": False,
        "force": False,
        "state": "present",
    },
}


def wanted(**options: Any) -> Topology:
    resource = BootResource()
    [entry] = parse_call(resource, validate_step(resource, options), check_mode=False).entries
    assert isinstance(entry, Topology)
    return entry


def test_steps_are_stored_with_their_defaults() -> None:
    found = wanted(name="lab", steps=[NETNS], delete_steps=[NETNS], heal="60")
    assert found.document
    assert (found.document.steps, found.document.delete_steps, found.document.heal) == ((STORED,), (STORED,), 60)
    owned = _with_owner(found, "lab").document
    assert owned
    assert owned.owner == "lab"


def test_in_a_sequence_the_earlier_steps_are_stored() -> None:
    boot = {"module": "boot", "options": {"name": "lab"}}
    [_netns, step, _route], _probes = sequence._parse_steps(
        [NETNS, boot, {"module": "route", "options": {"destination": "default", "gateway": "192.0.2.1"}}], [], False
    )
    [entry] = step.call.entries
    assert entry.document.steps == (STORED,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "lab"}, "lab: steps: is required"),
        ({"name": "a/b", "steps": []}, "a/b: name: 'a/b' cannot be an owner name"),
        ({"name": "lab", "steps": [], "heal": 5}, "lab: heal: 5 s between repairs are too few"),
        ({"name": "lab", "steps": [{"module": "netns", "options": {}}]}, "lab: steps[0]: one of the following is"),
        ({"name": "lab", "steps": [], "delete_steps": [{"module": "netns", "options": {}}]}, "lab: delete_steps[0]: "),
    ],
)
def test_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidEntries) as caught:
        wanted(**options)
    assert str(caught.value).startswith(message)


def test_absent_needs_the_name_only() -> None:
    assert wanted(name="lab", state="absent") == Topology(Entry("lab"), "lab", None)


def test_a_step_of_boot_cannot_be_stored() -> None:
    options = argument_spec(BootResource())["steps"]["options"]
    assert "boot" not in options["module"]["choices"]


def test_the_role_stores_last_and_removes_first() -> None:
    tasks = yaml.safe_load((ROLE / "tasks" / "build.yml").read_text(encoding="utf-8"))
    steps = [task["netns.fabric.sequence"]["steps"] for task in tasks if "netns.fabric.sequence" in task]
    assert steps == ["{{ topology__steps + topology__boot }}", "{{ topology__boot + topology__steps }}"]

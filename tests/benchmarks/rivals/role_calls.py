# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which modules the role runs for a lab, and with which arguments: by the role's own files, without a play."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from jinja2.nativetypes import NativeEnvironment

from ansible_collections.netns.fabric.plugins.filter.compile_topology import compile_topology
from ansible_collections.netns.fabric.tests.benchmarks.lab import Lab
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import COLLECTION

_ROLE = COLLECTION / "roles" / "topology"
_MODULES = "netns.fabric."


def module_calls(lab: Lab, state: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the modules (without netns.fabric.) and their arguments in order; `state` is present or absent."""
    environment = NativeEnvironment()
    environment.filters[_MODULES + "compile_topology"] = compile_topology
    environment.filters["combine"] = lambda one, other: {**one, **other}
    variables: dict[str, Any] = {
        **_load("defaults/main.yml"),
        **lab.variables(),
        "topology_state": state,
        "ansible_check_mode": False,
    }
    for task in _load("tasks/check.yml"):
        for name, value in task.get("ansible.builtin.set_fact", {}).items():
            variables[name] = _rendered(environment, value, variables)
    role = _load("vars/main.yml")
    variables["topology__mark"] = _rendered(environment, role["topology__mark"], variables)
    parts = [role["topology__calls"][name] for name in role["topology__order"][state]]
    steps = [step for part in parts for step in (part if isinstance(part, list) else [part])]
    calls = [(step["module"], _rendered(environment, step["options"], variables)) for step in steps]
    others = [task for task in _load("tasks/main.yml") if f"{_MODULES}sequence" not in task]
    return [*calls, *_calls(environment, others, variables)]


def _load(name: str) -> Any:
    return yaml.safe_load((_ROLE / name).read_text(encoding="utf-8"))


def _calls(
    environment: NativeEnvironment, tasks: list[dict[str, Any]], variables: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for task in tasks:
        conditions = task.get("when", [])
        listed = conditions if isinstance(conditions, list) else [conditions]
        if not all(environment.compile_expression(str(one))(**variables) for one in listed):
            continue
        for key in task:
            if key.startswith(_MODULES):
                yield key[len(_MODULES) :], _rendered(environment, task[key], variables)


def _rendered(environment: NativeEnvironment, value: Any, variables: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _rendered(environment, one, variables) for key, one in value.items()}
    return environment.from_string(value).render(variables) if isinstance(value, str) else value

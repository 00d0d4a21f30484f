# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which modules the role's tasks run for a lab, and with which arguments: by the role's own files, without a play."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

import yaml
from jinja2 import Undefined, UndefinedError
from jinja2.nativetypes import NativeEnvironment

from ansible_collections.netns.fabric.plugins.filter.compile_topology import compile_topology
from ansible_collections.netns.fabric.tests.benchmarks.lab import Lab
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import COLLECTION

_ROLE = COLLECTION / "roles" / "topology"
_MODULES = "netns.fabric."


def _flatten(listed: Iterable[Any], levels: int) -> list[Any]:
    if levels == 0:
        return list(listed)
    inner = (one if isinstance(one, list) else [one] for one in listed)
    return _flatten(chain.from_iterable(inner), levels - 1)


#: The filters that the role uses and Jinja does not have.
_FILTERS: dict[str, Callable[..., Any]] = {
    f"{_MODULES}compile_topology": compile_topology,
    "combine": lambda *maps: dict(chain.from_iterable(each.items() for each in maps)),
    "extract": lambda key, container: container[key],
    "bool": bool,
    "difference": lambda one, other: [each for each in one if each not in other],
    "flatten": _flatten,
    "random": lambda end: end - 1,
}


def module_calls(lab: Lab, state: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the modules (without netns.fabric.) and their arguments in order; `state` is present or absent."""
    environment = NativeEnvironment()
    environment.filters.update(_FILTERS)
    variables: dict[str, Any] = {
        **_load("defaults/main.yml"),
        **lab.variables(),
        "topology_state": state,
        "ansible_check_mode": False,
        # As in a play that is started without tags.
        "ansible_run_tags": ["all"],
        "ansible_skip_tags": [],
        # On one host.
        "inventory_hostname": "host",
        "ansible_play_hosts": ["host"],
        "ansible_play_hosts_all": ["host"],
        "groups": {},
        "hostvars": {"host": {}},
    }
    # Ansible renders a variable when it is used: those that need nothing of the check can be used by it.
    for name, value in _load("vars/main.yml").items():
        with suppress(UndefinedError):
            variables[name] = _rendered(environment, value, variables)
    for task in _load("tasks/check.yml"):
        facts = task.get("ansible.builtin.set_fact", {})
        # Each uses none but those above it; Ansible would not mind.
        of_task = dict(variables)
        for name, value in task.get("vars", {}).items() if facts else ():
            of_task[name] = _rendered(environment, value, of_task)
        variables.update({name: _rendered(environment, value, of_task) for name, value in facts.items()})
    for name, value in _load("vars/main.yml").items():
        variables[name] = _rendered(environment, value, variables)
    return list(_calls(environment, _load("tasks/build.yml"), variables))


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
                given = _rendered(environment, task[key], variables)
                # Without the options that the role omits.
                yield key[len(_MODULES) :], {name: one for name, one in given.items() if not isinstance(one, Undefined)}


def _rendered(environment: NativeEnvironment, value: Any, variables: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _rendered(environment, one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [_rendered(environment, one, variables) for one in value]
    if not isinstance(value, str):
        return value
    rendered = environment.from_string(value).render(variables)
    # Like Ansible: what a filter hands out one by one can be read more than once.
    return list(rendered) if isinstance(rendered, Iterator) else rendered

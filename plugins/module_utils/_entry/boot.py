# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module boot runs: a topology that is stored on its host, and applied at boot without Ansible."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import runner, validation
from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import argument_spec, parse_call, without_unset
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._entry import archive
from ansible_collections.netns.fabric.plugins.module_utils._entry import boot_units as units
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_document import (
    Document,
    StoredStep,
)
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_planner import (
    BACKENDS,
    Actual,
    BootPlanner,
    Topology,
    read_actual,
)
from ansible_collections.netns.fabric.plugins.module_utils._entry.step_options import validate_step
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES
from ansible_collections.netns.fabric.plugins.module_utils._system import programs

#: The name of the module.
BOOT = "boot"

STEPS: Mapping[str, Any] = {
    "type": "list",
    "elements": "dict",
    "options": {
        "module": {"type": "str", "choices": sorted(RESOURCES), "required": True},
        "options": {"type": "dict", "required": True},
    },
}


def run() -> None:
    """Be the module's main()."""
    runner.run(BootResource())


class BootResource(Resource[Topology, Actual]):
    """Stored topologies. In a sequence, `earlier` are the steps before this one, which are validated."""

    list_option = "topologies"
    identity = "name"
    backends = BACKENDS
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "name": {"type": "str"},
        "steps": STEPS,
        "delete_steps": STEPS,
        "heal": {"type": "int", "default": 0},
        "partial": {"type": "bool", "default": False},
    }

    def __init__(self, earlier: Sequence[StoredStep] | None = None) -> None:
        self._earlier = earlier

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> Topology:
        checks = Checks(entry)
        name = checks.value("name", validation.owner_name, options["name"])
        heal = checks.value("heal", validation.repair_interval, options["heal"])
        if options["state"] == "absent":
            checks.done()
            return Topology(entry, name, None)
        if options["steps"] is None and self._earlier is None:
            checks.error("steps", "is required; only in a step of netns.fabric.sequence it has a default")
        steps = _validate(checks, "steps", options["steps"]) if options["steps"] is not None else self._earlier
        delete_steps = _validate(checks, "delete_steps", options["delete_steps"] or ())
        checks.done()
        document = Document(name, None, heal, tuple(steps or ()), tuple(delete_steps))
        return Topology(entry, name, document, bool(options["partial"]))

    def key(self, desired: Topology) -> object:
        return desired.name

    def read(self, host: Host, call: Call[Topology]) -> Actual:
        actual = read_actual(host, call.entries)
        if not any(wanted.present for wanted in call.entries):
            return actual
        wanted = archive.build()
        obstacle = "" if actual.files[units.COMMAND] == wanted else _find_obstacle()
        return replace(actual, archive=wanted, obstacle=obstacle)

    def plan(self, actual: Actual, call: Call[Topology]) -> Plan:
        entries = tuple(_with_owner(wanted, call.owner) for wanted in call.entries)
        return BootPlanner(actual, replace(call, entries=entries)).run()


def _with_owner(wanted: Topology, owner: str | None) -> Topology:
    document = wanted.document
    return replace(wanted, document=replace(document, owner=owner) if document else None)


def _validate(checks: Checks, option: str, steps: Iterable[Mapping[str, Any]]) -> list[StoredStep]:
    """Return steps as they are stored."""
    stored: list[StoredStep] = []
    for index, step in enumerate(steps):
        module = step["module"]
        resource = RESOURCES[module]
        try:
            params = validate_step(resource, step["options"])
            each = {"module": module, "options": without_unset(argument_spec(resource), params)}
            parse_call(resource, params, check_mode=False)
        except FabricError as error:
            for one in error.errors if isinstance(error, InvalidEntries) else (error,):
                checks.error(f"{option}[{index}]", str(one))
        else:
            stored.append(each)
    return stored


def _find_obstacle() -> str:
    """Return why the archive would not run on this host; empty where it would.

    pyroute2 may be in a directory that only this process searches, or Python a link that is gone after the call.
    """
    untrusted = programs.find_untrusted(sys.executable)
    if untrusted is not None:
        return (
            f"another user than root can change {untrusted}, and with it {sys.executable}, which runs this module and "
            "would run at every boot; set `ansible_python_interpreter` to one that only root can change, for instance "
            "/usr/bin/python3"
        )
    argv = [sys.executable, "-I", "-c", "import pyroute2"]
    try:
        result = programs.run(argv)
    except FabricError as error:
        return str(error)
    if result.status == 0:
        return ""
    reason = (result.error.strip().splitlines() or ["no reason"])[-1]
    return (
        f"`{' '.join(argv[:3])} 'import pyroute2'` fails ({reason}): what runs at boot finds no module by PYTHONPATH "
        "or in a home directory; install pyroute2 for this Python (python3-pyroute2, or pip as root)"
    )

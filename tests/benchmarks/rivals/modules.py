# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ours without Ansible: what the role's task runs, in a process of its own."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.benchmarks.lab import Lab
from ansible_collections.netns.fabric.tests.benchmarks.records import ModuleRun, rows_of
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import COLLECTION, COLLECTIONS, Rival
from ansible_collections.netns.fabric.tests.benchmarks.rivals.role_calls import module_calls


class Modules(Rival):
    """`sequence` with the role's steps and probes, with the Python of `.venv`."""

    title = "modules, pyroute2 0.9"
    description = (
        "what the role runs, without Ansible, by pyroute2 0.9.x: one process for `netns.fabric.sequence` with its "
        "steps and its probes"
    )
    python = Path(sys.executable)

    def unavailable(self) -> str:
        return (
            ""
            if self.python.exists()
            else f"not installed: there is no {self.python.parents[1].name} (make setup-checks)"
        )

    def prepare(self, lab: Lab) -> None:
        self._calls = {
            (one, state): module_calls(one, state) for one in (lab, lab.larger) for state in ("present", "absent")
        }

    def build(self, lab: Lab) -> tuple[ModuleRun, ...]:
        return self._run_all(lab, "present")

    rerun = add = build

    def teardown(self, lab: Lab) -> tuple[ModuleRun, ...]:
        return self._run_all(lab, "absent")

    def _run_all(self, lab: Lab, state: str) -> tuple[ModuleRun, ...]:
        return tuple(row for call in self._calls[lab, state] for row in self._run(*call))

    def _run(self, name: str, arguments: dict[str, Any]) -> list[ModuleRun]:
        result = self.place.directory / "figures.json"
        script = Path(__file__).with_name("timed_module.py")
        given = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
        launched = time.monotonic()
        self.place.run(
            [str(self.python), str(script), name, str(result)], given=given, env={"PYTHONPATH": str(COLLECTIONS)}
        )
        return rows_of(json.loads(result.read_text(encoding="utf-8")), time.monotonic() - launched)


class OlderModules(Modules):
    """The same with the pyroute2 that Debian 12 ships."""

    title = "modules, pyroute2 0.7"
    description = "likewise, by pyroute2 0.7.2"
    python = COLLECTION / ".venv-oldest" / "bin" / "python"

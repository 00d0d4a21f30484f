# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one of the collection's modules as a managed host would: in a process of its own, with that host's Python.

Without ansible-playbook around it a run costs little more than the module itself. The way in is the one that
ansible-core has for people who debug a module: started directly, it reads its arguments as JSON from standard input.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

COLLECTION = "ansible_collections.netns.fabric"
# The directory that holds ansible_collections: this file is ansible_collections/netns/fabric/tests/helpers/... there.
# Not resolved: it leads there by the link that `make setup` has made.
COLLECTIONS_PATH = Path(__file__).parents[5]

# Names the Python that modules run with; the tests' own without it.
TARGET_PYTHON = "NETNS_FABRIC_TARGET_PYTHON"


@dataclass(frozen=True)
class ModuleResult:
    """What a module returned, with the parts that every test looks at as attributes."""

    returned: dict[str, Any]
    exit_status: int
    stderr: str

    @property
    def changed(self) -> bool:
        """Whether something was changed, or would be in check mode."""
        return bool(self.returned.get("changed", False))

    @property
    def failed(self) -> bool:
        """Whether the module failed."""
        return bool(self.returned.get("failed", False)) or self.exit_status != 0

    @property
    def message(self) -> str:
        """The message of a failure."""
        return str(self.returned.get("msg", ""))

    @property
    def diff(self) -> Any:
        """The diff as returned: a list of before and after."""
        return self.returned.get("diff", [])

    @property
    def commands(self) -> list[str]:
        """The equivalent command lines."""
        return list(self.returned.get("commands", []))

    @property
    def warnings(self) -> list[str]:
        """The texts of the warnings."""
        return [_warning_text(warning) for warning in self.returned.get("warnings") or []]


def _warning_text(warning: Any) -> str:
    """Return what a warning says; ansible-core 2.19 wraps it in an event, a module's own return value is plain text."""
    if isinstance(warning, dict):
        return str(warning["event"]["msg"])
    return str(warning)


@dataclass(frozen=True)
class Ended:
    """How a module's process ended."""

    returncode: int
    stdout: str
    stderr: str


def _process(name: str, given: str, env: Mapping[str, str], timeout: float) -> Ended:
    """Run a module in an environment of its own, from its very start."""
    ran = subprocess.run(
        [target_python(), "-m", f"{COLLECTION}.plugins.modules.{name}"],
        input=given,
        capture_output=True,
        text=True,
        # Not the clone: -m looks into the current directory first.
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS_PATH), **env},
        timeout=timeout,
        check=False,
    )
    return Ended(ran.returncode, ran.stdout, ran.stderr)


def target_python() -> str:
    """Return the Python that modules run with."""
    return os.environ.get(TARGET_PYTHON) or sys.executable


class _Server:
    """A process of the target's Python that forks one for each run: what modules import, it has imported once.

    Starting Python and its imports take ten times as long as most modules do.
    """

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [target_python(), str(Path(__file__).with_name("module_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(COLLECTIONS_PATH)},
        )

    def run(self, name: str, given: str, timeout: float) -> Ended:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps([name, given, timeout]) + "\n")
        self._server.stdin.flush()
        return Ended(*json.loads(self._server.stdout.readline()))


@cache
def _server() -> _Server:
    return _Server()


def run_module(
    name: str,
    params: Mapping[str, Any],
    *,
    check: bool = False,
    diff: bool = True,
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> ModuleResult:
    """Run the module ``name`` (without netns.fabric.) with ``params``.

    ``check`` and ``diff`` are Ansible's modes; ``env`` is put over the environment, for instance another PATH;
    ``timeout`` is in seconds. A module that answers with anything but one JSON object on standard output, prints a
    traceback or uses what Ansible calls deprecated raises AssertionError with all that it said.
    """
    arguments = {**params, "_ansible_check_mode": check, "_ansible_diff": diff}
    given = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
    ran = _process(name, given, env, timeout) if env else _server().run(name, given, timeout)
    said = f"{name} ended with {ran.returncode}\nstdout: {ran.stdout}\nstderr: {ran.stderr}"
    assert "Traceback" not in ran.stderr + ran.stdout, said
    try:
        returned = json.loads(ran.stdout)
    except ValueError as error:
        raise AssertionError(said) from error
    assert isinstance(returned, dict), said
    assert not returned.get("deprecations"), said
    return ModuleResult(returned, ran.returncode, ran.stderr)

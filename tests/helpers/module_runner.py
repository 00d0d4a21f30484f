# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one of the collection's modules as a managed host would: in a process of its own, with that host's Python.

Without ansible-playbook a run takes little more time than the module itself. It uses ansible-core's interface for
debugging: a module that is started directly reads its arguments as JSON from standard input.
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
# Not resolved: the path leads there by the link of `make setup`.
COLLECTIONS_PATH = Path(__file__).parents[5]

# Names the Python that modules run with; by default that of the tests.
TARGET_PYTHON = "NETNS_FABRIC_TARGET_PYTHON"


@dataclass(frozen=True)
class ModuleResult:
    """What a module returned, with the parts that tests use as attributes."""

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
    """Return a warning's text; ansible-core 2.19 wraps it in an event, a module's own return value is plain text."""
    if isinstance(warning, dict):
        return str(warning["event"]["msg"])
    return str(warning)


@dataclass(frozen=True)
class Ended:
    """The exit status and output of a module's process."""

    returncode: int
    stdout: str
    stderr: str


def _process(name: str, given: str, env: Mapping[str, str], timeout: float) -> Ended:
    """Run a module in a new process, with variables added to its environment."""
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
    """A process of the target's Python that has the imports of all modules and forks for each run.

    Starting Python and importing take ten times as long as most modules.
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
    traceback or uses a deprecated part of Ansible raises AssertionError with its output.
    """
    arguments = {**params, "_ansible_check_mode": check, "_ansible_diff": diff}
    given = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
    ran = _process(name, given, env, timeout) if env else _server().run(name, given, timeout)
    output = f"{name} ended with {ran.returncode}\nstdout: {ran.stdout}\nstderr: {ran.stderr}"
    assert "Traceback" not in ran.stderr + ran.stdout, output
    try:
        returned = json.loads(ran.stdout)
    except ValueError as error:
        raise AssertionError(output) from error
    assert isinstance(returned, dict), output
    assert not returned.get("deprecations"), output
    return ModuleResult(returned, ran.returncode, ran.stderr)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands on testinfra's host."""

from __future__ import annotations

import json
import shlex
from typing import Any


class Shell:
    """Runs commands on the host under test.

    ``host`` is testinfra's host. With the backends `local` and `ansible://` (connection local) a command costs
    milliseconds.
    """

    def __init__(self, host: Any) -> None:
        self._host = host

    def attempt(self, *argv: str) -> Any:
        """Run a command and return testinfra's result with `rc`, `stdout` and `stderr`, whether it fails or not."""
        # A single string is used as it is; with arguments, testinfra would format the first with the others (%).
        return self._host.run(shlex.join(argv))

    def run(self, *argv: str) -> str:
        """Run a command and return its standard output; raise AssertionError with its output if it fails."""
        result = self.attempt(*argv)
        assert result.rc == 0, f"{shlex.join(argv)}: {result.rc}\n{result.stdout}{result.stderr}"
        return str(result.stdout)

    def json(self, *argv: str) -> Any:
        """Run a command that prints JSON and return the value; None for no output."""
        output = self.run(*argv)
        return json.loads(output) if output.strip() else None


def inside(namespace: str | None) -> list[str]:
    """Return what to put before a command so that it runs in a namespace; nothing for the host's own."""
    return ["ip", "netns", "exec", namespace] if namespace else []

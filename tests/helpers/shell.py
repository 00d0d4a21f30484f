# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands on the host that testinfra looks at."""

from __future__ import annotations

import json
import shlex
from typing import Any


class Shell:
    """Runs commands on the host under test; what every check here is built upon.

    ``host`` is testinfra's host. With the backends `local` and `ansible://` (connection local) a command costs
    milliseconds.
    """

    def __init__(self, host: Any) -> None:
        self._host = host

    def attempt(self, *argv: str) -> Any:
        """Run a command and return testinfra's result with `rc`, `stdout` and `stderr`, however it ended."""
        # A single string is taken as it is; with arguments, testinfra would read a % in the first as a place for them.
        return self._host.run(shlex.join(argv))

    def run(self, *argv: str) -> str:
        """Run a command and return its standard output; AssertionError with what it said if it fails."""
        result = self.attempt(*argv)
        assert result.rc == 0, f"{shlex.join(argv)}: {result.rc}\n{result.stdout}{result.stderr}"
        return str(result.stdout)

    def json(self, *argv: str) -> Any:
        """Run a command that prints JSON and return what it says; None for no output."""
        output = self.run(*argv)
        return json.loads(output) if output.strip() else None


def inside(namespace: str | None) -> list[str]:
    """Return what to put before a command so that it runs in a namespace; nothing for the host's own."""
    return ["ip", "netns", "exec", namespace] if namespace else []

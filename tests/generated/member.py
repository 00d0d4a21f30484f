# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One of several hosts: a process in it that builds its part of a topology and sends its probes, when it is asked to.

It is started once for all cases: to import the collection takes longer than the work. A request and its answer are a
line of JSON each:

    {"build": VARIABLES}       builds, and answers with the commands of a second run
    {"probe": ENTRIES}         answers with what is not as expected
    {"unfilter": NAMESPACES}   empties the packet filters of namespaces
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.tests.generated.converge import converge
from ansible_collections.netns.fabric.tests.generated.policies import probe
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTIONS_PATH
from ansible_collections.netns.fabric.tests.helpers.ovn_hosts import OvnHost
from ansible_collections.netns.fabric.tests.helpers.shell import inside


class Member:
    """A host with such a process, as the test sees it."""

    def __init__(self, host: OvnHost) -> None:
        self.host = host
        interpreter = ("env", f"PYTHONPATH={COLLECTIONS_PATH}", sys.executable)
        self._process = subprocess.Popen(
            host.enter(*interpreter, "-m", __name__), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def send(self, **request: Any) -> None:
        """Send a request without waiting for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def receive(self) -> Any:
        """Return the answer to the last request."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the process in {self.host.name} has ended with {self._process.wait(timeout=10)}"
        return json.loads(line)

    def end(self) -> None:
        """Have the process end."""
        self._process.communicate(timeout=30)


def ask(members: Sequence[Member], requests: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Send each member its request, and return their answers: they work side by side."""
    for member, request in zip(members, requests):
        member.send(**request)
    return [member.receive() for member in members]


def _answer(request: Mapping[str, Any]) -> Any:
    if "build" in request:
        converge(request["build"])
        return converge(request["build"])
    if "probe" in request:
        return probe(request["probe"])
    for name in request["unfilter"]:
        subprocess.run([*inside(name), "nft", "flush", "ruleset"], check=True, timeout=10)
    return None


def main() -> None:
    """Answer until the end of standard input."""
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)  # noqa: T201  # the test reads it


if __name__ == "__main__":
    main()

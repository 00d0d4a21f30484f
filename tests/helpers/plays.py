# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run playbooks from a test, as a user would at a prompt.

From a playbook, the result of a run is written to a file, for a test to judge later:

    python3 -m ansible_collections.netns.fabric.tests.helpers.plays FILE PLAYBOOK [OPTION...]
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.netns.fabric.tests.helpers.shell import Shell

# Not resolved: Ansible finds the collection by the link that `make setup` has made, and this file lies below it.
COLLECTION = Path(__file__).parents[2]
PLAYBOOKS = COLLECTION / "playbooks"
INVENTORY = COLLECTION / "extensions" / "molecule" / "inventory" / "hosts.yml"


@dataclass(frozen=True)
class Played:
    """The result of a run of ansible-playbook: its exit status, its output, and the numbers of its recap."""

    status: int
    output: str

    @classmethod
    def load(cls, path: Path) -> Played:
        """Return a result that was written to a file."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def count(self, what: str, host: str = "fabric") -> int:
        """Return a number of a host's recap: `ok`, `changed`, `failed` and so on."""
        found = re.search(rf"^{host} .*\b{what}=(\d+)", self.output, re.MULTILINE)
        assert found, self.output
        return int(found[1])

    @property
    def changed(self) -> int:
        """Return how many tasks have changed something, or would in check mode."""
        return self.count("changed")

    @property
    def diff(self) -> list[str]:
        """Return the lines of `--diff`, without warnings and other output in between."""
        return [line for line in self.output.splitlines() if re.match(r"--- before|\+\+\+ after|@@ |[-+ ]\S", line)]

    @property
    def words(self) -> str:
        """Return the output in one line, for texts that Ansible has wrapped."""
        return " ".join(self.output.split())


class Plays:
    """Runs playbooks on the host under test, which is the machine that the tests run on."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def attempt(self, playbook: str | Path, *options: str) -> Played:
        """Run a playbook, a path or a name like netns.fabric.site, and return the result."""
        environment = {
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_INJECT_FACT_VARS": "0",
            "COLUMNS": "1000",
        }
        # Without Molecule's configuration, as for a user with a clone of the collection.
        lacking = [
            word for name in os.environ if name in ("ANSIBLE_CONFIG", "ANSIBLE_ROLES_PATH") for word in ("-u", name)
        ]
        command = ["ansible-playbook", "--inventory", str(INVENTORY), str(playbook), *options]
        result = self._shell.attempt(
            "env", *lacking, *(f"{key}={value}" for key, value in environment.items()), *command
        )
        return Played(result.rc, f"{shlex.join(command)}\n{result.stdout}{result.stderr}")

    def run(self, playbook: str | Path, *options: str) -> Played:
        """Run a playbook and return the result; raise AssertionError with its output if it fails."""
        played = self.attempt(playbook, *options)
        assert played.status == 0, played.output
        return played


def main() -> None:
    """Run a playbook and write the result to a file."""
    import testinfra

    path, playbook, *options = sys.argv[1:]
    played = Plays(Shell(testinfra.get_host("local://"))).attempt(playbook, *options)
    Path(path).write_text(json.dumps(asdict(played), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

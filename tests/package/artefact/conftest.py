# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: the artefact built from the clone, and installed in an environment without other collections."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers.controller import controller_commands

ROOT = Path(__file__).resolve().parents[3]

# Names the Python that modules run with; by default that of the tests.
TARGET_PYTHON = "NETNS_FABRIC_TARGET_PYTHON"


@dataclass(frozen=True)
class Ansible:
    """The commands of one ansible-core, with a home and a collections path that have only what is installed."""

    commands: Path
    home: Path

    @property
    def collections(self) -> Path:
        """Return the directory of the installed collections, the only one that is searched."""
        return self.home / "collections"

    def attempt(self, command: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of the ansible commands in the empty environment, and return its result."""
        # Without the configuration of Ansible in the shell that runs the tests.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        environment.pop("PYTHONPATH", None)
        environment.update(
            HOME=str(self.home),
            ANSIBLE_HOME=str(self.home / ".ansible"),
            ANSIBLE_COLLECTIONS_PATH=str(self.collections),
            ANSIBLE_COLLECTIONS_SCAN_SYS_PATH="false",
            ANSIBLE_NOCOLOR="1",
        )
        return subprocess.run(
            [str(self.commands / command), *arguments],
            cwd=cwd or self.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def run(self, command: str, *arguments: str, cwd: Path | None = None) -> str:
        """Run a command and return its standard output; raise AssertionError with its output if it fails."""
        ran = self.attempt(command, *arguments, cwd=cwd)
        assert ran.returncode == 0, f"{ran.args}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
        return ran.stdout


@pytest.fixture(scope="session", name="ansible")
def fixture_ansible(tmp_path_factory: pytest.TempPathFactory) -> Ansible:
    """Return the ansible-core under test in an environment without any collection."""
    return Ansible(controller_commands(), tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session", name="artefact")
def fixture_artefact(ansible: Ansible, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the artefact from the clone and return its path."""
    directory = tmp_path_factory.mktemp("artefact")
    ansible.run("ansible-galaxy", "collection", "build", "--output-path", str(directory), cwd=ROOT)
    built = list(directory.glob("*.tar.gz"))
    assert len(built) == 1, built
    return built[0]


@pytest.fixture(scope="session", name="installed")
def fixture_installed(ansible: Ansible, artefact: Path) -> Ansible:
    """Install the artefact, without a network, and return the environment, which has nothing else."""
    ansible.run("ansible-galaxy", "collection", "install", "--offline", str(artefact))
    return ansible

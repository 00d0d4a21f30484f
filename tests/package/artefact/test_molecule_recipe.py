# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe for Molecule as it stands, with the installed artefact: it passes, and leaves the machine as it was."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers import own_host
from ansible_collections.netns.fabric.tests.package.artefact.conftest import TARGET_PYTHON, Ansible

ROOT = Path(__file__).resolve().parents[3]
#: What the recipe's test writes below, on a machine that it is not kept away from.
PLACES = ("/etc/netns", "/etc/openvswitch", "/run", "/var/log/openvswitch", "/var/run/netns")
# A resolver file in /etc/netns, besides what the reference topology changes.
CONVERGE = """
- name: Converge
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: Build the topology
      ansible.builtin.include_role:
        name: netns.fabric.topology
      vars:
        topology_namespaces:
          - name: ns01
            nameservers: [192.0.2.53]
            interfaces: [{name: eth0, bridge: int_br, addresses: [192.168.100.1/24]}]
            routes: [{destination: default, gateway: 192.168.100.254}]
          - name: ns02
            interfaces: [{name: eth0, bridge: int_br, addresses: [192.168.100.2/24]}]
            routes: [{destination: default, gateway: 192.168.100.254}]
"""


def recipe() -> tuple[str, str, str]:
    """Return the command, molecule.yml and verify.yml of the recipe."""
    page = (ROOT / "docs/docsite/rst/recipes.rst").read_text(encoding="utf-8")
    section = page[page.index("Molecule tests for your own topologies\n---") :]
    blocks = [part.partition("\n\n")[2] for part in section.split(".. code-block:: ")[1:]]
    command, molecule, verify = (textwrap.dedent(_indented(block)) for block in blocks)
    return command.strip(), molecule, verify


def _indented(block: str) -> str:
    """Return the lines of a block up to the first one that is not indented."""
    lines = block.splitlines()
    end = next((number for number, line in enumerate(lines) if line and not line.startswith(" ")), len(lines))
    return "\n".join(lines[:end]) + "\n"


def files_on_the_machine() -> set[str]:
    """Return the paths of all files in the places, of this host's; it stands for the machine."""
    return {str(path) for place in PLACES for path in Path(place).rglob("*")}


def links() -> str:
    """Return the links and addresses of this host."""
    return subprocess.run(["ip", "-brief", "address"], capture_output=True, text=True, timeout=20, check=True).stdout


@pytest.fixture(name="project")
def fixture_project(installed: Ansible, tmp_path: Path) -> Path:
    """Write the scenario, and link the collection to where ansible-galaxy installs it by default."""
    assert own_host.is_inside(), "this test runs in a host of its own only: `.venv/bin/nox -s artefact`"
    scenario = tmp_path / "molecule" / "default"
    scenario.mkdir(parents=True)
    _command, molecule, verify = recipe()
    python = os.environ.get(TARGET_PYTHON) or sys.executable
    (scenario / "molecule.yml").write_text(molecule.replace("/usr/bin/python3", python), encoding="utf-8")
    (scenario / "converge.yml").write_text(CONVERGE, encoding="utf-8")
    (scenario / "verify.yml").write_text(verify, encoding="utf-8")
    default = tmp_path / ".ansible"
    default.mkdir()
    (default / "collections").symlink_to(installed.collections)
    return tmp_path


def test_recipe_passes_and_leaves_nothing_on_the_machine(project: Path) -> None:
    files, network = files_on_the_machine(), links()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment.update(HOME=str(project), PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    ran = subprocess.run(
        ["/bin/sh", "-c", recipe()[0]],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    output = re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout + ran.stderr)  # without colours
    assert ran.returncode == 0, output
    assert "Molecule executed 1 scenario (1 successful)" in output
    assert files_on_the_machine() - files == set()
    assert links() == network

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed artefact, without access to the clone: its playbooks build a topology that carries traffic."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers import own_host
from ansible_collections.netns.fabric.tests.package.artefact.conftest import TARGET_PYTHON, Ansible


@pytest.fixture(autouse=True, name="in_own_host")
def fixture_in_own_host() -> None:
    """Assert that we are in a host of its own, not on the machine itself."""
    assert own_host.is_inside(), "these tests run in a host of their own only: `.venv/bin/nox -s artefact`"


@pytest.fixture(name="inventory")
def fixture_inventory(tmp_path: Path) -> Path:
    """Write an inventory as a user would, with this host alone."""
    python = os.environ.get(TARGET_PYTHON) or sys.executable
    inventory = tmp_path / "hosts.yml"
    host = {"ansible_connection": "local", "ansible_python_interpreter": python}
    inventory.write_text(json.dumps({"all": {"hosts": {"fabric": host}}}), encoding="utf-8")
    return inventory


def output_of(ansible: Ansible, inventory: Path, playbook: str, *options: str) -> str:
    """Run a playbook of the collection by its name and return its output."""
    return ansible.run("ansible-playbook", "--inventory", str(inventory), f"netns.fabric.{playbook}", *options)


def play(ansible: Ansible, inventory: Path, playbook: str, *options: str) -> dict[str, int]:
    """Run a playbook of the collection by its name and return the recap's numbers."""
    output = output_of(ansible, inventory, playbook, *options)
    recap = re.search(r"^fabric\s*:(.*)$", output, re.MULTILINE)
    assert recap, output
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", recap[1])}


def pings(namespace: str, address: str) -> bool:
    """Return whether an address answers from a namespace."""
    command = ["ip", "netns", "exec", namespace, "ping", "-n", "-q", "-c", "1", "-w", "5", address]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def namespaces() -> set[str]:
    """Return the names of the namespaces that the topologies here have."""
    return {path.name for path in Path("/run/netns").iterdir()} & {"ns01", "ns02"}


def test_only_the_artefact_is_found(installed: Ansible) -> None:
    listed = json.loads(installed.run("ansible-galaxy", "collection", "list", "--format", "json"))
    found = {
        (path, name) for path, collections in listed.items() for name in collections if not name.startswith("ansible.")
    }
    assert found == {(str(installed.collections / "ansible_collections"), "netns.fabric")}
    installed.run("ansible-galaxy", "collection", "verify", "--offline", "netns.fabric")


def test_every_plugin_and_role_is_documented(installed: Ansible) -> None:
    listed = json.loads(installed.run("ansible-doc", "--metadata-dump", "--no-fail-on-errors", "netns.fabric"))
    documented = listed["all"]
    assert "netns.fabric.veth" in documented["module"]
    assert "netns.fabric.compile_topology" in documented["filter"]
    roles = ("openvswitch", "ovn_central", "ovn_host", "topology")
    assert set(documented["role"]) == {f"netns.fabric.{role}" for role in roles}
    assert "netns.fabric.netns" in documented["become"]
    assert "netns.fabric.topology" in documented["inventory"]
    # An error is in the place of the documentation.
    wrong = {
        name: entry["error"] for plugins in documented.values() for name, entry in plugins.items() if "error" in entry
    }
    assert not wrong


def test_site_carries_traffic_and_teardown_removes_it(installed: Ansible, inventory: Path) -> None:
    first = play(installed, inventory, "site")
    assert first["changed"] >= 1, first
    assert pings("ns01", "192.168.100.2")
    assert pings("ns02", own_host.OUTSIDE_ADDRESS)
    assert play(installed, inventory, "site")["changed"] == 0
    assert play(installed, inventory, "site", "--check")["changed"] == 0
    play(installed, inventory, "teardown")
    assert namespaces() == set()


def test_direct_link_is_built(installed: Ansible, inventory: Path) -> None:
    play(installed, inventory, "direct_link")
    assert pings("ns01", "192.168.100.2")
    play(installed, inventory, "teardown")
    assert namespaces() == set()


def strip_lines(output: str) -> list[str]:
    """Return the lines of the output, without the quotes of JSON and the indentation."""
    return [line.strip().removesuffix(",").strip('"').strip() for line in output.splitlines()]


def test_default_output_has_the_summary_and_the_tree_line_by_line(installed: Ansible, inventory: Path) -> None:
    built = output_of(installed, inventory, "site")
    assert {"bridge int_br: 192.168.100.254/24, ports ns01_tap, ns02_tap", ""} <= set(strip_lines(built))
    assert [line for line in strip_lines(built) if re.fullmatch(r"ns01 .* ms .* ms", line)]
    shown = output_of(installed, inventory, "show")
    assert "│  ├─ ns01_tap  ── veth-ns01 in ns01 192.168.100.1/24" in strip_lines(shown)
    assert [line for line in strip_lines(shown) if re.fullmatch(r"ns02 .* ms .*", line)]
    for output in (built, shown, output_of(installed, inventory, "teardown")):
        assert "\\n" not in output

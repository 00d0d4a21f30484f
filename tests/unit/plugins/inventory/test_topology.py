# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin, run by ansible-inventory: Ansible used as a library does not find it within these tests."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.controller import controller_commands
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTIONS_PATH

HOSTS = """
all:
  children:
    labs:
      hosts: {lab1: {}, lab2: {ansible_host: 192.0.2.2}}
  hosts: {other: {}}
"""
TOPOLOGY = (
    "topology_namespaces: \"{{ ['red'] | map('community') if false else [{'name': inventory_hostname ~ 'x'}] }}\"\n"
)


@dataclass(frozen=True)
class Inventory:
    """The output of ansible-inventory."""

    listed: dict[str, Any]
    errors: str

    def names(self, group: str = "namespaces") -> list[str]:
        """Return the names of the hosts of a group."""
        return list(self.listed[group]["hosts"])

    def variables(self, host: str) -> dict[str, Any]:
        """Return a host's variables."""
        found: dict[str, Any] = self.listed["_meta"]["hostvars"][host]
        return found


def inventory(directory: Path, configuration: str, group_vars: str = TOPOLOGY) -> Inventory:
    """Return the inventory of a directory of sources."""
    (directory / "group_vars").mkdir()
    (directory / "group_vars" / "labs.yml").write_text(group_vars, encoding="utf-8")
    (directory / "hosts.yml").write_text(HOSTS, encoding="utf-8")
    text = "plugin: netns.fabric.topology\n" + configuration
    (directory / "namespaces.netns.yml").write_text(text, encoding="utf-8")
    return list_inventory(directory)


def list_inventory(*sources: Path) -> Inventory:
    """Return the inventory of sources."""
    ran = subprocess.run(
        [
            str(controller_commands() / "ansible-inventory"),
            *(f"--inventory={path}" for path in sources),
            "--list",
        ],
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS_PATH),
            "COLUMNS": "1000",
            "ANSIBLE_NOCOLOR": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return Inventory(json.loads(ran.stdout, object_hook=unmark), " ".join(ran.stderr.split()))


def unmark(listed: dict[str, Any]) -> Any:
    """Return a JSON object, or the string in the place of one that ansible-core marks, from 2.19 on, as no template."""
    return listed["__ansible_unsafe"] if set(listed) == {"__ansible_unsafe"} else listed


def test_all_hosts_with_a_topology(tmp_path: Path) -> None:
    result = inventory(tmp_path, "")
    assert result.names() == ["lab1x.lab1", "lab2x.lab2"]
    assert result.variables("lab1x.lab1")["ansible_host"] == "lab1"
    assert result.variables("lab2x.lab2")["ansible_host"] == "{{ hostvars['lab2']['ansible_host'] }}"
    assert result.names("labs") == ["lab1", "lab2"]


def test_reference_topology_of_a_named_host(tmp_path: Path) -> None:
    result = inventory(tmp_path, "hosts: [other]\nhostname: ansible_netns\ngroup: inside\n")
    assert result.names("inside") == ["ns01", "ns02"]
    assert result.variables("ns02")["netns_addresses"] == ["192.168.100.2"]


def test_variables_next_to_this_source_only(tmp_path: Path) -> None:
    """Variables of the group `all`, to which Ansible adds other groups only later."""
    (tmp_path / "hosts").mkdir()
    (tmp_path / "hosts" / "hosts.yml").write_text("labs: {hosts: {lab1: {}}}", encoding="utf-8")
    (tmp_path / "topology" / "group_vars").mkdir(parents=True)
    variables = "topology_namespaces: [{name: red}]\n"
    (tmp_path / "topology" / "group_vars" / "all.yml").write_text(variables, encoding="utf-8")
    configuration = "plugin: netns.fabric.topology\n"
    (tmp_path / "topology" / "namespaces.netns.yml").write_text(configuration, encoding="utf-8")
    assert list_inventory(tmp_path / "hosts", tmp_path / "topology").names() == ["red.lab1"]


def test_constructed_groups_and_variables(tmp_path: Path) -> None:
    result = inventory(
        tmp_path,
        "hosts: [labs]\nkeyed_groups: [{key: netns_host, prefix: 'on'}]\ncompose: {short: ansible_netns | upper}\n",
    )
    assert result.names("on_lab2") == ["lab2x.lab2"]
    assert result.variables("lab2x.lab2")["short"] == "LAB2X"


@pytest.mark.parametrize(
    ("configuration", "group_vars", "message"),
    [
        ("hosts: [lbas]\n", TOPOLOGY, "'lbas' is neither a host nor a group"),
        ("hostname: ('lab1')\n", TOPOLOGY, "is already the name of a host"),
        ("hostname: nothing\n", TOPOLOGY, "hostname: the expression fails for a namespace of lab1"),
        (
            "",
            "topology_namespaces: '{{ nothing }}'\n",
            "topology_namespaces of lab1 cannot be evaluated in an inventory",
        ),
        ("", "topology_namespaces: [{name: red, nam: 1}]\n", "the topology of lab1 has errors"),
    ],
)
def test_errors(tmp_path: Path, configuration: str, group_vars: str, message: str) -> None:
    assert message in inventory(tmp_path, configuration, group_vars).errors

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles ovn_central and ovn_host refuse before they change anything; several hosts are one machine here.

How they build, heal and remove OVN is in the Molecule scenario `ovn`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import shell
from ansible_collections.netns.fabric.tests.helpers.host import Host

FOUND = Path(__file__).parents[2] / "roles" / "ovn_central" / "files" / "found_cluster.py"
SCHEMA = "/usr/share/ovn/ovn-nb.ovsschema"
ADDRESSES = {f"member{number}": {"ovn_central_address": f"192.0.2.{number}"} for number in (1, 2, 3)}


def refusal(directory: Path, role: str, hosts: Mapping[str, Mapping[str, Any]], *options: str, **variables: Any) -> str:
    """Run a role on hosts that make up the group ovn_central, in check mode; return its output, in one line."""
    common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, **variables}
    inventory, playbook = directory / "hosts.json", directory / "play.json"
    inventory.write_text(json.dumps({"ovn_central": {"hosts": hosts, "vars": common}}), encoding="utf-8")
    play = {"hosts": "ovn_central", "gather_facts": False, "roles": [f"netns.fabric.{role}"]}
    playbook.write_text(json.dumps([play]), encoding="utf-8")
    environment = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml", "COLUMNS": "1000"}
    ran = subprocess.run(
        ["ansible-playbook", "--inventory", str(inventory), str(playbook), "--check", *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, **environment},
    )
    output = " ".join((ran.stdout + ran.stderr).split())
    assert ran.returncode != 0, output
    return output


def choose(*names: str) -> dict[str, dict[str, str]]:
    return {name: ADDRESSES[name] for name in names}


@pytest.mark.parametrize(
    ("hosts", "options", "message"),
    [
        (choose("member1", "member2"), (), "ovn_central has 2 hosts; a cluster has one member, or three"),
        ({**ADDRESSES, "member2": {}}, (), "ovn_central_address: it is missing for member2"),
        (ADDRESSES, ("--limit", "member2"), "limited to some of its members (member1, member3 left out)"),
        (ADDRESSES, ("--extra-vars", "ovn_central_group=others"), "member1 is not in the inventory group others"),
        (
            ADDRESSES,
            ("--extra-vars", "ovn_central_adress=x"),
            "ovn_central_adress: the role netns.fabric.ovn_central has no",
        ),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(
    tmp_path: Path, hosts: Mapping[str, Mapping[str, Any]], options: Sequence[str], message: str
) -> None:
    before = snapshot.take()
    assert message in refusal(tmp_path, "ovn_central", hosts, *options)
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "ovn_host_address: it is missing"),
        ({"ovn_host_address": "192.0.2.1", "ovn_host_central_group": "none"}, "there is no southbound database"),
        (
            {"ovn_host_address": "192.0.2.9", "ovn_host_interface": "nic0"},
            "neither nic0 (ovn_host_interface) nor br-phy has",
        ),
        (
            {
                "ovn_host_address": "192.0.2.1",
                "ovn_host_networks": [{"network": "a", "bridge": "b", "interface": "nic0"}],
            },
            "nic0 has addresses, which the host would lose",
        ),
        ({"ovn_host_address": "192.0.2.1", "ovn_host_interface": "nic1"}, "192.0.2.77/24 of nic1 is not static"),
    ],
)
def test_a_host_that_cannot_be_a_chassis_is_refused(
    host: Host, tmp_path: Path, variables: Mapping[str, Any], message: str
) -> None:
    shell(
        host,
        """
        link add nic0 type veth peer name far0
        link add nic1 type veth peer name far1
        addr add 192.0.2.1/24 dev nic0
        addr add 192.0.2.1/32 dev nic1
        addr add 192.0.2.77/24 dev nic1 valid_lft 600 preferred_lft 600
        link set nic0 up
        link set nic1 up
        """,
    )
    before = snapshot.take()
    given = {"ovn_host_datapath_type": "netdev", **variables}
    assert message in refusal(tmp_path, "ovn_host", choose("member1"), **given)
    snapshot.assert_unchanged(before)


def tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ovsdb-tool", *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_a_standalone_database_becomes_the_clusters(tmp_path: Path) -> None:
    def create(file: Path, schema: str = SCHEMA) -> int:
        databases = [{"file": str(file), "schema": schema, "address": "ssl:192.0.2.1:6643"}]
        command = [sys.executable, "-I", str(FOUND), json.dumps(databases)]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode

    new, standalone = tmp_path / "new" / "nb.db", tmp_path / "nb.db"
    assert (create(new), tool("db-is-clustered", str(new)).returncode) == (0, 0)
    cluster = tool("db-cid", str(new)).stdout
    assert (create(new), tool("db-cid", str(new)).stdout) == (0, cluster)

    assert tool("create", str(standalone), SCHEMA).returncode == 0
    row = '["OVN_Northbound", {"op": "insert", "table": "Logical_Switch", "row": {"name": "kept"}}]'
    assert tool("transact", str(standalone), row).returncode == 0
    assert (create(standalone), tool("db-is-clustered", str(standalone)).returncode) == (0, 0)
    assert "kept" in tool("show-log", "-mmm", str(standalone)).stdout
    assert tool("db-is-standalone", f"{standalone}.standalone").returncode == 0

    broken = tmp_path / "broken.db"
    broken.write_text("no database", encoding="ascii")
    assert create(broken) != 0
    assert broken.read_text(encoding="ascii") == "no database"

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks have in common: the hosts that they run on, check mode without a part, paths on the controller."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import testinfra
import yaml

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.plays import COLLECTION, Played, Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell

PLAYBOOKS = sorted([*(COLLECTION / "playbooks").glob("*.yml"), *(COLLECTION / "playbooks" / "gallery").glob("*.yml")])
#: Two namespaces without a switch: what builds them needs neither Open vSwitch nor NAT.
PAIR = {
    "topology_bridges": [],
    "topology_nat": [],
    "topology_verify": False,
    "topology_namespaces": [{"name": "a"}, {"name": "b"}],
    "topology_links": [{"name": "eth0", "namespace": "a", "peer": {"name": "eth0", "namespace": "b"}}],
}


def attempt(playbook: str, *options: str, **variables: object) -> Played:
    """Run a playbook of the collection on this host with variables of the topology."""
    plays = Plays(Shell(testinfra.get_host("local://")))
    return plays.attempt(playbook, *options, "--extra-vars", json.dumps({**PAIR, **variables}))


# The namespaces that the inventory plugin adds


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_every_playbook_leaves_out_namespaces(path: Path) -> None:
    (play,) = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert play["hosts"] == "{{ fabric_hosts | default('all:!namespaces' if 'namespaces' in groups else 'all') }}"
    first = (play.get("pre_tasks") or play["tasks"])[0]
    assert (first["ansible.builtin.meta"], first["when"], first["tags"]) == (
        "end_host",
        "netns_host is defined",
        ["always"],
    )


@pytest.mark.parametrize("playbook", ["site", "show"])
def test_playbook_does_not_run_inside_namespaces_of_another_group(tmp_path: Path, playbook: str) -> None:
    configuration = tmp_path / "lab.netns.yml"
    content = {"plugin": "netns.fabric.topology", "hosts": ["fabric"], "group": "lab_ns"}
    configuration.write_text(json.dumps(content), encoding="utf-8")
    options = ("--inventory", str(configuration), "--check", "--skip-tags", "openvswitch")
    played = attempt(f"netns.fabric.{playbook}", *options)
    assert played.status == 0, played.output
    assert not re.search(r"^[a-z]+: \[ns0\d\.fabric\]", played.output, re.MULTILINE), played.output
    assert played.count("ok") > 0


# Check mode


@pytest.mark.parametrize("playbook", ["site", "direct_link"])
def test_check_mode_without_the_check_of_the_host(playbook: str) -> None:
    """What the skipped check would have found does not count as missing."""
    before = snapshot.take()
    played = attempt(f"netns.fabric.{playbook}", "--check", "--skip-tags", "openvswitch")
    assert played.status == 0, played.output
    assert "pyroute2 is not installed" not in played.words
    assert played.changed > 0
    snapshot.assert_unchanged(before)


# Paths on the controller


def test_home_directory_in_the_path_of_a_diagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    played = attempt("netns.fabric.site", "--tags", "diagram", topology_diagram="~/lab.mmd")
    assert played.status == 0, played.output
    assert (tmp_path / "lab.mmd").read_text(encoding="utf-8").startswith("%%{init")
    assert not (tmp_path / "~").exists()

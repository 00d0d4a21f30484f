# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example of the documentation, run as it stands against a real kernel and Open vSwitch.

The tasks of a plugin's EXAMPLES are run one after the other, and each of the collection's modules three times: in check
mode, for real, and in check mode again. What it announces is what it does, and then there is nothing more to do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.netns.fabric.tests.examples.collecting import Example, Kind, collect
from ansible_collections.netns.fabric.tests.support import module_runner, own_host
from ansible_collections.netns.fabric.tests.support.host_state import Host

EXAMPLES = collect()
RUN = [example for example in EXAMPLES if example.not_run is None]

# Names the directory with the ansible commands of the controller under test; those beside the tests' Python without it.
CONTROLLER = "NETNS_FABRIC_CONTROLLER"

OURS = "netns.fabric."
# What a second run of the same task may do again: the modules that only look.
COMPARED = ("changed", "diff", "commands")


def _docker(host: Host) -> None:
    """Do to the firewall what Docker does when it starts."""
    host.run("iptables", "-N", "DOCKER-USER")
    host.run("iptables", "-A", "FORWARD", "-j", "DOCKER-USER")
    host.run("iptables", "-P", "FORWARD", "DROP")


def _service(host: Host) -> None:
    """Have something answer on TCP port 443 of the host's own address."""
    host.start(sys.executable, "-m", "http.server", "443", "--bind", own_host.UPLINK_ADDRESS)


def _reference(host: Host) -> None:
    """Build the reference topology."""
    play(host, [{"import_playbook": "netns.fabric.site"}], Path("/run"))


# What an example presupposes, by the word about it.
PREPARATIONS: Mapping[str, Callable[[Host], None]] = {"docker": _docker, "service": _service, "reference": _reference}


@pytest.fixture(name="host")
def fixture_host() -> Iterator[Host]:
    """Give a cleared host with an outside world, and with a device `eno2` that stands for a network card."""
    host = Host()
    host.clear()
    own_host.build_outside_world()
    host.run("ip", "tuntap", "add", "eno2", "mode", "tap")
    yield host
    host.clear()


def environment() -> dict[str, str]:
    """Return the environment of a user who has nothing configured but where the collection is."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return {
        **clean,
        "ANSIBLE_COLLECTIONS_PATH": str(module_runner.COLLECTIONS_PATH),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",  # half the time of a task
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
    }


def ansible(command: str, *arguments: str, cwd: Path) -> str:
    """Run one of the ansible commands and return all it said; AssertionError if it fails or warns."""
    commands = Path(os.environ.get(CONTROLLER) or Path(sys.executable).parent)
    ran = subprocess.run(
        [str(commands / command), *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    assert "no hosts matched" not in said, said
    assert "[DEPRECATION WARNING]" not in said, said
    return said


def groups_of(plays: list[dict[str, Any]]) -> set[str]:
    """Return the names of hosts or groups that plays are for."""
    patterns = {str(one["hosts"]) for one in plays if "hosts" in one}
    return {pattern for pattern in patterns if pattern.isidentifier() and pattern not in ("all", "localhost")}


def play(_host: Host, plays: list[dict[str, Any]] | str, directory: Path, groups: set[str] | None = None) -> str:
    """Run plays, given as data or as text that is to be taken as it is, on the host that we are in."""
    playbook, inventory = directory / "playbook.yml", directory / "hosts.json"
    playbook.write_text(plays if isinstance(plays, str) else yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    machine = {"ansible_connection": "local", "ansible_python_interpreter": module_runner.target_python()}
    children: dict[str, Any] = {group: {"hosts": {"fabric": {}}} for group in groups or ()}
    inventory.write_text(json.dumps({"all": {"hosts": {"fabric": machine}, "children": children}}), encoding="utf-8")
    return ansible("ansible-playbook", "--inventory", str(inventory), str(playbook), cwd=directory)


def module_of(task: dict[str, Any]) -> str | None:
    """Return which of the collection's modules a task runs."""
    return next((key for key in task if key.startswith(OURS)), None)


def cycle(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tasks, each of ours checked before and after, and one task that judges all of them."""
    cycled: list[dict[str, Any]] = []
    claims: list[str] = []
    for number, task in enumerate(tasks):
        if module_of(task) is None or "loop" in task or "check_mode" in task:
            cycled.append(task)
            continue
        before, applied, after = f"before_{number}", task.get("register", f"applied_{number}"), f"after_{number}"
        cycled += [
            {**task, "check_mode": True, "diff": True, "register": before},
            {**task, "diff": True, "register": applied},
            {**task, "check_mode": True, "diff": True, "register": after},
        ]
        claims += [f"{before}.{what} | default('') == {applied}.{what} | default('')" for what in COMPARED]
        claims.append(f"not {after}.changed")
    if claims:
        cycled.append({"name": "What was announced was done", "ansible.builtin.assert": {"that": claims}})
    return cycled


@pytest.mark.parametrize("example", RUN, ids=lambda example: example.origin)
def test_example_runs_as_it_stands(example: Example, host: Host, tmp_path: Path) -> None:
    if example.word:
        PREPARATIONS[example.word](host)
    if example.kind is Kind.TASKS:
        play(host, [{"hosts": "fabric", "gather_facts": False, "tasks": cycle(example.data)}], tmp_path)
    elif example.kind is Kind.PLAYS:
        play(host, example.text, tmp_path, groups_of(example.data))
    elif example.kind is Kind.VARIABLES:
        _run_variables(example, host, tmp_path)
    elif example.kind is Kind.INVENTORY_SOURCE:
        _run_inventory_source(example, tmp_path)
    elif example.kind is Kind.HOSTS:
        (tmp_path / "hosts.yml").write_text(example.text, encoding="utf-8")
        said = ansible("ansible-inventory", "--inventory", str(tmp_path / "hosts.yml"), "--list", cwd=tmp_path)
        assert "[WARNING]" not in said, said
    else:
        pytest.fail(f"{example.origin}: neither tasks, plays, variables nor inventory; say why it is not run")


def _run_variables(example: Example, host: Host, directory: Path) -> None:
    """Build what the variables declare, which the role verifies by traffic, and take it down again."""
    (directory / "group_vars").mkdir()
    (directory / "group_vars" / "all.yml").write_text(example.text, encoding="utf-8")
    said = play(host, [{"import_playbook": "netns.fabric.site"}], directory)
    assert not example.data.get("topology_namespaces") or "Verify that it carries traffic" in said, said
    play(host, [{"import_playbook": "netns.fabric.teardown"}], directory)
    assert host.namespaces() == [own_host.OUTSIDE_NAMESPACE]


def _run_inventory_source(example: Example, directory: Path) -> None:
    """Have the inventory plugin read its configuration, from a file that bears the plugin's name."""
    plugin = str(example.data["plugin"])
    source = directory / f"{plugin.rpartition('.')[2]}.yml"
    source.write_text(example.text, encoding="utf-8")
    said = ansible("ansible-inventory", "--inventory", str(source), "--list", cwd=directory)
    assert "[WARNING]" not in said, said


def test_every_kind_of_plugin_and_document_was_looked_at() -> None:
    """The search has not gone blind: each place where examples are is there, and each module of the collection."""
    root = Path(__file__).resolve().parents[2]
    origins = [example.origin for example in EXAMPLES]
    assert {str(path.relative_to(root)) for path in root.glob("plugins/modules/*.py")} <= set(origins)
    for beginning in ("plugins/filter/", "playbooks/inventory/", "README.md", "roles/topology/"):
        assert any(origin.startswith(beginning) for origin in origins), beginning


def test_whatever_is_not_run_says_why() -> None:
    unexplained = [example.origin for example in EXAMPLES if example.not_run is not None and len(example.not_run) < 10]
    assert not unexplained

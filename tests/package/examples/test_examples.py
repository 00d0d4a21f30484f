# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example of the documentation, run unchanged on a real kernel and Open vSwitch.

The tasks of a plugin's EXAMPLES are run one after the other, and each of the collection's modules that writes twice: in
check mode, and for real. What it announces is what it does. That a further run has nothing to do is tested in
tests/integration: here it would be half a minute more.
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

from ansible_collections.netns.fabric.tests.helpers import module_runner, northbound, own_host
from ansible_collections.netns.fabric.tests.helpers.controller import controller_commands
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.package.examples.collecting import Example, Kind, collect

EXAMPLES = collect()
RUN = [example for example in EXAMPLES if example.not_run is None]

# The comment on plays for the namespaces of a host `lab`.
INSIDE = "inside"

OURS = "netns.fabric."
COMPARED = ("changed", "diff", "commands")
# They change nothing, so that check mode has nothing to predict.
LOOKING = ("netns.fabric.reachability", "netns.fabric.topology_info")

# A host of the inventory: the one that we are in.
MACHINE = {"ansible_connection": "local", "ansible_python_interpreter": module_runner.target_python()}

# The variables of the role, for examples that go on from them.
DEFAULTS = Path(__file__).resolve().parents[3] / "roles" / "topology" / "defaults" / "main.yml"


def _docker(host: Host) -> None:
    """Change the firewall as Docker does when it starts."""
    host.run("iptables", "-N", "DOCKER-USER")
    host.run("iptables", "-A", "FORWARD", "-j", "DOCKER-USER")
    host.run("iptables", "-P", "FORWARD", "DROP")


def _service(host: Host) -> None:
    """Start a server on TCP port 443 of the host's own address."""
    # Not http.server: before it listens it looks up its own name, and no name server answers here.
    listen = "import signal, socket, sys; s = socket.create_server((sys.argv[1], 443)); signal.pause()"
    host.start(sys.executable, "-c", listen, own_host.UPLINK_ADDRESS)
    wait_until(
        lambda: bool(host.run("ss", "-Hltn", "sport", "=", ":443").stdout), 30, otherwise="the service does not listen"
    )


def _reference(_host: Host) -> None:
    """Build the reference topology."""
    play([{"import_playbook": "netns.fabric.site"}], Path("/run"))


def _northbound(_host: Host) -> None:
    """Serve an empty northbound database of OVN."""
    northbound.start()


# What an example requires, by its comment.
PREPARATIONS: Mapping[str, Callable[[Host], None]] = {
    "docker": _docker,
    "service": _service,
    "northbound": _northbound,
    "reference": _reference,
    INSIDE: _reference,
}


@pytest.fixture(name="host")
def fixture_host() -> Iterator[Host]:
    """Provide a cleared host with an outside world, and the devices `eno2` and `eno3` in place of NICs."""
    host = Host()
    host.clear()
    own_host.build_outside_world()
    for nic in ("eno2", "eno3"):
        host.run("ip", "tuntap", "add", nic, "mode", "tap")
    yield host
    host.clear()


def environment() -> dict[str, str]:
    """Return the environment of a user who has configured only the collections path."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return {
        **clean,
        "ANSIBLE_COLLECTIONS_PATH": str(module_runner.COLLECTIONS_PATH),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",  # half the time of a task
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
    }


def ansible(command: str, *arguments: str, cwd: Path) -> str:
    """Run one of the ansible commands and return its output; raise AssertionError if it fails or warns."""
    ran = subprocess.run(
        [str(controller_commands() / command), *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    output = ran.stdout + ran.stderr
    assert ran.returncode == 0, output
    assert "no hosts matched" not in output, output
    assert "[DEPRECATION WARNING]" not in output, output
    return output


def groups_of(plays: list[dict[str, Any]]) -> set[str]:
    """Return the names of hosts or groups that plays are for."""
    patterns = {str(one["hosts"]) for one in plays if "hosts" in one}
    return {pattern for pattern in patterns if pattern.isidentifier() and pattern not in ("all", "localhost")}


def play(plays: list[dict[str, Any]] | str, directory: Path, groups: set[str] | None = None) -> str:
    """Run plays, given as data or as literal text, on the host that we are in."""
    playbook, inventory = directory / "playbook.yml", directory / "hosts.json"
    playbook.write_text(plays if isinstance(plays, str) else yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    children: dict[str, Any] = {group: {"hosts": {"fabric": {}}} for group in groups or ()}
    inventory.write_text(json.dumps({"all": {"hosts": {"fabric": MACHINE}, "children": children}}), encoding="utf-8")
    return ansible("ansible-playbook", "--inventory", str(inventory), str(playbook), cwd=directory)


def module_of(task: dict[str, Any]) -> str | None:
    """Return which of the collection's modules a task runs."""
    return next((key for key in task if key.startswith(OURS)), None)


def announced(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tasks, each writing one of ours first in check mode, and a task that compares the results."""
    run: list[dict[str, Any]] = []
    claims: list[str] = []
    for number, task in enumerate(tasks):
        if module_of(task) in (None, *LOOKING) or "loop" in task or "check_mode" in task:
            run.append(task)
            continue
        before, applied = f"before_{number}", task.get("register", f"applied_{number}")
        run += [
            {**task, "check_mode": True, "diff": True, "register": before},
            {**task, "diff": True, "register": applied},
        ]
        claims += [f"{before}.{what} | default('') == {applied}.{what} | default('')" for what in COMPARED]
    if claims:
        run.append({"name": "What was announced was done", "ansible.builtin.assert": {"that": claims}})
    return run


@pytest.mark.parametrize("example", RUN, ids=lambda example: example.origin)
def test_example_runs_unchanged(example: Example, host: Host, tmp_path: Path) -> None:
    if example.word:
        PREPARATIONS[example.word](host)
    if example.kind is Kind.TASKS:
        tasks = announced(example.data)
        play([{"hosts": "fabric", "gather_facts": False, "vars_files": [str(DEFAULTS)], "tasks": tasks}], tmp_path)
    elif example.word == INSIDE:
        _run_inside(example, tmp_path)
    elif example.kind is Kind.PLAYS:
        play(example.text, tmp_path, groups_of(example.data))
    elif example.kind is Kind.VARIABLES:
        _run_variables(example, host, tmp_path)
    elif example.kind is Kind.INVENTORY_SOURCE:
        _run_inventory_source(example, tmp_path)
    elif example.kind is Kind.HOSTS:
        (tmp_path / "hosts.yml").write_text(example.text, encoding="utf-8")
        output = ansible("ansible-inventory", "--inventory", str(tmp_path / "hosts.yml"), "--list", cwd=tmp_path)
        assert "[WARNING]" not in output, output
    else:
        pytest.fail(f"{example.origin}: neither tasks, plays, variables nor inventory; say why it is not run")


def _run_variables(example: Example, host: Host, directory: Path) -> None:
    """Build what the variables declare, which the role verifies by traffic, and delete it, in one run."""
    (directory / "group_vars").mkdir()
    (directory / "group_vars" / "all.yml").write_text(example.text, encoding="utf-8")
    output = play([{"import_playbook": f"netns.fabric.{name}"} for name in ("site", "teardown")], directory)
    assert "not as expected; .: not probed" in output or "probes came through" in output, output
    assert host.namespaces() == [own_host.OUTSIDE_NAMESPACE]
    diagram = example.data.get("topology_diagram")
    assert not diagram or (directory / diagram).stat().st_size


def _inventory_of_namespaces(source: str, directory: Path) -> Path:
    """Return a directory of inventory sources: this one of the plugin's, and before it the hosts that it reads."""
    sources = directory / "inventory"
    sources.mkdir()
    declared = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))["topology_namespaces"]
    lab = {**MACHINE, "topology_namespaces": declared}
    hosts = {"all": {"hosts": {"localhost": MACHINE}, "children": {"labs": {"hosts": {"lab": lab}}}}}
    (sources / "hosts.json").write_text(json.dumps(hosts), encoding="utf-8")
    (sources / "namespaces.netns.yml").write_text(source, encoding="utf-8")
    return sources


def _run_inside(example: Example, directory: Path) -> None:
    """Run plays for the namespaces of the host `lab`."""
    sources = _inventory_of_namespaces("plugin: netns.fabric.topology\n", directory)
    (directory / "playbook.yml").write_text(example.text, encoding="utf-8")
    ansible("ansible-playbook", "--inventory", str(sources), str(directory / "playbook.yml"), cwd=directory)


def _run_inventory_source(example: Example, directory: Path) -> None:
    """Let the inventory plugin read its configuration, with an inventory of hosts that have a topology."""
    sources = _inventory_of_namespaces(example.text, directory)
    output = ansible("ansible-inventory", "--inventory", str(sources), "--list", cwd=directory)
    assert "[WARNING]" not in output, output
    assert {name.partition(".")[0] for name in json.loads(output)["namespaces"]["hosts"]} == {"ns01", "ns02"}


def test_examples_of_every_plugin_and_document_are_found() -> None:
    """The search finds examples in each place, and of each module of the collection."""
    root = Path(__file__).resolve().parents[3]
    origins = [example.origin for example in EXAMPLES]
    assert {str(path.relative_to(root)) for path in root.glob("plugins/modules/*.py")} <= set(origins)
    for beginning in ("plugins/filter/", "playbooks/inventory/", "README.md", "roles/topology/"):
        assert any(origin.startswith(beginning) for origin in origins), beginning


def test_example_that_is_not_run_has_a_reason() -> None:
    unexplained = [example.origin for example in EXAMPLES if example.not_run is not None and len(example.not_run) < 10]
    assert not unexplained

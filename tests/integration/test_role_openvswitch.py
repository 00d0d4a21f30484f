# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role openvswitch and what the role topology passes on: variables of the environment, sockets, check mode."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import testinfra

from ansible_collections.netns.fabric.tests.helpers import own_host
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.plays import COLLECTION, Played, Plays
from ansible_collections.netns.fabric.tests.helpers.programs import hidden_programs
from ansible_collections.netns.fabric.tests.helpers.shell import Shell

#: Where an Open vSwitch lies that is not in the default directories.
ELSEWHERE = Path("/run/elsewhere")
ENVIRONMENT = {
    f"OVS_{name}": f"{ELSEWHERE}/{directory}"
    for name, directory in {"RUNDIR": "run", "DBDIR": "db", "LOGDIR": "log", "SYSCONFDIR": "etc"}.items()
}
SOCKET = f"unix:{ELSEWHERE}/run/db.sock"

Play = Callable[..., Played]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Return a function that runs a play with options of its own on this host."""
    plays = Plays(Shell(testinfra.get_host("local://")))

    def run(*options: str, **content: Any) -> Played:
        playbook = tmp_path / "play.yml"
        playbook.write_text(json.dumps([{"hosts": "fabric", "gather_facts": False, **content}]), encoding="utf-8")
        return plays.attempt(playbook, *options)

    return run


@pytest.fixture
def elsewhere(host: Host) -> Iterator[Callable[..., str]]:
    """Run Open vSwitch in other directories, and none in the default ones; give its ovs-vsctl."""
    own_host.stop_ovs()
    (ELSEWHERE / "etc" / "openvswitch").mkdir(parents=True)
    for name in ("run", "db", "log"):
        (ELSEWHERE / name).mkdir()
    environment = {**os.environ, **ENVIRONMENT}

    def ctl(*arguments: str) -> None:
        subprocess.run(
            [str(own_host.OVS_CTL), *arguments], env=environment, check=True, capture_output=True, timeout=60
        )

    def vsctl(*arguments: str) -> str:
        return host.run("ovs-vsctl", f"--db={SOCKET}", "--timeout=10", *arguments).stdout.strip()

    ctl("start", "--system-id=random")
    vsctl("set", "Open_vSwitch", ".", "external_ids:hostname=by-hand")
    yield vsctl
    ctl("stop")
    host.run("rm", "-r", str(ELSEWHERE))


# Variables of the environment


def test_environment_of_the_play(elsewhere: Callable[..., str], play: Play) -> None:
    played = play(roles=["netns.fabric.openvswitch"], environment=ENVIRONMENT)
    assert played.status == 0, played.output
    assert played.changed == 0
    assert elsewhere("get", "Open_vSwitch", ".", "external_ids:hostname") == "by-hand"
    assert not own_host.OVS_RUN.joinpath("db.sock").exists()


@pytest.mark.parametrize("where", ["play", "role"])
def test_a_proxy_gives_no_warning(play: Play, where: str) -> None:
    environment = {"environment": {"http_proxy": "http://192.0.2.1:3128"}}
    role = {"role": "netns.fabric.openvswitch", **(environment if where == "role" else {})}
    played = play(roles=[role], **(environment if where == "play" else {}))
    assert (played.status, played.changed) == (0, 0), played.output
    assert "WARN" not in played.output


# Another database server


def test_database_of_the_role(elsewhere: Callable[..., str], play: Play) -> None:
    assert elsewhere("list-br") == ""
    played = play(roles=["netns.fabric.openvswitch"], vars={"openvswitch_database": SOCKET})
    assert (played.status, played.changed) == (0, 0), played.output


def test_database_and_timeout_of_a_topology(elsewhere: Callable[..., str], play: Play, tmp_path: Path) -> None:
    variables = {"topology_ovs_database": SOCKET, "topology_ovs_timeout": 20, "topology_verify": False}
    played = play(roles=["netns.fabric.topology"], vars=variables)
    assert played.status == 0, played.output
    assert elsewhere("list-ports", "int_br").split() == ["ns01_tap", "ns02_tap"]
    again = play(roles=["netns.fabric.topology"], vars=variables)
    assert (again.status, again.changed) == (0, 0), again.output
    extra = json.dumps({**variables, "topology_state": "absent"})
    assert play("--extra-vars", extra, roles=["netns.fabric.topology"]).status == 0
    assert elsewhere("list-br") == ""


@pytest.mark.parametrize("playbook", ["netns.fabric.site", "netns.fabric.show"])
def test_playbooks_use_the_topologys_database(elsewhere: Callable[..., str], playbook: str) -> None:
    elsewhere("add-br", "other_br", "--", "set", "bridge", "other_br", "datapath_type=netdev")
    variables = {"topology_ovs_database": SOCKET, "topology_verify": False, "topology_nat": []}
    plays = Plays(Shell(testinfra.get_host("local://")))
    played = plays.attempt(playbook, "--extra-vars", json.dumps(variables))
    assert played.status == 0, played.output
    assert not own_host.OVS_RUN.joinpath("db.sock").exists()
    assert "other_br" in (played.output if playbook.endswith("show") else elsewhere("list-br"))


# Check mode


@contextmanager
def hidden(host: Host, *programs: str) -> Iterator[None]:
    """Hide programs and the lists of packages, as on a host that has neither."""
    with hidden_programs(*programs):
        host.run("mount", "-t", "tmpfs", "none", "/var/lib/apt/lists")
        try:
            yield
        finally:
            host.run("umount", "/var/lib/apt/lists")


@pytest.fixture(name="bare_python")
def fixture_bare_python(tmp_path: Path) -> Path:
    """Return the system's Python without its packages: no pyroute2, no python3-apt."""
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\nexec /usr/bin/python3 -S "$@"\n', encoding="ascii")
    python.chmod(0o755)
    return python


def test_check_mode_on_a_bare_host(host: Host, play: Play, bare_python: Path) -> None:
    with hidden(host, "ovs-vsctl", "nft", "iptables"):
        played = play(
            "--check",
            *("--extra-vars", f"ansible_python_interpreter={bare_python}"),
            roles=["netns.fabric.openvswitch"],
            vars={"openvswitch_repository_packages": ["a-repository"], "openvswitch_service_manager": "ovs-ctl"},
        )
    assert played.status == 0, played.output
    for packages in ("a-repository", "openvswitch-switch, nftables", "python3-pyroute2"):
        assert f"{packages} would be installed" in played.output
    assert "Open vSwitch would be started with ovs-ctl" in played.output
    assert played.changed == 4


@pytest.mark.parametrize("configured", ["environment", "discovered"])
def test_the_python_of_the_modules_is_checked(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare_python: Path, configured: str
) -> None:
    """Whatever names it. Before the first module runs, one that is discovered is not known."""
    variables: dict[str, object] = {"ansible_connection": "local"}
    if configured == "environment":
        monkeypatch.setenv("ANSIBLE_PYTHON_INTERPRETER", str(bare_python))
    else:
        variables |= {
            "ansible_python_interpreter": "auto_silent",
            "ansible_interpreter_python_fallback": [str(bare_python)],
        }
    inventory, playbook = tmp_path / "hosts.json", tmp_path / "play.yml"
    inventory.write_text(json.dumps({"others": {"hosts": {"other": variables}}}), encoding="utf-8")
    play = {"hosts": "other", "gather_facts": False, "roles": ["netns.fabric.openvswitch"]}
    playbook.write_text(json.dumps([play]), encoding="utf-8")
    with hidden(host):
        plays = Plays(Shell(testinfra.get_host("local://")))
        played = plays.attempt(playbook, "--check", "--inventory", str(inventory))
    assert played.status == 0, played.output
    assert "python3-pyroute2 would be installed" in played.output


@pytest.mark.parametrize("shares_packages", [False, True], ids=["RedHat", "Debian"])
def test_a_second_python_beside_the_distributions(play: Play, shares_packages: bool) -> None:
    """The distribution's package is for its own Python only; those of Debian share their packages."""
    found = {"openvswitch": "answers", "pyroute2": False, "firewall": True, "prefix": "/usr", "venv": False}
    pythons = {"python": "/usr/bin/python3.99", "real_python": "/usr/bin/python3.99"}
    found |= {**pythons, "distributions_python": "/usr/bin/python3.11", "shares_packages": shares_packages}
    variables = json.dumps({"openvswitch__found": found})
    played = play("--check", "--extra-vars", variables, roles=["netns.fabric.openvswitch"])
    refusal = "pyroute2 is missing for /usr/bin/python3.99, the Python that Ansible uses on this host"
    assert (refusal in played.words) is not shares_packages, played.output
    assert ("python3-pyroute2 would be installed" in played.output) is shares_packages
    assert (played.status == 0) is shares_packages


def test_check_mode_for_a_host_without_a_switch(host: Host, play: Play, bare_python: Path) -> None:
    role = {"ansible.builtin.import_role": {"name": "netns.fabric.openvswitch", "tasks_from": "requirements"}}
    with hidden(host):
        played = play("--check", "--extra-vars", f"ansible_python_interpreter={bare_python}", tasks=[role])
    assert (played.status, played.changed) == (0, 1), played.output
    assert "python3-pyroute2 would be installed" in played.output


def test_check_mode_of_site_on_a_bare_host(host: Host, bare_python: Path) -> None:
    plays = Plays(Shell(testinfra.get_host("local://")))
    with hidden(host, "ovs-vsctl"):
        played = plays.attempt(
            "netns.fabric.site", "--check", "--extra-vars", f"ansible_python_interpreter={bare_python}"
        )
    assert played.status == 0, played.output
    assert "openvswitch-switch would be installed" in played.output
    assert "pyroute2 is not installed on this host, and check mode does not install it" in played.words


def test_check_mode_foretells_the_start(play: Play) -> None:
    own_host.stop_ovs()
    simulated = play("--check", roles=["netns.fabric.openvswitch"])
    applied = play(roles=["netns.fabric.openvswitch"])
    assert (simulated.status, applied.status) == (0, 0), simulated.output + applied.output
    assert (simulated.changed, applied.changed) == (1, 1)
    assert play("--check", roles=["netns.fabric.openvswitch"]).changed == 0


# The kernel module


@pytest.mark.parametrize("check", [[], ["--check"]], ids=["run", "check"])
def test_module_that_is_loaded_meanwhile_does_not_count_as_changed(host: Host, play: Play, check: list[str]) -> None:
    """As by the start of the service when its package is installed: `creates` skips the command."""
    found = {"openvswitch": "answers", "kernel": "available", "pyroute2": True, "firewall": True}
    host.run("mount", "-t", "tmpfs", "none", "/sys/module")
    try:
        Path("/sys/module/openvswitch").mkdir()
        variables = json.dumps({"openvswitch__found": found})
        played = play(*check, "--extra-vars", variables, roles=["netns.fabric.openvswitch"])
    finally:
        host.run("umount", "/sys/module")
    assert (played.status, played.changed) == (0, 0), played.output


KERNEL_MODULE_STATE = """
import sys
sys.path.insert(0, sys.argv[1])
import check_host
check_host.LOADED = check_host.INSTALLED = sys.argv[2]
print(check_host.kernel_module_state())
"""


@pytest.mark.parametrize("capability", [True, False])
def test_module_counts_as_available_where_it_can_be_loaded(host: Host, tmp_path: Path, capability: bool) -> None:
    """A container may see the modules of the host, and cannot load one: nothing is left to do there."""
    directory = tmp_path / os.uname().release
    directory.mkdir()
    (directory / "modules.dep").write_text("kernel/net/openvswitch/openvswitch.ko.xz: a b\n", encoding="ascii")
    lacking = [] if capability else ["setpriv", "--bounding-set=-sys_module", "--inh-caps=-all"]
    files = COLLECTION / "roles" / "openvswitch" / "files"
    found = host.run(*lacking, "/usr/bin/python3", "-B", "-c", KERNEL_MODULE_STATE, str(files), str(tmp_path))
    assert found.stdout.strip() == ("available" if capability else "none")

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed roles as a part of a larger play: two hosts side by side, a user who is not root, two interpreters.

Each host is one of its own. Ansible's ssh connection logs in there, with a program in the place of `ssh` that enters
the host and becomes an ordinary user, where a real one would go through the network: all the rest is the real thing.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers import own_host
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.package.artefact.conftest import TARGET_PYTHON, Ansible

PLAY = Path(__file__).with_name("files") / "larger_play.yml"
SYSTEM_PYTHON = "/usr/bin/python3"
USER = "nobody"
HOSTS = ("alpha", "beta")

# Runs in a host: the user may become root there, and only there, as the file is the host's own.
START = f"""
[ -e /etc/sudoers ] || exit 1
echo '{USER} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers
chmod 440 /etc/sudoers
: > /run/ready
exec sleep infinity
"""

# Called as ssh is: options first, the host's name, and the command for the user's shell.
SSH = """#!/bin/sh
while [ $# -gt 2 ]; do shift; done
case "$1" in alpha) pid={alpha} ;; beta) pid={beta} ;; *) echo "no such host: $1" >&2; exit 255 ;; esac
exec nsenter --target "$pid" --mount --net --pid --wd=/ \\
    setpriv --reuid={user} --regid=nogroup --clear-groups env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/ sh -c "$2"
"""


@dataclass(frozen=True)
class Labs:
    """The two hosts: the pids of processes in them, and their inventory."""

    pids: dict[str, int]
    inventory: Path
    ansible: Ansible

    def inside(self, host: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a host, as root, and return its result."""
        enter = ["nsenter", "--target", str(self.pids[host]), "--mount", "--net", "--pid", "--wd=/"]
        return subprocess.run([*enter, *command], capture_output=True, text=True, timeout=60, check=False)

    def namespaces(self, host: str) -> set[str]:
        """Return the names of a host's namespaces."""
        return set(self.inside(host, "ls", "/run/netns").stdout.split())

    def masquerades(self, host: str) -> bool:
        """Return whether a host has the red lab's NAT."""
        return "10.61.0.0/24" in self.inside(host, "nft", "list", "ruleset").stdout

    def play(self, *options: str) -> tuple[str, dict[str, dict[str, int]]]:
        """Run the larger play; return its output, and the recap's numbers by host."""
        output = self.ansible.run("ansible-playbook", "--inventory", str(self.inventory), str(PLAY), *options)
        recap = dict(re.findall(r"^(alpha|beta)\s*:(.*)$", output, re.MULTILINE))
        return output, {host: {k: int(n) for k, n in re.findall(r"(\w+)=(\d+)", line)} for host, line in recap.items()}


def start_host(name: str, log: Path) -> subprocess.Popen[bytes]:
    """Start a host of its own that runs until it is ended."""
    with log.open("wb") as output:
        command = own_host.command_line(["sh", "-c", START])
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def pid_inside(host: subprocess.Popen[bytes]) -> int:
    """Return the pid, as we see it, of the command of a host, once it is ready; wait up to 30 s."""
    wait_until(lambda: bool(_sleepers(host)), 30, otherwise="a host of its own did not come up")
    return _sleepers(host)[0]


def _sleepers(host: subprocess.Popen[bytes]) -> list[int]:
    """Return the pid of sleep(1), if it runs: the daemons of Open vSwitch are children of the first process, too."""
    first = _children(host.pid)
    return [pid for pid in (_children(first[0]) if first else []) if _name(pid) == "sleep"]


def _name(pid: int) -> str:
    """Return the name of a process, an empty one if it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


@pytest.fixture(scope="module", name="labs")
def fixture_labs(installed: Ansible, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    """Start two hosts and write the inventory: the one with the system's Python, the other with a venv's."""
    assert own_host.is_inside(), "these tests run in a host of their own only: `.venv/bin/nox -s artefact`"
    directory = tmp_path_factory.mktemp("labs")
    started = {name: start_host(name, directory / f"{name}.log") for name in HOSTS}
    try:
        pids = {name: pid_inside(host) for name, host in started.items()}
        ssh = directory / "ssh"
        ssh.write_text(SSH.format(user=USER, **pids), encoding="ascii")
        ssh.chmod(stat.S_IRWXU)
        pythons = {"alpha": SYSTEM_PYTHON, "beta": os.environ.get(TARGET_PYTHON) or sys.executable}
        hosts = {name: {"ansible_python_interpreter": python} for name, python in pythons.items()}
        shared = {
            "ansible_connection": "ssh",
            "ansible_ssh_executable": str(ssh),
            "ansible_ssh_transfer_method": "piped",
            "ansible_remote_tmp": "/tmp/.ansible-${USER}-larger-play",  # noqa: S108  # on the managed host, as Ansible has it
            "ansible_become_method": "sudo",
        }
        inventory = directory / "hosts.json"
        labs = {"labs": {"hosts": hosts, "vars": shared}}
        inventory.write_text(json.dumps({"all": {"children": labs}}), encoding="utf-8")
        yield Labs(pids, inventory, installed)
    finally:
        for host in started.values():
            host.terminate()
        for host in started.values():
            host.wait(timeout=30)


def test_play_builds_both_labs_on_each_host(labs: Labs) -> None:
    output, recap = labs.play()
    assert output.count("PLAY [Two labs on every host]") == 2, output
    assert set(recap) == set(HOSTS)
    for host in HOSTS:
        assert recap[host]["changed"] >= 2, output
        assert labs.namespaces(host) == {"red", "blue1", "blue2"}
        assert labs.masquerades(host)
        assert labs.inside(host, "ip", "netns", "exec", "blue1", "ping", "-c1", "-w5", "10.62.0.2").returncode == 0
        assert labs.inside(host, "ip", "netns", "exec", "red", "ping", "-c1", "-w5", "10.61.0.254").returncode == 0
    # Only notified handlers run, and the handlers of the roles do not replace those of the play.
    assert "the play's own handler ran" not in output


def test_second_run_and_check_mode_change_nothing(labs: Labs) -> None:
    for options in ((), ("--check", "--diff")):
        output, recap = labs.play(*options)
        assert [recap[host]["changed"] for host in HOSTS] == [0, 0], output


def test_handler_of_the_play_runs_once_per_host(labs: Labs) -> None:
    output, _recap = labs.play("--extra-vars", "announce_change=true", "--tags", "all")
    assert output.count("RUNNING HANDLER [Restart Open vSwitch]") == 2, output


def test_limit_does_not_change_the_other_host(labs: Labs) -> None:
    extra = json.dumps({"extra_namespaces": [{"name": "red2"}]})
    _output, recap = labs.play("--limit", "beta", "--extra-vars", extra, "--check")
    assert recap["beta"]["changed"] > 0
    assert "red2" not in labs.namespaces("beta")
    _output, recap = labs.play("--limit", "beta", "--extra-vars", extra)
    assert set(recap) == {"beta"}
    assert "red2" in labs.namespaces("beta")
    assert "red2" not in labs.namespaces("alpha")
    # A namespace removed from the red lab's list is deleted; those of the blue lab, which it never had, stay.
    labs.play()
    assert labs.namespaces("beta") == {"red", "blue1", "blue2"}


def test_tags_run_one_part(labs: Labs) -> None:
    labs.inside("alpha", "nft", "flush", "ruleset")
    labs.inside("alpha", "ip", "netns", "delete", "blue2")
    labs.play("--tags", "nat")
    assert labs.masquerades("alpha")
    assert "blue2" not in labs.namespaces("alpha")
    labs.play("--tags", "topology")
    assert "blue2" in labs.namespaces("alpha")
    assert labs.inside("alpha", "ip", "netns", "exec", "blue1", "ping", "-c1", "-w5", "10.62.0.2").returncode == 0

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks inside namespaces: over a local connection as root, over SSH as ordinary users, with pipelining and without."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.kernel import Kernel
from ansible_collections.netns.fabric.tests.helpers.login import PASSWORD, PLACE
from ansible_collections.netns.fabric.tests.helpers.plays import COLLECTION, INVENTORY, Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell

SEEN = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
SCENARIO = COLLECTION / "extensions" / "molecule" / "inside"
INVENTORY_OF_NAMESPACES = f"--inventory={SCENARIO / 'inventory'}"

pipelining = pytest.mark.parametrize("pipelining", ["0", "1"], ids=["files", "pipelining"])


def ad_hoc(shell: Shell, pipelining: str, *arguments: str) -> Any:
    """Run `ansible` with both inventories and return testinfra's result, with unwrapped output."""
    environment = [f"ANSIBLE_PIPELINING={pipelining}", "ANSIBLE_NOCOLOR=1", "ANSIBLE_FORCE_COLOR=0", "COLUMNS=1000"]
    command = ["ansible", f"--inventory={INVENTORY}", INVENTORY_OF_NAMESPACES, *arguments]
    return shell.attempt("env", *environment, *command)


def in_the_shell(shell: Shell, pipelining: str, where: str, script: str, *options: str) -> list[str]:
    """Run a script by the module shell in one namespace, and return the lines that it prints."""
    ran = ad_hoc(shell, pipelining, where, "-m", "ansible.builtin.shell", "-a", script, *options)
    assert ran.rc == 0, ran.stdout + ran.stderr
    return str(ran.stdout).splitlines()[1:]


def test_twenty_namespaces_in_parallel_see_their_own_network(plays: Plays, kernel: Kernel) -> None:
    played = plays.run(
        SCENARIO / "plays" / "gather_facts.yml",
        INVENTORY_OF_NAMESPACES,
        "--extra-vars=gathered=on_fabric",
        "--forks=20",
    )
    assert played.output.count("failed=0") == 20
    assert len(kernel.links()) > 20  # the host has other links as well


def test_namespaces_over_ssh_and_sudo_see_their_own_network(plays: Plays) -> None:
    gathered = "--extra-vars=gathered=ns01.operator:ns20.operator"
    played = plays.run(SCENARIO / "plays" / "gather_facts.yml", INVENTORY_OF_NAMESPACES, gathered)
    assert played.output.count("failed=0") == 2


def test_web_server_in_one_namespace_is_reached_from_the_others(plays: Plays, shell: Shell) -> None:
    plays.run(SCENARIO / "plays" / "web_server.yml", INVENTORY_OF_NAMESPACES, "--forks=20")
    listening = ["ss", "--listening", "--tcp", "--numeric", "--no-header", "sport", "=", "8080"]
    assert shell.run(*listening) == ""
    assert ":8080" in shell.run("ip", "netns", "exec", "ns01", *listening)


@pipelining
@pytest.mark.parametrize("where", ["ns02.fabric", "ns02.operator"])
def test_become_root_in_a_namespace(shell: Shell, pipelining: str, where: str) -> None:
    # Without sudo the environment is that of the login.
    home = {"ns02.fabric": os.environ["HOME"], "ns02.operator": str(PLACE / "home" / "root")}[where]
    script = "id -un; echo $HOME; ip netns identify $$"
    assert in_the_shell(shell, pipelining, where, script) == ["root", home, "ns02"]


@pipelining
@pytest.mark.parametrize("user", ["root", "operator"])
def test_become_user_same_as_login_user_runs_in_the_namespace(shell: Shell, pipelining: str, user: str) -> None:
    """Ansible skips become where both are the same, and the task would run on the host."""
    where = {"root": "ns02.fabric", "operator": "ns02.operator"}[user]
    chosen = f"--become-user={user}"
    assert in_the_shell(shell, pipelining, where, "id -un; ip netns identify $$", chosen) == [user, "ns02"]


# Without pipelining, files of another ordinary user cannot be read: Ansible's documentation, "Risks of becoming an
# unprivileged user".
@pytest.mark.parametrize(
    ("pipelining", "where"),
    [("0", "ns02.fabric"), ("1", "ns02.fabric"), ("1", "ns02.operator"), ("1", "ns02.cautious")],
)
def test_become_another_user_in_a_namespace(shell: Shell, pipelining: str, where: str) -> None:
    # An interpreter that every user may run: that of the tests may be in a home directory.
    interpreter = ("-e", "ansible_python_interpreter=/usr/bin/python3")
    options = ("--become-user=nobody", *interpreter, *(["-e", password()] if where == "ns02.cautious" else []))
    script = "id -un; echo $HOME; ip netns identify $$"
    assert in_the_shell(shell, pipelining, where, script, *options) == ["nobody", "/nonexistent", "ns02"]


def password(text: str = PASSWORD) -> str:
    """Return extra variables with a password, quoted for YAML."""
    quoted = text.replace("'", "''")
    return f"{{ansible_become_password: '{quoted}'}}"


@pipelining
def test_become_password_for_sudo(shell: Shell, pipelining: str) -> None:
    assert in_the_shell(shell, pipelining, "ns03.cautious", "ip netns identify $$", "-e", password()) == ["ns03"]


@pipelining
def test_wrong_or_missing_become_password_fails(shell: Shell, pipelining: str) -> None:
    wrong = ad_hoc(shell, pipelining, "ns03.cautious", "-m", "ansible.builtin.ping", "-e", password("wrong"))
    assert wrong.rc != 0
    assert "Incorrect netns.fabric.netns password" in wrong.stdout + wrong.stderr
    none = ad_hoc(shell, pipelining, "ns03.cautious", "-m", "ansible.builtin.ping")
    assert none.rc != 0
    assert "Missing netns.fabric.netns password" in none.stdout + none.stderr


@pipelining
@pytest.mark.parametrize("where", ["ns02.fabric", "ns02.operator"])
@pytest.mark.parametrize("kind", ["missing", "stale"])
def test_missing_namespace_fails(shell: Shell, pipelining: str, where: str, kind: str) -> None:
    shell.run("touch", "/run/netns/stale")
    ran = ad_hoc(shell, pipelining, where, "-m", "ansible.builtin.ping", "-e", f"ansible_netns={kind}")
    shell.run("rm", "/run/netns/stale")
    output = ran.stdout + ran.stderr
    assert ran.rc != 0
    assert f"there is no network namespace '{kind}' on this host" in output
    assert "netns.fabric.topology" in output
    assert "UNREACHABLE" not in output
    assert "deserialization" not in output


def test_invalid_namespace_name_fails(shell: Shell) -> None:
    ran = ad_hoc(shell, "1", "ns02.fabric", "-m", "ansible.builtin.ping", "-e", "ansible_netns=../net")
    assert ran.rc != 0
    assert "has a '/' in it" in ran.stdout + ran.stderr


def test_topology_diagram(shell: Shell) -> None:
    diagram = (SEEN / "topology.svg").read_text(encoding="utf-8")
    assert diagram.startswith("<?xml")
    assert all(f"192.168.100.{number}/24" in diagram for number in range(1, 21))


def test_topology_diagram_check_mode_writes_no_file(plays: Plays) -> None:
    path = SEEN / "topology.md"
    path.unlink(missing_ok=True)
    options = [INVENTORY_OF_NAMESPACES, f"--extra-vars=topology_diagram={path}", "--extra-vars=fabric_hosts=fabric"]
    assert plays.run("netns.fabric.site", *options, "--check", "--tags=diagram").changed == 1
    assert not path.exists()
    assert plays.run("netns.fabric.site", *options, "--tags=diagram").changed == 1
    lines = path.read_text(encoding="utf-8").splitlines()
    assert (lines[0], lines[2], lines[-1]) == ("```mermaid", "flowchart LR", "```")
    assert plays.run("netns.fabric.site", *options, "--tags=diagram").changed == 0

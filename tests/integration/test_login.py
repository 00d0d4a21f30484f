# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays over SSH as a login that is not root and becomes root by sudo: tasks inside a namespace, and the roles."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import testinfra

from ansible_collections.netns.fabric.tests.helpers import login
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.plays import COLLECTION, Played, Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell

INVENTORY = COLLECTION / "extensions" / "molecule" / "inside" / "inventory" / "logins.yml"
HOME = login.PLACE / "home" / "operator"
HOME_OF_ROOT = login.PLACE / "home" / "root"
SUDOERS = Path("/etc/sudoers.d/test")
#: Names that the check of the role openvswitch imports or runs.
PLANTED_MODULES = ("json", "os", "shutil", "site", "subprocess", "importlib", "pyroute2", "ansible")
PLANTED_PROGRAMS = (
    *("ovs-vsctl", "ovs-appctl", "nft", "iptables", "iptables-save", "iptables-restore", "modprobe", "firewall-cmd"),
    *("ip", "stat", "runuser", "timeout", "cat"),
)

Task = dict[str, Any]
RunTasks = Callable[..., Played]


@pytest.fixture(autouse=True, name="logins")
def fixture_logins(host: Host) -> Iterator[None]:
    """Provide the logins, with the sudoers(5) and the home directory that they begin with, and the namespace ns01."""
    if not login.PLACE.exists():
        login.prepare()
    host.run("ip", "netns", "add", "ns01")
    before = {path.name for path in HOME.iterdir()}
    yield
    SUDOERS.unlink(missing_ok=True)
    for path in HOME.iterdir():
        if path.name not in before:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def run_tasks(tmp_path: Path) -> RunTasks:
    """Return a function that runs tasks on a host of the inventory, over SSH as `operator`."""
    namespaces = tmp_path / "namespaces.netns.yml"
    namespaces.write_text(json.dumps({"plugin": "netns.fabric.topology", "hosts": ["operator"]}), encoding="utf-8")
    plays = Plays(Shell(testinfra.get_host("local://")))

    def run(tasks: Sequence[Task], where: str = "operator", options: Sequence[str] = (), **play: Any) -> Played:
        playbook = tmp_path / "play.yml"
        content = [{"hosts": where, "gather_facts": False, "tasks": list(tasks), **play}]
        playbook.write_text(json.dumps(content), encoding="utf-8")
        # One connection for all tasks: only plays against several hosts at a time are too much for it. The socket
        # is the test host's own: another one, side by side, would have the same name in Ansible's directory.
        arguments = f"-o ControlMaster=auto -o ControlPersist=5s -o ControlPath={login.PLACE}/connection"
        shared = ["--extra-vars", json.dumps({"ansible_ssh_args": arguments})]
        inventories = [f"--inventory={INVENTORY}", f"--inventory={namespaces}"]
        return plays.attempt(playbook, *inventories, *shared, *options)

    return run


#: How a play gets into the namespace ns01: the host of the inventory plugin, or the become plugin alone.
WAYS: dict[str, dict[str, Any]] = {
    "inventory": {"where": "ns01.operator"},
    "become": {"become": True, "become_method": "netns.fabric.netns", "vars": {"ansible_netns": "ns01"}},
}
IDENTIFY = {"name": "Show the namespace", "ansible.builtin.shell": "/usr/bin/id -un; /usr/sbin/ip netns identify $$"}


@pytest.fixture(params=WAYS, name="way")
def fixture_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give the options of a play; one way is tried with pipelining, one with files that Ansible copies to the host."""
    monkeypatch.setenv("ANSIBLE_PIPELINING", "1" if request.param == "become" else "0")
    return WAYS[str(request.param)]


def assert_that(*conditions: str) -> Task:
    return {"ansible.builtin.assert": {"that": list(conditions)}}


def test_asynchronous_tasks(run_tasks: RunTasks, way: dict[str, Any]) -> None:
    in_background = {"ansible.builtin.command": {"argv": ["sh", "-c", "id -u; ip netns identify $$"]}, "async": 60}
    played = run_tasks(
        [
            {**in_background, "poll": 1, "register": "polled"},
            assert_that("polled.stdout_lines == ['0', 'ns01']"),
            {**in_background, "poll": 0, "register": "started"},
            {
                "ansible.builtin.async_status": {"jid": "{{ started.ansible_job_id }}"},
                "register": "job",
                "until": "job.finished",
                "retries": 50,
                "delay": 0.2,
            },
            assert_that("job.stdout_lines == ['0', 'ns01']"),
        ],
        **way,
    )
    assert played.status == 0, played.output
    assert (HOME_OF_ROOT / ".ansible_async").is_dir()
    assert not (HOME / ".ansible_async").exists()


def test_home_directory_is_roots(run_tasks: RunTasks, way: dict[str, Any], tmp_path: Path) -> None:
    """The same file as with sudo: the tilde is expanded where the task runs."""
    (tmp_path / "template.j2").write_text("in {{ ansible_netns }}\n", encoding="utf-8")
    played = run_tasks(
        [
            {"ansible.builtin.copy": {"content": "copied\n", "dest": "~/copied", "mode": "0600"}},
            {"ansible.builtin.template": {"src": str(tmp_path / "template.j2"), "dest": "~/templated", "mode": "0600"}},
            {"ansible.builtin.stat": {"path": "~/copied"}, "register": "seen"},
            assert_that("seen.stat.exists and seen.stat.uid == 0"),
        ],
        **way,
    )
    assert played.status == 0, played.output
    assert (HOME_OF_ROOT / "copied").read_text(encoding="ascii") == "copied\n"
    assert (HOME_OF_ROOT / "templated").read_text(encoding="ascii") == "in ns01\n"
    assert not (HOME / "copied").exists()


def test_become_user_of_the_task_has_his_own_home(run_tasks: RunTasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_PIPELINING", "1")
    task = {"ansible.builtin.file": {"path": "~/made", "state": "touch", "mode": "0600"}, "become_user": "operator"}
    played = run_tasks([task], where="ns01.operator")
    assert played.status == 0, played.output
    assert (HOME / "made").stat().st_uid == login.LOGINS["operator"]


@pytest.mark.skipif(
    subprocess.run(["/usr/bin/python3", "-c", "import apt"], capture_output=True, check=False).returncode != 0,
    reason="the module package needs python3-apt here, and would install it",
)
def test_package(run_tasks: RunTasks, way: dict[str, Any]) -> None:
    task = {"ansible.builtin.package": {"name": "iproute2", "state": "present"}, "register": "result"}
    played = run_tasks([task, assert_that("result is not changed")], **way)
    assert played.status == 0, played.output


# What a host can be


@pytest.mark.parametrize("become_user", ["root", "nobody"])
def test_sudo_with_a_secure_path_without_sbin(run_tasks: RunTasks, become_user: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("ANSIBLE_PIPELINING", "1")
    SUDOERS.write_text('Defaults secure_path="/usr/local/bin"\n', encoding="ascii")
    identify = {"ansible.builtin.shell": "/usr/bin/id -un; /usr/sbin/ip netns identify $$", "register": "seen"}
    tasks = [{**identify, "become_user": become_user}, assert_that(f"seen.stdout_lines == ['{become_user}', 'ns01']")]
    played = run_tasks(tasks, where="ns01.operator")
    assert played.status == 0, played.output


def test_namespace_directory_that_only_root_can_read(run_tasks: RunTasks) -> None:
    """As `umask 077; ip netns add` leaves it."""
    directory = Path("/run/netns")
    directory.chmod(0o700)
    try:
        played = run_tasks([{**IDENTIFY, "register": "seen"}, assert_that("'ns01' in seen.stdout")], "ns01.operator")
        missing = run_tasks([IDENTIFY], "ns02.operator")
    finally:
        directory.chmod(0o755)
    assert played.status == 0, played.output
    assert missing.status != 0
    assert "there is no network namespace 'ns02' on this host" in missing.words
    assert "UNREACHABLE" not in missing.output


def test_busybox_ip(run_tasks: RunTasks, host: Host, tmp_path: Path) -> None:
    """An `ip` without namespaces, in the place of iproute2's."""
    fake = tmp_path / "ip"
    fake.write_text("#!/bin/sh\necho 'BusyBox v1.36.1 multi-call binary.' >&2\nexit 1\n", encoding="ascii")
    fake.chmod(0o755)
    tmp_path.chmod(0o755)
    program = Path(shutil.which("ip") or "").resolve()
    host.run("mount", "--bind", str(fake), str(program))
    try:
        played = run_tasks([IDENTIFY], "ns01.operator")
    finally:
        host.run("umount", str(program))
    assert played.status != 0
    assert "is not that of iproute2 (busybox has one without namespaces); install iproute2" in played.words


# What a login can plant


@pytest.fixture
def planted() -> Path:
    """Put programs and Python modules into the login's home directory that report who runs them."""
    report = login.PLACE / "report"
    report.unlink(missing_ok=True)
    for name in PLANTED_MODULES:
        text = (
            f"import posix\nf = posix.open({str(report)!r}, posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND, 0o666)\n"
        )
        text += f"posix.write(f, b'{name}.py %d\\n' % posix.geteuid())\n"
        (HOME / f"{name}.py").write_text(text, encoding="ascii")
    for name in PLANTED_PROGRAMS:
        program = HOME / name
        program.write_text(f"#!/bin/sh\necho {name} $(/usr/bin/id -u) >> {report}\nexit 1\n", encoding="ascii")
        program.chmod(0o755)
    login.run("chown", "-R", "operator:operator", str(HOME))
    return report


#: Plays that start programs as root.
ATTACKED: dict[str, dict[str, Any]] = {
    "role openvswitch": {"roles": ["netns.fabric.openvswitch"], "become": True},
    "role topology": {"roles": ["netns.fabric.topology"], "become": True, "vars": {"topology_verify": False}},
    "become plugin": {"where": "ns01.operator", "tasks": [IDENTIFY]},
}


@pytest.mark.parametrize("play", ATTACKED)
@pytest.mark.parametrize("path", ["secure_path", "PATH of the login"])
def test_nothing_of_a_logins_home_runs_as_root(
    run_tasks: RunTasks, planted: Path, monkeypatch: pytest.MonkeyPatch, play: str, path: str
) -> None:
    monkeypatch.setenv("ANSIBLE_PIPELINING", "1")
    options = dict(ATTACKED[play])
    if path == "PATH of the login":
        # As with `su`, or sudo without secure_path: with a directory of the login's, and the current one.
        SUDOERS.write_text("Defaults !secure_path\nDefaults env_keep += PATH\n", encoding="ascii")
        options["environment"] = {"PATH": f"{HOME}:.:/usr/bin:/bin"}
    played = run_tasks(options.pop("tasks", ()), **options)
    assert played.status == 0, played.output
    assert not planted.exists(), planted.read_text(encoding="ascii")


def test_check_of_the_host_imports_nothing_of_the_current_directory(planted: Path) -> None:
    """The command of the role, as root in the login's home directory; the modules there are imported without -I."""
    script = COLLECTION / "roles" / "openvswitch" / "files" / "check_host.py"
    command = ["/usr/bin/python3", "-I", "-c", script.read_text(encoding="utf-8"), "10"]
    ran = subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(ran.stdout)["openvswitch"] == "answers", ran.stderr
    assert json.loads(ran.stdout)["pyroute2"] == (importlib.util.find_spec("pyroute2") is not None)
    assert not planted.exists()

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that wait for a confirmation, and are rolled back by the host without one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core import confirmation
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_document import path_of
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_units import COMMAND
from ansible_collections.netns.fabric.tests.helpers import login, module_runner, own_host, snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.plays import COLLECTION

INVENTORY = COLLECTION / "extensions" / "molecule" / "inside" / "inventory" / "logins.yml"
#: More than any test takes, even on a busy machine: runs that are confirmed, or rolled back at once.
LONG = 120
#: Runs that are rolled back at the end of their time.
SHORT = confirmation.SECONDS_MIN
OWNERSHIP: dict[str, Any] = {"owner": "lab", "prune": True}


def step(module: str, **options: Any) -> dict[str, Any]:
    return {"module": module, "options": options}


def lab(*names: str) -> list[dict[str, Any]]:
    """Namespaces on a bridge, with NAT."""
    pairs = [
        {
            "name": "eth0",
            "namespace": name,
            "addresses": [f"192.0.2.{number}/24"],
            "peer": {"name": f"{name}-tap"},
        }
        for number, name in enumerate(names, 1)
    ]
    ports = [{"name": f"{name}-tap", "bridge": "br", "peer": {"name": "eth0", "namespace": name}} for name in names]
    bridge = [{"name": "br"}] if names else []
    links = [{"name": "br", "addresses": ["192.0.2.254/24"], "enabled": True}] if names else []
    rules = [{"source": "192.0.2.0/24"}] if names else []
    return [
        step("netns", namespaces=[{"name": name} for name in names], **OWNERSHIP),
        step("ovs_bridge", bridges=bridge, **OWNERSHIP),
        step("veth", pairs=pairs, **OWNERSHIP),
        step("link", links=links, **OWNERSHIP),
        step("nat_masquerade", rules=rules, **OWNERSHIP),
        step("ovs_port", ports=ports, **OWNERSHIP),
    ]


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def keeper() -> int:
    """Return the process that waits."""
    found = [
        int(line.split("pid=")[1].split(",")[0])
        for line in subprocess.run(
            ["ss", "-xlpn", "src", confirmation.SOCKET], capture_output=True, text=True, check=True, timeout=20
        ).stdout.splitlines()
        if "pid=" in line
    ]
    assert len(found) == 1
    return found[0]


def ended() -> bool:
    return not os.path.exists(confirmation.SOCKET)


@pytest.fixture(autouse=True)
def no_run_waits() -> Iterator[None]:
    """End what a test has left."""
    yield
    if confirmation.is_alive():
        os.kill(keeper(), signal.SIGTERM)
        wait_until(ended)
    confirmation.remove_record()


def test_a_confirmed_run_stays(run_module: Run) -> None:
    before = snapshot.take()
    checked = run_module("sequence", _check=True, steps=lab("red", "blue"), confirm={"seconds": LONG})
    snapshot.assert_unchanged(before, "the host after check mode")
    assert ended()
    applied = run_module("sequence", steps=lab("red", "blue"), confirm={"seconds": LONG, "id": "mine"})
    assert not applied.failed, applied.message
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)
    assert applied.returned["confirmation"] == {"id": "mine", "seconds": LONG}
    done = snapshot.take()
    wrong = run_module("confirmation", id="another")
    assert wrong.failed
    assert "is mine, not another" in wrong.message
    assert run_module("confirmation", _check=True, id="mine").changed
    assert run_module("confirmation", id="mine").changed
    assert ended()
    snapshot.assert_unchanged(done, "the host after the confirmation")
    again = run_module("sequence", steps=lab("red", "blue"), confirm={"seconds": LONG})
    assert (again.failed, again.changed, again.warnings) == (False, False, [])
    assert "confirmation" not in again.returned
    assert ended()
    late = run_module("confirmation")
    assert late.failed
    assert "no run waits for a confirmation on this host" in late.message


def test_an_unconfirmed_run_is_rolled_back(run_module: Run) -> None:
    before = snapshot.take()
    assert not run_module("sequence", steps=lab("red", "blue"), confirm={"seconds": SHORT, "id": "mine"}).failed
    wait_until(ended)
    late = run_module("confirmation", id="mine")
    assert late.failed
    assert f"mine: no confirmation came within {SHORT} s. All of its changes were rolled back" in late.message
    snapshot.assert_unchanged(before, "the host after the rollback")


@pytest.mark.parametrize("names", [(), ("red",), ("blue", "green")], ids="-".join)
def test_changes_of_a_lab_are_rolled_back_at_once(host: Host, run_module: Run, names: tuple[str, ...]) -> None:
    """Namespaces that are removed come back with their links, addresses and ports."""
    assert not run_module("sequence", steps=lab("red", "blue")).failed
    host.in_namespace("red", "ping", "-nqc1", "-w5", "192.0.2.2")
    before = snapshot.take()
    steps = lab(*names) if names else list(reversed(lab()))
    applied = run_module("sequence", steps=steps, confirm={"seconds": LONG})
    assert applied.changed, applied.message
    assert run_module("confirmation", _check=True, state="rolled_back").changed
    undone = run_module("confirmation", state="rolled_back")
    assert undone.changed, undone.message
    # Open vSwitch re-creates the device of a bridge with another index.
    snapshot.assert_equal_host(before, "the host after the rollback")
    host.in_namespace("red", "ping", "-nqc1", "-w5", "192.0.2.2")
    assert not run_module("confirmation", state="rolled_back").changed
    again = run_module("sequence", steps=lab("red", "blue"))
    assert (again.changed, again.diff, again.warnings) == (False, [], [])


# Over SSH


class Remote:
    """Plays over SSH from the outside world, as a login that is not root and becomes root by sudo."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def play(self, *tasks: dict[str, Any], check: bool = False, **play: Any) -> subprocess.CompletedProcess[str]:
        """Run tasks and return what ansible-playbook has printed."""
        playbook = self._directory / "play.yml"
        content = [{"hosts": "operator", "gather_facts": False, "become": True, "tasks": list(tasks), **play}]
        playbook.write_text(json.dumps(content), encoding="utf-8")
        shared = f"-o ControlMaster=auto -o ControlPersist=60s -o ControlPath={self._directory}/connection"
        variables = {"ansible_host": own_host.UPLINK_ADDRESS, "ansible_ssh_args": shared}
        environment = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_NOCOLOR": "1", "COLUMNS": "1000"}
        environment["ANSIBLE_CALLBACK_RESULT_FORMAT"] = "json"  # a line for each error
        return subprocess.run(
            [
                *("ip", "netns", "exec", own_host.OUTSIDE_NAMESPACE, "ansible-playbook", str(playbook)),
                *("--inventory", str(INVENTORY), "--extra-vars", json.dumps(variables)),
                *(["--check"] if check else []),
            ],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture
def remote(outside_world: Host, tmp_path: Path) -> Remote:
    """Provide plays over a network of which the host has one link, nic0: like a NIC, it can move into a namespace."""
    for line in (
        "addr flush dev uplink0",
        "link add nic0 link uplink0 address 02:00:00:00:00:09 type macvlan mode bridge",
        f"addr add {own_host.UPLINK_ADDRESS}/24 dev nic0",
        "link set nic0 up",
        f"route add default via {own_host.OUTSIDE_ADDRESS}",
        "netns add dmz",
    ):
        outside_world.run("ip", *line.split())
    if not login.PLACE.exists():
        login.prepare()
    if not (login.PLACE / f"dropbear-{own_host.UPLINK_ADDRESS}.pid").exists():
        login.listen(own_host.UPLINK_ADDRESS)
    return Remote(tmp_path)


def words(played: subprocess.CompletedProcess[str]) -> str:
    return " ".join((played.stdout + played.stderr).split())


def role(**variables: Any) -> dict[str, Any]:
    """A play of the role topology: a namespace into which the host's only link moves, which cuts the connection."""
    given = {
        "bridges": [],
        "namespaces": [{"name": "wan", "interfaces": [{"name": "nic0", "addresses": ["198.51.100.1/24"]}]}],
        "nat": [],
        "verify": False,
        **variables,
    }
    return {"roles": ["netns.fabric.topology"], "vars": {f"topology_{key}": value for key, value in given.items()}}


#: Changes that cut the connection, each with what the refusal names.
CUTS: dict[str, tuple[dict[str, Any], str]] = {
    "move": (step("link", name="nic0", namespace="dmz"), "nic0 moves to the namespace dmz"),
    "address": (step("link", name="nic0", addresses=["198.51.100.77/24"]), "the address 198.51.100.1/24 is removed"),
    "down": (step("link", name="nic0", enabled=False), "nic0 is set down"),
    "below": (step("link", name="uplink0", enabled=False), "uplink0 is set down"),
    "deleted": (step("link", name="nic0", kind="macvlan", state="absent"), "nic0 is deleted"),
    "port": (step("ovs_port", name="nic0", bridge="br"), "ovs-vsctl add-port br nic0"),
}


@pytest.mark.parametrize("cut", CUTS)
def test_a_run_that_cuts_its_connection_is_refused(host: Host, remote: Remote, cut: str) -> None:
    """By the module itself as well as by a step of sequence, and in check mode."""
    host.run("ovs-vsctl", "add-br", "br", "--", "set", "Bridge", "br", "datapath_type=netdev")
    before = snapshot.take()
    change, reason = CUTS[cut]
    tasks: list[dict[str, Any]] = [
        {"netns.fabric.sequence": {"steps": [change]}, "ignore_errors": True},
        {f"netns.fabric.{change['module']}": change["options"], "ignore_errors": True},
    ]
    for check in (True, False):
        played = remote.play(*tasks, check=check)
        messages = [line for line in played.stdout.splitlines() if line.startswith("fatal:")]
        assert len(messages) == 2, played.stdout
        for message in messages:
            assert "the SSH connection from 198.51.100.2 to 198.51.100.1 comes in by nic0" in message
            assert reason in message
            assert "topology_confirm: 60" in message
    snapshot.assert_unchanged(before)


def test_the_role_is_refused_without_confirmation(remote: Remote) -> None:
    before = snapshot.take()
    for check in (True, False):
        played = remote.play(check=check, **role())
        assert played.returncode != 0
        assert "comes in by nic0, and would be cut" in words(played), played.stdout
    snapshot.assert_unchanged(before)


def uplink(**port: Any) -> dict[str, Any]:
    """A topology whose bridge has the host's only link as a port, and the host's address."""
    return {
        "bridges": [
            {
                "name": "edge",
                "addresses": [f"{own_host.UPLINK_ADDRESS}/24"],
                "ports": [{"name": "nic0", "addresses": [], **port}],
            }
        ],
        "namespaces": [
            {"name": "web", "interfaces": [{"name": "eth0", "bridge": "edge", "addresses": ["198.51.100.9/24"]}]}
        ],
        "host": {"routes": [{"destination": "default", "gateway": own_host.OUTSIDE_ADDRESS}]},
    }


def test_an_uplink_that_the_connection_comes_in_by_needs_a_confirmation(remote: Remote) -> None:
    before = snapshot.take()
    for check in (True, False):
        played = remote.play(check=check, **role(**uplink()))
        assert played.returncode != 0
        assert "comes in by nic0, and would be cut" in words(played), played.stdout
    snapshot.assert_unchanged(before)


def test_an_uplink_that_keeps_the_address_of_the_connection_is_refused(remote: Remote) -> None:
    """With a confirmation as well, before anything is changed: such a run could not be confirmed."""
    before = snapshot.take()
    for changes in ({"addresses": [f"{own_host.UPLINK_ADDRESS}/24"]}, {}):
        variables = uplink(**changes)
        if changes:
            del variables["bridges"][0]["addresses"]
        else:
            del variables["bridges"][0]["addresses"], variables["bridges"][0]["ports"][0]["addresses"]
        del variables["host"]
        for check in (True, False):
            played = remote.play(check=check, **role(confirm=LONG, **variables))
            assert played.returncode != 0
            assert "which keeps the address 198.51.100.1/24" in words(played), played.stdout
            assert "give the address to the bridge" in words(played)
    snapshot.assert_unchanged(before)


def test_an_uplink_gives_the_address_of_the_connection_to_the_bridge(host: Host, remote: Remote) -> None:
    """By a veth pair to the outside world, which takes the frames of a bridge: a macvlan has one address only."""
    for line in (
        "link del nic0",
        f"addr add {own_host.UPLINK_ADDRESS}/24 dev uplink0",
        f"route add default via {own_host.OUTSIDE_ADDRESS}",
    ):
        host.run("ip", *line.split())
    variables = uplink(name="uplink0")
    assert remote.play(check=True, **role(confirm=30, **variables)).returncode == 0
    played = remote.play(**role(confirm=30, **variables))
    assert played.returncode == 0, played.stdout
    assert ended()
    assert host.ovs_vsctl("iface-to-br", "uplink0") == "edge"
    assert "inet " not in host.run("ip", "addr", "show", "dev", "uplink0").stdout
    again = remote.play(**role(confirm=30, **variables))
    assert (again.returncode, "changed=0" in again.stdout) == (0, True), again.stdout
    # Who is outside reaches the host and the namespace by the uplink.
    for address in (own_host.UPLINK_ADDRESS, "198.51.100.9"):
        assert host.pings(address, own_host.OUTSIDE_NAMESPACE), address
    # What that bridge forwards is not changed without a confirmation.
    before = host.run("ovs-ofctl", "--no-stats", "dump-flows", "edge").stdout
    changes = (
        step("ovs_flow", bridge="edge", flows=["priority=1,arp,actions=drop"]),
        step("ovs_bridge", name="edge", fail_mode="secure"),
    )
    tasks = [{f"netns.fabric.{each['module']}": each["options"], "ignore_errors": True} for each in changes]
    played = remote.play(*tasks)
    refused = "comes in by edge, and may be cut: the flows of edge change"
    messages = [line for line in played.stdout.splitlines() if line.startswith("fatal:") and refused in line]
    assert len(messages) == len(changes), played.stdout
    assert host.run("ovs-ofctl", "--no-stats", "dump-flows", "edge").stdout == before


def test_a_host_that_was_cut_off_restores_itself(remote: Remote) -> None:
    """The play fails, and says why; the next one finds the host as before."""
    before = snapshot.take()
    assert remote.play(check=True, **role(confirm=SHORT)).returncode == 0
    played = remote.play(**role(confirm=SHORT))
    assert played.returncode != 0
    assert f"no confirmation came within {SHORT} s. All of its changes were rolled back" in words(played)
    snapshot.assert_unchanged(before)
    assert remote.play({"ansible.builtin.ping": {}}).returncode == 0


def test_the_role_confirms_a_run_that_keeps_the_connection(remote: Remote, run_module: Run) -> None:
    kept: dict[str, Any] = {"confirm": LONG, "bridges": [{"name": "br", "addresses": ["192.0.2.254/24"]}]}
    kept["namespaces"] = []
    played = remote.play(**role(**kept))
    assert played.returncode == 0, played.stdout
    assert ended()
    done = snapshot.take()
    again = remote.play(**role(**kept))
    assert (again.returncode, "changed=0" in again.stdout) == (0, True), again.stdout
    deleted = remote.play(check=True, **role(**kept, state="absent"))
    assert deleted.returncode == 0, deleted.stdout
    snapshot.assert_unchanged(done)
    assert remote.play(**role(**kept, state="absent")).returncode == 0
    assert ended()


def test_a_confirmation_needs_a_new_connection(remote: Remote) -> None:
    steps = [step("netns", name="red")]
    run = {"netns.fabric.sequence": {"steps": steps, "confirm": {"seconds": LONG, "id": "mine"}}}
    confirm: dict[str, Any] = {"netns.fabric.confirmation": {"id": "mine"}}
    played = remote.play(run, confirm)
    assert played.returncode != 0
    assert "the confirmation came by the SSH connection of the run itself" in words(played)
    again = remote.play({"ansible.builtin.meta": "reset_connection"}, confirm)
    assert again.returncode == 0, again.stdout
    assert ended()


# What can end meanwhile


def test_the_keeper_outlives_the_module_and_its_session(host: Host, run_module: Run) -> None:
    """Everything of the module's session and process group is killed, while it waits and while it applies."""
    before = snapshot.take()
    applied = run_module("sequence", steps=lab("red"), confirm={"seconds": SHORT})
    assert applied.changed, applied.message
    pid = keeper()
    assert os.getsid(pid) not in (os.getsid(0), 0)
    assert os.getpgid(pid) != os.getpgrp()
    assert {os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)} == {"/dev/null"}
    os.kill(pid, signal.SIGHUP)
    wait_until(ended)
    snapshot.assert_unchanged(before)


def test_a_module_that_is_killed_while_it_applies_leaves_the_keeper(run_module: Run) -> None:
    before = snapshot.take()
    options = {"steps": lab("red", "blue"), "confirm": {"seconds": SHORT, "id": "mine"}}
    module = subprocess.Popen(
        [module_runner.target_python(), "-m", "ansible_collections.netns.fabric.plugins.modules.sequence"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(module_runner.COLLECTIONS_PATH)},
        start_new_session=True,
    )
    assert module.stdin is not None
    module.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": options}).encode())
    module.stdin.close()
    wait_until(lambda: not ended())
    os.killpg(module.pid, signal.SIGKILL)
    module.wait(timeout=20)
    wait_until(ended)
    snapshot.assert_unchanged(before)
    late = run_module("confirmation", id="mine")
    assert f"no confirmation came within {SHORT} s" in late.message


def test_sigterm_rolls_back_at_once(run_module: Run) -> None:
    """What systemd sends to the scope when the host shuts down."""
    before = snapshot.take()
    assert run_module("sequence", steps=lab("red"), confirm={"seconds": LONG, "id": "mine"}).changed
    os.kill(keeper(), signal.SIGTERM)
    wait_until(ended)
    snapshot.assert_unchanged(before)
    warned = run_module("netns", namespaces=[])
    assert len(warned.warnings) == 1
    assert "An earlier run (mine) was not confirmed: the process that waited" in warned.warnings[0]
    assert run_module("netns", namespaces=[]).warnings == []


def test_a_killed_keeper_is_reported(run_module: Run) -> None:
    assert run_module("sequence", steps=lab("red"), confirm={"seconds": LONG, "id": "mine"}).changed
    os.kill(keeper(), signal.SIGKILL)
    wait_until(lambda: not confirmation.is_alive())
    late = run_module("confirmation", id="mine")
    assert "was killed: the changes of that run were neither confirmed nor rolled back" in late.message
    assert not run_module("sequence", steps=lab("red"), confirm={"seconds": LONG}).changed


def test_other_runs_are_refused_while_one_waits(run_module: Run) -> None:
    assert run_module("sequence", steps=lab("red"), confirm={"seconds": LONG, "id": "mine"}).changed
    done = snapshot.take()
    for check in (True, False):
        for name, options in (
            ("netns", {"name": "green"}),
            ("sequence", {"steps": [step("netns", name="green")]}),
            ("sequence", {"steps": [step("netns", name="green")], "confirm": {"seconds": LONG}}),
        ):
            refused = run_module(name, _check=check, **options)
            assert refused.failed
            assert "an earlier run (mine) waits for its confirmation, and is rolled back in" in refused.message
            assert "netns.fabric.confirmation" in refused.message
    assert not run_module("topology_info").failed
    snapshot.assert_unchanged(done)
    assert run_module("confirmation", id="mine").changed


def test_a_run_that_fails_is_rolled_back_as_a_whole(run_module: Run) -> None:
    before = snapshot.take()
    failing = step("veth", name="a", namespace="red", peer={"name": "b" * 8}, addresses=["192.0.2.1/24"])
    missing = step("link", name="nowhere0", addresses=["192.0.2.9/24"])
    failed = run_module("sequence", steps=[*lab("red"), failing, missing], confirm={"seconds": LONG})
    assert failed.failed
    assert ended()
    snapshot.assert_unchanged(before)
    probes = [{"namespace": "red", "to": "192.0.2.77", "timeout": 0.2}]
    unreachable = run_module("sequence", steps=lab("red"), probes=probes, confirm={"seconds": LONG})
    assert "reachability failed" in unreachable.message
    assert "All changes of this run were rolled back, because it has a confirmation" in unreachable.message
    assert ended()
    snapshot.assert_unchanged(before)
    assert confirmation.read_record() is None


@pytest.mark.parametrize("confirm", [{"seconds": 4}, {"seconds": 301}, {"seconds": 60, "id": "a b"}], ids=str)
def test_wrong_options(run_module: Run, confirm: dict[str, Any]) -> None:
    for check in (True, False):
        refused = run_module("sequence", _check=check, steps=lab("red"), confirm=confirm)
        assert refused.failed
        assert "the call: confirm." in refused.message
    assert ended()


def test_no_confirmation_is_zero_seconds(run_module: Run) -> None:
    applied = run_module("sequence", steps=lab("red"), confirm={"seconds": 0})
    assert applied.changed
    assert "confirmation" not in applied.returned
    assert ended()


def test_a_full_run_directory_is_refused_before_the_first_write(host: Host, run_module: Run) -> None:
    """The record of a run that waits has to be stored."""
    before = snapshot.take()
    Path(f"{confirmation.RECORD}.new").mkdir()
    try:
        refused = run_module("sequence", steps=lab("red"), confirm={"seconds": LONG})
    finally:
        Path(f"{confirmation.RECORD}.new").rmdir()
    assert "cannot store that a run waits for its confirmation" in refused.message
    assert ended()
    snapshot.assert_unchanged(before)


# What is stored for a reboot


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Stand for systemd, which a test host does not have: its directory, and a program that answers for its units."""
    booted = Path("/run/systemd/system")
    booted.mkdir(parents=True)
    program = tmp_path / "systemctl"
    answer = 'if [ "$1" = show ]; then shift 3; for unit; do echo inactive; done; fi'
    program.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n{answer}\n', encoding="ascii")
    program.chmod(0o755)
    tmp_path.chmod(0o755)
    yield {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    booted.rmdir()
    for path in (path_of("lab"), COMMAND):
        Path(path).unlink(missing_ok=True)


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_topology_is_stored_with_its_confirmation(
    run_module: Run, systemd: dict[str, str], tmp_path: Path, confirmed: bool
) -> None:
    """A host that starts again before that has what was confirmed last."""
    steps = [*lab("red"), step("boot", name="lab", owner="lab")]
    before = snapshot.take()
    options: dict[str, Any] = {"steps": steps, "confirm": {"seconds": LONG}, "_env": systemd}
    checked = run_module("sequence", _check=True, **options)
    applied = run_module("sequence", **options)
    assert not applied.failed, applied.message
    assert (checked.diff, checked.commands) == (applied.diff, applied.commands)
    assert applied.returned["steps"][-1]["changed"]
    stored = Path(path_of("lab"))
    assert not stored.exists()
    assert not Path(COMMAND).exists()
    assert "start" not in (tmp_path / "calls").read_text(encoding="ascii")
    if not confirmed:
        assert run_module("confirmation", state="rolled_back").changed
        snapshot.assert_unchanged(before)
        assert not stored.exists()
        return
    assert run_module("confirmation").changed
    assert [each["module"] for each in json.loads(stored.read_text(encoding="utf-8"))["steps"]] == [
        each["module"] for each in lab("red")
    ]
    assert Path(COMMAND).exists()
    assert "start --no-block netns-fabric@lab.service" in (tmp_path / "calls").read_text(encoding="ascii")
    # A repair waits for the run that waits, and then applies what is stored.
    assert run_module("sequence", steps=lab("red", "blue"), confirm={"seconds": LONG}).changed
    with subprocess.Popen([COMMAND, "apply", "lab"], stdout=subprocess.PIPE, text=True) as repair:
        assert run_module("confirmation", state="rolled_back").changed
        output, _error = repair.communicate(timeout=60)
    assert repair.returncode == 0, output
    removed = run_module("sequence", steps=[step("boot", name="lab", owner="lab", state="absent")], _env=systemd)
    assert not removed.failed, removed.message
    assert not stored.exists()

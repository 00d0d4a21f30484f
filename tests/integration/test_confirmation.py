# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that wait for a confirmation, and are rolled back by the host without one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core import confirmation
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run
from ansible_collections.netns.fabric.tests.helpers.host import Host

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
    connection = confirmation.connect()
    if connection is not None:
        connection.close()
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
    assert f"mine: no confirmation came within {SHORT} s: all of its changes were rolled back" in late.message
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

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs on the same host at the same time: both succeed, and the host is as after one run and then the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from ansible_collections.netns.fabric.tests.generated import converge as converge_module
from ansible_collections.netns.fabric.tests.generated.comparison import (
    take_comparable,
    without_order,
)
from ansible_collections.netns.fabric.tests.generated.converge import converge
from ansible_collections.netns.fabric.tests.generated.two_topologies import (
    Variables,
    assert_traffic,
    changed,
    topology,
    torn_down,
)
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTIONS_PATH
from ansible_collections.netns.fabric.tests.helpers.snapshot import assert_equal, take, without_forwarding

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(COLLECTIONS_PATH)}
TIMEOUT = 60  # seconds

#: What is there before, and the two runs at the same time.
PAIRS: dict[str, tuple[list[Variables], Variables, Variables]] = {
    "the same topology": ([], topology("alpha"), topology("alpha")),
    "different topologies": ([], topology("alpha"), topology("beta")),
    "one deleted, one created": ([topology("alpha")], torn_down(topology("alpha")), topology("beta")),
    "one deleted, one changed": (
        [topology("alpha"), topology("beta")],
        torn_down(topology("alpha")),
        changed("beta"),
    ),
    "both deleted": ([topology("alpha"), topology("beta")], torn_down(topology("alpha")), torn_down(topology("beta"))),
}
#: How much later the second starts, in parts of the time that a run takes.
OFFSETS = (0.0, 0.2, 0.5)


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("case", PAIRS)
def test_concurrent_runs(host: Host, case: str, offset: float) -> None:
    """The host is as after one run and then the other, and a further run of each changes nothing."""
    standing, first, second = PAIRS[case]
    before = without_forwarding(take())
    started = time.monotonic()
    for variables in (*standing, first, second):
        converge(variables)
    duration = (time.monotonic() - started) / (len(standing) + 2)
    wanted = without_forwarding(without_order(take_comparable()))
    host.clear()
    for variables in standing:
        converge(variables)
    _run_at_once(first, second, duration * offset)
    assert_equal(without_forwarding(without_order(take_comparable())), wanted, "as after one and then the other")
    for variables in (first, second):
        assert converge(variables) == [], "a further run changes nothing"
    assert_traffic(host, first)
    assert_traffic(host, second)
    for variables in (first, second):
        converge(torn_down(variables))
    assert_equal(without_forwarding(take()), before, "teardown leaves what was there before")


def _run_at_once(first: Variables, second: Variables, offset: float) -> None:
    """Start both runs ``offset`` seconds apart, and assert that both succeed."""
    with _ready(first) as one, _ready(second) as other:
        _begin(one)
        time.sleep(offset)  # the second run starts at another moment of the first
        _begin(other)
        outputs = [process.communicate(timeout=TIMEOUT) for process in (one, other)]
    assert [one.returncode, other.returncode] == [0, 0], outputs


def _ready(variables: Variables) -> subprocess.Popen[str]:
    """Start a process that has its variables and waits for _begin()."""
    command = [sys.executable, "-m", converge_module.__name__]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=ENVIRONMENT)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(variables) + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "ready\n"
    return process


def _begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None  # communicate() would write to it once more

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a login that is not root, and a tenant that is root in a namespace, try against the host and its runs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.lock import LOCK_FILE, locked
from ansible_collections.netns.fabric.tests.helpers.convergence import converge
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

NOBODY = 65534
HOLD_A_LOCK = """
import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def lock_held_by_a_login(path: str) -> Iterator[str]:
    """Try, as a user that is not root, to lock a file for as long as the block runs; yield what came of it."""
    with subprocess.Popen(
        ["/usr/bin/python3", "-c", HOLD_A_LOCK, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        user=NOBODY,
        cwd="/",
    ) as login:
        assert login.stdout
        yield login.stdout.readline()
        login.communicate()


@pytest.mark.parametrize("path", ["/run", "/run/netns"])
def test_no_login_stops_a_run_by_a_lock(host: Host, run_module: RunModule, path: str) -> None:
    run_module("netns", name="red")
    with lock_held_by_a_login(path) as outcome:
        assert outcome == "held\n"
        converge(host, run_module, "netns", name="blue")


def test_no_login_gets_the_lock_of_a_run() -> None:
    with locked(shared=True), lock_held_by_a_login(LOCK_FILE) as outcome:
        assert outcome != "held\n"


def test_check_mode_and_a_run_leave_no_lock_file(run_module: RunModule) -> None:
    for check in (True, False):
        assert not run_module("netns", name="red", _check=check).failed
        assert not Path(LOCK_FILE).exists()

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The running ovs-vswitchd. These use what pytest itself runs on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import daemon

HOLD_A_LOCK = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def _no_other_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "search_processes", lambda: None)


@pytest.mark.usefixtures("_no_other_daemon")
def test_a_daemon_that_holds_its_pid_file_is_running(tmp_path: Path) -> None:
    pidfile = tmp_path / "ovs-vswitchd.pid"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_A_LOCK, str(pidfile)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert daemon.find_daemon(str(tmp_path)) == (True, process.pid)
    assert daemon.find_daemon(str(tmp_path)) == (False, None)


@pytest.mark.usefixtures("_no_other_daemon")
def test_a_pid_file_that_is_not_locked_is_a_dead_daemons(tmp_path: Path) -> None:
    (tmp_path / "ovs-vswitchd.pid").write_text(f"{os.getpid()}\n", encoding="ascii")
    assert daemon.find_daemon(str(tmp_path)) == (False, None)


@pytest.mark.usefixtures("_no_other_daemon")
def test_without_a_pid_file_the_processes_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert daemon.find_daemon(str(tmp_path)) == (False, None)
    assert daemon.find_daemon(str(tmp_path / "elsewhere")) == (None, None)
    monkeypatch.setattr(daemon, "search_processes", lambda: 42)
    assert daemon.find_daemon(str(tmp_path)) == (True, 42)


def test_the_devices_of_a_process_are_read() -> None:
    attachments = daemon.read_attachments(os.getpid())
    assert (attachments.packet_sockets, attachments.taps) == (frozenset(), frozenset())

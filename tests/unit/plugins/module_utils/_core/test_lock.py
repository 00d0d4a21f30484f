# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock between calls: who gets it, who waits, and what is left on the host."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core import lock
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host

HOLD_THE_LOCK = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def lock_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "lock"
    monkeypatch.setattr(lock, "LOCK_FILE", str(path))
    monkeypatch.setattr(lock, "LOCK_TIMEOUT", 0.05)
    return path


def test_one_call_at_a_time_and_readers_together(lock_file: Path) -> None:
    with Host().locked():
        for check_mode in (True, False):
            with pytest.raises(Unavailable, match="another run of this collection"), Host((), check_mode).locked():
                pass
    with Host(check_mode=True).locked(), Host(check_mode=True).locked():
        with pytest.raises(Unavailable), Host().locked():
            pass
        assert lock_file.exists()
    assert not lock_file.exists()


def test_only_root_can_open_the_file(lock_file: Path) -> None:
    before = os.umask(0)
    try:
        with lock.locked(shared=False):
            status = lock_file.stat()
    finally:
        os.umask(before)
    assert stat.S_IMODE(status.st_mode) == 0o600


def test_no_file_is_left_after_an_error(lock_file: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock.locked(shared=True):
        raise ZeroDivisionError
    assert not lock_file.exists()


def test_the_file_of_a_killed_call_is_taken_over(lock_file: Path) -> None:
    lock_file.touch()
    with lock.locked(shared=False):
        pass
    assert not lock_file.exists()


def test_the_lock_is_waited_for(lock_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its holder removes the file, so that what was waited for is no longer the file that others open."""
    monkeypatch.setattr(lock, "LOCK_TIMEOUT", 10)
    holder = lock.locked(shared=False)
    holder.__enter__()
    timer = threading.Timer(0.1, holder.__exit__, [None, None, None])
    timer.start()
    with lock.locked(shared=False):
        assert timer.finished.is_set()
        assert lock_file.exists()
    timer.join()


def test_a_removed_file_locks_nobody(lock_file: Path) -> None:
    """A call that opened the file before its holder removed it takes the new file."""
    descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    lock_file.unlink()
    with lock.locked(shared=False):
        assert lock_file.exists()
    os.close(descriptor)


def test_the_holder_is_named(lock_file: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, str(lock_file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(Unavailable, match=rf"(?s)process {holder.pid} \({sys.executable}.*\) has {lock_file} open"):
            lock.locked(shared=True).__enter__()
        holder.communicate()


def test_a_link_in_the_place_of_the_file_is_not_followed(lock_file: Path, tmp_path: Path) -> None:
    lock_file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable, match="cannot create the lock file"), lock.locked(shared=False):
        pass
    assert not (tmp_path / "elsewhere").exists()

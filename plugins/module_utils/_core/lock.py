# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock that keeps calls on one host apart."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ansible_collections.netns.fabric.plugins.module_utils._core.conditions import with_cure
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable

#: Only root can write to its directory and open it: whoever can open a file can lock it (flock(2)).
LOCK_FILE = "/run/netns.fabric.lock"
#: Bytes of a command line to read: it may have megabytes (execve(2)).
COMMAND_MAX = 4096
LOCK_TIMEOUT = 120.0  # seconds: a run over a thousand namespaces may well hold the lock for half of that


@contextmanager
def locked(shared: bool, timeout: float | None = None) -> Iterator[None]:
    """Hold the lock, together with others that share it or alone; its file is removed at the end.

    The programs that a call starts inherit the lock: one that outlives a killed run still writes, and the next run is
    to wait for its end.

    Raises:
        Unavailable: Another call kept the lock for longer than `timeout` seconds, LOCK_TIMEOUT where none is given, or
            the file cannot be created.
    """
    descriptor = _acquire(fcntl.LOCK_SH if shared else fcntl.LOCK_EX, LOCK_TIMEOUT if timeout is None else timeout)
    try:
        yield
    finally:
        _release(descriptor)


def _acquire(kind: int, timeout: float) -> int:
    """Return an open descriptor of the lock file, locked."""
    deadline = time.monotonic() + timeout
    while True:
        descriptor = _open()
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            if _is_in_place(descriptor):
                os.set_inheritable(descriptor, True)
                return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                holders = _describe_holders(descriptor)
                os.close(descriptor)
                raise Unavailable(
                    f"another run of this collection has been changing this host for {timeout:.0f} s: {holders}; "
                    "wait for it to end, or end it, and run again"
                ) from None
            time.sleep(0.02)  # flock(2) knows no timeout
        os.close(descriptor)


def _open() -> int:
    try:
        return os.open(LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"cannot create the lock file {LOCK_FILE}: {error.strerror}"
        raise Unavailable(with_cure(message, error)) from error


def _is_in_place(descriptor: int) -> bool:
    """Return whether the open file is still the one that others open, not one that its last holder has removed."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), os.stat(LOCK_FILE, follow_symlinks=False))
    return False


def _release(descriptor: int) -> None:
    """Remove the file, unless others still share the lock, and release it."""
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with suppress(FileNotFoundError):
            os.unlink(LOCK_FILE)
    os.close(descriptor)


def _describe_holders(descriptor: int) -> str:
    """Return which processes have the lock file open, this one left out."""
    status = os.fstat(descriptor)
    found = [
        f"process {pid} ({_command_line(pid)})"
        for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
        if pid != os.getpid() and _has_open(pid, status)
    ]
    return f"{', '.join(found) or 'a process that is not visible here'} has {LOCK_FILE} open"


def _has_open(pid: int, status: os.stat_result) -> bool:
    with suppress(OSError):  # it has ended
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):  # it was closed meanwhile
                if os.path.samestat(os.stat(f"/proc/{pid}/fd/{name}"), status):
                    return True
    return False


def _command_line(pid: int) -> str:
    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read(COMMAND_MAX).rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    return "ended"

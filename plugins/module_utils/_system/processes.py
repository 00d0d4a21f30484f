# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes as /proc shows them: their network namespaces, and the sockets that they have open. Reads only."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.lock import COMMAND_MAX

MOUNTS = "/proc/self/mountinfo"


@dataclass(frozen=True)
class Process:
    """A process; `command` is its command line, or its name in brackets where it has none (ps(1))."""

    pid: int
    command: str
    user: str


def inside_namespaces(except_in: int) -> dict[int, list[Process]]:
    """Return the processes inside each network namespace, by its inode, without those in the given one, the host's.

    Left out are processes that this one may not inspect, and those that end meanwhile.
    """
    found: dict[int, list[Process]] = {}
    for pid in _pids():
        with suppress(OSError):
            inode = os.stat(f"/proc/{pid}/ns/net").st_ino
            if inode != except_in:
                process = _process(pid)  # first: a process that has ended leaves no empty list
                found.setdefault(inode, []).append(process)
    return found


def holders(sockets: set[int]) -> dict[int, list[Process]]:
    """Return the processes that have each of these sockets open; sockets are given by their inodes."""
    found: dict[int, list[Process]] = {}
    if not sockets:
        return found
    for pid in _pids():
        with suppress(OSError):
            held = sockets.intersection(_socket_inodes(pid))
            if held:
                process = _process(pid)
                for inode in held:
                    found.setdefault(inode, []).append(process)
    return found


def mounted_namespaces() -> dict[int, str]:
    """Return where each network namespace is mounted, by inode (mountinfo of proc(5); a path that setns(2) takes)."""
    found: dict[int, str] = {}
    with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.split()
            if fields[3].startswith("net:["):
                found.setdefault(int(fields[3][5:-1]), _unescape(fields[4]))
    return found


def _pids() -> list[int]:
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def _process(pid: int) -> Process:
    uid = os.stat(f"/proc/{pid}").st_uid
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return Process(pid, command_line(pid), user)


def command_line(pid: int) -> str:
    """Return a process's command line; its name in brackets where it has none.

    Raises:
        OSError: It has ended.
    """
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        words = file.read(COMMAND_MAX).rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    if words:
        return words
    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
        return f"[{file.read().strip()}]"


def _socket_inodes(pid: int) -> Iterator[int]:
    with os.scandir(f"/proc/{pid}/fd") as descriptors:
        for descriptor in descriptors:
            with suppress(OSError):  # it was closed meanwhile
                target = os.readlink(descriptor.path)
                if target.startswith("socket:["):
                    yield int(target[8:-1])


def _unescape(path: str) -> str:
    """Return a path of mountinfo, which has blanks and backslashes as three octal digits."""
    for number in (0o40, 0o11, 0o12, 0o134):
        path = path.replace(f"\\{number:03o}", chr(number))
    return path

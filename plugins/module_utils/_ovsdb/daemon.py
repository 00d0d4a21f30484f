# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The running ovs-vswitchd: its process, the devices that it has open, and the links of the host that it may open."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from contextlib import suppress

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import Attachments


def find_daemon(directory: str) -> tuple[bool | None, int | None]:
    """Return whether ovs-vswitchd runs and its process id, each None where that is unknown.

    It keeps a lock on its pid file for as long as it lives (read_pidfile__() in lib/daemon-unix.c). Without a pid file
    it may still run, here or where it cannot be seen from here.
    """
    try:
        path = os.path.join(directory, "ovs-vswitchd.pid")
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            # struct flock of fcntl(2): type, whence, start, length, pid.
            lock = fcntl.fcntl(file, fcntl.F_GETLK, struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except OSError:
        pid = search_processes()
        return (True, pid) if pid else (False if os.path.isdir(directory) else None, None)
    kind, _whence, _start, _length, pid = struct.unpack("hhqqi", lock)
    return kind != fcntl.F_UNLCK, pid if kind != fcntl.F_UNLCK and pid > 0 else None


def search_processes() -> int | None:
    """Return the process id of an ovs-vswitchd in this network namespace."""
    here = os.stat("/proc/self/ns/net")
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        # A process may end while it is read.
        with suppress(OSError), open(f"/proc/{entry}/comm", encoding="ascii", errors="replace") as file:
            if file.read().strip() == "ovs-vswitchd" and os.path.samestat(os.stat(f"/proc/{entry}/ns/net"), here):
                return int(entry)
    return None


def read_attachments(pid: int) -> Attachments:
    """Return the packet sockets and the tap devices of a process (proc(5)).

    /proc/PID/net/packet has a line for each packet socket of its network namespace with the link's index, -1 once the
    link is deleted, and the socket's inode. The fdinfo of a descriptor of /dev/net/tun has the name of the attached
    device, and none once that is deleted (tun_chr_show_fdinfo() in drivers/net/tun.c).

    Raises:
        OSError: The process has ended.
    """
    sockets: set[int] = set()
    taps: set[str] = set()
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        # A descriptor may be closed while it is read.
        with suppress(FileNotFoundError):
            target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
            if target.startswith("socket:["):
                sockets.add(int(target[8:-1]))
            elif target == "/dev/net/tun":
                taps.update(_read_tap_names(pid, descriptor))
    with open(f"/proc/{pid}/net/packet", encoding="ascii") as file:
        lines = [line.split() for line in file.readlines()[1:]]
    links = {int(fields[4]) for fields in lines if int(fields[8]) in sockets}
    return Attachments(packet_sockets=frozenset(links - {0, -1}), taps=frozenset(taps))


def _read_tap_names(pid: int, descriptor: str) -> list[str]:
    with open(f"/proc/{pid}/fdinfo/{descriptor}", encoding="utf-8", errors="surrogateescape") as file:
        # Not every space of Unicode is one to the kernel, which allows it at the end of a name.
        names = [line.partition(":")[2].strip("\t\n ") for line in file if line.startswith("iff:")]
    return [name for name in names if name]


def read_link_names() -> frozenset[str]:
    """Return the names of the host's links."""
    return frozenset(name for _index, name in socket.if_nameindex())

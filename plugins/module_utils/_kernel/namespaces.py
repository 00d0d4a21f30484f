# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network namespaces as the operating system keeps them: names in /run/netns, entered by setns(2).

A name is what ip-netns(8) creates: a file in /run/netns with a namespace bind-mounted on it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import NAMESPACE_DIRECTORY
from ansible_collections.netns.fabric.plugins.module_utils._system.paths import fs_path, make_directories, text_of

#: The namespace that the thread is in.
OWN_NAMESPACE = "/proc/thread-self/ns/net"

# linux/sched.h and linux/mount.h
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SHARED = 1 << 20
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8

# os.setns and os.unshare exist from Python 3.12 on; targets go down to 3.9.
_libc = ctypes.CDLL(None, use_errno=True)


def path_of(name: str) -> str:
    """Return the file of a namespace. One without a name is given by its path, which has a slash, as no name has."""
    return fs_path(name if name.startswith("/") else f"{NAMESPACE_DIRECTORY}/{name}")


def names() -> set[str]:
    """Return every name in /run/netns, those without a namespace included."""
    with suppress(FileNotFoundError):
        return set(map(text_of, os.listdir(NAMESPACE_DIRECTORY)))
    return set()


def aliases(names: Iterable[str], preferred: Collection[str] = ()) -> set[str]:
    """Return those of the names whose namespace is the host's own, or has another of the names.

    Of several names of one namespace, the first of these is none of its aliases: a preferred one, one that is not a
    symbolic link, and the one that was mounted first. What has no namespace behind it is not an alias either.
    """
    by_identity: dict[tuple[int, int], list[str]] = {}
    for name in names:
        found = identity(path_of(name))
        if found is not None:
            by_identity.setdefault(found, []).append(name)
    further = set(by_identity.pop(identity(OWN_NAMESPACE) or (0, 0), ()))
    several = [same for same in by_identity.values() if len(same) > 1]
    order = _mount_order() if several else {}

    def rank(name: str) -> tuple[bool, bool, int, str]:
        return name not in preferred, os.path.islink(path_of(name)), order.get(path_of(name), len(order)), name

    for same in several:
        further.update(sorted(same, key=rank)[1:])
    return further


def _mount_order() -> dict[str, int]:
    """Return the position of each mount point in the order of mounting (proc(5), /proc/PID/mountinfo)."""
    # Decoded as path_of() does.
    with open("/proc/self/mountinfo", encoding=sys.getfilesystemencoding(), errors="surrogateescape") as mounts:
        points = [line.split(" ", 5)[4] for line in mounts]
    return {point: position for position, point in reversed(list(enumerate(points)))}


def identity(path: str) -> tuple[int, int] | None:
    """Return the device and the inode of a namespace's file, which are the namespace's; None where there is no file."""
    try:
        status = os.stat(path)
    except OSError:  # a dangling link, or a loop of links
        return None
    return status.st_dev, status.st_ino


@contextmanager
def entered(descriptor: int) -> Iterator[None]:
    """Have the thread inside the namespace; it returns whatever happens.

    Raises:
        OSError: EINVAL where the descriptor is not a network namespace's.
    """
    origin = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("setns", descriptor, CLONE_NEWNET)
        try:
            yield
        finally:
            _call("setns", origin, CLONE_NEWNET)
    finally:
        os.close(origin)


def create(name: str) -> None:
    """Create an empty namespace with this name.

    Raises:
        OSError: EEXIST where the name is taken.
    """
    _create_file(name)
    origin = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("unshare", CLONE_NEWNET)
        try:
            _mount(OWN_NAMESPACE, path_of(name), MS_BIND)
        finally:
            _call("setns", origin, CLONE_NEWNET)
    except BaseException:
        os.unlink(path_of(name))
        raise
    finally:
        os.close(origin)


def create_unnamed() -> int:
    """Create an empty namespace without a name, and return its descriptor. It ends when that is closed."""
    origin = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("unshare", CLONE_NEWNET)
        try:
            return os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _call("setns", origin, CLONE_NEWNET)
    finally:
        os.close(origin)


def attach(name: str, descriptor: int) -> None:
    """Give a namespace that is held open a name."""
    _create_file(name)
    try:
        _mount(f"/proc/self/fd/{descriptor}", path_of(name), MS_BIND)
    except BaseException:
        os.unlink(path_of(name))
        raise


def remove(name: str) -> None:
    """Remove a name, or a file in its place. The namespace ends unless something else keeps it alive.

    A symbolic link is removed, and not what it leads to.
    """
    try:
        _call("umount2", os.fsencode(path_of(name)), MNT_DETACH | UMOUNT_NOFOLLOW)
    except OSError as error:
        if error.errno != errno.EINVAL:  # EINVAL: nothing is mounted there
            raise
    os.unlink(path_of(name))


def _create_file(name: str) -> None:
    """Create the file on which a namespace is mounted."""
    _share_directory()
    os.close(os.open(path_of(name), os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0))


def _share_directory() -> None:
    """Set up /run/netns as ip-netns(8) does: a separate mount that propagates to other mount namespaces."""
    make_directories(NAMESPACE_DIRECTORY)
    try:
        _mount("", NAMESPACE_DIRECTORY, MS_SHARED | MS_REC)
    except OSError as error:
        if error.errno != errno.EINVAL:  # EINVAL: it is not a mount yet
            raise
        _mount(NAMESPACE_DIRECTORY, NAMESPACE_DIRECTORY, MS_BIND | MS_REC)
        _mount("", NAMESPACE_DIRECTORY, MS_SHARED | MS_REC)


def _mount(source: str, target: str, flags: int) -> None:
    _call("mount", os.fsencode(source), os.fsencode(target), b"none", ctypes.c_ulong(flags), None)


def _call(function: str, *arguments: object) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")

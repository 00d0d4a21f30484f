# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network namespaces as the operating system keeps them: names in /run/netns, entered by setns(2).

A name is what ip-netns(8) makes of it: a file in /run/netns with a namespace bind-mounted on it.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

NAMESPACE_DIRECTORY = "/run/netns"

# linux/sched.h and linux/mount.h
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SHARED = 1 << 20
MNT_DETACH = 2

# os.setns and os.unshare exist from Python 3.12 on; targets go down to 3.9.
_libc = ctypes.CDLL(None, use_errno=True)


def path_of(name: str) -> str:
    """The file of a namespace; one without a name is known by its path, which no name can be (it has a slash in it)."""
    return name if name.startswith("/") else f"{NAMESPACE_DIRECTORY}/{name}"


def names() -> set[str]:
    """Every name in /run/netns, those that no namespace stands behind included."""
    with suppress(FileNotFoundError):
        return set(os.listdir(NAMESPACE_DIRECTORY))
    return set()


@contextmanager
def entered(descriptor: int) -> Iterator[None]:
    """The thread is inside the namespace; it comes back whatever happens.

    Raises:
        OSError: EINVAL where the descriptor is no network namespace's.
    """
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("setns", descriptor, CLONE_NEWNET)
        try:
            yield
        finally:
            _call("setns", home, CLONE_NEWNET)
    finally:
        os.close(home)


def create(name: str) -> None:
    """A new, empty namespace under this name.

    Raises:
        OSError: EEXIST where the name is taken.
    """
    _make_file(name)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("unshare", CLONE_NEWNET)
        try:
            _mount("/proc/thread-self/ns/net", path_of(name), MS_BIND)
        finally:
            _call("setns", home, CLONE_NEWNET)
    except BaseException:
        os.unlink(path_of(name))
        raise
    finally:
        os.close(home)


def attach(name: str, descriptor: int) -> None:
    """Give a namespace that is held open (back) its name."""
    _make_file(name)
    try:
        _mount(f"/proc/self/fd/{descriptor}", path_of(name), MS_BIND)
    except BaseException:
        os.unlink(path_of(name))
        raise


def remove(name: str) -> None:
    """Take the name away, the namespace with it unless something else keeps it alive; a plain file goes too."""
    try:
        _call("umount2", path_of(name).encode(), MNT_DETACH)
    except OSError as error:
        if error.errno != errno.EINVAL:  # EINVAL: nothing is mounted there
            raise
    os.unlink(path_of(name))


def _make_file(name: str) -> None:
    """The file that a namespace is to be mounted on."""
    _share_directory()
    os.close(os.open(path_of(name), os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0))


def _share_directory() -> None:
    """/run/netns as ip-netns(8) sets it up: a mount of its own that propagates to other mount namespaces."""
    os.makedirs(NAMESPACE_DIRECTORY, mode=0o755, exist_ok=True)
    try:
        _mount("", NAMESPACE_DIRECTORY, MS_SHARED | MS_REC)
    except OSError as error:
        if error.errno != errno.EINVAL:  # EINVAL: it is no mount yet
            raise
        _mount(NAMESPACE_DIRECTORY, NAMESPACE_DIRECTORY, MS_BIND | MS_REC)
        _mount("", NAMESPACE_DIRECTORY, MS_SHARED | MS_REC)


def _mount(source: str, target: str, flags: int) -> None:
    _call("mount", source.encode(), target.encode(), b"none", ctypes.c_ulong(flags), None)


def _call(function: str, *arguments: object) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")

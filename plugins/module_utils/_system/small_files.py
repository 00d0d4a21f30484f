# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads files that others may have put there: no read waits for anybody, and none is longer than a few lines need."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from ansible_collections.netns.fabric.plugins.module_utils._system.paths import fs_path

#: Bytes: no file of a few lines has more.
SIZE_MAX = 1 << 20
#: Bytes: what this collection itself has written, for instance the steps of a topology with thousands of namespaces.
DATA_MAX = 64 << 20

_KINDS = {
    stat.S_IFDIR: "is a directory",
    stat.S_IFIFO: "is a named pipe",
    stat.S_IFSOCK: "is a socket",
    stat.S_IFCHR: "is a device",
    stat.S_IFBLK: "is a device",
}


class UnsuitableFile(OSError):
    """Something else than a file of a few lines: a named pipe, a device, a file without an end."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(errno.EINVAL, f"{reason}, not a file of a few lines; remove it, or give it another name", path)


def read_bytes(path: str, size_max: int = SIZE_MAX) -> tuple[bytes, os.stat_result]:
    """Return the content of a file, and its status.

    Raises:
        UnsuitableFile: It is something else.
        OSError: It does not exist, or cannot be read.
    """
    _require_regular(path, _stat(path))  # first: opening a device may have an effect (open(2))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _require_regular(path, status)
        content = file.read(size_max + 1)
    if len(content) > size_max:
        raise UnsuitableFile(path, f"has more than {size_max} bytes")
    return content, status


def find_obstacle(path: str, size_max: int = SIZE_MAX) -> str:
    """Return why there can be no file of a few lines at a path; empty where there is one, or nothing."""
    with suppress(FileNotFoundError, NotADirectoryError):
        try:
            read_bytes(fs_path(path), size_max)
        except UnsuitableFile as error:
            return f"{path} {error.strerror}"
    return ""


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnsuitableFile(path, "is a loop of symbolic links") from None
        raise


def _require_regular(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnsuitableFile(path, _KINDS.get(stat.S_IFMT(status.st_mode), "is of an unknown type"))

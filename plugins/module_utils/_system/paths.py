# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths of files on the host: their bytes, their directories, and whether they can be written."""

from __future__ import annotations

import os

DIRECTORY_MODE = 0o755


def fs_path(path: str) -> str:
    """Return a path as functions of the module os take it, so that they use its UTF-8 bytes.

    They encode it as the locale says (PEP 383), while names of links and namespaces are UTF-8 wherever they come from.
    """
    return os.fsdecode(path.encode("utf-8", "surrogateescape"))


def text_of(path: str) -> str:
    """Return the text of a path that a function of the module os has returned, the opposite of fs_path()."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")


def make_directories(path: str) -> None:
    """Create a directory and those that lead to it, for everybody to enter, whatever the umask is."""
    if os.path.isdir(path):
        return
    make_directories(os.path.dirname(path))
    os.mkdir(path)
    os.chmod(path, DIRECTORY_MODE)


def read_only_mount(path: str) -> str | None:
    """Return the nearest existing directory of a path where its file system is mounted read-only (statvfs(3))."""
    existing = path
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    return existing if os.statvfs(existing).f_flag & os.ST_RDONLY else None

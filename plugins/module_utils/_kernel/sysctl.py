# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kernel parameters of the namespace that the thread is in (sysctl(8), /proc/sys)."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping
from contextlib import suppress

from ansible_collections.netns.fabric.plugins.module_utils._system.paths import fs_path

#: Where the kernel has its parameters as files (proc(5)).
SYSCTLS = "/proc/sys"


def same_value(current: str | None, wanted: str) -> bool:
    """Whether two values are the same to the kernel, which takes 0x10 and 007 and prints 16 and 7."""
    return current is not None and list(map(_number, current.split())) == list(map(_number, wanted.split()))


def _number(text: str) -> object:
    with suppress(ValueError):
        return int(text, 8 if re.fullmatch(r"-?0[0-7]+", text) else 0)
    return text


def read(key: str) -> str | None:
    """Return a kernel parameter's value; None where the kernel does not have it, or it cannot be read."""
    # Without the layers of open(): of five hundred namespaces a dozen each are read.
    try:
        descriptor = os.open(path_of(key), os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    try:
        return " ".join(os.read(descriptor, 1 << 16).decode("ascii").split())
    except (IsADirectoryError, PermissionError):
        return None
    finally:
        os.close(descriptor)


def of_links(pattern: str) -> dict[str, str]:
    """Return a parameter of each link, `*` in its name in place of the link: also of `all` and `default`."""
    start, _star, end = path_of(pattern).partition("*")
    found = {}
    for path in glob.glob(f"{start}*{end}"):
        with suppress(OSError):  # the link is gone
            found[path[len(start) : -len(end)]] = _read(path).strip()
    return found


def path_of(key: str) -> str:
    """Return the file of a kernel parameter: in its name `.` separates and `/` stands for a dot (sysctl(8))."""
    return fs_path(f"{SYSCTLS}/" + key.translate(str.maketrans("./", "/.")))


def write(key: str, value: str) -> None:
    """Set a kernel parameter."""
    _write(path_of(key), value)


def capture(key: str) -> dict[str, str]:
    """Return the values, by file, of a kernel parameter and of those that change with it."""
    return {path: _read(path) for path in affected_paths(path_of(key))}


def restore(values: Mapping[str, str]) -> None:
    """Set the kernel parameters that differ from what was captured; those that are gone with their link stay gone."""
    for path, value in values.items():
        if os.path.exists(path) and _read(path) != value:
            _write(path, value)


def capture_link(name: str) -> dict[str, str]:
    """Return the values, by file, of the parameters of a link in the namespace that the thread is in."""
    found = {}
    for version in ("ipv4", "ipv6"):
        directory = path_of(f"net.{version}.conf.") + fs_path(name)
        for file in glob.glob(f"{glob.escape(directory)}/*"):
            with suppress(OSError):  # one that cannot be read
                found[file] = _read(file)
    return found


def restore_link(values: Mapping[str, str]) -> None:
    """Set those parameters that differ from what was captured, except those that the kernel sets on its own."""
    for file, value in values.items():
        with suppress(OSError):
            if _read(file) != value:
                _write(file, value)


def affected_paths(path: str) -> list[str]:
    """Return the file of a parameter, and those that change with it (ip-sysctl; devinet_sysctl_forward())."""
    directory, _slash, name = path.rpartition("/")
    if path.endswith("/ip_forward"):
        directory, name = f"{directory}/conf/all", "forwarding"
    if not directory.endswith("/all"):
        return [path]
    names = (name, "accept_redirects") if name == "forwarding" else (name,)
    return [path, *(found for name in names for found in sorted(glob.glob(f"{directory[:-3]}*/{name}")))]


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()


def _write(path: str, value: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(value)

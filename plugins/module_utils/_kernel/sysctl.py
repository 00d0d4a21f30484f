# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kernel parameters of the namespace that the thread is in (sysctl(8), /proc/sys)."""

from __future__ import annotations

import errno
import glob
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address

from ansible_collections.netns.fabric.plugins.module_utils._system.paths import fs_path

#: Where the kernel has its parameters as files (proc(5)).
SYSCTLS = "/proc/sys"
#: Ranges of ports. A mask of CPUs looks alike, in groups of eight digits with leading zeros, and its order counts.
_PORT = r"(?:0|[1-9]\d{0,4})"
_LIST_OF_RANGES = re.compile(rf"{_PORT}(?:-{_PORT})?(?:,{_PORT}(?:-{_PORT})?)*", re.ASCII)


def same_value(current: str | None, wanted: str) -> bool:
    """Whether two values are the same to the kernel, which takes 0x10 and 007 and prints 16 and 7.

    It prints IPv6 addresses in full, and lists of ports in order, as ranges (ip-sysctl: stable_secret,
    ip_local_reserved_ports).
    """
    return current is not None and list(map(_meaning, current.split())) == list(map(_meaning, wanted.split()))


def _meaning(text: str) -> object:
    with suppress(ValueError):
        return int(text, 8 if re.fullmatch(r"-?0[0-7]+", text) else 0)
    with suppress(ValueError):
        return ip_address(text)
    return _ranges(text) if _LIST_OF_RANGES.fullmatch(text) else text


def _ranges(text: str) -> list[list[int]]:
    """Return the ranges of a list, those that touch as one."""
    ranges: list[list[int]] = []
    for first, last in sorted((int(part.partition("-")[0]), int(part.rpartition("-")[2])) for part in text.split(",")):
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1][1] = max(last, ranges[-1][1])
        else:
            ranges.append([first, last])
    return ranges


def read(key: str) -> str | None:
    """Return a kernel parameter's value; None where the kernel does not have it, or it cannot be read.

    One that was never set may have none, an empty one here (addrconf_sysctl_stable_secret() answers EIO).
    """
    # Without the layers of open(): of five hundred namespaces a dozen each are read.
    try:
        descriptor = os.open(path_of(key), os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    try:
        return " ".join(os.read(descriptor, 1 << 16).decode("ascii").split())
    except (IsADirectoryError, PermissionError):
        return None
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return ""
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
    """Return the values, by file, of a kernel parameter and of those that change with it, without one that has none.

    Such a parameter keeps what it is set to, as the kernel cannot take the value from it.
    """
    found = {}
    for path in affected_paths(path_of(key)):
        try:
            found[path] = _read(path)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
    return found


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

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes and mounted namespaces, as /proc has them."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._system import processes


def test_command_lines() -> None:
    assert Path(sys.executable).name in processes.command_line(os.getpid())
    with pytest.raises(FileNotFoundError):
        processes.command_line(1 << 30)


def test_processes_by_namespace() -> None:
    own = os.stat("/proc/self/ns/net").st_ino
    [found] = [each for each in processes.inside_namespaces(0)[own] if each.pid == os.getpid()]
    assert found.command == processes.command_line(os.getpid())
    assert own not in processes.inside_namespaces(own)


def test_who_has_a_socket_open() -> None:
    with socket.socket() as opened:
        inode = os.fstat(opened.fileno()).st_ino
        found = processes.holders({inode, 0})
    assert [each.pid for each in found[inode]] == [os.getpid()]
    assert set(found) == {inode}
    assert processes.holders(set()) == {}


def test_mounted_namespaces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 0:21 / /proc rw - proc proc rw\n"
        "50 25 0:4 net:[4026532200] /run/netns/red rw shared:3 - nsfs nsfs rw\n"
        "51 25 0:4 net:[4026532200] /elsewhere rw shared:3 - nsfs nsfs rw\n"
        "52 25 0:4 mnt:[4026532300] /run/mnt rw - nsfs nsfs rw\n"
        "53 25 0:4 net:[4026532400] /a\\040b\\134c rw - nsfs nsfs rw\n",
        encoding="ascii",
    )
    monkeypatch.setattr(processes, "MOUNTS", str(mounts))
    assert processes.mounted_namespaces() == {4026532200: "/run/netns/red", 4026532400: "/a b\\c"}

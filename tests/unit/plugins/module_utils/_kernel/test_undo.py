# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a stale file is restored. The rest is the kernel's, see tests/integration/test_rollback.py."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces, undo


def test_a_stale_file_is_restored_with_its_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "NAMESPACE_DIRECTORY", str(tmp_path))
    path = tmp_path / "stale"
    path.write_bytes(b"left by a crash")
    path.chmod(0o440)
    restore = undo.capture_stale_file("stale")
    path.unlink()
    restore()
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"left by a crash", 0o440)
    with pytest.raises(FileExistsError):
        restore()


@pytest.mark.parametrize(
    "create", [lambda path: path.symlink_to("elsewhere"), os.mkfifo, lambda path: path.touch(mode=0o400)]
)
def test_what_has_the_name_of_a_namespace_is_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, create: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(namespaces, "NAMESPACE_DIRECTORY", str(tmp_path))
    path = tmp_path / "stale"
    create(path)
    before = path.lstat()
    restore = undo.capture_stale_file("stale")
    path.unlink()
    restore()
    assert (path.lstat().st_mode, path.is_symlink()) == (before.st_mode, path.is_symlink())


def test_a_socket_is_not_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "NAMESPACE_DIRECTORY", str(tmp_path))
    path = tmp_path / "stale"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
    restore = undo.capture_stale_file("stale")
    path.unlink()
    restore()
    assert list(tmp_path.iterdir()) == []

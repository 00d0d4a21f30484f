# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths, in any locale and with any umask."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._system import paths


def test_bytes_are_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    code = (
        f"import os; from {paths.__name__} import fs_path, text_of\n"
        f"path = fs_path({str(tmp_path)!r} + '/gr\\xf6\\xdfe')\n"
        "os.mkdir(path); print(ascii(text_of(path)))"
    )
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment = {**os.environ, **plain, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.stdout.strip() == ascii(f"{tmp_path}/größe"), done.stderr
    assert os.listdir(bytes(tmp_path)) == ["größe".encode()]


@pytest.mark.parametrize("text", ["/run/netns/a", "/größe", "/\udcff"])
def test_text_is_the_opposite(text: str) -> None:
    assert paths.text_of(paths.fs_path(text)) == text


def test_directories_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        paths.make_directories(str(tmp_path / "a" / "b"))
        paths.make_directories(str(tmp_path / "a" / "b"))
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b")] == [0o755, 0o755]


def test_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    paths.make_directories(str(tmp_path))
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_read_only_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest directory that exists is asked; a file system is made read-only in tests/integration."""
    assert paths.read_only_mount(str(tmp_path / "a" / "b")) is None
    asked: list[str] = []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        return os.statvfs_result([0, 0, 0, 0, 0, 0, 0, 0, os.ST_RDONLY, 0])

    monkeypatch.setattr(os, "statvfs", statvfs)
    assert paths.read_only_mount(str(tmp_path / "a" / "b")) == str(tmp_path)
    assert asked == [str(tmp_path)]

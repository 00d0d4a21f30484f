# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a few lines, and what may be in their place."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._system import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._system.files import Files
from ansible_collections.netns.fabric.plugins.module_utils._system.small_files import SIZE_MAX, find_obstacle


def put(path: Path, what: str) -> None:
    """Put something into the place of a file."""
    if what == "a named pipe":
        os.mkfifo(path)
    elif what == "a socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif what == "a directory":
        path.mkdir()
    elif what == "a device":
        path.symlink_to("/dev/zero")
    elif what == "a loop of symbolic links":
        path.symlink_to(path)
    else:
        path.write_bytes(bytes(SIZE_MAX + 1))


@pytest.mark.parametrize(
    "what",
    ["a named pipe", "a socket", "a directory", "a device", "a loop of symbolic links", f"more than {SIZE_MAX} bytes"],
)
def test_another_kind_of_file_is_neither_read_nor_overwritten(tmp_path: Path, what: str) -> None:
    path = tmp_path / "resolv.conf"
    put(path, what)
    assert Files().read(str(path)) is None
    assert what in find_obstacle(str(path))
    write, rename = op.WriteFile(str(path), "x"), op.RenameFile(str(tmp_path / "other"), str(path))
    for operation in (write, op.RemoveFile(str(path)), rename):
        ((refused, cause),) = Files().refusals([operation])
        assert refused is operation
        assert cause.startswith(f"{path} ")
        assert what in cause
        with pytest.raises(OperationFailed):
            Files().execute([operation], Journal())
    assert os.path.lexists(path)


def test_a_file_and_nothing_at_all_are_no_obstacles(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x" * SIZE_MAX, encoding="ascii")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link", "missing", "file/below"):
        assert find_obstacle(str(tmp_path / name)) == ""

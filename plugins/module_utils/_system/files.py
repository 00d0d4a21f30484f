# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small text files on the host: read, and written with a way back."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Backend, BackendType, Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._system import operations as op


class Files(Backend):
    """Files that hold a few lines each."""

    def read(self, path: str) -> str | None:
        """The text in a file; None where there is none."""
        with (
            suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError),
            open(path, encoding="utf-8", errors="replace") as file,
        ):
            return file.read()
        return None

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        for operation in operations:
            try:
                _HANDLERS[type(operation)](operation, journal)
            except OSError as error:
                raise OperationFailed(operation, str(error), error.errno) from error

    def commit(self) -> None:
        """Nothing is kept for the way back but what the journal has."""


@dataclass(frozen=True)
class _Kept:
    """What was in the place of a file: its bytes, mode and owners, and those of its directory; None for nothing."""

    path: str
    content: bytes | None
    status: os.stat_result | None
    directory_status: os.stat_result | None
    #: The topmost directory that had to be made for it.
    made: str | None

    def put_back(self) -> None:
        if self.content is None:
            with suppress(FileNotFoundError):
                os.unlink(self.path)
            self._take_away_directories()
            return
        directory = os.path.dirname(self.path)
        if not os.path.isdir(directory):
            os.makedirs(directory)
            _like(directory, self.directory_status)
        _replace(self.path, self.content, self.status)

    def _take_away_directories(self) -> None:
        path = os.path.dirname(self.path)
        while self.made is not None and len(self.made) <= len(path):
            with suppress(OSError):  # something else has come into it
                os.rmdir(path)
            path = os.path.dirname(path)


def _keep(path: str) -> _Kept:
    directory = os.path.dirname(path)
    made = _first_missing(directory)
    directory_status = os.stat(directory) if made is None else None
    try:
        with open(path, "rb") as file:
            return _Kept(path, file.read(), os.fstat(file.fileno()), directory_status, made)
    except FileNotFoundError:
        return _Kept(path, None, None, directory_status, made)


def _write(operation: op.WriteFile, journal: Journal) -> None:
    kept = _keep(operation.path)
    journal.record(f"restore {operation.path}", kept.put_back)
    os.makedirs(os.path.dirname(operation.path), mode=0o755, exist_ok=True)
    _replace(operation.path, operation.text.encode(), None)


def _remove(operation: op.RemoveFile, journal: Journal) -> None:
    kept = _keep(operation.path)
    journal.record(f"restore {operation.path}", kept.put_back)
    with suppress(FileNotFoundError):
        os.unlink(operation.path)
    with suppress(OSError):  # something else is in there
        os.rmdir(os.path.dirname(operation.path))


def _rename(operation: op.RenameFile, journal: Journal) -> None:
    covered = _keep(operation.new_path)
    os.rename(operation.path, operation.new_path)

    def undo() -> None:
        os.rename(operation.new_path, operation.path)
        covered.put_back()

    journal.record(f"rename {operation.new_path} back", undo)


def _first_missing(directory: str) -> str | None:
    """The topmost of the directories that will have to be made."""
    missing = None
    while not os.path.isdir(directory):
        missing, directory = directory, os.path.dirname(directory)
    return missing


def _replace(path: str, content: bytes, status: os.stat_result | None) -> None:
    """Whoever reads the file sees what was in it or what is to be, never a part."""
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".netns.fabric-")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        _like(temporary, status)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _like(path: str, status: os.stat_result | None) -> None:
    """Mode and owners of something that was there before."""
    if status is not None:
        os.chmod(path, stat.S_IMODE(status.st_mode))
        os.chown(path, status.st_uid, status.st_gid)


_HANDLERS: Mapping[type, Callable[[Any, Journal], None]] = {
    op.WriteFile: _write,
    op.RemoveFile: _remove,
    op.RenameFile: _rename,
}


FILES = BackendType("files", Files)

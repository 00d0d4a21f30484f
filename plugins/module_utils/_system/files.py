# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small text files on the host: read, and written with a rollback."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.conditions import describe, with_cure
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Backend, BackendType, Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._system import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._system.paths import (
    fs_path,
    make_directories,
    read_only_mount,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.small_files import (
    DATA_MAX,
    UnsuitableFile,
    find_obstacle,
    read_bytes,
)


class Files(Backend):
    """Files that hold a few lines each."""

    def read(self, path: str) -> str | None:
        """Return the text in a file; None where there is none, or something else than a file of a few lines."""
        with suppress(FileNotFoundError, NotADirectoryError, UnsuitableFile):
            return read_bytes(fs_path(path))[0].decode(errors="replace")
        return None

    def read_data(self, path: str) -> bytes | None:
        """Return the content of a file that this collection has installed; None where there is none."""
        with suppress(FileNotFoundError, NotADirectoryError, UnsuitableFile):
            return read_bytes(fs_path(path), DATA_MAX)[0]
        return None

    def read_link(self, path: str) -> str | None:
        """Return where a symbolic link leads to, or the path itself for another file; None where there is none."""
        try:
            return os.readlink(fs_path(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:  # EINVAL: not a link
            return path

    def names(self, directory: str) -> list[str]:
        """Return the names of the files in a directory, sorted."""
        try:
            return sorted(os.listdir(fs_path(directory)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        for operation in operations:
            try:
                _HANDLERS[type(operation)](operation, journal)
            except OSError as error:
                raise OperationFailed(operation, describe(error), error.errno) from error

    def refusals(self, operations: Sequence[Operation]) -> Iterator[tuple[Operation, str]]:
        for operation in operations:
            if isinstance(operation, op.FileOperation):
                yield from ((operation, cause) for cause in _refusals(operation))

    def commit(self) -> None:
        """Nothing is kept for the rollback but what the journal has."""


def _refusals(operation: op.FileOperation) -> list[str]:
    paths = [operation.path, *([operation.new_path] if isinstance(operation, op.RenameFile) else [])]
    obstacles = [found for path in paths if (found := _obstacle(operation, path))]
    if obstacles:
        return obstacles
    directory = read_only_mount(fs_path(operation.path))
    if directory is None:
        return []
    return [with_cure(f"{directory} is on a read-only file system", OSError(errno.EROFS, ""))]


_INSTALLATION = (op.InstallFile, op.LinkFile, op.UninstallFile)


def _obstacle(operation: op.FileOperation, path: str) -> str:
    if isinstance(operation, _INSTALLATION) and os.path.islink(fs_path(path)):
        return ""  # it may lead anywhere: the link itself is replaced or removed
    return find_obstacle(path, operation.size_max)


@dataclass(frozen=True)
class _SavedFile:
    """A file as it was: its bytes, mode and owner, and those of its directory; None for what did not exist."""

    path: str
    content: bytes | None
    status: os.stat_result | None
    directory_status: os.stat_result | None
    #: The topmost directory that has to be created for it.
    created: str | None
    #: Where its content is written before the file is renamed.
    temporary: str
    #: Where a symbolic link in its place led to.
    target: str | None = None

    def restore(self) -> None:
        if self.content is None and self.target is None:
            with suppress(FileNotFoundError):
                os.unlink(self.path)
            self._remove_created_directories()
            return
        directory = os.path.dirname(self.path)
        if not os.path.isdir(directory):
            make_directories(directory)
            _copy_permissions(self.directory_status, directory)
        if self.target is not None:
            _replace_link(self.path, self.target, self.temporary)
        elif self.content is not None:
            _replace(self.path, self.content, self.status, self.temporary)

    def _remove_created_directories(self) -> None:
        path = os.path.dirname(self.path)
        while self.created is not None and len(self.created) <= len(path):
            with suppress(OSError):  # something else was put into it meanwhile
                os.rmdir(path)
            path = os.path.dirname(path)


def _save(operation: op.FileOperation, path: str) -> _SavedFile:
    is_installed = isinstance(operation, _INSTALLATION)
    temporary = fs_path(op.sibling_path(path) if is_installed else op.temporary_path(path))
    path = fs_path(path)
    directory = os.path.dirname(path)
    created = _topmost_missing(directory)
    directory_status = os.stat(directory) if created is None else None
    if is_installed and os.path.islink(path):
        return _SavedFile(path, None, None, directory_status, created, temporary, os.readlink(path))
    try:
        content, status = read_bytes(path, operation.size_max)
        return _SavedFile(path, content, status, directory_status, created, temporary)
    except FileNotFoundError:
        return _SavedFile(path, None, None, directory_status, created, temporary)


def _write(operation: op.WriteFile, journal: Journal) -> None:
    saved = _save(operation, operation.path)
    journal.record(f"restore {operation.path}", saved.restore)
    make_directories(os.path.dirname(saved.path))
    _replace(saved.path, operation.text.encode(), None, saved.temporary)


def _install(operation: op.InstallFile, journal: Journal) -> None:
    saved = _save(operation, operation.path)
    journal.record(f"restore {operation.path}", saved.restore)
    make_directories(os.path.dirname(saved.path))
    _replace(saved.path, operation.content, None, saved.temporary, operation.mode)
    _sync_directory(os.path.dirname(saved.path))


def _link(operation: op.LinkFile, journal: Journal) -> None:
    saved = _save(operation, operation.path)
    journal.record(f"restore {operation.path}", saved.restore)
    make_directories(os.path.dirname(saved.path))
    _replace_link(saved.path, operation.target, saved.temporary)
    _sync_directory(os.path.dirname(saved.path))


def _remove(operation: op.RemoveFile, journal: Journal) -> None:
    saved = _save(operation, operation.path)
    journal.record(f"restore {operation.path}", saved.restore)
    with suppress(FileNotFoundError):
        os.unlink(saved.path)
    if operation.tidy:
        with suppress(OSError):  # something else is in there
            os.rmdir(os.path.dirname(saved.path))


def _rename(operation: op.RenameFile, journal: Journal) -> None:
    path, new_path = fs_path(operation.path), fs_path(operation.new_path)
    directory = os.path.dirname(path)
    directory_status = os.stat(directory)
    overwritten = _save(operation, operation.new_path)

    def undo() -> None:
        if not os.path.lexists(path):
            if not os.path.isdir(directory):
                make_directories(directory)
                _copy_permissions(directory_status, directory)
            os.rename(new_path, path)
        overwritten.restore()

    journal.record(f"rename {operation.new_path} back", undo)
    make_directories(os.path.dirname(new_path))
    os.rename(path, new_path)
    if operation.tidy:
        with suppress(OSError):  # something else is in there
            os.rmdir(directory)


def _topmost_missing(directory: str) -> str | None:
    """Return the topmost of the directories that do not exist on the path to this one."""
    missing = None
    while not os.path.isdir(directory):
        missing, directory = directory, os.path.dirname(directory)
    return missing


def _replace(path: str, content: bytes, status: os.stat_result | None, temporary: str, mode: int | None = None) -> None:
    """Replace a file at once: a reader sees the old content or the new one, never a part.

    With a `mode` the new content is on the disk before it gets its name (rename(2) does not order the writes).
    """
    with suppress(FileNotFoundError):
        os.unlink(temporary)  # what a killed run has left
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(descriptor, 0o644 if mode is None else mode)
            _copy_permissions(status, temporary)
            if mode is not None:
                file.flush()
                os.fsync(descriptor)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _replace_link(path: str, target: str, temporary: str) -> None:
    """Replace a symbolic link at once."""
    with suppress(FileNotFoundError):
        os.unlink(temporary)
    os.symlink(target, temporary)
    os.rename(temporary, path)


def _sync_directory(path: str) -> None:
    """Make sure that the names in a directory are on the disk (fsync(2))."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_permissions(status: os.stat_result | None, path: str) -> None:
    """Give a file or directory the mode and owner of one that existed before."""
    if status is not None:
        os.chmod(path, stat.S_IMODE(status.st_mode))
        os.chown(path, status.st_uid, status.st_gid)


_HANDLERS: Mapping[type, Callable[[Any, Journal], None]] = {
    op.WriteFile: _write,
    op.RemoveFile: _remove,
    op.RenameFile: _rename,
    op.InstallFile: _install,
    op.UninstallFile: _remove,
    op.LinkFile: _link,
}


FILES = BackendType("files", Files)

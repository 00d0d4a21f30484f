# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small text files on the host: read, and written with a way back."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils import _operations as op
from ansible_collections.netns.fabric.plugins.module_utils._change import Operation
from ansible_collections.netns.fabric.plugins.module_utils._errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._host import Journal


class Files:
    """Files that hold a few lines each."""

    def read(self, path: str) -> str | None:
        """The text in a file; None where there is none."""
        with suppress(FileNotFoundError, NotADirectoryError), open(path, encoding="utf-8", errors="replace") as file:
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


def _write(operation: op.WriteFile, journal: Journal) -> None:
    before = Files().read(operation.path)
    directory = os.path.dirname(operation.path)
    made = _first_missing(directory)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    _replace(operation.path, operation.text)
    journal.record(f"restore {operation.path}", lambda: _put_back(operation.path, before, made))


def _remove(operation: op.RemoveFile, journal: Journal) -> None:
    before = Files().read(operation.path)
    with suppress(FileNotFoundError):
        os.unlink(operation.path)
    journal.record(f"restore {operation.path}", lambda: _put_back(operation.path, before, None))
    with suppress(OSError):  # something else is in there
        os.rmdir(os.path.dirname(operation.path))


def _rename(operation: op.RenameFile, journal: Journal) -> None:
    os.rename(operation.path, operation.new_path)
    journal.record(
        f"rename {operation.new_path} back", lambda: os.rename(operation.new_path, operation.path)
    )


def _put_back(path: str, text: str | None, made: str | None) -> None:
    if text is not None:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        _replace(path, text)
        return
    with suppress(FileNotFoundError):
        os.unlink(path)
    while made is not None and len(made) <= len(path := os.path.dirname(path)):
        with suppress(OSError):
            os.rmdir(path)


def _first_missing(directory: str) -> str | None:
    """The topmost of the directories that will have to be made."""
    missing = None
    while not os.path.isdir(directory):
        missing, directory = directory, os.path.dirname(directory)
    return missing


def _replace(path: str, text: str) -> None:
    """Whoever reads the file sees the old text or the new one, never a part."""
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".netns.fabric-")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


_HANDLERS: Mapping[type, Callable[[Any, Journal], None]] = {
    op.WriteFile: _write,
    op.RemoveFile: _remove,
    op.RenameFile: _rename,
}

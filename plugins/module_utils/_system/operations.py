# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The writes to files, each with the shell lines that do the same. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase


@dataclass(frozen=True)
class FileOperation:
    """A write to the file system of the host."""

    path: str
    phase = Phase.SETTINGS
    backend = "files"


@dataclass(frozen=True)
class WriteFile(FileOperation):
    """Write text into a file, mode 0644; its directory is created if need be."""

    text: str

    def commands(self) -> Sequence[str]:
        directory = self.path.rpartition("/")[0]
        return [
            shlex.join(["mkdir", "-p", directory]),
            shlex.join(["printf", "%s", self.text]) + " > " + shlex.quote(self.path),
        ]


@dataclass(frozen=True)
class RenameFile(FileOperation):
    """Rename a file; the new directory is created if need be. `tidy`: the old one is removed if it is empty then."""

    new_path: str
    tidy: bool = False
    phase: Phase = Phase.RELEASE

    def commands(self) -> Sequence[str]:
        old, new = self.path.rpartition("/")[0], self.new_path.rpartition("/")[0]
        lines = [shlex.join(["mkdir", "-p", new]), shlex.join(["mv", self.path, self.new_path])]
        return [*lines, _rmdir(old)] if self.tidy else lines


@dataclass(frozen=True)
class RemoveFile(FileOperation):
    """Remove a file; `tidy`: and its directory if that is empty then."""

    tidy: bool = True
    phase = Phase.MOVE

    def commands(self) -> Sequence[str]:
        directory = self.path.rpartition("/")[0]
        return [shlex.join(["rm", "-f", self.path]), *([_rmdir(directory)] if self.tidy else [])]


def _rmdir(directory: str) -> str:
    return shlex.join(["rmdir", "--ignore-fail-on-non-empty", directory])


def temporary_path(path: str) -> str:
    """Return where the new content of a file is written first, to be renamed then.

    It is not in the file's own directory, whose files `ip netns exec` mounts, each of them (ip-netns(8)). The name is
    always the same: what a killed run leaves is found by the next one. Only one run writes at a time.
    """
    return f"{path.rpartition('/')[0].rpartition('/')[0]}/.netns.fabric.new"

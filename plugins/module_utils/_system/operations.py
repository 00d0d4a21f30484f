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
    new_path: str
    phase: Phase = Phase.RELEASE

    def commands(self) -> Sequence[str]:
        return [shlex.join(["mv", self.path, self.new_path])]


@dataclass(frozen=True)
class RemoveFile(FileOperation):
    """Remove a file, and its directory if that is empty then."""

    phase = Phase.MOVE

    def commands(self) -> Sequence[str]:
        directory = self.path.rpartition("/")[0]
        return [shlex.join(["rm", "-f", self.path]), shlex.join(["rmdir", "--ignore-fail-on-non-empty", directory])]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The writes to files, each with the shell lines that do the same. Pure."""

from __future__ import annotations

import base64
import gzip
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase
from ansible_collections.netns.fabric.plugins.module_utils._system.small_files import DATA_MAX, SIZE_MAX


@dataclass(frozen=True)
class FileOperation:
    """A write to the file system of the host."""

    path: str
    phase = Phase.SETTINGS
    backend = "files"
    #: Bytes that the file may have, see small_files.
    size_max = SIZE_MAX


@dataclass(frozen=True)
class WriteFile(FileOperation):
    """Write text into a file, mode 0644; its directory is created if need be.

    `same_as`: the path of a file with this text, which the same call has written before: the commands copy that.
    """

    text: str
    same_as: str = ""

    def commands(self) -> Sequence[str]:
        create = shlex.join(["mkdir", "-p", self.path.rpartition("/")[0]])
        if self.same_as:
            return [create, shlex.join(["cp", self.same_as, self.path])]
        return [create, shlex.join(["printf", "%s", self.text]) + " > " + shlex.quote(self.path)]


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


@dataclass(frozen=True)
class InstallFile(FileOperation):
    """Write a file that has to survive a power cut as soon as it is written; its directory is created if need be."""

    content: bytes
    mode: int
    size_max = DATA_MAX

    def commands(self) -> Sequence[str]:
        directory, path = self.path.rpartition("/")[0], shlex.quote(self.path)
        lines = [shlex.join(["mkdir", "-p", directory]), f"install -m {self.mode:04o} /dev/null {path}"]
        try:
            return [*lines, shlex.join(["printf", "%s", self.content.decode()]) + f" > {path}"]
        except UnicodeDecodeError:
            packed = base64.b64encode(gzip.compress(self.content, mtime=0)).decode()
            return [*lines, f"printf %s {packed} | base64 -d | gunzip > {path}"]


@dataclass(frozen=True)
class UninstallFile(RemoveFile):
    """Remove what InstallFile or LinkFile has written."""

    phase = Phase.REMOVE
    size_max = DATA_MAX


@dataclass(frozen=True)
class LinkFile(FileOperation):
    """Create a symbolic link, or change where it leads to; its directory is created if need be."""

    target: str

    def commands(self) -> Sequence[str]:
        directory = self.path.rpartition("/")[0]
        return [shlex.join(["mkdir", "-p", directory]), shlex.join(["ln", "-sfn", self.target, self.path])]


def _rmdir(directory: str) -> str:
    return shlex.join(["rmdir", "--ignore-fail-on-non-empty", directory])


def sibling_path(path: str) -> str:
    """Return where the new content of an installed file is written first.

    In the same directory: a file keeps the SELinux context of the directory that it was created in when it is renamed.
    """
    directory, _slash, name = path.rpartition("/")
    return f"{directory}/.{name}.new"


def temporary_path(path: str) -> str:
    """Return where the new content of a file is written first, to be renamed then.

    It is not in the file's own directory, whose files `ip netns exec` mounts, each of them (ip-netns(8)). The name is
    always the same: what a killed run leaves is found by the next one. Only one run writes at a time.
    """
    return f"{path.rpartition('/')[0].rpartition('/')[0]}/.netns.fabric.new"

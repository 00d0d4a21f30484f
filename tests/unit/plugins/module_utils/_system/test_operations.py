# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shell lines of operations on files."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._system import operations as op


@pytest.mark.parametrize(
    ("operation", "lines"),
    [
        (
            op.WriteFile("/etc/netns/red/resolv.conf", "a 'b'\n"),
            ["mkdir -p /etc/netns/red", "printf %s 'a '\"'\"'b'\"'\"'\n' > /etc/netns/red/resolv.conf"],
        ),
        (op.RenameFile("/d/a", "/e/b"), ["mkdir -p /e", "mv /d/a /e/b"]),
        (
            op.RenameFile("/d/a", "/e/b", tidy=True),
            ["mkdir -p /e", "mv /d/a /e/b", "rmdir --ignore-fail-on-non-empty /d"],
        ),
        (op.RemoveFile("/d/a"), ["rm -f /d/a", "rmdir --ignore-fail-on-non-empty /d"]),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
def test_commands(operation: Operation, lines: list[str]) -> None:
    assert operation.backend == "files"
    assert list(operation.commands()) == lines

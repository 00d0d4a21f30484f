# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the system, with what to do about them."""

from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core import conditions


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EMFILE, "the hard limit (RLIMIT_NOFILE)"),
        (errno.ENFILE, "fs.file-max"),
        (errno.EROFS, "mount the file system read-write"),
        (errno.ENOSPC, "free some space"),
        (errno.EACCES, "capabilities(7)"),
    ],
)
def test_cause_and_cure(number: int, advice: str) -> None:
    described = conditions.describe(OSError(number, os.strerror(number), "/etc/netns"))
    assert described.startswith(f"/etc/netns: {os.strerror(number)}; ")
    assert advice in described


def test_unknown_error_has_no_cure() -> None:
    assert conditions.describe(OSError(errno.EIO, "Input/output error")) == "Input/output error"
    assert conditions.describe(OSError("no errno")) == "no errno"


def test_explained_error_is_not_explained_twice() -> None:
    assert conditions.describe(conditions.ExplainedError(errno.EPERM, "needs X")) == "needs X"


def test_path_is_shown_as_utf_8() -> None:
    path = os.fsdecode("/run/netns/größe".encode())
    assert conditions.describe(OSError(errno.EIO, "bad", path)) == "/run/netns/größe: bad"
    assert conditions.describe(OSError(errno.EIO, "bad", b"/\xff")) == "/\\xff: bad"

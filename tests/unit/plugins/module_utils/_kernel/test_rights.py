# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before it is tried, by the rights and the mounts of the host."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel import rights

CREATE = op.CreateNamespace("red")
SYSCTL = op.SetSysctl(None, "net.ipv4.ip_forward", "1")
UP = op.SetUp(None, "eth0")


@pytest.mark.parametrize(
    ("lacking", "read_only", "refused"),
    [
        ((), (), []),
        (("CAP_NET_ADMIN",), (), [(UP, "the network cannot be changed: root lacks CAP_NET_ADMIN")]),
        (("CAP_SYS_ADMIN",), (), [(CREATE, "cannot be created or removed: root lacks CAP_SYS_ADMIN")]),
        ((), ("/run/netns",), [(CREATE, "/run/netns is on a read-only file system")]),
        ((), ("/proc/sys",), [(SYSCTL, "/proc/sys is on a read-only file system")]),
    ],
)
def test_refusals(
    monkeypatch: pytest.MonkeyPatch,
    lacking: tuple[str, ...],
    read_only: tuple[str, ...],
    refused: list[tuple[Operation, str]],
) -> None:
    monkeypatch.setattr(rights, "has_capability", lambda name: name not in lacking)
    monkeypatch.setattr(rights, "read_only_mount", lambda path: path if path in read_only else None)
    found = list(rights.refusals([CREATE, SYSCTL, UP]))
    assert [operation for operation, _cause in found] == [operation for operation, _text in refused]
    assert all(text in cause for (_operation, cause), (_same, text) in zip(found, refused))

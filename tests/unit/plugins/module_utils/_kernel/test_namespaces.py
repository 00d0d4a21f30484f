# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and files of network namespaces. The rest is system calls, which tests/integration makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces


def test_the_file_of_a_namespace() -> None:
    assert namespaces.path_of("red") == "/run/netns/red"
    assert namespaces.path_of("/proc/42/ns/net") == "/proc/42/ns/net"


def test_every_name_counts_and_the_directory_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "NAMESPACE_DIRECTORY", str(tmp_path / "netns"))
    assert namespaces.names() == set()
    (tmp_path / "netns").mkdir()
    (tmp_path / "netns" / "stale").touch()
    assert namespaces.names() == {"stale"}

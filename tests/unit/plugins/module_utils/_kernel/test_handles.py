# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Namespaces that do not exist. What is opened in those that do is left to tests/integration."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandles


@pytest.fixture(name="directory")
def fixture_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(namespaces, "NAMESPACE_DIRECTORY", str(tmp_path))
    return tmp_path


def test_a_name_without_a_namespace(directory: Path) -> None:
    (directory / "file").touch()
    os.mkfifo(directory / "pipe")
    handles = NamespaceHandles()
    assert [handles.find(name) for name in ("missing", "file", "pipe", "/proc/0/ns/net")] == [None] * 4
    assert handles.names() == {"file", "pipe"}
    with pytest.raises(Unavailable, match=r"^network namespace missing does not exist$"):
        handles.get("missing")


def test_a_hidden_name(directory: Path) -> None:
    (directory / "red").touch()
    (directory / "blue").touch()
    handles = NamespaceHandles()
    handles.hide("red")
    assert handles.names() == {"blue"}
    assert handles.find("red") is None


def test_the_host_needs_no_descriptor_and_is_not_entered() -> None:
    handles = NamespaceHandles()
    before = os.stat("/proc/thread-self/ns/net").st_ino
    with handles.entered(None):
        assert os.stat("/proc/thread-self/ns/net").st_ino == before
    assert handles.descriptor(None) is None

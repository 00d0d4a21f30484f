# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A namespace in which parameters are tried: where none can be created, nothing is known. The rest needs a kernel."""

from __future__ import annotations

import errno
import io
import os
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._kernel import sysctl, trial
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import CreateLink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.trial import Trial


def test_without_a_namespace_the_hosts_values_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(setns, "create_unnamed", refuse)
    refused = Trial()
    assert refused.read("net.ipv4.ip_forward") == sysctl.read("net.ipv4.ip_forward")
    assert refused.refusal("net.ipv4.ip_forward", "nonsense") == ""
    assert refused.refusal_of_link(CreateLink(None, "k0", "bridge")) == ""
    refused.close()


def test_module_that_the_kernel_would_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of modules, which this machine may not have; what /sys/module has is loaded."""

    def open_modules(path: str, **_options: Any) -> io.StringIO:
        assert path == f"/lib/modules/{os.uname().release}/modules.dep"
        return io.StringIO("kernel/net/8021q/8021q.ko.xz: kernel/net/802/garp.ko.xz\n")

    monkeypatch.setattr(trial, "open", open_modules, raising=False)
    monkeypatch.setattr(os.path, "isdir", lambda path: path == "/sys/module/loaded")
    assert trial._would_load("8021q")
    assert not trial._would_load("vrf")
    assert not trial._would_load("loaded")

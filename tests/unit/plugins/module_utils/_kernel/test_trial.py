# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A namespace in which parameters are tried: where none can be created, nothing is known. The rest needs a kernel."""

from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._kernel import sysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel.trial import Trial


def test_without_a_namespace_the_hosts_values_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(setns, "create_unnamed", refuse)
    trial = Trial()
    assert trial.read("net.ipv4.ip_forward") == sysctl.read("net.ipv4.ip_forward")
    assert trial.refusal("net.ipv4.ip_forward", "nonsense") == ""
    trial.close()

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The capabilities of a process. Processes that lack some are in tests/integration/test_host_conditions.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._system import capabilities


@pytest.fixture(autouse=True)
def no_cache() -> Iterator[None]:
    capabilities._effective.cache_clear()
    yield
    capabilities._effective.cache_clear()


def test_effective_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "_effective", lambda: 1 << 12)
    assert capabilities.has_capability("CAP_NET_ADMIN")
    assert not capabilities.has_capability("CAP_SYS_ADMIN")


def test_effective_set_is_read_from_proc() -> None:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    shown = next(line for line in lines if line.startswith("CapEff:")).split()[1]
    assert capabilities._effective() == int(shown, 16)


def test_lack_is_described_with_the_cure() -> None:
    described = capabilities.describe_lack("CAP_NET_ADMIN")
    assert "root lacks CAP_NET_ADMIN here" in described
    assert "--cap-add NET_ADMIN" in described

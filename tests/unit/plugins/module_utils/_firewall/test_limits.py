# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much of a packet filter is read."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._firewall import limits
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import EndlessDump, NetlinkSocket


def dumps(monkeypatch: pytest.MonkeyPatch, is_found: bool, size: int) -> None:
    monkeypatch.setattr(NetlinkSocket, "scan", lambda *_arguments: (is_found, size))


@pytest.mark.parametrize("is_found", [True, False])
def test_a_few_rules(monkeypatch: pytest.MonkeyPatch, is_found: bool) -> None:
    dumps(monkeypatch, is_found, 1000)
    assert limits.has_own_rules("red", 1) is is_found
    limits.check_size("red")
    limits.check_text("red", "*filter")


def test_too_many_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    dumps(monkeypatch, is_found=True, size=limits.SIZE_MAX + 1)
    with pytest.raises(Unavailable, match=r"more than 16 MiB; see `ip netns exec red nft list ruleset`"):
        limits.has_own_rules("red", 1)
    with pytest.raises(Unavailable, match=r"more than 16 MiB"):
        limits.check_size("red")
    with pytest.raises(Unavailable, match=r"more than 16 MiB"):
        limits.check_text("red", "x" * (limits.SIZE_MAX + 1))


def test_rules_that_are_changed_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def scan(*_arguments: object) -> None:
        raise EndlessDump(1)

    monkeypatch.setattr(NetlinkSocket, "scan", scan)
    with pytest.raises(Unavailable, match=r"its rules cannot be read: .* changed all the time"):
        limits.has_own_rules("red", 1)

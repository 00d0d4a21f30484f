# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a kernel lacks that an option needs, as it says itself."""

from __future__ import annotations

import errno

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._firewall import kernel_support
from ansible_collections.netns.fabric.plugins.module_utils._firewall.kernel_support import find_lack
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    CLAMP_MSS,
    IPTABLES_LEGACY,
    IPTABLES_NFT,
    NFTABLES,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkError, Refusal
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result


@pytest.mark.parametrize(
    ("status", "error", "is_lacking"),
    [
        (0, "", False),
        (1, "/dev/stdin:4:9-80: Error: Could not process rule: Operation not supported\nadd rule", True),
        (1, "/dev/stdin:4:9-80: Error: Could not process rule: No such file or directory", True),
        (1, "Operation not permitted (you must be root)", False),
    ],
)
def test_nftables(status: int, error: str, is_lacking: bool) -> None:
    asked: list[tuple[str, ...]] = []

    def run(program: str, *arguments: str, text: str = "") -> Result:
        asked.append((program, *arguments))
        assert "set rt mtu" in text
        return Result(status, "", error)

    lack = find_lack(CLAMP_MSS, NFTABLES, run)
    assert bool(lack) is is_lacking
    assert not lack or error.splitlines()[0] in lack
    assert all("--check" in words for words in asked)


@pytest.mark.parametrize(
    ("answer", "is_lacking"),
    [
        (None, False),
        (NetlinkError(Refusal(errno.ENOENT, "")), True),
        (NetlinkError(Refusal(errno.EINVAL, "")), False),
        (PermissionError(errno.EPERM, "not permitted"), False),
    ],
)
@pytest.mark.parametrize("backend", [IPTABLES_NFT, IPTABLES_LEGACY])
def test_iptables(monkeypatch: pytest.MonkeyPatch, answer: OSError | None, is_lacking: bool, backend: str) -> None:
    class Kernel:
        def __init__(self, _protocol: int) -> None:
            pass

        def get(self, request: bytearray) -> bytes:
            assert b"TCPMSS\0" in request
            if answer is not None:
                raise answer
            return b""

        def close(self) -> None:
            pass

    monkeypatch.setattr(kernel_support, "NetlinkSocket", Kernel)
    lack = find_lack(CLAMP_MSS, backend, lambda _program, *_words, text="": Result(1, "", text))
    assert bool(lack) is is_lacking
    assert not lack or "no target TCPMSS for iptables; load it (`modprobe xt_TCPMSS`)" in lack

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flags of TUNSETIFF are those of what the kernel reports of a device."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel import tun_devices
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    IFF_MULTI_QUEUE,
    IFF_NO_PI,
    IFF_TAP,
    IFF_TUN,
    IFF_VNET_HDR,
)


@pytest.mark.parametrize(
    ("kind", "values", "flags"),
    [
        ("tap", {}, IFF_TAP | IFF_NO_PI),
        ("tun", {}, IFF_TUN | IFF_NO_PI),
        ("tun", {"pi": True, "user": 1000}, IFF_TUN),
        ("tap", {"vnet_hdr": True, "multi_queue": True}, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE),
    ],
)
def test_flags(kind: str, values: dict[str, Any], flags: int) -> None:
    assert tun_devices._flags(KINDS[kind].encode(values)) == flags

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The MTU that a link can have, by its name. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation

#: Bytes: the largest `int`, which the kernel has an MTU in (dev_validate_mtu() in net/core/dev.c).
LOOPBACK_MTU_MAX = 2**31 - 1


def mtu_check(link: Any) -> Callable[[Any], int]:
    """Return the check of the MTU of a link with this name."""
    return loopback_mtu if link == "lo" else validation.mtu


def loopback_mtu(value: Any) -> int:
    """Check the MTU of a loopback, which the kernel does not bound; a new one has 65536 (drivers/net/loopback.c).

    Args:
        value: An integer, or its decimal digits in a string.

    Raises:
        ValueError: It is not a whole number, or too small.
    """
    return validation.whole_number(value, "MTU", validation.MTU_MIN, LOOPBACK_MTU_MAX)

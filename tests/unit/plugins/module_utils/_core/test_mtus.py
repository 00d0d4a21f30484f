# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The MTU that a link can have, by its name."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.mtus import mtu_check


@pytest.mark.parametrize(
    ("link", "mtu", "good"),
    [
        ("lo", 65536, True),
        ("lo", 2**31 - 1, True),
        ("lo", 2**31, False),
        ("lo", 67, False),
        ("eth0", 65535, True),
        ("eth0", 65536, False),
        (None, 65536, False),
    ],
)
def test_the_loopback_is_not_bounded_by_ethernet(link: str | None, mtu: int, good: bool) -> None:
    if good:
        assert mtu_check(link)(mtu) == mtu
    else:
        with pytest.raises(ValueError, match=str(mtu)):
            mtu_check(link)(mtu)

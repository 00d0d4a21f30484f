# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses of outer packets, and what their headers take of an MTU."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.outer_packets import (
    is_ipv6,
    is_multicast,
    no_headroom,
    vxlan_headroom,
)


@pytest.mark.parametrize(
    ("address", "ipv6", "multicast"),
    [
        ("192.0.2.1", False, False),
        ("239.0.0.1", False, True),
        ("2001:db8::1", True, False),
        ("FF05::1", True, True),
    ],
)
def test_addresses(address: str, ipv6: bool, multicast: bool) -> None:
    assert (is_ipv6(address), is_multicast(address)) == (ipv6, multicast)


def test_no_address_is_none_of_ipv6() -> None:
    assert not is_ipv6(None)


@pytest.mark.parametrize(
    ("values", "bytes_taken"),
    [
        ({}, 50),
        ({"remote": "192.0.2.1", "local": None}, 50),
        ({"remote": "2001:db8::1"}, 70),
        ({"local": "2001:db8::1", "remote": None}, 70),
    ],
)
def test_what_a_vxlan_takes(values: dict[str, Any], bytes_taken: int) -> None:
    assert vxlan_headroom(values) == bytes_taken
    assert no_headroom(values) == 0

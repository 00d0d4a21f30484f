# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values of NAT that the modules and the role check alike."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.nat_values import client_network


def test_client_network() -> None:
    assert str(client_network("203.0.113.7/32")) == "203.0.113.7/32"
    assert str(client_network("fd00::/8")) == "fd00::/8"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("0.0.0.0/0", "0.0.0.0/0 contains every address, which is the default; omit the option"),
        ("::/0", "::/0 contains every address"),
        ("ff00::/8", "nobody connects from ff00::/8"),
        ("127.0.0.0/8", "nobody connects from 127.0.0.0/8"),
        ("10.0.0.1/8", "is an address within a network"),
        ("x", "x"),
    ],
)
def test_errors(given: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        client_network(given)

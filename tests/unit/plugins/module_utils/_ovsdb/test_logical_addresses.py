# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses of logical ports."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.logical_addresses import (
    ip_addresses,
    is_dynamic,
    logical_address,
    secure_address,
    split_addresses,
)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("02:00:00:00:00:0A  10.0.0.1   FD00::0:1", "02:00:00:00:00:0a 10.0.0.1 fd00::1"),
        ("02:00:00:00:00:01 dynamic", "02:00:00:00:00:01 dynamic"),
        ("02:00:00:00:00:01", "02:00:00:00:00:01"),
        ("dynamic 192.0.2.5", "dynamic 192.0.2.5"),
        ("dynamic FD00::0:5", "dynamic fd00::5"),
        ("dynamic fd00::5 192.0.2.5", "dynamic 192.0.2.5 fd00::5"),
        *((word, word) for word in ("dynamic", "router", "unknown")),
    ],
)
def test_an_address_is_stored_in_one_form(given: str, stored: str) -> None:
    assert logical_address(given) == stored


@pytest.mark.parametrize(
    "given",
    [
        *("", "10.0.0.1", "02:00:00:00:00:01 10.0.0.1/24", "01:00:00:00:00:01", "router 1"),
        *("dynamic 10.0.0.1/24", "dynamic 10.0.0.1 10.0.0.2", "dynamic dynamic", "02:00:00:00:00:01 10.0.0.1 dynamic"),
    ],
)
def test_no_address(given: str) -> None:
    with pytest.raises(ValueError, match=r"address"):
        logical_address(given)


def test_port_security_may_have_networks_and_no_words() -> None:
    assert secure_address("02:00:00:00:00:01 10.0.0.1/24") == "02:00:00:00:00:01 10.0.0.1/24"
    with pytest.raises(ValueError, match="begins an entry of the port security"):
        secure_address("unknown")
    with pytest.raises(ValueError, match="dynamic"):
        secure_address("02:00:00:00:00:01 dynamic")


def test_the_parts_of_addresses() -> None:
    addresses = ["02:00:00:00:00:01 10.0.0.1 fd00::1", "unknown", "02:00:00:00:00:02 dynamic", "dynamic 10.0.0.5"]
    assert " ".join(split_addresses(addresses)) == "02:00:00:00:00:01 10.0.0.1 fd00::1 02:00:00:00:00:02 10.0.0.5"
    assert [*map(str, ip_addresses(addresses))] == ["10.0.0.1", "fd00::1", "10.0.0.5"]
    assert [is_dynamic(address) for address in addresses] == [False, False, True, True]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values of NAT that the modules and the role check alike."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.nat_values import (
    client_network,
    excluded_network,
    find_everything,
    format_pool,
    hairpin_network,
    source_network,
    source_pool,
)


def test_source_network() -> None:
    assert str(source_network("10.8.0.0/16")) == "10.8.0.0/16"
    for given, message in (("::/0", "name the network behind this router"), ("224.0.0.0/4", "is never a source")):
        with pytest.raises(ValueError, match=message):
            source_network(given)


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


def test_hairpin_network() -> None:
    assert [str(hairpin_network(given)) for given in ("0.0.0.0/0", "fd00::/8")] == ["0.0.0.0/0", "fd00::/8"]
    for given in ("127.0.0.0/9", "::1/128", "224.0.0.0/4"):
        with pytest.raises(ValueError, match=f"nobody connects from {given}; name the networks of the clients"):
            hairpin_network(given)


def test_excluded_network() -> None:
    assert str(excluded_network("10.8.0.0/16")) == "10.8.0.0/16"
    for given, message in (("0.0.0.0/0", "nothing is masqueraded; remove the entry"), ("ff00::/8", "omit it")):
        with pytest.raises(ValueError, match=message):
            excluded_network(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], None),
        (["10.0.0.0/8", "::/1"], None),
        (["0.0.0.0/1", "fd00::/8", "128.0.0.0/2", "192.0.0.0/2"], "0.0.0.0/0"),
        (["8000::/1", "::/1"], "::/0"),
    ],
)
def test_networks_that_are_everything_together(given: list[str], expected: str | None) -> None:
    found = find_everything(map(ip_network, given))
    assert (found and str(found)) == expected


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7 - 192.0.2.9", "192.0.2.7-192.0.2.9"),
        ("192.0.2.7-192.0.2.7", "192.0.2.7"),
        ("2001:DB8::7-2001:db8::9", "2001:db8::7-2001:db8::9"),
    ],
)
def test_source_pool(given: str, text: str) -> None:
    assert format_pool(source_pool(given)) == text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("192.0.2.9-192.0.2.7", "ends before it begins; write 192.0.2.7-192.0.2.9"),
        ("192.0.2.7-2001:db8::9", "two IP versions"),
        ("192.0.2.7-192.0.2.8-192.0.2.9", "more than one hyphen"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("fe80::1", "nobody outside can answer to fe80::1"),
        (7, "must be an address, or a range of addresses"),
    ],
)
def test_no_source_pool(given: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        source_pool(given)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of the addresses and networks of one published port."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_forward_checks import (
    check_destination,
    check_hairpin,
    check_published,
    check_sources,
    check_versions,
)


def test_addresses() -> None:
    assert check_destination("FD00::1") == "fd00::1"
    assert check_published("198.51.100.1") == "198.51.100.1"
    for check, address in ((check_destination, "fe80::1"), (check_published, "224.0.0.1"), (check_published, "::1")):
        with pytest.raises(ValueError, match=address):
            check(address)


def test_sources_and_versions_report_all_errors() -> None:
    checks = Checks(Entry("8080"))
    sources = check_sources(checks, ["10.0.0.0/8", "10.0.0.1/8", "fd00::/8"])
    assert sources == {"sources[0]": "10.0.0.0/8", "sources[2]": "fd00::/8"}
    check_versions(checks, "10.0.0.1", {"address": None, **sources})
    with pytest.raises(InvalidEntries) as raised:
        checks.done()
    assert [str(error).split(": ")[1] for error in raised.value.errors] == ["sources[1]", "sources[2]"]


def test_nobody() -> None:
    checks = Checks(Entry("8080"))
    assert check_sources(checks, None) == {}
    checks.done()
    check_sources(checks, [])
    with pytest.raises(InvalidEntries, match="names nobody who may connect"):
        checks.done()


def test_sources_that_are_everybody_together() -> None:
    checks = Checks(Entry("rules[0]"))
    check_sources(checks, ["0.0.0.0/1", "128.0.0.0/1"])
    with pytest.raises(InvalidEntries, match=r"sources: are together 0\.0\.0\.0/0, every address, which"):
        checks.done()


def test_a_hairpin_is_for_some_who_may_connect() -> None:
    checks = Checks(Entry("8080"))
    networks = ["10.0.0.0/24", "10.0.1.0/24", "fd00::/64"]
    assert check_hairpin(checks, networks, []) == {f"hairpin[{number}]": each for number, each in enumerate(networks)}
    assert check_hairpin(checks, None, ["10.0.0.7/32"]) == {}
    checks.done()
    check_hairpin(checks, [*networks, "10.0.0.1/24"], ["10.0.0.7/32"])  # that the versions differ is another error
    with pytest.raises(InvalidEntries) as raised:
        checks.done()
    assert [str(error).split(": ")[1] for error in raised.value.errors] == ["hairpin[3]", "hairpin[1]"]


def test_a_hairpin_is_for_everybody_but_who_never_connects() -> None:
    checks = Checks(Entry("8080"))
    assert [*check_hairpin(checks, ["0.0.0.0/0", "::/0"], []).values()] == ["0.0.0.0/0", "::/0"]
    checks.done()
    networks = ["127.0.0.0/8", "127.0.0.1/32", "::1/128", "224.0.0.0/4", "ff00::/8"]
    check_hairpin(checks, networks, [])
    with pytest.raises(InvalidEntries) as raised:
        checks.done()
    assert [str(error).partition("]: ")[2] for error in raised.value.errors] == [
        f"nobody connects from {network}; name the networks of the clients" for network in networks
    ]

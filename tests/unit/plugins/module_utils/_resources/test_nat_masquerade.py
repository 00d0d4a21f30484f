# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Masquerading: options, and networks that overlap."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Ruleset
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.nat_samples import (
    NET,
    NET6,
    RESOURCE,
    SOURCE,
    actual,
    entry,
    plan,
    wanted,
)


class TestOptions:
    def error(self, **options: Any) -> str:
        with pytest.raises(InvalidEntries) as caught:
            RESOURCE.desired(Entry("rules[0]"), entry(**options))
        return str(caught.value)

    def test_defaults(self) -> None:
        found = wanted()
        assert (found.present, found.ip_forward, found.accept_forward) == (True, True, "auto")
        assert (found.namespace, found.key) == (None, NET)

    def test_ipv6(self) -> None:
        assert wanted("FD00:100:0::/64").key == NET6
        assert wanted("fd00::/64").version == 6

    def test_host_bits_name_the_network(self) -> None:
        assert "write 192.168.100.0/24" in self.error(source="192.168.100.7/24")

    @pytest.mark.parametrize("source", ["192.168.100.0", "192.168.300.0/24", "0.0.0.0/0", "::/0", "224.0.0.0/4", ""])
    def test_invalid_sources(self, source: str) -> None:
        assert "rules[0]: source: " in self.error(source=source)

    @pytest.mark.parametrize("name", ["eth+", "eth*", 'e"', "0123456789abcdef", "a/b"])
    def test_interfaces_that_no_rule_can_match(self, name: str) -> None:
        assert "rules[0]: out_interface: " in self.error(source=SOURCE, out_interface=name)

    def test_exemptions_that_are_everything_together(self) -> None:
        error = self.error(source=SOURCE, excluded_destinations=["0.0.0.0/1", "128.0.0.0/1"])
        assert "excluded_destinations: are together 0.0.0.0/0, every address" in error

    def test_all_errors_of_an_entry_at_once(self) -> None:
        assert self.error(source="x", out_interface="", namespace="a/b").count("\n") == 2

    def test_key(self) -> None:
        assert RESOURCE.key(wanted()) == RESOURCE.key(wanted(ip_forward=False))
        assert RESOURCE.key(wanted()) != RESOURCE.key(wanted(out_interface="eth0"))
        assert RESOURCE.key(wanted()) != RESOURCE.key(wanted(namespace="blue"))


class TestOverlaps:
    @pytest.mark.parametrize(
        ("first", "second", "overlap"),
        [
            ({}, {"source": "192.168.0.0/16"}, True),
            ({}, {"out_interface": "eth0"}, True),
            ({"out_interface": "eth0"}, {"source": "192.168.100.64/26", "out_interface": "eth0"}, True),
            ({"out_interface": "eth0"}, {"out_interface": "lo"}, False),
            ({}, {"source": "192.168.101.0/24"}, False),
            ({}, {"namespace": "blue"}, False),
            ({}, {"source": "192.168.0.0/16", "state": "absent"}, False),
        ],
    )
    def test_overlap(self, first: dict[str, Any], second: dict[str, Any], overlap: bool) -> None:
        entries = [wanted(**first), wanted("172.16.0.0/12"), wanted(**second)]
        if overlap:
            with pytest.raises(InvalidEntries, match="overlaps"):
                plan(actual(), *entries)
        else:
            plan(actual(blue=Ruleset()), *entries)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The load balancers of a logical router."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_load_balancers import parse_load_balancers

BACKEND = {"address": "fd00::1", "port": 8080, "logical_port": "red", "source": "fd00::fe"}
WEB: dict[str, Any] = {"name": "web", "address": "2001:db8::1", "port": 80, "backends": [BACKEND], "health_check": {}}


def test_addresses_of_ipv6_are_in_brackets() -> None:
    checks = Checks(Entry("x"))
    (found,) = parse_load_balancers(checks, "Logical_Router", "core", [WEB])
    checks.done()
    assert found.columns["vips"] == {"[2001:db8::1]:80": "[fd00::1]:8080"}
    assert found.columns["ip_port_mappings"] == {"[fd00::1]": "red:[fd00::fe]"}
    assert found.keys["external_ids", "netns.fabric.part-of"] == "Logical_Router core"
    assert [row.columns["vip"] for row in found.children["health_check"]] == ["[2001:db8::1]:80"]


def test_the_mapping_of_a_backend_has_its_address_as_vips_has_it() -> None:
    checks = Checks(Entry("x"))
    backends = [{**BACKEND, "address": "FD00:0:0::5"}, {**BACKEND, "address": "fd00::0:6"}]
    (found,) = parse_load_balancers(checks, "Logical_Router", "core", [{**WEB, "backends": backends}])
    checks.done()
    assert found.columns["vips"] == {"[2001:db8::1]:80": "[fd00::5]:8080,[fd00::6]:8080"}
    assert found.columns["ip_port_mappings"] == {"[fd00::5]": "red:[fd00::fe]", "[fd00::6]": "red:[fd00::fe]"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"address": "192.0.2.1"}, r"backends\[0\].address: it is of another IP version"),
        ({"port": 0}, r"load_balancers\[0\].port"),
        ({"protocol": "sctp"}, "health_check: OVN checks the health of TCP and UDP only"),
        ({"health_check": {"interval": 0}}, "health_check.interval: 0"),
    ],
)
def test_wrong_load_balancers(options: dict[str, Any], message: str) -> None:
    checks = Checks(Entry("x"))
    parse_load_balancers(checks, "Logical_Router", "core", [{**WEB, **options}])
    with pytest.raises(InvalidEntries, match=message):
        checks.done()

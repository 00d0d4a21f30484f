# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way of a probe, as far as the host shows it: who has the destination, and who forwards to it."""

from __future__ import annotations

from ipaddress import ip_address

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._probes.packet_filters import routes_of
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._probes.samples import probe


def test_who_is_on_the_way() -> None:
    to_host, outside, routed = (probe("red", to) for to in ("192.0.2.254", "203.0.113.1", "198.51.100.7"))
    owners: dict[Address, list[str | None]] = {
        ip_address("192.0.2.254"): [None],
        ip_address("198.51.100.7"): ["blue"],
        ip_address("192.0.2.253"): ["router", "blue"],
    }
    gateways = {to_host: None, outside: "192.0.2.254", routed: "192.0.2.253"}
    found = routes_of([to_host, outside, routed], {to_host: "192.0.2.1"}, gateways, owners)
    assert (found[to_host].owners, found[to_host].forwarders) == ([None], [])
    assert (found[outside].owners, found[outside].forwarders) == ((), [None])
    # What has the destination receives the packet, and does not forward it.
    assert (found[routed].owners, found[routed].forwarders) == (["blue"], ["router"])
    assert (found[to_host].source, found[outside].source) == (ip_address("192.0.2.1"), None)

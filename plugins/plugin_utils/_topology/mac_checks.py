# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks the MAC addresses of a topology. Pure.

Two interfaces of one broadcast domain with the same MAC address take each other's frames: a switch sends them to the
one that was heard last (IEEE 802.1Q, 8.7). In two domains the same address is valid: tenants overlap, VRRP repeats its
own.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import mac_address
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Bridge, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.segments import Segment, segment_of


def check_macs(topology: Topology, errors: Errors) -> None:
    """Check that no MAC address occurs twice in one broadcast domain."""
    first: dict[tuple[Segment, str], tuple[str, str]] = {}
    for path, option, segment, mac in _macs_by_segment(topology):
        seen = first.setdefault((segment, mac), (path, option))
        if seen != (path, option):
            where = f"bridge {segment[1]!r}" if segment[0] == "bridge" else "this link"
            errors.add(path, option, f"{mac} is already the MAC address of {seen[0]} on {where}; use a different one")


def _macs_by_segment(topology: Topology) -> Iterator[tuple[str, str, Segment, str]]:
    """Yield every declared MAC address: path, option, broadcast domain, address."""
    for bridge in topology.bridges:
        for option, mac in _macs_of_bridge(bridge):
            yield bridge.path, option, ("bridge", bridge.name, 0), mac
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            segment = segment_of(attachment)
            if segment is not None and "mac" in attachment.options:
                yield attachment.path, "mac", segment, attachment.options["mac"]
    for index, link in enumerate(topology.links):
        for end in (link.near, link.far):
            if "mac" in end.options:
                yield end.path, "mac", ("link", index, 0), end.options["mac"]


def _macs_of_bridge(bridge: Bridge) -> Iterator[tuple[str, str]]:
    """Yield the MAC address of the local interface, as the one or the other option gives it."""
    if "mac" in bridge.switch:
        yield "mac", bridge.switch["mac"]
    else:
        try:
            yield "other_config.hwaddr", mac_address(bridge.switch.get("other_config", {}).get("hwaddr"))
        except ValueError:  # there is none, or the module refuses it
            return

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The MAC addresses of bridges, and those behind their ports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Optional, Protocol, TypeVar

from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import MapOption
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Switch
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import place

Text = TypeVar("Text", str, Optional[str])


class Wanted(Protocol):
    """What is to be known of a wanted bridge."""

    @property
    def name(self) -> str: ...

    @property
    def other_config(self) -> MapOption | None: ...


def find_bridges_with_new_mac(switch: Switch, wanted: Iterable[Wanted]) -> list[Bridge]:
    """Return the existing bridges that are to get another MAC address."""
    found = ((switch.bridge(each.name), hwaddr_of(each.other_config)) for each in wanted)
    return [
        bridge
        for bridge, hwaddr in found
        if bridge and hwaddr and lower_hwaddr(bridge.other_config).get("hwaddr") != hwaddr
    ]


def hwaddr_of(other_config: MapOption | None) -> str | None:
    """Return the MAC address that a bridge is to have."""
    value = (other_config or {}).get("hwaddr")
    return value.lower() if value else None


def read_macs(host: Host, bridges: Sequence[Bridge]) -> dict[str, dict[str, str]]:
    """Return the MAC addresses of the veth ends behind the ports of these bridges, in the bridge's own VLAN.

    A link that is enslaved has the address of its master, such as a bond's, on several ports.
    """
    if not bridges:
        return {}
    kernel = host.use(KERNEL)
    state = kernel.read([None], others=sorted(kernel.namespace_names()))
    found: dict[str, dict[str, str]] = {bridge.name: {} for bridge in bridges}
    for bridge in bridges:
        for port in bridge.ports:
            link = state.link(None, port.name)
            far = state.far_end(link) if link and not port.tag else None
            if far is not None and not far[1].master:
                found[bridge.name][far[1].mac] = place(far[0], far[1].name)
    return found


def lower_hwaddr(other_config: Mapping[str, Text]) -> Mapping[str, Text]:
    """Return the map with `hwaddr` in lower case: capitals mean the same address."""
    return {key: value.lower() if key == "hwaddr" and value else value for key, value in other_config.items()}

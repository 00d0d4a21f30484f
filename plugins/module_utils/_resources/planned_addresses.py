# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a call in check mode would have done to links and addresses, for the next calls of a sequence. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Interface,
    Link,
    NamespaceName,
    NamespaceState,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import RTPROT_KERNEL

#: The namespace and the name of a link, and the addresses by that.
Where = tuple[NamespaceName, str]
PlannedAddresses = Mapping[Where, tuple[Interface, ...]]

#: What the modules veth and link leave to the next calls, see Plan.simulated.
VETH_ADDRESSES, LINK_ADDRESSES = "addresses of veth pairs", "addresses of links"


def planned_addresses(host: Host) -> PlannedAddresses:
    """Return what earlier calls in check mode would have given to links."""
    return {**host.simulated.get(VETH_ADDRESSES, {}), **host.simulated.get(LINK_ADDRESSES, {})}


def with_planned(state: NamespaceState, planned: PlannedAddresses) -> NamespaceState:
    """Return a namespace with the links that have planned addresses, and with the routes that come with these."""
    for (namespace, name), addresses in planned.items():
        if namespace == state.name:
            state = _with_link(state, name, addresses)
    return state


def _with_link(state: NamespaceState, name: str, addresses: Iterable[Interface]) -> NamespaceState:
    link = state.link(name) or Link(index=-len(state.links) - 1, name=name)
    others = [each for each in state.links if each.name != name]
    kept = [route for route in state.routes if route.device != link.index or route.protocol != RTPROT_KERNEL]
    connected = [
        Route(str(address.network), device=link.index, protocol=RTPROT_KERNEL)
        for address in addresses
        if address.network.num_addresses > 1
    ]
    return replace(state, links=(*others, link), routes=(*kept, *connected))

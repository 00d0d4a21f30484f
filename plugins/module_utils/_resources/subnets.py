# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subnets that an entry brings to the host and that the host has elsewhere already. Pure, but for read_routes().

An address brings its subnet. Where that is the host's LAN, the host no longer finds the LAN's router, and answers in
its place for the address that the entry has given away. It is refused

- where it overlaps a network that the host is connected to by another link, whichever of the two is the larger one;
- where it equals or contains the network of any other route by another link: what is there is cut off.

A less specific route is none of these. The default route contains every subnet, and so do the two halves of one that a
VPN adds, or a company's 10.0.0.0/8 behind a gateway: a subnet within it is what longest prefixes are for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import MAIN_TABLE
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Interface,
    KernelState,
    Link,
    NamespaceState,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import RTPROT_KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._resources.planned_addresses import planned_addresses

#: Characters of an Ethernet address. Links without one (tun, wireguard, ppp) have no neighbours to answer for.
_MAC_LENGTH = 17


@dataclass(frozen=True)
class WantedSubnet:
    """An address that a link of the host is to have, and the option that says so."""

    entry: Entry
    option: str
    link: str
    address: Interface


def read_routes(host: Host, state: KernelState) -> KernelState:
    """Return the state with the routes of the host, without those of links that an earlier call has changed.

    In check mode, what such a call would have made of them is not known here.
    """
    routes = host.use(KERNEL).read([None], routes=True).namespace(None).routes
    own = state.namespace(None)
    planned = planned_addresses(host)
    changed = {link.index for link in own.links if (None, link.name) in planned}
    kept = tuple(route for route in routes if route.device not in changed)
    return replace(state, namespaces={**state.namespaces, None: replace(own, routes=kept)})


def find_taken(
    state: KernelState, wanted: Iterable[WantedSubnet], owner: str | None, changing: Collection[str]
) -> Iterator[InvalidEntry]:
    """Find addresses in a subnet that the host reaches by another link.

    The owner's links, and those in `changing`, do not count: what they have is what the same declaration gives them.
    """
    routes = [
        (route, link) for route, link in _routes(state.namespace(None)) if owner is None or owner not in link.owners
    ]
    for each in wanted:
        for route, link in routes:
            if link.name != each.link and link.name not in changing and _is_taken(each.address, route, link):
                yield InvalidEntry(
                    each.entry,
                    each.option,
                    f"{each.address} puts {each.address.network} on {each.link}, and the host reaches "
                    f"{route.destination} by {link.name} already: it would cut itself off from what is there, and "
                    "answer in its place; choose another subnet",
                )
                break


def _routes(host: NamespaceState) -> Iterator[tuple[Route, Link]]:
    for route in host.routes:
        link = host.link_at(route.device) if route.device is not None else None
        usable = route.table == MAIN_TABLE and route.kind == "unicast"
        if usable and link is not None and not link.loopback:
            yield route, link


def _is_taken(address: Interface, route: Route, link: Link) -> bool:
    subnet: Any = address.network
    network: Any = ip_network(route.destination)
    if subnet.version != network.version or network.prefixlen == 0 or subnet.is_link_local:
        return False
    if network.subnet_of(subnet):
        return True
    # A single address brings no subnet: it is how links without a subnet of their own get one (ip-address(8)).
    is_single = subnet.num_addresses == 1
    on_link = route.gateway is None and (route.protocol == RTPROT_KERNEL or len(link.mac) == _MAC_LENGTH)
    return bool(subnet.subnet_of(network) and on_link and not is_single)

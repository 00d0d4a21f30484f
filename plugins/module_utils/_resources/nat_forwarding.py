# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The links of a router that have to forward for an entry of NAT, and those by which it leaves. Pure.

IPv4 is forwarded only from links whose own parameter `forwarding` is set (ip_route_input_slow() in net/ipv4/route.c,
IN_DEV_FORWARD), whatever `net.ipv4.ip_forward` is: that sets them when it changes, and not when it is 1 already. IPv6
has one switch for all links (ip6_forward() in net/ipv6/ip6_output.c), and the parameter of a link only says whether it
is a router's for its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import join_key
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Network
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceState, Route
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import RTPROT_KERNEL


def forwarding_parameter(link: str) -> str:
    """Return the kernel parameter by which a link forwards IPv4."""
    return join_key("ipv4.conf", link, "forwarding")


@dataclass(frozen=True)
class Router:
    """A namespace that forwards."""

    state: NamespaceState
    #: The value of the parameter `forwarding` of each link, and of `default`.
    forwarding: Mapping[str, str] = field(default_factory=dict)

    def forwards_from(self, link: str) -> bool:
        """Whether a link forwards; one that an earlier call of the sequence creates, in check mode, has the default."""
        return self.forwarding.get(link, self.forwarding.get("default")) != "0"


def required_links(router: Router, behind: Network, way_out: str | None) -> list[str]:
    """Return the links by which a network and the way out are reached; `way_out` is the link that the entry names."""
    state = router.state
    routes = [route for route in state.routes if route.version == 4 and route.kind == "unicast" and route.device]
    default = {route.device for route in routes if _network_of(route).prefixlen == 0}
    inner = _devices_towards(routes, behind) or default
    outer = default or {route.device for route in routes} - inner
    used = inner if way_out else inner | outer
    names = {link.name for link in state.links if not link.loopback and link.index in used}
    names.update({way_out} if way_out else ())
    return sorted(names)


def links_towards(state: NamespaceState, behind: Network) -> tuple[str, ...]:
    """Return the links by which a network is reached."""
    routes = [
        route for route in state.routes if route.version == behind.version and route.kind == "unicast" and route.device
    ]
    indexes = _devices_towards(routes, behind)
    return tuple(sorted(link.name for link in state.links if link.index in indexes))


def ways_out(state: NamespaceState, version: int, behind: Network) -> list[str]:
    """Return the links by which a network leaves a router: those of default routes and of all that are no neighbour's.

    A route that the kernel itself adds is that to the neighbours of an address.
    """
    routes = [route for route in state.routes if route.version == version and route.kind == "unicast"]
    outer = [route for route in routes if route.protocol != RTPROT_KERNEL or _network_of(route).prefixlen == 0]
    devices = {device for route in outer for device in route.devices}
    devices -= _devices_towards(routes, behind)
    return sorted(link.name for link in state.links if not link.loopback and link.index in devices)


def _devices_towards(routes: Iterable[Route], behind: Any) -> set[int | None]:
    """Return the devices of the routes into a network, and of the most specific one to all of it."""
    specific = [(route, _network_of(route)) for route in routes if _network_of(route).prefixlen]
    within = {route.device for route, network in specific if network.subnet_of(behind)}
    around = [(route, network) for route, network in specific if behind.subnet_of(network)]
    longest = max((network.prefixlen for _route, network in around), default=0)
    return within | {route.device for route, network in around if network.prefixlen == longest}


def _network_of(route: Route) -> Any:
    return ip_network(route.destination)

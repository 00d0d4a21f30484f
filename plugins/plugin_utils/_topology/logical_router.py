# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a topology's logical router forwards between its bridges. Pure.

As a host does with isolated bridges: only what is declared. Two bridges are joined where both are declared open, or
where a namespace on one has a route to the other by the router; a default route does not count. The router decides on
each packet alone, so that two bridges are joined in both directions or in none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address, Network
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.segments import Segment

#: Of the router's policies that drop; the router has no other ones.
PRIORITY = 1000


@dataclass(frozen=True)
class LogicalRouter:
    """The router of a topology, with a port on each of its logical switches that have addresses."""

    topology: Topology

    @cached_property
    def networks(self) -> dict[str, list[Network]]:
        """The networks of each bridge that it has a port on."""
        return {
            bridge.name: list(dict.fromkeys(address.network for address in bridge.addresses))
            for bridge in self.topology.logical.values()
            if bridge.addresses
        }

    @cached_property
    def _routed(self) -> set[frozenset[str]]:
        """The pairs of bridges between which a namespace has a route by the router."""
        by_gateway = {
            address.ip: bridge.name for bridge in self.topology.logical.values() for address in bridge.addresses or ()
        }
        found: set[frozenset[str]] = set()
        for namespace in self.topology.namespaces:
            own = {attachment.bridge for attachment in namespace.interfaces}
            for route in namespace.routes:
                near = {by_gateway[hop.gateway] for hop in route.hops if hop.gateway in by_gateway} & own
                if near and route.destination is not None:
                    found |= {
                        frozenset((str(one), other)) for one in near for other in self._overlapping(route.destination)
                    }
        return found

    def _overlapping(self, destination: Network) -> Iterator[str]:
        for name, networks in self.networks.items():
            if any(each.overlaps(destination) for each in networks):
                yield name

    def is_joined(self, one: str, other: str) -> bool:
        """Return whether it forwards between two bridges."""
        both = (self.topology.logical[one], self.topology.logical[other])
        return all(bridge.isolate is False for bridge in both) or frozenset((one, other)) in self._routed

    def drops(self, segment: Segment | None, to: Address) -> bool:
        """Return whether it drops what comes from a broadcast domain for an address on another of its bridges."""
        name = None if segment is None else str(segment[1])
        if name not in self.networks:
            return False
        behind = [other for other, networks in self.networks.items() if any(to in network for network in networks)]
        return bool(behind) and all(other != name and not self.is_joined(name, other) for other in behind)

    def policies(self) -> list[dict[str, Any]]:
        """Return the policies of the module ovn_router by which it drops the rest."""
        found = []
        for name, networks in self.networks.items():
            for version in (4, 6):
                sources = [str(network) for network in networks if network.version == version]
                targets = [
                    str(network)
                    for other, theirs in self.networks.items()
                    if other != name and not self.is_joined(name, other)
                    for network in theirs
                    if network.version == version
                ]
                if sources and targets:
                    found.append({"priority": PRIORITY, "action": "drop", "from": sources, "to": targets})
        return found

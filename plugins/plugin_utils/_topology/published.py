# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paths that show whether published ports lead where they should: from the router, and from a neighbour. Pure.

What the router itself sends is translated by rules of its own (nft(8), hook output). A neighbour of the service takes
the way of all others: what it sends comes in at the router, is translated and forwarded, and returns by it. A logical
router publishes on its physical network only, and is probed from what the topology has there. A port of one interface
is not probed: neither comes in there. Nor is one of SCTP.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from ansible_collections.netns.fabric.plugins.module_utils._core.transports import PROBED
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address, Interface
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.exits import exits_of, published_at
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.forwards import find_way, resolve_targets
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Forward, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.nodes import Place
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.paths import ProbePath, Subnets
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.walk import Verdict, Walk

#: Where a port can be published for what runs on the router itself.
LOOPBACK = ip_address("127.0.0.1")
#: Neighbours that are tried to find one that reaches the router.
CANDIDATES_MAX = 4


def published_paths(topology: Topology, members: Subnets, walk: Walk) -> Iterator[tuple[ProbePath, bool]]:
    """Yield the paths to each published port, at one of the router's addresses of each version.

    With each whether it has to arrive: it must not where the sender is not one of those that may connect.
    """
    neighbours = _Neighbours(members, walk)
    for forward in topology.forwards:
        if forward.options.get("in_interface") is not None or forward.protocol not in PROBED:
            continue
        if forward.by_router:
            for path in outside_paths(topology, forward):
                yield path, True
            continue
        for target in resolve_targets(topology, forward):
            to = forward.address or _find_address(topology, forward, target)
            if to is not None:
                port = forward.port_range[0]
                service = (target.ip, forward.options.get("to_port") or port)
                if forward.options.get("loopback") and target.version == 4:
                    yield ProbePath(forward.namespace, LOOPBACK, forward.protocol, port, service), True
                # What the router sends to itself has the address that it is sent to as its source. Others reach what
                # the router itself has on a port that is taken over.
                for is_sender in (True, False) if not forward.options.get("take_over") else (True,):
                    places = [forward.namespace] if _may_connect(forward, [to]) is is_sender else []
                    neighbour = neighbours.find(forward, target, to, is_sender)
                    places += [neighbour] if neighbour is not None else []
                    for place in places:
                        yield ProbePath(place, to, forward.protocol, port, service), is_sender


def outside_paths(topology: Topology, forward: Forward) -> Iterator[ProbePath]:
    """Yield a path to each address at which the logical router publishes a port, from a neighbour that it has outside.

    That is the host or a namespace, by a link that leads outside and has an address in the router's network there.
    """
    leading = {bridge.name for bridge in topology.bridges if bridge.leads_elsewhere}
    networks = {way.address.network for way in exits_of(topology)}
    for to, target in published_at(topology, forward):
        for place, plugs in topology.plugs.items():
            if place not in topology.elsewhere and any(
                address.network in networks and to in address.network
                for plug in plugs
                if plug.segment is None or plug.segment[1] in leading
                for address in plug.addresses or ()
            ):
                port = forward.port_range[0]
                yield ProbePath(place, to, forward.protocol, port, (target.ip, forward.options.get("to_port") or port))
                break


def _may_connect(forward: Forward, sources: Sequence[Address]) -> bool | None:
    """Return whether what has one of these addresses may connect; None where that depends on which it has."""
    if not forward.sources:
        return True
    answers = {any(source in network for network in forward.sources) for source in sources}
    return answers.pop() if len(answers) == 1 else None


def _find_address(topology: Topology, forward: Forward, target: Interface) -> Address | None:
    """Return an address of the router that the target can answer.

    That is one in the target's subnet, or else on the link that leads there: who is on the way has no route to others.
    """
    router = forward.namespace
    own, on_way = (
        [
            address
            for plug in plugs
            for address in plug.addresses or ()
            if address.version == target.version and not address.is_link_local and not address.is_loopback
        ]
        for plugs in (topology.plugs.get(router, ()), find_way(topology, router, target.ip))
    )
    near = [address for address in own if target.ip in address.network]
    return next((address.ip for address in (*near, *on_way, *own)), None)


class _Neighbours:
    """Finds a namespace in the subnet of a service that reaches the router."""

    def __init__(self, members: Subnets, walk: Walk) -> None:
        self._walk = walk
        self._positions = {
            member.address: (subnet, index) for subnet in members.values() for index, member in enumerate(subnet)
        }

    def find(self, forward: Forward, target: Interface, to: Address, is_sender: bool) -> str | None:
        """Return the neighbour; None where nothing is known of one, or forwarding is left to the user.

        `is_sender`: whether it is one of those that may connect.
        """
        if not forward.options.get("ip_forward", True) or forward.options.get("accept_forward") == "never":
            return None
        subnet, index = self._positions.get(target.ip, ([], 0))
        for step in range(1, min(CANDIDATES_MAX + 1, len(subnet))):
            place = subnet[(index + step) % len(subnet)].place
            if place in (None, forward.namespace, *self._walk.holders.get(target.ip, ())):
                continue
            is_meant = _may_connect(forward, self._sources(place, to)) is is_sender
            if is_meant and self._walk.reaches(place, to) is Verdict.YES:
                return place
        return None

    def _sources(self, place: Place, to: Address) -> list[Address]:
        """Return the addresses that a packet may have where it arrives; none where they are not known."""
        hops = self._walk.trace(place, to).hops
        is_translated = any(self._walk.nodes[hop.place].nat for hop in hops[1:])
        return list(hops[0].sources) if hops and not is_translated else []

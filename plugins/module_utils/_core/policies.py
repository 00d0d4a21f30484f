# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which connections a namespace accepts and opens: the policy as plain values, and its decision. Pure.

The module policy enforces it, and the role derives from it what a probe is to expect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ansible_collections.netns.fabric.plugins.module_utils._core.transports import TRANSPORTS, port_range
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address, Network

#: The direction in which a connection is opened, seen from the namespace.
IN, OUT = "in", "out"
#: What becomes of a connection. DENY is a default, and means DROP.
ALLOW, REJECT, DROP, DENY = "allow", "reject", "drop", "deny"
ACTIONS = (ALLOW, REJECT, DROP)
DEFAULTS = (ALLOW, DENY)
PROTOCOLS = (*TRANSPORTS, "icmp")
DEFAULT_PRIORITY, PRIORITY_MAX = 1000, 65535

#: By name and IP version: the types of ICMP that a rule can be about (RFC 792, RFC 4443, RFC 4861).
ICMP_TYPES: Mapping[str, Mapping[int, int]] = {
    "echo-request": {4: 8, 6: 128},
    "echo-reply": {4: 0, 6: 129},
    "redirect": {4: 5, 6: 137},
    "timestamp-request": {4: 13},
    "timestamp-reply": {4: 14},
}
#: The types that always pass, by IP version. Errors, which path MTU discovery needs (RFC 1191, RFC 8201, RFC 4890), and
#: in IPv6 what finds neighbours, routers and the listeners of a group (RFC 4861, RFC 2710, RFC 3810).
ESSENTIAL_TYPES: Mapping[int, tuple[int, ...]] = {
    4: (3, 11, 12),
    6: (1, 2, 3, 4, 130, 131, 132, 133, 134, 135, 136, 143),
}


@dataclass(frozen=True)
class Connection:
    """A connection as one namespace has it; what is None is not known.

    `port` is that of the destination, `icmp_type` the number of the first packet's type.
    """

    local: Address
    peer: Address
    protocol: str
    port: int | None = None
    icmp_type: int | None = None


@dataclass(frozen=True)
class PolicyRule:
    """What becomes of the connections that meet all conditions; an empty one is met by every connection.

    `peers` are the networks of the other side, `excluded` those that it is not in; `local` are those of the namespace's
    own address. `ports` are PORT or FIRST-LAST.
    """

    direction: str = IN
    action: str = ALLOW
    protocol: str | None = None
    ports: tuple[str, ...] = ()
    icmp_types: tuple[str, ...] = ()
    peers: tuple[Network, ...] = ()
    excluded: tuple[Network, ...] = ()
    local: tuple[Network, ...] = ()
    priority: int = DEFAULT_PRIORITY
    log: bool = False

    def matches(self, connection: Connection) -> bool | None:
        """Return whether a connection meets the conditions; None where that is not known."""
        if not _is_within(connection.peer, self.peers) or not _is_within(connection.local, self.local):
            return False
        if any(_contains(network, connection.peer) for network in self.excluded):
            return False
        if self.protocol is not None and self.protocol != connection.protocol:
            return False
        return self._matches_port(connection.port) if self.ports else self._matches_type(connection)

    def _matches_port(self, port: int | None) -> bool | None:
        return None if port is None else any(first <= port <= last for first, last in self._ranges)

    @cached_property
    def _ranges(self) -> tuple[tuple[int, int], ...]:
        return tuple(map(port_range, self.ports))

    def _matches_type(self, connection: Connection) -> bool | None:
        if not self.icmp_types:
            return True
        numbers = [ICMP_TYPES[name].get(connection.peer.version) for name in self.icmp_types]
        return None if connection.icmp_type is None else connection.icmp_type in numbers


@dataclass(frozen=True)
class Policy:
    """The policy of one namespace: what becomes of connections that no rule is about, and the rules."""

    incoming: str = ALLOW
    outgoing: str = ALLOW
    rules: tuple[PolicyRule, ...] = ()

    def default(self, direction: str) -> str:
        """Return what becomes of a connection that no rule is about."""
        return self.incoming if direction == IN else self.outgoing

    def rules_of(self, direction: str) -> list[PolicyRule]:
        """Return the rules of a direction in the order in which they are tried."""
        return self._ordered[direction]

    @cached_property
    def _ordered(self) -> Mapping[str, list[PolicyRule]]:
        ordered = sorted(self.rules, key=lambda rule: rule.priority)
        return {direction: [rule for rule in ordered if rule.direction == direction] for direction in (IN, OUT)}

    def limits(self, direction: str) -> bool:
        """Return whether it has anything to say of a direction."""
        return self.default(direction) == DENY or bool(self.rules_of(direction))

    def decide(self, direction: str, connection: Connection) -> str | None:
        """Return what becomes of a connection: one of ACTIONS; None where that is not known."""
        if connection.protocol == "icmp" and connection.icmp_type in ESSENTIAL_TYPES[connection.peer.version]:
            return ALLOW
        default = DROP if self.default(direction) == DENY else ALLOW
        possible: set[str] = set()
        for rule in self.rules_of(direction):
            matches = rule.matches(connection)
            if matches is not False:
                possible.add(rule.action)
            if matches:
                break
        else:
            possible.add(default)
        return possible.pop() if len(possible) == 1 else None


def _contains(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network


def _is_within(address: Address, networks: Iterable[Network]) -> bool:
    networks = tuple(networks)
    return not networks or any(_contains(network, address) for network in networks)

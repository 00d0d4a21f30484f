# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policies of a topology: who is selected, and what that means for each namespace. Pure.

A policy says nothing of how it is enforced. Here it becomes the rules of each namespace's own packet filter: what comes
in is decided where it arrives. What goes to others than namespaces of the topology is decided where it begins, as is
everything in a namespace whose outgoing connections are denied by default.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import collapse_addresses, ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.policies import (
    ALLOW,
    DEFAULT_PRIORITY,
    DENY,
    IN,
    OUT,
    Policy,
    PolicyRule,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Network
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.leases import client_rules
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Namespace,
    PolicyEntry,
    Selector,
    Topology,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.nodes import is_link_local

DIRECTIONS = (IN, OUT)


@dataclass(frozen=True)
class Side:
    """What one side of a policy selects: namespaces by their names, and others by their addresses."""

    namespaces: frozenset[str] = frozenset()
    #: The addresses of these namespaces, and of the host if it is selected.
    addresses: tuple[Network, ...] = ()
    networks: tuple[Network, ...] = ()
    outside: bool = False
    host: bool = False
    #: The conditions on its address, as options of a rule; it is selected if it meets those of any.
    peers: tuple[Mapping[str, tuple[Network, ...]], ...] = field(default=({},), compare=False)

    @property
    def has_others(self) -> bool:
        """Whether it may be somebody else than a namespace of the topology."""
        return bool(self.networks) or self.outside or self.host


@dataclass(frozen=True)
class Policies:
    """The policies of a topology, with the sides that their selectors stand for."""

    topology: Topology
    _sides: dict[Selector, Side] = field(default_factory=dict, compare=False)

    @cached_property
    def members(self) -> Mapping[tuple[str, str], frozenset[str]]:
        """The namespaces of each group and bridge."""
        found: dict[tuple[str, str], set[str]] = {}
        for namespace in self.topology.namespaces:
            for label in namespace.labels:
                found.setdefault(("group", label), set()).add(namespace.name)
            for attachment in namespace.interfaces:
                if attachment.bridge is not None:
                    found.setdefault(("bridge", attachment.bridge), set()).add(namespace.name)
        return {key: frozenset(names) for key, names in found.items()}

    @cached_property
    def addresses(self) -> Mapping[str | None, tuple[Network, ...]]:
        """The addresses of each namespace and of the host (None), each as a network of its own."""
        return {
            place: tuple(
                ip_network(address.ip)
                for plug in plugs
                if plug.name != "lo"
                for address in plug.addresses or ()
                if not is_link_local(address.ip)
            )
            for place, plugs in self.topology.plugs.items()
        }

    @cached_property
    def networks(self) -> tuple[Network, ...]:
        """The networks of the topology."""
        return _collapse(
            address.network
            for plugs in self.topology.plugs.values()
            for plug in plugs
            for address in plug.addresses or ()
            if not is_link_local(address.ip)
        )

    def side(self, selector: Selector | None) -> Side | None:
        """Return what a selector stands for; None: anybody."""
        if selector is None:
            return None
        if selector not in self._sides:
            self._sides[selector] = self._resolve(selector)
        return self._sides[selector]

    def _resolve(self, selector: Selector) -> Side:
        names = set(selector.namespaces)
        for kind, keys in (("group", selector.groups), ("bridge", selector.bridges)):
            for key in keys:
                names |= self.members.get((kind, key), frozenset())
        places: list[str | None] = [*sorted(names), *([None] if selector.host else [])]
        addresses = _collapse(address for place in places for address in self.addresses.get(place, ()))
        peers: list[Mapping[str, tuple[Network, ...]]] = []
        if selector.outside:
            peers.append({"excluded": self.networks})
        if addresses or selector.networks:
            peers.append({"peers": _collapse((*addresses, *selector.networks))})
        return Side(frozenset(names), addresses, selector.networks, selector.outside, selector.host, tuple(peers))

    # What it means for a namespace

    @cached_property
    def by_namespace(self) -> Mapping[str, Policy]:
        """The policy of each namespace that has one."""
        bridges = {bridge.name: bridge.defaults for bridge in self.topology.bridges}
        found = {}
        for namespace in self.topology.namespaces:
            incoming, outgoing = (_default(namespace, direction, bridges) for direction in DIRECTIONS)
            rules = [
                rule
                for direction, default in ((IN, incoming), (OUT, outgoing))
                if default == DENY or self._is_limited(namespace.name, direction)
                for entry in self.topology.policies
                for rule in self._rules(namespace.name, direction, entry)
            ]
            denied = {direction for direction, default in ((IN, incoming), (OUT, outgoing)) if default == DENY}
            rules = [*(each for each in client_rules(self.topology, namespace) if each.direction in denied), *rules]
            policy = Policy(incoming, outgoing, tuple(rules))
            if any(map(policy.limits, DIRECTIONS)):
                found[namespace.name] = policy
        return found

    def _is_limited(self, name: str, direction: str) -> bool:
        return any(self._limits(name, direction, entry) for entry in self.topology.policies)

    def _limits(self, name: str, direction: str, entry: PolicyEntry) -> bool:
        """Return whether a policy has to be enforced in a namespace that allows everything by default."""
        if entry.action == ALLOW and not entry.log:
            return False
        source, destination = self.side(entry.source), self.side(entry.destination)
        own, other = (destination, source) if direction == IN else (source, destination)
        if own is None:
            return other is not None and other.has_others
        selects = self.selects(own, name)
        return selects if direction == IN else selects and (other is None or other.has_others)

    def selects(self, side: Side, name: str) -> bool:
        """Return whether a side selects a namespace, by its name or by an address."""
        return name in side.namespaces or bool(self._within(side, name))

    def _within(self, side: Side, name: str) -> tuple[Network, ...]:
        """Return the networks of a side that have an address of a namespace."""
        return tuple(
            network
            for network in side.networks
            if any(
                address.version == network.version and address.network_address in network
                for address in self.addresses.get(name, ())
            )
        )

    def _rules(self, name: str, direction: str, entry: PolicyEntry) -> Iterator[PolicyRule]:
        """Yield the rules of a namespace for a policy that concerns it."""
        source, destination = self.side(entry.source), self.side(entry.destination)
        own, other = (destination, source) if direction == IN else (source, destination)
        local: tuple[Network, ...] = ()
        if own is not None and name not in own.namespaces:
            local = self._within(own, name)
            if not local:
                return
        for peers in (Side() if other is None else other).peers:
            yield PolicyRule(
                direction=direction,
                action=entry.action,
                protocol=entry.protocol,
                ports=entry.ports,
                icmp_types=entry.icmp_types,
                local=local,
                priority=entry.priority,
                log=entry.log,
                **peers,
            )


def _collapse(networks: Iterable[Network]) -> tuple[Network, ...]:
    """Return the fewest networks with the same addresses, those of IPv4 first."""
    found: list[Any] = list(networks)
    return tuple(
        network
        for version in (4, 6)
        for network in collapse_addresses([one for one in found if one.version == version])
    )


def _default(namespace: Namespace, direction: str, bridges: Mapping[str, Mapping[str, str]]) -> str:
    """Return what becomes of a connection that no policy is about: its own default, or the strictest of its bridges."""
    if direction in namespace.defaults:
        return namespace.defaults[direction]
    plugged = (bridges.get(attachment.bridge or "", {}) for attachment in namespace.interfaces)
    return DENY if any(defaults.get(direction) == DENY for defaults in plugged) else ALLOW


# The entries of the module policy


def policy_entries(policies: Policies) -> list[dict[str, Any]]:
    """Return the entries for the module policy."""
    return [
        {
            "namespace": name,
            "incoming": policy.incoming,
            "outgoing": policy.outgoing,
            "rules": [_build_rule(rule) for rule in policy.rules],
        }
        for name, policy in policies.by_namespace.items()
    ]


def _build_rule(rule: PolicyRule) -> dict[str, Any]:
    networks = {"peers": rule.peers, "excluded_peers": rule.excluded, "local": rule.local}
    options: dict[str, Any] = {
        "direction": rule.direction,
        "action": rule.action,
        "protocol": rule.protocol,
        "ports": list(rule.ports),
        "icmp_types": list(rule.icmp_types),
        **{name: [str(network) for network in each] for name, each in networks.items()},
        "priority": rule.priority if rule.priority != DEFAULT_PRIORITY else None,
        "log": rule.log,
    }
    return {name: value for name, value in options.items() if value is not None and value is not False and value != []}

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a namespace, or the host, has for sending and forwarding packets, as far as it is declared. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import MAIN_TABLE, Address, Interface
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    Namespace,
    Nat,
    Route,
    Rule,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policy_routing import MAIN, Lookup, read_rule
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.segments import Segment

#: A namespace; None is the host.
Place = Optional[str]


#: The kernel parameters that turn on forwarding, by IP version.
_FORWARDING = {
    4: ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"),
    6: ("net.ipv6.conf.all.forwarding",),
}

#: A network: IP version, prefix length, and the bits of the prefix.
NetworkKey = tuple[int, int, int]


@dataclass(frozen=True)
class NodeInterface:
    """An interface that is up."""

    name: str
    #: The broadcast domain that it is in; None: unknown.
    segment: Segment | None
    addresses: tuple[Interface, ...]
    #: Whether it is behind a protected port, which reaches the bridge and unprotected ports only.
    protected: bool = False


@dataclass
class Node:
    """A namespace, or the host: its interfaces, addresses and routes."""

    place: Place
    interfaces: list[NodeInterface] = field(default_factory=list)
    own_addresses: set[Address] = field(default_factory=set)
    #: Whether everything that decides where it sends a packet is declared.
    fully_declared: bool = True
    #: The IP versions that it is declared to forward.
    forwarded_versions: set[int] = field(default_factory=set)
    #: The IP versions that one of its interfaces may not forward, whatever the others do.
    blocked_versions: set[int] = field(default_factory=set)
    #: Whether it may answer for the addresses of others (proxy_arp, proxy_ndp).
    may_proxy: bool = False
    nat: list[Nat] = field(default_factory=list)
    connected: dict[NetworkKey, list[NodeInterface]] = field(default_factory=dict)
    static_routes: dict[NetworkKey, list[Route]] = field(default_factory=dict)
    #: Those of the other tables, by the number of the table.
    other_tables: dict[int, dict[NetworkKey, list[Route]]] = field(default_factory=dict)
    #: What selects a table, by IP version, in the order of their priorities.
    lookups: dict[int, list[Lookup]] = field(default_factory=lambda: {4: [MAIN], 6: [MAIN]})
    #: Whether its static routes are declared, and are therefore those and no others; and so of its rules.
    declares_routes: bool = False
    declares_rules: bool = False
    #: Whether some of its interfaces are in routing domains of their own, which are not followed.
    has_vrfs: bool = False

    def attach(self, interface: NodeInterface) -> None:
        """Add an interface, and the networks that are connected by its addresses."""
        self.interfaces.append(interface)
        for address in interface.addresses:
            if not is_link_local(address.ip):
                networks = self.connected.setdefault(network_key(address.ip, address.network.prefixlen), [])
                if interface not in networks:
                    networks.append(interface)

    def add_route(self, route: Route) -> None:
        """Add a route to its table."""
        if not route.is_main and (route.vrf is not None or not self.declares_rules):
            self.fully_declared = False  # Links, or rules that are not declared, select that table.
            return
        destination = route.destination
        key = (
            (route.version, 0, 0)
            if destination is None
            else network_key(destination.network_address, destination.prefixlen)
        )
        self.table(route.table or MAIN_TABLE).setdefault(key, []).append(route)

    def table(self, number: int) -> dict[NetworkKey, list[Route]]:
        """Return the static routes of a table, to which others can be added."""
        return self.static_routes if number == MAIN_TABLE else self.other_tables.setdefault(number, {})

    def add_rule(self, rule: Rule) -> None:
        """Add a rule; of those with the same priority, the first one that is added is tried first."""
        self.lookups[rule.version].append(read_rule(rule))
        self.lookups[rule.version].sort(key=lambda lookup: lookup.priority)

    def read_sysctls(self, namespace: Namespace) -> None:
        """Read from a namespace's kernel parameters what it forwards, and for whom it may answer."""
        for key, value in namespace.options.get("sysctls", {}).items():
            if "proxy_" in key:
                self.may_proxy = True
            for version, keys in _FORWARDING.items():
                if key in keys and str(value) in ("1", "True"):
                    self.forwarded_versions.add(version)

    def read_link_sysctls(self, sysctls: Mapping[str, Any]) -> None:
        """Read from the kernel parameters of an interface whether it forwards, and for whom it may answer."""
        if any("proxy_" in key for key in sysctls):
            self.may_proxy = True
        for version in (4, 6):
            if f"ipv{version}.conf.forwarding" in sysctls:
                self.blocked_versions.add(version)

    @property
    def is_leaf(self) -> bool:
        """Whether it has one interface and no route, and so nothing by which it could send to another subnet."""
        is_declared = self.place is not None and self.fully_declared and self.declares_routes
        return is_declared and len(self.interfaces) == 1 and not self.static_routes and not self.other_tables

    @property
    def may_bridge(self) -> bool:
        """Whether it may join the broadcast domains of its interfaces: one of several has no address."""
        several = self.place is not None and len(self.interfaces) > 1
        return several and any(not interface.addresses for interface in self.interfaces)


def network_key(address: Address, length: int) -> NetworkKey:
    """Return the network of a prefix length that an address is in."""
    return address.version, length, int(address) >> (address.max_prefixlen - length)


def is_link_local(address: Address) -> bool:
    """Return whether an address is link-local, which in IPv4 has no meaning for routes."""
    return address.version == 6 and address.is_link_local


def may_lead_further(attachment: Attachment) -> bool:
    """Return whether there may be addresses, links or routes behind an interface that are not declared."""
    if attachment.bridge is None:
        return attachment.name != "lo" and attachment.domain is None
    is_explicit_trunk = "trunks" in attachment.port or attachment.port.get("vlan_mode") not in (None, "access")
    return is_explicit_trunk or attachment.addresses is None

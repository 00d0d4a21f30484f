# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which routing table a node uses for a packet, and which route in it, as far as it is declared. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import MAIN_TABLE, Address, Network
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Route, Rule, Topology

#: The priority of the rule for the main table that every namespace begins with (fib_default_rules_init()).
_MAIN_PRIORITY = 32766
#: Options that depend on what the topology does not declare: who marks packets, which ports a program uses, ...
_UNDECIDED = ("iif", "oif", "fwmark", "ipproto", "sport", "dport", "l3mdev")


@dataclass(frozen=True)
class Lookup:
    """A rule, as far as it decides where a packet is sent."""

    priority: int
    #: None: it refuses the packet.
    table: int | None = MAIN_TABLE
    origin: Network | None = None
    destination: Network | None = None
    #: Whether it may be about other packets only.
    is_undecided: bool = False
    #: Prefixes of this length or less do not count; -1: all do.
    suppressed: int = -1

    def fits(self, to: Address, sources: Collection[Address]) -> bool | None:
        """Return whether a packet fits that has one of these source addresses; None: that depends."""
        if self.destination is not None and to not in self.destination:
            return False
        if self.origin is not None:
            within = [source in self.origin for source in sources]
            if within and not any(within):
                return False
            if not all(within) or not within:
                return None
        return None if self.is_undecided else True


MAIN = Lookup(_MAIN_PRIORITY)


def read_rule(rule: Rule) -> Lookup:
    """Return what a declared rule decides."""
    options = rule.options
    is_lookup = options.get("action", "lookup") == "lookup"
    return Lookup(
        options["priority"],
        options.get("table", MAIN_TABLE) if is_lookup else None,
        options.get("from"),
        options.get("to"),
        any(options.get(name) not in (None, False) for name in _UNDECIDED),
        options.get("suppress_prefixlength", -1),
    )


def find_route(routes: Iterable[Route], to: Address, table: int = MAIN_TABLE) -> Route | None:
    """Return the route of a table to an address: the longest prefix, then the lowest metric."""
    fitting = [
        route for route in routes if route.vrf is None and (route.table or MAIN_TABLE) == table and route.is_about(to)
    ]
    return min(fitting, key=lambda route: (-_prefix_length(route), route.cost), default=None)


def find_routes(topology: Topology, place: str | None, to: Address) -> list[Route]:
    """Return the routes to an address that a node may use: of the main table, and of those that its rules may select.

    Which rule decides depends on more than the address.
    """
    rules = (read_rule(rule) for rule in topology.rules.get(place, ()) if rule.version == to.version)
    tables = dict.fromkeys(lookup.table for lookup in (MAIN, *rules) if lookup.fits(to, ()) is not False)
    routes = topology.routes.get(place, ())
    found = (find_route(routes, to, table) for table in tables if table is not None)
    return [route for route in found if route is not None]


def _prefix_length(route: Route) -> int:
    return route.destination.prefixlen if route.destination is not None else 0

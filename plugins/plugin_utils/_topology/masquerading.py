# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probes that show whether what leaves a router is masqueraded: one for each network and IP version. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.expectations import MASQUERADED
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Nat, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.nodes import Place, is_link_local
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.walk import Walk

#: Addresses for documentation, which nobody outside has (RFC 5737, RFC 3849, RFC 9637).
_NOBODY = tuple(map(ip_address, ("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1")))

#: Rules of one router and one interface that are probed: all are written by the same code.
_RULES_MAX = 16


def masquerading_probes(
    topology: Topology, walk: Walk, timeout: float, may_ping: Callable[[str, Address], bool]
) -> Iterator[dict[str, Any]]:
    """Yield the probes; none where the user names addresses outside, which are probed anyway.

    `may_ping`: whether the policies let a namespace ping an address. Nor is there one where forwarding is left to the
    user, or no namespace is known to send to the router first.
    """
    rules = [rule for rule in topology.nat if _forwards(rule)]
    named = {target.address.version for target in topology.outside}
    for version in sorted({rule.source.version for rule in rules} - named):
        to = _find_address(topology, version)
        if to is None:
            continue
        starts = _Starts(topology, walk, to, may_ping)
        for rule in _select(rule for rule in rules if rule.source.version == version):
            start = starts.find(rule)
            if start is not None:
                yield _build_probe(start, str(to), rule, timeout)


def _forwards(rule: Nat) -> bool:
    if rule.exit is not None:
        return False  # What OVN translates shows outside only.
    return bool(rule.options.get("ip_forward", True)) and rule.options.get("accept_forward") != "never"


def _select(rules: Iterable[Nat]) -> Iterator[Nat]:
    """Yield some rules of each router and interface, evenly spread."""
    groups: dict[tuple[Place, str | None], list[Nat]] = {}
    for rule in rules:
        groups.setdefault((rule.namespace, rule.options.get("out_interface")), []).append(rule)
    for group in groups.values():
        yield from group[:: -(-len(group) // _RULES_MAX)]


def _find_address(topology: Topology, version: int) -> Address | None:
    """Return an address that no network and no route of the topology leads to, but for default routes."""
    networks = [plug.network for plugs in topology.plugs.values() for each in plugs for plug in each.addresses or ()]
    networks += topology.destinations()
    networks += [network for rule in topology.nat for network in rule.excluded]
    free = (to for to in _NOBODY if to.version == version and not any(to in network for network in networks))
    return next(free, None)


class _Starts:
    """The namespaces that send to a router first, by that router, in the order of their addresses."""

    def __init__(self, topology: Topology, walk: Walk, to: Address, may_ping: Callable[[str, Address], bool]) -> None:
        self._by_router: dict[Place, list[tuple[Address, Address, str]]] = {}
        for namespace in topology.namespaces:
            if namespace.name in topology.elsewhere:
                continue
            node = walk.nodes[namespace.name]
            own = [each for each in node.own_addresses if each.version == to.version and not is_link_local(each)]
            found, router = walk.find_gateway(namespace.name, to)
            if own and found and node.fully_declared and may_ping(namespace.name, to):
                self._by_router.setdefault(router, []).append((min(own), max(own), namespace.name))
        for starts in self._by_router.values():
            starts.sort()

    def find(self, rule: Nat) -> str | None:
        """Return the first one all of whose addresses are in the network of a rule."""
        starts = self._by_router.get(rule.namespace, [])
        position = bisect_left(starts, (rule.source.network_address,))
        for lowest, highest, name in starts[position:]:
            if lowest not in rule.source:
                return None
            if highest in rule.source:
                return name
        return None


def _build_probe(start: str, to: str, rule: Nat, timeout: float) -> dict[str, Any]:
    probe: dict[str, Any] = {
        "namespace": start,
        "to": to,
        "protocol": "icmp",
        "expect": MASQUERADED,
        "timeout": timeout,
    }
    if rule.namespace is not None:
        probe["router"] = rule.namespace
    if rule.options.get("out_interface") is not None:
        probe["out_interface"] = rule.options["out_interface"]
    return probe

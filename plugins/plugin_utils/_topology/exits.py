# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way outside of a topology's logical router, and what it translates and publishes there. Pure.

A router has one way outside: a port on a physical network, on one of the gateway hosts at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address, Interface
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.engines import check_chassis
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors, suggest
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.forwards import resolve_targets
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_model import Exit
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Forward, Nat, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.route_reader import EntryReader

#: The options of an entry that the logical router carries out.
EXIT = ("gateways", "physical_network", "address", "next_hop")
_REQUIRED = {
    "gateways": "name the hosts that may be the gateway, the preferred one first",
    "physical_network": "set the name that the gateways' bridge mappings have for the network",
    "address": "set the router's address on the physical network",
}
#: What the host's or a namespace's packet filter does, and OVN's router does not.
_UNFIT = (
    "out_interface",
    "excluded_destinations",
    "to_source",
    "clamp_mss",
    "namespace",
    "ip_forward",
    "accept_forward",
)
_UNFIT_PUBLISHED = ("in_interface", "take_over", "loopback", "ip_forward", "accept_forward")


def read_exit(reader: EntryReader, path: str, options: Mapping[str, Any]) -> Exit | None:
    """Return where what an entry is about leaves the logical router; None where the entry is another router's."""
    if not any(option in options for option in EXIT):
        return None
    for option, cure in _REQUIRED.items():
        if not options.get(option):
            reader.errors.add(path, option, f"is missing: the logical router has to know its way outside; {cure}")
    for option in _UNFIT:
        if option in options:
            reader.errors.add(
                path, option, "is for the packet filter of a host, and with `gateways` OVN translates; omit it"
            )
    if not all(options.get(option) for option in _REQUIRED):
        return None
    source, address, next_hop = options["source"], options["address"], options.get("next_hop")
    if address.version != source.version:
        cause = f"{address} is not IPv{source.version}, which {source} is; write one entry for each IP version"
        reader.errors.add(path, "address", cause)
    if next_hop is not None and (next_hop not in address.network or next_hop == address.ip):
        cause = f"{next_hop} is not a neighbour of {address}; give another router on the same network"
        reader.errors.add(path, "next_hop", cause)
    return Exit(tuple(options["gateways"]), options["physical_network"], address, next_hop)


# --- asking --------------------------------------------------------------------------------------------------------


def exits_of(topology: Topology) -> list[Exit]:
    """Return the router's ways outside, one for each IP version."""
    found: dict[int, Exit] = {}
    for rule in topology.nat:
        if rule.exit is not None:
            known = found.get(rule.exit.address.version)
            if known is None or known.next_hop is None:
                found[rule.exit.address.version] = rule.exit
    return [found[version] for version in sorted(found)]


def published_at(topology: Topology, forward: Forward) -> Iterator[tuple[Address, Interface]]:
    """Yield the addresses at which the router publishes a port, each with the address that it is forwarded to."""
    own = {each.address.version: each.address.ip for each in exits_of(topology)}
    for target in resolve_targets(topology, forward):
        if target.version in own:
            yield forward.address if forward.address is not None else own[target.version], target


# --- checks --------------------------------------------------------------------------------------------------------


def check_exits(topology: Topology, errors: Errors) -> None:
    """Note every error in what leaves the logical router."""
    _check_sources(topology, errors)
    rules = [(rule, rule.exit) for rule in topology.nat if rule.exit is not None]
    _check_one_way(rules, errors)
    reported: set[str] = set()
    for rule, way in rules:
        _check_gateways(topology, rule, way, reported, errors)
        _check_address(topology, rule, way, errors)
    for forward in topology.forwards:
        if forward.by_router:
            _check_published(topology, forward, errors)


def _check_sources(topology: Topology, errors: Errors) -> None:
    """Check that the sources of the router's entries are its networks, and that no other entry is about them alone."""
    logical = [each.network for bridge in topology.logical.values() for each in bridge.addresses or ()]
    others = [
        address.network
        for plugs in topology.plugs.values()
        for plug in plugs
        if plug.segment is None or plug.segment[1] not in topology.logical
        for address in plug.addresses or ()
    ]
    for rule in topology.nat:
        is_own = any(rule.source.overlaps(network) for network in logical)
        if rule.exit is not None and not is_own and "bridges" not in topology.incomplete:
            errors.add(
                rule.path,
                "source",
                f"{rule.source} overlaps no network of the logical router; with `gateways` it is one of a bridge with "
                "`engine: ovn` and `addresses`",
            )
        elif rule.namespace is None and is_own and not any(rule.source.overlaps(network) for network in others):
            errors.add(
                rule.path,
                "gateways",
                f"is missing: {rule.source} is on a bridge with `engine: ovn`, to which no host has a link; "
                f"{_REQUIRED['gateways']}, and add `physical_network` and `address`",
            )


def _check_one_way(rules: list[tuple[Nat, Exit]], errors: Errors) -> None:
    """Check that all entries lead out the same way, with one address of each IP version."""
    first: dict[tuple[str, int], tuple[Nat, Any]] = {}
    for rule, way in rules:
        version = rule.source.version
        for option, value, scope in (
            ("gateways", way.gateways, 0),
            ("physical_network", way.network, 0),
            ("address", way.address, version),
            ("next_hop", way.next_hop, version),
        ):
            if value is None:
                continue
            other, theirs = first.setdefault((option, scope), (rule, value))
            if value != theirs:
                errors.add(
                    rule.path,
                    option,
                    f"{_format(value)} differs from {_format(theirs)} of {other.path}, and a topology's router has one "
                    "way outside, with one address of each IP version; use the same, or another topology",
                )


def _format(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else repr(value) if isinstance(value, str) else str(value)


def _check_gateways(topology: Topology, rule: Nat, way: Exit, reported: set[str], errors: Errors) -> None:
    for number, host in enumerate(way.gateways):
        option = f"gateways[{number}]"
        if host in way.gateways[:number]:
            errors.add(rule.path, option, f"{host!r} is listed twice; leave one of them out")
        elif topology.hosts and host not in topology.hosts:
            cause = f"{host!r} is not a host of this topology; {suggest(host, topology.hosts)}"
            errors.add(rule.path, option, cause)
        else:
            check_chassis(topology, host, reported, errors)


def _check_address(topology: Topology, rule: Nat, way: Exit, errors: Errors) -> None:
    for bridge in topology.logical.values():
        for address in bridge.addresses or ():
            if address.network.overlaps(way.address.network):
                errors.add(
                    rule.path,
                    "address",
                    f"{way.address} overlaps {address.network} of {bridge.path}, and the router has to know "
                    "where an address is; use another network inside",
                )


def _check_published(topology: Topology, forward: Forward, errors: Errors) -> None:
    for option in _UNFIT_PUBLISHED:
        if option in forward.options:
            errors.add(
                forward.path,
                option,
                "is for the packet filter of a host, and this port is published by OVN's router; omit it",
            )
    if forward.sources:
        errors.add(
            forward.path, "from", "OVN's router publishes a port for everybody; omit it, and limit it by a policy"
        )
    if "-" in forward.ports:
        errors.add(
            forward.path, "publish", f"{forward.ports} is a range, and OVN publishes single ports; write an entry each"
        )
    if resolve_targets(topology, forward) and not list(published_at(topology, forward)):
        errors.add(
            forward.path,
            "to",
            f"{forward.to} is on a bridge with `engine: ovn`, and the router has no address outside of its IP version; "
            "add an entry with `source` and `gateways`",
        )

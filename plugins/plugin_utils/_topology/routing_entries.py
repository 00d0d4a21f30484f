# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries for the modules route, rule and neighbour. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Namespace,
    Neighbour,
    NextHop,
    Route,
    Rule,
    Topology,
)

Entry = dict[str, Any]


def routing_entries(topology: Topology) -> dict[str, list[Entry]]:
    """Return the list of each module, by its key in the result of compile_topology."""
    return {
        "routes": [entry for namespace in topology.namespaces for entry in _routes(namespace)],
        "routing_rules": [entry for namespace in topology.namespaces for entry in _rules(namespace)],
        "neighbours": [entry for namespace in topology.namespaces for entry in _neighbours(namespace)],
    }


# An entry that is absent names a namespace which is to have none, for the module's `exact`. A namespace that no entry
# names keeps what it has.


def _routes(namespace: Namespace) -> Iterator[Entry]:
    if "routes" in namespace.declares and not namespace.routes:
        yield {"namespace": namespace.name, "destination": "default", "state": "absent"}
    for route in namespace.routes:
        yield {"namespace": namespace.name, **_route(route)}


def _rules(namespace: Namespace) -> Iterator[Entry]:
    if "rules" in namespace.declares and not namespace.rules:
        yield {"namespace": namespace.name, "priority": 0, "state": "absent"}
    for rule in namespace.rules:
        yield {"namespace": namespace.name, **_rule(rule)}


def _neighbours(namespace: Namespace) -> Iterator[Entry]:
    if "neighbours" in namespace.declares and not namespace.neighbours:
        yield {"namespace": namespace.name, "address": "192.0.2.1", "state": "absent"}
    for neighbour in namespace.neighbours:
        yield {"namespace": namespace.name, **_neighbour(neighbour)}


def _route(route: Route) -> Entry:
    protocol = None if route.protocol is None else str(route.protocol)
    entry = {
        "destination": route.destination_text,
        "type": None if route.kind == "unicast" else route.kind,
        "gateway": _text(route.gateway),
        "source": _text(route.source),
        "protocol": protocol,
        "nexthops": [_next_hop(hop) for hop in route.next_hops] or None,
        **{option: getattr(route, option) for option in ("device", "onlink", "metric", "table", "vrf", "mtu")},
    }
    return _drop_unset(entry)


def _next_hop(hop: NextHop) -> Entry:
    given = {"gateway": _text(hop.gateway), "device": hop.device, "weight": hop.weight, "onlink": hop.onlink or None}
    return _drop_unset(given)


def _rule(rule: Rule) -> Entry:
    options = dict(rule.options)
    for option in ("from", "to", "ipproto"):
        options[option] = _text(options.get(option))
    if "fwmark" in options:
        options["fwmark"] = "{:#x}/{:#x}".format(*options["fwmark"])
    for option in ("sport", "dport"):
        if option in options:
            options[option] = "{}-{}".format(*options[option])
    return _drop_unset(options)


def _neighbour(neighbour: Neighbour) -> Entry:
    entry = {
        "address": str(neighbour.address),
        "device": neighbour.device,
        "mac": neighbour.mac,
        "proxy": neighbour.proxy or None,
    }
    return _drop_unset(entry)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _drop_unset(entry: Entry) -> Entry:
    return {option: value for option, value in entry.items() if value is not None}

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries for the modules route, rule and neighbour. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    lists: dict[str, list[Entry]] = {name: [] for name in _BUILDERS}
    places = [(namespace, {"namespace": namespace.name}) for namespace in topology.namespaces]
    for namespace, place in [*places, *([(topology.host, {})] if topology.host else [])]:
        for name, entries in routing_of(namespace, place).items():
            lists[name] += entries
    return lists


def routing_of(namespace: Namespace, place: Mapping[str, str]) -> dict[str, list[Entry]]:
    """Return the entries of a namespace, or of the host, which has no place."""
    found: dict[str, list[Entry]] = {}
    for name, (declared, nothing, build) in _BUILDERS.items():
        given = getattr(namespace, declared)
        # An entry that is absent names a namespace which is to have none, for the module's `exact`. A namespace that no
        # entry names keeps what it has, and so does the host.
        is_empty = declared in namespace.declares and not given and bool(place)
        found[name] = [{**place, **nothing, "state": "absent"}] if is_empty else []
        found[name] += [{**place, **build(each)} for each in given]
    return found


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


#: By the key in the result of compile_topology: what a namespace calls the entries, what names one that is to have
#: none, and what an entry becomes.
_BUILDERS: Mapping[str, tuple[str, Entry, Callable[[Any], Entry]]] = {
    "routes": ("routes", {"destination": "default"}, _route),
    "routing_rules": ("rules", {"priority": 0}, _rule),
    "neighbours": ("neighbours", {"address": "192.0.2.1"}, _neighbour),
}

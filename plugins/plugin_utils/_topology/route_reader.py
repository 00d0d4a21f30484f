# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the routes, rules and neighbours of a namespace from the role's variables. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ansible_collections.netns.fabric.plugins.module_utils._core import routing
from ansible_collections.netns.fabric.plugins.plugin_utils._topology import schema
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Neighbour, NextHop, Route, Rule
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.schema import Check

#: The lists of a namespace that are read here.
ROUTING = ("routes", "rules", "neighbours")


class EntryReader(Protocol):
    """What reads the options of an entry, and the entries of a list."""

    errors: Errors

    def check_options(
        self, path: str, entry: Any, known: Mapping[str, Check | None], required: str
    ) -> dict[str, Any] | None: ...

    def read_nested(self, path: str, key: str, given: Any, read: Callable[[str, Any], Any]) -> Iterator[Any]: ...


@dataclass(frozen=True)
class Routing:
    """The routes, rules and neighbours of one namespace, and which of these lists are given."""

    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    declared: tuple[str, ...] = field(default=())


def read_routing(reader: EntryReader, path: str, given: Mapping[str, Any]) -> Routing:
    """Return what a namespace declares; wrong entries are noted and left out."""
    readers = {"routes": _read_route, "rules": _read_rule, "neighbours": _read_neighbour}

    def read(key: str) -> tuple[Any, ...]:
        return tuple(
            reader.read_nested(path, key, given.get(key, []), lambda at, entry: readers[key](reader, at, entry))
        )

    declared = tuple(key for key in ROUTING if key in given)
    return Routing(read("routes"), read("rules"), read("neighbours"), declared)


def _read_route(reader: EntryReader, path: str, entry: Any) -> Route | None:
    options = reader.check_options(path, entry, {**schema.ROUTE, "nexthops": None}, "destination")
    if options is None:
        return None
    hops: list[dict[str, Any]] | None = None
    if "nexthops" in options:
        hops = list(reader.read_nested(path, "nexthops", options["nexthops"], _next_hop_reader(reader)))
    route = Route(
        path,
        options["destination"],
        options.get("gateway"),
        options.get("device"),
        options.get("source"),
        options.get("metric"),
        options.get("table"),
        kind=options.get("type", "unicast"),
        next_hops=tuple(
            NextHop(hop.get("gateway"), hop.get("device"), hop.get("weight", 1), hop.get("onlink", False))
            for hop in hops or ()
        ),
        onlink=options.get("onlink"),
        mtu=options.get("mtu"),
        protocol=options.get("protocol"),
        vrf=options.get("vrf"),
    )
    # Of an option whose value is wrong that error is enough.
    wrong = entry.keys() - options.keys()
    given = options.get("nexthops", [])
    if not isinstance(given, list) or len(hops or ()) != len(given):
        wrong |= {"nexthops"}
    for option, message in routing.find_route_errors(route.version, {**options, "nexthops": hops}):
        if option not in wrong and option.partition("[")[0] not in wrong:
            reader.errors.add(path, option, message)
    return route


def _next_hop_reader(reader: EntryReader) -> Callable[[str, Any], dict[str, Any] | None]:
    def read(path: str, entry: Any) -> dict[str, Any] | None:
        options = reader.check_options(path, entry, schema.NEXT_HOP, "")
        return options if options is not None and options.keys() == entry.keys() else None

    return read


def _read_rule(reader: EntryReader, path: str, entry: Any) -> Rule | None:
    options = reader.check_options(path, entry, schema.RULE, "priority")
    if options is None:
        return None
    version = routing.rule_version(options)
    wrong = entry.keys() - options.keys()
    for option, message in routing.find_rule_errors(version, options):
        if option not in wrong:
            reader.errors.add(path, option, message)
    return Rule(path, version, options)


def _read_neighbour(reader: EntryReader, path: str, entry: Any) -> Neighbour | None:
    options = reader.check_options(path, entry, schema.NEIGHBOUR, "address")
    if options is None:
        return None
    if "device" not in entry:
        reader.errors.add(path, "device", "is missing; give the interface that the neighbour is at")
    proxy = options.get("proxy", False)
    if proxy and "mac" in entry:
        reader.errors.add(path, "mac", "a proxy answers with the address of its own link; leave it out")
    elif not proxy and "mac" not in entry:
        reader.errors.add(
            path, "mac", "is missing; give the neighbour's MAC address, or `proxy: true` to answer for it"
        )
    return Neighbour(path, options["address"], options.get("device"), options.get("mac"), proxy)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes from everywhere to everywhere, from the facts of topology_info. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Any

Info = Mapping[str, Any]

#: With more paths than this the table cannot be read: then only neighbours and gateways are probed.
PATHS_MAX = 2500

#: Seconds.
TIMEOUT = 1.0


@dataclass(frozen=True)
class _Target:
    """An address, and where it is."""

    #: None is the host.
    namespace: str | None
    address: str
    network: str
    version: int


def probe_all(info: Info, paths_max: int = PATHS_MAX) -> list[dict[str, Any]]:
    """Return probes from the host and every named namespace to every address that one of them has.

    Args:
        info: The result of the module topology_info.
        paths_max: With more paths, each namespace probes the next one in its network and the host's addresses in it
            only, so that the number of probes grows with the namespaces and not with their square.

    Returns:
        For the option probes of the module reachability.
    """
    targets = list(_find_targets(info))
    places: list[str | None] = [None, *(space["name"] for space in info["namespaces"] if space["named"])]
    versions = {place: {target.version for target in targets if target.namespace == place} for place in places}
    paths = [
        (place, target)
        for place in places
        for target in targets
        if target.namespace != place and target.version in versions[place]
    ]
    if len(paths) > paths_max:
        paths = list(_paths_to_neighbours(targets))
    return [_build_probe(place, target) for place, target in paths]


def _build_probe(namespace: str | None, target: _Target) -> dict[str, Any]:
    probe: dict[str, Any] = {"to": target.address, "timeout": TIMEOUT}
    if target.namespace is None:
        probe["expect"] = "delivered"  # what the host lets in is the business of its own packet filter
    return probe if namespace is None else {"namespace": namespace, **probe}


def _find_targets(info: Info) -> Iterator[_Target]:
    """Yield the addresses of the topology: of the host, those of its bridges and of its veth pairs to namespaces."""
    for space in (info["host"], *info["namespaces"]):
        is_host = space["name"] is None
        for link in space["links"]:
            is_uplink = is_host and link["bridge_port"] is None and not (link["peer"] or {}).get("namespace")
            is_unusable = link["kind"] == "loopback" or not link["enabled"] or not (space["named"] or is_host)
            if is_uplink or is_unusable:
                continue
            for address in link["addresses"]:
                interface = ip_interface(address["address"])
                if not address["made_by_kernel"] and not interface.ip.is_link_local:
                    yield _Target(space["name"], str(interface.ip), str(interface.network), interface.version)


def _paths_to_neighbours(targets: Sequence[_Target]) -> Iterator[tuple[str | None, _Target]]:
    networks: dict[str, list[_Target]] = {}
    for target in targets:
        networks.setdefault(target.network, []).append(target)
    for members in networks.values():
        inside = [target for target in members if target.namespace is not None]
        for position, member in enumerate(inside):
            neighbour = inside[(position + 1) % len(inside)]
            if neighbour.namespace != member.namespace:
                yield member.namespace, neighbour
            for target in members:
                if target.namespace is None:
                    yield member.namespace, target

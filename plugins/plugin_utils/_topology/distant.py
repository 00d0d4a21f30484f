# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probes of a host that lead to namespaces of other hosts, or outside by one, and what has to listen there. Pure.

They are sent once all hosts are built, and so they are kept apart from the others. A module listens on its own host
only: where a probe needs somebody who answers, the far host opens a port for the time of the probes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.engines import logical_interfaces
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_model import ROUTER
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.meshes import meshed_bridges
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Attachment, End, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.paths import Member, ProbePath, Subnets
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.walk import Verdict, Walk

Entry = dict[str, Any]

#: The port of an exchange over TCP or UDP for which no other one is derived: that of the echo service (RFC 862).
PORT = 7


def paths_over_meshes(topology: Topology, members: Subnets, walk: Walk) -> Iterator[ProbePath]:
    """Yield for each subnet of a mesh one path from the host to each other one, so that every tunnel is probed."""
    hosts = {namespace.name: namespace.host for namespace in topology.namespaces}
    for subnet in members.values():
        near = [member for member in subnet if member.place not in topology.elsewhere]
        far: dict[str | None, list[Member]] = {}
        for member in subnet:
            if member.place in topology.elsewhere and member.place != ROUTER:
                far.setdefault(hosts[member.place or ""], []).append(member)
        for number, those in enumerate(far.values()):
            for start in near[number % len(near) :][:1] if near else ():
                to = those[number % len(those)].address
                if walk.reaches(start.place, to) is Verdict.YES:
                    yield ProbePath(start.place, to)


def split_probes(probes: Iterable[Entry], topology: Topology) -> tuple[list[Entry], list[Entry]]:
    """Return the probes that stay on the host, and those that lead to others.

    Each of the latter has ``host``, the name of the other; ``probe``; and ``listen``, what is to listen there, if it
    expects an answer or shows whether there is one. What a logical switch carries is one of them even if it stays on
    the host: other hosts, and the database, may have a part in it.
    """
    holders, leaving = _holders(topology), _leaving(topology)
    places, addresses = _logical(topology)
    near: list[Entry] = []
    far: dict[tuple[object, ...], Entry] = {}
    for probe in probes:
        found = holders.get(str(probe.get("forwarded_to", probe["to"])))
        gateway = leaving.get((str(probe.get("namespace")), probe["to"]))
        if found is None and gateway is None:
            is_logical = probe.get("namespace") in places or str(probe.get("forwarded_to", probe["to"])) in addresses
            if not is_logical:
                near.append(probe)
                continue
            gateway = topology.this_host
        entry: Entry = _build(probe, *found) if found else {"host": gateway, "probe": probe}
        # Another path may have the port that this one has got.
        key = tuple(entry["probe"].get(option) for option in ("namespace", "to", "protocol", "port", "expect"))
        far.setdefault(key, entry)
    return near, [*far.values()]


def _logical(topology: Topology) -> tuple[set[object], set[str]]:
    """Return the namespaces with an interface on a logical switch, and the addresses of these interfaces."""
    found = [*logical_interfaces(topology)]
    return {namespace.name for namespace, _attachment in found}, {
        str(address.ip) for _namespace, attachment in found for address in attachment.addresses or ()
    }


def _holders(topology: Topology) -> Mapping[str, tuple[str, str]]:
    """Return the namespace and the host of each address that other hosts alone have."""
    own = {str(address.ip) for end in topology.ends() for address in end.addresses or () if _is_own(end, topology)}
    own |= {str(address.ip) for bridge in topology.bridges for address in bridge.addresses or ()}
    return {
        str(address.ip): (namespace.name, namespace.host)
        for namespace in topology.namespaces
        if namespace.name in topology.elsewhere and namespace.host is not None
        for attachment in namespace.interfaces
        for address in attachment.addresses or ()
        if str(address.ip) not in own
    }


def _leaving(topology: Topology) -> Mapping[tuple[str, str], str]:
    """Return the gateway host by which a namespace reaches each address outside, where that is another host."""
    gateways = {
        name: mesh.gateway
        for name, (_bridge, mesh) in meshed_bridges(topology).items()
        if mesh.gateway is not None and mesh.gateway != topology.this_host
    }
    return {
        (namespace.name, str(target.address)): gateways[attachment.bridge]
        for namespace in topology.namespaces
        for attachment in namespace.interfaces
        if attachment.bridge in gateways and not _is_translated_here(attachment, topology)
        for target in topology.outside
    }


def _is_translated_here(attachment: Attachment, topology: Topology) -> bool:
    return any(address.ip in rule.source for address in attachment.addresses or () for rule in topology.nat)


def _is_own(end: End, topology: Topology) -> bool:
    return end.namespace not in topology.elsewhere


def _build(probe: Entry, namespace: str, host: str) -> Entry:
    plain = {key: value for key, value in probe.items() if not key.startswith("forwarded_")}
    if probe["protocol"] == "icmp":
        return {"host": host, "probe": plain}
    plain.setdefault("port", PORT)
    address = probe.get("forwarded_to", probe["to"])
    listen = {
        "namespace": namespace,
        "address": address,
        "protocol": probe["protocol"],
        "port": probe.get("forwarded_port", plain["port"]),
    }
    return {"host": host, "probe": plain, "listen": listen}

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which host has which part of a topology, and what a host sees of the others. Pure.

The declaration is one for all hosts. A namespace with ``host`` is on that one, without it on each. A bridge is on the
hosts with a namespace on it, each time another broadcast domain of the same name; with a mesh it is on all hosts, and
one broadcast domain, as a logical switch is. A pair of patch ports is on the hosts that have both of its bridges.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address, Network
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.bridge_model import BridgePort
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.engines import lower
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors, suggest
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.forwards import resolve_targets
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.isolated_links import IsolatedLinks
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_model import ROUTER
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.meshes import meshed_bridges
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Bridge,
    Forward,
    Link,
    Namespace,
    Nat,
    Topology,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.segments import Segment
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.switching import without_ports


@dataclass(frozen=True)
class Parts:
    """A topology, and what one host has of it."""

    whole: Topology
    #: The part of the host.
    local: Topology
    #: The same, with the namespaces of other hosts as far as a bridge over several hosts leads to them.
    view: Topology

    @cached_property
    def built(self) -> Topology:
        """What is built on the host, which has no bridge for a logical switch."""
        return lower(self.local)

    @property
    def others(self) -> frozenset[str]:
        """The namespaces that the host does not have."""
        own = {namespace.name for namespace in self.local.namespaces}
        return frozenset(namespace.name for namespace in self.whole.namespaces if namespace.name not in own)


def is_spread(topology: Topology) -> bool:
    """Return whether hosts have different parts of a topology."""
    return bool(_wide(topology)) or any(namespace.host is not None for namespace in topology.namespaces)


def _wide(topology: Topology) -> Collection[str]:
    """Return the bridges that are one broadcast domain over several hosts."""
    return meshed_bridges(topology).keys() | topology.logical.keys()


def cut(topology: Topology) -> Parts:
    """Return the part of the host that a topology is compiled for; without a host, all of it."""
    is_whole = topology.this_host is None or not is_spread(topology)
    parts = Parts(topology, topology, topology) if is_whole else _cut_for(topology, topology.this_host or "")
    if not topology.logical:
        return parts
    # Probes go through the router, and none begins there.
    return replace(parts, view=replace(parts.view, elsewhere=parts.view.elsewhere | {ROUTER}))


def _cut_for(topology: Topology, host: str) -> Parts:
    namespaces = tuple(namespace for namespace in topology.namespaces if namespace.host in (None, host))
    names = frozenset(namespace.name for namespace in namespaces)
    local = replace(
        topology,
        namespaces=namespaces,
        bridges=tuple(_local_bridges(topology, host, names)),
        links=tuple(link for link in topology.links if _places(link) <= {None, *names}),
        probes=tuple(probe for probe in topology.probes if probe.namespace in (None, *names)),
    )
    seen = [*_seen_namespaces(topology, names)]
    view = replace(
        local, namespaces=tuple(seen), elsewhere=frozenset(each.name for each in seen if each.name not in names)
    )
    nat = tuple(rule for rule in topology.nat if _concerns(rule, topology, local))
    forwards = tuple(forward for forward in topology.forwards if _publishes(forward, view))
    return Parts(topology, replace(local, nat=nat, forwards=forwards), replace(view, nat=nat, forwards=forwards))


def _places(link: Link) -> set[str | None]:
    return {link.near.namespace, link.far.namespace}


def _local_bridges(topology: Topology, host: str, namespaces: Collection[str]) -> Iterator[Bridge]:
    """Yield the bridges of a host, without the ports that lead to others."""
    some = _bridges_on_some(topology)
    absent = {name for name, hosts in some.items() if host not in hosts}
    peers: dict[bool, set[str]] = {True: set(), False: set()}
    for namespace in topology.namespaces:
        peers[namespace.name in namespaces] |= {end.peer for end in namespace.interfaces}
    halves = {
        name for port, far, half in _patches(topology) if absent & {port.bridge, far} for name in (port.name, half)
    }
    for bridge in topology.bridges:
        if bridge.name not in absent:
            # Of the gateway's addresses another host has none, not even those that it had before.
            is_bare = bridge.mesh is not None and bridge.addresses is not None and bridge.mesh.gateway != host
            ports = tuple(port for port in bridge.ports if port.name not in halves)
            own = replace(bridge, ports=ports, addresses=() if is_bare else bridge.addresses)
            yield without_ports(own, (peers[False] - peers[True]) | halves)


def _bridges_on_some(topology: Topology) -> Mapping[str, frozenset[str]]:
    """Return the bridges that are not on every host, each with the hosts that it is on."""
    users: dict[str, set[str | None]] = {}
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            users.setdefault(attachment.bridge or "", set()).add(namespace.host)
    plain = (bridge.name for bridge in topology.bridges if not bridge.logical and bridge.mesh is None)
    found = {name: users[name] for name in plain if name in users}
    return {name: frozenset(filter(None, hosts)) for name, hosts in found.items() if None not in hosts}


def _patches(topology: Topology) -> Iterator[tuple[BridgePort, str, str]]:
    """Yield the ports that are half of a pair, each with the bridge and the name of the other half."""
    for bridge in topology.bridges:
        for port in bridge.ports:
            if port.peer is not None:
                yield port, *port.peer


def _seen_namespaces(topology: Topology, names: frozenset[str]) -> Iterator[Namespace]:
    """Yield the namespaces of a host, and those of others with what they have on bridges over several hosts."""
    wide = _wide(topology)
    linked = {place for link in topology.links for place in _places(link)}
    for namespace in topology.namespaces:
        if namespace.name in names:
            yield namespace
            continue
        meshed = tuple(attachment for attachment in namespace.interfaces if attachment.bridge in wide)
        if meshed:
            more = len(meshed) < len(namespace.interfaces) or namespace.name in linked
            yield replace(namespace, interfaces=meshed, incomplete=more)


def _concerns(rule: Nat, topology: Topology, local: Topology) -> bool:
    """Return whether a host has the router of a rule: the namespace, or itself where it is in the network, or near.

    The logical router is on each.
    """
    if rule.exit is not None:
        return True
    if rule.namespace is not None:
        return any(namespace.name == rule.namespace for namespace in local.namespaces)
    return _is_near(rule.source, local) or not _is_near(rule.source, topology)


def _is_on(segment: Segment | None, bridges: Collection[str]) -> bool:
    return segment is not None and segment[0] == "bridge" and segment[1] in bridges


def _is_near(source: Network, topology: Topology) -> bool:
    """Return whether the host has a link, a bridge or a route to a network, or a namespace of the host leads to it.

    What is on a mesh is near to the host that has the mesh's addresses only.
    """
    wide = _wide(topology)
    networks = [
        address.network
        for place, plugs in topology.plugs.items()
        for plug in plugs
        if place is None or not _is_on(plug.segment, wide)
        for address in plug.addresses or ()
    ]
    routes = (route.destination for namespace in topology.namespaces for route in namespace.routes)
    networks += [destination for destination in routes if destination is not None]
    if topology.host:
        networks += [network for link in IsolatedLinks(topology).links for network in link.routed]
    return any(network.overlaps(source) for network in networks)


def _publishes(forward: Forward, view: Topology) -> bool:
    """Return whether a host has the router of a published port, and leads to what it is forwarded to."""
    if forward.by_router:
        return True
    if forward.namespace is not None:
        return any(each.name == forward.namespace and each.name not in view.elsewhere for each in view.namespaces)
    return bool(resolve_targets(view, forward))


# Errors


def check_placement(topology: Topology, errors: Errors) -> None:
    """Note where a namespace is on no host, and what refers to a namespace that another host has."""
    if not is_spread(topology):
        return
    _check_hosts(topology, errors)
    hosts = {namespace.name: namespace.host for namespace in topology.namespaces}
    for namespace in topology.namespaces:
        if namespace.host is not None and topology.hosts and namespace.host not in topology.hosts:
            errors.add(
                namespace.path,
                "host",
                f"{namespace.host!r} is not a host of this topology; {suggest(namespace.host, topology.hosts)} (they "
                "are those of the play, or of `topology_hosts`)",
            )
    for link in topology.links:
        _check_link(link, hosts, errors)
    _check_patches(topology, errors)
    _check_parents(topology, hosts, errors)
    holders = _holders(topology)
    for namespace in topology.namespaces:
        _check_gateways(namespace, holders, hosts, errors)
    for forward in topology.forwards:
        _check_forward(topology, forward, hosts, errors)


def _check_hosts(topology: Topology, errors: Errors) -> None:
    """Check that the hosts are known, the one that the topology is applied to among them."""
    if topology.this_host is None or topology.state != "present":
        return
    if not topology.hosts:
        errors.add(
            "topology_hosts",
            "",
            "is not set, the topology is spread over hosts, and the run is limited to some (`--limit`); set it to the "
            "names of all, for instance \"{{ groups['lab'] }}\"",
        )
    elif topology.this_host not in topology.hosts:
        errors.add(
            "topology_hosts",
            "",
            f"{topology.this_host!r}, to which the topology is applied, is not one of its hosts "
            f"({', '.join(topology.hosts)}); add it, or leave it out of the play",
        )


def _describe(host: str | None) -> str:
    return "on every host" if host is None else f"on host {host!r}"


def _check_link(link: Link, hosts: Mapping[str, str | None], errors: Errors) -> None:
    near, far = link.near.namespace, link.far.namespace
    if near in hosts and far in hosts and hosts[near or ""] != hosts[far or ""]:
        errors.add(
            link.path,
            "namespace",
            f"{near!r} is {_describe(hosts[near or ''])} and {far!r} {_describe(hosts[far or ''])}, and a veth pair "
            "does not leave its host; join them by a bridge with `mesh` or `engine: ovn`",
        )


def _check_patches(topology: Topology, errors: Errors) -> None:
    """Check that some host has both bridges of each pair of patch ports."""
    some = _bridges_on_some(topology)
    for port, far, _half in _patches(topology):
        if port.bridge in some and far in some and not some[port.bridge] & some[far]:
            here, there = (_describe_all(some[name]) for name in (port.bridge, far))
            errors.add(
                f"{port.path} peer",
                "bridge",
                f"{far!r} is {there} and {port.bridge!r} {here}, and a pair of patch ports does not leave its host; "
                "use one bridge with `mesh` or `engine: ovn`",
            )


def _describe_all(hosts: Collection[str]) -> str:
    return f"on host{'s' if len(hosts) > 1 else ''} {' and '.join(map(repr, sorted(hosts)))}"


def _check_parents(topology: Topology, hosts: Mapping[str, str | None], errors: Errors) -> None:
    """Check that what an interface is on is on its own host: in a namespace there, or one of the bridges there."""
    some = _bridges_on_some(topology)
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            for option in ("parent", "underlay"):
                place = attachment.creation.get(option) or {}
                other, name = str(place.get("namespace", "")), str(place.get("name", ""))
                if hosts.get(other) not in (None, namespace.host):
                    where, wrong, what = _describe(hosts[other]), "namespace", other
                elif not other and name in some and namespace.host not in some[name]:
                    where, wrong, what = _describe_all(some[name]), "name", name
                else:
                    continue
                errors.add(
                    f"{attachment.path} {option}",
                    wrong,
                    f"{what!r} is {where} and {namespace.name!r} {_describe(namespace.host)}, and no link is on one of "
                    "another host; use a link there, or set the same `host`",
                )


#: Who has an address: the namespaces, each with whether it is on a mesh; None: a host.
_Holders = dict[Address, list[tuple[str | None, bool]]]


def _holders(topology: Topology) -> _Holders:
    wide = _wide(topology)
    found: _Holders = {}
    for place, plugs in topology.plugs.items():
        for plug in plugs:
            on_mesh = _is_on(plug.segment, wide)
            for address in plug.addresses or ():
                found.setdefault(address.ip, []).append((place, on_mesh))
    return found


def _check_gateways(namespace: Namespace, holders: _Holders, hosts: Mapping[str, str | None], errors: Errors) -> None:
    """Check that no gateway is an address that another host alone has, on a bridge without a mesh."""
    for route in namespace.routes:
        for hop in route.hops:
            found = holders.get(hop.gateway, []) if hop.gateway is not None else []
            if found and not any(_is_within_reach(place, on_mesh, namespace, hosts) for place, on_mesh in found):
                name = found[0][0] or ""
                errors.add(
                    route.path,
                    "gateway",
                    f"{hop.gateway} is that of {name!r} {_describe(hosts[name])}, and {namespace.name!r} is "
                    f"{_describe(namespace.host)}; set `mesh` of the bridge between them, or use a gateway there",
                )


def _is_within_reach(place: str | None, on_mesh: bool, namespace: Namespace, hosts: Mapping[str, str | None]) -> bool:
    return place is None or on_mesh or hosts.get(place) in (None, namespace.host) or namespace.host is None


def _check_forward(topology: Topology, forward: Forward, hosts: Mapping[str, str | None], errors: Errors) -> None:
    """Check that the router of a published port reaches the target: on its own host, or over a mesh."""
    if forward.namespace not in hosts:
        return
    router = hosts[forward.namespace or ""]
    targets = topology.forward_targets.get(forward.to, ())
    wide = _wide(topology)
    if targets and not any(
        hosts[target.namespace] in (None, router) or _is_on(target.segment, wide) for target in targets
    ):
        name = targets[0].namespace
        errors.add(
            forward.path,
            "to",
            f"{name!r} is {_describe(hosts[name])}, and the router {forward.namespace!r} {_describe(router)}; use a "
            "router there, or set `mesh` of the bridge of the target",
        )

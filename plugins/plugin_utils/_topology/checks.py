# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks a topology as a whole, whose single values are valid.

Pure, and linear in the size of the topology. Routes, MTUs and published ports have files of their own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ansible_collections.netns.fabric.plugins.module_utils._core.expectations import contradict
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import (
    Address,
    Interface,
    Network,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.bridge_ports import check_ports, port_names
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.engines import check_engines
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors, suggest
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.exits import check_exits
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.forwards import check_forwards
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.host import check_host
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.leases import check_leases
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.link_kinds import check_kinds, find_vrfs
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_model import ROUTER
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.mac_checks import check_macs
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.meshes import check_meshes
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    Forward,
    Namespace,
    Nat,
    Topology,
    UserProbe,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.mtu_checks import check_mtus
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.placement import check_placement
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policy_checks import check_policies
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.route_checks import check_routes
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.segments import segment_of
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.shapes import check_shapes, inlets
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.switching import check_switching
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.sysctls import check_sysctls


def check_topology(topology: Topology, errors: Errors) -> None:
    """Note every error that concerns the topology as a whole."""
    _check_namespaces(topology, errors)
    _check_bridges(topology, errors)
    _check_names(topology, errors)
    _check_addresses(topology, errors)
    check_ports(topology, errors)
    check_switching(topology, errors)
    check_kinds(topology, errors)
    check_host(topology, errors)
    check_mtus(topology, errors)
    check_macs(topology, errors)
    check_routes(topology, errors)
    _check_nat(topology, errors)
    _check_nat_sources(topology, errors)
    _check_probes(topology, errors)
    check_forwards(topology, errors)
    check_sysctls(topology, errors)
    check_shapes(topology, errors)
    check_policies(topology, errors)
    check_meshes(topology, errors)
    check_engines(topology, errors)
    check_leases(topology, errors)
    check_exits(topology, errors)
    check_placement(topology, errors)


def _describe_place(namespace: str | None) -> str:
    return "on the host" if namespace is None else f"in namespace {namespace!r}"


# --- references and names ------------------------------------------------------------------------------------------


def _check_namespaces(topology: Topology, errors: Errors) -> None:
    """Check that no namespace is declared twice, and that all that are referred to are declared."""
    first: dict[str, str] = {}
    for namespace in topology.namespaces:
        seen = first.setdefault(namespace.name, namespace.path)
        if seen != namespace.path:
            errors.add(namespace.path, "name", f"{namespace.name!r} is also the name of {seen}; rename one of them")
    for path, name in _namespace_references(topology):
        if name not in first and "namespaces" not in topology.incomplete:
            errors.add(
                path,
                "namespace",
                f"{name!r} is not in `topology_namespaces`; {suggest(name, first)} (for the host, omit `namespace`)",
            )


def _namespace_references(topology: Topology) -> Iterator[tuple[str, str]]:
    for link in topology.links:
        for end in (link.near, link.far):
            if end.namespace is not None:
                yield end.path, end.namespace
    entries: list[Nat | Forward | UserProbe] = [*topology.nat, *topology.forwards, *topology.probes]
    for entry in entries:
        if entry.namespace is not None and entry.namespace != ROUTER:
            yield entry.path, entry.namespace


def _check_bridges(topology: Topology, errors: Errors) -> None:
    """Check that every bridge that an interface names is declared."""
    if "bridges" in topology.incomplete:
        return
    declared = {bridge.name for bridge in topology.bridges}
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            if attachment.bridge is not None and attachment.bridge not in declared:
                errors.add(
                    attachment.path,
                    "bridge",
                    f"{attachment.bridge!r} is not in `topology_bridges`; {suggest(attachment.bridge, declared)}",
                )


def _check_names(topology: Topology, errors: Errors) -> None:
    """Check that no interface name occurs twice in one namespace or on the host."""
    first: dict[tuple[str | None, str], tuple[str, str]] = {}
    for path, option, namespace, name in _link_names(topology):
        if name == "lo":
            errors.add(path, option, "'lo' is the loopback interface, which already exists; choose another name")
            continue
        seen = first.setdefault((namespace, name), (path, option))
        if seen != (path, option):
            other = seen[0] if seen[1] == "name" else f"{seen[0]} ({seen[1]})"
            where = _describe_place(namespace)
            errors.add(path, option, f"{name!r} {where} is already the name of {other}; rename one of them")
    _check_moved_names(
        topology, {name: seen[0] for (namespace, name), seen in first.items() if namespace is None}, errors
    )


def _check_moved_names(topology: Topology, on_host: Mapping[str, str], errors: Errors) -> None:
    """Check that no link moves into two namespaces of a host, and that none is a link which the topology creates."""
    first: dict[tuple[str | None, str], str] = {}
    for namespace, attachment in _existing_links(topology):
        name, option = attachment.name_outside, "nic" if attachment.nic else "name"
        seen = first.get((None, name)) or first.setdefault((namespace.host, name), attachment.path)
        if seen != attachment.path:
            errors.add(attachment.path, option, f"{name!r} moves by {seen} as well; remove one of them")
        if name in on_host:
            errors.add(
                attachment.path,
                option,
                f"{name!r} is a link that this topology creates on the host ({on_host[name]}), and without `bridge` "
                "the entry moves an existing link into the namespace; add `bridge`, or use another name",
            )


def _link_names(topology: Topology) -> Iterator[tuple[str, str, str | None, str]]:
    """Yield every link of the topology: path, option, namespace, name."""
    for bridge in topology.bridges:
        if not bridge.logical:
            yield bridge.path, "name", None, bridge.name
    for end in topology.ends():
        if isinstance(end, Attachment) and end.bridge is None and end.name == "lo":
            continue
        yield end.path, "name", end.namespace, end.name
        if isinstance(end, Attachment) and end.peer:
            yield end.path, "peer", None, end.peer
    for end, name in inlets(topology):
        yield end.path, "shape", end.namespace, name
    for path, option, name in port_names(topology):
        yield path, option, None, name


def _existing_links(topology: Topology) -> Iterator[tuple[Namespace, Attachment]]:
    """Yield the links that move into a namespace, each with that."""
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            if attachment.bridge is None and attachment.kind is None and attachment.name != "lo":
                yield namespace, attachment


# --- addresses ---------------------------------------------------------------------------------------------------

#: What holds an address at most once, each with its description: a namespace or the host, then a broadcast domain.
_Scopes = list[tuple[object, str]]


def _check_addresses(topology: Topology, errors: Errors) -> None:
    """Check that no address occurs twice in one namespace, on the host, or in one broadcast domain.

    The same address in two domains that do not see each other is valid: tenants overlap. A link-local IPv6 address is
    one of its link, and may be on several links of a namespace (RFC 4291, 2.5.6).
    """
    first: dict[tuple[object, Address], str] = {}
    for path, scopes, addresses in _addresses_by_scope(topology):
        for index, address in enumerate(addresses):
            option = f"addresses[{index}]"
            here = f"{path} {option}"
            of_link = address.version == 6 and address.is_link_local
            for scope, description in [(path, "on this interface"), *scopes[1:]] if of_link else scopes:
                seen = first.setdefault((scope, address.ip), here)
                if seen != here:
                    errors.add(
                        path,
                        option,
                        f"{address.ip} is already assigned {description}, by {seen}; use a different address",
                    )
                    break


def _addresses_by_scope(topology: Topology) -> Iterator[tuple[str, _Scopes, Iterable[Interface]]]:
    """Yield all interfaces: path, the scopes that hold each of its addresses at most once, addresses."""
    vrfs = find_vrfs(topology)
    for bridge in topology.bridges:
        where = "on the logical router" if bridge.logical else "on the host"
        scopes: _Scopes = [(bridge.place, where), (("bridge", bridge.name, 0), f"on bridge {bridge.name!r}")]
        yield bridge.path, scopes, bridge.addresses or ()
    for own in topology.host_links:
        yield own.path, [(None, "on the host")], own.addresses or ()
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            scopes = [(namespace.name, _describe_place(namespace.name))]
            if (namespace.name, attachment.master) in vrfs:
                scopes = [((namespace.name, attachment.master), f"in VRF {attachment.master!r}")]
            segment = segment_of(attachment)
            if segment is not None:
                scopes.append((segment, f"on bridge {attachment.bridge!r}"))
            yield attachment.path, scopes, attachment.addresses or ()
    for index, link in enumerate(topology.links):
        for end in (link.near, link.far):
            scopes = [(end.namespace, _describe_place(end.namespace)), (("link", index, 0), "on this link")]
            yield end.path, scopes, end.addresses or ()


# --- NAT and probes ------------------------------------------------------------------------------------------------


def _check_nat(topology: Topology, errors: Errors) -> None:
    """Check that no two NAT rules masquerade the same traffic."""
    scopes: dict[tuple[str | None, int], list[Nat]] = {}
    for rule in topology.nat:
        scopes.setdefault((rule.namespace, rule.source.version), []).append(rule)
    order = {rule.path: index for index, rule in enumerate(topology.nat)}
    for rules in scopes.values():
        enclosing: list[Nat] = []
        # Sorted like this, a network comes right after those that contain it: no need to compare each with each.
        for rule in sorted(rules, key=lambda rule: (int(rule.source.network_address), rule.source.prefixlen)):
            while enclosing and rule.source.network_address not in enclosing[-1].source:
                enclosing.pop()
            for other in enclosing:
                if _share_out_interface(rule, other):
                    first, second = sorted((rule, other), key=lambda either: order[either.path])
                    errors.add(second.path, "source", _describe_overlap(first, second))
                    break
            enclosing.append(rule)


def _check_nat_sources(topology: Topology, errors: Errors) -> None:
    """Check that every NAT rule masquerades a network that the topology has, or has a route to.

    Where addresses are not declared (a moved NIC, DHCP), any network may be there. What is deleted needs no network.
    """
    if topology.state != "present" or topology.incomplete or any(each.incomplete for each in topology.namespaces):
        return
    plugs = [plug for plugs in topology.plugs.values() for plug in plugs]
    if any(plug.addresses is None for name, plugs in topology.plugs.items() if name is not None for plug in plugs):
        return
    networks = {address.network for plug in plugs for address in plug.addresses or () if not address.is_link_local}
    if not networks:
        return  # NAT alone, for a network of somebody else's.
    known = _KnownNetworks([*networks, *topology.destinations()])
    for rule in topology.nat:
        if not known.overlap(rule.source):
            same = sorted(str(network) for network in networks if network.version == rule.source.version)
            errors.add(
                rule.path,
                "source",
                f"{rule.source} overlaps no network of this topology and none that it has a route to, so that it "
                f"masquerades nothing; set `topology_nat` to the networks that it is meant for (this topology has "
                f"{', '.join(same) or 'none of this IP version'}), or to [] for no NAT",
            )


class _KnownNetworks:
    """Networks that are searched without comparing each with each."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = set(networks)
        self._lengths = {network.prefixlen for network in networks}
        self._starts = {
            version: sorted(int(network.network_address) for network in networks if network.version == version)
            for version in (4, 6)
        }

    def overlap(self, source: Network) -> bool:
        """Return whether one of them contains the network, or begins in it."""
        if any(
            length <= source.prefixlen and source.supernet(new_prefix=length) in self._networks
            for length in self._lengths
        ):
            return True
        starts, first = self._starts[source.version], int(source.network_address)
        position = bisect_left(starts, first)
        return position < len(starts) and starts[position] < first + source.num_addresses


def _share_out_interface(rule: Nat, other: Nat) -> bool:
    interfaces = {rule.options.get("out_interface"), other.options.get("out_interface")}
    return len(interfaces) == 1 or None in interfaces


def _describe_overlap(first: Nat, second: Nat) -> str:
    if first.source == second.source:
        return f"{second.source} is also the source of {first.path}; remove one of them"
    return f"{second.source} overlaps with {first.source} of {first.path}; remove one of them, or make them disjoint"


def _check_probes(topology: Topology, errors: Errors) -> None:
    """Check that no two of the user's probes expect results for the same path that exclude each other."""
    first: dict[tuple[object, ...], UserProbe] = {}
    for probe in topology.probes:
        seen = first.setdefault((probe.namespace, probe.to, probe.protocol, probe.port), probe)
        if contradict(seen.expect, probe.expect):
            errors.add(
                probe.path,
                "expect",
                f"is {probe.expect}, but {seen.path} expects {seen.expect} of the same path; remove one of them",
            )

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The compiler of topologies: from the role's variables to one list per module.

Pure; runs on the controller, before the host is changed. Nothing here needs Ansible.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.nat_values import format_pool
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Interface
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.bridge_ports import (
    absent_links,
    absent_ports,
    link_entries,
    port_entries,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.distant import split_probes
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.forwards import find_neighbours, resolve_targets
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.host import absent_host_entries, host_sysctls
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.isolated_links import isolation_entries
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.leases import leased_by_others
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.link_kinds import membership_entries
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.meshes import tunnel_ports
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    Bridge,
    End,
    Forward,
    Link,
    Namespace,
    Nat,
    Topology,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.names import namespace_addresses
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.northbound import northbound_lists
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.placement import Parts, cut
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policies import Policies, policy_entries
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.probes import derive_probes
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.routing_entries import routing_entries
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.shapes import (
    absent_qdiscs,
    inlets,
    qdisc_entries,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.summary import summarize
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.switching import (
    absent_switching_entries,
    switching_entries,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.sysctls import assign_sysctls

Entry = dict[str, Any]


def compile_topology(variables: Any) -> dict[str, Any]:
    """Check a topology and return one list per module, with the part of the host that it is compiled for.

    Args:
        variables: A dictionary with the role's variables, their names without ``topology_``.

    Returns:
        ``namespaces``, ``bridges``, ``pairs``, ``links``, ``qdiscs``, ``ports``, ``qos``, ``mirrors``, ``flows``,
        ``routes``, ``routing_rules``, ``neighbours``, ``isolation``, ``rules``, ``forwards``, ``policies``,
        ``probes``: each in the format of the module's bulk option; ``hosts`` and ``host_sysctls``, options of the
        module netns; with logical switches ``northbound``, the lists ``switches``, ``routers`` and ``groups``, once for
        all hosts; and ``summary``, a list of lines for a person.

    Raises:
        TopologyError: With all errors.
    """
    parts = cut(assign_sysctls(load_topology(variables)))
    # By all namespaces of all hosts: a policy knows them by their addresses.
    policies = Policies(parts.whole)
    compile_lists = _compile_present if parts.whole.state == "present" else _compile_absent
    northbound = {"northbound": northbound_lists(policies)} if parts.whole.logical else {}
    return {**compile_lists(parts, policies), **northbound, "summary": summarize(parts, policies)}


def _split_attachments(topology: Topology) -> tuple[list[Attachment], list[Attachment]]:
    """Return the interfaces that are plugged into a bridge, and the existing links."""
    attachments = [attachment for namespace in topology.namespaces for attachment in namespace.interfaces]
    plugged = [attachment for attachment in attachments if attachment.bridge is not None]
    return plugged, [attachment for attachment in attachments if attachment.bridge is None]


# --- present -------------------------------------------------------------------------------------------------------


def _compile_present(parts: Parts, policies: Policies) -> dict[str, Any]:
    topology = parts.built
    plugged, existing = _split_attachments(topology)
    return {
        "namespaces": [{"name": namespace.name, **namespace.options} for namespace in topology.namespaces],
        # A type that works on this host, so that a bridge is repaired whose datapath does not.
        "bridges": [{"name": bridge.name, "datapath_type": "auto", **bridge.switch} for bridge in topology.bridges],
        "pairs": [_build_plugged_pair(attachment) for attachment in plugged]
        + [_build_pair(link) for link in topology.links],
        "links": [_build_local(bridge) for bridge in topology.bridges]
        + [_build_interface(end) for end in topology.host_links]
        + link_entries(topology)
        + [_build_interface(end) for end in existing]
        + membership_entries(topology)
        + [
            {"name": name, "namespace": end.namespace, "kind": "ifb", "enabled": True} for end, name in inlets(topology)
        ],
        "qdiscs": qdisc_entries(topology),
        "ports": [
            *(_build_port(attachment) for attachment in plugged),
            *port_entries(topology),
            *tunnel_ports(topology),
        ],
        **switching_entries(topology),
        "hosts": namespace_addresses(parts.view),
        "host_sysctls": host_sysctls(topology),
        **routing_entries(topology),
        "isolation": isolation_entries(parts.view),
        "rules": [_build_rule(rule) for rule in topology.nat],
        "forwards": [entry for forward in topology.forwards for entry in _build_forwards(parts.view, forward)],
        "policies": [entry for entry in policy_entries(policies) if entry["namespace"] not in parts.others],
        **_compile_probes(parts, policies),
    }


def _compile_probes(parts: Parts, policies: Policies) -> dict[str, Any]:
    if not parts.whole.verify:
        return {"probes": []}
    probes = derive_probes(leased_by_others(parts.view), policies)
    if not parts.view.elsewhere:
        return {"probes": probes}
    near, far = split_probes(probes, parts.view)
    return {"probes": near, "distant_probes": far}


def _build_end(end: End) -> Entry:
    """Return an end or an existing link: up unless declared down, so that a run repairs one that was set down."""
    entry: Entry = {"name": end.name, "enabled": True, **end.options}
    if end.namespace is not None:
        entry["namespace"] = end.namespace
    if end.addresses is not None:
        entry["addresses"] = _format_addresses(end.addresses)
    return entry


def _build_interface(interface: Attachment) -> Entry:
    """Return an interface without a bridge, which is created if it has a kind."""
    entry = {**_build_end(interface), **interface.creation}
    if interface.nic is not None:
        entry["nic"] = interface.nic
    return entry if interface.master is None else {**entry, "master": interface.master}


def _build_plugged_pair(attachment: Attachment) -> Entry:
    peer: Entry = {"name": attachment.peer, "enabled": True}
    if "mtu" in attachment.options:
        # A veth pair with two MTUs silently drops what is too long for the smaller one.
        peer["mtu"] = attachment.options["mtu"]
    return {**_build_end(attachment), "peer": peer}


def _build_pair(link: Link) -> Entry:
    return {**_build_end(link.near), "peer": _build_end(link.far)}


def _build_local(bridge: Bridge) -> Entry:
    entry: Entry = {"name": bridge.name, "enabled": bridge.enabled}
    if bridge.addresses is not None:
        entry["addresses"] = _format_addresses(bridge.addresses)
    if bridge.sysctls:
        entry["sysctls"] = bridge.sysctls
    return entry


def _build_port(attachment: Attachment) -> Entry:
    entry: Entry = {
        "name": attachment.peer,
        "bridge": attachment.bridge,
        **attachment.port,
        "peer": {"name": attachment.name, "namespace": attachment.namespace},
    }
    if "tx_checksum" in attachment.options:
        entry["tx_checksum"] = "keep"  # The user has decided, and the module veth sets it.
    return entry


def _build_rule(rule: Nat) -> Entry:
    entry: Entry = {"source": str(rule.source), **rule.options}
    if rule.excluded:
        entry["excluded_destinations"] = [str(network) for network in rule.excluded]
    if rule.pool:
        entry["to_source"] = format_pool(rule.pool)
    return entry


def _build_forwards(topology: Topology, forward: Forward) -> Iterator[Entry]:
    """Yield an entry for each IP version; a neighbour of the target reaches the published port, too."""
    for target in resolve_targets(topology, forward):
        entry = {**_identify_forward(forward, target), **forward.options}
        if target.version == 6:
            entry.pop("loopback", None)  # The kernel sends nothing from ::1.
        sources = forward.sources_of(target.version)
        if sources:
            entry["sources"] = [str(network) for network in sources]
        hairpin = [
            str(network)
            for network in find_neighbours(topology, forward.namespace, target)
            if not sources or any(network.overlaps(source) for source in sources)
        ]
        if hairpin:
            entry["hairpin"] = hairpin
        yield entry


def _identify_forward(forward: Forward, target: Interface) -> Entry:
    entry: Entry = {"port": forward.ports, "protocol": forward.protocol, "to_address": str(target.ip)}
    if forward.address is not None:
        entry["address"] = str(forward.address)
    return entry


def _format_addresses(addresses: tuple[Interface, ...] | None) -> list[str] | None:
    return None if addresses is None else [str(address) for address in addresses]


# --- absent --------------------------------------------------------------------------------------------------------


def _compile_absent(parts: Parts, policies: Policies) -> dict[str, Any]:
    topology = parts.built
    plugged, existing = _split_attachments(topology)
    ends: list[End] = [*plugged, *(link.near for link in topology.links)]
    of_host = absent_host_entries(topology)  # Those of a namespace end with it.
    return {
        "namespaces": [
            _build_absent(name=namespace.name, **_select(namespace, "force")) for namespace in topology.namespaces
        ],
        "bridges": [_build_absent(name=bridge.name) for bridge in topology.bridges],
        "pairs": [_build_absent(name=end.name, namespace=end.namespace) for end in ends],
        # With their addresses: a bridge that has other owners stays, and this topology's addresses on it are removed.
        "links": [
            *(
                _build_absent(name=bridge.name, addresses=_format_addresses(bridge.addresses))
                for bridge in topology.bridges
            ),
            *map(_build_absent_interface, topology.host_links),
            *absent_links(topology),
            *map(_build_absent_interface, existing),
            *(_build_absent(name=name, namespace=end.namespace) for end, name in inlets(topology)),
        ],
        "qdiscs": absent_qdiscs(topology),
        "ports": [
            *(_build_absent(name=attachment.peer, bridge=attachment.bridge) for attachment in plugged),
            *absent_ports(topology),
            *(_build_absent(name=port["name"], bridge=port["bridge"]) for port in tunnel_ports(topology)),
        ],
        **absent_switching_entries(topology),
        "routes": of_host["routes"],
        "hosts": {},
        "host_sysctls": dict.fromkeys(host_sysctls(topology)),
        "routing_rules": of_host["routing_rules"],
        "neighbours": of_host["neighbours"],
        "isolation": [_build_absent(link=str(entry["link"])) for entry in isolation_entries(parts.view)],
        "rules": [
            _build_absent(source=str(rule.source), **_select(rule, "namespace", "out_interface"))
            for rule in topology.nat
        ],
        "forwards": [
            _build_absent(**_identify_forward(forward, target), **_select(forward, "namespace", "in_interface"))
            for forward in topology.forwards
            for target in resolve_targets(parts.view, forward)
        ],
        "policies": [_build_absent(namespace=name) for name in policies.by_namespace if name not in parts.others],
        "probes": [],
    }


def _build_absent_interface(end: Attachment) -> Entry:
    if end.kind is not None:
        return _build_absent(name=end.name, namespace=end.namespace, kind=end.kind)
    return _build_absent(
        name=end.name, namespace=end.namespace, nic=end.nic, addresses=_format_addresses(end.addresses)
    )


def _build_absent(**identity: Any) -> Entry:
    return {**{key: value for key, value in identity.items() if value is not None}, "state": "absent"}


def _select(declared: Namespace | Nat | Forward, *options: str) -> Entry:
    return {option: declared.options[option] for option in options if option in declared.options}

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Meshes: bridges that are one broadcast domain over several hosts, by a tunnel between each two of them. Pure.

The tunnels are protected ports: what comes in by one leaves by no other, so that there is no loop, and each host
reaches each other one directly (ovs-vswitchd.conf.db(5), table Port).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import interface_name
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.bridge_model import Mesh
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors, suggest
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    Bridge,
    Namespace,
    Topology,
)

Entry = dict[str, Any]

#: Hosts of a mesh: each has a tunnel to each other one, and gets a copy of every broadcast.
HOSTS_MAX = 10
#: Bytes that a tunnel adds to a packet over IPv4: Ethernet 14, VXLAN or Geneve 8, UDP 8, IPv4 20 (RFC 7348, RFC 8926).
#: Geneve has room for one option of 8 bytes, as OVN uses it.
_OVERHEAD = {"vxlan": 50, "geneve": 58}
#: Bytes: an IPv6 header is larger by so much, and a tag (IEEE 802.1Q) is carried in the tunnel.
_IPV6, _TAG = 20, 4


def meshed_bridges(topology: Topology) -> dict[str, tuple[Bridge, Mesh]]:
    """Return the bridges with a mesh by their names."""
    return {bridge.name: (bridge, bridge.mesh) for bridge in topology.bridges if bridge.mesh is not None}


def tunnel_ports(topology: Topology) -> Iterator[Entry]:
    """Yield the entries for the module ovs_port: on this host, a tunnel to each other one for each mesh."""
    for name, (_bridge, mesh) in meshed_bridges(topology).items():
        for host in _peers(topology):
            yield {
                "name": tunnel_name(name, host),
                "bridge": name,
                "type": mesh.kind,
                "protected": True,
                # Both ends: a tunnel accepts what comes from its other end's address only.
                "tunnel": {
                    "remote_ip": topology.hosts[host],
                    "local_ip": topology.hosts[topology.this_host or ""],
                    "key": str(mesh.key),
                },
            }


def _peers(topology: Topology) -> Iterator[str]:
    if topology.this_host in topology.hosts:
        yield from (host for host in topology.hosts if host != topology.this_host)


def tunnel_name(bridge: str, host: str) -> str:
    """Return the name of the port by which a bridge reaches a host."""
    try:
        return interface_name(f"{bridge}-{host}")
    except ValueError:
        return f"mesh-{zlib.crc32(f'{bridge}/{host}'.encode()):08x}"


# MTUs


def assign_mtus(topology: Topology) -> Topology:
    """Return the topology with the MTU of each interface on a mesh that has none."""
    meshes = meshed_bridges(topology)
    if not meshes:
        return topology

    def of(attachment: Attachment) -> Attachment:
        found = meshes.get(attachment.bridge or "")
        if found is None or "mtu" in attachment.options:
            return attachment
        return replace(attachment, options={**attachment.options, "mtu": _largest(topology, found[1], attachment)})

    return replace(
        topology,
        bridges=tuple(
            replace(bridge, switch={"mtu": _largest(topology, bridge.mesh), **bridge.switch}) if bridge.mesh else bridge
            for bridge in topology.bridges
        ),
        namespaces=tuple(
            replace(namespace, interfaces=tuple(map(of, namespace.interfaces))) for namespace in topology.namespaces
        ),
    )


def _largest(topology: Topology, mesh: Mesh, attachment: Attachment | None = None) -> int:
    """Return the largest MTU whose packets fit into the network between the hosts."""
    overhead = _OVERHEAD[mesh.kind] + (_IPV6 if any(":" in address for address in topology.hosts.values()) else 0)
    port = attachment.port if attachment is not None else {}
    return mesh.underlay_mtu - overhead - (_TAG if port.get("tag") or "trunks" in port else 0)


# Errors


def check_meshes(topology: Topology, errors: Errors) -> None:
    """Note every error in the meshes."""
    meshes = meshed_bridges(topology)
    if not meshes:
        return
    _check_keys(meshes, errors)
    for bridge, mesh in meshes.values():
        _check_gateway(topology, bridge, mesh, errors)
        _check_mtu(topology, bridge.path, mesh, bridge.switch["mtu"], None, errors)
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            if attachment.bridge in meshes:
                _check_interface(topology, namespace, attachment, meshes[attachment.bridge][1], errors)
    if topology.state == "present":
        _check_hosts(topology, errors)
    _check_tunnel_names(topology, meshes, errors)


def _check_keys(meshes: dict[str, tuple[Bridge, Mesh]], errors: Errors) -> None:
    first: dict[tuple[str, int], str] = {}
    for bridge, mesh in meshes.values():
        seen = first.setdefault((mesh.kind, mesh.key), bridge.path)
        if seen != bridge.path:
            errors.add(mesh.path, "key", f"{mesh.key} is also the key of {seen}; use another one")


def _check_gateway(topology: Topology, bridge: Bridge, mesh: Mesh, errors: Errors) -> None:
    if bridge.addresses and mesh.gateway is None:
        errors.add(
            mesh.path,
            "gateway",
            "is missing: the bridge has addresses, and the same address on each host would answer everywhere; name the "
            "host that has them, or omit `addresses`",
        )
    elif mesh.gateway is not None and not bridge.addresses:
        errors.add(mesh.path, "gateway", "is of no effect without `addresses` of the bridge; add them, or omit it")
    elif mesh.gateway is not None and topology.hosts and mesh.gateway not in topology.hosts:
        errors.add(
            mesh.path,
            "gateway",
            f"{mesh.gateway!r} is not a host of this topology; {suggest(mesh.gateway, topology.hosts)}",
        )


def _check_mtu(
    topology: Topology, path: str, mesh: Mesh, mtu: int, attachment: Attachment | None, errors: Errors
) -> None:
    largest = _largest(topology, mesh, attachment)
    if mtu > largest:
        errors.add(
            path,
            "mtu",
            f"{mtu} is too large: a {mesh.kind} tunnel over a network with an MTU of {mesh.underlay_mtu} carries "
            f"{largest}; omit it, or set `underlay_mtu` of the mesh if that network carries more",
        )


def _check_interface(
    topology: Topology, namespace: Namespace, attachment: Attachment, mesh: Mesh, errors: Errors
) -> None:
    _check_mtu(topology, attachment.path, mesh, attachment.options["mtu"], attachment, errors)
    if attachment.port.get("protected"):
        errors.add(
            attachment.path,
            "protected",
            f"on {attachment.bridge!r} it would cut the interface off from all other hosts: the tunnels of a mesh are "
            "protected ports too; omit it, and use `topology_policies`",
        )
    if namespace.host is None:
        errors.add(
            attachment.path,
            "bridge",
            f"{attachment.bridge!r} is a mesh, and namespace {namespace.name!r} would be on each host, with the same "
            "addresses; set `host` of the namespace",
        )


def _check_hosts(topology: Topology, errors: Errors) -> None:
    """Check the hosts that a mesh is over, as far as they are known."""
    if len(topology.hosts) > HOSTS_MAX:
        errors.add(
            "topology_hosts",
            "",
            f"has {len(topology.hosts)} hosts, and a mesh is for at most {HOSTS_MAX}: each has a tunnel to each other "
            "one; use OVN for more, or several topologies",
        )
        return
    first: dict[str, str] = {}
    versions: dict[int, str] = {}
    for host, text in topology.hosts.items():
        try:
            address = ip_address(text)
        except ValueError:
            cause = f"{text!r} is not an address" if text else "has no address"
            errors.add(
                "topology_tunnel_address",
                "",
                f"of {host}: {cause}, and tunnels need one; set the address by which the other hosts reach it",
            )
            continue
        seen = first.setdefault(str(address), host)
        if seen != host:
            errors.add("topology_tunnel_address", "", f"{text} is that of {seen} and of {host}; each needs its own")
        versions.setdefault(address.version, host)
    if len(versions) > 1:
        named = " and ".join(f"{host} an IPv{version} address" for version, host in sorted(versions.items()))
        errors.add("topology_tunnel_address", "", f"{named}; tunnels need one IP version on all hosts")


def _check_tunnel_names(topology: Topology, meshes: dict[str, tuple[Bridge, Mesh]], errors: Errors) -> None:
    """Check that no other port or link of the host has the name of a tunnel."""
    taken = {bridge.name: bridge.path for bridge in topology.bridges}
    for end in topology.ends():
        name = end.peer if isinstance(end, Attachment) else end.name if end.namespace is None else ""
        taken.setdefault(name, end.path)
    for name, (bridge, _mesh) in meshes.items():
        for host in topology.hosts:
            tunnel = tunnel_name(name, host)
            seen = taken.setdefault(tunnel, f"the tunnel of {name!r} to {host}")
            if seen != f"the tunnel of {name!r} to {host}":
                errors.add(
                    bridge.path, "mesh", f"{tunnel!r}, the port to host {host}, is also the name of {seen}; rename"
                )

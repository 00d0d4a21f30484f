# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What OVN serves on a logical switch: addresses by DHCP, and names by DNS. Pure.

OVN answers the requests itself, on the host that they come from. Each interface gets the address that is declared for
it, so that a namespace has the same one whether its client or the role sets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.host_names import is_host_name
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Interface
from ansible_collections.netns.fabric.plugins.plugin_utils._topology import schema
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.engines import largest_mtu, logical_interfaces
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_model import Dhcp
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    Bridge,
    Namespace,
    Topology,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.nodes import is_link_local
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.route_reader import EntryReader


def read_dhcp(reader: EntryReader, path: str, options: Mapping[str, Any]) -> Dhcp | None:
    """Return how a bridge serves DHCP; None where it does not, or what is given is invalid."""
    if "dhcp" not in options:
        return None
    at = f"{path} dhcp"
    found = reader.check_options(at, options["dhcp"], schema.DHCP, "")
    if options.get("engine") != "ovn":
        reader.errors.add(path, "dhcp", "is served by OVN; set `engine: ovn`, or omit it")
    if found is None:
        return None
    servers = found.get("dns_servers")
    for index, address in enumerate(servers or ()):
        if address.version != 4:
            reader.errors.add(
                at, f"dns_servers[{index}]", f"{address} is not IPv4, as the leases are; give another one"
            )
    return Dhcp(None if servers is None else tuple(servers), found.get("lease_time", Dhcp.lease_time))


# --- asking --------------------------------------------------------------------------------------------------------


def served_address(bridge: Bridge) -> Interface | None:
    """Return the address of the router in the network whose addresses are leased."""
    return next((address for address in bridge.addresses or () if address.version == 4), None)


def leased_by_others(topology: Topology) -> Topology:
    """Return a topology without the addresses that only a DHCP client sets, if one runs: nobody knows which are set."""
    if not any(attachment.dhcp for _namespace, attachment in logical_interfaces(topology)):
        return topology
    return replace(
        topology,
        namespaces=tuple(
            replace(
                namespace,
                interfaces=tuple(replace(each, addresses=None) if each.dhcp else each for each in namespace.interfaces),
            )
            for namespace in topology.namespaces
        ),
    )


# --- lists for the modules -----------------------------------------------------------------------------------------


def serving_options(topology: Topology, bridge: Bridge) -> dict[str, Any]:
    """Return ``dhcpv4`` and ``dns`` of a switch, empty where it serves nothing."""
    own = served_address(bridge)
    if bridge.dhcp is None or own is None:
        return {"dhcpv4": {}, "dns": {}}
    near = [attachment for _namespace, attachment in logical_interfaces(topology) if attachment.bridge == bridge.name]
    servers = bridge.dhcp.dns_servers
    if servers is None:
        # OVN answers for the names that it knows, whomever they are asked of.
        servers = (own.ip,) if topology.names else ()
    options: dict[str, Any] = {
        "server_id": str(own.ip),
        "server_mac": bridge.switch["mac"],
        "router": str(own.ip),
        "lease_time": bridge.dhcp.lease_time,
        "mtu": min((each.options["mtu"] for each in near), default=largest_mtu(topology)),
        **({"dns_server": [str(address) for address in servers]} if servers else {}),
    }
    return {"dhcpv4": {"cidr": str(own.network), "options": options}, "dns": _names(topology, bridge)}


def _names(topology: Topology, bridge: Bridge) -> dict[str, list[str]]:
    """Return the addresses of each name: those on the switch where there are some, otherwise those on others."""
    near: dict[str, list[str]] = {}
    far: dict[str, list[str]] = {}
    for namespace, attachment in logical_interfaces(topology) if topology.names else ():
        if is_host_name(namespace.name):
            found = near if attachment.bridge == bridge.name else far
            found.setdefault(namespace.name, []).extend(
                str(address.ip) for address in attachment.addresses or () if not is_link_local(address.ip)
            )
    names = (namespace.name for namespace in topology.namespaces)
    return {name: addresses for name in names if (addresses := near.get(name) or far.get(name))}


# --- checks --------------------------------------------------------------------------------------------------------


def check_leases(topology: Topology, errors: Errors) -> None:
    """Note every error in what serves addresses by DHCP, and in what gets them so."""
    for bridge in topology.bridges:
        if bridge.dhcp is not None and bridge.logical and served_address(bridge) is None:
            errors.add(
                bridge.path, "dhcp", "leases IPv4 addresses of the bridge's network; give the bridge an IPv4 address"
            )
    bridges = {bridge.name: bridge for bridge in topology.bridges}
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            if attachment.dhcp:
                _check_client(namespace, attachment, bridges.get(attachment.bridge or ""), errors)


def _check_client(namespace: Namespace, attachment: Attachment, bridge: Bridge | None, errors: Errors) -> None:
    if bridge is None:
        return  # That is an error already.
    own = served_address(bridge)
    if bridge.dhcp is None:
        cause = f"{attachment.bridge!r} has no `dhcp`, and nobody would answer a client; set it there, or omit this"
        errors.add(attachment.path, "dhcp", cause)
    elif own is not None:
        for index, address in enumerate(attachment.addresses or ()):
            if address.version == 6 or index or address.ip not in own.network:
                errors.add(
                    attachment.path,
                    f"addresses[{index}]",
                    f"{address} is not what a DHCP client gets, which is one address of {own.network}; omit it",
                )
    if not attachment.addresses and not attachment.incomplete:
        errors.add(attachment.path, "addresses", "is missing: OVN leases a declared address; declare one")
    if namespace.routes:
        errors.add(
            namespace.routes[0].path,
            "destination",
            f"is a route of a namespace whose DHCP client sets routes ({attachment.name!r} has `dhcp`), and the list "
            "would replace them; omit `routes`, or `dhcp`",
        )

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What OVN serves on a logical switch: addresses by DHCP or SLAAC, and names by DNS. Pure.

OVN answers the requests itself, on the host that they come from. Each interface gets the address that is declared for
it, so that a namespace has the same one whether its client or the role sets it. In IPv6 the router advertises itself
(RFC 4861, 6.2), and with SLAAC the kernel derives the address from the prefix and its MAC address (RFC 4862, 5.5.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from ipaddress import IPv6Network, ip_interface, ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.host_names import is_host_name
from ansible_collections.netns.fabric.plugins.module_utils._core.policies import IN, OUT, PolicyRule
from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import split_key
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address, Interface
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

SLAAC = "slaac"
#: Whom a client asks for an address, and from where it is answered (RFC 8415, 7.1 and 7.2).
_SERVERS, _NEAR = ip_network("ff02::1:2"), ip_network("fe80::/10")
_ACCEPT_RA = "ipv6.conf.accept_ra"


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
    servers = found.pop("dns_servers", None)
    return Dhcp(dns_servers=None if servers is None else tuple(servers), **found)


# --- asking --------------------------------------------------------------------------------------------------------


def served_address(bridge: Bridge, version: int = 4) -> Interface | None:
    """Return the address of the router in the network whose addresses are leased; None if it serves none."""
    addresses = (bridge.addresses or ()) if bridge.dhcp is not None else ()
    return next((address for address in addresses if address.version == version), None)


def derived_addresses(bridge: Bridge, mac: str) -> tuple[Interface, ...]:
    """Return what SLAAC gives an interface on a bridge (RFC 4291, appendix A)."""
    if bridge.dhcp is None or bridge.dhcp.address_mode != SLAAC:
        return ()
    octets = bytes.fromhex(mac.replace(":", ""))
    identifier = int.from_bytes(bytes((octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:])), "big")
    networks = (address.network for address in bridge.addresses or ())
    return tuple(
        ip_interface(f"{network[identifier]}/{network.prefixlen}")
        for network in networks
        if isinstance(network, IPv6Network) and network.prefixlen == 64
    )


def client_rules(topology: Topology, namespace: Namespace) -> Iterator[PolicyRule]:
    """Yield what lets a DHCPv6 client of a namespace ask and be answered: unlike one of IPv4, it uses a UDP socket."""
    bridges = [topology.logical.get(each.bridge or "") for each in namespace.interfaces if each.dhcp]
    if any(bridge and _leases_ipv6(bridge) for bridge in bridges):
        yield PolicyRule(direction=OUT, protocol="udp", ports=("547",), peers=(_SERVERS,))
        yield PolicyRule(direction=IN, protocol="udp", ports=("546",), peers=(_NEAR,))


def _leases_ipv6(bridge: Bridge) -> bool:
    return bridge.dhcp is not None and bridge.dhcp.address_mode != SLAAC and served_address(bridge, 6) is not None


def leased_by_others(topology: Topology) -> Topology:
    """Return a topology without the addresses that only a DHCP client sets, if one runs: nobody knows which are set."""
    if not any(attachment.dhcp for _namespace, attachment in logical_interfaces(topology)):
        return topology
    return _with_interfaces(topology, lambda _namespace, each: replace(each, addresses=None) if each.dhcp else each)


def _with_interfaces(topology: Topology, change: Callable[[Namespace, Attachment], Attachment]) -> Topology:
    """Return a topology with each interface as `change` returns it."""
    return replace(
        topology,
        namespaces=tuple(
            replace(namespace, interfaces=tuple(change(namespace, each) for each in namespace.interfaces))
            for namespace in topology.namespaces
        ),
    )


# --- what is derived -----------------------------------------------------------------------------------------------


def assign_leases(topology: Topology) -> Topology:
    """Return the topology with the addresses that SLAAC gives, and with who listens to the router."""
    if not any(served_address(bridge, 6) for bridge in topology.logical.values()):
        return topology
    return _with_interfaces(topology, partial(_assign_lease, topology))


def _assign_lease(topology: Topology, namespace: Namespace, attachment: Attachment) -> Attachment:
    bridge = topology.logical.get(attachment.bridge or "")
    if bridge is None or served_address(bridge, 6) is None:
        return attachment
    addresses, sysctls = attachment.addresses, attachment.options.get("sysctls", {})
    if attachment.dhcp and not attachment.incomplete:
        derived = derived_addresses(bridge, attachment.options["mac"])
        addresses = tuple(dict.fromkeys((*(addresses or ()), *derived)))
    given = (split_key(key) for key in namespace.options.get("sysctls", {}))
    if not any(found and (found[1], f"{found[0]}.{found[2]}") == (attachment.name, _ACCEPT_RA) for found in given):
        # One with declared addresses and routes gets no others; a router listens, too, where it has a client.
        sysctls = {_ACCEPT_RA: 2 if attachment.dhcp else 0, **sysctls}
    return replace(attachment, addresses=addresses, options={**attachment.options, "sysctls": sysctls})


# --- lists for the modules -----------------------------------------------------------------------------------------


def serving_options(topology: Topology, bridge: Bridge) -> dict[str, Any]:
    """Return ``dhcpv4``, ``dhcpv6`` and ``dns`` of a switch, empty where it serves nothing."""
    found: dict[str, Any] = {"dhcpv4": {}, "dhcpv6": {}, "dns": {}}
    own, own6 = served_address(bridge), served_address(bridge, 6)
    if bridge.dhcp is None or not (own or own6):
        return found
    if own is not None:
        options = {
            "server_id": str(own.ip),
            "server_mac": bridge.switch["mac"],
            "router": str(own.ip),
            "lease_time": bridge.dhcp.lease_time,
            "mtu": _mtu(topology, bridge),
            **_dns_option(topology, bridge, own),
        }
        found["dhcpv4"] = {"cidr": str(own.network), "options": options}
    if own6 is not None and _leases_ipv6(bridge):
        options = {"server_id": bridge.switch["mac"], **_dns_option(topology, bridge, own6)}
        found["dhcpv6"] = {"cidr": str(own6.network), "options": options}
    return {**found, "dns": _names(topology, bridge)}


def advertising_options(topology: Topology, bridge: Bridge) -> dict[str, Any]:
    """Return ``ipv6_ra_configs`` of the router's port, empty where it advertises nothing."""
    own = served_address(bridge, 6)
    if bridge.dhcp is None or own is None:
        return {}
    servers = _dns_servers(topology, bridge, own)
    configs = {
        "address_mode": bridge.dhcp.address_mode,
        "mtu": _mtu(topology, bridge),
        # What was advertised expires, and only a new link asks.
        "send_periodic": True,
        # OVN advertises one server (ovn-nb(5)).
        **({"rdnss": str(servers[0])} if servers else {}),
    }
    return {"ipv6_ra_configs": configs}


def _mtu(topology: Topology, bridge: Bridge) -> int:
    near = (each for _namespace, each in logical_interfaces(topology) if each.bridge == bridge.name)
    return min((each.options["mtu"] for each in near), default=largest_mtu(topology))


def _dns_option(topology: Topology, bridge: Bridge, own: Interface) -> dict[str, list[str]]:
    servers = _dns_servers(topology, bridge, own)
    return {"dns_server": [str(address) for address in servers]} if servers else {}


def _dns_servers(topology: Topology, bridge: Bridge, own: Interface) -> list[Address]:
    """Return the servers of the IP version of the router's own address."""
    servers = bridge.dhcp.dns_servers if bridge.dhcp else None
    if servers is None:
        # OVN answers for the names that it knows, whomever they are asked of.
        return [own.ip] if topology.names else []
    return [address for address in servers if address.version == own.version]


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
    """Note every error in what serves addresses, and in what gets them so."""
    for bridge in topology.bridges:
        if bridge.dhcp is not None and bridge.logical:
            _check_server(bridge, bridge.dhcp, errors)
    bridges = {bridge.name: bridge for bridge in topology.bridges}
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            if attachment.dhcp:
                _check_client(namespace, attachment, bridges.get(attachment.bridge or ""), errors)


def _check_server(bridge: Bridge, dhcp: Dhcp, errors: Errors) -> None:
    versions = {address.version for address in bridge.addresses or ()}
    if not versions:
        errors.add(bridge.path, "dhcp", "leases addresses of the bridge's networks; give the bridge an address")
        return
    for index, server in enumerate(dhcp.dns_servers or ()):
        if server.version not in versions:
            cause = f"{server} is for leases of IPv{server.version}, and the bridge has no address of it; omit it"
            errors.add(f"{bridge.path} dhcp", f"dns_servers[{index}]", cause)
    if dhcp.address_mode != SLAAC:
        return
    if 6 not in versions:
        errors.add(f"{bridge.path} dhcp", "address_mode", "is about IPv6, and the bridge has no IPv6 address; omit it")
    for index, address in enumerate(bridge.addresses or ()):
        if address.version == 6 and address.network.prefixlen != 64:
            cause = f"{address} is in no /64, and an interface derives its address for such a network only; use a /64"
            errors.add(bridge.path, f"addresses[{index}]", cause)


def _check_client(namespace: Namespace, attachment: Attachment, bridge: Bridge | None, errors: Errors) -> None:
    if bridge is None:
        return  # That is an error already.
    if bridge.dhcp is None:
        cause = f"{attachment.bridge!r} has no `dhcp`, and nobody would answer a client; set it there, or omit this"
        errors.add(attachment.path, "dhcp", cause)
    elif bridge.addresses and bridge.logical:  # Of another bridge it is an error that it has `dhcp`.
        _check_leased(attachment, bridge, errors)
    if not attachment.addresses and not attachment.incomplete:
        errors.add(attachment.path, "addresses", "is missing: OVN leases a declared address; declare one")
    if namespace.routes:
        errors.add(
            namespace.routes[0].path,
            "destination",
            f"is a route of a namespace whose DHCP client sets routes ({attachment.name!r} has `dhcp`), and the list "
            "would replace them; omit `routes`, or `dhcp`",
        )


def _check_leased(attachment: Attachment, bridge: Bridge, errors: Errors) -> None:
    """Check that an interface declares what it gets: of each IP version one address of the bridge's network."""
    derived = derived_addresses(bridge, attachment.options["mac"])
    networks = {own.version: own.network for own in (served_address(bridge, version) for version in (4, 6)) if own}
    seen: set[int] = set()
    for index, address in enumerate(attachment.addresses or ()):
        if address in derived:
            continue
        if address.version == 6 and derived:
            cause = f"{address} is not what SLAAC gives, which is {', '.join(map(str, derived))}; omit it"
            errors.add(attachment.path, f"addresses[{index}]", cause)
        elif address.version in seen or address.ip not in networks.get(address.version, ()):
            wanted = " and one of ".join(map(str, networks.values()))
            cause = f"{address} is not what a DHCP client gets, which is one address of {wanted}; omit it"
            errors.add(attachment.path, f"addresses[{index}]", cause)
        seen.add(address.version)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bridges that are logical switches of OVN: read, completed, checked, and what a host has of them. Pure.

Such a bridge is one network over all hosts with a namespace on it. The host has no link to it: a namespace's veth pair
ends on the integration bridge, where ovn-controller connects it by its identifier. The addresses of the bridge are
those of the topology's logical router.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import ValidationError, describe
from ansible_collections.netns.fabric.plugins.plugin_utils._topology import schema
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_model import Ovn
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    Bridge,
    Namespace,
    Topology,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.route_reader import EntryReader

#: Bytes that a tunnel adds to a packet over IPv4: Ethernet 14, Geneve 8 with OVN's option of 8, UDP 8, IPv4 20 (RFC
#: 8926; ovn-architecture(7), "Tunnel Encapsulations").
OVERHEAD = 58
#: The options of a bridge that is a logical switch.
_OWN = ("name", "engine", "addresses", "mac", "isolate", "dhcp", *schema.DEFAULTS)
#: The options of a port of Open vSwitch that say nothing to OVN, or that the topology sets itself.
_UNFIT = ("tag", "trunks", "vlan_mode", "protected", "iface_id")


# --- reading -------------------------------------------------------------------------------------------------------


def is_logical(reader: EntryReader, path: str, options: Mapping[str, Any]) -> bool:
    """Return whether a bridge is a logical switch; options that it cannot have then are noted."""
    if options.get("engine") != "ovn":
        return False
    for option in options:
        if option not in _OWN:
            reader.errors.add(
                path,
                option,
                "is for a bridge of Open vSwitch, and with `engine: ovn` the hosts have none; omit it, or `engine`",
            )
    return True


def read_ovn(reader: EntryReader, given: Mapping[str, Any]) -> Ovn:
    """Return what the variables say of the hosts' OVN; what is invalid is noted."""
    found = Ovn()
    checks = (("ovn_bridge", validation.interface_name), ("ovn_underlay_mtu", validation.mtu))
    values: dict[str, Any] = {"ovn_bridge": found.bridge, "ovn_underlay_mtu": found.underlay_mtu}
    for name, check in checks:
        try:
            values[name] = check(given.get(name, values[name]))
        except ValidationError as error:
            reader.errors.add(f"topology_{name}", "", str(error))
    chassis = given.get("ovn_chassis")
    if chassis is not None and not isinstance(chassis, dict):
        reader.errors.add(
            "topology_ovn_chassis", "", f"must be a dictionary (host: name in OVN), not {describe(chassis)}"
        )
        chassis = None
    names = None if chassis is None else {host: str(name or "") for host, name in chassis.items()}
    return Ovn(values["ovn_bridge"], values["ovn_underlay_mtu"], names)


# --- what is derived -----------------------------------------------------------------------------------------------


def assign_engines(topology: Topology) -> Topology:
    """Return the topology with the MTU and the MAC address of each interface on a logical switch that has none."""
    if not topology.logical:
        return topology

    def of(attachment: Attachment) -> Attachment:
        if attachment.bridge not in topology.logical:
            return attachment
        derived = {
            "mac": derive_mac(topology.name, str(attachment.namespace), attachment.name),
            "mtu": largest_mtu(topology),
        }
        return replace(attachment, options={**derived, **attachment.options})

    def switch_of(bridge: Bridge) -> Bridge:
        switch = {"mac": derive_mac(topology.name, bridge.name), **bridge.switch}
        return replace(bridge, switch=switch) if bridge.logical else bridge

    return replace(
        topology,
        bridges=tuple(map(switch_of, topology.bridges)),
        namespaces=tuple(
            replace(namespace, interfaces=tuple(map(of, namespace.interfaces))) for namespace in topology.namespaces
        ),
        forwards=tuple(
            replace(forward, by_router=_is_reached_by_router(topology, forward.to))
            if "namespace" not in forward.options
            else forward
            for forward in topology.forwards
        ),
    )


def derive_mac(*names: str) -> str:
    """Return a MAC address of these names: local and of one interface (IEEE 802, 8.2), the same in every run."""
    digest = hashlib.sha256("/".join(names).encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (2, *digest[:5]))


def largest_mtu(topology: Topology) -> int:
    """Return the MTU of the logical switches: what the tunnels carry."""
    return topology.ovn.underlay_mtu - OVERHEAD


def _is_reached_by_router(topology: Topology, to: Any) -> bool:
    """Return whether a port is forwarded to addresses on logical switches only."""
    targets = topology.forward_targets.get(to, ())
    return bool(targets) and all(
        target.segment is not None and target.segment[0] == "bridge" and target.segment[1] in topology.logical
        for target in targets
    )


# --- what a host has -----------------------------------------------------------------------------------------------


def port_name(topology: Topology, attachment: Attachment) -> str:
    """Return the name of the logical port of an interface, by which Open vSwitch and OVN know each other's."""
    return f"{topology.name}/{attachment.namespace}/{attachment.name}"


def lower(topology: Topology) -> Topology:
    """Return what is built on a host: ports of the integration bridge in the place of logical switches."""
    if not topology.logical:
        return topology

    def of(attachment: Attachment) -> Attachment:
        if attachment.bridge not in topology.logical:
            return attachment
        port = {**attachment.port, "iface_id": port_name(topology, attachment)}
        addresses = None if attachment.dhcp else attachment.addresses
        return replace(attachment, bridge=topology.ovn.bridge, port=port, addresses=addresses)

    return replace(
        topology,
        bridges=tuple(bridge for bridge in topology.bridges if not bridge.logical),
        namespaces=tuple(
            replace(namespace, interfaces=tuple(map(of, namespace.interfaces))) for namespace in topology.namespaces
        ),
        nat=tuple(rule for rule in topology.nat if rule.exit is None),
        forwards=tuple(forward for forward in topology.forwards if not forward.by_router),
    )


def logical_interfaces(topology: Topology) -> Iterator[tuple[Namespace, Attachment]]:
    """Yield the interfaces on logical switches, each with its namespace."""
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            if attachment.bridge in topology.logical:
                yield namespace, attachment


def has_others_behind(topology: Topology, namespace: Namespace) -> bool:
    """Return whether a namespace may send what is not from one of its declared addresses: it forwards, or bridges."""
    sysctls = [
        namespace.options.get("sysctls", {}),
        *(each.options.get("sysctls", {}) for each in namespace.interfaces),
    ]
    routers = {*(rule.namespace for rule in topology.nat), *(forward.namespace for forward in topology.forwards)}
    is_router = namespace.name in routers or any("forward" in key for keys in sysctls for key in keys)
    return is_router or any(attachment.kind not in (None, "dummy") for attachment in namespace.interfaces)


# --- checks --------------------------------------------------------------------------------------------------------


def check_engines(topology: Topology, errors: Errors) -> None:
    """Note every error in the logical switches and in the interfaces on them."""
    if not topology.logical:
        return
    _check_integration_bridge(topology, errors)
    _check_patch_ports(topology, errors)
    _check_networks(topology, errors)
    _check_vlans(topology, errors)
    reported: set[str] = set()
    for namespace, attachment in logical_interfaces(topology):
        _check_place(topology, namespace, attachment, reported, errors)
        _check_interface(topology, attachment, errors)


def _check_integration_bridge(topology: Topology, errors: Errors) -> None:
    name = topology.ovn.bridge
    for bridge in topology.bridges:
        if bridge.name == name and not bridge.logical:
            errors.add(
                bridge.path,
                "name",
                f"{name!r} is the bridge that OVN connects namespaces on (`topology_ovn_bridge`), which no topology "
                "creates or deletes; choose another name",
            )


def _check_patch_ports(topology: Topology, errors: Errors) -> None:
    for bridge in topology.bridges:
        for port in bridge.ports:
            if port.peer is not None and port.peer[0] in topology.logical:
                errors.add(
                    f"{port.path} peer",
                    "bridge",
                    f"{port.peer[0]!r} is a logical switch of OVN, and has no ports of Open vSwitch; connect the two "
                    "by a namespace with an interface on each",
                )


def _check_networks(topology: Topology, errors: Errors) -> None:
    """Check that the router's networks do not overlap: it would know no way to an address in both."""
    seen: list[tuple[str, Any]] = []
    for bridge in topology.logical.values():
        own = []
        for index, address in enumerate(bridge.addresses or ()):
            option = f"addresses[{index}]"
            if address.is_link_local:
                errors.add(bridge.path, option, f"{address.ip} is link-local, and OVN derives that itself; omit it")
                continue
            other = next((path for path, network in seen if network.overlaps(address.network)), None)
            if other is not None:
                errors.add(
                    bridge.path,
                    option,
                    f"{address.network} overlaps a network of {other}, and the bridges of a topology that OVN connects "
                    "have one router; use another network, or another topology",
                )
            own.append((bridge.path, address.network))
        seen += own


def _check_vlans(topology: Topology, errors: Errors) -> None:
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            domain = attachment.domain
            if domain is not None and domain[0] == "bridge" and domain[1] in topology.logical:
                errors.add(
                    attachment.path,
                    "parent",
                    f"is on {domain[1]!r}, a logical switch of OVN, which carries no VLANs; use a bridge of its own",
                )


def _check_place(
    topology: Topology, namespace: Namespace, attachment: Attachment, reported: set[str], errors: Errors
) -> None:
    """Check that an interface is on one host, whose name in OVN is known."""
    host = namespace.host
    if host is None:
        errors.add(
            attachment.path,
            "bridge",
            f"{attachment.bridge!r} is one network over all hosts, and namespace {namespace.name!r} would be on each, "
            "with the same addresses; set `host` of the namespace",
        )
    else:
        check_chassis(topology, host, reported, errors)


def check_chassis(topology: Topology, host: str, reported: set[str], errors: Errors) -> None:
    """Check that the name of a host in OVN is known."""
    known = topology.hosts and host not in topology.hosts  # That is an error already.
    if topology.state == "present" and not known and host not in reported and not topology.ovn.chassis_of(host):
        reported.add(host)
        errors.add(
            "topology_ovn_chassis",
            "",
            f"the name of {host} in OVN is not known, because the host is not in this run, or its Open vSwitch has "
            "none; build OVN there first, or set the variable for the host to what `ovs-vsctl get Open_vSwitch . "
            "external_ids:system-id` prints on it",
        )


def _check_interface(topology: Topology, attachment: Attachment, errors: Errors) -> None:
    for option in _UNFIT:
        if option in attachment.port:
            errors.add(
                attachment.path,
                option,
                f"is for a port of Open vSwitch, and {attachment.bridge!r} is a logical switch of OVN; omit it",
            )
    if attachment.addresses is None and not attachment.incomplete:
        errors.add(
            attachment.path,
            "addresses",
            f"is missing: {attachment.bridge!r} is a logical switch of OVN, which delivers to declared addresses only; "
            "declare them, or [] for none",
        )
    mtu, largest = attachment.options["mtu"], largest_mtu(topology)
    if mtu > largest:
        errors.add(
            attachment.path,
            "mtu",
            f"{mtu} is too large: OVN's tunnels over a network with an MTU of {topology.ovn.underlay_mtu} carry "
            f"{largest}; omit it, or set `topology_ovn_underlay_mtu` if that network carries more",
        )

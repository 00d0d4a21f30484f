# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a topology has in OVN's northbound database, as lists for the modules ovn_switch, ovn_router and ovn_acl. Pure.

Every name begins with that of the topology, and no two things have the same: neither a namespace nor an interface has a
slash in its name, nor the name of a topology, an interface or a bridge a colon.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.engines import (
    derive_mac,
    has_others_behind,
    logical_interfaces,
    port_name,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.exits import exits_of, published_at
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.leases import (
    advertising_options,
    serving_options,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_router import LogicalRouter
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    Bridge,
    Namespace,
    Topology,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.nodes import is_link_local
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.northbound_groups import group_entries
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policies import Policies

Entry = dict[str, Any]

_EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


def northbound_lists(policies: Policies) -> dict[str, Any]:
    """Return ``switches``, ``routers`` and ``groups``, of the whole topology: the same on each host."""
    return {**_lists(policies.topology), "groups": group_entries(policies)}


def _lists(topology: Topology) -> dict[str, list[Entry]]:
    outside = {way.network: None for way in exits_of(topology)}
    if topology.state == "absent":
        names = [*(_switch_name(topology, bridge) for bridge in topology.logical.values())]
        names += [_outside_name(topology, network) for network in outside]
        return {
            "switches": [{"name": name, "state": "absent"} for name in names],
            "routers": [{"name": topology.name, "state": "absent"}],
        }
    ports: dict[str, list[Entry]] = {name: [] for name in topology.logical}
    for namespace, attachment in logical_interfaces(topology):
        ports[str(attachment.bridge)].append(_build_port(topology, namespace, attachment))
    switches = [
        {
            "name": _switch_name(topology, bridge),
            "ports": [*ports[name], *_router_side(topology, bridge)],
            **serving_options(topology, bridge),
        }
        for name, bridge in topology.logical.items()
    ]
    switches += [_build_outside(topology, network) for network in outside]
    return {"switches": switches, "routers": list(_build_router(topology))}


# --- names ---------------------------------------------------------------------------------------------------------


def _switch_name(topology: Topology, bridge: Bridge) -> str:
    return f"{topology.name}/{bridge.name}"


def _outside_name(topology: Topology, network: str) -> str:
    return f"{topology.name}:{network}"


# --- switches ------------------------------------------------------------------------------------------------------


def _build_port(topology: Topology, namespace: Namespace, attachment: Attachment) -> Entry:
    addresses = [str(address.ip) for address in attachment.addresses or () if not is_link_local(address.ip)]
    own = " ".join((attachment.options["mac"], *addresses))
    entry: Entry = {"name": port_name(topology, attachment), "addresses": [own]}
    if has_others_behind(topology, namespace):
        entry["addresses"].append("unknown")
    else:
        entry["port_security"] = [own]
    if namespace.host is not None:
        entry["requested_chassis"] = topology.ovn.chassis_of(namespace.host)
    return entry


def _router_side(topology: Topology, bridge: Bridge) -> Iterator[Entry]:
    """Yield the port of a switch that leads to the router."""
    if bridge.addresses:
        name = _switch_name(topology, bridge)
        yield {"name": f"{name}:switch", "type": "router", "router_port": f"{name}:router"}


def _build_outside(topology: Topology, network: str) -> Entry:
    """Return the switch that is the physical network; by ``nat-addresses`` a new gateway announces itself."""
    name = _outside_name(topology, network)
    return {
        "name": name,
        "ports": [
            {"name": f"{name}:localnet", "type": "localnet", "network": network},
            {
                "name": f"{name}:switch",
                "type": "router",
                "router_port": f"{name}:router",
                "options": {"nat-addresses": "router"},
            },
        ],
    }


# --- the router ----------------------------------------------------------------------------------------------------


def _build_router(topology: Topology) -> Iterator[Entry]:
    exits = exits_of(topology)
    ports = [
        {
            "name": f"{_switch_name(topology, bridge)}:router",
            "mac": bridge.switch["mac"],
            "networks": [str(address) for address in bridge.addresses],
            **advertising_options(topology, bridge),
        }
        for bridge in topology.logical.values()
        if bridge.addresses
    ]
    if exits:
        name = _outside_name(topology, exits[0].network)
        ports.append(
            {
                "name": f"{name}:router",
                # On a physical network there may be routers of other databases, with the same names.
                "mac": derive_mac(topology.name, exits[0].network, str(exits[0].address.ip)),
                "networks": [str(way.address) for way in exits],
                "gateway_chassis": [topology.ovn.chassis_of(host) for host in exits[0].gateways],
            }
        )
    if ports:
        yield {
            "name": topology.name,
            "ports": ports,
            "routes": [
                {"prefix": _EVERYWHERE[way.address.version], "nexthop": str(way.next_hop)}
                for way in exits
                if way.next_hop is not None
            ],
            "policies": LogicalRouter(topology).policies(),
            "nat": list(_build_translations(topology)),
            "load_balancers": list(_build_published(topology)),
        }


def _build_translations(topology: Topology) -> Iterator[Entry]:
    for rule in topology.nat:
        if rule.exit is not None:
            yield {"type": "snat", "external_ip": str(rule.exit.address.ip), "logical_ip": str(rule.source)}


def _build_published(topology: Topology) -> Iterator[Entry]:
    for forward in topology.forwards:
        for at, target in published_at(topology, forward) if forward.by_router else ():
            port = int(forward.ports)
            yield {
                "name": f"{topology.name}/{forward.protocol}/{at}/{port}",
                "protocol": forward.protocol,
                "address": str(at),
                "port": port,
                "backends": [{"address": str(target.ip), "port": forward.options.get("to_port", port)}],
            }

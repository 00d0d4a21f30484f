# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The diagram of what shall be: from the role's variables. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    HOST,
    OUTSIDE,
    Box,
    Cable,
    Diagram,
    End,
    Interface,
    Key,
    Nat,
    bridge_key,
    namespace_key,
    vlan_label,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.checks import check
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import TopologyError
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    Bridge,
    Link,
    Reader,
    Topology,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import End as DeclaredEnd
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Nat as DeclaredNat


def declared(variables: Any) -> tuple[Diagram, str]:
    """Return the diagram of a topology, and the topology's name.

    :param variables: a dictionary with the role's variables, their names without ``topology_``.
    :raises TopologyError: with every mistake there is.
    """
    reader = Reader()
    topology = reader.topology(variables)
    check(topology, reader.mistakes)
    if len(reader.mistakes):
        raise TopologyError(topology.name, reader.mistakes)
    return _diagram(topology), topology.name


def _diagram(topology: Topology) -> Diagram:
    nat = tuple(_nat(rule, topology.bridges) for rule in topology.nat)
    on_host = [end for end in topology.ends() if end.namespace is None]
    boxes = [
        Box(
            namespace_key(namespace.name),
            tuple(_interface(end) for end in topology.ends() if end.namespace == namespace.name),
        )
        for namespace in topology.namespaces
    ]
    boxes += [Box(bridge_key(bridge.name), (_local(bridge),)) for bridge in topology.bridges]
    if on_host or any(rule.origin == HOST for rule in nat):
        boxes.append(Box(HOST, tuple(map(_interface, on_host))))
    if nat:
        boxes.append(Box(OUTSIDE))
    return Diagram(tuple(boxes), tuple(_cables(topology)), nat)


def _interface(end: DeclaredEnd) -> Interface:
    return Interface(
        end.name,
        None if end.addresses is None else tuple(map(str, end.addresses)),
        enabled=end.options.get("enabled", True),
        mac=end.options.get("mac"),
        mtu=end.options.get("mtu"),
    )


def _local(bridge: Bridge) -> Interface:
    return Interface(
        bridge.name,
        None if bridge.addresses is None else tuple(map(str, bridge.addresses)),
        enabled=bridge.enabled,
        mac=bridge.switch.get("mac"),
        mtu=bridge.switch.get("mtu"),
    )


def _cables(topology: Topology) -> Iterator[Cable]:
    for namespace in topology.namespaces:
        for interface in namespace.interfaces:
            if interface.bridge is not None:
                yield _plugged(interface, interface.bridge)
    for link in topology.links:
        yield _link(link)


def _plugged(interface: Attachment, bridge: str) -> Cable:
    return Cable(
        End(namespace_key(interface.namespace), interface.name),
        End(bridge_key(bridge), interface.peer),
        vlan_label(interface.port.get("tag"), interface.port.get("trunks", ())),
    )


def _link(link: Link) -> Cable:
    near, far = (End(namespace_key(end.namespace), end.name) for end in (link.near, link.far))
    return Cable(near, far)


def _nat(rule: DeclaredNat, bridges: Iterable[Bridge]) -> Nat:
    gateways = ((bridge.name, bridge.addresses or ()) for bridge in bridges)
    return Nat(
        nat_origin(rule.namespace, str(rule.source), [(name, map(str, addresses)) for name, addresses in gateways]),
        str(rule.source),
        rule.options.get("out_interface") or "",
    )


def nat_origin(namespace: str | None, source: str, bridges: Iterable[tuple[str, Iterable[str]]]) -> Key:
    """Where the line to the outside begins: at a router namespace, at the bridge whose network it is, or the host."""
    if namespace is not None:
        return namespace_key(namespace)
    network = ipaddress.ip_network(source, strict=False)
    for name, addresses in bridges:
        if any(ipaddress.ip_interface(address).ip in network for address in addresses):
            return bridge_key(name)
    return HOST

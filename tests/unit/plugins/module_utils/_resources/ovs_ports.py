# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports, links and what is planned for them, for the tests of ovs_port."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    End,
    KernelState,
    Link,
    NamespaceName,
    NamespaceState,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import Attachments
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port import PortResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import PortState, WantedPort

LAB = {"netns.fabric/lab": "owner"}
OTHER = {"netns.fabric/other": "owner"}
CLOSE = "ovs-vsctl set Interface t1 type=patch options:peer=netns.fabric.reopen.system"
OPEN = "ovs-vsctl set Interface t1 'type=\"\"' -- remove Interface t1 options peer"
CHECKSUM_OFF = "ip netns exec red ethtool -K eth0 tx off"


def interface(name: str, kind: str = "system", **attributes: Any) -> Interface:
    """Return an interface that works."""
    return Interface(name, **{"type": kind, "ofport": 1, "row": Row("Interface", name), **attributes})


def port(name: str = "t1", own: Interface | None = None, **attributes: Any) -> Port:
    """Return a port of one interface."""
    return Port(name, (own or interface(name),), row=Row("Port", name), **attributes)


def bridge(*ports: Port, name: str = "br", datapath_type: str = "netdev") -> Bridge:
    """Return a bridge that works, with its own port and these."""
    return Bridge(name, datapath_type, ports=(port(name, interface(name, "internal")), *ports))


def veth(name: str, index: int, namespace: NamespaceName, far: int, **attributes: Any) -> Link:
    """Return the end of a veth pair whose far end has the index `far` in a namespace."""
    return Link(index, name, "veth", peer=End(namespace, far), **attributes)


#: A veth pair from the host to the namespace red, whose near end is a port.
NEAR = veth("t1", 10, "red", 2, promiscuity=1)
FAR = veth("eth0", 2, None, 10, tx_checksum=False)
FAR_ON = veth("eth0", 2, None, 10, tx_checksum=True)
ATTACHED = Attachments(packet_sockets=frozenset({10}), taps=frozenset({"br", "ovs-netdev", "i1"}))


def links(host: Iterable[Link] = (NEAR,), red: Iterable[Link] | None = (FAR,)) -> KernelState:
    """Return the links of the host and of the namespace red; None where red does not exist."""
    namespaces: dict[NamespaceName, NamespaceState] = {None: NamespaceState(None, tuple(host))}
    if red is not None:
        namespaces["red"] = NamespaceState("red", tuple(red))
    return KernelState(namespaces)


def state(
    *bridges: Bridge,
    kernel: KernelState | None = None,
    attachments: Attachments = ATTACHED,
    system_works: bool = False,
    running: bool | None = True,
) -> PortState:
    """Return these bridges, by default with the veth pair."""
    types = frozenset({"system", "internal", "patch", "vxlan"})
    switch = Switch(bridges, running=running, interface_types=types)
    return PortState(switch, kernel or links(), attachments, system_works)


def wanted(**options: Any) -> WantedPort:
    """Return the port t1, or another, with these options."""
    options = {"name": "t1", "state": "present", **options}
    return PortResource().desired(Entry(str(options["name"])), options)


def plan(actual: PortState, *entries: WantedPort, **call: Any) -> Plan:
    """Plan the entries of one call."""
    return PortResource().plan(actual, Call(entries, **call))


def both(result: Plan) -> tuple[Any, Any]:
    """Return the state before and after of the only change."""
    (change,) = result.changes
    return change.before, change.after


PEER = {"name": "eth0", "namespace": "red"}

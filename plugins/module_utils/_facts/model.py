# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collector has read from the host, and which part of it is to be reported, as plain values. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible_collections.netns.fabric.plugins.module_utils._core.text import printable
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Ruleset
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import Flow
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import Northbound
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import (
    OWN_KIND,
    Bridge,
    Interface,
    Port,
    Switch,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_host_sysctls import Record

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.sockets import Socket
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Identity
    from ansible_collections.netns.fabric.plugins.module_utils._system.processes import Process

#: The parts that are collected only if they are asked for. Namespaces and links always are.
SUBSETS = (
    "addresses",
    "counters",
    "firewall",
    "neighbours",
    "openvswitch",
    "processes",
    "qdiscs",
    "routes",
    "sockets",
    "sysctls",
)

#: The part that is collected only if it is named, and those that it is computed from.
EXPOSURE = "exposure"
OF_EXPOSURE = ("addresses", "firewall", "openvswitch", "routes", "sockets")

#: The other part that is collected only if it is named: that of a database which all hosts have in common.
NORTHBOUND = "northbound"

#: The parameters that decide what a namespace does with packets, with their initial values
#: (Documentation/networking/ip-sysctl.rst). IPv4's start as the host's (net.core.devconf_inherit_init_net).
SYSCTLS: Mapping[str, str] = {
    "net.ipv4.ip_forward": "0",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv4.conf.all.arp_ignore": "0",
    "net.ipv4.conf.all.arp_announce": "0",
    "net.ipv4.conf.all.proxy_arp": "0",
    "net.ipv4.ip_nonlocal_bind": "0",
    "net.ipv4.ip_unprivileged_port_start": "1024",
    "net.ipv6.conf.all.forwarding": "0",
    "net.ipv6.conf.all.disable_ipv6": "0",
    "net.ipv6.conf.default.accept_ra": "1",
}


@dataclass(frozen=True)
class Filters:
    """What is to be reported; None means everything."""

    namespaces: frozenset[str] | None = None
    bridges: frozenset[str] | None = None
    owner: str | None = None

    def admit(self, label: str | None) -> bool:
        """Return whether a namespace is to be reported; the host's own always is."""
        return label is None or self.namespaces is None or label in self.namespaces


@dataclass(frozen=True)
class NamespaceFacts:
    """What can be read only from inside a namespace. `tables` are backend, family and name of each.

    `parameters` are those that the exposure depends on.
    """

    sysctls: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    sockets: list[Socket] = field(default_factory=list)
    tables: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class HostFacts:
    """Everything that was collected. A namespace without a name is identified by the path of its file.

    `processes` are by the namespace's inode, `holders` by the socket's. `flows` are those with an owner, by bridge,
    each with its cookie. `lost` are the internal ports whose device is missing, `opened` the indexes of the host's
    links that ovs-vswitchd reads, None where that could not be seen. `host_sysctls` are the host's parameters whose
    owner is recorded, each with the record and its value now.
    """

    wanted: frozenset[str]
    kernel: KernelState = field(default_factory=KernelState)
    identities: Mapping[NamespaceName, Identity] = field(default_factory=dict)
    processes: Mapping[int, Sequence[Process]] = field(default_factory=dict)
    holders: Mapping[int, Sequence[Process]] = field(default_factory=dict)
    inside: Mapping[NamespaceName, NamespaceFacts] = field(default_factory=dict)
    resolvers: Mapping[str, str] = field(default_factory=dict)
    host_sysctls: Mapping[str, tuple[Record, str | None]] = field(default_factory=dict)
    rulesets: Mapping[NamespaceName, Ruleset] = field(default_factory=dict)
    switch: Switch = field(default_factory=lambda: Switch(unavailable="gather_subset excludes openvswitch"))
    flows: Mapping[str, Sequence[tuple[int, Flow]]] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    opened: frozenset[int] | None = None
    system_works: bool = False
    northbound: Northbound = field(
        default_factory=lambda: Northbound(unavailable=f"gather_subset does not name {NORTHBOUND}")
    )
    unreadable: tuple[str, ...] = ()

    def label(self, name: NamespaceName) -> str | None:
        """Return what a namespace is called in the result, see label_of()."""
        return label_of(name, self.identities)

    def namespace(self, name: NamespaceName) -> NamespaceFacts:
        """Return what was read inside a namespace; nothing for one that was not entered."""
        return self.inside.get(name) or NamespaceFacts()

    def port_of(self, namespace: NamespaceName, link: Link) -> tuple[Bridge, Port] | None:
        """Return the port that a link is, and its bridge; an internal port may have been moved into a namespace."""
        found = self.switch.port_with(link.name)
        if found is None or namespace is None:
            return found
        bridge, port = found
        moved = port.interface.type == "internal" and link.kind == OWN_KIND.get(bridge.datapath_type)
        return found if moved and self.kernel.link(None, link.name) is None else None

    def fault(self, bridge: Bridge, interface: Interface) -> str:
        """Return what is wrong with an interface of a port, as far as can be seen; an empty text for nothing."""
        if interface.fault:
            return interface.fault
        if interface.name in self.lost:
            return "its device is missing: it was deleted, alone or with its namespace"
        link = self.kernel.link(None, interface.name)
        userspace = bridge.datapath_type == "netdev" and interface.type == "system"
        if userspace and link is not None and self.opened is not None and link.index not in self.opened:
            return "the link was re-created under the same name, and ovs-vswitchd does not read the new one"
        return ""


def label_of(name: NamespaceName, identities: Mapping[NamespaceName, Identity]) -> str | None:
    """Return what a namespace is called in the result: its name, or how /proc writes one without a name."""
    if name is not None and name.startswith("/"):
        return f"net:[{identities[name].inode}]"
    return None if name is None else printable(name)

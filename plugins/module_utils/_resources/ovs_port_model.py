# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of Open vSwitch as values: as they are wanted, and the state that they depend on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import Attachments
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import MapOption
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value

#: Interface types that are a link of the host, and named by its rules.
WITH_LINK = ("system", "internal")

#: Interface types without a device of their own, which have no MTU to be set.
TUNNELS = frozenset(
    ["vxlan", "geneve", "gre", "ip6gre", "erspan", "ip6erspan", "gtpu", "bareudp", "lisp", "stt", "srv6"]
)
WITHOUT_DEVICE = TUNNELS | {"patch"}


@dataclass(frozen=True)
class Peer:
    """Where the far end of a port's veth pair is to be."""

    namespace: NamespaceName
    name: str


@dataclass(frozen=True)
class PatchPeer:
    """The other half of a pair of patch ports, and the bridge that it is on."""

    bridge: str
    name: str


@dataclass(frozen=True)
class WantedPort:
    """One port as it is wanted; None leaves an option untouched."""

    entry: Entry
    present: bool
    name: str
    bridge: str | None = None
    type: str | None = None
    tag: int | None = None
    trunks: tuple[int, ...] | None = None
    vlan_mode: str | None = None
    iface_id: str | None = None
    mac: str | None = None
    mtu: int | None = None
    protected: bool | None = None
    options: MapOption | None = None
    external_ids: MapOption | None = None
    other_config: MapOption | None = None
    interface_external_ids: MapOption | None = None
    interface_other_config: MapOption | None = None
    members: tuple[str, ...] | None = None
    #: The options that are columns as they are, of the two tables, see port_settings.py.
    port_settings: Mapping[str, Value] = field(default_factory=dict)
    interface_settings: Mapping[str, Value] = field(default_factory=dict)
    tunnel_settings: Mapping[str, Value] = field(default_factory=dict)
    tx_checksum: str = "auto"
    peer: Peer | None = None
    patch: PatchPeer | None = None

    def halves(self) -> list[WantedPort]:
        """Return the ports that the entry is about: two for a pair of patch ports."""
        if self.patch is None:
            return [self]
        near = replace(self, options={**(self.options or {}), "peer": self.patch.name})
        far = WantedPort(
            self.entry, self.present, self.patch.name, self.patch.bridge, "patch", options={"peer": self.name}
        )
        return [near, far]

    def links(self, port: Port | None) -> list[WantedPort]:
        """Return what is wanted of each interface, as if it were a port of its own; `port` is the present one."""
        members = self.members or (port.members if port and port.is_bond else ())
        if not members:
            return [self]
        return [replace(self, name=name, type="system", members=None, mac=None, options=None) for name in members]


@dataclass(frozen=True)
class PortState:
    """The state that ports depend on: Open vSwitch, what it has open, the host's links and the far ends of veth pairs.

    `reopened` names the bridges whose interfaces an earlier call, in check mode, would have had re-opened.
    """

    switch: Switch
    kernel: KernelState = field(default_factory=KernelState)
    attachments: Attachments = field(default_factory=Attachments)
    system_works: bool = False
    reopened: frozenset[str] = frozenset()
    #: Why links cannot become ports, see ovs_port_uplinks.py.
    staying: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PortLink:
    """A port's link on the host and the far end of its veth pair, where it has one: its place, and the link itself.

    A link is None where it does not exist or is going to be re-created.
    """

    link: Link | None = None
    far: Peer | None = None
    far_link: Link | None = None


@dataclass(frozen=True)
class ExistingPort:
    """A port that exists: where it is, the bridge and the type that it is to have, and its link.

    Each member of a bond is one, with the row of the bond as its port, and no other interface in it.
    """

    wanted: WantedPort
    bridge: Bridge
    port: Port
    target: Bridge
    kind: str
    link: PortLink

    @property
    def name(self) -> str:
        return self.port.name

    @property
    def interface(self) -> Interface:
        return self.port.interface


def is_userspace(bridge: Bridge | None, system_works: bool) -> bool:
    """Return whether a bridge is on the userspace datapath; None stands for a new one, which takes what works."""
    return not system_works if bridge is None or bridge.datapath_type == "system" else True

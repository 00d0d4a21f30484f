# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the entry of a bridge has of its own entries, as dataclasses: ports, mirrors, the mesh. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Interface


@dataclass(frozen=True)
class BridgePort:
    """An entry of a bridge's ``ports``: what connects it to something else than a namespace."""

    path: str
    name: str
    bridge: str
    #: The type of the port in Open vSwitch; ``system`` is a link of the host.
    kind: str
    #: Options of the module ovs_port, as far as given.
    options: Mapping[str, Any]
    #: The links of a bond; empty for a port of one interface.
    members: tuple[str, ...] = ()
    #: The bridge and the name of the other half of a pair of patch ports.
    peer: tuple[str, str] | None = None
    #: Of its link; None: not declared.
    addresses: tuple[Interface, ...] | None = None
    #: ``enabled`` and ``sysctls`` of its link, as far as given.
    link: Mapping[str, Any] = field(default_factory=dict)
    #: Options of the module ovs_qos; None: none.
    qos: Mapping[str, Any] | None = None

    @property
    def uplinks(self) -> tuple[str, ...]:
        """The links of the host that make it up."""
        return self.members or ((self.name,) if self.kind == "system" else ())


@dataclass(frozen=True)
class Mesh:
    """The tunnels that join a bridge with those of the same name on the other hosts of the topology."""

    path: str
    #: ``vxlan`` or ``geneve``.
    kind: str
    #: The identifier of the network in the tunnels.
    key: int
    #: The host whose local interface has the bridge's addresses.
    gateway: str | None
    #: The MTU of the network between the hosts.
    underlay_mtu: int


@dataclass(frozen=True)
class Mirror:
    """An entry of a bridge's ``mirrors``."""

    path: str
    name: str
    #: Options of the module ovs_mirror, without the name.
    options: Mapping[str, Any]

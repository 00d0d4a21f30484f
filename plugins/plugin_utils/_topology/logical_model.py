# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a topology has of OVN besides its bridges: the logical router, its way outside, the hosts' OVN. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address, Interface

#: The place of a topology's logical router, which is on no host; no namespace can have such a name.
ROUTER = "/router"


@dataclass(frozen=True)
class Ovn:
    """What a topology knows of the hosts' OVN."""

    #: The bridge that ports of logical switches are on.
    bridge: str = "br-int"
    #: The MTU of the network between the hosts.
    underlay_mtu: int = 1500
    #: The name of each host in OVN, empty where it is not known; None: that of the inventory.
    chassis: Mapping[str, str] | None = None

    def chassis_of(self, host: str) -> str:
        """Return the name of a host in OVN; empty if it is not known."""
        return host if self.chassis is None else self.chassis.get(host, "")


@dataclass(frozen=True)
class Dhcp:
    """How a logical switch serves addresses."""

    #: None: the router, if OVN knows names.
    dns_servers: tuple[Address, ...] | None = None
    #: Seconds.
    lease_time: int = 3600
    #: How interfaces get IPv6 addresses.
    address_mode: str = "dhcpv6_stateful"


@dataclass(frozen=True)
class Exit:
    """Where the logical router leads outside."""

    #: The hosts that may have its port, the preferred one first.
    gateways: tuple[str, ...]
    #: The physical network, as the bridge mappings of the gateways name it.
    network: str
    #: Of the router on that network.
    address: Interface
    next_hop: Address | None = None

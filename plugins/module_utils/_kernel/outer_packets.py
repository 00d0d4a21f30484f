# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The outer packets of tunnels: their addresses, and how much of the parent's MTU their headers take. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The bytes of the outer headers: VXLAN_HEADROOM and VXLAN6_HEADROOM of include/net/vxlan.h.
VXLAN_HEADROOM, VXLAN6_HEADROOM = 50, 70


def is_ipv6(address: str | None) -> bool:
    """Whether an address is one of IPv6; none is not."""
    return address is not None and ":" in address


def is_multicast(address: str) -> bool:
    """Whether an address is a group's."""
    return address.lower().startswith("ff") if ":" in address else 224 <= int(address.partition(".")[0]) <= 239


def no_headroom(_values: Mapping[str, Any]) -> int:
    """Return 0: a VLAN or macvlan sends the frames of its parent."""
    return 0


def vxlan_headroom(values: Mapping[str, Any]) -> int:
    """Return the bytes that a VXLAN tunnel with these options takes of the MTU of its parent."""
    return VXLAN6_HEADROOM if any(is_ipv6(values.get(name)) for name in ("remote", "local")) else VXLAN_HEADROOM

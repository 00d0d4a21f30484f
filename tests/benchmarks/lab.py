# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The topology that everybody builds: the reference topology, with as many namespaces as one likes."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

BRIDGE = "int_br"
SUBNET = "10.10.0.0/16"
GATEWAY = "10.10.255.254"
PREFIX_LENGTH = 16
_FIRST = IPv4Address("10.10.0.1")


@dataclass(frozen=True)
class Member:
    """One namespace, its veth pair to the bridge, and its address."""

    namespace: str
    link: str
    tap: str
    address: str

    @property
    def cidr(self) -> str:
        """The address with its prefix length."""
        return f"{self.address}/{PREFIX_LENGTH}"


@dataclass(frozen=True)
class Lab:
    """The reference topology with `size` namespaces on one bridge."""

    size: int

    @property
    def members(self) -> list[Member]:
        """The namespaces in order."""
        return [member(number) for number in range(1, self.size + 1)]

    @property
    def larger(self) -> Lab:
        """The same with one namespace more."""
        return Lab(self.size + 1)

    def variables(self) -> dict[str, Any]:
        """Return the variables of the role `topology`."""
        return {
            "topology_bridges": [{"name": BRIDGE, "addresses": [f"{GATEWAY}/{PREFIX_LENGTH}"]}],
            "topology_namespaces": [_declared(one) for one in self.members],
            "topology_nat": [{"source": SUBNET}],
        }


def member(number: int) -> Member:
    """Return the namespace with this number, from 1."""
    return Member(f"ns{number:04}", f"veth-ns{number:04}", f"ns{number:04}_tap", str(_FIRST + number - 1))


def _declared(one: Member) -> dict[str, Any]:
    return {
        "name": one.namespace,
        "interfaces": [{"name": one.link, "bridge": BRIDGE, "peer": one.tap, "addresses": [one.cidr]}],
        "routes": [{"destination": "default", "gateway": GATEWAY}],
    }

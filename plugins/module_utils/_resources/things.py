# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What entries of one resource ensure and entries of others need: resources do not know each other. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.netns.fabric.plugins.module_utils._core.things import Named
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Interface, Network
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName


class ANamespace(Named):
    what = "namespace"


class ABridge(Named):
    """A bridge of Open vSwitch."""

    what = "bridge"


class APort(Named):
    """A port of Open vSwitch."""

    what = "port"


class AFile(Named):
    """A file, by its path."""

    what = "file"


@dataclass(frozen=True)
class ALink:
    """A link. Two things of different classes are never equal: that a link is up is another thing."""

    namespace: NamespaceName
    name: str

    def __str__(self) -> str:
        return f"link {self.namespace or 'host'}/{self.name}"


class ALinkUp(ALink):
    """A link that is up."""

    def __str__(self) -> str:
        return f"{super().__str__()} (up)"


@dataclass(frozen=True)
class AVeth(ALink):
    """An end of a veth pair: a link whose alias and place are those of the pair. `far` is the other end."""

    far: tuple[NamespaceName, str] = field(default=(None, ""), compare=False)


@dataclass(frozen=True)
class AVrf(ALink):
    """A VRF, and the routing table that its members use."""

    table: int


@dataclass(frozen=True)
class ASubnet:
    """A network that is on a link itself, by an address of the link or by a route; `link` None: by an unknown one."""

    namespace: NamespaceName
    link: str | None
    network: Network


@dataclass(frozen=True)
class AGateway:
    """An address that is in a subnet of its namespace."""

    namespace: NamespaceName
    address: str

    def __str__(self) -> str:
        return f"an address in {self.namespace or 'host'} in the subnet of the gateway {self.address}"


@dataclass(frozen=True)
class AnAddress:
    """An address of a link of its namespace."""

    namespace: NamespaceName
    address: str

    def __str__(self) -> str:
        return f"the address {self.address} in {self.namespace or 'host'}"


def ensure_link(
    namespace: NamespaceName, name: str, enabled: bool | None, addresses: tuple[Interface, ...] | None
) -> Iterator[object]:
    """Yield what an entry ensures that wants a link: where the entry leaves that open, the link may be up."""
    yield ALink(namespace, name)
    for address in addresses or ():
        yield AnAddress(namespace, str(address.ip))
    if enabled is not False:
        yield ALinkUp(namespace, name)
        for address in addresses or ():
            yield ASubnet(namespace, name, address.network)

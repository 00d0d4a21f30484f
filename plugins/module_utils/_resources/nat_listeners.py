# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services of the router itself on a port that is to be published: what is meant for them would be led elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._system import processes

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.sockets import Socket


@dataclass(frozen=True)
class Published:
    """A port that is to be published: of one address or of all (None), through one link or through all (None).

    `loopback`: at the addresses of the loopback as well.
    """

    namespace: NamespaceName
    protocol: str
    ports: tuple[int, int]
    version: int
    address: str | None = None
    interface: str | None = None
    loopback: bool = False


@dataclass(frozen=True)
class Listeners:
    """For each port the service that listens on it, in words; and why that is not known, if so."""

    found: Mapping[Published, str] = field(default_factory=dict)
    unreadable: str = ""


def read_listeners(host: Host, published: Iterable[Published]) -> Listeners:
    """Return which of these ports the router itself listens on; namespaces that do not exist listen on none."""
    by_namespace: dict[NamespaceName, list[Published]] = {}
    for each in published:
        by_namespace.setdefault(each.namespace, []).append(each)
    if not by_namespace:
        return Listeners()
    kernel = host.use(KERNEL)
    state = kernel.read(by_namespace)
    found: dict[Published, Socket] = {}
    for namespace in state.namespaces:
        try:
            sockets = kernel.listening(namespace)
        except OSError as error:
            return Listeners(unreadable=error.strerror or str(error))
        for each in by_namespace[namespace]:
            socket = next((socket for socket in sockets if takes_from(state, each, socket)), None)
            if socket is not None:
                found[each] = socket
    holders = processes.holders({socket.inode for socket in found.values()})
    return Listeners({each: _describe(socket, holders) for each, socket in found.items()})


def takes_from(state: KernelState, published: Published, socket: Socket) -> bool:
    """Return whether a service would lose packets to a published port."""
    if socket.protocol != published.protocol or not published.ports[0] <= socket.port <= published.ports[1]:
        return False
    link = state.link(published.namespace, published.interface) if published.interface else None
    if published.interface and socket.device and (link is None or link.index != socket.device):
        return False
    bound, version = _bound_to(socket)
    if bound.is_unspecified:
        return published.version == version or (published.version == 4 and not socket.v6only)
    if version != published.version or bound.is_loopback:
        return version == published.version and published.loopback
    return published.address is None or ip_address(published.address) == bound


def _bound_to(socket: Socket) -> tuple[Address, int]:
    """Return the address of a socket, and its IP version: a socket of IPv6 may be bound to one of IPv4 (RFC 4291)."""
    address = ip_address(socket.address)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped, 4) if mapped is not None else (address, socket.version)


def _describe(socket: Socket, holders: Mapping[int, list[processes.Process]]) -> str:
    who = ", ".join(f"process {process.pid}, {process.command}" for process in holders.get(socket.inode, ()))
    at = "all addresses" if ip_address(socket.address).is_unspecified else socket.address
    return f"port {socket.port} at {at}" + (f" ({who})" if who else "")

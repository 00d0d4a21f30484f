# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The writes to the kernel, each with the shell lines that do the same. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import NAMESPACE_DIRECTORY
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName


def ip(namespace: NamespaceName, *arguments: str) -> str:
    """Return an ip(8) line for a namespace."""
    return shlex.join(["ip", *(["-n", namespace] if namespace else []), *arguments])


def inside(namespace: NamespaceName, *arguments: str) -> str:
    """Return the line of another tool, run in a namespace."""
    return shlex.join([*(["ip", "netns", "exec", namespace] if namespace else []), *arguments])


def _to_host(namespace: NamespaceName, link: str, *arguments: str) -> str:
    """Return a line that moves a link to the host.

    The host's namespace has no name; the pid of the shell that the line is pasted into stands for it.
    """
    return ip(namespace, "link", "set", "dev", link, *arguments, "netns") + " $$"


def namespaces_of(operation: object) -> set[str]:
    """Return the names of the namespaces that an operation writes to and leaves in their place."""
    if isinstance(operation, CreateNamespace):
        return {operation.name}
    if isinstance(operation, CreateVeth):
        return set(filter(None, (operation.end.namespace, operation.peer.namespace)))
    return set(filter(None, (getattr(operation, "namespace", None), getattr(operation, "to", None))))


@dataclass(frozen=True)
class KernelOperation:
    """A write to the kernel of the host."""

    phase = Phase.SETTINGS
    backend = "kernel"


@dataclass(frozen=True)
class CreateNamespace(KernelOperation):
    name: str
    phase = Phase.NAMESPACE

    def commands(self) -> Sequence[str]:
        return [shlex.join(["ip", "netns", "add", self.name])]


@dataclass(frozen=True)
class RemoveNamespace(KernelOperation):
    """Remove a namespace with the links inside.

    `links` are the names of those that are deleted first, where a process keeps the namespace alive.
    """

    name: str
    links: tuple[str, ...] = ()
    phase = Phase.REMOVE

    def commands(self) -> Sequence[str]:
        return [
            *(ip(self.name, "link", "del", "dev", link) for link in self.links),
            shlex.join(["ip", "netns", "del", self.name]),
        ]


@dataclass(frozen=True)
class RemoveStaleFile(KernelOperation):
    """Remove a name in /run/netns that has no namespace."""

    name: str
    phase = Phase.RELEASE

    def commands(self) -> Sequence[str]:
        return [shlex.join(["rm", "-f", f"{NAMESPACE_DIRECTORY}/{self.name}"])]


@dataclass(frozen=True)
class NewEnd:
    """One end of a veth pair that is to be created."""

    namespace: NamespaceName
    name: str
    mac: str | None = None
    mtu: int | None = None

    def arguments(self) -> list[str]:
        return [
            "name",
            self.name,
            *(["netns", self.namespace] if self.namespace else []),
            *(["address", self.mac] if self.mac else []),
            *(["mtu", str(self.mtu)] if self.mtu else []),
        ]


@dataclass(frozen=True)
class CreateVeth(KernelOperation):
    """Create a veth pair, each end in its namespace (veth(4))."""

    end: NewEnd
    peer: NewEnd
    phase = Phase.CREATE

    def commands(self) -> Sequence[str]:
        return [ip(None, "link", "add", *self.end.arguments(), "type", "veth", "peer", *self.peer.arguments())]


@dataclass(frozen=True)
class DeleteLink(KernelOperation):
    namespace: NamespaceName
    name: str
    phase: Phase = Phase.REMOVE

    def commands(self) -> Sequence[str]:
        return [ip(self.namespace, "link", "del", "dev", self.name)]


@dataclass(frozen=True)
class MoveLink(KernelOperation):
    """Move a link to another namespace, with another name if need be. Its addresses, routes and up state are lost."""

    namespace: NamespaceName
    name: str
    to: NamespaceName
    new_name: str
    phase = Phase.MOVE

    def commands(self) -> Sequence[str]:
        rename = ["name", self.new_name] if self.new_name != self.name else []
        if self.to is None:
            return [_to_host(self.namespace, self.name, *rename)]
        return [ip(self.namespace, "link", "set", "dev", self.name, "netns", self.to, *rename)]


@dataclass(frozen=True)
class RenameLink(KernelOperation):
    namespace: NamespaceName
    name: str
    new_name: str
    phase = Phase.MOVE

    def commands(self) -> Sequence[str]:
        return [ip(self.namespace, "link", "set", "dev", self.name, "name", self.new_name)]


@dataclass(frozen=True)
class SetMac(KernelOperation):
    namespace: NamespaceName
    link: str
    mac: str

    def commands(self) -> Sequence[str]:
        return [ip(self.namespace, "link", "set", "dev", self.link, "address", self.mac)]


@dataclass(frozen=True)
class SetMtu(KernelOperation):
    namespace: NamespaceName
    link: str
    mtu: int

    def commands(self) -> Sequence[str]:
        return [ip(self.namespace, "link", "set", "dev", self.link, "mtu", str(self.mtu))]


@dataclass(frozen=True)
class SetAlias(KernelOperation):
    namespace: NamespaceName
    link: str
    alias: str
    phase: Phase = Phase.SETTINGS

    def commands(self) -> Sequence[str]:
        return [ip(self.namespace, "link", "set", "dev", self.link, "alias", self.alias)]


@dataclass(frozen=True)
class RemoveAltname(KernelOperation):
    """Remove an alternative name of a link, as it leaves its namespace for one where another link has that name."""

    namespace: NamespaceName
    link: str
    altname: str
    phase = Phase.RELEASE

    def commands(self) -> Sequence[str]:
        return [ip(self.namespace, "link", "property", "del", "dev", self.link, "altname", self.altname)]


@dataclass(frozen=True)
class SetTxChecksum(KernelOperation):
    """Set transmit checksum offload (ethtool(8), ETHTOOL_STXCSUM of linux/ethtool.h)."""

    namespace: NamespaceName
    link: str
    enabled: bool

    def commands(self) -> Sequence[str]:
        return [inside(self.namespace, "ethtool", "-K", self.link, "tx", "on" if self.enabled else "off")]


@dataclass(frozen=True)
class SetDown(KernelOperation):
    """Set a link down. Its routes and IPv6 addresses are lost; a later phase adds again what is to stay."""

    namespace: NamespaceName
    link: str
    phase: Phase = Phase.SETTINGS

    def commands(self) -> Sequence[str]:
        return [ip(self.namespace, "link", "set", "dev", self.link, "down")]


@dataclass(frozen=True)
class SetUp(KernelOperation):
    namespace: NamespaceName
    link: str
    phase = Phase.ACTIVATE

    def commands(self) -> Sequence[str]:
        return [ip(self.namespace, "link", "set", "dev", self.link, "up")]


def _with_peer(address: str, peer: str | None) -> list[str]:
    """Return an address as ip-address(8) takes it: with a peer, the prefix length is that of the peer."""
    local, _slash, length = address.partition("/")
    return [address] if peer is None else [local, "peer", f"{peer}/{length}"]


@dataclass(frozen=True)
class AddAddress(KernelOperation):
    """Add an address; `replace`: it may exist still, or have been removed with the primary of its subnet.

    `peer` is the far one of a point-to-point link. The kernel adds the route to one of IPv6 only where the link is up
    (addrconf_notify() in net/ipv6/addrconf.c adds the routes to the addresses of the link itself).
    """

    namespace: NamespaceName
    link: str
    address: str
    replace: bool = False
    peer: str | None = None
    phase: Phase = Phase.ADDRESSES

    def commands(self) -> Sequence[str]:
        verb = "replace" if self.replace else "add"
        nodad = ["nodad"] if ":" in self.address else []
        return [ip(self.namespace, "addr", verb, *_with_peer(self.address, self.peer), "dev", self.link, *nodad)]


@dataclass(frozen=True)
class RemoveAddress(KernelOperation):
    """Remove an address; `peer` is the far one of a point-to-point link, `missing_ok`: it may be removed already."""

    namespace: NamespaceName
    link: str
    address: str
    peer: str | None = None
    missing_ok: bool = False
    phase = Phase.ADDRESSES

    def commands(self) -> Sequence[str]:
        if self.missing_ok:  # `flush` succeeds where nothing matches
            return [ip(self.namespace, "addr", "flush", "dev", self.link, "to", self.address.partition("/")[0])]
        return [ip(self.namespace, "addr", "del", *_with_peer(self.address, self.peer), "dev", self.link)]


@dataclass(frozen=True)
class Announce(KernelOperation):
    """Announce the addresses of a link, which another backend has attached to a network.

    The host does not change by it: there are no commands, and there is nothing to undo.
    """

    namespace: NamespaceName
    link: str

    def commands(self) -> Sequence[str]:
        return []


@dataclass(frozen=True)
class SetSysctl(KernelOperation):
    """Set a kernel parameter of a namespace, by its sysctl(8) name, such as `net.ipv4.ip_forward`."""

    namespace: NamespaceName
    key: str
    value: str

    def commands(self) -> Sequence[str]:
        if "=" in self.key:  # in the name of a link; sysctl(8) takes what follows for the value
            path = "/proc/sys/" + self.key.translate(str.maketrans("./", "/."))
            return [inside(self.namespace, "sh", "-c", f"echo {self.value} > {shlex.quote(path)}")]
        return [inside(self.namespace, "sysctl", "-w", f"{self.key}={self.value}")]

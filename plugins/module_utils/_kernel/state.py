# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was read from the kernel, as plain values. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_network
from typing import Any, Optional, Union

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import MAIN_TABLE
from ansible_collections.netns.fabric.plugins.module_utils._kernel.marks import Origin, parse_mark
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    RTPROT_BOOT,
    RTPROT_STATIC,
    RTPROT_UNSPEC,
    TC_H_INGRESS,
    TC_H_ROOT,
)

#: A namespace by its name in /run/netns; None is the host's own.
NamespaceName = Optional[str]
Interface = Union[IPv4Interface, IPv6Interface]


@dataclass(frozen=True)
class Identity:
    """A namespace's inode, and its id in the host's own namespace, if it has one there (ip-netns(8), list-id)."""

    inode: int
    nsid: int | None


@dataclass(frozen=True)
class End:
    """The far end of a veth, or the link that one is on: its namespace and its index there, 0 for no link.

    Indexes repeat across namespaces.
    """

    namespace: NamespaceName
    index: int
    #: False where the far end is in a namespace without a name, or one that was not read.
    known: bool = True


@dataclass(frozen=True)
class Link:
    """A network device (rtnetlink(7), linux/if_link.h).

    `kind` is IFLA_INFO_KIND ("veth", "tun", "bridge"), empty for a physical device and for the loopback.
    `promiscuity` counts the users that have asked for all packets, `master` is the index of the device that the link is
    enslaved to (0 for none). `tx_checksum` is None where it was not read. `state` is the operational state (RFC 2863)
    in lower case, `altnames` are its alternative names, `immutable` says that it cannot leave its namespace, `counters`
    are packets, bytes, errors and dropped packets each way, empty where they were not read. `base` is the link that it
    is on, of a tunnel the one that it is bound to and the namespace of its outer packets, where these are not its own.
    `information` is what the kernel reports of its kind (IFLA_LINKINFO). `filters_vlans` is of a bridge, `isolated` of
    a bridge's port (ip-link(8), vlan_filtering and isolated).
    """

    index: int
    name: str
    kind: str = ""
    mac: str = ""
    mtu: int = 1500
    up: bool = False
    alias: str = ""
    altnames: tuple[str, ...] = ()
    loopback: bool = False
    immutable: bool = False
    peer: End | None = None
    master: int = 0
    promiscuity: int = 0
    tx_checksum: bool | None = None
    state: str = field(default="", compare=False)
    counters: Mapping[str, int] = field(default_factory=dict, compare=False)
    base: End | None = None
    information: bytes = field(default=b"", compare=False, repr=False)
    filters_vlans: bool = field(default=False, compare=False)
    isolated: bool = field(default=False, compare=False)

    @property
    def owners(self) -> tuple[str, ...]:
        """The owners of the link."""
        mark = parse_mark(self.alias)
        return mark.owners if mark else ()

    @property
    def origin(self) -> Origin | None:
        """What the link was before it was changed, where that was recorded."""
        mark = parse_mark(self.alias)
        return mark.origin if mark else None

    @property
    def keeps_addresses(self) -> bool:
        """Whether its addresses stay when the declaration of its owners ends."""
        mark = parse_mark(self.alias)
        return bool(mark and mark.keeps_addresses)

    @property
    def created(self) -> bool:
        """Whether the link exists by the declaration of its owners."""
        mark = parse_mark(self.alias)
        return bool(mark and mark.created)

    @property
    def names(self) -> tuple[str, ...]:
        """The name and the alternative names: in its namespace no other link can have one of them."""
        return (self.name, *self.altnames)


@dataclass(frozen=True)
class Address:
    """An address on a link (linux/if_addr.h).

    `made_by_kernel`: link-local, autoconfigured, or the loopback's own: not from a declaration.
    `secondary`: removing the primary of its subnet removes it too (unless promote_secondaries is set).
    `peer` is the far address of a point-to-point link, None otherwise. The same address without it is another address.
    `refused`: duplicate address detection (RFC 4862, 5.4) has found it taken, and the kernel does not use it.
    `tentative`: that is not decided yet.
    """

    index: int
    interface: Interface
    made_by_kernel: bool = False
    secondary: bool = False
    peer: str | None = None
    refused: bool = False
    tentative: bool = field(default=False, compare=False)

    @property
    def network(self) -> IPv4Network | IPv6Network:
        """The subnet that the address puts its link into; the peer's, where there is one."""
        if self.peer is None:
            return self.interface.network
        return ip_network(f"{self.peer}/{self.interface.network.prefixlen}", strict=False)

    def __str__(self) -> str:
        if self.peer is None:
            return f"{self.interface} dadfailed" if self.refused else str(self.interface)
        return f"{self.interface.ip} peer {self.peer}/{self.interface.network.prefixlen}"


#: The types of routes that end the way of a packet, and in the case of throw that of the lookup in this table.
REFUSING_KINDS = frozenset({"blackhole", "unreachable", "prohibit", "throw"})


@dataclass(frozen=True)
class NextHop:
    """One of several next hops of a route (struct rtnexthop). `device` is an index."""

    gateway: str | None = None
    device: int | None = None
    weight: int = 1
    onlink: bool = False


@dataclass(frozen=True)
class Route:
    """A route in one table (rtnetlink(7), linux/rtnetlink.h).

    `destination` is a network in CIDR notation; the default route is 0.0.0.0/0 or ::/0. `device` is an index.
    `static` distinguishes an administrator's route (RTPROT_BOOT, RTPROT_STATIC) from the kernel's and a routing
    daemon's. `tos` and `origin` (the network that packets come from, IPv6 only) are part of a route's identity.
    `next_hops` are those of a route that has several; `gateway`, `device` and `onlink` are empty there.
    """

    destination: str
    gateway: str | None = None
    device: int | None = None
    metric: int = 0
    table: int = MAIN_TABLE
    source: str | None = None
    protocol: int = RTPROT_STATIC
    #: A route that the options of a route cannot express: of the kernel's own types, with an encapsulation, ...
    special: bool = False
    tos: int = 0
    origin: str | None = None
    #: As ip-route(8) names it: "unicast", "local", "broadcast", "blackhole", ...
    kind: str = field(default="unicast", compare=False)
    next_hops: tuple[NextHop, ...] = ()
    mtu: int | None = None
    onlink: bool = False

    @property
    def static(self) -> bool:
        return self.protocol in (RTPROT_BOOT, RTPROT_STATIC)

    @property
    def version(self) -> int:
        return 6 if ":" in self.destination else 4

    @property
    def devices(self) -> tuple[int, ...]:
        """The indexes of all links that it uses."""
        return tuple(device for device in (self.device, *(hop.device for hop in self.next_hops)) if device)

    def without(self, indexes: Collection[int]) -> Route | None:
        """Return what the kernel leaves of the route when these links are deleted.

        In IPv4 the route is deleted with one of its next hops, in IPv6 the next hop alone (fib_sync_down_dev() in
        net/ipv4/fib_semantics.c, fib6_ifdown() in net/ipv6/route.c).
        """
        if not any(device in indexes for device in self.devices):
            return self
        left = [hop for hop in self.next_hops if hop.device not in indexes]
        if self.version == 4 or not left:
            return None
        if len(left) > 1:
            return replace(self, next_hops=tuple(left))
        return replace(self, gateway=left[0].gateway, device=left[0].device, onlink=left[0].onlink, next_hops=())


@dataclass(frozen=True)
class Rule:
    """A rule of policy routing (ip-rule(8), linux/fib_rules.h). What is None or empty does not matter to it.

    `action` is as ip-rule(8) names it: "lookup", "blackhole", ... `source` and `destination` are networks, `mark` is
    with its mask. `special` has what the options of the module rule cannot express, as ip-rule(8) writes it.
    """

    version: int
    priority: int
    action: str = "lookup"
    table: int | None = None
    l3mdev: bool = False
    suppress_prefixlength: int | None = None
    source: str | None = None
    destination: str | None = None
    iif: str | None = None
    oif: str | None = None
    mark: tuple[int, int] | None = None
    ip_protocol: int | None = None
    source_ports: tuple[int, int] | None = None
    destination_ports: tuple[int, int] | None = None
    special: tuple[str, ...] = ()
    protocol: int = RTPROT_STATIC

    @property
    def selector(self) -> tuple[object, ...]:
        """Which packets it is about."""
        ports = (self.ip_protocol, self.source_ports, self.destination_ports)
        return (self.source, self.destination, self.iif, self.oif, self.mark, *ports, self.special)

    @property
    def result(self) -> tuple[object, ...]:
        """What becomes of these packets."""
        return (self.action, self.table, self.l3mdev, self.suppress_prefixlength)

    @property
    def is_default(self) -> bool:
        """Whether it is one of the three that every namespace begins with (fib_default_rules_init())."""
        place = DEFAULT_RULES.get(self.priority)
        return place is not None and self.table == place and not self.l3mdev and not any(self.selector)

    @property
    def static(self) -> bool:
        """Whether an administrator has added it: `ip rule add` gives none, or RTPROT_BOOT in old versions."""
        return self.protocol in (RTPROT_UNSPEC, RTPROT_BOOT, RTPROT_STATIC) and not self.is_default


#: The tables of the rules that every namespace begins with, by their priority: local, main, default.
DEFAULT_RULES: Mapping[int, int] = {0: 255, 32766: MAIN_TABLE, 32767: 253}


@dataclass(frozen=True)
class Neighbour:
    """A neighbour's address, and what is known of it (linux/neighbour.h). `device` is an index.

    A proxy may have none. The kernel does not delete such a one with its namespace, and then shows it in another.

    `learned`: a routing daemon, or the kernel itself, has added it (NTF_EXT_LEARNED).
    """

    address: str
    device: int
    mac: str | None = None
    state: str = ""
    proxy: bool = False
    protocol: int = RTPROT_UNSPEC
    learned: bool = False

    @property
    def static(self) -> bool:
        """Whether an administrator has added it."""
        own = self.protocol in (RTPROT_UNSPEC, RTPROT_BOOT, RTPROT_STATIC) and not self.learned
        return own and self.device != 0 and (self.proxy or self.state == "permanent")

    @property
    def version(self) -> int:
        return 6 if ":" in self.address else 4


@dataclass(frozen=True)
class Qdisc:
    """A qdisc of a link (linux/rtnetlink.h, struct tcmsg); one of the kernel's own choice has the handle 0.

    `index` is the link's, `options` is what the kernel reports of its kind (TCA_OPTIONS). Of one for what arrives
    `redirect` is the index of the link that the filter of this collection leads to, 0 once that link is deleted, and
    None where there is no such filter; `filters` is how many filters there are.
    """

    index: int
    kind: str
    handle: int
    parent: int
    options: bytes = field(default=b"", repr=False)
    redirect: int | None = None
    filters: int = 0

    @property
    def is_root(self) -> bool:
        """Whether it is what all that leaves by the link passes."""
        return self.parent == TC_H_ROOT

    @property
    def is_ingress(self) -> bool:
        """Whether it is what all that arrives at the link passes."""
        return self.parent == TC_H_INGRESS


@dataclass(frozen=True)
class NamespaceState:
    """One network namespace, the host's own included."""

    name: NamespaceName
    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    qdiscs: tuple[Qdisc, ...] = ()
    rules: tuple[Rule, ...] = ()

    @cached_property
    def _by_name(self) -> Mapping[str, Link]:
        return {link.name: link for link in self.links}

    @cached_property
    def _by_any_name(self) -> Mapping[str, Link]:
        return {name: link for link in self.links for name in link.names}

    @cached_property
    def _by_index(self) -> Mapping[int, Link]:
        return {link.index: link for link in self.links}

    @cached_property
    def _addresses(self) -> Mapping[int, list[Address]]:
        by_index: dict[int, list[Address]] = {}
        for address in self.addresses:
            by_index.setdefault(address.index, []).append(address)
        return by_index

    def link(self, name: str) -> Link | None:
        return self._by_name.get(name)

    def named(self, name: str) -> Link | None:
        """Return the link with this name or alternative name: the kernel refuses the name to any other link."""
        return self._by_any_name.get(name)

    def link_at(self, index: int) -> Link | None:
        return self._by_index.get(index)

    def without(self, indexes: Collection[int]) -> NamespaceState:
        """Return the state without these links, and without what is on them."""
        return NamespaceState(
            self.name,
            links=tuple(link for link in self.links if link.index not in indexes),
            addresses=tuple(address for address in self.addresses if address.index not in indexes),
            routes=tuple(left for route in self.routes if (left := route.without(indexes)) is not None),
            neighbours=tuple(neighbour for neighbour in self.neighbours if neighbour.device not in indexes),
            qdiscs=tuple(qdisc for qdisc in self.qdiscs if qdisc.index not in indexes),
            rules=self.rules,
        )

    def addresses_of(self, link: Link) -> list[Address]:
        return self._addresses.get(link.index, [])

    @cached_property
    def _qdiscs(self) -> Mapping[int, list[Qdisc]]:
        by_index: dict[int, list[Qdisc]] = {}
        for qdisc in self.qdiscs:
            by_index.setdefault(qdisc.index, []).append(qdisc)
        return by_index

    def qdiscs_of(self, link: Link) -> list[Qdisc]:
        """Return the qdiscs of a link that are not the kernel's own choice."""
        return [qdisc for qdisc in self._qdiscs.get(link.index, ()) if qdisc.handle]


@dataclass(frozen=True)
class KernelState:
    """The namespaces that were asked for and that exist."""

    namespaces: Mapping[NamespaceName, NamespaceState] = field(default_factory=dict)
    #: Names in /run/netns without a namespace: plain files, left by a crash or a killed run.
    stale: frozenset[str] = frozenset()
    #: Those of `stale` that are directories, which are not removed.
    directories: frozenset[str] = frozenset()
    #: Further names of a namespace, with the name that it was read by; None is the host's own.
    aliases: Mapping[str, NamespaceName] = field(default_factory=dict)
    #: The kernel parameters that were asked for, by namespace and key; None: it has no such parameter.
    sysctls: Mapping[tuple[NamespaceName, str], str | None] = field(default_factory=dict)
    #: The new links that the kernel would refuse, by kind and values, with the reason.
    refused_links: Mapping[object, str] = field(default_factory=dict)
    #: The qdiscs that the kernel would refuse, by kind and values, with the reason.
    refused_qdiscs: Mapping[object, str] = field(default_factory=dict)
    #: The new routes and rules that the kernel would refuse, by what they need of it, with the reason.
    refused_routing: Mapping[object, str] = field(default_factory=dict)
    #: The values that the kernel would refuse, by key and value, with the reason.
    refused_sysctls: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def __contains__(self, name: object) -> bool:
        return name in self.namespaces

    def namespace(self, name: NamespaceName) -> NamespaceState:
        """Return the namespace's state; an empty one for a namespace that does not exist."""
        return self.namespaces.get(name) or NamespaceState(name)

    def link(self, namespace: NamespaceName, name: str) -> Link | None:
        return self.namespace(namespace).link(name)

    def named(self, namespace: NamespaceName, name: str) -> Link | None:
        return self.namespace(namespace).named(name)

    def sysctl(self, namespace: NamespaceName, key: str) -> str | None:
        """Return a kernel parameter; None where it was not asked for, or there is none."""
        return self.sysctls.get((namespace, key))

    def far_end(self, link: Link) -> tuple[NamespaceName, Link] | None:
        """Return the other end of a veth, where it is in a namespace that was read."""
        if link.peer is None or not link.peer.known:
            return None
        far = self.namespace(link.peer.namespace).link_at(link.peer.index)
        return (link.peer.namespace, far) if far else None

    def base_of(self, link: Link) -> tuple[NamespaceName, Link] | None:
        """Return the link that a link is on, where it is in a namespace that was read."""
        if link.base is None or not link.base.known:
            return None
        found = self.namespace(link.base.namespace).link_at(link.base.index)
        return (link.base.namespace, found) if found else None

    def links_on(self, namespace: NamespaceName, link: Link) -> list[tuple[NamespaceName, Link]]:
        """Return the links that are on a link, and those that are on these: the kernel deletes them with it."""
        found: list[tuple[NamespaceName, Link]] = []
        for place, each in self.links():
            base = self.base_of(each) if each.base else None
            if base and base[0] == namespace and base[1].index == link.index:
                found += [(place, each), *self.links_on(place, each)]
        return found

    def master_of(self, namespace: NamespaceName, link: Link) -> str:
        """Return the name of the link's master; empty for none."""
        master = self.namespace(namespace).link_at(link.master) if link.master else None
        return master.name if master else ""

    def without(self, removed: Mapping[NamespaceName, Collection[int]]) -> KernelState:
        """Return the state without these links, by namespace and index, and without what is on them."""
        left = {
            name: state.without(removed[name]) if name in removed else state for name, state in self.namespaces.items()
        }
        return replace(self, namespaces=left)

    def including(self, arrived: Mapping[NamespaceName, Sequence[Link]]) -> KernelState:
        """Return the state with further links, by namespace."""
        more = {
            name: replace(state, links=(*state.links, *arrived[name])) if name in arrived else state
            for name, state in self.namespaces.items()
        }
        return replace(self, namespaces=more)

    def with_links(self, changes: Mapping[tuple[NamespaceName, str], Mapping[str, Any]]) -> KernelState:
        """Return the state with other attributes of these links, by namespace and name."""
        changed = {
            name: replace(
                state, links=tuple(replace(link, **changes.get((name, link.name), {})) for link in state.links)
            )
            for name, state in self.namespaces.items()
        }
        return replace(self, namespaces=changed)

    def links(self) -> Iterator[tuple[NamespaceName, Link]]:
        for name, namespace in self.namespaces.items():
            for link in namespace.links:
                yield name, link

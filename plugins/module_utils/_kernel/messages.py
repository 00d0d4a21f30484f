# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The messages of rtnetlink(7) that the kernel dumps, parsed into plain values. Pure."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_interface, ip_network

from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    REFUSING_KINDS,
    Address,
    Interface,
    Link,
    NextHop,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    ADDRESS_HEADER,
    HEADER,
    IFA_ADDRESS,
    IFA_F_DADFAILED,
    IFA_F_PERMANENT,
    IFA_F_SECONDARY,
    IFA_F_TENTATIVE,
    IFA_FLAGS,
    IFA_LOCAL,
    IFA_PROTO,
    IFF_LOOPBACK,
    IFF_UP,
    IFLA_ADDRESS,
    IFLA_ALT_IFNAME,
    IFLA_BR_VLAN_FILTERING,
    IFLA_BRPORT_ISOLATED,
    IFLA_GROUP,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_INFO_SLAVE_DATA,
    IFLA_INFO_SLAVE_KIND,
    IFLA_LINK,
    IFLA_LINK_NETNSID,
    IFLA_LINKINFO,
    IFLA_MASTER,
    IFLA_MTU,
    IFLA_NETNS_IMMUTABLE,
    IFLA_OPERSTATE,
    IFLA_PROMISCUITY,
    IFLA_PROP_LIST,
    IFLA_STATS64,
    IFLA_TXQLEN,
    LINK_HEADER,
    NETNSA_NSID,
    NEXT_HOP,
    ROUTE_HEADER,
    RTA_CACHEINFO,
    RTA_DST,
    RTA_ENCAP,
    RTA_GATEWAY,
    RTA_METRICS,
    RTA_MULTIPATH,
    RTA_NH_ID,
    RTA_OIF,
    RTA_PREFSRC,
    RTA_PRIORITY,
    RTA_SRC,
    RTA_TABLE,
    RTA_VIA,
    RTAX_MTU,
    RTM_F_CLONED,
    RTNH_F_DEAD,
    RTNH_F_LINKDOWN,
    RTNH_F_ONLINK,
    RTPROT_KERNEL,
)

#: By number: the RTN_ of linux/rtnetlink.h, as ip-route(8) names them.
ROUTE_KINDS = (
    "unspec",
    "unicast",
    "local",
    "broadcast",
    "anycast",
    "multicast",
    "blackhole",
    "unreachable",
    "prohibit",
    "throw",
    "nat",
    "xresolve",
)
#: Types of routes that an administrator adds; the others are the kernel's.
OWN_KINDS = frozenset({"unicast", *REFUSING_KINDS})
#: Attributes of a route, and of a next hop, that the options of the module route cannot express.
SPECIAL_ATTRIBUTES = (RTA_VIA, RTA_ENCAP, RTA_NH_ID)
#: Flags of a next hop that the kernel reports and that cannot be set.
UNREACHABLE_FLAGS = RTNH_F_DEAD | RTNH_F_LINKDOWN

#: The addresses that the kernel gives a loopback that goes up.
LOOPBACK_ADDRESSES = (ip_interface("127.0.0.1/8"), ip_interface("::1/128"))

#: Kinds of links that cannot leave their namespace (NETIF_F_NETNS_LOCAL), for kernels before 6.14, which do not report
#: it (IFLA_NETNS_IMMUTABLE).
IMMUTABLE_KINDS = frozenset({"bond", "bridge", "hsr", "ppp", "team", "vrf"})

#: By number: the IF_OPER_ of linux/if.h, as ip-link(8) names them.
OPERATIONAL_STATES = ("unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up")
#: The first fields of struct rtnl_link_stats64.
COUNTERS = (
    "rx_packets",
    "tx_packets",
    "rx_bytes",
    "tx_bytes",
    "rx_errors",
    "tx_errors",
    "rx_dropped",
    "tx_dropped",
)
STATS64 = struct.Struct(f"={len(COUNTERS)}Q")
#: Where the family's header begins.
START = HEADER.size


@dataclass(frozen=True)
class LinkMessage:
    """A link as dumped; a veth's far end, and what a link is on, is known by index and namespace id only."""

    link: Link
    peer_index: int
    peer_nsid: int | None
    group: int = 0
    queue_length: int = 0


def parse_link(message: bytes, counters: bool = False) -> LinkMessage:
    """Return a dumped link. Every message has counters; decoding them is left out unless they are wanted."""
    _family, _type, index, flags, _change = LINK_HEADER.unpack_from(message, START)
    attributes = netlink.attributes_of(message, START + LINK_HEADER.size)
    information = netlink.attributes_of(attributes.get(IFLA_LINKINFO, b""), 0)
    nsid = attributes.get(IFLA_LINK_NETNSID)
    kind = _text(information.get(IFLA_INFO_KIND))
    link = Link(
        index=index,
        name=_text(attributes.get(IFLA_IFNAME)),
        kind=kind,
        mac=attributes.get(IFLA_ADDRESS, b"").hex(":"),
        mtu=_number(attributes.get(IFLA_MTU)),
        up=bool(flags & IFF_UP),
        alias=_text(attributes.get(IFLA_IFALIAS)),
        altnames=_altnames(attributes.get(IFLA_PROP_LIST)),
        loopback=bool(flags & IFF_LOOPBACK),
        immutable=_is_immutable(attributes.get(IFLA_NETNS_IMMUTABLE), kind),
        master=_number(attributes.get(IFLA_MASTER)),
        promiscuity=_number(attributes.get(IFLA_PROMISCUITY)),
        state=_operational_state(_number(attributes.get(IFLA_OPERSTATE))),
        counters=_counters(attributes.get(IFLA_STATS64)) if counters else {},
        information=attributes.get(IFLA_LINKINFO, b""),
        filters_vlans=kind == "bridge" and _has_flag(information.get(IFLA_INFO_DATA), IFLA_BR_VLAN_FILTERING),
        isolated=_text(information.get(IFLA_INFO_SLAVE_KIND)) == "bridge"
        and _has_flag(information.get(IFLA_INFO_SLAVE_DATA), IFLA_BRPORT_ISOLATED),
    )
    return LinkMessage(
        link=link,
        peer_index=_number(attributes.get(IFLA_LINK)),
        peer_nsid=struct.unpack("=i", nsid)[0] if nsid is not None else None,
        group=_number(attributes.get(IFLA_GROUP)),
        queue_length=_number(attributes.get(IFLA_TXQLEN)),
    )


def _has_flag(content: bytes | None, number: int) -> bool:
    return content is not None and any(netlink.attributes_of(content, 0).get(number, b""))


def _altnames(content: bytes | None) -> tuple[str, ...]:
    """Return the alternative names, in the nested attribute that has one attribute for each."""
    if not content:
        return ()
    return tuple(_text(content[start:end]) for start, end in netlink.positions(content, 0, IFLA_ALT_IFNAME))


def _is_immutable(reported: bytes | None, kind: str) -> bool:
    return kind in IMMUTABLE_KINDS if reported is None else bool(_number(reported))


def _operational_state(number: int) -> str:
    return OPERATIONAL_STATES[number] if number < len(OPERATIONAL_STATES) else str(number)


def _counters(content: bytes | None) -> dict[str, int]:
    return dict(zip(COUNTERS, STATS64.unpack_from(content))) if content else {}


def parse_address(message: bytes) -> Address:
    """Return a dumped address."""
    family, prefix_length, short_flags, _scope, index = ADDRESS_HEADER.unpack_from(message, START)
    attributes = netlink.attributes_of(message, START + ADDRESS_HEADER.size)
    local = attributes.get(IFA_LOCAL) or attributes[IFA_ADDRESS]
    flags = _number(attributes.get(IFA_FLAGS)) or short_flags
    interface = ip_interface((local, prefix_length))
    return Address(
        index=index,
        interface=interface,
        made_by_kernel=_is_made_by_kernel(interface, flags, attributes.get(IFA_PROTO)),
        secondary=family == socket.AF_INET and bool(flags & IFA_F_SECONDARY),
        peer=_address(attributes[IFA_ADDRESS]) if attributes.get(IFA_ADDRESS, local) != local else None,
        refused=bool(flags & IFA_F_DADFAILED),
        tentative=bool(flags & IFA_F_TENTATIVE),
    )


def _is_made_by_kernel(interface: Interface, flags: int, protocol: bytes | None) -> bool:
    """Return whether an address is the loopback's own, an IPv6 link-local one, or from a router advertisement.

    Kernels from 5.18 on report who added an address (IFA_PROTO): 0 for a link-local one that a person added. On older
    kernels that looks like the kernel's.
    """
    if interface in LOOPBACK_ADDRESSES:
        return True
    if interface.version == 4:
        return False
    if interface.ip.is_link_local:
        return protocol is None or protocol[0] != 0
    return not flags & IFA_F_PERMANENT


def parse_route(message: bytes) -> Route:
    """Return a dumped route."""
    return _parse_route(message[START:])


@lru_cache
def _parse_route(content: bytes) -> Route:
    # Most routes of a namespace are the loopback's, the same in all namespaces.
    family, length, source_length, tos, table, protocol, _scope, number, flags = ROUTE_HEADER.unpack_from(content)
    attributes = netlink.attributes_of(content, ROUTE_HEADER.size)
    size = 4 if family == socket.AF_INET else 16
    destination = ip_network((attributes.get(RTA_DST, bytes(size)), length))
    kind = ROUTE_KINDS[number] if number < len(ROUTE_KINDS) else str(number)
    is_special, next_hops = _parse_next_hops(content)
    metrics = netlink.attributes_of(attributes.get(RTA_METRICS, b""), 0)
    return Route(
        destination=str(destination),
        gateway=_address(attributes.get(RTA_GATEWAY)),
        # One that refuses packets has none; in IPv6 the kernel reports the loopback.
        device=_number(attributes.get(RTA_OIF)) or None if kind not in REFUSING_KINDS else None,
        metric=_number(attributes.get(RTA_PRIORITY)),
        table=_number(attributes.get(RTA_TABLE)) or table,
        source=_address(attributes.get(RTA_PREFSRC)),
        protocol=protocol,
        special=is_special or kind not in OWN_KINDS or any(each in attributes for each in SPECIAL_ATTRIBUTES),
        tos=tos,
        origin=str(ip_network((attributes[RTA_SRC], source_length))) if source_length else None,
        kind=kind,
        next_hops=next_hops,
        mtu=_number(metrics.get(RTAX_MTU)) or None,
        onlink=bool(flags & RTNH_F_ONLINK),
    )


def _parse_next_hops(content: bytes) -> tuple[bool, tuple[NextHop, ...]]:
    """Return the next hops of a multipath route, and whether one of them has what the options cannot express."""
    found: list[NextHop] = []
    is_special = False
    for offset in _next_hops(content, ROUTE_HEADER.size):
        length, flags, hops, device = NEXT_HOP.unpack_from(content, offset)
        attributes = netlink.attributes_of(content, offset + NEXT_HOP.size, offset + length)
        is_special = is_special or any(each in attributes for each in SPECIAL_ATTRIBUTES)
        onlink = bool(flags & RTNH_F_ONLINK)
        found.append(NextHop(_address(attributes.get(RTA_GATEWAY)), device or None, hops + 1, onlink))
    return is_special, tuple(found)


def is_route(message: bytes) -> bool:
    """Return whether it is a route of IPv4 or IPv6, not a clone of one; multicast routes have their own families."""
    header = ROUTE_HEADER.unpack_from(message, START)
    return header[0] in (socket.AF_INET, socket.AF_INET6) and not header[8] & RTM_F_CLONED


def route_identity(message: bytes) -> tuple[bytes, tuple[tuple[int, bytes], ...]]:
    """Return what identifies a dumped route, without what the kernel counts and observes on it."""
    attributes = netlink.attributes_of(bytes(without_observations(message)), START + ROUTE_HEADER.size)
    attributes.pop(RTA_CACHEINFO, None)
    return message[START : START + ROUTE_HEADER.size - 4], tuple(sorted(attributes.items()))


def is_kernel_route(message: bytes) -> bool:
    """Return whether the kernel itself adds this route for an address, or for a link that goes up."""
    return int(ROUTE_HEADER.unpack_from(message, START)[5]) == RTPROT_KERNEL


def index_of_address(message: bytes) -> int:
    """Return the index of the link that a dumped address is on."""
    return int(ADDRESS_HEADER.unpack_from(message, START)[4])


def is_on_link(address: bytes, family: int, index: int) -> bool:
    """Return whether an address is of this IP version and on this link."""
    header = ADDRESS_HEADER.unpack_from(address, START)
    return bool((header[0], header[4]) == (family, index))


def move_address(address: bytes, index: int) -> bytes:
    """Return a dumped address as if it were on another link."""
    moved = bytearray(address)
    struct.pack_into("=I", moved, START + ADDRESS_HEADER.size - 4, index)
    return bytes(moved)


def move_route(route: bytes, indexes: Mapping[int, int]) -> bytes:
    """Return a dumped route with the new indexes of devices, by the former ones."""
    moved = bytearray(route)
    for kind, first, _last in netlink.attributes_in(route, START + ROUTE_HEADER.size, len(route)):
        if kind == RTA_OIF:
            (index,) = struct.unpack_from("=I", route, first)
            struct.pack_into("=I", moved, first, indexes.get(index, index))
    for offset in _next_hops(route, START + ROUTE_HEADER.size):
        (index,) = struct.unpack_from("=i", route, offset + 4)
        struct.pack_into("=i", moved, offset + 4, indexes.get(index, index))
    return bytes(moved)


def without_observations(message: bytes) -> bytearray:
    """Return a dumped route without the flags by which the kernel reports that a next hop cannot be reached."""
    route = bytearray(message)
    offset = START + ROUTE_HEADER.size - 4
    (flags,) = struct.unpack_from("=I", route, offset)
    struct.pack_into("=I", route, offset, flags & ~UNREACHABLE_FLAGS)
    for offset in _next_hops(message, START + ROUTE_HEADER.size):
        route[offset + 2] &= ~UNREACHABLE_FLAGS & 0xFF
    return route


def _next_hops(message: bytes, attributes: int) -> Iterator[int]:
    """Return where the next hops of a multipath route begin in it (struct rtnexthop)."""
    for start, end in netlink.positions(message, attributes, RTA_MULTIPATH):
        offset = start
        while offset + NEXT_HOP.size <= end:
            yield offset
            offset += (NEXT_HOP.unpack_from(message, offset)[0] + 3) & ~3


def parse_nsid(message: bytes) -> int:
    """Return the id in the answer to RTM_GETNSID; -1 for a namespace without an id there."""
    value = netlink.attributes_of(message, START + 4).get(NETNSA_NSID)
    return int(struct.unpack("=i", value)[0]) if value else -1


def _text(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode(errors="surrogateescape")


def _number(value: bytes | None) -> int:
    return int.from_bytes(value or b"", sys.byteorder)


def _address(value: bytes | None) -> str | None:
    return str(ip_address(value)) if value else None

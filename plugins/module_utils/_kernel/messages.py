# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's messages as plain values, and the requests for what is to be. Pure, but for the codecs of pyroute2.

Numbers are those of linux/if_link.h, linux/if_addr.h and linux/rtnetlink.h.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_interface, ip_network

from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink as rtnetlink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import CreateVeth, NewEnd, RouteSpec
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    Interface,
    Link,
    Neighbour,
    Route,
)

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER = 1, 3, 4, 5, 10
IFLA_LINKINFO, IFLA_IFALIAS, IFLA_GROUP, IFLA_PROMISCUITY, IFLA_LINK_NETNSID = 18, 20, 27, 30, 37
IFLA_OPERSTATE, IFLA_STATS64 = 16, 23
IFLA_INFO_KIND = 1
IFF_UP, IFF_LOOPBACK = 0x1, 0x8
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS, IFA_PROTO = 1, 2, 8, 11
IFA_F_SECONDARY, IFA_F_NODAD, IFA_F_DADFAILED, IFA_F_PERMANENT = 0x1, 0x2, 0x8, 0x80
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_TABLE = 1, 4, 5, 6, 7, 15
RTA_SRC, RTA_CACHEINFO = 2, 12
RTA_MULTIPATH = 9
#: With RTA_VIA, RTA_ENCAP, RTA_NH_ID: a route that the options of a route cannot express.
RTA_SPECIAL = (RTA_MULTIPATH, 18, 22, 30)
RTN_UNSPEC, RTN_UNICAST = 0, 1
#: By number: the RTN_ of linux/rtnetlink.h.
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
NDA_DST, NDA_LLADDR = 1, 2
RTPROT_KERNEL, RTPROT_STATIC = 2, 4
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_HOST, RT_SCOPE_NOWHERE = 0, 253, 254, 255
RTNH_UNREACHABLE_FLAGS = 0x1 | 0x10  # RTNH_F_DEAD and RTNH_F_LINKDOWN: told, never set

#: What a loopback gets by itself when it goes up.
LOOPBACK_ADDRESSES = (ip_interface("127.0.0.1/8"), ip_interface("::1/128"))

#: By number: the IF_OPER_ of linux/if.h, in the words of ip-link(8).
OPERATIONAL_STATES = ("unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up")
#: How struct rtnl_link_stats64 begins.
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
#: The NUD_ of linux/neighbour.h. What has no state or needs none is left out of lists, as ip-neighbour(8) does.
NEIGHBOUR_STATES: Mapping[int, str] = {
    0x01: "incomplete",
    0x02: "reachable",
    0x04: "stale",
    0x08: "delay",
    0x10: "probe",
    0x20: "failed",
    0x80: "permanent",
}

LINK_HEADER = struct.Struct("=BxHiII")
ADDRESS_HEADER = struct.Struct("=BBBBI")
ROUTE_HEADER = struct.Struct("=BBBBBBBBI")
NEXT_HOP = struct.Struct("=HBBi")
NEIGHBOUR_HEADER = struct.Struct("=BxxxiHBB")
STATS64 = struct.Struct(f"={len(COUNTERS)}Q")
START = rtnetlink.HEADER.size


@dataclass(frozen=True)
class LinkMessage:
    """A link as dumped; a veth's far end is known by index and namespace id only."""

    link: Link
    peer_index: int
    peer_nsid: int | None
    group: int = 0


def link_of(message: bytes, counters: bool = False) -> LinkMessage:
    """A link as dumped; the counters, which every message has, are worth their time to some only."""
    _family, _type, index, flags, _change = LINK_HEADER.unpack_from(message, START)
    attributes = rtnetlink.attributes_of(message, START + LINK_HEADER.size)
    information = attributes.get(IFLA_LINKINFO, b"")
    nsid = attributes.get(IFLA_LINK_NETNSID)
    link = Link(
        index=index,
        name=_text(attributes.get(IFLA_IFNAME)),
        kind=_text(rtnetlink.attributes_of(information, 0).get(IFLA_INFO_KIND)),
        mac=attributes.get(IFLA_ADDRESS, b"").hex(":"),
        mtu=_number(attributes.get(IFLA_MTU)),
        up=bool(flags & IFF_UP),
        alias=_text(attributes.get(IFLA_IFALIAS)),
        loopback=bool(flags & IFF_LOOPBACK),
        master=_number(attributes.get(IFLA_MASTER)),
        promiscuity=_number(attributes.get(IFLA_PROMISCUITY)),
        state=_operational_state(_number(attributes.get(IFLA_OPERSTATE))),
        counters=_counters(attributes.get(IFLA_STATS64)) if counters else {},
    )
    return LinkMessage(
        link=link,
        peer_index=_number(attributes.get(IFLA_LINK)),
        peer_nsid=struct.unpack("=i", nsid)[0] if nsid is not None else None,
        group=_number(attributes.get(IFLA_GROUP)),
    )


def _operational_state(number: int) -> str:
    return OPERATIONAL_STATES[number] if number < len(OPERATIONAL_STATES) else str(number)


def _counters(content: bytes | None) -> dict[str, int]:
    return dict(zip(COUNTERS, STATS64.unpack_from(content))) if content else {}


def neighbour_of(message: bytes) -> Neighbour | None:
    """A neighbour as dumped; None for what is not worth a line: the multicast addresses of a link, for instance."""
    family, index, state, _flags, _type = NEIGHBOUR_HEADER.unpack_from(message, START)
    attributes = rtnetlink.attributes_of(message, START + NEIGHBOUR_HEADER.size)
    address = attributes.get(NDA_DST)
    if family not in (socket.AF_INET, socket.AF_INET6) or not address or state not in NEIGHBOUR_STATES:
        return None
    mac = attributes.get(NDA_LLADDR, b"").hex(":") or None
    return Neighbour(str(ip_address(address)), index, mac, NEIGHBOUR_STATES[state])


def address_of(message: bytes) -> Address:
    family, prefix_length, short_flags, _scope, index = ADDRESS_HEADER.unpack_from(message, START)
    attributes = rtnetlink.attributes_of(message, START + ADDRESS_HEADER.size)
    local = attributes.get(IFA_LOCAL) or attributes[IFA_ADDRESS]
    flags = _number(attributes.get(IFA_FLAGS)) or short_flags
    interface = ip_interface((local, prefix_length))
    return Address(
        index=index,
        interface=interface,
        made_by_kernel=_made_by_kernel(interface, flags, attributes.get(IFA_PROTO)),
        secondary=family == socket.AF_INET and bool(flags & IFA_F_SECONDARY),
        peer=_address(attributes[IFA_ADDRESS]) if attributes.get(IFA_ADDRESS, local) != local else None,
        refused=bool(flags & IFA_F_DADFAILED),
    )


def _made_by_kernel(interface: Interface, flags: int, protocol: bytes | None) -> bool:
    """The loopback's own, an IPv6 link-local one, or one that a router's advertisement gave.

    Kernels from 5.18 on say who made an address (IFA_PROTO). A link-local one that a person made bears 0 there;
    on older kernels it cannot be told from the kernel's.
    """
    if interface in LOOPBACK_ADDRESSES:
        return True
    if interface.version == 4:
        return False
    if interface.ip.is_link_local:
        return protocol is None or protocol[0] != 0
    return not flags & IFA_F_PERMANENT


def route_of(message: bytes) -> Route:
    return _route_of(message[START:])


@lru_cache
def _route_of(content: bytes) -> Route:
    """Most of what a namespace has are the loopback's, the same in all of them."""
    family, length, source_length, tos, table, protocol, _scope, kind, _flags = ROUTE_HEADER.unpack_from(content)
    attributes = rtnetlink.attributes_of(content, ROUTE_HEADER.size)
    size = 4 if family == socket.AF_INET else 16
    destination = ip_network((attributes.get(RTA_DST, bytes(size)), length))
    return Route(
        destination=str(destination),
        gateway=_address(attributes.get(RTA_GATEWAY)),
        device=_number(attributes.get(RTA_OIF)) or None,
        metric=_number(attributes.get(RTA_PRIORITY)),
        table=_number(attributes.get(RTA_TABLE)) or table,
        source=_address(attributes.get(RTA_PREFSRC)),
        protocol=protocol,
        special=kind != RTN_UNICAST or any(number in attributes for number in RTA_SPECIAL),
        tos=tos,
        origin=str(ip_network((attributes[RTA_SRC], source_length))) if source_length else None,
        kind=ROUTE_KINDS[kind] if kind < len(ROUTE_KINDS) else str(kind),
    )


def is_route(message: bytes) -> bool:
    """A route of IPv4 or IPv6 that is no clone of one (RTM_F_CLONED); multicast ones have families of their own."""
    header = ROUTE_HEADER.unpack_from(message, START)
    return header[0] in (socket.AF_INET, socket.AF_INET6) and not header[8] & 0x200


def route_identity(message: bytes) -> tuple[bytes, tuple[tuple[int, bytes], ...]]:
    """All that makes up a route, without what the kernel counts and observes on it."""
    attributes = rtnetlink.attributes_of(bytes(revived_route(message)), START + ROUTE_HEADER.size)
    attributes.pop(RTA_CACHEINFO, None)
    return message[START : START + ROUTE_HEADER.size - 4], tuple(sorted(attributes.items()))


def comes_with_address(message: bytes) -> bool:
    """Whether a route is one that the kernel makes by itself for an address, or for a link that goes up."""
    return int(ROUTE_HEADER.unpack_from(message, START)[5]) == RTPROT_KERNEL


def belongs(address: bytes, family: int, index: int) -> bool:
    """Whether an address is of this IP version and on this link."""
    header = ADDRESS_HEADER.unpack_from(address, START)
    return bool((header[0], header[4]) == (family, index))


def revived_route(message: bytes) -> bytearray:
    """A dumped route as a request that adds it again."""
    request = rtnetlink.replayed(message, rtnetlink.RTM_NEWROUTE, rtnetlink.NLM_F_CREATE)
    offset = START + ROUTE_HEADER.size - 4
    (flags,) = struct.unpack_from("=I", request, offset)
    struct.pack_into("=I", request, offset, flags & ~RTNH_UNREACHABLE_FLAGS)
    for offset in _next_hops(message):
        request[offset + 2] &= ~RTNH_UNREACHABLE_FLAGS & 0xFF
    return request


def _next_hops(message: bytes) -> Iterator[int]:
    """Where the several next hops of a route begin in it (struct rtnexthop of linux/rtnetlink.h)."""
    for start, end in rtnetlink.positions(message, START + ROUTE_HEADER.size, RTA_MULTIPATH):
        offset = start
        while offset + NEXT_HOP.size <= end:
            yield offset
            offset += (NEXT_HOP.unpack_from(message, offset)[0] + 3) & ~3


def new_veth(
    operation: CreateVeth,
    end_descriptor: int | None,
    peer_descriptor: int | None,
    indexes: tuple[int, int] = (0, 0),
) -> bytearray:
    """RTM_NEWLINK for a pair, each end made in the namespace that its descriptor stands for (IFLA_NET_NS_FD).

    `indexes` are those that the ends are to have there; the kernel chooses where it is 0.
    """
    peer = {"attrs": _end(operation.peer, peer_descriptor), "index": indexes[1]}
    information = {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", peer)]})]}
    attributes = [*_end(operation.end, end_descriptor), ("IFLA_LINKINFO", information)]
    return rtnetlink.link_message(
        rtnetlink.RTM_NEWLINK, rtnetlink.NLM_F_CREATE | rtnetlink.NLM_F_EXCL, attributes, index=indexes[0]
    )


def _end(end: NewEnd, descriptor: int | None) -> list[tuple[str, object]]:
    attributes: list[tuple[str, object]] = [("IFLA_IFNAME", end.name)]
    if end.mac:
        attributes.append(("IFLA_ADDRESS", end.mac))
    if end.mtu:
        attributes.append(("IFLA_MTU", end.mtu))
    if descriptor is not None:
        attributes.append(("IFLA_NET_NS_FD", descriptor))
    return attributes


def set_link(name: str, *attributes: tuple[str, object], flags: int = 0, change: int = 0) -> bytearray:
    """RTM_NEWLINK on an existing link, which the kernel finds by its name."""
    return rtnetlink.link_message(
        rtnetlink.RTM_NEWLINK, 0, [("IFLA_IFNAME", name), *attributes], index=0, flags=flags, change=change
    )


def set_link_at(index: int, *attributes: tuple[str, object]) -> bytearray:
    """RTM_NEWLINK on an existing link by its index, as renaming and moving need it."""
    return rtnetlink.link_message(rtnetlink.RTM_NEWLINK, 0, list(attributes), index=index)


def delete_link(index: int) -> bytearray:
    return rtnetlink.link_message(rtnetlink.RTM_DELLINK, 0, [], index=index)


def delete_group(group: int) -> bytearray:
    """RTM_DELLINK of all links in a group."""
    return rtnetlink.link_message(rtnetlink.RTM_DELLINK, 0, [("IFLA_GROUP", group)], index=0)


def get_link(name: str) -> bytearray:
    attributes = [("IFLA_IFNAME", name), ("IFLA_EXT_MASK", rtnetlink.RTEXT_FILTER_SKIP_STATS)]
    return rtnetlink.link_message(rtnetlink.RTM_GETLINK, 0, attributes, index=0)


def get_link_at(index: int) -> bytearray:
    attributes = [("IFLA_EXT_MASK", rtnetlink.RTEXT_FILTER_SKIP_STATS)]
    return rtnetlink.link_message(rtnetlink.RTM_GETLINK, 0, attributes, index=index)


def all_links() -> bytearray:
    attributes = [("IFLA_EXT_MASK", rtnetlink.RTEXT_FILTER_SKIP_STATS)]
    return rtnetlink.link_message(rtnetlink.RTM_GETLINK, 0, attributes, index=0)


def all_neighbours() -> bytearray:
    return rtnetlink.neighbour_message(rtnetlink.RTM_GETNEIGH, 0)


def all_addresses() -> bytearray:
    return rtnetlink.address_message(rtnetlink.RTM_GETADDR, 0, [], family=socket.AF_UNSPEC)


def all_routes() -> bytearray:
    return rtnetlink.route_message(rtnetlink.RTM_GETROUTE, 0, [], family=socket.AF_UNSPEC)


def nsid_of(descriptor: int) -> bytearray:
    """RTM_GETNSID: the id that a namespace goes by in the socket's own."""
    return rtnetlink.nsid_message(rtnetlink.RTM_GETNSID, 0, [("NETNSA_FD", descriptor)])


def nsid_in(message: bytes) -> int:
    """The answer to it; -1 for a namespace that has no id there."""
    value = rtnetlink.attributes_of(message, START + 4).get(1)
    return int(struct.unpack("=i", value)[0]) if value else -1


def address_request(kind: int, flags: int, index: int, text: str, peer: str | None = None) -> bytearray:
    """RTM_NEWADDR or RTM_DELADDR; `peer` is the far address of a point-to-point link.

    The IPv6 addresses that are ours to vouch for skip duplicate address detection, which would keep them from
    being used for two seconds (RFC 4862, 5.4; IFA_F_NODAD).
    """
    interface = ip_interface(text)
    attributes: list[tuple[str, object]] = [
        ("IFA_LOCAL", str(interface.ip)),
        ("IFA_ADDRESS", peer or str(interface.ip)),
    ]
    if interface.version == 6 and kind == rtnetlink.RTM_NEWADDR:
        attributes.append(("IFA_FLAGS", IFA_F_NODAD))
    return rtnetlink.address_message(
        kind,
        flags,
        attributes,
        family=socket.AF_INET if interface.version == 4 else socket.AF_INET6,
        prefixlen=interface.network.prefixlen,
        scope=RT_SCOPE_HOST if interface.version == 4 and interface.ip.is_loopback else RT_SCOPE_UNIVERSE,
        index=index,
    )


def route_request(kind: int, flags: int, route: RouteSpec, device: int | None) -> bytearray:
    """RTM_NEWROUTE or RTM_DELROUTE."""
    destination = ip_network(route.destination)
    attributes: list[tuple[str, object]] = [("RTA_TABLE", route.table)]
    if destination.prefixlen:
        attributes.append(("RTA_DST", str(destination.network_address)))
    if route.gateway:
        attributes.append(("RTA_GATEWAY", route.gateway))
    if device is not None:
        attributes.append(("RTA_OIF", device))
    if route.metric is not None:
        attributes.append(("RTA_PRIORITY", route.metric))
    if route.source:
        attributes.append(("RTA_PREFSRC", route.source))
    if route.origin:
        attributes.append(("RTA_SRC", str(ip_network(route.origin).network_address)))
    direct = destination.version == 4 and not route.gateway
    scope = RT_SCOPE_LINK if direct else RT_SCOPE_UNIVERSE
    removal = kind == rtnetlink.RTM_DELROUTE
    return rtnetlink.route_message(
        kind,
        flags,
        attributes,
        family=socket.AF_INET if destination.version == 4 else socket.AF_INET6,
        dst_len=destination.prefixlen,
        src_len=ip_network(route.origin).prefixlen if route.origin else 0,
        tos=route.tos,
        table=route.table if route.table < 256 else 0,  # RT_TABLE_UNSPEC: see the attribute
        # One that is to go is found whoever made it, whichever its scope, and be it a blackhole.
        proto=0 if removal else RTPROT_STATIC,
        scope=RT_SCOPE_NOWHERE if removal else scope,
        type=RTN_UNSPEC if removal else RTN_UNICAST,
    )


def _text(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode(errors="surrogateescape")


def _number(value: bytes | None) -> int:
    return int.from_bytes(value or b"", sys.byteorder)


def _address(value: bytes | None) -> str | None:
    return str(ip_address(value)) if value else None

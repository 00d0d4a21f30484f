# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requests of rtnetlink(7) that read and write routes, rules and neighbours. Pure."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network

from ansible_collections.netns.fabric.plugins.module_utils._core.text import encode_name
from ansible_collections.netns.fabric.plugins.module_utils._kernel import messages, netlink, templates
from ansible_collections.netns.fabric.plugins.module_utils._kernel.messages import ROUTE_KINDS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import attribute
from ansible_collections.netns.fabric.plugins.module_utils._kernel.routing_messages import ACTIONS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.routing_operations import NeighbourSpec, RouteSpec
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Rule
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    FIB_RULE_INVERT,
    FRA_DPORT_RANGE,
    FRA_DST,
    FRA_FWMARK,
    FRA_FWMASK,
    FRA_IIFNAME,
    FRA_IP_PROTO,
    FRA_L3MDEV,
    FRA_OIFNAME,
    FRA_PRIORITY,
    FRA_PROTOCOL,
    FRA_SPORT_RANGE,
    FRA_SRC,
    FRA_SUPPRESS_PREFIXLEN,
    FRA_TABLE,
    HEADER,
    NDA_DST,
    NDA_LLADDR,
    NDA_PROTOCOL,
    NEIGHBOUR_HEADER,
    NEXT_HOP,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    NTF_PROXY,
    NUD_PERMANENT,
    PORT_RANGE,
    RT_SCOPE_LINK,
    RT_SCOPE_NOWHERE,
    RT_SCOPE_UNIVERSE,
    RTA_GATEWAY,
    RTA_METRICS,
    RTA_MULTIPATH,
    RTAX_MTU,
    RTM_DELROUTE,
    RTM_GETNEIGH,
    RTM_GETROUTE,
    RTM_GETRULE,
    RTM_NEWROUTE,
    RTN_UNSPEC,
    RTNH_F_ONLINK,
    RULE_HEADER,
)

#: By number of the action that ip-rule(8) names.
_ACTION_NUMBERS = {name: number for number, name in ACTIONS.items()}


# Routes


def list_routes() -> bytearray:
    """Return RTM_GETROUTE for a dump of all routes."""
    return templates.route_message(RTM_GETROUTE, 0, [], family=socket.AF_UNSPEC)


def restore_route(message: bytes) -> bytearray:
    """Return a dumped route as a request that adds it again.

    In IPv6 some of its next hops may still be there, which the kernel takes for routes of their own: it is replaced.
    """
    family = message[HEADER.size]
    joined = family == socket.AF_INET6 and bool(messages.parse_route(message).next_hops)
    flags = NLM_F_CREATE | (NLM_F_REPLACE if joined else 0)
    return netlink.replay(messages.without_observations(message), RTM_NEWROUTE, flags)


def route_request(kind: int, flags: int, route: RouteSpec, indexes: Mapping[str, int]) -> bytearray:
    """Return RTM_NEWROUTE or RTM_DELROUTE; `indexes` are those of the links that it uses."""
    destination = ip_network(route.destination)
    attributes: list[tuple[str, object]] = [("RTA_TABLE", route.table)]
    if destination.prefixlen:
        attributes.append(("RTA_DST", str(destination.network_address)))
    if route.gateway:
        attributes.append(("RTA_GATEWAY", route.gateway))
    if route.device:
        attributes.append(("RTA_OIF", indexes[route.device]))
    if route.metric is not None:
        attributes.append(("RTA_PRIORITY", route.metric))
    if route.source:
        attributes.append(("RTA_PREFSRC", route.source))
    if route.origin:
        attributes.append(("RTA_SRC", str(ip_network(route.origin).network_address)))
    removal = kind == RTM_DELROUTE
    request = templates.route_message(
        kind,
        flags,
        attributes,
        family=socket.AF_INET if destination.version == 4 else socket.AF_INET6,
        dst_len=destination.prefixlen,
        src_len=ip_network(route.origin).prefixlen if route.origin else 0,
        tos=route.tos,
        table=route.table if route.table < 256 else 0,  # RT_TABLE_UNSPEC: see the attribute
        # A route to remove is found whatever its protocol, scope and type.
        proto=0 if removal else route.protocol,
        scope=RT_SCOPE_NOWHERE if removal else _scope(route),
        type=RTN_UNSPEC if removal else ROUTE_KINDS.index(route.kind),
        flags=RTNH_F_ONLINK if route.onlink and not removal else 0,
    )
    if route.mtu and not removal:
        _append(request, RTA_METRICS, attribute(RTAX_MTU, struct.pack("=I", route.mtu)))
    if route.next_hops:
        _append(request, RTA_MULTIPATH, b"".join(_next_hops(route, indexes)))
    return request


def _scope(route: RouteSpec) -> int:
    # As ip-route(8): that of one with several next hops is global.
    is_direct = ":" not in route.destination and route.kind == "unicast" and not (route.gateway or route.next_hops)
    return RT_SCOPE_LINK if is_direct else RT_SCOPE_UNIVERSE


def _next_hops(route: RouteSpec, indexes: Mapping[str, int]) -> Iterator[bytes]:
    for hop in route.next_hops:
        gateway = attribute(RTA_GATEWAY, ip_address(hop.gateway).packed) if hop.gateway else b""
        index = indexes[hop.device] if hop.device else 0
        flags = RTNH_F_ONLINK if hop.onlink else 0
        yield NEXT_HOP.pack(NEXT_HOP.size + len(gateway), flags, hop.weight - 1, index) + gateway


def _append(request: bytearray, number: int, content: bytes) -> None:
    request += attribute(number, content)
    struct.pack_into("=I", request, 0, len(request))


# Rules


def list_rules() -> bytearray:
    """Return RTM_GETRULE for a dump of all rules."""
    return netlink.message(RTM_GETRULE, bytes(RULE_HEADER.size))


def rule_request(kind: int, flags: int, rule: Rule) -> bytearray:
    """Return RTM_NEWRULE or RTM_DELRULE."""
    attributes = [
        *((number, _u32(value)) for number, value in _numbers_of(rule)),
        *((number, encode_name(name) + b"\0") for number, name in _names_of(rule)),
        (FRA_PROTOCOL, bytes([rule.protocol])),
        *((number, ip_network(text).network_address.packed) for number, text in _networks_of(rule)),
        *(_flags_of(rule)),
    ]
    lengths = [ip_network(text).prefixlen if text else 0 for text in (rule.destination, rule.source)]
    family = socket.AF_INET if rule.version == 4 else socket.AF_INET6
    table = rule.table if rule.table is not None and rule.table < 256 else 0
    header = RULE_HEADER.pack(family, *lengths, 0, table, _ACTION_NUMBERS[rule.action], 0)
    return netlink.message(kind, header + b"".join(attribute(*each) for each in attributes), flags)


def _u32(value: int) -> bytes:
    return struct.pack("=I", value)


def _numbers_of(rule: Rule) -> Iterator[tuple[int, int]]:
    yield FRA_PRIORITY, rule.priority
    if rule.table is not None:
        yield FRA_TABLE, rule.table
    if rule.mark is not None:
        yield FRA_FWMARK, rule.mark[0]
        yield FRA_FWMASK, rule.mark[1]
    if rule.suppress_prefixlength is not None:
        yield FRA_SUPPRESS_PREFIXLEN, rule.suppress_prefixlength


def _networks_of(rule: Rule) -> Iterator[tuple[int, str]]:
    for number, text in ((FRA_DST, rule.destination), (FRA_SRC, rule.source)):
        if text:
            yield number, text


def _names_of(rule: Rule) -> Iterator[tuple[int, str]]:
    for number, name in ((FRA_IIFNAME, rule.iif), (FRA_OIFNAME, rule.oif)):
        if name:
            yield number, name


def _flags_of(rule: Rule) -> Iterator[tuple[int, bytes]]:
    if rule.l3mdev:
        yield FRA_L3MDEV, b"\1"
    if rule.ip_protocol:
        yield FRA_IP_PROTO, bytes([rule.ip_protocol])
    for number, ports in ((FRA_SPORT_RANGE, rule.source_ports), (FRA_DPORT_RANGE, rule.destination_ports)):
        if ports:
            yield number, PORT_RANGE.pack(*ports)


def replay_rule(dumped: bytes, kind: int, flags: int) -> bytearray:
    """Return a dumped rule as a request, without the flags by which the kernel reports whether its links exist."""
    request = netlink.replay(dumped, kind, flags)
    offset = HEADER.size + RULE_HEADER.size - 4
    (found,) = struct.unpack_from("=I", request, offset)
    struct.pack_into("=I", request, offset, found & FIB_RULE_INVERT)
    return request


# Neighbours


def list_neighbours(proxies: bool = False) -> bytearray:
    """Return RTM_GETNEIGH for a dump of the neighbours of all families and links, or of what is answered for."""
    header = NEIGHBOUR_HEADER.pack(socket.AF_UNSPEC, 0, 0, NTF_PROXY if proxies else 0, 0)
    return netlink.message(RTM_GETNEIGH, header)


def neighbour_request(kind: int, flags: int, neighbour: NeighbourSpec, index: int) -> bytearray:
    """Return RTM_NEWNEIGH or RTM_DELNEIGH."""
    address = ip_address(neighbour.address)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    # A proxy, too, as by ip-neighbour(8): others do not survive that the link loses its carrier (neigh_carrier_down()).
    own_flags = NTF_PROXY if neighbour.proxy else 0
    body = NEIGHBOUR_HEADER.pack(family, index, NUD_PERMANENT, own_flags, 0) + attribute(NDA_DST, address.packed)
    if neighbour.mac:
        body += attribute(NDA_LLADDR, bytes.fromhex(neighbour.mac.replace(":", "")))
    return netlink.message(kind, body + attribute(NDA_PROTOCOL, bytes([neighbour.protocol])), flags)


def replay_neighbour(dumped: bytes, kind: int, flags: int) -> bytearray:
    """Return a dumped static neighbour as a request, without what the kernel counts on it."""
    family, index, _state, own_flags, route_type = NEIGHBOUR_HEADER.unpack_from(dumped, HEADER.size)
    body = NEIGHBOUR_HEADER.pack(family, index, NUD_PERMANENT, own_flags, route_type)  # not reported of a proxy
    found = netlink.attributes_of(dumped, HEADER.size + NEIGHBOUR_HEADER.size)
    kept = (attribute(number, found[number]) for number in (NDA_DST, NDA_LLADDR, NDA_PROTOCOL) if number in found)
    return netlink.message(kind, body + b"".join(kept), flags)

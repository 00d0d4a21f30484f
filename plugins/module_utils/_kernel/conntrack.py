# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connection tracking of the namespace that the thread is in: the flows that it knows, read and deleted (ctnetlink).

The packet filter translates the first packet of a flow by its rules, and all others as it did that one
(nf_nat_inet_fn() in net/netfilter/nf_nat_core.c): a flow keeps the translation of its entry until that is deleted.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from ipaddress import ip_address

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._kernel import uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import (
    NetlinkError,
    NetlinkSocket,
    attribute,
    attributes_of,
    message,
)

#: The address family of each IP version.
FAMILIES: Mapping[int, int] = {4: socket.AF_INET, 6: socket.AF_INET6}
#: The kernel has no ctnetlink (nfnetlink_rcv_msg() in net/netfilter/nfnetlink.c), and so nothing to be asked for here.
UNSUPPORTED = (errno.EINVAL, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT)


@dataclass(frozen=True)
class Packet:
    """What a packet of a flow has: addresses, protocol number, and ports (0 for a protocol without).

    `icmp_type` is None for other protocols.
    """

    source: Address
    destination: Address
    protocol: int
    source_port: int = 0
    destination_port: int = 0
    icmp_type: int | None = None


@dataclass(frozen=True)
class Flow:
    """An entry: the packets as they were sent, and their answers as they arrive, which show the translation.

    `identity` is what the kernel deletes the entry by: its tuple and its id, as they were dumped.
    """

    sent: Packet
    answer: Packet
    identity: tuple[bytes, bytes] = field(default=(b"", b""), repr=False)


def read_flows(version: int) -> list[Flow]:
    """Return the flows of an IP version; none where the kernel cannot list them."""
    try:
        netlink = NetlinkSocket(uapi.NETLINK_NETFILTER)
    except OSError:
        return []
    with closing(netlink):
        # To list them takes the kernel milliseconds, although there are none: its table is one for all namespaces.
        if _has_no_flow(netlink):
            return []
        try:
            header = uapi.NETFILTER_HEADER.pack(FAMILIES[version], 0, 0)
            dumped = netlink.dump(message(uapi.IPCTNL_MSG_CT_GET, header))
        except NetlinkError as error:
            if error.errno in UNSUPPORTED:
                return []
            raise
    return [flow for flow in map(parse_flow, dumped) if flow is not None]


def _has_no_flow(netlink: NetlinkSocket) -> bool:
    try:
        header = uapi.NETFILTER_HEADER.pack(0, 0, 0)
        answer = netlink.get(message(uapi.IPCTNL_MSG_CT_GET_STATS, header))
    except OSError:
        return False
    entries = attributes_of(answer, uapi.HEADER.size + uapi.NETFILTER_HEADER.size).get(uapi.CTA_STATS_GLOBAL_ENTRIES)
    return entries is not None and not any(entries)


def find_echo(source: Address, destination: Address, identifier: int) -> Flow | None:
    """Return the flow of echo requests (RFC 792, RFC 4443) with an identifier; None where the namespace knows none.

    The kernel keeps an entry once the first packet has passed the last hook of the packet filter (nf_confirm() in
    net/netfilter/nf_conntrack_proto.c): one that a filter drops leaves none.

    Raises:
        NetlinkError: The kernel refused the query.
    """
    version = source.version
    by_source, by_destination = {
        4: (uapi.CTA_IP_V4_SRC, uapi.CTA_IP_V4_DST),
        6: (uapi.CTA_IP_V6_SRC, uapi.CTA_IP_V6_DST),
    }[version]
    protocol, kind = {4: (socket.IPPROTO_ICMP, 8), 6: (socket.IPPROTO_ICMPV6, 128)}[version]
    by_identifier, by_kind, by_code = uapi.CTA_PROTO_ECHO[version]
    addresses = attribute(by_source, source.packed) + attribute(by_destination, destination.packed)
    echo = (
        attribute(uapi.CTA_PROTO_NUM, bytes([protocol]))
        + attribute(by_identifier, identifier.to_bytes(2, "big"))
        + attribute(by_kind, bytes([kind]))
        + attribute(by_code, b"\0")
    )
    parts = attribute(uapi.CTA_TUPLE_IP | uapi.NLA_F_NESTED, addresses)
    parts += attribute(uapi.CTA_TUPLE_PROTO | uapi.NLA_F_NESTED, echo)
    header = uapi.NETFILTER_HEADER.pack(FAMILIES[version], 0, 0)
    request = message(uapi.IPCTNL_MSG_CT_GET, header + attribute(uapi.CTA_TUPLE_ORIG | uapi.NLA_F_NESTED, parts))
    with closing(NetlinkSocket(uapi.NETLINK_NETFILTER)) as netlink:
        try:
            return parse_flow(netlink.get(request))
        except NetlinkError as error:
            if error.errno == errno.ENOENT:
                return None
            raise


def delete_flows(flows: Iterable[Flow]) -> None:
    """Delete flows; one that has ended meanwhile is gone anyway.

    Raises:
        NetlinkError: The kernel refused it.
    """
    deletions = [_build_deletion(flow) for flow in flows]
    if not deletions:
        return
    with closing(NetlinkSocket(uapi.NETLINK_NETFILTER)) as netlink:
        for refusal in netlink.request_all(deletions):
            if refusal is not None and refusal.number != errno.ENOENT:
                raise NetlinkError(refusal)


def _build_deletion(flow: Flow) -> bytearray:
    sent, number = flow.identity
    header = uapi.NETFILTER_HEADER.pack(FAMILIES[flow.sent.source.version], 0, 0)
    by_tuple = attribute(uapi.CTA_TUPLE_ORIG | uapi.NLA_F_NESTED, sent)
    # With its id, so that a flow that begins meanwhile with the same addresses and ports stays.
    return message(uapi.IPCTNL_MSG_CT_DELETE, header + by_tuple + attribute(uapi.CTA_ID, number))


def parse_flow(dumped: bytes) -> Flow | None:
    """Return a dumped entry; None for one in a zone of its own, such as Open vSwitch's, which no rule here concerns."""
    attributes = attributes_of(dumped, uapi.HEADER.size + uapi.NETFILTER_HEADER.size)
    if any(attributes.get(uapi.CTA_ZONE, b"")):
        return None
    sent = attributes[uapi.CTA_TUPLE_ORIG]
    return Flow(
        _parse_packet(sent),
        _parse_packet(attributes[uapi.CTA_TUPLE_REPLY]),
        (sent, attributes.get(uapi.CTA_ID, b"")),
    )


def _parse_packet(content: bytes) -> Packet:
    parts = attributes_of(content, 0)
    addresses = attributes_of(parts[uapi.CTA_TUPLE_IP], 0)
    protocol = attributes_of(parts[uapi.CTA_TUPLE_PROTO], 0)
    is_ipv4 = uapi.CTA_IP_V4_SRC in addresses
    icmp_type = protocol.get(uapi.CTA_PROTO_ICMP_TYPE, protocol.get(uapi.CTA_PROTO_ICMPV6_TYPE, b""))
    source = addresses[uapi.CTA_IP_V4_SRC if is_ipv4 else uapi.CTA_IP_V6_SRC]
    destination = addresses[uapi.CTA_IP_V4_DST if is_ipv4 else uapi.CTA_IP_V6_DST]
    return Packet(
        ip_address(source),
        ip_address(destination),
        protocol[uapi.CTA_PROTO_NUM][0],
        int.from_bytes(protocol.get(uapi.CTA_PROTO_SRC_PORT, b""), "big"),
        int.from_bytes(protocol.get(uapi.CTA_PROTO_DST_PORT, b""), "big"),
        icmp_type[0] if icmp_type else None,
    )


class RouteLookup:
    """How the namespace that the thread is in would send to an address (ip-route(8), `get`); each is asked once."""

    def __init__(self) -> None:
        self._known: dict[Address, tuple[bool, str]] = {}

    def is_local(self, address: Address) -> bool:
        """Return whether it is an address of the namespace itself."""
        return self._look_up(address)[0]

    def leaves_by(self, address: Address, interface: str) -> bool:
        """Return whether what is sent there leaves by an interface."""
        return self.interface_to(address) == interface

    def interface_to(self, address: Address) -> str:
        """Return the interface that what is sent there leaves by; empty for no route."""
        return self._look_up(address)[1]

    def _look_up(self, address: Address) -> tuple[bool, str]:
        if address not in self._known:
            self._known[address] = _look_up(address)
        return self._known[address]


def _look_up(address: Address) -> tuple[bool, str]:
    family, length = FAMILIES[address.version], address.max_prefixlen
    header = uapi.ROUTE_HEADER.pack(family, length, 0, 0, 0, 0, 0, 0, 0)
    request = message(uapi.RTM_GETROUTE, header + attribute(uapi.RTA_DST, address.packed))
    with closing(NetlinkSocket(uapi.NETLINK_ROUTE)) as netlink:
        try:
            answer = netlink.get(request)
        except NetlinkError:
            return False, ""
    kind = uapi.ROUTE_HEADER.unpack_from(answer, uapi.HEADER.size)[7]
    index = attributes_of(answer, uapi.HEADER.size + uapi.ROUTE_HEADER.size).get(uapi.RTA_OIF, b"")
    try:
        name = socket.if_indextoname(int.from_bytes(index, sys.byteorder))
    except OSError:
        name = ""
    return kind == uapi.RTN_LOCAL, name

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Announcements of addresses that have come to a link, moved or got another hardware address.

Neighbours that have talked to such an address before keep the former hardware address for up to a minute, and a switch
the former port. An ARP announcement (RFC 5227, 3) and an unsolicited neighbour advertisement (RFC 4861, 7.2.6) correct
both at once. They are a help: one that is lost, or cannot be sent, does not matter.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import join_key
from ansible_collections.netns.fabric.plugins.module_utils._kernel import messages, sysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandle, NamespaceHandles
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceName

# linux/if_ether.h
ETH_P_IP, ETH_P_ARP, ETH_P_IPV6 = 0x0800, 0x0806, 0x86DD
BROADCAST = b"\xff" * 6

# linux/if_arp.h: ARPHRD_ETHER, ARPOP_REQUEST
ARP = struct.Struct("!HHBBH6s4s6s4s")
ARPHRD_ETHER, ARPOP_REQUEST = 1, 1

#: All nodes on the link (RFC 4291, 2.7.1), and the hardware address of that group (RFC 2464, 7).
ALL_NODES = IPv6Address("ff02::1")
ALL_NODES_MAC = bytes.fromhex("333300000001")
#: Version, payload length, next header, hop limit, source, destination (RFC 8200, 3).
IPV6 = struct.Struct("!IHBB16s16s")
#: Type, code, checksum, flags, target; then the option of the target's hardware address (RFC 4861, 4.4 and 4.6.1).
ADVERTISEMENT = struct.Struct("!BBHI16sBB6s")
NEIGHBOUR_ADVERTISEMENT, TARGET_ADDRESS, HOP_LIMIT = 136, 2, 255
ROUTER_FLAG, OVERRIDE_FLAG = 1 << 31, 1 << 29

#: How many sockets are open at once, and closed at once: to close one takes as long as the kernel needs to be sure that
#: nobody uses it any more (packet_release() in net/packet/af_packet.c), for many at once no longer than for one.
SOCKETS = 64

#: A link, and the namespace that it is in.
Place = tuple[NamespaceName, str]


class Announcements:
    """The links whose addresses are to be announced once the call has ended."""

    def __init__(self, handles: NamespaceHandles) -> None:
        self._handles = handles
        #: By namespace: the links, and whether the kernel's own addresses on them may have been known before.
        self._links: dict[NamespaceName, dict[str, bool]] = {}

    def note(self, operations: Iterable[Operation]) -> None:
        """Note the links whose addresses or hardware address these operations have changed."""
        for operation in operations:
            for namespace, name in _places_of(operation):
                links = self._links.setdefault(namespace, {})
                links[name] = links.get(name, False) or not isinstance(operation, (op.CreateVeth, op.AddAddress))

    def note_restored(self, links: Mapping[NamespaceName, Iterable[str]]) -> None:
        """Note links whose addresses a rollback has restored."""
        for namespace, names in links.items():
            self._links.setdefault(namespace, {}).update(dict.fromkeys(names, True))

    def send(self) -> None:
        """Announce every address of the links that were noted."""
        waiting, self._links = list(self._links.items()), {}
        if not waiting:
            return
        with ThreadPoolExecutor(SOCKETS) as pool:
            for start in range(0, len(waiting), SOCKETS):
                sent = [self._send(namespace, names) for namespace, names in waiting[start : start + SOCKETS]]
                _close_all(pool, [opened for opened in sent if opened is not None])

    def _send(self, namespace: NamespaceName, names: Mapping[str, bool]) -> socket.socket | None:
        """Send what a namespace has to announce; return the socket, which is to be closed."""
        with suppress(OSError):
            handle = self._handles.find(namespace)
            found = list(_addresses(handle, names)) if handle is not None else []
            if handle is None or not found:
                return None
            with setns.entered(handle.descriptor):
                opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
                routers = {name for name in {link.name for link, ip in found if ip.version == 6} if _is_router(name)}
            for link, address in found:
                # A link that has been deleted meanwhile, or a name that the socket module cannot encode.
                with suppress(OSError, UnicodeError):
                    opened.sendto(
                        frame(bytes.fromhex(link.mac.replace(":", "")), address, link.name in routers), (link.name, 0)
                    )
            return opened
        return None


def _places_of(operation: Operation) -> Sequence[Place]:
    if isinstance(operation, op.CreateVeth):
        return [(end.namespace, end.name) for end in (operation.end, operation.peer)]
    if isinstance(operation, op.MoveLink):
        return [(operation.to, operation.new_name)]
    if isinstance(operation, (op.SetMac, op.AddAddress, op.Announce)):
        return [(operation.namespace, operation.link)]
    return []


def _addresses(handle: NamespaceHandle, names: Mapping[str, bool]) -> Iterator[tuple[Link, IPv4Address | IPv6Address]]:
    """Yield the addresses of those links that are up and have a hardware address of Ethernet.

    The link-local address of a new link is as new as its hardware address.
    """
    links = {
        found.link.index: found.link
        for found in handle.links()
        if found.link.name in names and found.link.up and not found.link.loopback and len(found.link.mac) == 17
    }
    for raw in handle.addresses() if links else ():
        link = links.get(messages.index_of_address(raw))
        if link is None:
            continue
        address = messages.parse_address(raw)
        usable = not (address.refused or address.tentative)
        if usable and (names[link.name] or not address.made_by_kernel):
            yield link, address.interface.ip


def _is_router(link: str) -> bool:
    return sysctl.read(join_key("ipv6.conf", link, "forwarding")) not in (None, "0")


def _close_all(pool: ThreadPoolExecutor, sockets: Sequence[socket.socket]) -> None:
    try:
        list(pool.map(_close, sockets))
    except RuntimeError:  # the process may start no further thread: it takes longer
        for opened in sockets:
            opened.close()


def _close(opened: socket.socket) -> None:
    opened.close()


def frame(mac: bytes, address: IPv4Address | IPv6Address, is_router: bool) -> bytes:
    """Return the Ethernet frame that announces an address."""
    if address.version == 4:
        return struct.pack("!6s6sH", BROADCAST, mac, ETH_P_ARP) + _announcement(mac, address.packed)
    return struct.pack("!6s6sH", ALL_NODES_MAC, mac, ETH_P_IPV6) + _advertisement(mac, address.packed, is_router)


def _announcement(mac: bytes, address: bytes) -> bytes:
    return ARP.pack(ARPHRD_ETHER, ETH_P_IP, 6, 4, ARPOP_REQUEST, mac, address, bytes(6), address)


def _advertisement(mac: bytes, address: bytes, is_router: bool) -> bytes:
    # A router that does not say so is no longer one to its neighbours (RFC 4861, 7.2.5).
    flags = OVERRIDE_FLAG | (ROUTER_FLAG if is_router else 0)
    size = ADVERTISEMENT.size

    def message(checksum: int) -> bytes:
        return ADVERTISEMENT.pack(NEIGHBOUR_ADVERTISEMENT, 0, checksum, flags, address, TARGET_ADDRESS, 1, mac)

    pseudo_header = address + ALL_NODES.packed + struct.pack("!II", size, socket.IPPROTO_ICMPV6)
    header = IPV6.pack(6 << 28, size, socket.IPPROTO_ICMPV6, HOP_LIMIT, address, ALL_NODES.packed)
    return header + message(_checksum(pseudo_header + message(0)))


def _checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF

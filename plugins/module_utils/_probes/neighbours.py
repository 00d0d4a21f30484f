# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's tables of neighbours, which hold the MAC addresses that packets go to (arp(7)).

There is one for each address family, for all namespaces together, and the kernel refuses entries beyond
net.ipv4.neigh.default.gc_thresh3, which is 1024 unless somebody raised it: all pairs of a hundred namespaces would be
9,900. Entries that are no longer needed are removed, and half of the table is left to others: that is also where the
kernel starts to collect by force (gc_thresh2).

What is not in the table is asked for by a question to all on the link, which a switch copies to each of its ports: that
grows with the square of the namespaces. Two ends that are both on this host can be introduced to each other instead.
"""

from __future__ import annotations

import socket
import struct
import time
from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, NamedTuple

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink as rtnetlink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    HEADER,
    NDA_DST,
    NDA_LLADDR,
    NDTA_CONFIG,
    NDTA_THRESH3,
    NEIGHBOUR_HEADER,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REQUEST,
    NUD_FAILED,
    NUD_INCOMPLETE,
    NUD_NOARP,
    NUD_PERMANENT,
    NUD_STALE,
    RTM_DELNEIGH,
    RTM_GETNEIGH,
    RTM_GETNEIGHTBL,
    RTM_NEWNEIGH,
)

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Kernel

FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}

#: Where a neighbour entry is, and the address that it is for.
Entry = tuple[NamespaceName, str]

#: Seconds between two looks at the neighbours of namespaces that no probe starts from.
ELSEWHERE = 1.0

#: How struct ndt_config of linux/neighbour.h begins.
NDT_CONFIG = struct.Struct("=HHI")


class _Found(NamedTuple):
    """A neighbour: the index of the link, the state (NUD_...), and the address."""

    link: int
    state: int
    address: str


class End(NamedTuple):
    """Where an address is: the index, MAC address and MTU of its link, and the subnet that is on that link."""

    link: int
    mac: str
    mtu: int
    network: IPv4Network | IPv6Network


def ends_in(state: KernelState) -> dict[Entry, End]:
    """The ends by namespace and address; without those that are there twice, as it is not clear which one answers."""
    found: dict[Entry, End | None] = {}
    for name, namespace in state.namespaces.items():
        links = {link.index: link for link in namespace.links if not link.loopback}
        for address in namespace.addresses:
            link = links.get(address.index)
            if link is not None:
                entry = (name, str(address.interface.ip))
                end = End(link.index, link.mac, link.mtu, address.network)
                found[entry] = None if entry in found else end
    return {entry: end for entry, end in found.items() if end is not None}


class NeighbourTables:
    """The kernel's neighbour tables, one for each family (linux/neighbour.h, RTM_GETNEIGHTBL)."""

    def __init__(self, kernel: Kernel, namespaces: Iterable[NamespaceName] = ()) -> None:
        self._kernel = kernel
        self._namespaces = dict.fromkeys(namespaces)
        #: Legs that may be started before the table is looked at again.
        self._budget = {4: 0, 6: 0}
        self._in_use: Counter[Entry] = Counter()
        self._ours: set[str] = set()
        self._unresolved: dict[NamespaceName, set[str]] = {}
        self._looked_elsewhere = 0.0
        #: Where entries may be that are no longer needed.
        self._to_sweep: dict[int, set[NamespaceName]] = {version: set(self._namespaces) for version in FAMILY}
        self._crowded: set[int] = set()
        #: Entries of introductions, with their links.
        self._introduced: dict[Entry, int] = {}

    def concern(self, addresses: Iterable[str], homes: Iterable[NamespaceName]) -> None:
        """The addresses that the probes lead to or from, and where these are; entries for others stay as they are."""
        self._ours.update(addresses)
        self._namespaces.update(dict.fromkeys(homes))
        for version in FAMILY:
            self._to_sweep[version].update(homes)

    def room(self, version: int, idle: bool) -> bool:
        """Whether one more leg may be started; if nothing is under way, there always is for a few."""
        if self._budget[version] <= 0:
            self._budget[version] = self._room_made(version)
            if self._budget[version] <= 0 and idle:
                self._budget[version] = 8
        return self._budget[version] > 0

    def use(self, version: int, legs: Iterable[Iterable[Entry]]) -> None:
        """The entries of a leg and of those that follow it, which share them."""
        self._budget[version] -= 1
        for entries in legs:
            self._in_use.update(entries)

    def release(self, version: int, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._in_use[entry] -= 1
            if self._in_use[entry] <= 0:
                del self._in_use[entry]
                self._to_sweep[version].add(entry[0])

    def part_the_idle(self, version: int, entries: Iterable[Entry]) -> None:
        """Take back the introductions that no leg needs any more."""
        self.part(version, (entry for entry in entries if entry not in self._in_use))

    def introduce(self, version: int, entry: Entry, near: End, far: End) -> None:
        """Make a far end known at a near one, as if it had been asked for a while ago; an entry that is there stays.

        The kernel believes it for five seconds of traffic without a confirmation (delay_first_probe_time), then asks
        for itself.
        """
        opened = self._socket(entry[0])
        if opened is not None:
            packed = socket.inet_pton(FAMILY[version], entry[1])
            body = NEIGHBOUR_HEADER.pack(FAMILY[version], near.link, NUD_STALE, 0, 0)
            body += rtnetlink.attribute(NDA_DST, packed)
            body += rtnetlink.attribute(NDA_LLADDR, bytes.fromhex(far.mac.replace(":", "")))
            flags = NLM_F_CREATE | NLM_F_EXCL
            [refusal] = opened.request_all([_request(RTM_NEWNEIGH, body, flags)])
            if refusal is None:
                self._introduced[entry] = near.link

    def part(self, version: int, entries: Iterable[Entry]) -> None:
        """Take back introductions: the kernel is to ask by itself."""
        for entry in entries:
            link = self._introduced.pop(entry, None)
            opened = self._socket(entry[0])
            if link is not None and opened is not None:
                opened.request_all([_removal(version, link, entry[1])])

    def _room_made(self, version: int) -> int:
        free = self._free(version)
        if free <= 0:
            self._crowded.add(version)
            self._sweep(version, self._to_sweep[version])
            self._to_sweep[version] = set()
            free = self._free(version)
        if free <= 0 and self._looked_elsewhere + ELSEWHERE < time.monotonic():
            # The far ends' entries may be in namespaces that no probe starts from.
            self._looked_elsewhere = time.monotonic()
            self._sweep(version, [None, *self._kernel.namespace_names()])
            free = self._free(version)
        return free

    def _free(self, version: int) -> int:
        """For how many legs there is room, with an entry at both ends of each."""
        table = self._table(version)
        if table is None:
            return 1 << 30
        limit, entries = table
        return (limit // 2 - entries) // 2

    def _table(self, version: int) -> tuple[int, int] | None:
        """The most entries that the table may have, and those that it has; None where the kernel does not say."""
        opened = self._socket(next(iter(self._namespaces), None))
        if opened is None:
            return None
        for message in opened.dump(_request(RTM_GETNEIGHTBL, bytes([FAMILY[version], 0, 0, 0]))):
            attributes = rtnetlink.attributes_of(message, HEADER.size + 4)
            if message[HEADER.size] == FAMILY[version] and NDTA_THRESH3 in attributes:
                limit = struct.unpack("=I", attributes[NDTA_THRESH3])[0]
                return limit, NDT_CONFIG.unpack_from(attributes[NDTA_CONFIG])[2]
        return None

    def _sweep(self, version: int, namespaces: Iterable[NamespaceName]) -> None:
        """Remove the entries that were made for legs that are done with."""
        for name in namespaces:
            opened = self._socket(name)
            if opened is None:
                continue
            entries = self._entries(opened, version)
            self._note(name, entries)
            done = [entry for entry in entries if self._is_done_with(name, entry)]
            opened.request_all([_removal(version, entry.link, entry.address) for entry in done])

    def _is_done_with(self, name: NamespaceName, entry: _Found) -> bool:
        # The group that a neighbour was asked for in (RFC 4861) is made again when needed.
        if entry.address.startswith("ff"):
            return True
        lasting = entry.state & (NUD_PERMANENT | NUD_NOARP)
        return entry.address in self._ours and not lasting and (name, entry.address) not in self._in_use

    def unresolved(self, name: NamespaceName) -> set[str]:
        """The addresses that nobody on the link answers for, those whose entries have been removed included."""
        opened = self._socket(name)
        if opened is not None:
            for version in FAMILY:
                self._note(name, self._entries(opened, version))
        return self._unresolved.get(name, set())

    def _note(self, name: NamespaceName, entries: Iterable[_Found]) -> None:
        unresolved = self._unresolved.setdefault(name, set())
        for entry in entries:
            if entry.state & (NUD_INCOMPLETE | NUD_FAILED):
                unresolved.add(entry.address)
            else:
                unresolved.discard(entry.address)

    def _entries(self, opened: rtnetlink.NetlinkSocket, version: int) -> list[_Found]:
        found = []
        for message in opened.dump(_request(RTM_GETNEIGH, NEIGHBOUR_HEADER.pack(FAMILY[version], 0, 0, 0, 0))):
            _family, index, state, _flags, _type = NEIGHBOUR_HEADER.unpack_from(message, HEADER.size)
            address = rtnetlink.attributes_of(message, HEADER.size + NEIGHBOUR_HEADER.size).get(NDA_DST)
            if address:
                found.append(_Found(index, state, socket.inet_ntop(FAMILY[version], address)))
        return found

    def _socket(self, name: NamespaceName) -> rtnetlink.NetlinkSocket | None:
        """None where there is no such namespace."""
        try:
            return self._kernel.socket_in(name)
        except Unavailable:
            return None

    def clear(self) -> None:
        """Leave no crowded table behind: what is sent next, by whomever, needs entries too."""
        for version in self._crowded:
            self._sweep(version, self._to_sweep[version])


def _request(kind: int, body: bytes, flags: int = 0) -> bytearray:
    size = HEADER.size + len(body)
    return bytearray(HEADER.pack(size, kind, NLM_F_REQUEST | flags, 0, 0) + body)


def _removal(version: int, link: int, address: str) -> bytearray:
    destination = rtnetlink.attribute(NDA_DST, socket.inet_pton(FAMILY[version], address))
    return _request(RTM_DELNEIGH, NEIGHBOUR_HEADER.pack(FAMILY[version], link, 0, 0, 0) + destination)

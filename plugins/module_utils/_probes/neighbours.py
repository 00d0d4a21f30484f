# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's neighbour tables, which map IP addresses to the MAC addresses that packets are sent to (arp(7)).

There is one for each address family, for all namespaces together, and the kernel refuses entries beyond
net.ipv4.neigh.default.gc_thresh3, which is 1024 by default: all pairs of a hundred namespaces would be 9,900. Entries
that are no longer needed are removed, and half of the table is left to others: that is also where the kernel starts to
collect by force (gc_thresh2).

For an address that has no entry the kernel sends a request to all on the link, which a switch copies to each of its
ports: that grows with the square of the namespaces. Where both ends are on this host, their entries can be created
before the first packet instead ("primed").
"""

from __future__ import annotations

import socket
import struct
import time
from collections import Counter
from collections.abc import Iterable, Sequence
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

#: The address family of each IP version.
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}

#: The namespace that a neighbour entry is in, and the address that it is for.
NeighbourKey = tuple[NamespaceName, str]

#: Seconds between two searches for unused entries in all namespaces, those included that no probe starts from.
FULL_SWEEP_INTERVAL = 1.0
#: Probes that may start without room for their entries where nothing else is under way.
MIN_BUDGET = 8

#: How struct ndt_config of linux/neighbour.h begins.
NDT_CONFIG = struct.Struct("=HHI")


class _Neighbour(NamedTuple):
    """A neighbour entry: the index of the link, the state (NUD_...), and the address."""

    link: int
    state: int
    address: str


class Endpoint(NamedTuple):
    """Where an address is: the index, MAC address and MTU of its link, and the subnet that is on that link."""

    link: int
    mac: str
    mtu: int
    network: IPv4Network | IPv6Network


def endpoints_in(state: KernelState) -> dict[NeighbourKey, Endpoint]:
    """Return the endpoints by namespace and address.

    An address that a namespace has on two links is left out, as it is not clear which of them answers.
    """
    found: dict[NeighbourKey, Endpoint | None] = {}
    for name, namespace in state.namespaces.items():
        links = {link.index: link for link in namespace.links if not link.loopback}
        for address in namespace.addresses:
            link = links.get(address.index)
            if link is not None:
                key = (name, str(address.interface.ip))
                endpoint = Endpoint(link.index, link.mac, link.mtu, address.network)
                found[key] = None if key in found else endpoint
    return {key: endpoint for key, endpoint in found.items() if endpoint is not None}


class NeighbourTables:
    """The kernel's neighbour tables, one for each family (linux/neighbour.h, RTM_GETNEIGHTBL)."""

    def __init__(self, kernel: Kernel, namespaces: Iterable[NamespaceName] = ()) -> None:
        self._kernel = kernel
        self._namespaces = dict.fromkeys(namespaces)
        #: Probes that may start before the table is read again.
        self._budget = {4: 0, 6: 0}
        self._in_use: Counter[NeighbourKey] = Counter()
        self._tracked: set[str] = set()
        self._unresolved: dict[NamespaceName, set[str]] = {}
        self._last_full_sweep = 0.0
        #: Namespaces that may hold unused entries.
        self._to_sweep: dict[int, set[NamespaceName]] = {version: set(self._namespaces) for version in FAMILY}
        #: Families whose table was full at some time.
        self._full: set[int] = set()
        #: The primed entries, with their links.
        self._primed: dict[NeighbourKey, int] = {}

    def track(self, addresses: Iterable[str], locations: Iterable[NamespaceName]) -> None:
        """Take the addresses of the probes and where they are; entries for other addresses are left alone."""
        self._tracked.update(addresses)
        self._namespaces.update(dict.fromkeys(locations))
        for version in FAMILY:
            self._to_sweep[version].update(locations)

    def has_room(self, version: int, idle: bool) -> bool:
        """Return whether one more probe may start; if none is under way, a few always may."""
        if self._budget[version] <= 0:
            self._budget[version] = self._make_room(version)
            if self._budget[version] <= 0 and idle:
                self._budget[version] = MIN_BUDGET
        return self._budget[version] > 0

    def reserve(self, version: int, probes: Iterable[Iterable[NeighbourKey]]) -> None:
        """Reserve the entries of a probe and of those that follow it, which share them."""
        self._budget[version] -= 1
        for keys in probes:
            self._in_use.update(keys)

    def release(self, version: int, keys: Iterable[NeighbourKey]) -> None:
        """Release the entries of a probe that has ended."""
        for key in keys:
            self._in_use[key] -= 1
            if self._in_use[key] <= 0:
                del self._in_use[key]
                self._to_sweep[version].add(key[0])

    def prime_entry(self, version: int, key: NeighbourKey, near: Endpoint, far: Endpoint) -> None:
        """Create the entry for a far end at a near one, as if it had been resolved a while ago.

        An existing entry is left alone. The kernel trusts the new one for five seconds of traffic without a
        confirmation (delay_first_probe_time), then sends a request itself.
        """
        opened = self._socket_in(key[0])
        if opened is None:
            return
        body = NEIGHBOUR_HEADER.pack(FAMILY[version], near.link, NUD_STALE, 0, 0)
        body += rtnetlink.attribute(NDA_DST, socket.inet_pton(FAMILY[version], key[1]))
        body += rtnetlink.attribute(NDA_LLADDR, bytes.fromhex(far.mac.replace(":", "")))
        flags = NLM_F_CREATE | NLM_F_EXCL
        [refusal] = opened.request_all([_build_request(RTM_NEWNEIGH, body, flags)])
        if refusal is None:
            self._primed[key] = near.link

    def prime_pair(self, version: int, keys: Sequence[NeighbourKey], ends: tuple[Endpoint, Endpoint]) -> None:
        """Create the entries of two ends for each other; `keys` are that at the near end and that at the far one."""
        there, back = keys
        near, far = ends
        self.prime_entry(version, there, near, far)
        self.prime_entry(version, back, far, near)

    def remove_primed(self, version: int, keys: Iterable[NeighbourKey]) -> None:
        """Remove primed entries, so that the kernel resolves the addresses itself."""
        for key in keys:
            link = self._primed.pop(key, None)
            opened = self._socket_in(key[0])
            if link is not None and opened is not None:
                opened.request_all([_build_removal(version, link, key[1])])

    def remove_idle_primed(self, version: int, keys: Iterable[NeighbourKey]) -> None:
        """Remove those primed entries that no probe needs any more."""
        self.remove_primed(version, (key for key in keys if key not in self._in_use))

    def find_unresolved(self, name: NamespaceName) -> set[str]:
        """Return the addresses that no host on the link answers for, also those whose entries were removed."""
        opened = self._socket_in(name)
        if opened is not None:
            for version in FAMILY:
                self._record_unresolved(name, self._read_entries(opened, version))
        return self._unresolved.get(name, set())

    def clear(self) -> None:
        """Leave no full table behind: what others send next needs entries too."""
        for version in self._full:
            self._sweep(version, self._to_sweep[version])

    def _make_room(self, version: int) -> int:
        free = self._count_free(version)
        if free <= 0:
            self._full.add(version)
            self._sweep(version, self._to_sweep[version])
            self._to_sweep[version] = set()
            free = self._count_free(version)
        if free <= 0 and self._last_full_sweep + FULL_SWEEP_INTERVAL < time.monotonic():
            # The far ends' entries may be in namespaces that no probe starts from.
            self._last_full_sweep = time.monotonic()
            self._sweep(version, [None, *self._kernel.namespace_names()])
            free = self._count_free(version)
        return free

    def _count_free(self, version: int) -> int:
        """Return for how many probes there is room, with an entry at both ends of each."""
        usage = self._read_usage(version)
        if usage is None:
            return 1 << 30
        limit, entries = usage
        return (limit // 2 - entries) // 2

    def _read_usage(self, version: int) -> tuple[int, int] | None:
        """Return the table's limit and number of entries, or None where the kernel does not report them."""
        opened = self._socket_in(next(iter(self._namespaces), None))
        if opened is None:
            return None
        for message in opened.dump(_build_request(RTM_GETNEIGHTBL, bytes([FAMILY[version], 0, 0, 0]))):
            attributes = rtnetlink.attributes_of(message, HEADER.size + 4)
            if message[HEADER.size] == FAMILY[version] and NDTA_THRESH3 in attributes:
                limit = struct.unpack("=I", attributes[NDTA_THRESH3])[0]
                return limit, NDT_CONFIG.unpack_from(attributes[NDTA_CONFIG])[2]
        return None

    def _sweep(self, version: int, namespaces: Iterable[NamespaceName]) -> None:
        """Remove the entries that probes needed and none needs any more."""
        for name in namespaces:
            opened = self._socket_in(name)
            if opened is None:
                continue
            entries = self._read_entries(opened, version)
            self._record_unresolved(name, entries)
            unused = [entry for entry in entries if self._is_unused(name, entry)]
            opened.request_all([_build_removal(version, entry.link, entry.address) for entry in unused])

    def _is_unused(self, name: NamespaceName, entry: _Neighbour) -> bool:
        # The kernel creates the entry of the group that a neighbour was asked for in (RFC 4861) again when needed.
        if entry.address.startswith("ff"):
            return True
        lasting = entry.state & (NUD_PERMANENT | NUD_NOARP)
        return entry.address in self._tracked and not lasting and (name, entry.address) not in self._in_use

    def _record_unresolved(self, name: NamespaceName, entries: Iterable[_Neighbour]) -> None:
        unresolved = self._unresolved.setdefault(name, set())
        for entry in entries:
            if entry.state & (NUD_INCOMPLETE | NUD_FAILED):
                unresolved.add(entry.address)
            else:
                unresolved.discard(entry.address)

    def _read_entries(self, opened: rtnetlink.NetlinkSocket, version: int) -> list[_Neighbour]:
        found = []
        request = _build_request(RTM_GETNEIGH, NEIGHBOUR_HEADER.pack(FAMILY[version], 0, 0, 0, 0))
        for message in opened.dump(request):
            _family, index, state, _flags, _type = NEIGHBOUR_HEADER.unpack_from(message, HEADER.size)
            address = rtnetlink.attributes_of(message, HEADER.size + NEIGHBOUR_HEADER.size).get(NDA_DST)
            if address:
                found.append(_Neighbour(index, state, socket.inet_ntop(FAMILY[version], address)))
        return found

    def _socket_in(self, name: NamespaceName) -> rtnetlink.NetlinkSocket | None:
        """Return the socket in a namespace, or None where there is no such namespace."""
        try:
            return self._kernel.socket_in(name)
        except Unavailable:
            return None


def _build_request(kind: int, body: bytes, flags: int = 0) -> bytearray:
    size = HEADER.size + len(body)
    return bytearray(HEADER.pack(size, kind, NLM_F_REQUEST | flags, 0, 0) + body)


def _build_removal(version: int, link: int, address: str) -> bytearray:
    destination = rtnetlink.attribute(NDA_DST, socket.inet_pton(FAMILY[version], address))
    return _build_request(RTM_DELNEIGH, NEIGHBOUR_HEADER.pack(FAMILY[version], link, 0, 0, 0) + destination)

# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes sent from inside namespaces, all at once, by one thread.

A socket stays in the namespace in which it was made, so one loop serves them all. What is limited:

- how much is under way in the same moment, as a burst of thousands of packets is lost in buffers on the way;
- how many neighbour entries exist, as the kernel has one table per address family for all namespaces together and refuses
  entries beyond net.ipv4.neigh.default.gc_thresh3, which is 1024 unless somebody raised it (arp(7)). All pairs of a hundred
  namespaces would be 9,900. Entries that are no longer needed are removed, and a quarter of the table is left to others.
"""

from __future__ import annotations

import errno
import heapq
import os
import resource
import secrets
import selectors
import socket
import struct
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from ansible_collections.netns.fabric.plugins.module_utils import _rtnetlink as rtnetlink
from ansible_collections.netns.fabric.plugins.module_utils._errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._kernel_state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._reachability import (
    CLOSED,
    CORRUPTED,
    ERROR,
    ERRORS,
    NO_NAMESPACE,
    NO_NEIGHBOUR,
    SILENCE,
    STALLED,
    Answer,
    Outcome,
    Probe,
    answer_in,
    cause_of_errno,
    cause_of_error,
    echo_request,
    exchange_size,
    place,
)

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._netlink import Kernel

#: Legs whose first packet is on its way; one that stays unanswered for SETTLED seconds no longer counts.
WINDOW = 64
SETTLED = 0.02
#: When a request is sent again, in parts of the timeout; the last one is the end of the wait.
ATTEMPTS = (0.15, 0.4, 0.7, 1.0)
#: Seconds after which a reported error is put to the test by one more request.
CONFIRMATION = 0.05
#: TCP exchanges that send data in the same moment.
SENDING = 32
#: An exchange that keeps moving has at most so many times its timeout.
PATIENCE = 10
#: Descriptors left to the rest of the process.
SPARE_DESCRIPTORS = 64
#: Echo requests of one socket: with every attempt they fit in the sixteen bits of the sequence number.
ECHOES_PER_SOCKET = 10000
#: Packets that are read from one socket before the others have their turn.
READS = 64
CHUNK = 65536
RECEIVE_BUFFER = 4 << 20

# asm-generic/socket.h, linux/in.h, linux/in6.h, linux/icmp.h, linux/icmpv6.h, linux/errqueue.h
SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 32, 33, 35
IP_RECVERR, IP_FREEBIND, IPV6_RECVERR, IPV6_FREEBIND = 11, 15, 25, 78
SOL_RAW, ICMP_FILTER, ICMPV6_FILTER = 255, 1, 1
MSG_ERRQUEUE = 0x2000
EXTENDED_ERROR = struct.Struct("=IBBBBII")
ORIGIN_ICMP, ORIGIN_ICMP6 = 2, 3
TIMESTAMP = struct.Struct("ll")
#: tcpi_rtt of struct tcp_info (linux/tcp.h), in microseconds.
TCP_RTT_OFFSET = 68

# linux/rtnetlink.h, linux/neighbour.h
RTM_DELNEIGH, RTM_GETNEIGH, RTM_GETNEIGHTBL = 29, 30, 66
NEIGHBOUR_HEADER = struct.Struct("=BxxxiHBB")
NDA_DST, NDTA_THRESH3, NDTA_CONFIG = 1, 4, 5
NDT_CONFIG = struct.Struct("=HHI")
NUD_INCOMPLETE, NUD_FAILED, NUD_NOARP, NUD_PERMANENT = 0x01, 0x20, 0x40, 0x80

#: The first bytes of an exchange say whose it is.
GREETING = struct.Struct("!16sI")

FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


class Prober:
    """Sends probes. Nothing is left of it when a method returns, but for entries in the kernel's neighbour tables."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def ask(self, probes: Sequence[Probe], listeners: Mapping[Probe, Sequence[NamespaceName]]) -> list[Outcome]:
        """The outcome of each probe, in their order.

        `listeners` tells for every TCP probe without a port where to listen for it.

        Raises:
            Unavailable: A namespace to listen in is gone.
            OSError: The host is out of descriptors or memory.
        """
        if not probes:
            return []
        run = _Run(self._kernel, probes, listeners)
        try:
            return run.outcomes()
        finally:
            run.close()

    def unresolved(self, namespaces: Iterable[NamespaceName]) -> dict[NamespaceName, set[str]]:
        """The addresses, by namespace, that something was to be sent to and nobody on the link answers for."""
        neighbours = _Neighbours(self._kernel)
        try:
            return {name: neighbours.unresolved(name) for name in namespaces}
        finally:
            neighbours.close()


class _Loop:
    """Sockets to watch, and timers."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()

    def watch(self, watched: socket.socket, events: int, callback: Callable[[int], None]) -> None:
        if watched.fileno() in self._selector.get_map():
            self._selector.modify(watched, events, callback)
        else:
            self._selector.register(watched, events, callback)

    def forget(self, watched: socket.socket) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(watched)

    def at(self, moment: float, callback: Callable[[float], None]) -> None:
        heapq.heappush(self._timers, (moment, next(self._order), callback))

    def turn(self, patience: float) -> None:
        """Serve the sockets, waiting for at most `patience` seconds, then the timers.

        What came in before a timer's moment is read before the timer goes off, however late both are.
        """
        now = time.monotonic()
        if self._timers:
            patience = min(patience, max(0.0, self._timers[0][0] - now))
        for key, events in self._selector.select(patience):
            key.data(events)
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2](now)

    def close(self) -> None:
        self._selector.close()


class _Neighbours:
    """The kernel's neighbour tables, one for each family (linux/neighbour.h, RTM_GETNEIGHTBL)."""

    def __init__(self, kernel: Kernel, namespaces: Iterable[NamespaceName] = ()) -> None:
        self._kernel = kernel
        self._namespaces = dict.fromkeys(namespaces)
        self._sockets: dict[NamespaceName, rtnetlink.RtnetlinkSocket | None] = {}
        #: Legs that may be started before the table is looked at again.
        self._budget = {4: 0, 6: 0}
        self._in_use: Counter[tuple[NamespaceName, str]] = Counter()
        self._ours: set[str] = set()
        self._failed: set[tuple[NamespaceName, str]] = set()

    def concern(self, addresses: Iterable[str]) -> None:
        """The addresses that the probes lead to or from; entries for others are none of our business."""
        self._ours.update(addresses)

    def room(self, version: int, idle: bool) -> bool:
        """Whether one more leg may be started; if nothing is under way, there always is for a few."""
        if self._budget[version] <= 0:
            self._budget[version] = self._room_made(version)
            if self._budget[version] <= 0 and idle:
                self._budget[version] = 8
        return self._budget[version] > 0

    def use(self, version: int, entries: Sequence[tuple[NamespaceName, str]]) -> None:
        self._budget[version] -= 1
        self._in_use.update(entries)

    def release(self, entries: Sequence[tuple[NamespaceName, str]]) -> None:
        self._in_use.subtract(entries)

    def _room_made(self, version: int) -> int:
        free = self._free(version)
        if free <= 0:
            self._sweep(version, list(self._namespaces))
            free = self._free(version)
        if free <= 0:  # the far ends' entries may be in namespaces that no probe starts from
            others = [name for name in (None, *self._kernel.namespace_names()) if name not in self._namespaces]
            self._sweep(version, others)
            free = self._free(version)
        return free

    def _free(self, version: int) -> int:
        """For how many legs there is room, with an entry at both ends of each."""
        table = self._table(version)
        if table is None:
            return 1 << 30
        limit, entries = table
        return (limit * 3 // 4 - entries) // 2

    def _table(self, version: int) -> tuple[int, int] | None:
        """The most entries that the table may have, and those that it has; None where the kernel does not say."""
        opened = self._socket(next(iter(self._namespaces), None))
        if opened is None:
            return None
        for message in opened.dump(_neighbour_request(RTM_GETNEIGHTBL, FAMILY[version], b"")):
            attributes = rtnetlink.attributes_of(message, rtnetlink.HEADER.size + 4)
            if message[rtnetlink.HEADER.size] == FAMILY[version] and NDTA_THRESH3 in attributes:
                limit = struct.unpack("=I", attributes[NDTA_THRESH3])[0]
                return limit, NDT_CONFIG.unpack_from(attributes[NDTA_CONFIG])[2]
        return None

    def _sweep(self, version: int, namespaces: Iterable[NamespaceName]) -> None:
        """Remove the entries that were made for legs that are done with."""
        for name in namespaces:
            opened = self._socket(name)
            if opened is None:
                continue
            requests = []
            for index, state, address in self._entries(opened, version):
                if state & (NUD_INCOMPLETE | NUD_FAILED):
                    self._failed.add((name, address))
                if address in self._ours and not state & (NUD_PERMANENT | NUD_NOARP) and not self._in_use[name, address]:
                    requests.append(_removal(version, index, address))
            opened.request_all(requests)

    def unresolved(self, name: NamespaceName) -> set[str]:
        found = {address for namespace, address in self._failed if namespace == name}
        opened = self._socket(name)
        for version in (4, 6) if opened else ():
            assert opened is not None
            for _index, state, address in self._entries(opened, version):
                if state & (NUD_INCOMPLETE | NUD_FAILED):
                    found.add(address)
        return found

    def _entries(self, opened: rtnetlink.RtnetlinkSocket, version: int) -> list[tuple[int, int, str]]:
        found = []
        for message in opened.dump(_neighbour_request(RTM_GETNEIGH, FAMILY[version], NEIGHBOUR_HEADER.pack(FAMILY[version], 0, 0, 0, 0))):
            _family, index, state, _flags, _type = NEIGHBOUR_HEADER.unpack_from(message, rtnetlink.HEADER.size)
            address = rtnetlink.attributes_of(message, rtnetlink.HEADER.size + NEIGHBOUR_HEADER.size).get(NDA_DST)
            if address:
                found.append((index, state, socket.inet_ntop(FAMILY[version], address)))
        return found

    def _socket(self, name: NamespaceName) -> rtnetlink.RtnetlinkSocket | None:
        if name not in self._sockets:
            self._sockets[name] = None
            with suppress(Unavailable), self._kernel.entered(name):
                self._sockets[name] = rtnetlink.RtnetlinkSocket()
        return self._sockets[name]

    def close(self) -> None:
        for opened in self._sockets.values():
            if opened is not None:
                opened.close()

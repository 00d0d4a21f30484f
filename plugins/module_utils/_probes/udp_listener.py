# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sockets that UDP probes lead to.

A datagram to a program proves nothing unless the program answers, and it need not. So this process listens itself;
where a program has the port already, it reads a copy of what arrives there (raw(7)), and answers from the program's
port. The copy is taken before the checksum is verified: over IPv4 only a listener of its own finds a wrong one.
"""

from __future__ import annotations

import errno
import secrets
import selectors
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._probes.active_probe import Scheduler
from ansible_collections.netns.fabric.plugins.module_utils._probes.icmp import checksum
from ansible_collections.netns.fabric.plugins.module_utils._probes.icmp_probe import READS
from ansible_collections.netns.fabric.plugins.module_utils._probes.listener_group import Listener, ListenerGroup, bind
from ansible_collections.netns.fabric.plugins.module_utils._probes.port_filter import attach_port_filter
from ansible_collections.netns.fabric.plugins.module_utils._probes.udp_probe import UdpProbe

#: A datagram of this process: a secret of the call, one for questions and one for answers, and the index of the probe.
DATAGRAM = struct.Struct("!16sI")
#: The UDP header (RFC 768): the ports, the length, the checksum.
HEADER = struct.Struct("!HHHH")
#: Bytes that are read of a datagram.
DATAGRAM_MAX = 2048

#: Takes a datagram and the namespace that it has arrived in; returns the answer, None for somebody else's datagram.
OnDatagram = Callable[[bytes, NamespaceName], "bytes | None"]


class UdpListeners:
    """The sockets that the UDP probes of one run lead to."""

    def __init__(self, run: Scheduler) -> None:
        self._run = run
        self._question, self._answer = secrets.token_bytes(16), secrets.token_bytes(16)
        self._groups: dict[tuple[object, ...], ListenerGroup] = {}
        self._probes: dict[int, UdpProbe] = {}

    def datagrams_for(self, index: int) -> tuple[bytes, bytes]:
        """Return the question and the answer of a probe. Who knows one of them does not know the other."""
        return DATAGRAM.pack(self._question, index), DATAGRAM.pack(self._answer, index)

    def open(self, probe: UdpProbe, namespaces: Sequence[NamespaceName]) -> None:
        """Listen for a probe in all of the namespaces, on one port; probes to the same address share it.

        Where the port is that of a program at the destination (there is no `service`), nothing is opened unless a
        program listens: the kernel then reports that nothing does (RFC 1122, 4.1.3.1).

        Raises:
            Unavailable: One of the namespaces does not exist.
            OSError: The host is out of descriptors, ports or memory.
        """
        is_programs = not probe.probe.needs_listener
        address, port = probe.probe.service or (probe.probe.to, probe.probe.port or 0)
        key = (address, port, is_programs, *namespaces)
        if key not in self._groups:
            listen = self._listen_at if port == 0 else self._watch if is_programs else self._listen_or_watch
            self._groups[key] = ListenerGroup(listen, address, port, namespaces)
        self._probes[probe.index] = probe
        probe.leads_here = not is_programs
        if probe.probe.port is None:
            probe.port = self._groups[key].port

    def _listen_at(self, namespace: NamespaceName, address: Address, port: int) -> Listener:
        return _Listener(self._run, namespace, address, port, self._receive)

    def _listen_or_watch(self, namespace: NamespaceName, address: Address, port: int) -> Listener:
        try:
            return self._listen_at(namespace, address, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        return _Watcher(self._run, namespace, address, port, self._receive)

    def _watch(self, namespace: NamespaceName, address: Address, port: int) -> Listener:
        listener = self._listen_or_watch(namespace, address, port)
        if isinstance(listener, _Listener):
            listener.close()  # nothing has the port
        return listener

    def _receive(self, datagram: bytes, namespace: NamespaceName) -> bytes | None:
        """Return the answer to a datagram; whoever does not know the secret gets none."""
        if len(datagram) != DATAGRAM.size:
            return None
        token, index = DATAGRAM.unpack(datagram)
        if not secrets.compare_digest(token, self._question) or index not in self._probes:
            return None
        probe = self._probes[index]
        probe.arrived_in = namespace
        return probe.answer

    def close(self) -> None:
        """Close all of them."""
        for group in self._groups.values():
            group.close()


class _Listener:
    """A socket that has a port of its own."""

    def __init__(
        self, run: Scheduler, namespace: NamespaceName, address: Address, port: int, on_datagram: OnDatagram
    ) -> None:
        self._namespace = namespace
        self._loop = run.loop
        self._on_datagram = on_datagram
        self._socket = bind(run.kernel, namespace, socket.SOCK_DGRAM, address, port)
        self.port: int = self._socket.getsockname()[1]
        self._loop.watch(self._socket, selectors.EVENT_READ, self._read)

    def _read(self, _events: int) -> None:
        for _turn in range(READS):
            try:
                datagram, sender = self._socket.recvfrom(DATAGRAM_MAX)
            except OSError:
                return
            answer = self._on_datagram(datagram, self._namespace)
            if answer is not None:
                with suppress(OSError):  # the question is sent again
                    self._socket.sendto(answer, sender)

    def close(self) -> None:
        self._loop.unwatch(self._socket)
        self._socket.close()


class _Watcher:
    """A raw socket for a port that a program has.

    It gets a copy of each datagram that the packet filter has let in, before the program does (raw_local_deliver() and
    raw6_local_deliver() of the kernel).
    """

    def __init__(
        self, run: Scheduler, namespace: NamespaceName, address: Address, port: int, on_datagram: OnDatagram
    ) -> None:
        self.port = port
        self._namespace = namespace
        self._address = address
        self._loop = run.loop
        self._on_datagram = on_datagram
        self._socket = bind(run.kernel, namespace, socket.SOCK_RAW, address, 0, socket.IPPROTO_UDP)
        try:
            if address.version == 6:  # the kernel verifies and writes the checksum at this offset (RFC 3542, 3.1)
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_CHECKSUM, 6)
            attach_port_filter(self._socket, address.version, port)
        except OSError:
            self._socket.close()
            raise
        self._loop.watch(self._socket, selectors.EVENT_READ, self._read)

    def _read(self, _events: int) -> None:
        for _turn in range(READS):
            try:
                packet, sender = self._socket.recvfrom(DATAGRAM_MAX)
            except OSError:
                return
            start = (packet[0] & 0x0F) * 4 if self._address.version == 4 else 0
            if len(packet) < start + HEADER.size:
                continue
            source, port, _length, _checksum = HEADER.unpack_from(packet, start)
            answer = self._on_datagram(packet[start + HEADER.size :], self._namespace) if port == self.port else None
            if answer is not None:
                with suppress(OSError):  # the question is sent again
                    self._socket.sendto(self._datagram_to(sender[0], source, answer), (sender[0], 0, *sender[2:]))

    def _datagram_to(self, host: str, port: int, content: bytes) -> bytes:
        """Return a datagram from the program's port; over IPv4 with the checksum (RFC 768)."""
        length = HEADER.size + len(content)
        unchecked = HEADER.pack(self.port, port, length, 0) + content
        if self._address.version == 6:
            return unchecked
        pseudo = struct.pack("!4s4sBBH", self._address.packed, ip_address(host).packed, 0, socket.IPPROTO_UDP, length)
        # Zero would mean that there is none.
        return HEADER.pack(self.port, port, length, checksum(pseudo + unchecked) or 0xFFFF) + content

    def close(self) -> None:
        self._loop.unwatch(self._socket)
        self._socket.close()

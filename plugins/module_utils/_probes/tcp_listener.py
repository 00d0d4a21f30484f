# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listeners that TCP probes without a port lead to, and which probe an accepted connection belongs to."""

from __future__ import annotations

import errno
import secrets
import selectors
import socket
import struct
from collections.abc import Callable, Sequence

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._probes.active_probe import Scheduler
from ansible_collections.netns.fabric.plugins.module_utils._probes.listener_group import ListenerGroup, bind
from ansible_collections.netns.fabric.plugins.module_utils._probes.tcp_probe import TcpProbe

#: Connections that wait to be accepted (listen(2)).
BACKLOG = 4096
#: The first bytes of an exchange: the secret of the call and the index of the probe.
GREETING = struct.Struct("!16sI")

#: Takes a greeting, the connection that it came over, and the namespace; returns whether the connection is wanted.
OnGreeting = Callable[[bytes, socket.socket, NamespaceName], bool]


class Listeners:
    """The listeners of one run."""

    def __init__(self, run: Scheduler, token: bytes) -> None:
        self._run = run
        self._token = token
        self._groups: dict[tuple[object, ...], ListenerGroup] = {}
        self._exchanges: dict[int, TcpProbe] = {}

    def open(self, exchange: TcpProbe, namespaces: Sequence[NamespaceName]) -> None:
        """Listen for an exchange in all of the namespaces, on one port; probes to the same address share it.

        Where a service has the port that a published one leads to, the exchange is a plain connection to it.

        Raises:
            Unavailable: One of the namespaces does not exist.
            OSError: The host is out of descriptors, ports or memory.
        """
        service = exchange.probe.service
        address, port = service or (exchange.probe.to, 0)
        key = (address, port, *namespaces)
        if key not in self._groups:
            try:
                self._groups[key] = ListenerGroup(self._listen, address, port, namespaces)
            except OSError as error:
                if service is None or error.errno != errno.EADDRINUSE:
                    raise
                return
        self._exchanges[exchange.index] = exchange
        if service is None:
            exchange.port = self._groups[key].port

    def _listen(self, namespace: NamespaceName, address: Address, port: int) -> _Listener:
        return _Listener(self._run, namespace, address, port, self._hand_over)

    def are_open_for(self, exchange: TcpProbe) -> bool:
        """Return whether an exchange leads to a listener of this process."""
        return exchange.index in self._exchanges

    def greeting_for(self, exchange: TcpProbe) -> bytes:
        """Return the first bytes that an exchange sends."""
        return GREETING.pack(self._token, exchange.index)

    def _hand_over(self, greeting: bytes, connection: socket.socket, namespace: NamespaceName) -> bool:
        """Give a connection to the exchange that it belongs to; whoever does not know the secret is turned away."""
        token, index = GREETING.unpack(greeting)
        if not secrets.compare_digest(token, self._token) or index not in self._exchanges:
            return False
        return self._exchanges[index].accept(connection, namespace)

    def close(self) -> None:
        """Close all listeners."""
        for group in self._groups.values():
            group.close()


class _Listener:
    def __init__(
        self, run: Scheduler, namespace: NamespaceName, address: Address, port: int, on_greeting: OnGreeting
    ) -> None:
        self._namespace = namespace
        self._loop = run.loop
        self._on_greeting = on_greeting
        #: Accepted connections whose greeting has not arrived.
        self._pending: set[socket.socket] = set()
        self._socket = bind(run.kernel, namespace, socket.SOCK_STREAM, address, port)
        try:
            self._socket.listen(BACKLOG)
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._loop.watch(self._socket, selectors.EVENT_READ, self._accept)

    def _accept(self, _events: int) -> None:
        try:
            connection, _address = self._socket.accept()
        except OSError:
            return  # the client has closed it again
        connection.setblocking(False)
        self._pending.add(connection)
        self._loop.watch(connection, selectors.EVENT_READ, lambda _events: self._read_greeting(connection))

    def _read_greeting(self, connection: socket.socket) -> None:
        """Wait until the whole greeting has arrived, then hand the connection over or close it."""
        try:
            greeting = connection.recv(GREETING.size, socket.MSG_PEEK)
            if 0 < len(greeting) < GREETING.size:
                return
            greeting = connection.recv(GREETING.size)
        except BlockingIOError:
            return
        except OSError:
            greeting = b""
        self._pending.discard(connection)
        self._loop.unwatch(connection)
        if not greeting or not self._on_greeting(greeting, connection, self._namespace):
            connection.close()

    def close(self) -> None:
        for end in (self._socket, *self._pending):
            self._loop.unwatch(end)
            end.close()

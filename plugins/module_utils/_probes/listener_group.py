# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners for one address on one port, in every namespace that has the address."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import place
from ansible_collections.netns.fabric.plugins.module_utils._probes.neighbours import FAMILY

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Kernel

#: How many ports are tried to find one that is free in all namespaces.
PORT_ATTEMPTS = 16

# linux/in.h, linux/in6.h
IP_FREEBIND, IPV6_FREEBIND = 15, 78


class Listener(Protocol):
    """A socket that probes lead to."""

    port: int

    def close(self) -> None:
        """Close it."""


#: Opens a listener in a namespace, at an address and a port, 0 for a free one.
Listen = Callable[[NamespaceName, Address, int], Listener]


class ListenerGroup:
    """The listeners for one address: one port, a free one if none is given, in every namespace that has the address."""

    def __init__(self, listen: Listen, address: Address, port: int, namespaces: Sequence[NamespaceName]) -> None:
        self.port = port
        self._listeners: list[Listener] = []
        for _attempt in range(1 if port else PORT_ATTEMPTS):
            try:
                self._open(listen, address, port, namespaces)
                return
            except OSError as error:
                self.close()
                if error.errno != errno.EADDRINUSE:
                    raise
        everywhere = ", ".join(map(place, namespaces))
        raise OSError(errno.EADDRINUSE, f"no port for {address} is free in all of {everywhere}")

    def _open(self, listen: Listen, address: Address, port: int, namespaces: Sequence[NamespaceName]) -> None:
        self.port = port
        for name in namespaces:
            listener = listen(name, address, self.port)
            self._listeners.append(listener)
            self.port = listener.port

    def close(self) -> None:
        """Close all of them."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()


def bind(
    kernel: Kernel, namespace: NamespaceName, kind: int, address: Address, port: int, protocol: int = 0
) -> socket.socket:
    """Return a socket of a kind (SOCK_...) in a namespace, bound to an address and a port.

    Raises:
        Unavailable: The namespace does not exist.
        OSError: The port is in use, or the host is out of descriptors, ports or memory.
    """
    with kernel.entered(namespace):
        sock = socket.socket(FAMILY[address.version], kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
    try:
        if kind == socket.SOCK_STREAM:
            # Closed connections of an earlier call keep the port for a minute (TIME_WAIT, socket(7)); it is in use
            # where a program listens.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # An IPv6 address can be bound to while duplicate address detection is still going on.
        if address.version == 4:
            sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        sock.bind((str(address), port))
    except OSError:
        sock.close()
        raise
    return sock

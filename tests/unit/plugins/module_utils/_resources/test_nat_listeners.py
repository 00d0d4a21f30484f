# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which services of the router lose packets to a published port."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.sockets import Socket
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_listeners import Published, takes_from

STATE = KernelState({None: NamespaceState(None, (Link(1, "lo"), Link(2, "lan0"), Link(3, "wan0")))})
SSHD = Socket("tcp", "0.0.0.0", 22, 4, 0, 0, 7)  # noqa: S104  # what is read
PORT = Published(None, "tcp", (22, 22), 4)


@pytest.mark.parametrize(
    "published",
    [
        PORT,
        replace(PORT, ports=(1, 65535)),
        replace(PORT, address="192.0.2.1"),
        replace(PORT, interface="lan0"),
    ],
)
def test_a_service_at_all_addresses(published: Published) -> None:
    assert takes_from(STATE, published, SSHD)
    assert takes_from(STATE, published, replace(SSHD, address="::", version=6))
    assert not takes_from(STATE, published, replace(SSHD, address="::", version=6, v6only=True))
    assert not takes_from(STATE, replace(published, version=6, address=None), SSHD)


@pytest.mark.parametrize(
    "socket",
    [
        replace(SSHD, protocol="udp"),
        replace(SSHD, port=23),
        replace(SSHD, address="127.0.0.53"),
        replace(SSHD, address="::1", version=6),
        replace(SSHD, address="2001:db8::1", version=6),
    ],
)
def test_services_that_keep_their_packets(socket: Socket) -> None:
    assert not takes_from(STATE, PORT, socket)


@pytest.mark.parametrize(("address", "version"), [("192.0.2.1", 4), ("::ffff:192.0.2.1", 6)])
def test_a_service_at_one_address(address: str, version: int) -> None:
    socket = replace(SSHD, address=address, version=version)
    assert takes_from(STATE, PORT, socket)
    assert takes_from(STATE, replace(PORT, address="192.0.2.1"), socket)
    assert not takes_from(STATE, replace(PORT, address="192.0.2.2"), socket)


def test_a_service_on_one_link() -> None:
    socket = replace(SSHD, device=2)
    assert takes_from(STATE, PORT, socket)
    assert takes_from(STATE, replace(PORT, interface="lan0"), socket)
    assert not takes_from(STATE, replace(PORT, interface="wan0"), socket)
    assert not takes_from(STATE, replace(PORT, interface="gone"), socket)

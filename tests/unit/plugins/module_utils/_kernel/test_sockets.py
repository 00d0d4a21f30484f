# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listening sockets, as sock_diag(7) lists them."""

from __future__ import annotations

import socket
import struct

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel import sockets


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_socket_in_an_answer(family: socket.AddressFamily, address: str) -> None:
    """struct nlmsghdr, then struct inet_diag_msg of linux/inet_diag.h."""
    packed = socket.inet_pton(family, address).ljust(16, b"\0")
    identity = struct.pack(">HH", 8080, 0) + packed + bytes(16) + struct.pack("=I", 3) + bytes(8)
    numbers = struct.pack("=IIIII", 0, 0, 0, 1000, 4242)
    found = sockets._parse("tcp", bytes(16) + bytes([family, 10, 0, 0]) + identity + numbers)
    assert found == sockets.Socket("tcp", address, 8080, 4 if family == socket.AF_INET else 6, 3, 1000, 4242)


@pytest.mark.parametrize("only", [False, True])
def test_whether_a_socket_takes_ipv4(only: bool) -> None:
    """The attribute INET_DIAG_SKV6ONLY has one byte."""
    attribute = struct.pack("=HHB3x", 5, 11, only)
    found = sockets._parse("tcp", bytes(16) + bytes([socket.AF_INET6, 10, 0, 0]) + bytes(68) + attribute)
    assert found.v6only is only

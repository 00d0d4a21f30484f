# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter of a raw socket, tried on a socket pair: the kernel runs the same program there."""

from __future__ import annotations

import socket
import struct

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._probes.port_filter import attach_port_filter

HEADERS = {"4": b"\x45" + bytes(19), "4 with options": b"\x47" + bytes(27), "6": b""}


@pytest.mark.parametrize("header", HEADERS)
def test_only_datagrams_to_the_port_pass(header: str) -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    with near, far:
        attach_port_filter(far, int(header[0]), 53)
        for port in (54, 53, 0):
            packet = HEADERS[header] + struct.pack("!HHHH", 53, port, 8, 0)
            try:
                near.send(packet)
            except PermissionError:  # unix(7) reports what the filter of the other end refuses
                assert port != 53
        assert struct.unpack("!HHHH", far.recv(100)[-8:])[1] == 53
        with pytest.raises(BlockingIOError):
            far.recv(100)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an element of a socket's error queue means."""

from __future__ import annotations

import errno
import socket
import struct

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._probes.error_queue import (
    EXTENDED_ERROR,
    ORIGIN_ICMP,
    ORIGIN_ICMP6,
    cause_in,
    next_cause,
    queue_errors,
)


def element(origin: int, kind: int, code: int, sender: str) -> bytes:
    head = EXTENDED_ERROR.pack(errno.EHOSTUNREACH, origin, kind, code, 0, 0, 0)
    if ":" in sender:
        return head + struct.pack("=HHI", socket.AF_INET6, 0, 0) + socket.inet_pton(socket.AF_INET6, sender)
    return head + struct.pack("=HH", socket.AF_INET, 0) + socket.inet_pton(socket.AF_INET, sender)


@pytest.mark.parametrize(
    ("version", "data", "found"),
    [
        (4, element(ORIGIN_ICMP, 3, 13, "192.0.2.9"), ("prohibited", "reported by 192.0.2.9")),
        (4, element(ORIGIN_ICMP, 3, 1, "192.0.2.1"), ("no neighbour", "")),
        (6, element(ORIGIN_ICMP6, 1, 4, "2001:db8::9"), ("port unreachable", "reported by 2001:db8::9")),
        (4, element(1, 0, 0, "192.0.2.9"), ("no route", "")),  # SO_EE_ORIGIN_LOCAL: the system call's error counts
    ],
)
def test_cause(version: int, data: bytes, found: tuple[str, str]) -> None:
    assert cause_in(version, data, errno.EHOSTUNREACH, "192.0.2.1") == found


@pytest.mark.parametrize(("version", "family"), [(4, socket.AF_INET), (6, socket.AF_INET6)])
def test_an_empty_queue_leaves_the_error_of_the_system_call(version: int, family: int) -> None:
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        queue_errors(sock, version)
        assert next_cause(sock, version, errno.EPERM) == ("filtered", "")

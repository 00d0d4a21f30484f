# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket

from ansible_collections.netns.fabric.plugins.module_utils._core.transports import (
    TRANSPORTS,
    name_transports,
    port_range,
)


def test_numbers_are_those_of_the_system() -> None:
    assert {name: socket.getprotobyname(name) for name in TRANSPORTS} == TRANSPORTS


def test_messages_name_each() -> None:
    assert name_transports() == "`protocol: tcp` or `protocol: udp` or `protocol: sctp`"


def test_ranges_of_ports() -> None:
    assert [port_range(text) for text in ("80", "80-90")] == [(80, 80), (80, 90)]

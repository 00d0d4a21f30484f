# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules and neighbours as the kernel dumps them."""

from __future__ import annotations

import socket
import struct

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel import routing_messages, uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel import routing_requests as requests
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import attribute
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Rule

HEADER = bytes(uapi.HEADER.size)


def rule_message(*attributes: bytes, action: int = 1, flags: int = 0, tos: int = 0, family: int = 2) -> bytes:
    return HEADER + uapi.RULE_HEADER.pack(family, 0, 0, tos, 254, action, flags) + b"".join(attributes)


def u32(value: int) -> bytes:
    return struct.pack("=I", value)


def test_a_rule_that_every_namespace_begins_with() -> None:
    """The kernel reports suppress_prefixlength and suppress_ifgroup of every rule only where they are set."""
    message = rule_message(attribute(6, u32(32766)), attribute(15, u32(254)), attribute(14, u32(0xFFFFFFFF)))
    rule = routing_messages.parse_rule(message + attribute(21, b"\2"))
    assert rule == Rule(4, 32766, table=254, protocol=2)
    assert rule.is_default
    assert not rule.static


def test_the_bits_behind_a_prefix_are_ignored() -> None:
    header = uapi.RULE_HEADER.pack(2, 0, 24, 0, 9, 1, 0)
    message = HEADER + header + attribute(2, bytes([192, 0, 2, 1]))
    assert routing_messages.parse_rule(message).source == "192.0.2.0/24"


@pytest.mark.parametrize(
    ("message", "special"),
    [
        (rule_message(flags=2), ("not",)),
        (rule_message(flags=8), ()),  # the link of `iif` does not exist
        (rule_message(tos=16), ("tos 0x10",)),
        (rule_message(attribute(20, u32(0) + u32(10))), ("uidrange 0-10",)),
        (rule_message(attribute(11, u32(7))), ("realms 7",)),
        (rule_message(attribute(11, u32(1 << 16 | 7))), ("realms 1/7",)),
        (rule_message(attribute(12, bytes(7) + b"\x05")), ("tun_id 5",)),
        (rule_message(attribute(13, u32(0))), ("suppress_ifgroup 0",)),
        (rule_message(attribute(13, u32(0xFFFFFFFF))), ()),
        (rule_message(attribute(4, u32(100)), action=2), ("goto 100",)),
        (rule_message(action=3), ("nop",)),
        (rule_message(attribute(25, b"\1")), ("[attribute 25]",)),
    ],
)
def test_what_the_module_has_no_option_for(message: bytes, special: tuple[str, ...]) -> None:
    assert routing_messages.parse_rule(message).special == special


def test_rules_of_multicast_routing_are_none() -> None:
    assert routing_messages.is_rule(rule_message())
    assert not routing_messages.is_rule(rule_message(family=128))


@pytest.mark.parametrize(
    ("state", "flags", "listed", "static"),
    [
        (uapi.NUD_PERMANENT, 0, True, True),
        (uapi.NUD_REACHABLE, 0, True, False),
        (uapi.NUD_NOARP, 0, False, False),
        (uapi.NUD_PERMANENT, uapi.NTF_EXT_LEARNED, True, False),
        (0, uapi.NTF_PROXY, True, True),
        (0, 0, False, False),
    ],
)
def test_neighbours(state: int, flags: int, listed: bool, static: bool) -> None:
    header = uapi.NEIGHBOUR_HEADER.pack(socket.AF_INET, 2, state, flags, 0)
    found = routing_messages.parse_neighbour(HEADER + header + attribute(1, bytes([192, 0, 2, 9])))
    assert (found is not None) is listed
    assert (found is not None and found.static) is static


def test_a_neighbour_of_a_routing_daemon() -> None:
    header = uapi.NEIGHBOUR_HEADER.pack(socket.AF_INET, 2, uapi.NUD_PERMANENT, 0, 0)
    found = routing_messages.parse_neighbour(HEADER + header + attribute(1, bytes(4)) + attribute(12, bytes([11])))
    assert found is not None
    assert not found.static


def test_the_dump_of_what_is_answered_for() -> None:
    assert uapi.NEIGHBOUR_HEADER.unpack_from(requests.list_neighbours(proxies=True), 16)[3] == uapi.NTF_PROXY
    assert uapi.NEIGHBOUR_HEADER.unpack_from(requests.list_neighbours(), 16)[3] == 0

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel reports of nf_tables: messages as values."""

from __future__ import annotations

import struct

from ansible_collections.netns.fabric.plugins.module_utils._firewall import nft_objects
from ansible_collections.netns.fabric.plugins.module_utils._firewall.nft_objects import NftObjects


def attribute(number: int, content: bytes) -> bytes:
    packed = struct.pack("=HH", 4 + len(content), number) + content
    return packed + b"\0" * (-len(packed) % 4)


def dumped(family: int, *attributes: bytes) -> bytes:
    """Return a message of nf_tables about an object."""
    body = struct.pack("=BBH", family, 0, 0) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), 0xA00, 2, 1, 0) + body


def test_tables() -> None:
    attributes = attribute(2, struct.pack(">I", 3)), attribute(1, b"netns_fabric\0")
    assert list(nft_objects.parse_table(dumped(2, *attributes))) == [(("ip", "netns_fabric"), 3)]
    assert list(nft_objects.parse_table(dumped(99, *attributes))) == []


def test_chains_and_rules() -> None:
    class Netlink:
        def dump(self, request: bytearray) -> list[bytes]:
            kind = struct.unpack_from("=IH", request)[1]
            return {0xA01: [], 0xA04: [chain], 0xA07: [rule, plain]}[kind]

        def close(self) -> None:
            pass

    chain = dumped(10, attribute(1, b"t\0"), attribute(3, b"c\0"))
    names = attribute(1, b"t\0"), attribute(2, b"c\0")
    comment = b"\x01\x02xx" + b"\x00\x0dnetns.fabric\0"
    rule = dumped(10, *names, attribute(3, struct.pack(">Q", 7)), attribute(7, comment))
    plain = dumped(10, *names, attribute(3, struct.pack(">Q", 8)))
    found = nft_objects.objects_from(Netlink())
    assert found.chains == {("ip6", "t", "c")}
    assert found.rules == {("ip6", "t", "c", 7): "netns.fabric", ("ip6", "t", "c", 8): ""}
    assert found.rules_since(NftObjects(rules={("ip6", "t", "c", 7): ""}), ("ip6", "t", "c")) == [("ip6", "t", "c", 8)]

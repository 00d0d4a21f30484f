# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The frames that announce an address."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._kernel import announcements
from ansible_collections.netns.fabric.plugins.module_utils._kernel.announcements import frame

MAC = bytes.fromhex("020000000001")


def test_the_announcement_of_an_ipv4_address() -> None:
    """A request for the sender's own address (RFC 5227, 3)."""
    assert frame(MAC, ip_address("192.0.2.1"), is_router=False).hex(" ") == (
        "ff ff ff ff ff ff 02 00 00 00 00 01 08 06 00 01 08 00 06 04 00 01 "
        "02 00 00 00 00 01 c0 00 02 01 00 00 00 00 00 00 c0 00 02 01"
    )


def test_the_advertisement_of_an_ipv6_address() -> None:
    """To all nodes, with the override flag; a router says that it is one."""
    plain, router = (frame(MAC, ip_address("2001:db8::1"), is_router) for is_router in (False, True))
    assert plain[:14].hex() == "33330000000102000000000186dd"
    assert plain[14:22].hex() == "6000000000203aff"
    assert plain[22:54] == ip_address("2001:db8::1").packed + ip_address("ff02::1").packed
    assert plain[54:56].hex() == "8800"
    assert (plain[58:62].hex(), router[58:62].hex()) == ("20000000", "a0000000")
    assert plain[62:].hex() == ip_address("2001:db8::1").packed.hex() + "0201020000000001"
    # The checksum over pseudo-header and message, itself included, is all ones (RFC 1071).
    summed = plain[22:54] + bytes.fromhex("000000200000003a") + plain[54:]
    words = sum(int.from_bytes(summed[start : start + 2], "big") for start in range(0, len(summed), 2))
    assert words % 0xFFFF == 0


def test_sockets_are_closed_where_no_thread_can_be_started() -> None:
    """As with TasksMax of systemd; root is exempt from RLIMIT_NPROC, so it cannot be had on purpose."""

    class NoThreads(ThreadPoolExecutor):
        def submit(self, *_arguments: Any, **_keywords: Any) -> Any:
            raise RuntimeError("can't start new thread")

    opened = [socket.socket() for _number in range(2)]
    with NoThreads() as pool:
        announcements._close_all(pool, opened)
    assert [each.fileno() for each in opened] == [-1, -1]

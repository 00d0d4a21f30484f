# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses of logical ports as OVN has them: "MAC IP IP ...", or a word in their place (ovn-nb(5)). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import (
    Address,
    interface_address,
    ip_address,
    mac_address,
)

#: Stand for addresses that OVN knows from elsewhere, chooses or does not know.
WORDS = ("dynamic", "router", "unknown")


def logical_address(value: Any) -> str:
    """Check an address of a logical port, and return it as OVN has it.

    Raises:
        ValueError: It is none.
    """
    words = str(value).split()
    if len(words) == 1 and words[0] in WORDS:
        return words[0]
    return _address(words, "an address of a logical port", lambda word: str(ip_address(word)))


def secure_address(value: Any) -> str:
    """Check an address that a port may send from, and return it as OVN has it. An IP address may be a whole network.

    Raises:
        ValueError: It is none.
    """
    return _address(str(value).split(), "an entry of the port security", _secure_ip)


def _address(words: Sequence[str], what: str, check: Any) -> str:
    if not words:
        raise ValueError(f"{what} is empty; write a MAC address and IP addresses, for instance {_EXAMPLE!r}")
    if ":" not in words[0]:
        stands = f", or {', '.join(WORDS)}" if what.endswith("port") else ""
        raise ValueError(f"{words[0]!r} begins {what}, and no MAC address; write for instance {_EXAMPLE!r}{stands}")
    rest = ["dynamic"] if words[1:] == ["dynamic"] else [check(word) for word in words[1:]]
    return " ".join([mac_address(words[0]), *rest])


_EXAMPLE = "02:00:00:00:00:01 192.0.2.1"


def _secure_ip(word: str) -> str:
    return str(interface_address(word)) if "/" in word else str(ip_address(word))


def split_addresses(addresses: Iterable[str]) -> Iterator[str]:
    """Yield each MAC and IP address in the addresses of a port."""
    for address in addresses:
        yield from (word for word in address.split() if word not in WORDS)


def ip_addresses(addresses: Iterable[str]) -> list[Address]:
    """Return the IP addresses in the addresses of a port."""
    return [ip_address(word) for address in addresses for word in address.split()[1:] if word not in WORDS]

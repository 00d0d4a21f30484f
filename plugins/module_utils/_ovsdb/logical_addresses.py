# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses of logical ports as OVN has them: "MAC IP IP ...", or a word in their place (ovn-nb(5)). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import (
    Address,
    interface_address,
    ip_address,
    mac_address,
)

DYNAMIC = "dynamic"
#: Stand for addresses that OVN knows from elsewhere, chooses or does not know.
WORDS = (DYNAMIC, "router", "unknown")


def logical_address(value: Any) -> str:
    """Check an address of a logical port, and return it as OVN has it.

    Raises:
        ValueError: It is none.
    """
    words = str(value).split()
    if len(words) == 1 and words[0] in WORDS:
        return words[0]
    if words[:1] == [DYNAMIC]:
        return _dynamic_address(words[1:])
    if len(words) == 2 and words[1] == DYNAMIC:
        return f"{_address(words[:1], _LOGICAL, _ip)} {DYNAMIC}"
    return _address(words, _LOGICAL, _ip)


def secure_address(value: Any) -> str:
    """Check an address that a port may send from, and return it as OVN has it. An IP address may be a whole network.

    Raises:
        ValueError: It is none.
    """
    return _address(str(value).split(), "an entry of the port security", _secure_ip)


def is_dynamic(address: str) -> bool:
    """Return whether OVN chooses an address, or a part of it."""
    return DYNAMIC in address.split()


def _dynamic_address(words: Sequence[str]) -> str:
    """Check the IP addresses that OVN is to use in the place of chosen ones.

    ovn-northd takes one of each version, IPv4 first (is_dynamic_lsp_address() in lib/ovn-util.c).
    """
    found = {address.version: str(address) for address in map(ip_address, words)}
    if len(found) < len(words):
        raise ValueError(f"`{DYNAMIC}` is followed by one IPv4 and one IPv6 address at most; leave the others out")
    return " ".join([DYNAMIC, *(found[version] for version in sorted(found))])


def _address(words: Sequence[str], what: str, check: Callable[[str], str]) -> str:
    if not words:
        raise ValueError(f"{what} is empty; write a MAC address and IP addresses, for instance {_EXAMPLE!r}")
    if ":" not in words[0]:
        stands = f", or {', '.join(WORDS)}" if what == _LOGICAL else ""
        raise ValueError(f"{words[0]!r} begins {what}, and no MAC address; write for instance {_EXAMPLE!r}{stands}")
    return " ".join([mac_address(words[0]), *map(check, words[1:])])


_LOGICAL = "an address of a logical port"
_EXAMPLE = "02:00:00:00:00:01 192.0.2.1"


def _ip(word: str) -> str:
    return str(ip_address(word))


def _secure_ip(word: str) -> str:
    return str(interface_address(word)) if "/" in word else str(ip_address(word))


def split_addresses(addresses: Iterable[str]) -> Iterator[str]:
    """Yield each MAC and IP address in the addresses of a port."""
    for address in addresses:
        yield from (word for word in address.split() if word not in WORDS)


def ip_addresses(addresses: Iterable[str]) -> list[Address]:
    """Return the IP addresses in the addresses of a port."""
    return [ip_address(word) for address in addresses for word in address.split()[1:] if word not in WORDS]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values of NAT that the modules and the role check alike. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import collapse_addresses
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import (
    Address,
    Network,
    ValidationError,
    ip_address,
    network,
)


def source_network(value: Any) -> Network:
    """Parse a network whose packets are masqueraded.

    Raises:
        ValueError: It is not one, or cannot be masqueraded.
    """
    source = sender_network(value)
    if source.prefixlen == 0:
        raise ValidationError(
            f"{source} contains every address, so that no destination is left to masquerade it towards; "
            "name the network behind this router, for instance 192.168.100.0/24 or fd00::/64"
        )
    return source


def sender_network(value: Any) -> Network:
    """Parse a network that packets can come from.

    Raises:
        ValueError: It is not one, or is multicast.
    """
    source = network(value)
    if source.is_multicast:
        raise ValidationError(f"{source} is multicast, which is never a source; name the network of the senders")
    return source


def client_network(value: Any) -> Network:
    """Parse a network that clients connect from, and not everybody.

    Raises:
        ValueError: It is not one, or everybody is in it.
    """
    clients = hairpin_network(value)
    if clients.prefixlen == 0:
        raise ValidationError(f"{clients} contains every address, which is the default; omit the option")
    return clients


def hairpin_network(value: Any) -> Network:
    """Parse a network that clients connect from, which may be everybody's.

    Raises:
        ValueError: It is not one.
    """
    clients = network(value)
    if clients.is_multicast or clients.is_loopback:
        raise ValidationError(f"nobody connects from {clients}; name the networks of the clients")
    return clients


def excluded_network(value: Any) -> Network:
    """Parse a network of destinations towards which nothing is masqueraded.

    Raises:
        ValueError: It is not one, or needs no exemption.
    """
    excluded = network(value)
    if excluded.prefixlen == 0:
        raise ValidationError(f"{excluded} contains every address, so that nothing is masqueraded; remove the entry")
    if excluded.is_multicast:
        raise ValidationError(f"{excluded} is multicast, which is not masqueraded anyway; omit it")
    return excluded


def find_everything(networks: Iterable[Network]) -> Network | None:
    """Return the network of all addresses of an IP version, if these networks have all of them together."""
    given = list(networks)
    for version in (4, 6):
        of_version: list[Any] = [found for found in given if found.version == version]
        for whole in collapse_addresses(of_version):
            if whole.prefixlen == 0:
                return whole  # type: ignore[no-any-return]  # of either class
    return None


def source_pool(value: Any) -> tuple[Address, Address]:
    """Parse ADDRESS or FIRST-LAST, the addresses that packets get as their source; return the first and the last.

    Raises:
        ValueError: It is neither.
    """
    if not isinstance(value, str):
        raise ValidationError("must be an address, or a range of addresses as FIRST-LAST")
    texts = [text.strip() for text in value.split("-")]
    if len(texts) > 2:
        raise ValidationError(f"{value!r} has more than one hyphen; write ADDRESS or FIRST-LAST")
    first, last = ip_address(texts[0]), ip_address(texts[-1])
    if first.version != last.version:
        raise ValidationError(f"{value} has addresses of two IP versions; write one entry for each IP version")
    if int(first) > int(last):
        raise ValidationError(f"{value} ends before it begins; write {last}-{first}")
    for address in (first, last):
        if address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local:
            raise ValidationError(f"nobody outside can answer to {address}; give an address that leads to the router")
    return first, last


def format_pool(pool: tuple[Address, Address]) -> str:
    """Return the addresses as a rule has them."""
    first, last = pool
    return str(first) if first == last else f"{first}-{last}"

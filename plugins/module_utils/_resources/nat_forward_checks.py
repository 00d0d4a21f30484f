# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of the addresses and networks of one published port. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.nat_values import (
    client_network,
    find_everything,
    hairpin_network,
)


def check_destination(value: Any) -> str:
    """Return an address that a router can forward to.

    Raises:
        ValueError: It is not one.
    """
    address = validation.ip_address(value)
    if address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local:
        raise ValueError(
            f"{address} is not an address that a router can forward to; give the service's address in its namespace"
        )
    return str(address)


def check_published(value: Any) -> str:
    """Return an address of the router at which a port can be published.

    Raises:
        ValueError: It is not one.
    """
    address = validation.ip_address(value)
    if address.is_loopback:
        raise ValueError(
            f"nothing can be published at {address}, because packets with that address never leave the host; give "
            "another address of the host, or omit the option"
        )
    if address.is_unspecified:
        raise ValueError(f"{address} stands for all addresses, which is the default; omit the option")
    if address.is_multicast:
        raise ValueError(f"{address} is a multicast address; give an address of the host")
    return str(address)


def check_sources(checks: Checks, given: Sequence[Any] | None) -> dict[str, str]:
    """Return the networks that may connect, each by the place where it is given."""
    if given is not None and not given:
        checks.error("sources", "names nobody who may connect; name a network, or omit the option for everybody")
    found = ((f"sources[{number}]", value) for number, value in enumerate(given or ()))
    checked = {option: checks.value(option, client_network, value) for option, value in found}
    networks = {option: network for option, network in checked.items() if network is not None}
    everything = find_everything(networks.values())
    if everything is not None:
        checks.error("sources", f"are together {everything}, every address, which is the default; omit the option")
    return {option: str(network) for option, network in networks.items()}


def check_hairpin(checks: Checks, given: Sequence[Any] | None, sources: Collection[str]) -> dict[str, str]:
    """Return the networks whose clients get the router's address, each by the place where it is given."""
    found = ((f"hairpin[{number}]", value) for number, value in enumerate(given or ()))
    checked = {option: checks.value(option, hairpin_network, value) for option, value in found}
    valid = {option: str(network) for option, network in checked.items() if network is not None}
    for option, network in valid.items():
        if sources and not _overlap(network, sources):
            cause = f"{network} is in none of the `sources`, so that nobody in it may connect"
            checks.error(option, f"{cause}; add it there, or omit it")
    return valid


def check_loopback(checks: Checks, options: Mapping[str, Any], to_address: str | None) -> None:
    """Check that an entry may publish at the addresses of the loopback."""
    if not options["loopback"] or to_address is None:
        return
    if ip_address(to_address).version == 6:
        checks.error("loopback", "the kernel sends nothing from ::1 to another host; omit it for IPv6")
    for other in ("address", "in_interface"):
        if options.get(other) is not None:
            checks.error("loopback", f"cannot be combined with `{other}`, which limits the entry; omit one of them")


def _overlap(network: str, others: Iterable[str]) -> bool:
    # Networks of different IP versions are another error.
    return any(
        ip_network(network).version != ip_network(other).version or ip_network(network).overlaps(ip_network(other))
        for other in others
    )


def check_versions(checks: Checks, to_address: str | None, others: Mapping[str, str | None]) -> None:
    """Check that all addresses of an entry are of the same IP version."""
    if to_address is None:
        return
    version = ip_address(to_address).version
    for option, value in others.items():
        if value is not None and ip_network(value).version != version:
            checks.error(
                option, f"{value} is not IPv{version}, which {to_address} is; write one entry for each IP version"
            )

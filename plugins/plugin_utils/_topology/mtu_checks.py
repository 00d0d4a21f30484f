# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The MTUs of a topology: those that IPv6 needs, and that all interfaces of a broadcast domain have the same. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import IPV6_MTU_MIN
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Bridge, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.segments import Segment, segment_of

#: Bytes: what the kernel gives a new Ethernet device (ETH_DATA_LEN of linux/if_ether.h, ether_setup()).
MTU_DEFAULT = 1500

#: Interfaces without an MTU that an error names.
NAMED_MAX = 3


@dataclass(frozen=True)
class _Member:
    """An interface of a broadcast domain that is up."""

    path: str
    mtu: int
    declared: bool
    #: Why it has this MTU, where none is declared.
    reason: str = f"which means {MTU_DEFAULT}"


def check_mtus(topology: Topology, errors: Errors) -> None:
    """Note every MTU that is too small for IPv6, or differs from that of another interface by omission.

    Ethernet has no means to report a frame that is too large for its receiver (IEEE 802.3): it vanishes. Where all that
    differ are declared, that is intended.
    """
    _check_ipv6(topology, errors)
    for domain, members in _collect_members(topology).items():
        _check_domain(_describe(domain), members, errors)


def _check_ipv6(topology: Topology, errors: Errors) -> None:
    interfaces = [(end.path, end.options.get("mtu"), end.addresses) for end in topology.ends()]
    interfaces += [(bridge.path, bridge.switch.get("mtu"), bridge.addresses) for bridge in topology.bridges]
    for path, mtu, addresses in interfaces:
        if mtu is not None and mtu < IPV6_MTU_MIN and any(address.version == 6 for address in addresses or ()):
            errors.add(
                path,
                "mtu",
                f"{mtu} is too small for IPv6, and the interface has an IPv6 address; set at least {IPV6_MTU_MIN}",
            )


def _collect_members(topology: Topology) -> dict[Segment, list[_Member]]:
    domains: dict[Segment, list[_Member]] = {}
    smallest: dict[str, int] = {}
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            segment = segment_of(attachment)
            member = _build_member(attachment.path, attachment.options.get("mtu"))
            if attachment.bridge is not None:
                smallest[attachment.bridge] = min(member.mtu, smallest.get(attachment.bridge, member.mtu))
            if segment is not None and attachment.options.get("enabled", True):
                domains.setdefault(segment, []).append(member)
    for bridge in topology.bridges:
        if bridge.logical:
            continue  # Its router's port sends what fits.
        domains.setdefault(("bridge", bridge.name, 0), []).extend(_build_local(bridge, smallest.get(bridge.name)))
    for index, link in enumerate(topology.links):
        ends = (link.near, link.far)
        if all(end.options.get("enabled", True) for end in ends):
            domains["link", index, 0] = [_build_member(end.path, end.options.get("mtu")) for end in ends]
    return domains


def _build_member(path: str, mtu: int | None) -> _Member:
    return _Member(path, MTU_DEFAULT if mtu is None else mtu, mtu is not None)


def _build_local(bridge: Bridge, smallest: int | None) -> Iterator[_Member]:
    """Yield a bridge's local interface if it carries traffic."""
    declared = bridge.switch.get("mtu")
    if declared is not None:
        yield _Member(bridge.path, declared, declared=True)
    elif bridge.enabled and bridge.addresses and smallest is not None:
        # ovs-vswitchd: update_mtu() in ofproto/ofproto.c.
        reason = f"and Open vSwitch gives it the smallest one of the bridge's ports, {smallest}"
        yield _Member(bridge.path, smallest, declared=False, reason=reason)


def _describe(domain: Segment) -> str:
    kind, name, vlan = domain
    if kind == "link":
        return "at the other end"
    return f"on bridge {name!r}" + (f" in VLAN {vlan}" if vlan else "")


def _check_domain(where: str, members: list[_Member], errors: Errors) -> None:
    declared = [member for member in members if member.declared]
    for member in members:
        other = next((each for each in declared if each.mtu != member.mtu), None)
        if member.declared or other is None:
            continue
        alike = [each.path for each in members if not each.declared and each != member and each.mtu == member.mtu]
        errors.add(
            member.path,
            "mtu",
            f"is omitted, {member.reason}, and {other.path} {where} has {other.mtu}: larger packets than "
            f"{min(member.mtu, other.mtu)} bytes would be lost between them without an error; set `mtu: {other.mtu}`"
            f"{_format_alike(alike)}, or, if the difference is intended, `mtu: {member.mtu}`",
        )
        return  # one error per domain: there may be a thousand interfaces


def _format_alike(paths: list[str]) -> str:
    if not paths:
        return ""
    more = f" and {len(paths) - NAMED_MAX} more" if len(paths) > NAMED_MAX else ""
    return f" here and for {', '.join(paths[:NAMED_MAX])}{more}"

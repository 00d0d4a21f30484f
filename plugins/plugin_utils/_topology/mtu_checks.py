# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The MTUs of a topology: those that IPv6 needs, and that all interfaces of a broadcast domain have the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import IPV6_MTU_MIN
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.bridge_model import BridgePort
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Bridge, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.segments import (
    Segment,
    find_carried_vlans,
    segment_of,
)

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
    segment: Segment
    #: Why it has this MTU, where none is declared.
    reason: str = f"which means {MTU_DEFAULT}"

    @property
    def where(self) -> str:
        kind, name, vlan = self.segment
        if kind == "link":
            return "at the other end"
        return f"on bridge {name!r}" + (f" in VLAN {vlan}" if vlan else "")


def check_mtus(topology: Topology, errors: Errors) -> None:
    """Note every MTU that is too small for IPv6, or differs from that of another interface by omission.

    Ethernet has no means to report a frame that is too large for its receiver (IEEE 802.3): it vanishes. Where all that
    differ are declared, that is intended.
    """
    _check_ipv6(topology, errors)
    for members in _join_domains(topology, _collect_members(topology)):
        _check_domain(members, errors)


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
    """Return the interfaces of each broadcast domain of one bridge, or of one link."""
    domains: dict[Segment, list[_Member]] = {}
    mtus: dict[str, list[int]] = {}
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            mtu = attachment.options.get("mtu")
            if attachment.bridge is not None:
                mtus.setdefault(attachment.bridge, []).append(MTU_DEFAULT if mtu is None else mtu)
            segment = segment_of(attachment)
            if segment is not None and attachment.options.get("enabled", True):
                domains.setdefault(segment, []).append(_build_member(attachment.path, mtu, segment))
    for index, link in enumerate(topology.links):
        ends = (link.near, link.far)
        if all(end.options.get("enabled", True) for end in ends):
            domain: Segment = ("link", index, 0)
            domains[domain] = [_build_member(end.path, end.options.get("mtu"), domain) for end in ends]
    vlans = sorted({vlan for _kind, _name, vlan in domains} | {0})
    links = {end.name: end.options.get("mtu") for end in topology.ends() if end.namespace is None}
    for bridge in topology.bridges:
        if bridge.logical:
            continue  # Its router's port sends what fits.
        declared = [(port, mtu) for port in bridge.ports for mtu in _mtus_of(port, links)]
        smallest = min((*mtus.get(bridge.name, ()), *(mtu for _port, mtu in declared)), default=None)
        for member in (*_build_ports(declared, vlans), *_build_own(bridge, smallest)):
            domains.setdefault(member.segment, []).append(member)
    return domains


def _build_member(path: str, mtu: int | None, segment: Segment) -> _Member:
    return _Member(path, MTU_DEFAULT if mtu is None else mtu, mtu is not None, segment)


def _mtus_of(port: BridgePort, links: Mapping[str, int | None]) -> set[int]:
    """Return the MTUs that are declared for what a port consists of: a link of the host has one of its own."""
    own = port.options.get("mtu")
    found = {own} if own is not None else {links.get(name) for name in port.uplinks}
    return {mtu for mtu in found if mtu is not None}


def _build_ports(declared: Iterable[tuple[BridgePort, int]], vlans: Sequence[int]) -> Iterator[_Member]:
    """Yield ports whose MTU is declared: an uplink is a member of all VLANs that it carries."""
    for port, mtu in declared:
        carried = find_carried_vlans(port.options, vlans)
        for vlan in sorted({vlan for vlan, outside in carried if port.uplinks or not outside}):
            yield _Member(port.path, mtu, declared=True, segment=("bridge", port.bridge, vlan))


def _build_own(bridge: Bridge, smallest: int | None) -> Iterator[_Member]:
    """Yield a bridge's local interface if it carries traffic, and its internal ports without an MTU, if they do."""
    declared, untagged = bridge.switch.get("mtu"), ("bridge", bridge.name, 0)
    # ovs-vswitchd: update_mtu() in ofproto/ofproto.c.
    reason = f"and Open vSwitch gives it the smallest one of the bridge's ports, {smallest}"
    if declared is not None:
        yield _Member(bridge.path, declared, declared=True, segment=untagged)
    elif bridge.enabled and bridge.addresses and smallest is not None:
        yield _Member(bridge.path, smallest, declared=False, segment=untagged, reason=reason)
    for port in bridge.ports:
        if port.kind == "internal" and "mtu" not in port.options and port.addresses and smallest is not None:
            for vlan, outside in find_carried_vlans(port.options, [0]):
                if not outside:
                    segment = ("bridge", bridge.name, vlan)
                    yield _Member(port.path, smallest, declared=False, segment=segment, reason=reason)


def _join_domains(topology: Topology, domains: Mapping[Segment, list[_Member]]) -> list[list[_Member]]:
    """Return the interfaces of each broadcast domain, those of bridges together that patch ports connect."""
    joined: dict[Segment, dict[Segment, None]] = {domain: {domain: None} for domain in domains}
    for near, far in _patched(topology, domains):
        both = {**joined.get(near, {near: None}), **joined.get(far, {far: None})}
        joined.update(dict.fromkeys(both, both))
    groups = {id(group): group for group in joined.values()}
    return [[member for domain in group for member in domains.get(domain, ())] for group in groups.values()]


def _patched(topology: Topology, domains: Iterable[Segment]) -> Iterator[tuple[Segment, Segment]]:
    """Yield the broadcast domains that pairs of patch ports connect; the far half of a pair carries all VLANs."""
    patches = [(port, port.peer[0]) for bridge in topology.bridges for port in bridge.ports if port.peer is not None]
    tags = (port.options["tag"] for port, _far in patches if "tag" in port.options)
    vlans = sorted({0, *(vlan for _kind, _name, vlan in domains), *tags})
    for port, far in patches:
        for inside, outside in find_carried_vlans(port.options, vlans):
            yield ("bridge", port.bridge, inside), ("bridge", far, outside)


def _check_domain(members: list[_Member], errors: Errors) -> None:
    declared = [member for member in members if member.declared]
    for member in members:
        other = next((each for each in declared if each.mtu != member.mtu), None)
        if member.declared or other is None:
            continue
        alike = [each.path for each in members if not each.declared and each != member and each.mtu == member.mtu]
        errors.add(
            member.path,
            "mtu",
            f"is omitted, {member.reason}, and {other.path} {other.where} has {other.mtu}: larger packets than "
            f"{min(member.mtu, other.mtu)} bytes would be lost between them without an error; set `mtu: {other.mtu}`"
            f"{_format_alike(alike)}, or, if the difference is intended, `mtu: {member.mtu}`",
        )
        return  # one error per domain: there may be a thousand interfaces


def _format_alike(paths: list[str]) -> str:
    if not paths:
        return ""
    more = f" and {len(paths) - NAMED_MAX} more" if len(paths) > NAMED_MAX else ""
    return f" here and for {', '.join(paths[:NAMED_MAX])}{more}"

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requests of rtnetlink(7) that read and write links and addresses. Pure."""

from __future__ import annotations

import socket
from ipaddress import ip_interface

from ansible_collections.netns.fabric.plugins.module_utils._core.text import encode_name
from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink, templates
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import CreateVeth, NewEnd
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    IFA_F_NODAD,
    IFLA_ALT_IFNAME,
    IFLA_PROP_LIST,
    LINK_HEADER,
    NLA_F_NESTED,
    NLM_F_CREATE,
    NLM_F_EXCL,
    RT_SCOPE_HOST,
    RT_SCOPE_UNIVERSE,
    RTEXT_FILTER_SKIP_STATS,
    RTM_DELLINK,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETNSID,
    RTM_NEWADDR,
    RTM_NEWLINK,
)


def new_veth(
    operation: CreateVeth,
    end_descriptor: int | None,
    peer_descriptor: int | None,
    indexes: tuple[int, int] = (0, 0),
) -> bytearray:
    """Return RTM_NEWLINK for a pair, each end in the namespace of its descriptor (IFLA_NET_NS_FD).

    `indexes` are those of the ends; the kernel chooses one that is 0.
    """
    peer = {"attrs": _end(operation.peer, peer_descriptor), "index": indexes[1]}
    information = {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", peer)]})]}
    attributes = [*_end(operation.end, end_descriptor), ("IFLA_LINKINFO", information)]
    return templates.link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, attributes, index=indexes[0])


def _end(end: NewEnd, descriptor: int | None) -> list[tuple[str, object]]:
    attributes: list[tuple[str, object]] = [("IFLA_IFNAME", end.name)]
    if end.mac:
        attributes.append(("IFLA_ADDRESS", end.mac))
    if end.mtu:
        attributes.append(("IFLA_MTU", end.mtu))
    if descriptor is not None:
        attributes.append(("IFLA_NET_NS_FD", descriptor))
    return attributes


def set_link(name: str, *attributes: tuple[str, object], flags: int = 0, change: int = 0) -> bytearray:
    """Return RTM_NEWLINK for an existing link, by its name."""
    return templates.link_message(
        RTM_NEWLINK, 0, [("IFLA_IFNAME", name), *attributes], index=0, flags=flags, change=change
    )


def set_link_at(index: int, *attributes: tuple[str, object]) -> bytearray:
    """Return RTM_NEWLINK for an existing link, by its index, which renaming and moving require."""
    return templates.link_message(RTM_NEWLINK, 0, list(attributes), index=index)


def delete_link(index: int) -> bytearray:
    """Return RTM_DELLINK for one link."""
    return templates.link_message(RTM_DELLINK, 0, [], index=index)


def delete_group(group: int) -> bytearray:
    """Return RTM_DELLINK for all links in a group."""
    return templates.link_message(RTM_DELLINK, 0, [("IFLA_GROUP", group)], index=0)


def altname_request(kind: int, index: int, altname: str) -> bytearray:
    """Return RTM_NEWLINKPROP or RTM_DELLINKPROP for one alternative name (IFLA_PROP_LIST)."""
    names = netlink.attribute(IFLA_ALT_IFNAME, encode_name(altname) + b"\0")
    body = LINK_HEADER.pack(socket.AF_UNSPEC, 0, index, 0, 0)
    return netlink.message(kind, body + netlink.attribute(IFLA_PROP_LIST | NLA_F_NESTED, names))


def get_link(name: str) -> bytearray:
    """Return RTM_GETLINK for one link, by its name."""
    attributes = [("IFLA_IFNAME", name), ("IFLA_EXT_MASK", RTEXT_FILTER_SKIP_STATS)]
    return templates.link_message(RTM_GETLINK, 0, attributes, index=0)


def get_link_at(index: int) -> bytearray:
    """Return RTM_GETLINK for one link, by its index."""
    attributes = [("IFLA_EXT_MASK", RTEXT_FILTER_SKIP_STATS)]
    return templates.link_message(RTM_GETLINK, 0, attributes, index=index)


def list_links() -> bytearray:
    """Return RTM_GETLINK for a dump of all links."""
    attributes = [("IFLA_EXT_MASK", RTEXT_FILTER_SKIP_STATS)]
    return templates.link_message(RTM_GETLINK, 0, attributes, index=0)


def list_addresses() -> bytearray:
    """Return RTM_GETADDR for a dump of all addresses."""
    return templates.address_message(RTM_GETADDR, 0, [], family=socket.AF_UNSPEC)


def get_nsid(descriptor: int) -> bytearray:
    """Return RTM_GETNSID for the id that a namespace has in that of the socket."""
    return templates.nsid_message(RTM_GETNSID, 0, [("NETNSA_FD", descriptor)])


def address_request(kind: int, flags: int, index: int, text: str, peer: str | None = None) -> bytearray:
    """Return RTM_NEWADDR or RTM_DELADDR; `peer` is the far address of a point-to-point link.

    IPv6 addresses skip duplicate address detection, which would keep them from being used for two seconds (RFC 4862,
    5.4; IFA_F_NODAD): the declaration answers for them.
    """
    interface = ip_interface(text)
    attributes: list[tuple[str, object]] = [
        ("IFA_LOCAL", str(interface.ip)),
        ("IFA_ADDRESS", peer or str(interface.ip)),
    ]
    if interface.version == 6 and kind == RTM_NEWADDR:
        attributes.append(("IFA_FLAGS", IFA_F_NODAD))
    return templates.address_message(
        kind,
        flags,
        attributes,
        family=socket.AF_INET if interface.version == 4 else socket.AF_INET6,
        prefixlen=interface.network.prefixlen,
        scope=RT_SCOPE_HOST if interface.version == 4 and interface.ip.is_loopback else RT_SCOPE_UNIVERSE,
        index=index,
    )

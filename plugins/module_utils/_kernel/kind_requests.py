# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requests of rtnetlink(7) about links of any kind. Pure.

They are encoded here, in a few microseconds: pyroute2 does not know every kind, and takes longer than the kernel.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping

from ansible_collections.netns.fabric.plugins.module_utils._core.text import encode_name
from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import Kind, Values
from ansible_collections.netns.fabric.plugins.module_utils._kernel.encodings import Data
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import CreateLink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import data_of
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    HEADER,
    IFLA_ADDRESS,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_INFO_SLAVE_DATA,
    IFLA_INFO_SLAVE_KIND,
    IFLA_LINK,
    IFLA_LINKINFO,
    IFLA_MASTER,
    IFLA_MTU,
    IFLA_NET_NS_FD,
    LINK_HEADER,
    NLM_F_CREATE,
    NLM_F_EXCL,
    RTM_NEWLINK,
)

#: Characters of an Ethernet address. Links of other types have none, or one that follows from their kind.
MAC_LENGTH = 17


def new_link(operation: CreateLink, parent: int = 0, descriptor: int | None = None) -> bytearray:
    """Return RTM_NEWLINK for a new link.

    `parent` is an index, `descriptor` that of the link's namespace where that is not the sender's.
    """
    kind = operation.kind
    data = {} if kind.generic else kind.encode(dict(operation.values))
    if parent and kind.lower is not None:
        data[kind.lower] = _number(parent)
    return _new(
        [
            (IFLA_IFNAME, encode_name(operation.name) + b"\0"),
            *([(IFLA_ADDRESS, _mac(operation.mac))] if operation.mac else []),
            *([(IFLA_MTU, _number(operation.mtu))] if operation.mtu else []),
            *([(IFLA_LINK, _number(parent))] if parent and kind.on_parent else []),
            *([(IFLA_NET_NS_FD, _number(descriptor))] if descriptor is not None else []),
            (IFLA_LINKINFO, _information(kind.kernel_name, data)),
        ]
    )


def change_link(name: str, kind: Kind, current: Data, values: Values) -> bytearray:
    """Return RTM_NEWLINK for a change of these options; `current` is what the link's IFLA_INFO_DATA has."""
    data = kind.encode(values)
    if kind.whole:
        known = {name: value for name, value in kind.decode(current).items() if value is not None}
        kept = {number: content for number, content in current.items() if number not in kind.reported}
        data = {**kept, **kind.encode({**known, **values})}
    attributes = [(IFLA_IFNAME, encode_name(name) + b"\0"), (IFLA_LINKINFO, _information(kind.kernel_name, data))]
    return _message(0, attributes)


def recreate_link(link: Link, descriptor: int | None, kind: Kind | None) -> bytearray:
    """Return RTM_NEWLINK for a link as it was: with its index, and with what the kernel reported of its kind."""
    on = link.base.index if link.base else 0
    # `lower` of a tunnel is in what the kernel reported.
    known = {} if link.kind == "wireguard" else data_of(link.information)
    data = kind.restorable(known) if kind else known
    return _new(
        [
            (IFLA_IFNAME, encode_name(link.name) + b"\0"),
            *([(IFLA_ADDRESS, _mac(link.mac))] if len(link.mac) == MAC_LENGTH else []),
            (IFLA_MTU, _number(link.mtu)),
            *([(IFLA_LINK, _number(on))] if on else []),
            *([(IFLA_NET_NS_FD, _number(descriptor))] if descriptor is not None else []),
            (IFLA_LINKINFO, _information(link.kind, data)),
        ],
        link.index,
    )


def set_master(name: str, master: int) -> bytearray:
    """Return RTM_NEWLINK for a master, by its index; 0 for none."""
    return _message(0, [(IFLA_IFNAME, encode_name(name) + b"\0"), (IFLA_MASTER, _number(master))])


def restore_membership(link: Link) -> bytearray | None:
    """Return RTM_NEWLINK for what the kernel reported of a link as a member of its master; None for nothing."""
    found = netlink.attributes_of(link.information, 0)
    if IFLA_INFO_SLAVE_DATA not in found:
        return None
    kind = netlink.attribute(IFLA_INFO_SLAVE_KIND, found[IFLA_INFO_SLAVE_KIND])
    content = kind + netlink.attribute(IFLA_INFO_SLAVE_DATA, found[IFLA_INFO_SLAVE_DATA])
    return _message(0, [(IFLA_IFNAME, encode_name(link.name) + b"\0"), (IFLA_LINKINFO, content)])


def without_refused(request: bytearray, offset: int) -> bytearray | None:
    """Return a request without the attribute at this place, which the kernel reports and does not take.

    None where there is no attribute of a kind's own: the rest of the request is what it is about.
    """
    header = HEADER.size + LINK_HEADER.size
    for number, start, end in netlink.attributes_in(request, header, len(request)):
        if number == IFLA_LINKINFO and start <= offset < end:
            for inner, first, last in netlink.attributes_in(request, start, end):
                if inner in (IFLA_INFO_DATA, IFLA_INFO_SLAVE_DATA) and first <= offset < last:
                    return _cut(request, offset, (start - 4, first - 4))
    return None


def _cut(request: bytearray, offset: int, around: Iterable[int]) -> bytearray:
    """Return a request without the attribute at `offset`; those that begin at `around` are around it."""
    (length,) = struct.unpack_from("=H", request, offset)
    size = (length + 3) & ~3
    shorter = bytearray(request)
    for start in around:
        (before,) = struct.unpack_from("=H", shorter, start)
        struct.pack_into("=H", shorter, start, before - size)
    del shorter[offset : offset + size]
    struct.pack_into("=I", shorter, 0, len(shorter))
    return shorter


def _new(attributes: Iterable[tuple[int, bytes]], index: int = 0) -> bytearray:
    return _message(NLM_F_CREATE | NLM_F_EXCL, attributes, index)


def _message(flags: int, attributes: Iterable[tuple[int, bytes]], index: int = 0) -> bytearray:
    body = b"".join(netlink.attribute(number, content) for number, content in attributes)
    return netlink.message(RTM_NEWLINK, LINK_HEADER.pack(socket.AF_UNSPEC, 0, index, 0, 0) + body, flags)


def _information(kernel_name: str, data: Mapping[int, bytes]) -> bytes:
    kind = netlink.attribute(IFLA_INFO_KIND, kernel_name.encode() + b"\0")
    if not data:
        return kind
    content = b"".join(netlink.attribute(number, content) for number, content in data.items())
    return kind + netlink.attribute(IFLA_INFO_DATA, content)


def _number(number: int) -> bytes:
    return struct.pack("=I", number)


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))

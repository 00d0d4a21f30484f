# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requests of rtnetlink(7) about qdiscs, classes and filters, and what the kernel dumps of them. Pure."""

from __future__ import annotations

import socket
import struct

from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_kinds import MARK
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_operations import (
    CHANGE,
    REPLACE,
    SetQdisc,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Qdisc
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    HEADER,
    INGRESS_HANDLE,
    NLA_F_NESTED,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    RTM_DELQDISC,
    RTM_GETQDISC,
    RTM_GETTCLASS,
    RTM_GETTFILTER,
    RTM_NEWQDISC,
    RTM_NEWTCLASS,
    RTM_NEWTFILTER,
    TC_ACT_STOLEN,
    TC_H_INGRESS,
    TC_H_MIN_EGRESS,
    TC_H_MIN_INGRESS,
    TC_H_ROOT,
    TCA_ACT_KIND,
    TCA_ACT_OPTIONS,
    TCA_EGRESS_REDIR,
    TCA_HTB_INIT,
    TCA_KIND,
    TCA_MIRRED_PARMS,
    TCA_NETEM_DELAY_DIST,
    TCA_OPTIONS,
    TCA_U32_ACT,
    TCA_U32_FLAGS,
    TCA_U32_SEL,
    TRAFFIC_HEADER,
)

#: Where the attributes of a message begin.
START = HEADER.size + TRAFFIC_HEADER.size
#: struct tc_u32_sel with one struct tc_u32_key: flags (TC_U32_TERMINAL), number of keys; the key matches every packet.
_EVERY_PACKET = struct.pack("=BxB29x", 1, 1)
#: struct tc_mirred: index, capabilities, action, two counters; what is done, and the link.
_MIRRED = struct.Struct("=IIiiiiI")
_ETH_P_ALL = 0x0003
#: Flags of a filter that the kernel reports and does not take (TCA_CLS_FLAGS_IN_HW, TCA_CLS_FLAGS_NOT_IN_HW).
_FLAGS_TAKEN = 0x13
#: By verb: the flags of a request.
_FLAGS = {REPLACE: NLM_F_CREATE | NLM_F_REPLACE, CHANGE: 0}


def _message(kind: int, flags: int, header: tuple[int, int, int, int], *attributes: tuple[int, bytes]) -> bytearray:
    body = b"".join(netlink.attribute(number, content) for number, content in attributes)
    return netlink.message(kind, TRAFFIC_HEADER.pack(socket.AF_UNSPEC, *header) + body, flags)


def set_qdisc(operation: SetQdisc, index: int, distribution: bytes = b"") -> bytearray:
    """Return RTM_NEWQDISC; `distribution` is the table of the delays of netem."""
    flags = _FLAGS.get(operation.verb, NLM_F_CREATE | NLM_F_EXCL)
    ingress = operation.kind.ingress
    header = (index, INGRESS_HANDLE if ingress else operation.handle, TC_H_INGRESS if ingress else TC_H_ROOT, 0)
    options = operation.kind.encode(dict(operation.values))
    if distribution:
        options += netlink.attribute(TCA_NETEM_DELAY_DIST, distribution)
    name = (TCA_KIND, operation.kind_name.encode() + b"\0")
    return _message(RTM_NEWQDISC, flags, header, name, *([(TCA_OPTIONS, options)] if options else []))


def delete_qdisc(index: int, ingress: bool) -> bytearray:
    """Return RTM_DELQDISC for the qdisc of a link."""
    return _message(RTM_DELQDISC, 0, (index, 0, TC_H_INGRESS if ingress else TC_H_ROOT, 0))


def redirect_ingress(index: int, target: int) -> bytearray:
    """Return RTM_NEWTFILTER for a filter that leads what arrives at a link to another one; both are indexes."""
    info = MARK << 16 | socket.htons(_ETH_P_ALL)
    parameters = _MIRRED.pack(0, 0, TC_ACT_STOLEN, 0, 0, TCA_EGRESS_REDIR, target)
    action = netlink.attribute(TCA_ACT_KIND, b"mirred\0") + netlink.attribute(
        TCA_ACT_OPTIONS | NLA_F_NESTED, netlink.attribute(TCA_MIRRED_PARMS, parameters)
    )
    options = netlink.attribute(TCA_U32_ACT, netlink.attribute(1, action)) + netlink.attribute(
        TCA_U32_SEL, _EVERY_PACKET
    )
    header = (index, 0, INGRESS_HANDLE, info)
    return _message(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, header, (TCA_KIND, b"u32\0"), (TCA_OPTIONS, options))


# Reading


def list_qdiscs() -> bytearray:
    """Return RTM_GETQDISC for a dump of the qdiscs of all links."""
    return _message(RTM_GETQDISC, 0, (0, 0, 0, 0))


def list_classes(index: int) -> bytearray:
    """Return RTM_GETTCLASS for a dump of the classes of a link."""
    return _message(RTM_GETTCLASS, 0, (index, 0, 0, 0))


def list_filters(index: int, parent: int) -> bytearray:
    """Return RTM_GETTFILTER for a dump of the filters at a qdisc."""
    return _message(RTM_GETTFILTER, 0, (index, 0, parent, 0))


def handle_of(message: bytes) -> int:
    """Return the handle of a dumped qdisc, class or filter."""
    return int(TRAFFIC_HEADER.unpack_from(message, HEADER.size)[2])


def parent_of(message: bytes) -> int:
    """Return what a dumped qdisc, class or filter is a child of."""
    return int(TRAFFIC_HEADER.unpack_from(message, HEADER.size)[3])


def parse_qdisc(message: bytes) -> Qdisc:
    """Return a dumped qdisc."""
    _family, index, handle, parent, _references = TRAFFIC_HEADER.unpack_from(message, HEADER.size)
    attributes = netlink.attributes_of(message, START)
    return Qdisc(
        index=index,
        kind=kind_of(message),
        handle=handle,
        parent=parent,
        options=attributes.get(TCA_OPTIONS, b""),
    )


def filter_parents(qdisc: Qdisc) -> tuple[int, ...]:
    """Return where the filters of a qdisc are."""
    return (TC_H_MIN_INGRESS, TC_H_MIN_EGRESS) if qdisc.kind == "clsact" else (qdisc.handle,)


def is_filter(message: bytes) -> bool:
    """Return whether a dumped filter is one: the kernel dumps what u32 keeps filters in as well, without a selector."""
    attributes = netlink.attributes_of(message, START)
    handle = TRAFFIC_HEADER.unpack_from(message, HEADER.size)[2]
    if attributes.get(TCA_KIND) != b"u32\0":
        return bool(handle)
    return TCA_U32_SEL in netlink.attributes_of(attributes.get(TCA_OPTIONS, b""), 0)


def redirect_in(message: bytes) -> int | None:
    """Return the index of the link that a dumped filter of this collection leads to; None for any other filter.

    The index is 0 once that link is deleted: what arrives is dropped then.
    """
    info = TRAFFIC_HEADER.unpack_from(message, HEADER.size)[4]
    attributes = netlink.attributes_of(message, START)
    options = netlink.attributes_of(attributes.get(TCA_OPTIONS, b""), 0)
    action = netlink.attributes_of(netlink.attributes_of(options.get(TCA_U32_ACT, b""), 0).get(1, b""), 0)
    parameters = netlink.attributes_of(action.get(TCA_ACT_OPTIONS, b""), 0).get(TCA_MIRRED_PARMS, b"")
    if info >> 16 != MARK or action.get(TCA_ACT_KIND) != b"mirred\0" or len(parameters) < _MIRRED.size:
        return None
    _index, _capabilities, _action, _references, _binds, done, target = _MIRRED.unpack_from(parameters)
    is_every_packet = options.get(TCA_U32_SEL, b"")[16:24] == bytes(8)
    return int(target) if done == TCA_EGRESS_REDIR and is_every_packet else None


# Restoring


def identity(message: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what a dumped qdisc, class or filter consists of, without what the kernel counts."""
    attributes = netlink.attributes_of(message, START)
    header = TRAFFIC_HEADER.pack(*TRAFFIC_HEADER.unpack_from(message, HEADER.size)[:4], 0)
    return header, attributes.get(TCA_KIND, b""), attributes.get(TCA_OPTIONS, b"")


def restore(message: bytes, kind: int, more: bytes = b"") -> bytearray:
    """Return a dumped qdisc, class or filter as a request that adds it again; `more` is added to its options."""
    _family, index, handle, parent, info = TRAFFIC_HEADER.unpack_from(message, HEADER.size)
    attributes = netlink.attributes_of(message, START)
    options = attributes.get(TCA_OPTIONS, b"") + more
    take = {(RTM_NEWTFILTER, b"u32\0"): _u32_option, (RTM_NEWQDISC, b"htb\0"): _htb_option}.get(
        (kind, attributes.get(TCA_KIND, b""))
    )
    if take is not None:
        options = b"".join(netlink.attribute(*take(*each)) for each in netlink.attributes_of(options, 0).items())
    found = [(number, content) for number, content in ((TCA_KIND, attributes.get(TCA_KIND)),) if content]
    found += [(TCA_OPTIONS, options)] if options else []
    header = (index, handle, parent, info if kind == RTM_NEWTFILTER else 0)
    flags = NLM_F_CREATE | (NLM_F_REPLACE if kind == RTM_NEWTCLASS else NLM_F_EXCL)
    return _message(kind, flags, header, *found)


def _u32_option(number: int, content: bytes) -> tuple[int, bytes]:
    """Return an option of a filter without the flags that the kernel reports and does not take."""
    if number != TCA_U32_FLAGS:
        return number, content
    (flags,) = struct.unpack("=I", content)
    return number, struct.pack("=I", flags & _FLAGS_TAKEN)


def _htb_option(number: int, content: bytes) -> tuple[int, bytes]:
    """Return an option of htb with the version as the kernel takes it: it reports the minor one as well (HTB_VER)."""
    if number != TCA_HTB_INIT:
        return number, content
    (version,) = struct.unpack_from("=I", content)
    return number, struct.pack("=I", version >> 16) + content[4:]


def kind_of(message: bytes) -> str:
    """Return the kind of a dumped qdisc, class or filter."""
    return netlink.attributes_of(message, START).get(TCA_KIND, b"").rstrip(b"\0").decode(errors="replace")

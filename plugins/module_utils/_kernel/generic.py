# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links whose options are read and set by generic netlink, each by the family of its kind: WireGuard."""

from __future__ import annotations

import errno
import sys
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.text import encode_name
from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink, wireguard
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkSocket
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    CTRL_ATTR_FAMILY_ID,
    CTRL_ATTR_FAMILY_NAME,
    CTRL_CMD_GETFAMILY,
    GENERIC_HEADER,
    GENL_ID_CTRL,
    HEADER,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    NETLINK_GENERIC,
)

FAMILY, VERSION = "wireguard", 1
WG_CMD_GET_DEVICE, WG_CMD_SET_DEVICE = 0, 1
_START = HEADER.size + GENERIC_HEADER.size


def read_information(name: str) -> bytes:
    """Return the options of a link in the namespace that the thread is in, in the form of IFLA_LINKINFO.

    Raises:
        OSError: The kernel does not report them.
    """
    with closing(NetlinkSocket(NETLINK_GENERIC)) as socket:
        body = GENERIC_HEADER.pack(WG_CMD_GET_DEVICE, VERSION)
        body += netlink.attribute(wireguard.IFNAME, encode_name(name) + b"\0")
        dumped = socket.dump(netlink.message(_find_family(socket), body))
    return gather(dumped)


def gather(dumped: list[bytes]) -> bytes:
    """Return what the messages of a dump say together, in the form of IFLA_LINKINFO; too much of it is left out."""
    data: dict[int, bytes] = {}
    for message in dumped:
        found = netlink.attributes_of(message, _START)
        peers = data.get(wireguard.PEERS, b"") + found.pop(wireguard.PEERS, b"")
        data = {**found, **data, wireguard.PEERS: peers}
    content = b"".join(netlink.attribute(*each) for each in data.items() if len(each[1]) <= wireguard.MESSAGE_MAX)
    kind = netlink.attribute(IFLA_INFO_KIND, FAMILY.encode() + b"\0")
    return kind + netlink.attribute(IFLA_INFO_DATA, content)


def configure(name: str, values: Mapping[str, Any], former: Mapping[str, Any]) -> None:
    """Set options of a link in the namespace that the thread is in.

    Raises:
        OSError: The kernel refuses them.
    """
    with closing(NetlinkSocket(NETLINK_GENERIC)) as socket:
        socket.request(set_request(_find_family(socket), name, values, former))


def set_request(family: int, name: str, values: Mapping[str, Any], former: Mapping[str, Any]) -> bytearray:
    """Return the request that sets options."""
    body = GENERIC_HEADER.pack(WG_CMD_SET_DEVICE, VERSION) + wireguard.set_device(name, values, former)
    return netlink.message(family, body)


def _find_family(socket: NetlinkSocket) -> int:
    """Return the number of the family.

    All families are dumped: a query for one that is missing has the kernel load a module.
    """
    request = netlink.message(GENL_ID_CTRL, GENERIC_HEADER.pack(CTRL_CMD_GETFAMILY, 1))
    for dumped in socket.dump(request):
        found = netlink.attributes_of(dumped, _START)
        if found.get(CTRL_ATTR_FAMILY_NAME, b"").rstrip(b"\0") == FAMILY.encode():
            return int.from_bytes(found[CTRL_ATTR_FAMILY_ID], sys.byteorder)
    raise OSError(errno.ENOENT, f"the kernel has no family {FAMILY} of generic netlink")

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transmit checksum offload, as ethtool(8) has it: an ioctl on any socket in the namespace (netdevice(7))."""

from __future__ import annotations

import array
import fcntl
import struct

from ansible_collections.netns.fabric.plugins.module_utils._core.text import encode_name

# linux/sockios.h, linux/ethtool.h
SIOCETHTOOL, ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM = 0x8946, 0x16, 0x17

#: struct ifreq: the link's name, and a pointer to the data.
REQUEST = struct.Struct("16sP")
REQUEST_SIZE = 40


def tx_checksum(socket: int, link: str) -> bool | None:
    """Return whether transmit checksums are left to the device; None where the device does not report it."""
    try:
        return bool(_call(socket, link, ETHTOOL_GTXCSUM, 0))
    except OSError:
        return None


def set_tx_checksum(socket: int, link: str, enabled: bool) -> None:
    """Leave transmit checksums to the device, or not.

    Raises:
        OSError: The device refuses it.
    """
    _call(socket, link, ETHTOOL_STXCSUM, int(enabled))


def _call(socket: int, link: str, command: int, value: int) -> int:
    """Exchange one struct ethtool_value."""
    data = array.array("I", [command, value])
    request = REQUEST.pack(encode_name(link), data.buffer_info()[0])
    fcntl.ioctl(socket, SIOCETHTOOL, request.ljust(REQUEST_SIZE, b"\0"))
    return data[1]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices of /dev/net/tun (Documentation/networking/tuntap.rst), which netlink cannot create."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from collections.abc import Mapping

from ansible_collections.netns.fabric.plugins.module_utils._core.text import encode_name
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    IFF_MULTI_QUEUE,
    IFF_NO_PI,
    IFF_TAP,
    IFF_TUN,
    IFF_VNET_HDR,
    INTERFACE_REQUEST,
    TUNSETGROUP,
    TUNSETIFF,
    TUNSETIFINDEX,
    TUNSETOWNER,
    TUNSETPERSIST,
)

DEVICE = "/dev/net/tun"
#: IFLA_TUN_OWNER, ... of linux/if_link.h, as the kernel reports the devices.
OWNER, GROUP, TYPE, PI, VNET_HDR, PERSIST, MULTI_QUEUE = 1, 2, 3, 4, 5, 6, 7
_TAP = 2


def create(name: str, data: Mapping[int, bytes], index: int | None = None) -> None:
    """Create a device in the namespace that the thread is in, which stays when this process has ended.

    `data` is what the kernel reports of such a device (IFLA_INFO_DATA).

    Raises:
        OSError: The kernel refuses it (tun_chr_ioctl() in drivers/net/tun.c).
    """
    device = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    try:
        if index is not None:
            fcntl.ioctl(device, TUNSETIFINDEX, index.to_bytes(4, sys.byteorder))
        fcntl.ioctl(device, TUNSETIFF, INTERFACE_REQUEST.pack(encode_name(name), _flags(data)))
        for number, request in ((OWNER, TUNSETOWNER), (GROUP, TUNSETGROUP)):
            if number in data:
                # Python takes a signed number here, the kernel the same 32 bits as an unsigned one.
                fcntl.ioctl(device, request, struct.unpack("=i", data[number])[0])
        fcntl.ioctl(device, TUNSETPERSIST, 1)
    finally:
        os.close(device)


def _flags(data: Mapping[int, bytes]) -> int:
    def has(number: int) -> bool:
        return any(data.get(number, b""))

    return (
        (IFF_TAP if data[TYPE][0] == _TAP else IFF_TUN)
        | (0 if has(PI) else IFF_NO_PI)
        | (IFF_VNET_HDR if has(VNET_HDR) else 0)
        | (IFF_MULTI_QUEUE if has(MULTI_QUEUE) else 0)
    )

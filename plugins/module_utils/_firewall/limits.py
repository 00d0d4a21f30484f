# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much of a namespace's packet filter is read: who is root in it can fill it with rules, or keep changing them."""

from __future__ import annotations

from contextlib import closing, suppress

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import COMMENT
from ansible_collections.netns.fabric.plugins.module_utils._kernel import uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import (
    DUMP_TIMEOUT,
    EndlessDump,
    NetlinkError,
    NetlinkSocket,
    message,
)

#: Bytes of its rules as the kernel dumps them, and as a program prints them: some thirty thousand rules.
SIZE_MAX = 16 << 20

_TOO_MUCH = "its rules cannot be read: {}; see `ip netns exec {} nft list ruleset`"


def has_own_rules(namespace: str, patience: float) -> bool:
    """Return whether a rule of nf_tables is of this collection, in the namespace that the thread is in.

    No program is started, and none of the rules is decoded.

    Raises:
        Unavailable: They are changed all the time, or are too many.
    """
    return _scan(namespace, patience)


def check_size(namespace: str) -> None:
    """Check that a program can list the rules of nf_tables, in the namespace that the thread is in.

    Raises:
        Unavailable: There are too many.
    """
    _scan(namespace, DUMP_TIMEOUT)


def check_text(namespace: str, text: str) -> None:
    """Check that what a program has printed is not too much.

    Raises:
        Unavailable: It is.
    """
    if len(text) > SIZE_MAX:
        raise Unavailable(_TOO_MUCH.format(f"more than {SIZE_MAX >> 20} MiB", namespace))


def _scan(namespace: str, patience: float) -> bool:
    request = message(uapi.NFT_MSG_GETRULE, uapi.NETFILTER_HEADER.pack(0, 0, 0))
    with suppress(NetlinkError), closing(NetlinkSocket(uapi.NETLINK_NETFILTER)) as netlink:
        try:
            is_found, size = netlink.scan(request, COMMENT.encode(), patience, SIZE_MAX)
        except EndlessDump as error:
            raise Unavailable(_TOO_MUCH.format(error.strerror, namespace)) from error
        if size > SIZE_MAX:
            raise Unavailable(_TOO_MUCH.format(f"they have more than {SIZE_MAX >> 20} MiB", namespace))
        return is_found
    return False

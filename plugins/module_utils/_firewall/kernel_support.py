# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the kernel has what an option needs: it is asked, and nothing is written."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from contextlib import closing

from ansible_collections.netns.fabric.plugins.module_utils._firewall.programs import RunProgram
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import CLAMP_MSS, NFTABLES
from ansible_collections.netns.fabric.plugins.module_utils._kernel import uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import (
    NetlinkError,
    NetlinkSocket,
    attribute,
    message,
)

#: A ruleset that the kernel checks and does not keep (nft(8), --check).
_TRIALS: Mapping[str, str] = {
    CLAMP_MSS: """
        add table ip netns_fabric_trial
        add chain ip netns_fabric_trial trial { type filter hook forward priority 0; }
        add rule ip netns_fabric_trial trial tcp flags & (syn|rst) == syn tcp option maxseg size set rt mtu
    """,
}
#: The targets of iptables that a feature needs.
_TARGETS: Mapping[str, str] = {CLAMP_MSS: "TCPMSS"}
#: The numbers of linux/netfilter/nfnetlink_compat.h.
_IS_TARGET = 1


def find_lack(feature: str, backend: str, run: RunProgram) -> str:
    """Return why the kernel cannot do what an option asks for, and the cure; empty where it can, or does not say."""
    if backend == NFTABLES:
        result = run("nft", "--check", "--file", "-", text=_TRIALS[feature])
        if result.status and ("not supported" in result.error or "No such file" in result.error):
            return (
                f"the kernel of this host cannot do it by nftables ({result.error.splitlines()[0]}); use another kernel"
            )
        return ""
    target = _TARGETS[feature]
    if not has_target(target):
        return f"the kernel of this host has no target {target} for iptables; load it (`modprobe xt_{target}`)"
    return ""


def has_target(name: str) -> bool:
    """Return whether the kernel has a target of iptables, which loads its module where there is one.

    A kernel without nft_compat (nfnl_compat_get_rcu() in net/netfilter/nft_compat.c) does not say; one is assumed then.
    """
    request = message(
        uapi.NFNL_MSG_COMPAT_GET,
        uapi.NETFILTER_HEADER.pack(uapi.NFPROTO_IPV4, 0, 0)
        + attribute(uapi.NFTA_COMPAT_NAME, name.encode() + b"\0")
        + attribute(uapi.NFTA_COMPAT_REV, bytes(4))
        + attribute(uapi.NFTA_COMPAT_TYPE, _IS_TARGET.to_bytes(4, "big")),
    )
    try:
        with closing(NetlinkSocket(uapi.NETLINK_NETFILTER)) as netlink:
            netlink.get(request)
    except NetlinkError as error:
        return error.errno != errno.ENOENT
    except OSError:
        return True
    return True

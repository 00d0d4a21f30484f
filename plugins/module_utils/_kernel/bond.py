# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The row of the kind bond: options that the kernel takes in some modes, or beside others, only. Pure.

See bond_opts of drivers/net/bonding/bond_options.c.
"""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import Attribute, Kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.encodings import (
    U8,
    U16,
    U32,
    IpAddresses,
    MacAddress,
    Number,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import ETH_DATA_LEN

IFLA_BOND_PEER_NOTIF_DELAY = 28

#: The highest value of an option that the kernel keeps as a signed number (bond_intmax_tbl).
INT_MAX = 2**31 - 1

_MODES = {
    "balance-rr": 0,
    "active-backup": 1,
    "balance-xor": 2,
    "broadcast": 3,
    "802.3ad": 4,
    "balance-tlb": 5,
    "balance-alb": 6,
}

_LACP = ("802.3ad",)

#: The modes that do not ask by ARP: without another value they check the carrier (bond_option_mode_set()).
_BY_CARRIER_ONLY = ("802.3ad", "balance-tlb", "balance-alb")


def _delay(name: str, number: int, description: str) -> Attribute:
    """Return an option that the kernel keeps as a multiple of miimon, see bond_option_updelay_set()."""
    encoding = Number(number, U32, highest=INT_MAX)
    description += " A multiple of O(bond.miimon), and not with O(bond.arp_interval)."
    return Attribute(name, encoding, description, 0, excluded_by="arp_interval", multiple_of="miimon")


BOND = Kind(
    "bond",
    "Several links as one.",
    "bonding",
    (
        Attribute(
            "mode",
            Number(1, U8, _MODES),
            "How the members are used; V(802.3ad) is LACP.",
            "balance-rr",
            in_place=False,
        ),
        Attribute(
            "miimon",
            Number(3, U32, highest=INT_MAX),
            "How often the members' carrier is checked, in ms; 0 for never. In the modes V(802.3ad), V(balance-tlb) "
            "and V(balance-alb), the kernel takes 100.",
            0,
            in_modes=dict.fromkeys(_BY_CARRIER_ONLY, 100),
            excluded_by="arp_interval",
        ),
        _delay("updelay", 4, "How long a member waits before it is used, in ms."),
        _delay("downdelay", 5, "How long a member without carrier is still used, in ms."),
        Attribute(
            "arp_interval",
            Number(7, U32, highest=INT_MAX),
            "How often the targets are asked by ARP, in ms; 0 for never. For the modes V(balance-rr), "
            "V(active-backup), V(balance-xor), V(broadcast), and without O(bond.miimon).",
            0,
            modes=tuple(mode for mode in _MODES if mode not in _BY_CARRIER_ONLY),
            excluded_by="miimon",
        ),
        Attribute(
            "arp_ip_target",
            IpAddresses(8, 16),
            "The IPv4 addresses that are asked by ARP: at most 16, none of them twice.",
        ),
        Attribute(
            "fail_over_mac",
            Number(13, U8, {"none": 0, "active": 1, "follow": 2}),
            "Which hardware address the bond has in the mode V(active-backup).",
            "none",
            in_place=False,
        ),
        Attribute(
            "xmit_hash_policy",
            Number(14, U8, {"layer2": 0, "layer3+4": 1, "layer2+3": 2, "encap2+3": 3, "encap3+4": 4, "vlan+srcmac": 5}),
            "What of a packet decides on the member that sends it.",
            "layer2",
        ),
        Attribute(
            "min_links",
            Number(18, U32, highest=INT_MAX),
            "How many members need a carrier for the bond to have one.",
            0,
        ),
        Attribute(
            "lacp_rate",
            Number(21, U8, {"slow": 0, "fast": 1}),
            "How often the partner is asked to send LACP packets. For the mode V(802.3ad).",
            "slow",
            in_place=False,
            modes=_LACP,
        ),
        Attribute(
            "ad_select",
            Number(22, U8, {"stable": 0, "bandwidth": 1, "count": 2}),
            "Which aggregate is used. For the mode V(802.3ad).",
            "stable",
            in_place=False,
        ),
        Attribute(
            "ad_actor_sys_prio",
            Number(24, U16, lowest=1),
            "The system priority of LACP. For the mode V(802.3ad).",
            65535,
            in_place=False,
            modes=_LACP,
        ),
        Attribute(
            "ad_actor_system",
            MacAddress(26),
            "The system's address in LACP. For the mode V(802.3ad).",
            in_place=False,
            modes=_LACP,
        ),
    ),
    takes_members=True,
    down=True,
    mtu=ETH_DATA_LEN,
    reported=frozenset({2, 11, 23}),  # IFLA_BOND_ACTIVE_SLAVE, IFLA_BOND_PRIMARY, IFLA_BOND_AD_INFO
    # It is 0 without miimon, and refused then, as the other delays are.
    restored={IFLA_BOND_PEER_NOTIF_DELAY: lambda content: content if any(content) else b""},
)

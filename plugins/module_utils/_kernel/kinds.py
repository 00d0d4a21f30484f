# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of links that can be created: a row for each, from which all the rest follows. Pure.

The numbers are those of linux/if_link.h (IFLA_VLAN_ID, ...), the names those of ip-link(8).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink, wireguard
from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import (
    Attribute,
    Bound,
    Kind,
    bare,
    hexadecimal,
    negated,
    on_off,
    present,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.bond import BOND
from ansible_collections.netns.fabric.plugins.module_utils._kernel.encodings import (
    U8,
    U16,
    U32,
    Bits,
    Hundredths,
    IpAddress,
    Key,
    MaskedBit,
    Number,
    Switch,
    SwitchOr,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.outer_packets import (
    is_multicast,
    no_headroom,
    vxlan_headroom,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import ETH_DATA_LEN, IFLA_INFO_DATA

BE16 = ">H"

_SOME_MACVLAN = (
    Attribute(
        "mode",
        Number(1, U32, {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}),
        "What the links on one parent can reach: nothing of each other (V(private)), each other through an external "
        "switch (V(vepa)) or directly (V(bridge)), or there is one only, with the parent's address (V(passthru)). "
        "V(passthru) cannot be changed in place.",
        default="vepa",
        rigid=frozenset({"passthru"}),
    ),
    Attribute(
        "bcqueuelen",
        Number(7, U32),
        "How many broadcast and multicast packets the parent may queue for its links.",
        default=1000,
    ),
)

#: macvlan_common_newlink() in drivers/net/macvlan.c
_MACVLANS = frozenset({"macvlan", "macvtap"})

IFLA_BR_MULTI_BOOLOPT = 46

_DF = {"unset": 0, "set": 1, "inherit": 2}


def _ttl(number: int) -> Attribute:
    return Attribute("ttl", Number(number, U8), "The TTL of the outer packets; 0 is the kernel's choice.", default=0)


def _tos(number: int) -> Attribute:
    description = "The type of service of the outer packets; 1 inherits it."
    return Attribute("tos", Number(number, U8), description, default=0, words=hexadecimal)


def _port(number: int, default: int) -> Attribute:
    description = "The UDP port at both ends."
    return Attribute("dstport", Number(number, BE16, lowest=1), description, default=default, in_place=False)


def _switch(name: str, number: int, description: str, **row: Any) -> Attribute:
    return Attribute(name, Switch(number), description, **{"default": False, "words": negated, **row})


def _vlan_flag(name: str, bit: int, description: str, default: bool = False) -> Attribute:
    return Attribute(name, MaskedBit(2, bit), description, default=default, words=on_off)


def _those_set(content: bytes) -> bytes:
    """Return struct br_boolopt_multi, a value and a mask, of those options only that are set."""
    return content[:4] * 2 if any(content[:4]) else b""


def _gre(name: str, description: str, *more: Attribute, sets_mac: bool = True) -> Kind:
    return Kind(
        name,
        description,
        "ip_gre",
        (
            Attribute("remote", IpAddress(7), "The address of the far end; without one the tunnel has many."),
            Attribute("local", IpAddress(6), "The address of the near end; without one the kernel chooses it."),
            Attribute(
                "key",
                Key((4, 5), Bits((2, 3), 0x2000)),
                "The number of the tunnel in both directions, which distinguishes tunnels; it is not a secret.",
                more={"no_log": False},
            ),
            Attribute("csum", Bits((2, 3), 0x8000), "Whether packets have checksums.", default=False, words=negated),
            Attribute("seq", Bits((2, 3), 0x1000), "Whether packets are numbered.", default=False, words=negated),
            _ttl(8),
            _tos(9),
            _switch("pmtudisc", 10, "Whether path MTU discovery is done for the outer packets.", default=True),
            *more,
        ),
        # Not underlay: the kernel sends the outer packets where it creates the link (dev_net() in ip_tunnel_newlink()).
        lower=1,
        whole=True,
        sets_mac=sets_mac,
    )


def _macvlan(name: str, description: str) -> Kind:
    return Kind(
        name,
        description,
        name,
        _SOME_MACVLAN,
        on_parent=True,
        headroom=no_headroom,
        flat=_MACVLANS,
        reported=frozenset({6, 8}),  # IFLA_MACVLAN_MACADDR_COUNT, IFLA_MACVLAN_BC_QUEUE_LEN_USED
    )


#: 2**32 - 1 stands for no user and no group (uid_valid() of linux/uidgid.h).
_ID_MAX = 2**32 - 2

_TUN = (
    Attribute(
        "user", Number(1, U32, highest=_ID_MAX), "The UID that may use the device, up to 4294967294.", in_place=False
    ),
    Attribute(
        "group", Number(2, U32, highest=_ID_MAX), "The GID that may use the device, up to 4294967294.", in_place=False
    ),
    Attribute(
        "pi",
        Switch(4),
        "Whether each packet has a header with its protocol.",
        default=False,
        in_place=False,
        words=present,
    ),
    Attribute(
        "vnet_hdr",
        Switch(5),
        "Whether each packet has a header for offloads, as virtual machines use it.",
        default=False,
        in_place=False,
        words=present,
    ),
    Attribute(
        "multi_queue",
        Switch(7),
        "Whether several processes or threads may use the device at once.",
        default=False,
        in_place=False,
        words=present,
    ),
)

_ROWS = (
    BOND,
    Kind(
        "bridge",
        "A bridge of the kernel.",
        "bridge",
        (
            Attribute("stp_state", Number(5, U32, highest=1), "1 for spanning tree (IEEE 802.1D), 0 for none.", 0),
            Attribute(
                "forward_delay",
                Hundredths(1, U32, highest=3000),
                "The forward delay in 1/100 s; at least 200 with spanning tree.",
                1500,
                bound=Bound("stp_state", 200, 3000),  # br_stp_start() raises it, br_set_forward_delay() refuses it
            ),
            Attribute("hello_time", Hundredths(2, U32, lowest=100, highest=1000), "The hello time in 1/100 s.", 200),
            Attribute(
                "max_age", Hundredths(3, U32, lowest=600, highest=4000), "The maximum message age in 1/100 s.", 2000
            ),
            Attribute("ageing_time", Hundredths(4, U32), "How long an address is remembered, in 1/100 s.", 30000),
            Attribute("priority", Number(6, U16), "The bridge priority of spanning tree.", 32768),
            Attribute("vlan_filtering", Number(7, U8, highest=1), "1 for a bridge that distinguishes VLANs.", 0),
            Attribute("group_fwd_mask", Number(9, U16), "Which link-local groups are forwarded, a bit for each.", 0),
            Attribute("mcast_router", Number(22, U8, highest=2), "Multicast routers: 0 none, 1 learned, 2 always.", 1),
            Attribute("mcast_snooping", Number(23, U8, highest=1), "1 for snooping IGMP and MLD.", 1),
            Attribute("mcast_querier", Number(25, U8, highest=1), "1 for querying IGMP and MLD.", 0),
            Attribute("nf_call_iptables", Number(36, U8, highest=1), "1 for bridged IPv4 through iptables.", 0),
            Attribute("nf_call_ip6tables", Number(37, U8, highest=1), "1 for bridged IPv6 through ip6tables.", 0),
            Attribute("nf_call_arptables", Number(38, U8, highest=1), "1 for bridged ARP through arptables.", 0),
        ),
        takes_members=True,
        mtu=ETH_DATA_LEN,
        mtu_by_members=True,  # br_mtu_auto_adjust() in net/bridge/br_if.c
        # A kernel without CONFIG_BRIDGE_VLAN_FILTERING does not even take that VLANs are not distinguished.
        restored={7: lambda content: content.strip(b"\0"), IFLA_BR_MULTI_BOOLOPT: _those_set},
    ),
    Kind("dummy", "A link that sends nothing anywhere, for addresses.", "dummy", mtu=ETH_DATA_LEN),
    Kind(
        "geneve",
        "A Geneve tunnel (RFC 8926).",
        "geneve",
        (
            Attribute(
                "id",
                Number(1, U32, highest=2**24 - 1),
                "The virtual network identifier (VNI).",
                required=True,
                in_place=False,
            ),
            Attribute(
                "remote",
                IpAddress(2, 7),
                "The address of the far end. The kernel requires it. Another IP version re-creates the link.",
            ),
            _port(5, 6081),
            _ttl(3),
            _tos(4),
            Attribute(
                "udpcsum",
                SwitchOr(8, reverse=9),
                "Whether outer packets have a checksum.",
                default=False,
                in_place=False,
                words=negated,
            ),
            Attribute("df", Number(13, U8, _DF), "The flag do-not-fragment of outer packets.", "unset"),
        ),
        underlay=True,
        # IFLA_GENEVE_TTL_INHERIT: beside it, even if it is 0, the kernel takes no TTL (geneve_nl2info()).
        reported=frozenset({12}),
    ),
    # ipgre_netdev_ops in net/ipv4/ip_gre.c has no ndo_set_mac_address: its address is `local`.
    _gre("gre", "A GRE tunnel for IP packets over IPv4 (RFC 2784).", sets_mac=False),
    _gre(
        "gretap",
        "A GRE tunnel for Ethernet frames over IPv4.",
        _switch(
            "ignore_df",
            19,
            "Whether frames are fragmented whatever they say.",
            words=lambda _name, value: negated("ignore-df", value),  # no name of an option has a hyphen
        ),
    ),
    Kind(
        "ifb",
        "An intermediate functional block, to which received packets are redirected for shaping.",
        "ifb",
        mtu=ETH_DATA_LEN,
        changes_mac=False,  # ifb_netdev_ops in drivers/net/ifb.c
    ),
    Kind(
        "ipvlan",
        "A link with the hardware address of its parent.",
        "ipvlan",
        (
            Attribute(
                "mode",
                Number(1, U16, {"l2": 0, "l3": 1, "l3s": 2}),
                "Whether packets are switched (V(l2)) or routed (V(l3), or V(l3s) with the packet filter of the "
                "parent's namespace). All links on one parent have the same mode.",
                "l3",
            ),
            Attribute(
                "flags",
                Number(2, U16, {"bridge": 0, "private": 1, "vepa": 2}),
                "What the links on one parent can reach: each other, nothing of each other, or each other through an "
                "external switch.",
                "bridge",
                words=bare,
            ),
        ),
        on_parent=True,
        headroom=no_headroom,
        sets_mac=False,  # ipvlan_init() takes that of the parent
        flat=frozenset({"ipvlan"}),
    ),
    _macvlan("macvlan", "A link with a hardware address of its own on its parent."),
    _macvlan("macvtap", "A macvlan that a virtual machine uses as a tap device."),
    Kind(
        "tap",
        "A device whose frames a process reads and writes.",
        "tun",
        _TUN,
        "tun",
        {3: b"\2"},
        mtu=ETH_DATA_LEN,
        device=True,
    ),
    Kind(
        "tun",
        "A device whose IP packets a process reads and writes.",
        "tun",
        _TUN,
        "tun",
        {3: b"\1"},
        device=True,
        sets_mac=False,  # tun_netdev_ops in drivers/net/tun.c
    ),
    Kind(
        "vlan",
        "A VLAN (IEEE 802.1Q) of its parent.",
        "8021q",
        (
            Attribute("id", Number(1, U16, highest=4094), "The number of the VLAN.", required=True, in_place=False),
            Attribute(
                "protocol",
                Number(5, BE16, {"802.1Q": 0x8100, "802.1ad": 0x88A8}),
                "The protocol of the tag.",
                "802.1Q",
                in_place=False,
            ),
            _vlan_flag("reorder_hdr", 0x1, "Whether received packets are shown without their tag.", default=True),
            _vlan_flag("gvrp", 0x2, "Whether the VLAN is announced by GVRP."),
            _vlan_flag("loose_binding", 0x4, "Whether the link stays up when its parent goes down."),
            _vlan_flag("mvrp", 0x8, "Whether the VLAN is announced by MVRP."),
            _vlan_flag("bridge_binding", 0x10, "Whether its carrier is that of the ports with the VLAN, on a bridge."),
        ),
        on_parent=True,
        headroom=no_headroom,
        up_with_parent="loose_binding",
    ),
    Kind(
        "vrf",
        "A routing domain: its members use a routing table of their own.",
        "vrf",
        (
            Attribute(
                "table", Number(1, U32, lowest=1), "The number of the routing table.", required=True, in_place=False
            ),
        ),
        takes_members=True,
        down=True,
    ),
    Kind(
        "vxlan",
        "A VXLAN tunnel (RFC 7348).",
        "vxlan",
        (
            Attribute(
                "id",
                Number(1, U32, highest=2**24 - 1),
                "The VXLAN network identifier (VNI).",
                required=True,
                in_place=False,
            ),
            Attribute(
                "remote",
                IpAddress(2, 16),
                "Where frames for unknown addresses are sent: a host, or a multicast group, which needs a parent. "
                "Another IP version re-creates the link.",
                words=lambda _name, value: ["group" if is_multicast(value) else "remote", value],
            ),
            Attribute(
                "local",
                IpAddress(4, 17),
                "The source address of the outer packets, of the same IP version. Another one re-creates the link.",
            ),
            _port(15, 8472),
            _ttl(5),
            _tos(6),
            _switch("learning", 7, "Whether the sources of received frames are learned.", default=True),
            # Of 0 vxlan_config_apply() makes the default.
            Attribute(
                "ageing", Number(8, U32, lowest=1), "How long an address is remembered, in seconds, from 1.", 300
            ),
            Attribute("maxaddress", Number(9, U32), "How many addresses are remembered; 0 for any.", 0, in_place=False),
            _switch("proxy", 11, "Whether ARP and neighbour requests are answered.", in_place=False),
            _switch("rsc", 12, "Whether routes between tunnels are short-circuited.", in_place=False),
            _switch("l2miss", 13, "Whether unknown hardware addresses are reported.", in_place=False),
            _switch("l3miss", 14, "Whether unknown IP addresses are reported.", in_place=False),
            _switch("udpcsum", 18, "Whether outer packets of IPv4 have a checksum.", default=True, in_place=False),
            _switch("udp6zerocsumtx", 19, "Whether outer packets of IPv6 have none.", in_place=False),
            _switch("udp6zerocsumrx", 20, "Whether outer packets of IPv6 may have none.", in_place=False),
            _switch("external", 25, "Whether each packet says where it goes (metadata mode).", in_place=False),
            Attribute("df", Number(29, U8, _DF), "The flag do-not-fragment of outer packets.", "unset"),
        ),
        lower=3,
        underlay=True,
        headroom=vxlan_headroom,
    ),
    Kind(
        "wireguard",
        "A WireGuard tunnel. Its outer packets travel where it was created: see O(underlay).",
        "wireguard",
        (
            Attribute(
                "private_key",
                wireguard.PrivateKey(),
                "The private key, in base64. Ansible hides it; a key in a file does not leave the managed host. A key "
                "that is not from C(wg genkey) is clamped, as the kernel does it (RFC 7748).",
                secret=True,
                more={"no_log": True},
            ),
            Attribute(
                "private_key_file",
                wireguard.PrivateKey(is_file=True),
                "The absolute path of a file on the managed host with the private key.",
                form_of="private_key",
                more={"no_log": False},
            ),
            Attribute(
                "listen_port",
                wireguard.ListenPort(6, U16),
                "The UDP port; 0 for one that the kernel chooses, and any that the link has is left unchanged.",
            ),
            Attribute("fwmark", Number(7, U32), "The mark of the outer packets; 0 for none.", 0),
            Attribute(
                "peers",
                wireguard.Peers(),
                "The exact list of the peers. One that does not change keeps its session.",
                more={"elements": "dict", "options": wireguard.PEER_OPTIONS},
                details=wireguard.PEER_DESCRIPTIONS,
            ),
        ),
        underlay=True,
        generic=True,
        sets_mac=False,  # wg_setup() in drivers/net/wireguard/device.c
    ),
)

#: By their names.
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ROWS}
#: Kinds that other links are members of, by the kernel's names.
MASTER_KINDS = frozenset({"openvswitch", "team", *(kind.kernel_name for kind in _ROWS if kind.takes_members)})


@lru_cache
def data_of(information: bytes) -> Mapping[int, bytes]:
    """Return the contents of IFLA_INFO_DATA in those of IFLA_LINKINFO."""
    return netlink.attributes_of(netlink.attributes_of(information, 0).get(IFLA_INFO_DATA, b""), 0)


def find_kind(kernel_name: str, information: bytes) -> Kind | None:
    """Return the kind of a link by what the kernel reports of it; None for one without a row."""
    for kind in KINDS.values():
        if kind.kernel_name == kernel_name:
            data = data_of(information) if kind.constant else {}
            if all(data.get(number) == content for number, content in kind.constant.items()):
                return kind
    return None

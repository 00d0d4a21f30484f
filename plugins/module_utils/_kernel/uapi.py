# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers and structs of netlink messages, named as in the kernel's user-space API (the headers in include/uapi)."""

from __future__ import annotations

import struct

# linux/netlink.h
NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_NETFILTER, NETLINK_GENERIC = 0, 4, 12, 16
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_DUMP = 0x1, 0x4, 0x10, 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400
NLM_F_ACK_TLVS = 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
SOL_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 270, 10, 11
NLMSGERR_ATTR_MSG, NLMSGERR_ATTR_OFFS = 1, 2
NLA_F_NESTED = 0x8000
#: All bits of an attribute's type but NLA_F_NESTED and NLA_F_NET_BYTEORDER.
NLA_TYPE_MASK = 0x3FFF

#: struct nlmsghdr: length, type, flags, sequence number, port.
HEADER = struct.Struct("=IHHII")
#: struct nlattr: length, type.
ATTRIBUTE = struct.Struct("=HH")

# asm-generic/socket.h
SO_RCVBUFFORCE = 33

# linux/rtnetlink.h
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWLINKPROP, RTM_DELLINKPROP = 108, 109
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH, RTM_GETNEIGHTBL = 28, 29, 30, 66
RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC = 36, 37, 38
RTM_NEWTCLASS, RTM_GETTCLASS = 40, 42
RTM_NEWTFILTER, RTM_GETTFILTER = 44, 46
RTM_GETNSID = 90
RTEXT_FILTER_SKIP_STATS = 8
RTA_DST, RTA_SRC, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_MULTIPATH = 1, 2, 4, 5, 6, 7, 9
RTA_METRICS, RTA_CACHEINFO, RTA_TABLE, RTA_VIA, RTA_ENCAP, RTA_NH_ID = 8, 12, 15, 18, 22, 30
RTAX_MTU = 2
#: The MTU of Ethernet, and of most new links (linux/if_ether.h).
ETH_DATA_LEN = 1500
RTN_UNSPEC, RTN_UNICAST, RTN_LOCAL = 0, 1, 2
RTPROT_UNSPEC, RTPROT_KERNEL, RTPROT_BOOT, RTPROT_STATIC = 0, 2, 3, 4
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_HOST, RT_SCOPE_NOWHERE = 0, 253, 254, 255
RTM_F_CLONED = 0x200
RTNH_F_DEAD, RTNH_F_ONLINK, RTNH_F_LINKDOWN = 0x1, 0x4, 0x10
#: struct rtmsg: family, lengths of destination and source, tos, table, protocol, scope, type, flags.
ROUTE_HEADER = struct.Struct("=BBBBBBBBI")
#: struct rtnexthop: length, flags, hops, index of the link.
NEXT_HOP = struct.Struct("=HBBi")

TCA_KIND, TCA_OPTIONS = 1, 2
#: struct tcmsg: family, index of the link, handle, parent, info.
TRAFFIC_HEADER = struct.Struct("=BxxxiIII")

# linux/pkt_sched.h, linux/pkt_cls.h, linux/tc_act/tc_mirred.h
TC_H_ROOT, TC_H_INGRESS, TC_H_MIN_INGRESS, TC_H_MIN_EGRESS = 0xFFFFFFFF, 0xFFFFFFF1, 0xFFFFFFF2, 0xFFFFFFF3
INGRESS_HANDLE = 0xFFFF0000
TC_LINKLAYER_ETHERNET = 1
TCA_NETEM_DELAY_DIST, TCA_HTB_INIT = 2, 2
TCA_U32_SEL, TCA_U32_ACT, TCA_U32_FLAGS = 5, 7, 11
TCA_ACT_KIND, TCA_ACT_OPTIONS, TCA_MIRRED_PARMS = 1, 2, 2
TC_ACT_STOLEN, TCA_EGRESS_REDIR = 4, 1

# linux/fib_rules.h
FRA_DST, FRA_SRC, FRA_IIFNAME, FRA_GOTO, FRA_PRIORITY, FRA_FWMARK = 1, 2, 3, 4, 6, 10
FRA_FLOW, FRA_TUN_ID, FRA_SUPPRESS_IFGROUP, FRA_SUPPRESS_PREFIXLEN, FRA_TABLE = 11, 12, 13, 14, 15
FRA_FWMASK, FRA_OIFNAME, FRA_PAD, FRA_L3MDEV, FRA_UID_RANGE, FRA_PROTOCOL = 16, 17, 18, 19, 20, 21
FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE, FRA_SPORT_MASK, FRA_DPORT_MASK = 22, 23, 24, 28, 29
FIB_RULE_INVERT = 0x2
#: struct fib_rule_hdr: family, lengths of destination and source, tos, table, reserved, action, flags.
RULE_HEADER = struct.Struct("=BBBBBxxBI")
#: struct fib_rule_port_range, struct fib_rule_uid_range: first and last.
PORT_RANGE, UID_RANGE = struct.Struct("=HH"), struct.Struct("=II")

# linux/if_link.h, linux/if.h
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER, IFLA_OPERSTATE = 1, 3, 4, 5, 10, 16
IFLA_LINKINFO, IFLA_IFALIAS, IFLA_STATS64, IFLA_GROUP, IFLA_NET_NS_FD = 18, 20, 23, 27, 28
IFLA_PROMISCUITY, IFLA_LINK_NETNSID, IFLA_PROP_LIST, IFLA_ALT_IFNAME, IFLA_NETNS_IMMUTABLE = 30, 37, 52, 53, 67
IFLA_TXQLEN, IFLA_NEW_IFINDEX = 13, 49
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 1, 2, 4, 5
#: What a bridge does with VLANs, and whether its port is isolated from others that are.
IFLA_BR_VLAN_FILTERING, IFLA_BRPORT_ISOLATED = 7, 33
IFF_UP, IFF_LOOPBACK = 0x1, 0x8
#: struct ifinfomsg: family, type, index, flags, mask of the flags to change.
LINK_HEADER = struct.Struct("=BxHiII")

# linux/if_tun.h, linux/if.h
TUNSETIFF, TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP = 0x400454CA, 0x400454CB, 0x400454CC, 0x400454CE
TUNSETIFINDEX = 0x400454DA
IFF_TUN, IFF_TAP, IFF_MULTI_QUEUE, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x0002, 0x0100, 0x1000, 0x4000
#: struct ifreq: name, flags.
INTERFACE_REQUEST = struct.Struct("=16sH22x")

# linux/if_addr.h
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS, IFA_PROTO = 1, 2, 8, 11
IFA_F_SECONDARY, IFA_F_NODAD, IFA_F_DADFAILED, IFA_F_TENTATIVE, IFA_F_PERMANENT = 0x1, 0x2, 0x8, 0x40, 0x80
#: struct ifaddrmsg: family, prefix length, flags, scope, index of the link.
ADDRESS_HEADER = struct.Struct("=BBBBI")

# linux/neighbour.h
NDA_DST, NDA_LLADDR, NDA_PROTOCOL = 1, 2, 12
NTF_PROXY, NTF_EXT_LEARNED = 0x08, 0x10
NDTA_THRESH3, NDTA_CONFIG = 4, 5
NUD_INCOMPLETE, NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE = 0x01, 0x02, 0x04, 0x08, 0x10
NUD_FAILED, NUD_NOARP, NUD_PERMANENT = 0x20, 0x40, 0x80
#: struct ndmsg: family, index of the link, state, flags, type.
NEIGHBOUR_HEADER = struct.Struct("=BxxxiHBB")

# linux/net_namespace.h
NETNSA_NSID, NETNSA_FD = 1, 3

# linux/sock_diag.h, net/tcp_states.h
SOCK_DIAG_BY_FAMILY = 20
TCP_ESTABLISHED, TCP_CLOSE, TCP_LISTEN = 1, 7, 10

# linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h: subsystem (NFNL_SUBSYS_NFTABLES) and message
NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETRULE = 10 << 8 | 1, 10 << 8 | 4, 10 << 8 | 7
NFT_MSG_GETGEN, NFTA_GEN_ID = 10 << 8 | 16, 1
NFNL_MSG_COMPAT_GET, NFPROTO_IPV4 = 11 << 8, 2
NFTA_COMPAT_NAME, NFTA_COMPAT_REV, NFTA_COMPAT_TYPE = 1, 2, 3
NFTA_TABLE_NAME, NFTA_TABLE_FLAGS = 1, 2
NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME = 1, 3
NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_HANDLE, NFTA_RULE_USERDATA = 1, 2, 3, 7
#: libnftnl/udata.h
NFTNL_UDATA_RULE_COMMENT = 0

# linux/netfilter/nfnetlink_conntrack.h: subsystem (NFNL_SUBSYS_CTNETLINK) and message, attributes
IPCTNL_MSG_CT_GET, IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_CT_GET_STATS = 1 << 8 | 1, 1 << 8 | 2, 1 << 8 | 5
CTA_STATS_GLOBAL_ENTRIES = 1
CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_ID, CTA_ZONE = 1, 2, 12, 18
CTA_TUPLE_IP, CTA_TUPLE_PROTO = 1, 2
CTA_IP_V4_SRC, CTA_IP_V4_DST, CTA_IP_V6_SRC, CTA_IP_V6_DST = 1, 2, 3, 4
CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT = 1, 2, 3
CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMPV6_TYPE = 5, 8
#: The identifier, type and code of an echo request, by the IP version.
CTA_PROTO_ECHO = {4: (4, 5, 6), 6: (7, 8, 9)}
#: struct nfgenmsg: family, version, resource.
NETFILTER_HEADER = struct.Struct("=BBH")

# linux/genetlink.h
GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, CTRL_ATTR_FAMILY_ID = 16, 3, 2, 1
#: struct genlmsghdr: command, version.
GENERIC_HEADER = struct.Struct("=BBxx")

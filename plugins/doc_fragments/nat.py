# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of every kind of address translation: the router, forwarded traffic that is dropped, the backend."""

from __future__ import annotations


class ModuleDocFragment:
    # The notes of each module say what accept_forward accepts, and what firewalld does with it.
    DOCUMENTATION = r"""
options:
  namespace:
    description:
      - The network namespace that routes, by its name in C(/run/netns).
      - If omitted, the host itself.
    type: str
  ip_forward:
    description:
      - Whether to enable IP forwarding in O(namespace), for the IP version of the entry.
      - The kernel parameter is C(net.ipv4.ip_forward) or C(net.ipv6.conf.all.forwarding). It lasts until the next boot,
        or as long as the namespace exists.
      - IPv4 is forwarded from a link only if its own parameter C(net.ipv4.conf.IFACE.forwarding) is set, which is not
        so for a link that systemd-networkd or C(net.ipv4.conf.default.forwarding) has set to V(0). It is set for the
        links by which the network of the entry and the way out are reached, and for no others. With
        O(ip_forward=false), RV(blocked_by) lists those of them that do not forward.
      - IP forwarding is never disabled, neither by O(ip_forward=false) nor by O(state=absent), because other software
        may depend on it.
      - When IPv6 forwarding is enabled, the kernel drops the default routes from router advertisements and ignores
        further ones, on every interface where C(net.ipv6.conf.IFACE.accept_ra) is V(1). If a default route would be
        lost this way, the module fails before it writes anything. Set the parameter to V(2) first.
    type: bool
    default: true
  accept_forward:
    description:
      - How to handle chains that drop forwarded traffic, by policy or by a final rule.
      - A packet that one table accepts is still dropped by another one. Without further rules NAT does not work on a
        host with C(iptables -P FORWARD DROP), which Docker sets.
      - V(auto) adds rules to each such chain, one for each direction, which match the translated traffic only. The
        notes say what they accept. They are removed with O(state=absent), with O(accept_forward=never), and when
        nothing drops the traffic any more.
      - The rules are at the end of the chain that drops the traffic, of nftables or of either variant of iptables. What
        another rule decides on, or a chain of Docker or ufw, never gets to them, so that what is forbidden stays
        forbidden. Where others have appended rules since, the next run moves those of this module behind them.
      - Traffic that firewalld drops is handled differently, see the notes.
      - V(never) leaves such chains alone.
      - RV(blocked_by) lists the chains that are left alone. Tables that a running program has reserved for itself are
        always among them.
    type: str
    choices: [auto, never]
    default: auto
  state:
    description:
      - Whether the rules of the entry exist.
      - V(absent) deletes them, and what O(accept_forward) has added for them. IP forwarding stays enabled.
    type: str
    choices: [present, absent]
    default: present
  backend:
    description:
      - The packet filter that holds the rules.
      - V(nftables) uses a table of its own, C(netns_fabric), of the family C(ip) or C(ip6), which masquerading and port
        forwarding share. A chain is deleted with its last rule, and the table with its last chain. The two families are
        separate so that an IPv4 rule does not make the kernel track the IPv6 connections of the host.
      - V(iptables) appends to chains of the table C(nat), which are POSTROUTING for masquerading, and PREROUTING,
        OUTPUT and POSTROUTING for port forwarding. The variant (nf_tables or legacy) is the one of the command
        C(iptables), or C(ip6tables), of the host.
      - V(auto) leaves existing rules where they are. New ones are created in the legacy variant of iptables if all
        other rules on the host are in it, otherwise in nftables if the host has C(nft) and its kernel has nf_tables,
        otherwise in iptables. Without nf_tables in the kernel that is the legacy variant, whichever is behind the
        command C(iptables).
      - A rule that is in another place than O(backend) says is moved, from one backend to the other or from one variant
        of iptables to the other, so that it never exists twice. This requires the commands for both on the host.
    type: str
    choices: [auto, nftables, iptables]
    default: auto
requirements:
  - C(nft) 0.9.3 or newer with JSON support, or C(iptables) 1.6.2 or newer, on the managed host
  - pyroute2 0.7.2 or newer on the managed host
notes:
  - With O(prune), rules that are owned by O(owner) are found on the host and in every named namespace, whether or not
    an entry names it.
  - A flow that keeps sending keeps the translation of its first packet. Where a call changes, adds or removes a rule
    that translates, the entries of connection tracking that are not translated accordingly are deleted, in the
    namespace of the rule, and no others; a rollback deletes those that were translated by the rules that it removes.
    RV(commands) does not list it, because a flow is no part of the configuration. This requires C(nf_conntrack_netlink)
    in the kernel; without it, flows end by their timeout.
  - The rules last until the next boot, or as long as the namespace that they are in. C(nft flush ruleset) and
    C(iptables -t nat -F) delete them. The next run creates them again.
  - iptables creates its tables at first use; they stay, empty, after the last rule of this collection is deleted.
"""

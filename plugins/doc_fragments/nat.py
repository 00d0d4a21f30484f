# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every kind of address translation has: the router, a way through chains that drop, the backend."""

from __future__ import annotations


class ModuleDocFragment:
    # A module says in its notes what accept_forward lets through, and what becomes of that where firewalld runs.
    DOCUMENTATION = r"""
options:
  namespace:
    description:
      - The network namespace that routes, by its name in C(/run/netns).
      - If it is left out, the host's own.
    type: str
  ip_forward:
    description:
      - Turn on IP forwarding for the IP version of the entry, in O(namespace) - the kernel parameter
        C(net.ipv4.ip_forward) or C(net.ipv6.conf.all.forwarding).
      - It lasts until the next boot, or as long as the namespace does.
      - It is never turned off again, not by O(ip_forward=false) and not by O(state=absent), for the module cannot
        know who else relies on it.
      - Turning on IPv6 forwarding makes the kernel drop the default routes that it has from router advertisements, and
        ignore further ones, on every interface whose parameter C(net.ipv6.conf.IFACE.accept_ra) is V(1). Where a
        default route would be lost that way the call fails before anything is written. Set the parameter to V(2)
        before.
    type: bool
    default: true
  accept_forward:
    description:
      - What to do about chains that drop what is forwarded, be it by their policy or by a last rule for all the rest.
        An accept in a table of one's own does not get a packet past a drop in another table, so that NAT is dead on a
        host with C(iptables -P FORWARD DROP), which is what Docker sets.
      - V(auto) puts two rules into each such chain, one for each direction, as narrow as the NAT itself; the notes say
        what they let through. They come after all rules that have a condition, so that what somebody forbids explicitly
        stays forbidden. Both are removed again with O(state=absent), with O(accept_forward=never), and when nothing
        drops any more.
      - The place is the chain C(DOCKER-USER) where the FORWARD chain of iptables calls it, otherwise the chain that
        does the dropping, of nftables or of either variant of iptables.
      - What firewalld drops is another matter, see the notes.
      - Nothing is put into tables that a running program has reserved for itself. RV(blocked_by) tells of these.
      - V(never) leaves such chains alone. RV(blocked_by) tells of them.
    type: str
    choices: [auto, never]
    default: auto
  state:
    description:
      - With V(absent) the rules of the entry go, and what was done for them because of O(accept_forward). IP forwarding
        stays.
    type: str
    choices: [present, absent]
    default: present
  backend:
    description:
      - What the rules are made with.
      - V(nftables) puts them into a table of our own, C(netns_fabric), of the family C(ip) or C(ip6), the same for
        masquerading and for port forwarding. A chain goes when its last rule goes, and the table with its last chain.
        The two families are kept apart so that an IPv4 rule does not make the kernel track the IPv6 connections of the
        host.
      - V(iptables) appends them to chains of the table C(nat) - to POSTROUTING for masquerading, to PREROUTING, OUTPUT
        and POSTROUTING for port forwarding - in the variant (nf_tables or legacy) that is behind the plain command
        C(iptables), or C(ip6tables), of the host.
      - V(auto) leaves rules where they are already. New ones it makes with what the host uses - with the legacy variant
        of iptables if all that others have made there is in that, otherwise with nftables if the host has C(nft),
        otherwise with iptables.
      - A rule that is found in another place than it belongs is moved, so that it is never there twice - from one
        backend to the other and from one variant of iptables to the other, provided that the host has the commands
        for both.
    type: str
    choices: [auto, nftables, iptables]
    default: auto
requirements:
  - C(nft) 0.9.3 or newer with JSON support, or C(iptables) 1.6.2 or newer, on the managed host
  - pyroute2 0.7.2 or newer on the managed host
notes:
  - With O(prune), rules of the O(owner) are found in every named namespace and on the host, whether or not an entry
    names it.
  - The rules last until the next boot, and no longer than the namespace that they are in. C(nft flush ruleset) and
    C(iptables -t nat -F) remove them too. One more run brings them back.
  - iptables makes its tables when they are first used, and they stay, empty, when our last rule is gone.
"""

#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.nat_masquerade."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nat_masquerade
short_description: Masquerade the networks behind a router
version_added: 1.0.0
description:
  - Lets a network out into the world behind the addresses of the router that it goes through - the managed host, or a
    network namespace that routes for others. This is source NAT (masquerading), for IPv4 and IPv6.
  - What comes from the O(source) network is masqueraded wherever it goes, except within the O(source) network itself
    and to multicast addresses.
  - Three things belong to it, and the module sees to all of them - the rule itself, IP forwarding (O(ip_forward)),
    and a way through chains that drop what is forwarded, such as those of Docker (O(accept_forward)).
  - A rule is known by its comment C(netns.fabric:OWNER). Rules without that comment are never changed or removed,
    also where they do the same, and neither are those of another O(owner).
  - A rule that is there twice is reduced to one, one that somebody has altered is put right, and one that is gone,
    alone or with its table, comes back with the next run.
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
  - netns.fabric.state_module
options:
  source:
    description:
      - The network behind the router, as C(ADDRESS/PREFIX) with no host bits set; IPv4 or IPv6.
      - Two networks of one call must not overlap, unless each has an O(out_interface) of its own.
      - Required unless O(rules) is given.
    type: str
  out_interface:
    description:
      - Masquerade only what leaves through this interface.
      - It must exist, save in check mode, where it is taken as made by an earlier task.
      - If it is left out, whatever interface the routes lead to.
      - A rule with another O(out_interface) is another rule; to change it, remove the one and add the other, or use
        O(prune).
    type: str
  namespace:
    description:
      - The network namespace that routes, by its name in C(/run/netns).
      - If it is left out, the host's own.
    type: str
  ip_forward:
    description:
      - Turn on IP forwarding for the IP version of O(source), in O(namespace) - the kernel parameter
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
      - V(auto) puts two rules into each such chain, one that accepts what goes out from O(source), and one that
        accepts the replies. They are as narrow as the masquerading itself, and they come after all rules that have a
        condition, so that what somebody forbids explicitly stays forbidden. Both are removed again with
        O(state=absent), with O(accept_forward=never), and when nothing drops any more.
      - The place is the chain C(DOCKER-USER) where the FORWARD chain of iptables calls it, otherwise the chain that
        does the dropping, of nftables or of either variant of iptables.
      - Where firewalld runs it is asked itself, by C(firewall-cmd) - it gets a policy of our own, with a rule that
        accepts what goes out from O(source), permanently and in what runs, so that a reload keeps it. The policy has
        the mark of the O(owner) as its description, and goes with its last rule. It lets nothing into the host. To add
        or remove a policy takes a reload of firewalld; if that would change anything else, because what runs there
        differs from what is permanent, none is added and RV(blocked_by) tells so. It does so, too, for an entry with
        O(out_interface), which a rule of firewalld's cannot name, and for firewalld older than 0.9, which knows no
        policies.
      - Nothing is put into tables that a running program has reserved for itself. RV(blocked_by) tells of these.
      - V(never) leaves such chains alone. RV(blocked_by) tells of them.
    type: str
    choices: [auto, never]
    default: auto
  state:
    description:
      - With V(absent) the rule goes, and what was done for it because of O(accept_forward). IP forwarding stays.
    type: str
    choices: [present, absent]
    default: present
  rules:
    description:
      - Several rules, in one pass. All of them become so, or the call fails and none does.
      - Mutually exclusive with the options of a single rule.
    type: list
    elements: dict
    suboptions:
      source:
        description: See O(source).
        type: str
        required: true
      out_interface:
        description: See O(out_interface).
        type: str
      namespace:
        description: See O(namespace).
        type: str
      ip_forward:
        description: See O(ip_forward).
        type: bool
        default: true
      accept_forward:
        description: See O(accept_forward).
        type: str
        choices: [auto, never]
        default: auto
      state:
        description: See O(state).
        type: str
        choices: [present, absent]
        default: present
  backend:
    description:
      - What the rules are made with.
      - V(nftables) puts them into a table of our own, C(netns_fabric), of the family C(ip) or C(ip6). It goes when
        its last rule goes. The two families are kept apart so that an IPv4 rule does not make the kernel track the
        IPv6 connections of the host.
      - V(iptables) appends them to the chain POSTROUTING of the table C(nat), in the variant (nf_tables or legacy)
        that is behind the plain command C(iptables), or C(ip6tables), of the host.
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
  - C(firewall-cmd) 0.9 or newer on a managed host where firewalld runs
  - pyroute2 0.7.2 or newer on the managed host
notes:
  - With O(prune), rules of the O(owner) are found in every named namespace and on the host, whether or not an entry
    names it.
  - On a host with Docker the rules go into C(DOCKER-USER), which Docker keeps. Without that chain, what Docker does
    when it starts (it sets the policy of FORWARD to DROP) is put right by the next run.
  - With firewalld the masquerading itself works from our own table, and firewalld does not touch it. Only for what
    firewalld rejects is it asked (O(accept_forward)). That concerns the host, and no other O(namespace).
  - The rules last until the next boot, and no longer than the namespace that they are in. C(nft flush ruleset) and
    C(iptables -t nat -F) remove them too. One more run brings them back.
  - iptables makes its tables when they are first used, and they stay, empty, when our last rule is gone.
seealso:
  - module: ansible.builtin.iptables
  - module: ansible.posix.firewalld
  - module: netns.fabric.netns
  - module: netns.fabric.route
  - name: nft(8)
    description: Manual page of nftables.
    link: https://www.netfilter.org/projects/nftables/manpage.html
"""

EXAMPLES = r"""
- name: Let a network out, by whatever interface leads there
  netns.fabric.nat_masquerade:
    source: 192.168.100.0/24

- name: Several networks at once, of both IP versions, and none of this owner's but these
  netns.fabric.nat_masquerade:
    owner: lab-a
    prune: true
    rules:
      - source: 192.168.100.0/24
      - source: fd00:100::/64
      - source: 10.20.0.0/16
        accept_forward: never

- name: A namespace that is to be the router
  netns.fabric.netns:
    name: router

- name: A namespace that masquerades for what is behind it, by iptables
  netns.fabric.nat_masquerade:
    source: 192.168.100.0/24
    namespace: router
    backend: iptables

- name: Look at what keeps traffic from getting through, and touch nothing
  netns.fabric.nat_masquerade:
    source: 192.168.100.0/24
    accept_forward: never
  check_mode: true
  register: masquerading

- name: Say what blocks it
  ansible.builtin.debug:
    var: masquerading.blocked_by

- name: No longer
  netns.fabric.nat_masquerade:
    source: 192.168.100.0/24
    state: absent
"""

RETURN = r"""
blocked_by:
  description:
    - Chains that drop what is forwarded and that were left alone, each with the reason why.
    - As long as there is one, what it drops does not get through, masqueraded or not.
  returned: success
  type: list
  elements: str
  sample:
    - 'nftables inet firewalld filter_FORWARD (ends with reject), left alone: accept_forward is never'
commands:
  description:
    - The equivalent shell lines, in order. Pasted into a shell on the same host before the run they have the same
      result.
  returned: success
  type: list
  elements: str
  sample:
    - sysctl -w net.ipv4.ip_forward=1
    - nft 'add table ip netns_fabric'
    - nft 'add chain ip netns_fabric postrouting { type nat hook postrouting priority srcnat; policy accept; }'
    - >-
      nft 'add rule ip netns_fabric postrouting ip saddr 192.168.100.0/24 ip daddr != 192.168.100.0/24 ip daddr !=
      224.0.0.0/4 masquerade comment "netns.fabric:lab-a"'
diff:
  description:
    - What changes, one element for each rule. It says where the rule is, which of the accompanying accepts there are,
      and the kernel parameter if that changes.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: masquerade host 192.168.100.0/24
      after_header: masquerade host 192.168.100.0/24
      before: ""
      after: |
        masquerade: [nftables ip netns_fabric postrouting]
        net.ipv4.ip_forward: 1
        source: 192.168.100.0/24
"""

from ansible_collections.netns.fabric.plugins.module_utils._bulk import run
from ansible_collections.netns.fabric.plugins.module_utils._nat_masquerade import MasqueradeResource


def main() -> None:
    run(MasqueradeResource())


if __name__ == "__main__":
    main()

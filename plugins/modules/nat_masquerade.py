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
  - netns.fabric.nat
options:
  source:
    description:
      - The network behind the router, as C(ADDRESS/PREFIX) with no host bits set; its IP version, IPv4 or IPv6, is that
        of the entry.
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
requirements:
  - C(firewall-cmd) 0.9 or newer on a managed host where firewalld runs
notes:
  - O(accept_forward=auto) lets through what goes out from O(source), by O(out_interface) if that is given, and the
    replies.
  - On a host with Docker the rules go into C(DOCKER-USER), which Docker keeps. Without that chain, what Docker does
    when it starts (it sets the policy of FORWARD to DROP) is put right by the next run.
  - Where firewalld runs, the masquerading itself works from our own table, and firewalld does not touch it. For what it
    rejects (O(accept_forward)) it is asked itself, by C(firewall-cmd) - it gets a policy of our own, with a rule that
    accepts what goes out from O(source), permanently and in what runs, so that a reload keeps it. The policy has the
    mark of the O(owner) as its description, and goes with its last rule. It lets nothing into the host. That concerns
    the host, and no other O(namespace).
  - To add or remove a policy takes a reload of firewalld; if that would change anything else, because what runs there
    differs from what is permanent, none is added and RV(blocked_by) tells so. It does so, too, for an entry with
    O(out_interface), which a rule of firewalld's cannot name, and for firewalld older than 0.9, which knows no
    policies.
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

from ansible_collections.netns.fabric.plugins.module_utils._core.runner import run
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import MasqueradeResource


def main() -> None:
    run(MasqueradeResource())


if __name__ == "__main__":
    main()

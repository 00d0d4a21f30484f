#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.policy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: policy
short_description: Limit which connections a network namespace accepts and opens
version_added: 1.0.0
description:
  - A policy is enforced by the packet filter of the namespace itself, so that it works with every datapath. It applies
    to IPv4 and IPv6.
  - It decides on the first packet of a connection. Replies, and ICMP errors that belong to a connection, always pass.
  - Some packets always pass, whatever the policy says. They are ARP, neighbour discovery and multicast listener reports
    of IPv6, ICMP errors such as those that path MTU discovery needs, and what the namespace sends to itself.
  - An established connection that a change still allows continues. One that it no longer allows is cut by deleting its
    entry in connection tracking.
  - The policy is enforced by chains of its own. What others have added to the packet filter of the namespace is never
    changed, and still applies to what the policy allows.
  - A modified, additional or missing rule in these chains is corrected by the next run.
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
  - netns.fabric.state_module
attributes:
  action_group:
    membership: [netns.fabric.all, netns.fabric.state, netns.fabric.nat]
options:
  namespace:
    description:
      - The namespace that the policy is for.
      - It must exist; in check mode it is assumed that an earlier task creates it.
      - Required unless O(policies) is given.
    type: str
  incoming:
    description:
      - What becomes of a connection to the namespace that no rule is about. V(deny) drops its packets.
    type: str
    choices: [allow, deny]
    default: allow
  outgoing:
    description:
      - What becomes of a connection that the namespace opens and that no rule is about. V(deny) drops its packets.
    type: str
    choices: [allow, deny]
    default: allow
  rules:
    description:
      - The rules, tried in the order of their O(rules[].priority). The first one whose conditions a connection meets
        decides.
      - The list is exact. A rule that is not in it is deleted.
      - If omitted, the defaults decide alone. With V(allow) for both directions there is no policy then.
    type: list
    elements: dict
    suboptions:
      direction:
        description: Whether the rule is about connections to the namespace or about those that it opens.
        type: str
        choices: [in, out]
        default: in
      action:
        description: What becomes of the connection. V(reject) answers with an ICMP error, V(drop) does not answer.
        type: str
        choices: [allow, reject, drop]
        required: true
      protocol:
        description: The protocol. V(icmp) is ICMPv6 in IPv6. If omitted, every protocol.
        type: str
        choices: [tcp, udp, sctp, icmp]
      ports:
        description:
          - The ports of the destination, each as C(PORT) or C(FIRST-LAST). If omitted, every port. An empty list is an
            error.
          - Requires O(rules[].protocol=tcp), O(rules[].protocol=udp) or O(rules[].protocol=sctp).
        type: list
        elements: str
      icmp_types:
        description: The types of ICMP. If omitted, every type. An empty list is an error. Requires
          O(rules[].protocol=icmp).
        type: list
        elements: str
        choices: [echo-request, echo-reply, redirect, timestamp-request, timestamp-reply]
      peers:
        description:
          - The networks of the other side, as C(ADDRESS/PREFIX) with no host bits set, IPv4 or IPv6. With networks of
            one IP version, the rule is about this version alone.
          - If omitted, the other side may have any address. An empty list is an error.
        type: list
        elements: str
      excluded_peers:
        description: Networks. The other side has an address in none of them. Mutually exclusive with O(rules[].peers).
        type: list
        elements: str
      local:
        description: The networks that the address of the namespace is in. If omitted, any of its addresses. An empty
          list is an error.
        type: list
        elements: str
      priority:
        description: The position of the rule, from 0, which is tried first, to 65535. Equal ones keep their order.
        type: int
        default: 1000
      log:
        description:
          - Whether the first packet of each connection is written to the kernel log, before the action.
          - The kernel logs packets of other namespaces than the host's own only if C(net.netfilter.nf_log_all_netns) is
            1 on the host.
        type: bool
        default: false
  policies:
    # BEGIN policies (generated by tools/docs.py)
    description:
      - Several policies in one call. Each entry takes the options of the single form.
      - Mutually exclusive with the options of the single form.
    type: list
    elements: dict
    suboptions:
      namespace:
        description: The namespace that the policy is for. See O(namespace).
        type: str
        required: true
      incoming:
        description: What becomes of a connection to the namespace that no rule is about. See O(incoming).
        type: str
        choices: [allow, deny]
        default: allow
      outgoing:
        description: What becomes of a connection that the namespace opens and that no rule is about. See O(outgoing).
        type: str
        choices: [allow, deny]
        default: allow
      rules:
        description: The rules, tried in the order of their O(rules[].priority). See O(rules).
        type: list
        elements: dict
        suboptions:
          direction:
            description: Whether the rule is about connections to the namespace or about those that it opens. See
              O(rules[].direction).
            type: str
            choices: [in, out]
            default: in
          action:
            description: What becomes of the connection. See O(rules[].action).
            type: str
            choices: [allow, reject, drop]
            required: true
          protocol:
            description: The protocol. See O(rules[].protocol).
            type: str
            choices: [tcp, udp, sctp, icmp]
          ports:
            description: The ports of the destination, each as C(PORT) or C(FIRST-LAST). See O(rules[].ports).
            type: list
            elements: str
          icmp_types:
            description: The types of ICMP. See O(rules[].icmp_types).
            type: list
            elements: str
            choices: [echo-request, echo-reply, redirect, timestamp-request, timestamp-reply]
          peers:
            description: The networks of the other side, as C(ADDRESS/PREFIX) with no host bits set, IPv4 or IPv6. See
              O(rules[].peers).
            type: list
            elements: str
          excluded_peers:
            description: Networks. See O(rules[].excluded_peers).
            type: list
            elements: str
          local:
            description: The networks that the address of the namespace is in. See O(rules[].local).
            type: list
            elements: str
          priority:
            description: The position of the rule, from 0, which is tried first, to 65535. See O(rules[].priority).
            type: int
            default: 1000
          log:
            description: Whether the first packet of each connection is written to the kernel log, before the action.
              See O(rules[].log).
            type: bool
            default: false
      state:
        description: Whether the namespace has the policy. See O(state).
        type: str
        choices: [present, absent]
        default: present
    # END policies
  state:
    description:
      - Whether the namespace has the policy.
      - V(absent) deletes it, so that the namespace accepts and opens every connection again.
    type: str
    choices: [present, absent]
    default: present
  backend:
    description:
      - The packet filter that holds the rules.
      - V(nftables) uses the table C(netns_fabric) of this collection, of the families C(ip) and C(ip6), with the chains
        C(fabric-policy-in) on the hook C(input) and C(fabric-policy-out) on the hook C(output), priority -10. What they
        drop is dropped; what they allow gets to the chains of others, whose priority is usually 0 (C(filter)).
      - V(iptables) uses the chains C(fabric-policy-in) and C(fabric-policy-out) of the table C(filter), which the first
        rule of C(INPUT) or C(OUTPUT) calls. The variant (nf_tables or legacy) is the one of the command C(iptables), or
        C(ip6tables), of the host.
      - V(auto) leaves existing rules where they are. New ones are created in the legacy variant of iptables if all
        other rules in the namespace are in it, otherwise in nftables if the host has C(nft) and its kernel has
        nf_tables, otherwise in iptables.
    type: str
    choices: [auto, nftables, iptables]
    default: auto
requirements:
  - C(nft) 0.9.3 or newer with JSON support, or C(iptables) 1.6.2 or newer, on the managed host
  - pyroute2 0.7.2 or newer on the managed host
notes:
  - A namespace has one policy. With O(owner), a policy of another owner is an error.
  - Forwarded packets are not affected. What leaves a router by NAT has the address of the router.
  - The kernel tracks connections from the first policy on. One that the namespace has opened before, and that only its
    peer sends on at the moment, may end when the first policy denies incoming connections.
  - A program in the namespace that flushes its packet filter (C(nft flush ruleset), C(iptables -F)) deletes the policy,
    as does every root in the namespace. The next run creates it again.
seealso:
  - module: netns.fabric.isolation
  - module: netns.fabric.reachability
  - name: nft(8)
    description: Manual page of nftables.
    link: https://www.netfilter.org/projects/nftables/manpage.html
"""

EXAMPLES = r"""
- name: Create a namespace
  netns.fabric.netns:
    name: ns01

- name: Accept connections to its web server, and pings, and nothing else
  netns.fabric.policy:
    namespace: ns01
    incoming: deny
    rules:
      - {action: allow, protocol: tcp, ports: [80, 443]}
      - {action: allow, protocol: icmp, icmp_types: [echo-request]}

- name: Allow it to connect to one network only, for the owner lab-a, and delete all other policies of the owner
  netns.fabric.policy:
    owner: lab-a
    prune: true
    policies:
      - namespace: ns01
        outgoing: deny
        rules:
          - {direction: out, action: allow, peers: [192.168.100.0/24]}
          - {direction: out, action: reject, priority: 2000, log: true}

- name: End the policy
  netns.fabric.policy:
    namespace: ns01
    state: absent
"""

RETURN = r"""
commands:
  # BEGIN commands (generated by tools/docs.py)
  description: The equivalent shell commands, in order. Run in a shell on the same host before the call, they have the
    same result.
  returned: success
  type: list
  elements: str
  # END commands
  sample:
    - ip netns exec ns01 nft 'add table ip netns_fabric'
    - ip netns exec ns01 nft 'add chain ip netns_fabric fabric-policy-in { type filter hook input priority -10; policy
      accept; }'
    - ip netns exec ns01 nft 'add rule ip netns_fabric fabric-policy-in tcp dport { 80, 443 } return comment
      "netns.fabric/policy:lab-a"'
diff:
  # BEGIN diff (generated by tools/docs.py)
  description: The objects that change, each with the attributes that change, before and after.
  returned: success
  type: list
  elements: dict
  # END diff
  sample:
    - before_header: policy ns01
      after_header: policy ns01
      before: ""
      after: |
        in IPv4 (nftables): [iifname lo return, ct state established,related return, icmp type set 11 12 3 return, drop]
"""

from ansible_collections.netns.fabric.plugins.module_utils._core.runner import run
from ansible_collections.netns.fabric.plugins.module_utils._resources.policy import PolicyResource


def main() -> None:
    run(PolicyResource())


if __name__ == "__main__":
    main()

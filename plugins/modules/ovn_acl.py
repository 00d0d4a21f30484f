#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.ovn_acl."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ovn_acl
short_description: Manage which packets pass at logical ports of OVN
version_added: 1.0.0
description:
  - Creates, configures and deletes groups of logical ports with rules for their packets, and sets of addresses that the
    rules name. The rules are ACLs of a port group in the northbound database of OVN.
  - There is no option for an expression of OVN. A wrong one is ignored by OVN, and what it should stop would pass. Here
    each part of a rule is checked, and one that names a group that does not exist is refused before the first write.
  - Manages one group, or many in one call with O(groups).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
  - netns.fabric.state_module
  - netns.fabric.nbctl
attributes:
  action_group:
    membership: [netns.fabric.all, netns.fabric.state, netns.fabric.ovn]
options:
  name:
    description:
      - The name of the group, unique in the whole database, of letters, digits, V(_) and V(.).
      - Required unless O(groups) is given.
    type: str
  ports:
    description:
      - The exact list of the logical ports in the group. They must exist. A port may be in several groups.
      - An empty list removes all. If omitted, they are left unchanged.
    type: list
    elements: str
  addresses:
    description:
      - The exact list of addresses and networks, all of one IP version. It makes the group a set of addresses, which
        has no ports and no rules.
      - If omitted, the group is one of ports.
    type: list
    elements: str
  rules:
    description:
      - The exact list of the rules for the ports of the group. Of those that match a packet, the one with the highest
        O(rules[].priority) decides. ARP always passes.
      - An empty list removes all but those of O(incoming) and O(outgoing). If omitted, all are left unchanged.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the rule, unique in the group, up to 63 characters. It is in the log of OVN.
        type: str
        required: true
      direction:
        description:
          - V(to-lport) is for packets to a port of the group, V(from-lport) for those that it sends.
        type: str
        choices: [to-lport, from-lport]
        default: to-lport
      from:
        description:
          - For V(to-lport), where the packets come from, addresses, networks and names of groups. A group of ports
            stands for the addresses of its ports.
          - If omitted, anywhere.
        type: list
        elements: str
      to:
        description:
          - For V(from-lport), where the packets go to, addresses, networks and names of groups.
          - If omitted, anywhere.
        type: list
        elements: str
      protocol:
        description: The protocol. If omitted, any. V(icmp) is that of IPv4.
        type: str
        choices: [tcp, udp, sctp, icmp, icmp6]
      ports:
        description: The destination ports, and ranges such as V(8000-8100). If omitted, any.
        type: list
        elements: str
      icmp_type:
        description: The type of ICMP. If omitted, any.
        type: int
      icmp_code:
        description: The code of ICMP. If omitted, any.
        type: int
      action:
        description:
          - What becomes of the packet. With V(allow-related), answers pass as well; V(allow-stateless) does not track
            connections; V(reject) answers that it is refused.
        type: str
        choices: [allow-related, allow, allow-stateless, drop, reject]
        default: allow-related
      priority:
        description: The priority, V(1) to V(32767).
        type: int
        default: 1000
      log:
        description: Whether C(ovn-controller) logs the packets.
        type: bool
        default: false
      severity:
        description: The severity in the log. If omitted, that of OVN, V(info).
        type: str
        choices: [alert, warning, notice, info, debug]
  incoming:
    description:
      - What becomes of packets to ports of the group that no rule matches. Requires O(rules).
      - If one of O(incoming) and O(outgoing) is not V(allow), answers to what the other one allows pass.
      - If omitted, it is left unchanged; for a new group, it is V(allow).
    type: str
    choices: [allow, drop, reject]
  outgoing:
    description:
      - What becomes of packets from ports of the group that no rule matches. Requires O(rules).
      - If omitted, it is left unchanged; for a new group, it is V(allow).
    type: str
    choices: [allow, drop, reject]
  external_ids:
    description:
      - Keys and values for other software. V(null) removes a key, and keys that are not listed are left unchanged.
    type: dict
  state:
    description:
      - Whether the group exists.
      - V(absent) deletes it with its rules. A group that a rule names which stays is not deleted, and the module fails.
    type: str
    choices: [present, absent]
    default: present
  groups:
    # BEGIN groups (generated by tools/docs.py)
    description:
      - Several groups in one call. Each entry takes the options of the single form.
      - Mutually exclusive with the options of the single form.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the group, unique in the whole database, of letters, digits, V(_) and V(.). See
          O(name).
        type: str
        required: true
      ports:
        description: The exact list of the logical ports in the group. See O(ports).
        type: list
        elements: str
      addresses:
        description: The exact list of addresses and networks, all of one IP version. See O(addresses).
        type: list
        elements: str
      rules:
        description: The exact list of the rules for the ports of the group. See O(rules).
        type: list
        elements: dict
        suboptions:
          name:
            description: The name of the rule, unique in the group, up to 63 characters. See O(rules[].name).
            type: str
            required: true
          direction:
            description: V(to-lport) is for packets to a port of the group, V(from-lport) for those that it sends. See
              O(rules[].direction).
            type: str
            choices: [to-lport, from-lport]
            default: to-lport
          from:
            description: For V(to-lport), where the packets come from, addresses, networks and names of groups. See
              O(rules[].from).
            type: list
            elements: str
          to:
            description: For V(from-lport), where the packets go to, addresses, networks and names of groups. See
              O(rules[].to).
            type: list
            elements: str
          protocol:
            description: The protocol. See O(rules[].protocol).
            type: str
            choices: [tcp, udp, sctp, icmp, icmp6]
          ports:
            description: The destination ports, and ranges such as V(8000-8100). See O(rules[].ports).
            type: list
            elements: str
          icmp_type:
            description: The type of ICMP. See O(rules[].icmp_type).
            type: int
          icmp_code:
            description: The code of ICMP. See O(rules[].icmp_code).
            type: int
          action:
            description: What becomes of the packet. See O(rules[].action).
            type: str
            choices: [allow-related, allow, allow-stateless, drop, reject]
            default: allow-related
          priority:
            description: The priority, V(1) to V(32767). See O(rules[].priority).
            type: int
            default: 1000
          log:
            description: Whether C(ovn-controller) logs the packets. See O(rules[].log).
            type: bool
            default: false
          severity:
            description: The severity in the log. See O(rules[].severity).
            type: str
            choices: [alert, warning, notice, info, debug]
      incoming:
        description: What becomes of packets to ports of the group that no rule matches. See O(incoming).
        type: str
        choices: [allow, drop, reject]
      outgoing:
        description: What becomes of packets from ports of the group that no rule matches. See O(outgoing).
        type: str
        choices: [allow, drop, reject]
      external_ids:
        description: Keys and values for other software. See O(external_ids).
        type: dict
      state:
        description: Whether the group exists. See O(state).
        type: str
        choices: [present, absent]
        default: present
    # END groups
notes:
  - The owner is stored as the key C(netns.fabric/OWNER) in C(external_ids) of the group. A group that was created
    without an owner is used and never owned.
  - IPv6 needs no rule for its neighbour discovery as long as a rule of the switch has V(allow-related).
seealso:
  - module: netns.fabric.ovn_switch
  - module: netns.fabric.policy
  - name: ovn-nb(5)
    description: Every column of the northbound database.
    link: https://www.ovn.org/support/dist-docs/ovn-nb.5.html
"""

EXAMPLES = r"""
# example: northbound
- name: Create the ports
  netns.fabric.ovn_switch:
    name: left
    ports:
      - {name: left-red, addresses: ['02:00:00:00:10:01 10.10.0.1']}
      - {name: left-blue, addresses: ['02:00:00:00:10:02 10.10.0.2']}

- name: Close the databases but to the web servers and the office
  netns.fabric.ovn_acl:
    owner: lab
    groups:
      - {name: web, ports: [left-red]}
      - {name: office, addresses: [192.0.2.0/24, 198.51.100.7]}
      - name: db
        ports: [left-blue]
        incoming: drop
        rules:
          - {name: sql, from: [web, office], protocol: tcp, ports: [5432]}
          - {name: ping, from: [10.10.0.0/24], protocol: icmp, icmp_type: 8}
          - {name: no crawler, from: [192.0.2.66], action: reject, priority: 2000, log: true}

- name: Delete it
  netns.fabric.ovn_acl:
    name: db
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
    - ovn-nbctl -- --id=@Address_Set/office create Address_Set name=office 'addresses=["192.0.2.0/24"]'
diff:
  # BEGIN diff (generated by tools/docs.py)
  description: The objects that change, each with the attributes that change, before and after.
  returned: success
  type: list
  elements: dict
  # END diff
  sample:
    - before_header: port group db
      after_header: port group db
      before: "acls sql priority: 1000\n"
      after: "acls sql priority: 1001\n"
"""

from ansible_collections.netns.fabric.plugins.module_utils._core.runner import run
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_acl import GroupResource


def main() -> None:
    run(GroupResource())


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.nat_port_forward."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nat_port_forward
short_description: Publish ports of what is behind a router
version_added: 1.0.0
description:
  - Makes a port of a router - the managed host, or a network namespace that routes for others - lead to a port of an
    address behind it. This is destination NAT (port forwarding), for TCP and UDP, IPv4 and IPv6.
  - The port is reachable from outside and from what else is behind the router, at the router's addresses; from the
    router itself at all of its addresses but those of the loopback (C(127.0.0.0/8) and C(::1)); and from the network of
    O(to_address) itself if O(hairpin) names it.
  - The service sees the address of the client, save for a client in the network of O(hairpin), for which it sees the
    router's.
  - Three things belong to it, and the module sees to all of them - the rules themselves, IP forwarding (O(ip_forward)),
    and a way through chains that drop what is forwarded, such as those of Docker (O(accept_forward)).
  - A rule is known by its comment, C(netns.fabric/port-forward:OWNER PUBLISHED). Rules without that comment are never
    changed or removed, also where they do the same, and neither are those of another O(owner) or of
    M(netns.fabric.nat_masquerade).
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
  port:
    description:
      - The port that is published, or several in a row as C(FIRST-LAST). A range keeps its port numbers.
      - Where something on the router itself listens on the port, that is no longer reached while the rule is there.
      - Together with O(protocol), O(address), O(in_interface), O(namespace) and the IP version it is what an entry is
        about; an entry that differs in one of them is another one.
      - Two entries of one call must not publish the same port, unless each has an O(address) or an O(in_interface) of
        its own.
      - Required unless O(rules) is given.
    type: str
  protocol:
    description:
      - The protocol of the port.
    type: str
    choices: [tcp, udp]
    default: tcp
  to_address:
    description:
      - The address that the port leads to; its IP version is that of the entry.
      - It needs a route back to the client by way of the router, as a rule its default route.
      - Required, also with O(state=absent), where it only says of which IP version the entry is.
    type: str
  to_port:
    description:
      - The port that it leads to. If it is left out, the same as O(port).
      - Not for a range.
    type: int
  address:
    description:
      - Publish the port only at this address of the router.
      - If it is left out, at every address that the router has when a packet comes in, save those of the loopback.
    type: str
  in_interface:
    description:
      - Publish the port only for what comes in by this interface. The router itself does not reach it then.
      - It must exist, save in check mode, where it is taken as made by an earlier task.
      - If it is left out, for whatever interface it comes in by.
    type: str
  hairpin:
    description:
      - The network that O(to_address) is in, as C(ADDRESS/PREFIX) with no host bits set. Its members, too, reach the
        published port then.
      - For them the router puts its own address in the place of the client's. Without that the answer would go from
        neighbour to neighbour, past the router, with an address that the client knows nothing of.
    type: str
  rules:
    description:
      - Several ports, in one pass. All of them become so, or the call fails and none does.
      - Mutually exclusive with the options of a single one.
    type: list
    elements: dict
    suboptions:
      port:
        description: See O(port).
        type: str
        required: true
      protocol:
        description: See O(protocol).
        type: str
        choices: [tcp, udp]
        default: tcp
      to_address:
        description: See O(to_address).
        type: str
      to_port:
        description: See O(to_port).
        type: int
      address:
        description: See O(address).
        type: str
      in_interface:
        description: See O(in_interface).
        type: str
      hairpin:
        description: See O(hairpin).
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
notes:
  - O(accept_forward=auto) lets through what goes to the port of O(to_address) and what comes from it, of connections
    whose destination was translated and of no others.
  - firewalld lets such connections through by itself; nothing is done about it.
  - The loopback addresses are left out for a reason. What the host sends to C(127.0.0.1) comes from C(127.0.0.1), and
    that does not leave it unless C(route_localnet) is on, which also lets neighbours reach services that listen on
    the loopback alone; for C(::1) there is no such parameter. Use another address of the host, for instance that of
    the bridge.
  - What is established stays so - a connection that was forwarded before a rule was removed or led elsewhere goes on
    until it ends. A client that keeps sending UDP from one port is such a connection, too.
  - What the host's own firewall says to packets that come in (the chain INPUT) does not concern forwarded ones. To
    publish a port is to open it, save for what is forbidden by a chain on the forward hook.
seealso:
  - module: netns.fabric.nat_masquerade
  - module: ansible.builtin.iptables
  - module: netns.fabric.netns
  - name: nft(8)
    description: Manual page of nftables.
    link: https://www.netfilter.org/projects/nftables/manpage.html
"""

EXAMPLES = r"""
- name: A web server in a namespace, at port 8080 of the host
  netns.fabric.nat_port_forward:
    port: 8080
    to_address: 192.168.100.1
    to_port: 80

- name: Several ports at once, of both protocols and IP versions, and none of this owner's but these
  netns.fabric.nat_port_forward:
    owner: lab-a
    prune: true
    rules:
      - port: 8080
        to_address: 192.168.100.1
        to_port: 80
        hairpin: 192.168.100.0/24
      - port: 8080
        to_address: fd00:100::1
        to_port: 80
      - port: 53
        protocol: udp
        to_address: 192.168.100.2
        address: 198.51.100.1
      - port: 30000-30010
        to_address: 192.168.100.2

- name: No longer
  netns.fabric.nat_port_forward:
    port: 8080
    to_address: 192.168.100.1
    state: absent
"""

RETURN = r"""
blocked_by:
  description:
    - Chains that drop what is forwarded and that were left alone, each with the reason why.
    - As long as there is one, what it drops does not get through, published or not.
  returned: success
  type: list
  elements: str
  sample:
    - >-
      nftables inet busy forward (policy drop), left alone: a running program has reserved the table (flag owner); allow
      the traffic in that program, or stop it
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
    - nft 'add chain ip netns_fabric prerouting { type nat hook prerouting priority dstnat; policy accept; }'
    - >-
      nft 'add rule ip netns_fabric prerouting tcp dport 8080 fib daddr type local dnat to 192.168.100.1:80 comment
      "netns.fabric/port-forward:lab-a tcp4/8080"'
diff:
  description:
    - What changes, one element for each entry. It says where the rules are, where they lead to, and the kernel
      parameter if that changes.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: port forward host tcp4/8080
      after_header: port forward host tcp4/8080
      before: ""
      after: |
        dnat: [nftables ip netns_fabric prerouting, nftables ip netns_fabric output]
        port: 8080
        protocol: tcp
        to: [192.168.100.1:80]
"""

from ansible_collections.netns.fabric.plugins.module_utils._core.runner import run
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_port_forward import PortForwardResource


def main() -> None:
    run(PortForwardResource())


if __name__ == "__main__":
    main()

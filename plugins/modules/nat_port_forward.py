#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.nat_port_forward."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nat_port_forward
short_description: Publish ports of hosts behind a router
version_added: 1.0.0
description:
  - Forwards a port of a router, which is the managed host or a network namespace that routes, to a port of an address
    behind it. This is destination NAT (port forwarding), for TCP, UDP and SCTP, IPv4 and IPv6.
  - The port is reachable from outside and from other networks behind the router, at the addresses of the router. From
    the router itself it is reachable at all its addresses except those of the loopback (C(::1), and C(127.0.0.0/8)
    unless O(loopback) is V(true)). From the network of O(to_address) it is reachable if O(hairpin) names this network.
  - The service sees the address of the client. For a client in a network of O(hairpin) it sees the address of the
    router.
  - The module manages the rules themselves, IP forwarding (O(ip_forward)), and rules that accept the traffic in chains
    which would drop it, such as those of Docker (O(accept_forward)).
  - A rule is identified by its comment, C(netns.fabric/port-forward:OWNER PUBLISHED). Rules without this comment, and
    rules of another O(owner) or of M(netns.fabric.nat_masquerade), are never changed or deleted, even if they do the
    same.
  - A duplicate rule is deleted, a modified rule is corrected, and a deleted rule is re-created by the next run, with
    its table if necessary.
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
  - netns.fabric.state_module
  - netns.fabric.nat
attributes:
  action_group:
    membership: [netns.fabric.all, netns.fabric.state, netns.fabric.nat]
options:
  port:
    description:
      - The port that is published, or a range of ports as C(FIRST-LAST).
      - A range keeps its port numbers.
      - A service of the router itself on this port is not reachable while the rule exists.
      - The port, O(protocol), O(address), O(in_interface), O(namespace) and the IP version identify an entry.
      - Two entries of one call must not publish the same port, unless each has its own O(address) or O(in_interface).
        Nor may a port be published that a rule of another O(owner) or of another program leads elsewhere, such as
        Docker's. A rule that is limited to some senders does not count, nor does one with a named set of ports, or one
        that names neither ports nor an address.
      - Required unless O(rules) is given.
    type: str
  protocol:
    description:
      - The protocol of the port.
    type: str
    choices: [tcp, udp, sctp]
    default: tcp
  to_address:
    description:
      - The address that the port is forwarded to; its IP version is that of the entry.
      - It needs a route back to the client through the router, which usually is its default route.
      - Required, also with O(state=absent), where it only determines the IP version of the entry.
    type: str
  to_port:
    description:
      - The port that it is forwarded to.
      - If omitted, the same as O(port). Not allowed with a range.
    type: int
  address:
    description:
      - Publish the port only at this address of the router.
      - If omitted, at every address that the router has when a packet arrives, except those of the loopback.
    type: str
  in_interface:
    description:
      - Publish the port only for traffic that arrives through this interface.
      - The router itself cannot reach the port then.
      - It must exist; in check mode it is assumed that an earlier task creates it.
      - If omitted, the port is published on every interface.
    type: str
  sources:
    description:
      - The networks of those that may connect, each as C(ADDRESS/PREFIX) with no host bits set, all of the IP version
        of O(to_address).
      - What anybody else sends to the port is not forwarded. It is for the router itself, and for what listens on the
        port there.
      - The router itself connects from the address that it connects to, which has to be in one of the networks.
      - Adjacent and overlapping networks are joined. Each remaining one takes two or three rules.
      - If omitted, everybody may connect. A list that is empty, or has every address, is an error.
    type: list
    elements: str
  hairpin:
    description:
      - The networks whose members the service reaches without the router, each as C(ADDRESS/PREFIX) with no host bits
        set, to make the port reachable from them. That is the network of O(to_address), and where it is behind another
        router, those between and beside.
      - For clients in these networks the router replaces their address with its own. Otherwise the service would reply
        to them directly, from an address that they did not connect to.
      - Adjacent and overlapping networks are joined. Each remaining one takes a rule.
      - With O(sources) each must overlap one of these, which say who in it may connect.
      - If omitted, the port is not reachable from the network of O(to_address).
    type: list
    elements: str
  take_over:
    description:
      - Whether to publish the port although the router itself listens on it.
      - With V(false), that is an error which names the service, be it C(sshd). A service that listens on the loopback
        only, or at another address or link than the entry is limited to, keeps its packets and is none.
      - With V(true), the service is no longer reached at the published addresses. Connections that it has continue.
      - A port that is published already stays so, whatever listens on it later.
    type: bool
    default: false
  loopback:
    description:
      - Whether to publish the port at the loopback addresses of the router as well, as C(127.0.0.1), for what runs on
        the router itself. IPv4 only, and not with O(address) or O(in_interface).
      - It sets the kernel parameter C(route_localnet) of the links that lead to O(to_address). With it the kernel
        would take packets from these links that have an address of C(127.0.0.0/8). A rule for each link, before all
        others for incoming packets, drops those, so that services that listen on the loopback only stay closed to
        neighbours.
      - The service sees an address of the router.
      - When the last such entry of a link is removed, its parameter is set to 0, whatever it was before.
      - It is not limited by O(sources).
    type: bool
    default: false
  rules:
    # BEGIN rules (generated by tools/docs.py)
    description:
      - Several rules in one call. Each entry takes the options of the single form.
      - Mutually exclusive with the options of the single form.
    type: list
    elements: dict
    suboptions:
      port:
        description: The port that is published, or a range of ports as C(FIRST-LAST). See O(port).
        type: str
        required: true
      protocol:
        description: The protocol of the port. See O(protocol).
        type: str
        choices: [tcp, udp, sctp]
        default: tcp
      to_address:
        description: The address that the port is forwarded to; its IP version is that of the entry. See O(to_address).
        type: str
      to_port:
        description: The port that it is forwarded to. See O(to_port).
        type: int
      address:
        description: Publish the port only at this address of the router. See O(address).
        type: str
      in_interface:
        description: Publish the port only for traffic that arrives through this interface. See O(in_interface).
        type: str
      sources:
        description: The networks of those that may connect, each as C(ADDRESS/PREFIX) with no host bits set, all of the
          IP version of O(to_address). See O(sources).
        type: list
        elements: str
      hairpin:
        description: The networks whose members the service reaches without the router, each as C(ADDRESS/PREFIX) with
          no host bits set, to make the port reachable from them. See O(hairpin).
        type: list
        elements: str
      take_over:
        description: Whether to publish the port although the router itself listens on it. See O(take_over).
        type: bool
        default: false
      loopback:
        description: Whether to publish the port at the loopback addresses of the router as well, as C(127.0.0.1), for
          what runs on the router itself. See O(loopback).
        type: bool
        default: false
      namespace:
        description: The network namespace that routes, by its name in C(/run/netns). See O(namespace).
        type: str
      ip_forward:
        description: Whether to enable IP forwarding in O(namespace), for the IP version of the entry. See
          O(ip_forward).
        type: bool
        default: true
      accept_forward:
        description: How to handle chains that drop forwarded traffic, by policy or by a final rule. See
          O(accept_forward).
        type: str
        choices: [auto, never]
        default: auto
      state:
        description: Whether the rules of the entry exist. See O(state).
        type: str
        choices: [present, absent]
        default: present
    # END rules
notes:
  - O(accept_forward=auto) accepts what is forwarded to the port of O(to_address), from O(in_interface) if that is
    given, and the replies, for connections whose destination was translated and for no others.
  - firewalld accepts these connections on its own, so that nothing is added to it.
  - The loopback addresses are excluded by default, because packets from the host to C(127.0.0.1) have C(127.0.0.1) as
    their source, and leave the host only with O(loopback). For C(::1) there is no such parameter. Use another address
    of the host, for instance that of the bridge.
  - Established connections are not interrupted. A connection that was forwarded before a rule was deleted or changed
    continues until it ends. A client that keeps sending UDP from one port is such a connection, too.
  - Rules of the host's firewall for incoming packets (the chain INPUT) do not apply to forwarded ones. Publishing a
    port opens it, unless a chain on the forward hook forbids it.
seealso:
  - module: netns.fabric.nat_masquerade
  - module: ansible.builtin.iptables
  - module: netns.fabric.netns
  - name: nft(8)
    description: Manual page of nftables.
    link: https://www.netfilter.org/projects/nftables/manpage.html
"""

EXAMPLES = r"""
- name: Publish a web server of a namespace on port 8080 of the host
  netns.fabric.nat_port_forward:
    port: 8080
    to_address: 192.168.100.1
    to_port: 80

- name: Publish several ports, and delete all other rules of the owner lab-a
  netns.fabric.nat_port_forward:
    owner: lab-a
    prune: true
    rules:
      - port: 8443
        to_address: 192.168.100.1
        to_port: 443
        hairpin: [192.168.100.0/24]
      - port: 8443
        to_address: fd00:100::1
        to_port: 443
      - port: 53
        protocol: udp
        to_address: 192.168.100.2
        address: 198.51.100.1
      - port: 30000-30010
        to_address: 192.168.100.2
        sources: [198.51.100.0/24, 203.0.113.7/32]

- name: Stop publishing the port
  netns.fabric.nat_port_forward:
    port: 8080
    to_address: 192.168.100.1
    state: absent
"""

RETURN = r"""
blocked_by:
  description:
    - The chains that drop forwarded traffic and that were left alone, and with O(ip_forward=false) the links that do
      not forward, each with the reason.
    - The NAT of the call does not work for traffic that one of them drops.
  returned: success
  type: list
  elements: str
  sample:
    - >-
      nftables inet busy forward (policy drop), left alone: a running program has reserved the table (flag owner); allow
      the traffic in that program, or stop it
commands:
  # BEGIN commands (generated by tools/docs.py)
  description: The equivalent shell commands, in order. Run in a shell on the same host before the call, they have the
    same result.
  returned: success
  type: list
  elements: str
  # END commands
  sample:
    - sysctl -w net.ipv4.ip_forward=1
    - nft 'add table ip netns_fabric'
    - nft 'add chain ip netns_fabric prerouting { type nat hook prerouting priority dstnat; policy accept; }'
    - >-
      nft 'add rule ip netns_fabric prerouting tcp dport 8080 fib daddr type local dnat to 192.168.100.1:80 comment
      "netns.fabric/port-forward:lab-a tcp4/8080"'
diff:
  # BEGIN diff (generated by tools/docs.py)
  description: The objects that change, each with the attributes that change, before and after.
  returned: success
  type: list
  elements: dict
  # END diff
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

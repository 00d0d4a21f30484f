#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.ovn_router."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ovn_router
short_description: Manage logical routers of OVN
version_added: 1.0.0
description:
  - Creates, configures and deletes logical routers in the northbound database of OVN, with their ports, routes, address
    translation and load balancers. A logical router routes on every host; what it translates passes a gateway host.
  - Manages one router, or many in one call with O(routers).
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
      - The name of the router. If several routers have it, the module fails.
      - Required unless O(routers) is given.
    type: str
  ports:
    description:
      - The exact list of the ports. What an entry omits is as on a new port. Networks that overlap are refused.
      - An empty list removes all ports. If omitted, they are left unchanged.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The name of the port, unique in the whole database. A port of a switch that has it as
            O(netns.fabric.ovn_switch#module:ports[].router_port) connects the two.
        type: str
        required: true
      mac:
        description: The MAC address.
        type: str
        required: true
      networks:
        description: The addresses, each with its prefix length, for instance V(10.10.0.254/24).
        type: list
        elements: str
        required: true
      gateway_chassis:
        description:
          - The hosts that the port may be on, by their C(system-id), the preferred one first. The first one that is up
            is the gateway.
          - If omitted, the port is on every host.
        type: list
        elements: str
      ipv6_ra_configs:
        description:
          - The exact settings of the router's advertisements to the network of the port in IPv6, as ovn-nb(5) lists
            them; a key that is V(null) counts as not given. V(address_mode) is required, with V(slaac),
            V(dhcpv6_stateful) or V(dhcpv6_stateless).
          - If omitted, it does not advertise itself.
        type: dict
      peer:
        description: The port of another router that is connected without a switch. If omitted, none.
        type: str
      enabled:
        description: Whether the port is up. If omitted, it is.
        type: bool
      options:
        description:
          - Further C(options) of the port, as ovn-nb(5) lists them. V(null) removes a key, and keys that are not listed
            are left unchanged.
        type: dict
      external_ids:
        description:
          - Keys and values for other software. V(null) removes a key, and keys that are not listed are left unchanged.
        type: dict
  routes:
    description:
      - The exact list of the static routes. Several with the same prefix share the traffic (ECMP).
      - An empty list removes all. If omitted, they are left unchanged.
    type: list
    elements: dict
    suboptions:
      prefix:
        description: The destination, an address or a network; with O(routes[].policy=src-ip), the source.
        type: str
        required: true
      nexthop:
        description: The address of the next router, or V(discard) to drop the packets.
        type: str
        required: true
      policy:
        description: Which address of a packet is compared. If omitted, the destination.
        type: str
        choices: [dst-ip, src-ip]
      output_port:
        description: The port of the router to send by. If omitted, the one whose network has the next router.
        type: str
      route_table:
        description: The name of a routing table that ports select by their C(options). If omitted, the main one.
        type: str
  policies:
    description:
      - The exact list of the policy routes, which come before O(routes).
      - An empty list removes all. If omitted, they are left unchanged.
    type: list
    elements: dict
    suboptions:
      priority:
        description: The policy with the highest number that a packet matches decides, V(0) to V(32767).
        type: int
        required: true
      action:
        description: What becomes of the packet.
        type: str
        choices: [allow, drop, reroute]
        required: true
      nexthops:
        description: The addresses of the next routers, for O(policies[].action=reroute). Several share the traffic.
        type: list
        elements: str
      input_port:
        description: The port of the router that the packet arrives by. If omitted, any.
        type: str
      from:
        description: The addresses and networks that the packet comes from. If omitted, any. An empty list is an error.
        type: list
        elements: str
      to:
        description: The addresses and networks that the packet goes to. If omitted, any. An empty list is an error.
        type: list
        elements: str
      # BEGIN traffic (generated by tools/docs.py)
      protocol:
        description: The protocol. If omitted, any. V(icmp) is that of IPv4.
        type: str
        choices: [tcp, udp, sctp, icmp, icmp6]
      ports:
        description: The destination ports, and ranges such as V(8000-8100). If omitted, any. An empty list is an error.
        type: list
        elements: str
      icmp_type:
        description: The type of ICMP. If omitted, any.
        type: int
      icmp_code:
        description: The code of ICMP. If omitted, any.
        type: int
      # END traffic
  nat:
    description:
      - The exact list of the address translations. They require a gateway, which is O(ports[].gateway_chassis) of a
        port, or V(chassis) in O(options); without one the module fails.
      - An empty list removes all. If omitted, they are left unchanged.
    type: list
    elements: dict
    suboptions:
      type:
        description:
          - V(snat) translates the source of packets from O(nat[].logical_ip), V(dnat) the destination of those to
            O(nat[].external_ip), and V(dnat_and_snat) both, for a floating address.
        type: str
        choices: [snat, dnat, dnat_and_snat]
        required: true
      external_ip:
        description: The address outside.
        type: str
        required: true
      logical_ip:
        description: The address inside; for V(snat), it may be a network.
        type: str
        required: true
      logical_port:
        description:
          - The port of the switch that has O(nat[].logical_ip). A floating address is then translated on the host of
            the port, and not on the gateway. Requires O(nat[].external_mac).
        type: str
      external_mac:
        description: The MAC address that answers for the floating address. Requires O(nat[].logical_port).
        type: str
  load_balancers:
    description:
      - The exact list of the published ports. They require a gateway, as O(nat) does. Load balancers that others have
        added to the router are left alone.
      - An empty list removes all. If omitted, they are left unchanged.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the load balancer.
        type: str
        required: true
      protocol:
        description: The protocol.
        type: str
        choices: [tcp, udp, sctp]
        default: tcp
      address:
        description: The address that is published.
        type: str
        required: true
      port:
        description: The port that is published.
        type: int
        required: true
      backends:
        description: Where connections go, which are shared between them.
        type: list
        elements: dict
        required: true
        suboptions:
          address:
            description: The address.
            type: str
            required: true
          port:
            description: The port.
            type: int
            required: true
          logical_port:
            description: The port of the switch that has the address. Required with O(load_balancers[].health_check).
            type: str
          source:
            description:
              - An unused address of the backend's subnet, from which OVN asks for its health. Required with
                O(load_balancers[].health_check).
            type: str
      health_check:
        description:
          - How OVN finds out which backends answer; the others get no connections.
          - If omitted, all get some. What a dictionary omits is OVN's default.
        type: dict
        suboptions:
          interval:
            description: The seconds between two requests.
            type: int
          timeout:
            description: The seconds that a backend has to answer.
            type: int
          success_count:
            description: After how many answers in a row a backend is up.
            type: int
          failure_count:
            description: After how many requests without an answer it is down.
            type: int
  options:
    description:
      - Further settings of the router, as ovn-nb(5) lists them. V(null) removes a key. Keys that are not listed are
        left unchanged.
    type: dict
  external_ids:
    description:
      - Keys and values for other software. V(null) removes a key, and keys that are not listed are left unchanged.
    type: dict
  state:
    description:
      - Whether the router exists.
      - V(absent) deletes it, with all that it has, and with the load balancers that this module has added.
    type: str
    choices: [present, absent]
    default: present
  routers:
    # BEGIN routers (generated by tools/docs.py)
    description:
      - Several routers in one call. Each entry takes the options of the single form.
      - Mutually exclusive with the options of the single form.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the router. See O(name).
        type: str
        required: true
      ports:
        description: The exact list of the ports. See O(ports).
        type: list
        elements: dict
        suboptions:
          mac:
            description: The MAC address. See O(ports[].mac).
            type: str
            required: true
          networks:
            description: The addresses, each with its prefix length, for instance V(10.10.0.254/24). See
              O(ports[].networks).
            type: list
            elements: str
            required: true
          peer:
            description: The port of another router that is connected without a switch. See O(ports[].peer).
            type: str
          enabled:
            description: Whether the port is up. See O(ports[].enabled).
            type: bool
          name:
            description: The name of the port, unique in the whole database. See O(ports[].name).
            type: str
            required: true
          gateway_chassis:
            description: The hosts that the port may be on, by their C(system-id), the preferred one first. See
              O(ports[].gateway_chassis).
            type: list
            elements: str
          ipv6_ra_configs:
            description: The exact settings of the router's advertisements to the network of the port in IPv6, as
              ovn-nb(5) lists them; a key that is V(null) counts as not given. See O(ports[].ipv6_ra_configs).
            type: dict
          options:
            description: Further C(options) of the port, as ovn-nb(5) lists them. See O(ports[].options).
            type: dict
          external_ids:
            description: Keys and values for other software. See O(ports[].external_ids).
            type: dict
      routes:
        description: The exact list of the static routes. See O(routes).
        type: list
        elements: dict
        suboptions:
          prefix:
            description: The destination, an address or a network; with O(routes[].policy=src-ip), the source. See
              O(routes[].prefix).
            type: str
            required: true
          nexthop:
            description: The address of the next router, or V(discard) to drop the packets. See O(routes[].nexthop).
            type: str
            required: true
          policy:
            description: Which address of a packet is compared. See O(routes[].policy).
            type: str
            choices: [dst-ip, src-ip]
          output_port:
            description: The port of the router to send by. See O(routes[].output_port).
            type: str
          route_table:
            description: The name of a routing table that ports select by their C(options). See O(routes[].route_table).
            type: str
      policies:
        description: The exact list of the policy routes, which come before O(routes). See O(policies).
        type: list
        elements: dict
        suboptions:
          priority:
            description: The policy with the highest number that a packet matches decides, V(0) to V(32767). See
              O(policies[].priority).
            type: int
            required: true
          action:
            description: What becomes of the packet. See O(policies[].action).
            type: str
            choices: [allow, drop, reroute]
            required: true
          nexthops:
            description: The addresses of the next routers, for O(policies[].action=reroute). See
              O(policies[].nexthops).
            type: list
            elements: str
          input_port:
            description: The port of the router that the packet arrives by. See O(policies[].input_port).
            type: str
          from:
            description: The addresses and networks that the packet comes from. See O(policies[].from).
            type: list
            elements: str
          to:
            description: The addresses and networks that the packet goes to. See O(policies[].to).
            type: list
            elements: str
          protocol:
            description: The protocol. See O(policies[].protocol).
            type: str
            choices: [tcp, udp, sctp, icmp, icmp6]
          ports:
            description: The destination ports, and ranges such as V(8000-8100). See O(policies[].ports).
            type: list
            elements: str
          icmp_type:
            description: The type of ICMP. See O(policies[].icmp_type).
            type: int
          icmp_code:
            description: The code of ICMP. See O(policies[].icmp_code).
            type: int
      nat:
        description: The exact list of the address translations. See O(nat).
        type: list
        elements: dict
        suboptions:
          type:
            description: V(snat) translates the source of packets from O(nat[].logical_ip), V(dnat) the destination of
              those to O(nat[].external_ip), and V(dnat_and_snat) both, for a floating address. See O(nat[].type).
            type: str
            choices: [snat, dnat, dnat_and_snat]
            required: true
          external_ip:
            description: The address outside. See O(nat[].external_ip).
            type: str
            required: true
          logical_ip:
            description: The address inside; for V(snat), it may be a network. See O(nat[].logical_ip).
            type: str
            required: true
          logical_port:
            description: The port of the switch that has O(nat[].logical_ip). See O(nat[].logical_port).
            type: str
          external_mac:
            description: The MAC address that answers for the floating address. See O(nat[].external_mac).
            type: str
      load_balancers:
        description: The exact list of the published ports. See O(load_balancers).
        type: list
        elements: dict
        suboptions:
          name:
            description: The name of the load balancer. See O(load_balancers[].name).
            type: str
            required: true
          protocol:
            description: The protocol. See O(load_balancers[].protocol).
            type: str
            choices: [tcp, udp, sctp]
            default: tcp
          address:
            description: The address that is published. See O(load_balancers[].address).
            type: str
            required: true
          port:
            description: The port that is published. See O(load_balancers[].port).
            type: int
            required: true
          backends:
            description: Where connections go, which are shared between them. See O(load_balancers[].backends).
            type: list
            elements: dict
            required: true
            suboptions:
              address:
                description: The address. See O(load_balancers[].backends[].address).
                type: str
                required: true
              port:
                description: The port. See O(load_balancers[].backends[].port).
                type: int
                required: true
              logical_port:
                description: The port of the switch that has the address. See
                  O(load_balancers[].backends[].logical_port).
                type: str
              source:
                description: An unused address of the backend's subnet, from which OVN asks for its health. See
                  O(load_balancers[].backends[].source).
                type: str
          health_check:
            description: How OVN finds out which backends answer; the others get no connections. See
              O(load_balancers[].health_check).
            type: dict
            suboptions:
              interval:
                description: The seconds between two requests. See O(load_balancers[].health_check.interval).
                type: int
              timeout:
                description: The seconds that a backend has to answer. See O(load_balancers[].health_check.timeout).
                type: int
              success_count:
                description: After how many answers in a row a backend is up. See
                  O(load_balancers[].health_check.success_count).
                type: int
              failure_count:
                description: After how many requests without an answer it is down. See
                  O(load_balancers[].health_check.failure_count).
                type: int
      options:
        description: Further settings of the router, as ovn-nb(5) lists them. See O(options).
        type: dict
      external_ids:
        description: Keys and values for other software. See O(external_ids).
        type: dict
      state:
        description: Whether the router exists. See O(state).
        type: str
        choices: [present, absent]
        default: present
    # END routers
notes:
  - The owner is stored as the key C(netns.fabric/OWNER) in C(external_ids) of the router. A router that was created
    without an owner is used and never owned.
  - A gateway takes one or two seconds until its traffic passes.
seealso:
  - module: netns.fabric.ovn_switch
  - name: ovn-nb(5)
    description: Every column of the northbound database.
    link: https://www.ovn.org/support/dist-docs/ovn-nb.5.html
"""

EXAMPLES = r"""
# example: northbound
- name: Connect a network to the world, by one host and another one that stands by
  netns.fabric.ovn_router:
    name: core
    owner: lab
    ports:
      - {name: core-left, mac: '02:00:00:00:10:fe', networks: [10.10.0.254/24]}
      - name: core-world
        mac: '02:00:00:00:99:fe'
        networks: [198.51.100.1/24]
        gateway_chassis: [host1, host2]
    routes:
      - {prefix: 0.0.0.0/0, nexthop: 198.51.100.2}
    nat:
      - {type: snat, external_ip: 198.51.100.1, logical_ip: 10.10.0.0/24}
      - {type: dnat_and_snat, external_ip: 198.51.100.10, logical_ip: 10.10.0.1}
    load_balancers:
      - name: web
        address: 198.51.100.1
        port: 80
        backends:
          - {address: 10.10.0.1, port: 8080, logical_port: left-red, source: 10.10.0.250}
          - {address: 10.10.0.2, port: 8080, logical_port: left-blue, source: 10.10.0.250}
        health_check: {interval: 5, timeout: 2}

- name: Drop what must not leave, and send the rest of a network by another router
  netns.fabric.ovn_router:
    name: core
    policies:
      - {priority: 200, action: drop, from: [10.10.0.0/24], protocol: tcp, ports: [25]}
      - {priority: 100, action: reroute, from: [10.10.0.128/25], nexthops: [198.51.100.3]}

- name: Have the kernels of a network derive their IPv6 addresses
  netns.fabric.ovn_router:
    name: inner
    ports:
      - name: inner-right
        mac: 02:00:00:00:20:fe
        networks: ['fd00:10::fe/64']
        ipv6_ra_configs: {address_mode: slaac, mtu: 1442, send_periodic: true}

- name: Delete them
  netns.fabric.ovn_router:
    routers:
      - {name: core, state: absent}
      - {name: inner, state: absent}
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
    - >-
      ovn-nbctl -- --id=@NAT/core/nat/snat create NAT type=snat 'external_ip="198.51.100.1"' 'logical_ip="10.10.0.0/24"'
      -- --id=@Logical_Router/core create Logical_Router name=core 'nat=[@NAT/core/nat/snat]'
diff:
  # BEGIN diff (generated by tools/docs.py)
  description: The objects that change, each with the attributes that change, before and after.
  returned: success
  type: list
  elements: dict
  # END diff
  sample:
    - before_header: logical router core
      after_header: logical router core
      before: "nat snat 198.51.100.1 10.10.0.0/24: -\n"
      after: "nat snat 198.51.100.1 10.10.0.0/24: {external_ip: 198.51.100.1, logical_ip: 10.10.0.0/24, type: snat}\n"
"""

from ansible_collections.netns.fabric.plugins.module_utils._core.runner import run
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_router import RouterResource


def main() -> None:
    run(RouterResource())


if __name__ == "__main__":
    main()

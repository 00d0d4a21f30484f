#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.route."""

from __future__ import annotations

DOCUMENTATION = r"""
module: route
short_description: Manage static routes of the host and of namespaces
version_added: 1.0.0
description:
  - Adds, replaces and deletes static routes, IPv4 and IPv6, in any routing table or VRF.
  - A route leads to one next hop or to several, or refuses packets, see O(type).
  - Manages one route, or many in one call with O(routes).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
attributes:
  action_group:
    membership: [netns.fabric.all]
  ownership:
    support: none
    description: The kernel stores no owner with a route. Use O(exact) to delete the routes that are not listed.
requirements:
  - pyroute2 0.7.2 or newer on the managed host
options:
  namespace:
    description: The namespace that the route is in; if omitted, the host.
    type: str
  destination:
    description:
      - The network that the route leads to, in CIDR notation, or V(default).
      - V(default) has the IP version of O(gateway) or O(source), and is IPv4 without either.
      - Required unless O(routes) is given.
    type: str
  type:
    description:
      - What becomes of packets to O(destination); see ip-route(8). If omitted, V(unicast).
      - V(unicast) sends them to the next hop. V(blackhole) drops them. V(unreachable) and V(prohibit) drop them and
        answer with an ICMP error, host unreachable or communication prohibited. V(throw) ends the lookup in this table;
        the next rule decides, see M(netns.fabric.rule).
      - A route that does not send packets has a O(destination), a O(metric), a table and a O(protocol) only.
    type: str
    choices: [unicast, blackhole, unreachable, prohibit, throw]
  gateway:
    description:
      - The address of the next hop.
      - If omitted, the destination is on the link O(device) itself.
    type: str
  device:
    description:
      - The link that the route uses, by its name or an alternative name.
      - If omitted, the kernel finds it by O(gateway). Required for an IPv6 link-local gateway.
    type: str
  onlink:
    description:
      - Whether O(gateway) is reached by O(device) although it is in none of the subnets there. V(true) requires both.
      - If omitted, a new route is not, and an existing one stays as it is.
    type: bool
  nexthops:
    description:
      - Two or more next hops, in place of O(gateway), O(device) and O(onlink). The kernel distributes connections among
        them.
      - The list is exact, in any order.
    type: list
    elements: dict
    suboptions:
      gateway:
        description:
          - The address of the next hop. Required for IPv6.
          - If omitted, the destination is on the link O(nexthops[].device) itself.
        type: str
      device:
        description:
          - The link that the next hop is reached by, by its name or an alternative name.
          - If omitted, the kernel finds it by O(nexthops[].gateway). Required for an IPv6 link-local gateway.
        type: str
      weight:
        description: How many of the connections it gets, in proportion to the others, V(1) to V(256).
        type: int
        default: 1
      onlink:
        description: Whether the gateway is reached by the device although it is in none of the subnets there.
        type: bool
        default: false
  metric:
    description:
      - The preference among routes to the same destination, lower first.
      - A route replaces the one with the same destination, table and metric.
      - If omitted, the default of the kernel, which is 0 for IPv4 and 1024 for IPv6.
    type: int
  table:
    description: The number of the routing table. If omitted, V(254), the main table, unless O(vrf) is given.
    type: int
  vrf:
    description:
      - The VRF that the route is in, by the name of its link. The table is that of this link.
      - Mutually exclusive with O(table).
    type: str
  source:
    description:
      - The preferred source address for packets that are sent by this route.
      - A link of the namespace must have it. If omitted, the kernel chooses it for a new route, and an existing one
        stays as it is.
    type: str
  mtu:
    description:
      - The MTU of the path, in bytes. Packets that are longer are fragmented, or refused with an ICMP error.
      - At least V(68) for IPv4 and V(1280) for IPv6, and at most V(65520).
      - If omitted, a new route has that of its link, and an existing one stays as it is.
    type: int
  protocol:
    description:
      - Who the route is from, by its name in ip-route(8) or its number from V(3) to V(255). Routing daemons select
        routes by it.
      - Not one that the kernel gives to its own routes (V(kernel), V(redirect), V(ra)).
      - If omitted, V(static) for a new route; an existing one may have V(boot), which C(ip route add) gives, as well.
      - The module manages the routes with this protocol then as it otherwise does static ones. Choose one that no other
        program in the namespace uses.
    type: str
  state:
    description:
      - Whether the route exists.
      - V(present) replaces another static route to the same destination with the same metric.
      - V(absent) deletes the static routes that match all options given.
    type: str
    choices: [present, absent]
    default: present
  routes:
    # BEGIN routes (generated by tools/docs.py)
    description:
      - Several routes in one call. Each entry takes the options of the single form.
      - Mutually exclusive with the options of the single form.
    type: list
    elements: dict
    suboptions:
      namespace:
        description: The namespace that the route is in; if omitted, the host. See O(namespace).
        type: str
      destination:
        description: The network that the route leads to, in CIDR notation, or V(default). See O(destination).
        type: str
        required: true
      type:
        description: What becomes of packets to O(destination); see ip-route(8). See O(type).
        type: str
        choices: [unicast, blackhole, unreachable, prohibit, throw]
      gateway:
        description: The address of the next hop. See O(gateway).
        type: str
      device:
        description: The link that the route uses, by its name or an alternative name. See O(device).
        type: str
      onlink:
        description: Whether O(gateway) is reached by O(device) although it is in none of the subnets there. See
          O(onlink).
        type: bool
      nexthops:
        description: Two or more next hops, in place of O(gateway), O(device) and O(onlink). See O(nexthops).
        type: list
        elements: dict
        suboptions:
          gateway:
            description: The address of the next hop. See O(nexthops[].gateway).
            type: str
          device:
            description: The link that the next hop is reached by, by its name or an alternative name. See
              O(nexthops[].device).
            type: str
          weight:
            description: How many of the connections it gets, in proportion to the others, V(1) to V(256). See
              O(nexthops[].weight).
            type: int
            default: 1
          onlink:
            description: Whether the gateway is reached by the device although it is in none of the subnets there. See
              O(nexthops[].onlink).
            type: bool
            default: false
      metric:
        description: The preference among routes to the same destination, lower first. See O(metric).
        type: int
      table:
        description: The number of the routing table. See O(table).
        type: int
      vrf:
        description: The VRF that the route is in, by the name of its link. See O(vrf).
        type: str
      source:
        description: The preferred source address for packets that are sent by this route. See O(source).
        type: str
      mtu:
        description: The MTU of the path, in bytes. See O(mtu).
        type: int
      protocol:
        description: Who the route is from, by its name in ip-route(8) or its number from V(3) to V(255). See
          O(protocol).
        type: str
      state:
        description: Whether the route exists. See O(state).
        type: str
        choices: [present, absent]
        default: present
    # END routes
  exact:
    description:
      - Whether to delete the static routes that are not listed, in the namespaces and tables that the entries name.
        Routes with a O(protocol) that an entry of the same namespace gives are deleted as well.
      - A route that is listed then has no O(source), no O(mtu) and no O(onlink) which its entry does not give.
      - Routes of the host are never deleted by it, nor are routes that the kernel or a routing daemon has added.
    type: bool
    default: false
notes:
  - A static route is one with the protocol C(static) or C(boot) (see C(ip route)).
  - A route is deleted with its namespace. An IPv4 route with several next hops is deleted with the link of any of them,
    an IPv6 one loses that next hop.
seealso:
  - module: netns.fabric.link
  - module: netns.fabric.rule
  - module: netns.fabric.neighbour
  - name: ip-route(8)
    description: What the attributes of a route mean.
    link: https://man7.org/linux/man-pages/man8/ip-route.8.html
"""

EXAMPLES = r"""
- name: Create a namespace
  netns.fabric.netns:
    name: red

- name: Connect it to the host with a veth pair
  netns.fabric.veth:
    name: eth0
    namespace: red
    addresses: [192.0.2.1/24]
    peer:
      name: red-tap
      addresses: [192.0.2.254/24]

- name: Add the default route of the namespace
  netns.fabric.route:
    namespace: red
    destination: default
    gateway: 192.0.2.254

- name: Add a route, and delete all static routes that are not listed
  netns.fabric.route:
    routes:
      - namespace: red
        destination: default
        gateway: 192.0.2.254
      - namespace: red
        destination: 198.51.100.0/24
        device: eth0
        metric: 50
    exact: true

- name: Distribute connections to a network among two routers
  netns.fabric.veth:
    name: eth1
    namespace: red
    addresses: [203.0.113.1/24]
    peer:
      name: red-tap1
      addresses: [203.0.113.254/24]
- netns.fabric.route:
    namespace: red
    destination: 10.0.0.0/8
    nexthops:
      - gateway: 192.0.2.254
        weight: 3
      - gateway: 203.0.113.254

- name: Refuse to send to another network, with an ICMP error
  netns.fabric.route:
    namespace: red
    destination: 10.66.0.0/16
    type: prohibit
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
    - ip -n red route add 0.0.0.0/0 via 192.0.2.254 proto static
diff:
  # BEGIN diff (generated by tools/docs.py)
  description: The objects that change, each with the attributes that change, before and after.
  returned: success
  type: list
  elements: dict
  # END diff
  sample:
    - before_header: route red default
      after_header: route red default
      before: ""
      after: "routes: [default via 192.0.2.254]\n"
"""

from ansible_collections.netns.fabric.plugins.module_utils._core.runner import run
from ansible_collections.netns.fabric.plugins.module_utils._resources.route import RouteResource


def main() -> None:
    run(RouteResource())


if __name__ == "__main__":
    main()

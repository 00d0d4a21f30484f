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
  - Adds, replaces and removes static routes, IPv4 and IPv6, in any table.
  - Manages one route, or many in one pass with O(routes).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
requirements:
  - pyroute2 0.7.2 or newer on the managed host
options:
  namespace:
    description: The namespace that the route is in; omitted, the host's own.
    type: str
  destination:
    description:
      - The network that the route leads to, in CIDR notation, or V(default).
      - V(default) is of the IP version of O(gateway) or O(source), and IPv4 without either.
      - Required unless O(routes) is given.
    type: str
  gateway:
    description: The address of the next hop. Omitted, the destination is on the link O(device) itself.
    type: str
  device:
    description:
      - The link that the route goes out by. Omitted, the kernel finds it by O(gateway).
      - Needed for an IPv6 link-local gateway.
    type: str
  metric:
    description:
      - The preference among routes to the same destination, lower first. A route is replaced by one with the same
        destination, table and metric.
      - Omitted, it is the kernel's default, which is 0 for IPv4 and 1024 for IPv6.
    type: int
  table:
    description: The number of the routing table; V(254) is the main one.
    type: int
    default: 254
  source:
    description: The source address that the host prefers for what it sends by this route.
    type: str
  state:
    description:
      - V(present) has the route exist. Another static one in its place, to the same destination with the same metric,
        goes.
      - V(absent) removes the static routes that are as described in all that is given.
    type: str
    choices: [present, absent]
    default: present
  routes:
    description: Several routes in one pass, each with the options of a single one.
    type: list
    elements: dict
    suboptions:
      namespace:
        description: See O(namespace).
        type: str
      destination:
        description: See O(destination).
        type: str
        required: true
      gateway:
        description: See O(gateway).
        type: str
      device:
        description: See O(device).
        type: str
      metric:
        description: See O(metric).
        type: int
      table:
        description: See O(table).
        type: int
        default: 254
      source:
        description: See O(source).
        type: str
      state:
        description: See O(state).
        type: str
        choices: [present, absent]
        default: present
  exact:
    description:
      - In the namespaces and tables that the entries name, static routes that are not listed go.
      - Never in the host's own namespace, and never a route that the kernel or a routing daemon has made.
    type: bool
    default: false
notes:
  - A static route is one that bears the protocol C(static) or C(boot) (see C(ip route)).
  - A route has no place for an owner's mark. It goes with its namespace, and O(exact) prunes.
seealso:
  - module: netns.fabric.link
  - name: ip-route(8)
    description: What the attributes of a route mean.
    link: https://man7.org/linux/man-pages/man8/ip-route.8.html
"""

EXAMPLES = r"""
- name: A namespace
  netns.fabric.netns:
    name: red

- name: A cable to it
  netns.fabric.veth:
    name: eth0
    namespace: red
    addresses: [192.0.2.1/24]
    peer:
      name: red-tap
      addresses: [192.0.2.254/24]

- name: Its way out
  netns.fabric.route:
    namespace: red
    destination: default
    gateway: 192.0.2.254

- name: Exactly these static routes
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
"""

RETURN = r"""
commands:
  description: The equivalent shell lines, in order; pasted into a shell on the same host they give the same result.
  returned: success
  type: list
  elements: str
  sample:
    - ip -n red route add 0.0.0.0/0 via 192.0.2.254 proto static
diff:
  description: For every object that changes, its attributes before and after.
  returned: success
  type: list
  elements: dict
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

#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.link."""

from __future__ import annotations

DOCUMENTATION = r"""
module: link
short_description: Manage links that something else has made
version_added: 1.0.0
description:
  - Sets addresses, MTU, hardware address and up or down on a link that exists, such as the local port of a bridge, the
    loopback, or a physical device.
  - Moves a physical device into a namespace, and back to the host.
  - Manages one link, or many in one pass with O(links).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
  - netns.fabric.state_module
requirements:
  - pyroute2 0.7.2 or newer on the managed host
options:
  name:
    description:
      - The link's name.
      - Required unless O(links) is given.
    type: str
  namespace:
    description:
      - The namespace that the link is to be in; omitted, the host's own.
      - A link that is still on the host is moved there. Its addresses and routes are lost in the move, as the kernel
        has it; whether it is up is not.
    type: str
  addresses:
    description:
      - Exactly the addresses of the link, each with its prefix length, IPv4 and IPv6.
      - The kernel's own (IPv6 link-local and autoconfigured ones, those of the loopback) are neither counted nor
        removed.
      - An empty list removes all. Omitted, they stay as they are.
      - IPv6 addresses are set without duplicate address detection, so that they can be used at once.
    type: list
    elements: str
  mac:
    description: The hardware address. Omitted, it stays as it is; a new link gets a random one.
    type: str
  mtu:
    description:
      - The largest packet in bytes, V(68) to V(65535). Omitted, it stays as it is.
      - Open vSwitch sets that of its own links. Use O(netns.fabric.ovs_bridge#module:mtu) for the link of a bridge and
        O(netns.fabric.ovs_port#module:mtu) for that of a port.
    type: int
  enabled:
    description:
      - Whether the link is up. Omitted, it stays as it is.
    type: bool
  state:
    description:
      - V(present) has the link be as described. It must exist.
      - V(absent) takes back what was declared, that is O(addresses), the mark of O(owner), and its place in
        O(namespace), from where it returns to the host. The link itself is not removed; that is for whatever made it.
    type: str
    choices: [present, absent]
    default: present
  links:
    description: Several links in one pass, each with the options of a single one.
    type: list
    elements: dict
    suboptions:
      name:
        description: See O(name).
        type: str
        required: true
      namespace:
        description: See O(namespace).
        type: str
      addresses:
        description: See O(addresses).
        type: list
        elements: str
      mac:
        description: See O(mac).
        type: str
      mtu:
        description: See O(mtu).
        type: int
      enabled:
        description: See O(enabled).
        type: bool
      state:
        description: See O(state).
        type: str
        choices: [present, absent]
        default: present
notes:
  - The mark of O(owner) is the link's interface alias. An alias that somebody else has given is left as it is; such a
    link is not found by O(prune).
  - O(prune) takes the addresses off the links that bear the mark and are not listed, and returns them to the host.
seealso:
  - module: netns.fabric.veth
  - module: netns.fabric.ovs_bridge
"""

EXAMPLES = r"""
- name: A namespace
  netns.fabric.netns:
    name: red

- name: Its loopback has an address more
  netns.fabric.link:
    name: lo
    namespace: red
    addresses: [192.0.2.1/32]
    enabled: true

- name: A bridge
  netns.fabric.ovs_bridge:
    name: int_br

- name: Its local port is the gateway
  netns.fabric.link:
    links:
      - name: int_br
        addresses: [192.168.100.254/24, "2001:db8::1/64"]
        enabled: true
"""

RETURN = r"""
commands:
  description: The equivalent shell lines, in order; pasted into a shell on the same host they give the same result.
  returned: success
  type: list
  elements: str
  sample:
    - ip addr add 192.168.100.254/24 dev int_br
    - ip link set dev int_br up
diff:
  description: For every object that changes, its attributes before and after.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: link host/int_br
      after_header: link host/int_br
      before: "addresses: []\nenabled: false\n"
      after: "addresses: [192.168.100.254/24]\nenabled: true\n"
"""

from ansible_collections.netns.fabric.plugins.module_utils._core.runner import run
from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource


def main() -> None:
    run(LinkResource())


if __name__ == "__main__":
    main()

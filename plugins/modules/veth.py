#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.veth."""

from __future__ import annotations

DOCUMENTATION = r"""
module: veth
short_description: Manage veth pairs, the cables between namespaces
version_added: 1.0.0
description:
  - Creates and removes pairs of virtual Ethernet devices, each end in the namespace and under the name where it
    belongs, and sets addresses, MTU and what else an end has.
  - A pair that exists but not as wanted (an end renamed, moved, cabled to something else) is repaired in place where
    that can be done, and made anew where it cannot.
  - Manages one pair, or many in one pass with O(pairs).
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
      - The name of the one end, at most 15 bytes.
      - Required unless O(pairs) is given.
    type: str
  namespace:
    description: The namespace of the one end; omitted, it is on the host.
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
    description: The largest packet in bytes, V(68) to V(65535). Omitted, it stays as it is.
    type: int
  enabled:
    description:
      - Whether the end is up. The ends of a new pair are, unless this is V(false).
      - Omitted, an existing end stays as it is; one that is brought back from elsewhere is up, as a new one is.
    type: bool
  tx_checksum:
    description:
      - Whether the end leaves transmit checksums to a device that will never compute them. That is right between
        namespaces and on the kernel's datapath, and breaks TCP towards the userspace datapath of Open vSwitch while
        ping works; M(netns.fabric.ovs_port) sees to it.
      - Omitted, it stays as it is; the kernel creates ends with it on.
    type: bool
  peer:
    description:
      - The other end, which takes the same options.
      - Required where the pair does not exist yet.
    type: dict
    suboptions:
      name:
        description: The name of the other end.
        type: str
        required: true
      namespace:
        description: The namespace of the other end; omitted, it is on the host.
        type: str
      addresses:
        description: As O(addresses), for the other end.
        type: list
        elements: str
      mac:
        description: As O(mac), for the other end.
        type: str
      mtu:
        description: As O(mtu), for the other end.
        type: int
      enabled:
        description: As O(enabled), for the other end.
        type: bool
      tx_checksum:
        description: As O(tx_checksum), for the other end.
        type: bool
  state:
    description:
      - V(present) has the pair exist.
      - V(absent) removes it, both ends. One of the ends is enough to find it by.
    type: str
    choices: [present, absent]
    default: present
  pairs:
    description: Several pairs in one pass, each with the options of a single one.
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
      tx_checksum:
        description: See O(tx_checksum).
        type: bool
      peer:
        description: See O(peer).
        type: dict
        suboptions:
          name:
            description: See O(peer.name).
            type: str
            required: true
          namespace:
            description: See O(peer.namespace).
            type: str
          addresses:
            description: See O(peer.addresses).
            type: list
            elements: str
          mac:
            description: See O(peer.mac).
            type: str
          mtu:
            description: See O(peer.mtu).
            type: int
          enabled:
            description: See O(peer.enabled).
            type: bool
          tx_checksum:
            description: See O(peer.tx_checksum).
            type: bool
      state:
        description: See O(state).
        type: str
        choices: [present, absent]
        default: present
notes:
  - The mark of O(owner) is the interface alias of both ends.
  - A pair that is made anew has other indexes and, unless O(mac) and O(peer.mac) say otherwise, other hardware
    addresses.
seealso:
  - module: netns.fabric.netns
  - module: netns.fabric.ovs_port
  - name: veth(4)
    description: What a veth pair is.
    link: https://man7.org/linux/man-pages/man4/veth.4.html
"""

EXAMPLES = r"""
- name: Two namespaces
  netns.fabric.netns:
    namespaces:
      - name: red
      - name: blue

- name: One cable between them
  netns.fabric.veth:
    name: eth0
    namespace: red
    addresses: [192.0.2.1/24]
    peer:
      name: eth0
      namespace: blue
      addresses: [192.0.2.2/24]

- name: Cables from both to the host, marked as the lab's
  netns.fabric.veth:
    pairs:
      - name: eth1
        namespace: red
        mtu: 9000
        peer: {name: red-tap, mtu: 9000}
      - name: eth1
        namespace: blue
        mtu: 9000
        peer: {name: blue-tap, mtu: 9000}
    owner: lab

- name: A cable is gone
  netns.fabric.veth:
    name: eth0
    namespace: red
    state: absent
"""

RETURN = r"""
commands:
  description: The equivalent shell lines, in order; pasted into a shell on the same host they give the same result.
  returned: success
  type: list
  elements: str
  sample:
    - ip link add name eth0 netns red type veth peer name eth0 netns blue
    - ip -n red addr add 192.0.2.1/24 dev eth0
    - ip -n red link set dev eth0 up
diff:
  description: For every object that changes, its attributes before and after.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: veth red/eth0
      after_header: veth red/eth0
      before: "mtu: 1500\n"
      after: "mtu: 9000\n"
"""

from ansible_collections.netns.fabric.plugins.module_utils._core.runner import run
from ansible_collections.netns.fabric.plugins.module_utils._resources.veth import VethResource


def main() -> None:
    run(VethResource())


if __name__ == "__main__":
    main()

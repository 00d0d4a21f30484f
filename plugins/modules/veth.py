#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.veth."""

from __future__ import annotations

DOCUMENTATION = r"""
module: veth
short_description: Manage veth pairs between namespaces
version_added: 1.0.0
description:
  - Creates and deletes pairs of virtual Ethernet devices, with each end in its namespace and with its name.
  - Sets addresses, MTU, hardware address, administrative state and checksum offload of both ends.
  - A pair that differs from what is declared (an end that was renamed, moved or paired with another one) is repaired in
    place if possible, otherwise it is re-created.
  - Manages one pair, or many in one call with O(pairs).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
  - netns.fabric.state_module
attributes:
  action_group:
    membership: [netns.fabric.all, netns.fabric.state]
requirements:
  - pyroute2 0.7.2 or newer on the managed host
options:
  name:
    description:
      - The name of this end, at most 15 bytes.
      - Required unless O(pairs) is given.
    type: str
  namespace:
    description: The namespace of this end; if omitted, the host.
    type: str
  addresses:
    description:
      - The exact list of the addresses of this end, IPv4 and IPv6, each with its prefix length.
      - Addresses that the kernel sets (IPv6 link-local and autoconfigured ones) do not count and are not removed.
      - On the host, an address is refused whose subnet overlaps a network that the host is connected to by another
        link, or contains that of another route, unless that link is one of the call or of O(owner).
      - An IPv6 address is listed once, with one prefix length.
      - An empty list removes all addresses. If omitted, they are left unchanged.
      - IPv6 addresses are set without duplicate address detection, so that they can be used at once.
    type: list
    elements: str
  mac:
    description:
      - The hardware address of this end. It must not be that of the other end.
      - If omitted, it is left unchanged; a new end gets a random one.
    type: str
  mtu:
    description:
      - The MTU of this end in bytes, V(68) to V(65535).
      - If omitted, it is left unchanged.
    type: int
  enabled:
    description:
      - Whether this end is up.
      - If omitted, an existing end is left unchanged; a new end, and one that is moved back from another namespace, is
        set up.
    type: bool
  master:
    description:
      - The link that this end is a member of, in the same namespace, of the kind C(bridge), C(bond) or C(vrf).
      - An empty string removes it from its master.
      - If omitted, it is left unchanged.
      - It is down for a moment as it becomes a member of a bond or a VRF, or leaves it.
      - Ports of Open vSwitch are managed by M(netns.fabric.ovs_port).
    type: str
  tx_checksum:
    description:
      - Whether transmit checksum offload is enabled on this end.
      - With V(true) the end leaves the checksum of a packet to a device that never computes it. This is right between
        namespaces and on the kernel's datapath, but breaks TCP towards the userspace datapath of Open vSwitch, while
        ping works. M(netns.fabric.ovs_port) disables it where needed.
      - If omitted, it is left unchanged; the kernel creates ends with it enabled.
    type: bool
  sysctls:
    description:
      - Kernel parameters of this end, each as C(TREE.NAME) with its value. V(ipv4.conf.rp_filter) of the end C(eth0) is
        C(net.ipv4.conf.eth0.rp_filter). The trees are V(ipv4.conf), V(ipv4.neigh), V(ipv6.conf), V(ipv6.neigh) and
        V(mpls.conf).
      - They are set once the end exists, before it gets its addresses.
      - V(null) leaves a parameter unchanged, and so do parameters that are not listed.
    type: dict
  peer:
    description:
      - The other end of the pair, with the same options.
      - Required to create the pair. If omitted, the other end of an existing pair is left unchanged.
    type: dict
    suboptions:
      name:
        description: The name of the other end, at most 15 bytes.
        type: str
        required: true
      namespace:
        description: The namespace of the other end; if omitted, the host.
        type: str
      addresses:
        description: The exact list of the addresses of the other end, as O(addresses).
        type: list
        elements: str
      mac:
        description: The hardware address of the other end, as O(mac).
        type: str
      mtu:
        description: The MTU of the other end, as O(mtu).
        type: int
      enabled:
        description: Whether the other end is up, as O(enabled).
        type: bool
      master:
        description: The link that the other end is a member of, as O(master).
        type: str
      tx_checksum:
        description: Whether transmit checksum offload is enabled on the other end, as O(tx_checksum).
        type: bool
      sysctls:
        description: Kernel parameters of the other end, as O(sysctls).
        type: dict
  state:
    description:
      - Whether the pair exists.
      - V(absent) deletes both ends. Either end identifies the pair.
    type: str
    choices: [present, absent]
    default: present
  pairs:
    # BEGIN pairs (generated by tools/docs.py)
    description:
      - Several pairs in one call. Each entry takes the options of the single form.
      - Mutually exclusive with the options of the single form.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of this end, at most 15 bytes. See O(name).
        type: str
        required: true
      namespace:
        description: The namespace of this end; if omitted, the host. See O(namespace).
        type: str
      addresses:
        description: The exact list of the addresses of this end, IPv4 and IPv6, each with its prefix length. See
          O(addresses).
        type: list
        elements: str
      mac:
        description: The hardware address of this end. See O(mac).
        type: str
      mtu:
        description: The MTU of this end in bytes, V(68) to V(65535). See O(mtu).
        type: int
      enabled:
        description: Whether this end is up. See O(enabled).
        type: bool
      master:
        description: The link that this end is a member of, in the same namespace, of the kind C(bridge), C(bond) or
          C(vrf). See O(master).
        type: str
      sysctls:
        description: Kernel parameters of this end, each as C(TREE.NAME) with its value. See O(sysctls).
        type: dict
      tx_checksum:
        description: Whether transmit checksum offload is enabled on this end. See O(tx_checksum).
        type: bool
      peer:
        description: The other end of the pair, with the same options. See O(peer).
        type: dict
        suboptions:
          name:
            description: The name of the other end, at most 15 bytes. See O(peer.name).
            type: str
            required: true
          namespace:
            description: The namespace of the other end; if omitted, the host. See O(peer.namespace).
            type: str
          addresses:
            description: The exact list of the addresses of the other end, as O(addresses). See O(peer.addresses).
            type: list
            elements: str
          mac:
            description: The hardware address of the other end, as O(mac). See O(peer.mac).
            type: str
          mtu:
            description: The MTU of the other end, as O(mtu). See O(peer.mtu).
            type: int
          enabled:
            description: Whether the other end is up, as O(enabled). See O(peer.enabled).
            type: bool
          master:
            description: The link that the other end is a member of, as O(master). See O(peer.master).
            type: str
          sysctls:
            description: Kernel parameters of the other end, as O(sysctls). See O(peer.sysctls).
            type: dict
          tx_checksum:
            description: Whether transmit checksum offload is enabled on the other end, as O(tx_checksum). See
              O(peer.tx_checksum).
            type: bool
      state:
        description: Whether the pair exists. See O(state).
        type: str
        choices: [present, absent]
        default: present
    # END pairs
notes:
  - The owner is stored in the interface alias of both ends.
  - The addresses of an end that was created, moved, or got other addresses or another hardware address are announced to
    its neighbours (RFC 5227, RFC 4861), so that they reach them at once.
  - A pair that is re-created has other interface indexes and, unless O(mac) and O(peer.mac) are given, other hardware
    addresses.
seealso:
  - module: netns.fabric.netns
  - module: netns.fabric.ovs_port
  - name: veth(4)
    description: What a veth pair is.
    link: https://man7.org/linux/man-pages/man4/veth.4.html
"""

EXAMPLES = r"""
- name: Create two namespaces
  netns.fabric.netns:
    namespaces:
      - name: red
      - name: blue

- name: Connect them with a veth pair
  netns.fabric.veth:
    name: eth0
    namespace: red
    addresses: [192.0.2.1/24]
    peer:
      name: eth0
      namespace: blue
      addresses: [192.0.2.2/24]

- name: Connect both to the host, with veth pairs that are owned by lab
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

- name: Accept asymmetric routing on one link
  netns.fabric.veth:
    name: eth0
    namespace: red
    sysctls:
      ipv4.conf.rp_filter: 2

- name: Delete the veth pair between the namespaces
  netns.fabric.veth:
    name: eth0
    namespace: red
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
    - ip link add name eth0 netns red type veth peer name eth0 netns blue
    - ip -n red addr add 192.0.2.1/24 dev eth0
    - ip -n red link set dev eth0 up
diff:
  # BEGIN diff (generated by tools/docs.py)
  description: The objects that change, each with the attributes that change, before and after.
  returned: success
  type: list
  elements: dict
  # END diff
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

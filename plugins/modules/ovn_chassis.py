#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.ovn_chassis."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ovn_chassis
short_description: Make a host a chassis of OVN
version_added: 1.0.0
description:
  - Configures how C(ovn-controller) on this host reaches OVN's southbound database, and how the host exchanges packets
    with the other hosts. OVN reads that from C(external_ids) of the table Open_vSwitch.
  - Does not install or start C(ovn-controller); the role P(netns.fabric.ovn_host#role) does, with this module.
  - A host is one chassis. The list O(chassis) has one entry, or none with O(prune=true).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
  - netns.fabric.state_module
  - netns.fabric.vsctl
  - netns.fabric.vsctl.database
attributes:
  action_group:
    membership: [netns.fabric.all, netns.fabric.state, netns.fabric.ovs]
options:
  bridge:
    description:
      - The integration bridge, which C(ovn-controller) creates if it does not exist. OVN's own default is V(br-int).
      - Required unless O(chassis) is given.
    type: str
  remotes:
    description:
      - The exact list of the servers of the southbound database, such as V(ssl:192.0.2.10:6642). Of several servers of
        one cluster, C(ovn-controller) uses any that answers. The order has no meaning.
      - V(ssl:) needs the keys of O(ssl).
      - If omitted, they are left unchanged. Required for a new chassis.
    type: list
    elements: str
  encap_type:
    description:
      - The type of the tunnels between hosts.
      - With V(vxlan), logical ports and networks are fewer, and ACLs that name both the port that a packet comes from
        and the one that it goes to have no effect across hosts.
      - If omitted, it is left unchanged; a new chassis has V(geneve).
    type: str
    choices: [geneve, vxlan]
  encap_ip:
    description:
      - The address of this host to which the other hosts send their tunnels' packets. A link of the host must have it.
      - Several addresses are separated by commas. Each of them is checked.
      - On the userspace datapath, that link must be the local port of a bridge of the userspace datapath, and up.
        Otherwise every packet of a tunnel is dropped without an error, so the module refuses it.
      - If omitted, it is left unchanged. Required for a new chassis.
    type: str
  bridge_mappings:
    description:
      - The exact list of the physical networks that this host is connected to, by which logical networks reach the
        outside.
      - If omitted, they are left unchanged; a new chassis has none.
    type: list
    elements: dict
    suboptions:
      network:
        description: The name of the physical network, which logical ports of the type C(localnet) name.
        type: str
        required: true
      bridge:
        description: The bridge that is connected to it. It must exist.
        type: str
        required: true
  datapath_type:
    description:
      - The datapath of the integration bridge. V(system) is the kernel's, V(netdev) the userspace datapath of Open
        vSwitch, V(auto) the kernel's where it has one. C(ovn-controller) changes an existing bridge to it.
      - V(auto) leaves a type that works unchanged.
      - If omitted, it is left unchanged; for a new chassis it is V(auto).
    type: str
    choices: [auto, system, netdev]
  remote_probe_interval:
    description:
      - The milliseconds after which C(ovn-controller) asks a silent database whether it still answers; V(0) never does.
        Many hosts need a higher value than OVN's own, 5000.
      - If omitted, it is left unchanged.
    type: int
  openflow_probe_interval:
    description:
      - The same for the integration bridge, in seconds; V(0) never asks.
      - If omitted, it is left unchanged.
    type: int
  monitor_all:
    description:
      - Whether C(ovn-controller) receives the whole southbound database, instead of what concerns this host. That costs
        memory on the host and takes load off the database.
      - If omitted, it is left unchanged; OVN's own default is V(false).
    type: bool
  ssl:
    description:
      - The key and the certificates of this host for connections over TLS. Open vSwitch has one set of them for the
        host, which O(netns.fabric.ovs_bridge#module:ssl) sets as well.
      - If omitted, they are left unchanged. An empty dictionary removes them.
    type: dict
    suboptions:
      key:
        description: The file of the private key. C(ovn-controller) reads it again when it changes.
        type: path
      certificate:
        description: The file of the certificate.
        type: path
      ca_certificate:
        description: The file of the authority's certificate, by which the host recognizes the database.
        type: path
      bootstrap:
        description: Whether the authority's certificate is taken from the first connection if the file does not exist.
        type: bool
  state:
    description:
      - Whether the host is a chassis.
      - V(absent) removes the keys that this module sets. The integration bridge stays. Stop C(ovn-controller) first,
        because without the keys it no longer removes the host from the southbound database.
    type: str
    choices: [present, absent]
    default: present
  chassis:
    # BEGIN chassis (generated by tools/docs.py)
    description:
      - Several chassis in one call. Each entry takes the options of the single form.
      - Mutually exclusive with the options of the single form.
    type: list
    elements: dict
    suboptions:
      bridge:
        description: The integration bridge, which C(ovn-controller) creates if it does not exist. See O(bridge).
        type: str
        required: true
      remotes:
        description: The exact list of the servers of the southbound database, such as V(ssl:192.0.2.10:6642). See
          O(remotes).
        type: list
        elements: str
      encap_type:
        description: The type of the tunnels between hosts. See O(encap_type).
        type: str
        choices: [geneve, vxlan]
      encap_ip:
        description: The address of this host to which the other hosts send their tunnels' packets. See O(encap_ip).
        type: str
      bridge_mappings:
        description: The exact list of the physical networks that this host is connected to, by which logical networks
          reach the outside. See O(bridge_mappings).
        type: list
        elements: dict
        suboptions:
          network:
            description: The name of the physical network, which logical ports of the type C(localnet) name. See
              O(bridge_mappings[].network).
            type: str
            required: true
          bridge:
            description: The bridge that is connected to it. See O(bridge_mappings[].bridge).
            type: str
            required: true
      datapath_type:
        description: The datapath of the integration bridge. See O(datapath_type).
        type: str
        choices: [auto, system, netdev]
      remote_probe_interval:
        description: The milliseconds after which C(ovn-controller) asks a silent database whether it still answers;
          V(0) never does. See O(remote_probe_interval).
        type: int
      openflow_probe_interval:
        description: The same for the integration bridge, in seconds; V(0) never asks. See O(openflow_probe_interval).
        type: int
      monitor_all:
        description: Whether C(ovn-controller) receives the whole southbound database, instead of what concerns this
          host. See O(monitor_all).
        type: bool
      state:
        description: Whether the host is a chassis. See O(state).
        type: str
        choices: [present, absent]
        default: present
    # END chassis
notes:
  - OVN knows the host by C(external_ids:system-id), and shows it by C(external_ids:hostname). Neither is changed. The
    module fails if there is no C(system-id).
  - The owner is stored as the key C(netns.fabric/OWNER) in C(external_ids) of the table Open_vSwitch.
seealso:
  - module: netns.fabric.ovs_bridge
  - ref: ansible_collections.netns.fabric.docsite.many_hosts_with_ovn
    description: The guide.
  - name: ovn-controller(8)
    description: The keys, and what they mean.
    link: https://www.ovn.org/support/dist-docs/ovn-controller.8.html
"""

EXAMPLES = r"""
- name: Create the bridge that the tunnels go by
  netns.fabric.ovs_bridge:
    name: br-phy
    datapath_type: netdev

- name: Give it the address of the tunnels
  netns.fabric.link:
    name: br-phy
    addresses: [192.0.2.11/24]
    enabled: true

- name: Make the host a chassis
  netns.fabric.ovn_chassis:
    bridge: br-int
    remotes: ["tcp:192.0.2.10:6642"]
    encap_ip: 192.0.2.11
    datapath_type: netdev
    owner: ovn

- name: Connect it to a physical network
  netns.fabric.ovs_bridge:
    name: br-ex

- name: Name the physical network in OVN
  netns.fabric.ovn_chassis:
    bridge: br-int
    bridge_mappings:
      - {network: outside, bridge: br-ex}
    owner: ovn

- name: Make the host no chassis any more
  netns.fabric.ovn_chassis:
    bridge: br-int
    state: absent
    owner: ovn
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
    - ovs-vsctl set Open_vSwitch . 'external_ids:ovn-remote="tcp:192.0.2.10:6642"' 'external_ids:ovn-encap-type=geneve'
diff:
  # BEGIN diff (generated by tools/docs.py)
  description: The objects that change, each with the attributes that change, before and after.
  returned: success
  type: list
  elements: dict
  # END diff
  sample:
    - before_header: chassis
      after_header: chassis
      before: "remotes: []\n"
      after: "remotes: [tcp:192.0.2.10:6642]\n"
"""

from ansible_collections.netns.fabric.plugins.module_utils._core.runner import run
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_chassis import ChassisResource


def main() -> None:
    run(ChassisResource())


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.ovn_switch."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ovn_switch
short_description: Manage logical switches of OVN
version_added: 1.0.0
description:
  - Creates, configures and deletes logical switches in the northbound database of OVN, with their ports, DHCP and DNS.
    A logical switch is one network over all hosts that have a port of it.
  - Manages one switch, or many in one call with O(switches).
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
      - The name of the switch. If several switches have it, the module fails.
      - Required unless O(switches) is given.
    type: str
  subnet:
    description:
      - The IPv4 network from which OVN assigns addresses to ports whose address is V(dynamic). An empty string removes
        it.
      - If omitted, it is left unchanged.
    type: str
  ipv6_prefix:
    description:
      - The IPv6 network from which OVN assigns addresses to ports whose address is V(dynamic). An empty string removes
        it.
      - If omitted, it is left unchanged.
    type: str
  ports:
    description:
      - The exact list of the ports. What an entry omits is as on a new port.
      - An empty list removes all ports. If omitted, they are left unchanged.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The name of the port, unique in the whole database. An interface of Open vSwitch is connected to it by the
            same C(iface-id).
        type: str
        required: true
      type:
        description:
          - What the port connects. V(vif) is an interface, such as that of a namespace, V(router) a port of a logical
            router, V(localnet) the physical network of a host, and V(localport) an interface on every host.
        type: str
        choices: [vif, router, localnet, localport]
        default: vif
      addresses:
        description:
          - The addresses, each a MAC address and its IP addresses with spaces between them, V(unknown) for a port
            behind which there are others, or V(router) for those of the router's port.
          - One entry may be V(dynamic), for addresses that OVN chooses. A MAC address in front of the word is kept, and
            so are an IPv4 address and an IPv6 address behind it, for instance V(dynamic 192.0.2.5).
          - A port without addresses gets no packets but those to all. If omitted, V(router) or V(unknown), for ports of
            the types V(router) and V(localnet).
          - The same address at two ports of a switch is refused.
        type: list
        elements: str
      port_security:
        description:
          - The addresses that the port may send from and receive for, each a MAC address, and IP addresses or networks
            with spaces between them.
          - If omitted, every address may be used.
        type: list
        elements: str
      requested_chassis:
        description:
          - The host that the port is on, by its C(system-id). Two hosts that both have an interface for a port would
            take it from each other.
          - If omitted, any host.
        type: str
      router_port:
        description: The port of the logical router. Required for the type V(router), and for no other one.
        type: str
      network:
        description:
          - The physical network, as the C(ovn-bridge-mappings) of the hosts name it. Required for the type V(localnet),
            and for no other one.
        type: str
      tag:
        description:
          - The VLAN of the port on its physical network, V(1) to V(4095).
          - If omitted, packets have no VLAN tag.
        type: int
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
  dhcpv4:
    description:
      - What OVN answers to DHCP requests of the ports in O(ports) that are of the type V(vif) and have an address in
        the network or a dynamic one.
      - An empty dictionary removes it. If omitted, it is left unchanged.
    type: dict
    suboptions:
      cidr:
        description: The network.
        type: str
      options:
        description:
          - The exact DHCP options, as ovn-nb(5) lists them; a list becomes a set, and a key that is V(null) counts as
            not given. V(server_id) and V(server_mac) are required. Without V(lease_time) it is 3600 seconds.
          - A boolean becomes V(true) or V(false), but V(1) or V(0) for V(ip_forward_enable), V(router_discovery) and
            V(ethernet_encap).
        type: dict
  dhcpv6:
    description:
      - As O(dhcpv4), for DHCPv6. A client asks once a router advertises on the network that it may, by
        O(netns.fabric.ovn_router#module:ports[].ipv6_ra_configs).
      - An empty dictionary removes it. If omitted, it is left unchanged.
    type: dict
    suboptions:
      cidr:
        description: The network.
        type: str
      options:
        description: The exact DHCP options, as ovn-nb(5) lists them, without keys that are V(null). V(server_id), a MAC
          address, is required.
        type: dict
  dns:
    description:
      - The exact names that OVN answers DNS queries of the ports for, each with its addresses, a list or a string.
      - An empty dictionary removes them. If omitted, they are left unchanged. Names that others have added to the
        switch are left alone.
    type: dict
  other_config:
    description:
      - Further settings of the switch, as ovn-nb(5) lists them, for instance V(exclude_ips).
      - V(null) removes a key. Keys that are not listed are left unchanged.
    type: dict
  external_ids:
    description:
      - Keys and values for other software. V(null) removes a key, and keys that are not listed are left unchanged.
    type: dict
  state:
    description:
      - Whether the switch exists.
      - V(absent) deletes it, with its ports, and with the DHCP options and names that this module has added.
    type: str
    choices: [present, absent]
    default: present
  switches:
    # BEGIN switches (generated by tools/docs.py)
    description:
      - Several switches in one call. Each entry takes the options of the single form.
      - Mutually exclusive with the options of the single form.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the switch. See O(name).
        type: str
        required: true
      subnet:
        description: The IPv4 network from which OVN assigns addresses to ports whose address is V(dynamic). See
          O(subnet).
        type: str
      ipv6_prefix:
        description: The IPv6 network from which OVN assigns addresses to ports whose address is V(dynamic). See
          O(ipv6_prefix).
        type: str
      ports:
        description: The exact list of the ports. See O(ports).
        type: list
        elements: dict
        suboptions:
          name:
            description: The name of the port, unique in the whole database. See O(ports[].name).
            type: str
            required: true
          type:
            description: What the port connects. See O(ports[].type).
            type: str
            choices: [vif, router, localnet, localport]
            default: vif
          addresses:
            description: The addresses, each a MAC address and its IP addresses with spaces between them, V(unknown) for
              a port behind which there are others, or V(router) for those of the router's port. See
              O(ports[].addresses).
            type: list
            elements: str
          port_security:
            description: The addresses that the port may send from and receive for, each a MAC address, and IP addresses
              or networks with spaces between them. See O(ports[].port_security).
            type: list
            elements: str
          requested_chassis:
            description: The host that the port is on, by its C(system-id). See O(ports[].requested_chassis).
            type: str
          router_port:
            description: The port of the logical router. See O(ports[].router_port).
            type: str
          network:
            description: The physical network, as the C(ovn-bridge-mappings) of the hosts name it. See
              O(ports[].network).
            type: str
          tag:
            description: The VLAN of the port on its physical network, V(1) to V(4095). See O(ports[].tag).
            type: int
          enabled:
            description: Whether the port is up. See O(ports[].enabled).
            type: bool
          options:
            description: Further C(options) of the port, as ovn-nb(5) lists them. See O(ports[].options).
            type: dict
          external_ids:
            description: Keys and values for other software. See O(ports[].external_ids).
            type: dict
      dhcpv4:
        description: What OVN answers to DHCP requests of the ports in O(ports) that are of the type V(vif) and have an
          address in the network or a dynamic one. See O(dhcpv4).
        type: dict
        suboptions:
          cidr:
            description: The network. See O(dhcpv4.cidr).
            type: str
          options:
            description: The exact DHCP options, as ovn-nb(5) lists them; a list becomes a set, and a key that is
              V(null) counts as not given. See O(dhcpv4.options).
            type: dict
      dhcpv6:
        description: As O(dhcpv4), for DHCPv6. See O(dhcpv6).
        type: dict
        suboptions:
          cidr:
            description: The network. See O(dhcpv6.cidr).
            type: str
          options:
            description: The exact DHCP options, as ovn-nb(5) lists them, without keys that are V(null). See
              O(dhcpv6.options).
            type: dict
      dns:
        description: The exact names that OVN answers DNS queries of the ports for, each with its addresses, a list or a
          string. See O(dns).
        type: dict
      other_config:
        description: Further settings of the switch, as ovn-nb(5) lists them, for instance V(exclude_ips). See
          O(other_config).
        type: dict
      external_ids:
        description: Keys and values for other software. See O(external_ids).
        type: dict
      state:
        description: Whether the switch exists. See O(state).
        type: str
        choices: [present, absent]
        default: present
    # END switches
notes:
  - The owner is stored as the key C(netns.fabric/OWNER) in C(external_ids) of the switch. A switch that was created
    without an owner is used and never owned.
seealso:
  - module: netns.fabric.ovn_router
  - module: netns.fabric.ovs_port
  - name: ovn-nb(5)
    description: Every column of the northbound database.
    link: https://www.ovn.org/support/dist-docs/ovn-nb.5.html
"""

EXAMPLES = r"""
# example: northbound
- name: One network over three hosts
  netns.fabric.ovn_switch:
    name: left
    owner: lab
    ports:
      - name: left-red
        addresses: ['02:00:00:00:10:01 10.10.0.1']
        port_security: ['02:00:00:00:10:01 10.10.0.1']
        requested_chassis: host1
      - name: left-blue
        addresses: ['02:00:00:00:10:02 10.10.0.2']
        port_security: ['02:00:00:00:10:02 10.10.0.2']
        requested_chassis: host2
      - name: left-core
        type: router
        router_port: core-left
    dhcpv4:
      cidr: 10.10.0.0/24
      options:
        server_id: 10.10.0.254
        server_mac: 02:00:00:00:10:fe
        router: 10.10.0.254
        mtu: 1442
    dns:
      red.lab: 10.10.0.1
      blue.lab: [10.10.0.2]

- name: The way out of the gateway hosts
  netns.fabric.ovn_switch:
    switches:
      - name: world
        ports:
          - {name: world-physnet, type: localnet, network: physnet}
          - {name: world-core, type: router, router_port: core-world}
    owner: lab

- name: Delete it
  netns.fabric.ovn_switch:
    name: left
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
    - >-
      ovn-nbctl -- --id=@Logical_Switch_Port/left/ports/red create Logical_Switch_Port name=red
      -- --id=@Logical_Switch/left create Logical_Switch name=left 'ports=[@Logical_Switch_Port/left/ports/red]'
diff:
  # BEGIN diff (generated by tools/docs.py)
  description: The objects that change, each with the attributes that change, before and after.
  returned: success
  type: list
  elements: dict
  # END diff
  sample:
    - before_header: logical switch left
      after_header: logical switch left
      before: "ports red addresses: -\n"
      after: "ports red addresses: [02:00:00:00:10:01 10.10.0.1]\n"
"""

from ansible_collections.netns.fabric.plugins.module_utils._core.runner import run
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_switch import SwitchResource


def main() -> None:
    run(SwitchResource())


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.ovs_port."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_port
short_description: Manage the ports of Open vSwitch bridges
version_added: 1.0.0
description:
  - Adds ports to bridges of Open vSwitch and deletes them, and configures existing ports as well as new ones. A port on
    another bridge is moved.
  - Repairs a port whose device was deleted and re-created. Such a port passes no packets, although Open vSwitch reports
    no error. It is repaired in place, and its settings and its OpenFlow port number are kept.
  - On the userspace datapath, disables transmit checksum offload at the far end of a veth pair. Otherwise TCP does not
    work there, while ping does.
  - On the userspace datapath, has the host's own network stack leave alone the host's end of a veth pair, so that
    nobody behind the port goes round Open vSwitch by it, VLANs included.
  - Manages one port, or many in one call with O(ports).
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
requirements:
  - pyroute2 0.7.2 or newer on the managed host
options:
  name:
    description:
      - The name of the port.
      - With O(type=system) it is the name of a link on the host, which must exist. With O(type=internal) the port
        creates a link with that name. These names have at most 15 bytes.
      - A link that is a member of a bridge, a bond or a VRF of the kernel is refused. Remove it there first, with
        O(netns.fabric.link#module:master="").
      - The local port of a bridge has the name of the bridge. It can be configured, and is deleted only with the
        bridge.
      - Required unless O(ports) is given.
    type: str
  bridge:
    description:
      - The bridge that the port is on.
      - Required for a new port. If omitted, an existing port stays on its bridge.
    type: str
  type:
    description:
      - The type of the port.
      - V(system) is a link of the host, such as one end of a veth pair or a physical device. V(internal) is a link that
        the port creates. V(patch) is one half of a connection to another bridge. V(vxlan), V(geneve), V(gre) and others
        are tunnels. An empty string is V(system).
      - If omitted, it is left unchanged; a new port is V(system).
    type: str
  tag:
    description:
      - The VLAN of the port, V(0) to V(4094).
      - If omitted, it is left unchanged; O(vlan_mode=trunk) and O(exact) remove it.
      - It needs O(vlan_mode) as well if the port has the mode V(trunk), with which it has no effect.
    type: int
  trunks:
    description:
      - The exact list of VLANs that the port carries tagged, V(0) to V(4094) each, single or in ranges such as
        V(10-20).
      - An empty list stands for all VLANs. If omitted, they are left unchanged.
      - It needs O(vlan_mode) as well if the port is an access port, on which it has no effect.
    type: list
    elements: str
  vlan_mode:
    description:
      - How O(tag) and O(trunks) apply.
      - With V(access) the port is in one VLAN, untagged. With V(trunk) it carries several VLANs, all tagged, and has no
        O(tag). With V(native-untagged) and V(native-tagged) it carries several, and O(tag) is the VLAN of untagged
        packets. With V(dot1q-tunnel) every incoming packet is put into the VLAN O(tag), a tag that it has is kept
        inside. That needs C(other_config:vlan-limit=0) in the table C(Open_vSwitch), which this module does not set.
      - If omitted, it is left unchanged; without a mode, Open vSwitch handles a port with a O(tag) as V(access) and
        other ports as V(trunk).
    type: str
    choices: [access, trunk, native-tagged, native-untagged, dot1q-tunnel]
  members:
    description:
      - The exact list of the links that make up the port, which is a bond then. The links must exist on the host.
      - Two at least. A port of one interface does not become a bond, nor the other way round; remove it first.
      - Options of the table C(Interface) hold for each of them. O(type), O(mac), O(options), O(iface_id) and O(peer)
        cannot be given.
      - If omitted, a bond keeps its members; a new port has one interface, of its own name.
    type: list
    elements: str
  bond_mode:
    description:
      - How a bond distributes its traffic, by V(active-backup) over one link at a time, by V(balance-slb) by hardware
        address and VLAN, by V(balance-tcp) by connection.
      - A bond with V(balance-tcp) and without O(lacp) forwards nothing, so the module refuses it.
      - If omitted, it is left unchanged; without a mode, Open vSwitch uses V(active-backup).
    type: str
    choices: [active-backup, balance-slb, balance-tcp]
  bond_updelay:
    description:
      - Milliseconds for which a link of a bond must be up before it is used.
      - If omitted, it is left unchanged; a new bond has V(0).
    type: int
  bond_downdelay:
    description:
      - Milliseconds for which a link of a bond must be down before it is no longer used.
      - If omitted, it is left unchanged; a new bond has V(0).
    type: int
  lacp:
    description:
      - Whether the port negotiates with the other end by LACP, V(active) on its own, V(passive) if the other end
        begins.
      - If omitted, it is left unchanged; without it, Open vSwitch uses V(off).
    type: str
    choices: [active, passive, 'off']
  lacp_time:
    description:
      - How often LACP messages are expected, V(fast) every second, V(slow) every 30 seconds.
      - It is C(lacp-time) of O(other_config). If omitted, it is left unchanged; without it, Open vSwitch uses V(slow).
    type: str
    choices: [slow, fast]
  cvlans:
    description:
      - The exact list of the inner VLANs that a port with O(vlan_mode=dot1q-tunnel) carries, single or as ranges such
        as V(10-20).
      - An empty list stands for all VLANs. If omitted, they are left unchanged.
    type: list
    elements: str
  iface_id:
    description:
      - The identifier by which OVN and other controllers know the port's interface, such as the name of a logical port,
        stored as C(iface-id) in C(external_ids) of the table C(Interface).
      - An empty string removes it. If omitted, it is left unchanged.
    type: str
  mac:
    description:
      - The hardware address of the link of a port with O(type=internal).
      - Open vSwitch does not set the addresses of other links; use M(netns.fabric.veth) and M(netns.fabric.link).
      - If omitted, it is left unchanged; a new port gets a random one.
    type: str
  mtu:
    description:
      - The MTU of the port's link in bytes, V(68) to V(65535).
      - C(ovs-vswitchd) sets it, and restores it if other software changes it.
      - If omitted, it is left unchanged.
    type: int
  options:
    description:
      - Settings of the port's type, keys and values, in the table C(Interface).
      - For example C(peer) of V(patch), C(remote_ip) and C(key) of tunnels.
      - V(null) removes a key. Keys that are not listed are left unchanged.
      - The value of C(psk), and of any key that is called a password, secret, token or private key, is hidden in what
        the modules of this collection return and log. On the host C(ovs-vsctl) does not write it to the system's log,
        but takes it by an argument only, which every user of the host can see for a moment (C(/proc/PID/cmdline),
        unless C(/proc) is mounted with C(hidepid)). It stands in the database of Open vSwitch, which only root can
        read, and in its history until that is compacted. Where that matters, use certificates.
    type: dict
  tunnel:
    description:
      - The options of a tunnel, checked before anything is written. They are stored among O(options), where others can
        be given.
      - What is omitted is left unchanged; an empty string removes it.
    type: dict
    suboptions:
      remote_ip:
        description: The address of the other end; with V(flow), flows set it. Required for a new tunnel.
        type: str
      local_ip:
        description: The address of this end. If omitted, the kernel chooses one by the route.
        type: str
      key:
        description: The identifier of the network, V(0) to V(16777215), with GRE to V(4294967295). With V(flow), flows
          set it.
        type: str
      dst_port:
        description: The UDP or TCP port of the other end.
        type: int
      csum:
        description: Whether packets have a checksum of the outer header.
        type: bool
      tos:
        description: The type of service of the outer header, V(0) to V(255), or V(inherit) for that of the packet.
        type: str
      ttl:
        description: The time to live of the outer header, V(1) to V(255), or V(inherit) for that of the packet.
        type: str
      df_default:
        description: Whether the outer header forbids fragmentation.
        type: bool
      psk:
        description: The pre-shared key for IPsec, for C(ovs-monitor-ipsec). It is hidden in what the module returns.
        type: str
  external_ids:
    description:
      - Keys and values for use by other systems, in the table C(Port).
      - Those of the table C(Interface) are O(interface_external_ids).
      - Numbers and booleans of YAML are stored as text.
      - V(null) removes a key. Keys that are not listed are left unchanged.
    type: dict
  other_config:
    description:
      - Further settings, keys and values, as ovs-vswitchd.conf.db(5) lists them for the table C(Port).
      - V(null) removes a key. Keys that are not listed are left unchanged.
    type: dict
  interface_external_ids:
    description:
      - Keys and values for use by other systems, in the table C(Interface).
      - C(iface-id) is O(iface_id).
      - V(null) removes a key. Keys that are not listed are left unchanged.
    type: dict
  interface_other_config:
    description:
      - Further settings, keys and values, as ovs-vswitchd.conf.db(5) lists them for the table C(Interface).
      - V(null) removes a key. Keys that are not listed are left unchanged.
    type: dict
  ingress_policing_rate:
    description:
      - The highest rate in kbit/s of what Open vSwitch receives from the link; packets above it are dropped. V(0) is
        without a limit.
      - It has no effect on the userspace datapath, which reads packets before the kernel polices them.
      - If omitted, it is left unchanged; a new port has V(0).
    type: int
  ingress_policing_burst:
    description:
      - The size in kbit of a burst that may exceed O(ingress_policing_rate). V(0) is 8000.
      - If omitted, it is left unchanged; a new port has V(0).
    type: int
  protected:
    description:
      - Whether the port is isolated from the other protected ports of the bridge.
      - The tunnels of a full mesh must be protected, otherwise broadcasts are forwarded in a loop.
      - If omitted, it is left unchanged; a new port is not protected.
    type: bool
  tx_checksum:
    description:
      - Whether to disable transmit checksum offload at the far end of the port's veth pair.
      - V(auto) disables it if the port is on the userspace datapath, in whichever namespace the far end is. It changes
        nothing on the kernel's datapath, which works with either setting.
      - V(keep) leaves it unchanged.
    type: str
    choices: [auto, keep]
    default: auto
  peer:
    description:
      - The far end of the port's veth pair.
      - With O(peer.bridge), the other half of a pair of patch ports, which the entry manages as well. Both are created,
        have each other as their peer, and are deleted together with O(state=absent).
      - If omitted, the module searches for it, which takes longer on a host with many namespaces. Check mode needs it
        if the pair does not exist yet, to report the change of O(tx_checksum).
    type: dict
    suboptions:
      name:
        description: The name of the far end.
        type: str
        required: true
      namespace:
        description: The namespace of the far end; if omitted, the host.
        type: str
      bridge:
        description: The bridge that the other half of a pair of patch ports is on.
        type: str
  state:
    description:
      - Whether the port exists.
      - V(absent) deletes it from whichever bridge it is on. The link itself stays, unless the port is internal.
    type: str
    choices: [present, absent]
    default: present
  exact:
    description:
      - Whether O(tag), O(trunks), O(vlan_mode) and O(protected) that are omitted are removed from the port.
      - With O(owner), from ports that have an owner, or whose link O(owner) owns; others are left unchanged.
    type: bool
    default: false
  ports:
    # BEGIN ports (generated by tools/docs.py)
    description:
      - Several ports in one call. Each entry takes the options of the single form.
      - Mutually exclusive with the options of the single form.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the port. See O(name).
        type: str
        required: true
      bridge:
        description: The bridge that the port is on. See O(bridge).
        type: str
      type:
        description: The type of the port. See O(type).
        type: str
      tag:
        description: The VLAN of the port, V(0) to V(4094). See O(tag).
        type: int
      trunks:
        description: The exact list of VLANs that the port carries tagged, V(0) to V(4094) each, single or in ranges
          such as V(10-20). See O(trunks).
        type: list
        elements: str
      vlan_mode:
        description: How O(tag) and O(trunks) apply. See O(vlan_mode).
        type: str
        choices: [access, trunk, native-tagged, native-untagged, dot1q-tunnel]
      members:
        description: The exact list of the links that make up the port, which is a bond then. See O(members).
        type: list
        elements: str
      bond_mode:
        description: How a bond distributes its traffic, by V(active-backup) over one link at a time, by V(balance-slb)
          by hardware address and VLAN, by V(balance-tcp) by connection. See O(bond_mode).
        type: str
        choices: [active-backup, balance-slb, balance-tcp]
      bond_updelay:
        description: Milliseconds for which a link of a bond must be up before it is used. See O(bond_updelay).
        type: int
      bond_downdelay:
        description: Milliseconds for which a link of a bond must be down before it is no longer used. See
          O(bond_downdelay).
        type: int
      lacp:
        description: Whether the port negotiates with the other end by LACP, V(active) on its own, V(passive) if the
          other end begins. See O(lacp).
        type: str
        choices: [active, passive, 'off']
      lacp_time:
        description: How often LACP messages are expected, V(fast) every second, V(slow) every 30 seconds. See
          O(lacp_time).
        type: str
        choices: [slow, fast]
      cvlans:
        description: The exact list of the inner VLANs that a port with O(vlan_mode=dot1q-tunnel) carries, single or as
          ranges such as V(10-20). See O(cvlans).
        type: list
        elements: str
      iface_id:
        description: The identifier by which OVN and other controllers know the port's interface, such as the name of a
          logical port, stored as C(iface-id) in C(external_ids) of the table C(Interface). See O(iface_id).
        type: str
      mac:
        description: The hardware address of the link of a port with O(type=internal). See O(mac).
        type: str
      mtu:
        description: The MTU of the port's link in bytes, V(68) to V(65535). See O(mtu).
        type: int
      options:
        description: Settings of the port's type, keys and values, in the table C(Interface). See O(options).
        type: dict
      tunnel:
        description: The options of a tunnel, checked before anything is written. See O(tunnel).
        type: dict
        suboptions:
          remote_ip:
            description: The address of the other end; with V(flow), flows set it. See O(tunnel.remote_ip).
            type: str
          local_ip:
            description: The address of this end. See O(tunnel.local_ip).
            type: str
          key:
            description: The identifier of the network, V(0) to V(16777215), with GRE to V(4294967295). See
              O(tunnel.key).
            type: str
          dst_port:
            description: The UDP or TCP port of the other end. See O(tunnel.dst_port).
            type: int
          csum:
            description: Whether packets have a checksum of the outer header. See O(tunnel.csum).
            type: bool
          tos:
            description: The type of service of the outer header, V(0) to V(255), or V(inherit) for that of the packet.
              See O(tunnel.tos).
            type: str
          ttl:
            description: The time to live of the outer header, V(1) to V(255), or V(inherit) for that of the packet. See
              O(tunnel.ttl).
            type: str
          df_default:
            description: Whether the outer header forbids fragmentation. See O(tunnel.df_default).
            type: bool
          psk:
            description: The pre-shared key for IPsec, for C(ovs-monitor-ipsec). See O(tunnel.psk).
            type: str
      external_ids:
        description: Keys and values for use by other systems, in the table C(Port). See O(external_ids).
        type: dict
      other_config:
        description: Further settings, keys and values, as ovs-vswitchd.conf.db(5) lists them for the table C(Port). See
          O(other_config).
        type: dict
      interface_external_ids:
        description: Keys and values for use by other systems, in the table C(Interface). See O(interface_external_ids).
        type: dict
      interface_other_config:
        description: Further settings, keys and values, as ovs-vswitchd.conf.db(5) lists them for the table
          C(Interface). See O(interface_other_config).
        type: dict
      ingress_policing_rate:
        description: The highest rate in kbit/s of what Open vSwitch receives from the link; packets above it are
          dropped. See O(ingress_policing_rate).
        type: int
      ingress_policing_burst:
        description: The size in kbit of a burst that may exceed O(ingress_policing_rate). See
          O(ingress_policing_burst).
        type: int
      protected:
        description: Whether the port is isolated from the other protected ports of the bridge. See O(protected).
        type: bool
      tx_checksum:
        description: Whether to disable transmit checksum offload at the far end of the port's veth pair. See
          O(tx_checksum).
        type: str
        choices: [auto, keep]
        default: auto
      peer:
        description: The far end of the port's veth pair. See O(peer).
        type: dict
        suboptions:
          name:
            description: The name of the far end. See O(peer.name).
            type: str
            required: true
          namespace:
            description: The namespace of the far end; if omitted, the host. See O(peer.namespace).
            type: str
          bridge:
            description: The bridge that the other half of a pair of patch ports is on. See O(peer.bridge).
            type: str
      state:
        description: Whether the port exists. See O(state).
        type: str
        choices: [present, absent]
        default: present
    # END ports
notes:
  - The owner is stored as the key C(netns.fabric/OWNER) in C(external_ids) of the table C(Port), on ports that the
    module adds. A port that is owned by another owner gets O(owner) as a further one, and is deleted with its last
    owner.
  - To repair a port whose device Open vSwitch has lost, the module changes it to a patch port for a moment, in a
    transaction of its own; its peer is then C(netns.fabric.reopen.TYPE). If a run is killed in between, the next one
    completes the repair.
  - The far end of a veth pair that was re-created has another hardware address. Neighbours may keep the old one for
    some time.
  - On the userspace datapath the kernel of the host has the packets of a port's link as well as C(ovs-vswitchd). It
    would answer ARP requests for any address of the host there, and take the packets for it. The module sets
    C(net.ipv4.conf.NAME.arp_ignore) to V(8), C(rp_filter) and C(drop_unicast_in_l2_multicast) to V(1), and
    C(net.ipv6.conf.NAME.disable_ipv6) to V(1) for the host's end of a veth pair. They stay until the link is deleted.
    Other links, such as a network card, are left as they are. With C(net.ipv4.conf.all.rp_filter) of V(2), which wins,
    a packet is still taken that is sent to the hardware address of the end itself, which nobody behind it learns.
  - The link of an internal port is re-created, without its addresses and on the host, if the port moves to another
    bridge or was lost.
  - The links of a bond stay on the host when the bond is deleted.
seealso:
  - module: netns.fabric.ovs_bridge
  - module: netns.fabric.veth
  - name: ovs-vswitchd.conf.db(5)
    description: Every column of the tables of Open vSwitch.
    link: https://www.openvswitch.org/support/dist-docs/ovs-vswitchd.conf.db.5.html
"""

EXAMPLES = r"""
- name: Create a namespace
  netns.fabric.netns:
    name: red

- name: Connect it to the host with a veth pair
  netns.fabric.veth:
    name: eth0
    namespace: red
    peer: {name: red-tap}

- name: Create two bridges
  netns.fabric.ovs_bridge:
    bridges:
      - name: int_br
      - name: edge_br

- name: Add the host's end of the pair to the bridge
  netns.fabric.ovs_port:
    name: red-tap
    bridge: int_br

- name: Set its VLAN
  netns.fabric.ovs_port:
    name: red-tap
    tag: 7

- name: Connect two bridges with a pair of patch ports
  netns.fabric.ovs_port:
    name: to-edge
    bridge: int_br
    peer: {name: to-int, bridge: edge_br}

- name: Connect a bridge to that of another host
  netns.fabric.ovs_port:
    name: tun-b
    bridge: int_br
    type: geneve
    tunnel:
      remote_ip: 192.0.2.2
      key: 77
      ttl: inherit
    protected: true

- name: Bond two network cards with LACP, and carry some VLANs over them
  netns.fabric.ovs_port:
    name: uplink
    bridge: int_br
    members: [eno2, eno3]
    bond_mode: balance-tcp
    lacp: active
    lacp_time: fast
    trunks: [7, 10-20]

- name: Add ports of several types that are owned by lab
  netns.fabric.ovs_port:
    ports:
      - name: monitor0
        bridge: int_br
        type: internal
        mac: "02:00:00:00:00:02"
        mtu: 1400
      - name: tun-a
        bridge: int_br
        type: vxlan
        protected: true
        options:
          remote_ip: 198.51.100.7
          key: 42
      - name: red-tap
        bridge: int_br
        vlan_mode: native-untagged
        tag: 7
        trunks: [8, 9]
        peer: {name: eth0, namespace: red}
    owner: lab

- name: Delete all ports of the owner lab
  netns.fabric.ovs_port:
    ports: []
    owner: lab
    prune: true

- name: Delete a port, and keep its link
  netns.fabric.ovs_port:
    name: red-tap
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
    - ovs-vsctl add-port int_br red-tap tag=7
    - ip netns exec red ethtool -K eth0 tx off
diff:
  # BEGIN diff (generated by tools/docs.py)
  description: The objects that change, each with the attributes that change, before and after.
  returned: success
  type: list
  elements: dict
  # END diff
  sample:
    - before_header: port red-tap
      after_header: port red-tap
      before: "tag: 7\n"
      after: "tag: 8\n"
"""

from ansible_collections.netns.fabric.plugins.module_utils._core.runner import run
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port import PortResource


def main() -> None:
    run(PortResource())


if __name__ == "__main__":
    main()

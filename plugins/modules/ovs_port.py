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
  - Adds ports to bridges of Open vSwitch and removes them, and sets what a port has, on existing ports as well as
    on new ones. A port that is on another bridge moves.
  - A port whose device was deleted and made again passes no packet while everything looks right. Such a port is
    found and repaired in place; its settings and its OpenFlow number stay.
  - On the userspace datapath, the far end of a veth is told to compute its checksums, without which TCP is dead while
    ping works.
  - Manages one port, or many in one pass with O(ports).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
  - netns.fabric.state_module
  - netns.fabric.vsctl
  - netns.fabric.vsctl.database
requirements:
  - pyroute2 0.7.2 or newer on the managed host
options:
  name:
    description:
      - The port's name. With O(type=system) that is the name of a link on the host, which has to exist; with
        O(type=internal) the port makes a link of that name. Such names have at most 15 bytes.
      - A bridge's own port goes by the bridge's name. It can be given settings, and goes with the bridge only.
      - Required unless O(ports) is given.
    type: str
  bridge:
    description:
      - The bridge that the port is to be on.
      - Omitted, an existing port stays where it is; a new one needs it.
    type: str
  type:
    description:
      - V(system) for a link of the host, such as one end of a veth or a physical device; V(internal) for a link
        that the port makes; V(patch) for one half of a connection to another bridge; V(vxlan), V(geneve), V(gre)
        and others for tunnels. An empty string is V(system).
      - Omitted, it stays as it is; a new port is V(system).
    type: str
  tag:
    description:
      - The VLAN that the port is in, V(0) to V(4094).
      - Omitted, it stays as it is, save that O(vlan_mode=trunk) takes it away.
    type: int
  trunks:
    description:
      - Exactly the VLANs that the port carries tagged, V(0) to V(4094) each.
      - An empty list stands for all. Omitted, they stay as they are.
    type: list
    elements: int
  vlan_mode:
    description:
      - What O(tag) and O(trunks) mean. With V(access) the port is in one VLAN, untagged. With V(trunk) it carries
        several, all tagged, and has no O(tag). With V(native-untagged) and V(native-tagged) it carries several and
        O(tag) is the one of untagged packets. With V(dot1q-tunnel) whatever comes in is put into the VLAN O(tag).
      - Omitted, it stays as it is; without a mode, Open vSwitch takes a port with a O(tag) as V(access) and others as
        V(trunk).
    type: str
    choices: [access, trunk, native-tagged, native-untagged, dot1q-tunnel]
  mac:
    description:
      - The hardware address of the link that a port with O(type=internal) makes. The addresses of other links are
        not for Open vSwitch to set; M(netns.fabric.veth) and M(netns.fabric.link) do.
      - Omitted, it stays as it is; a new port gets a random one.
    type: str
  mtu:
    description:
      - The largest packet of the port's link in bytes, V(68) to V(65535), which C(ovs-vswitchd) sets, and sets
        again should somebody change it.
      - Omitted, it stays as it is.
    type: int
  options:
    description:
      - Settings of the port's type, such as C(peer) of V(patch), C(remote_ip) and C(key) of tunnels, each with its
        value. They are kept in the table C(Interface).
      - V(null) removes a key. Keys that are not named stay as they are.
    type: dict
  external_ids:
    description:
      - Keys for other systems' use, each with its value, in the table C(Port); those of the table C(Interface),
        such as C(iface-id), are left alone. What YAML takes for a number or a boolean is stored as text.
      - V(null) removes a key. Keys that are not named stay as they are.
    type: dict
  other_config:
    description:
      - Further settings, as ovs-vswitchd.conf.db(5) lists them for the table C(Port), each with its value.
      - V(null) removes a key. Keys that are not named stay as they are.
    type: dict
  protected:
    description:
      - Whether the port is kept apart from the bridge's other protected ports, with which it exchanges no packets.
        The tunnels of a full mesh need it, or they multiply every broadcast without end.
      - Omitted, it stays as it is; a new port is not.
    type: bool
  tx_checksum:
    description:
      - V(auto) turns transmit checksum offload off at the far end of a veth whose near end is a port on the userspace
        datapath, in whatever namespace it is. It does nothing on the kernel's datapath, which needs nothing.
      - V(keep) leaves it as it is.
    type: str
    choices: [auto, keep]
    default: auto
  peer:
    description:
      - The far end of the port's veth.
      - It is found without, but costs less with it where there are many namespaces. Check mode needs it where the
        pair does not exist yet, to say what would become of O(tx_checksum).
    type: dict
    suboptions:
      name:
        description: The name of the far end.
        type: str
        required: true
      namespace:
        description: The namespace of the far end; omitted, it is on the host.
        type: str
  state:
    description:
      - V(present) has the port exist.
      - V(absent) removes it, from whichever bridge it is on. The link itself stays, unless the port is internal.
    type: str
    choices: [present, absent]
    default: present
  ports:
    description: Several ports in one pass, each with the options of a single one.
    type: list
    elements: dict
    suboptions:
      name:
        description: See O(name).
        type: str
        required: true
      bridge:
        description: See O(bridge).
        type: str
      type:
        description: See O(type).
        type: str
      tag:
        description: See O(tag).
        type: int
      trunks:
        description: See O(trunks).
        type: list
        elements: int
      vlan_mode:
        description: See O(vlan_mode).
        type: str
        choices: [access, trunk, native-tagged, native-untagged, dot1q-tunnel]
      mac:
        description: See O(mac).
        type: str
      mtu:
        description: See O(mtu).
        type: int
      options:
        description: See O(options).
        type: dict
      external_ids:
        description: See O(external_ids).
        type: dict
      other_config:
        description: See O(other_config).
        type: dict
      protected:
        description: See O(protected).
        type: bool
      tx_checksum:
        description: See O(tx_checksum).
        type: str
        choices: [auto, keep]
        default: auto
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
      state:
        description: See O(state).
        type: str
        choices: [present, absent]
        default: present
notes:
  - The mark of O(owner) is the key C(netns.fabric/OWNER) in C(external_ids) of the table C(Port). It is put on
    ports that the module adds; one that bears another owner's mark gets the second beside it, and goes with the
    last of them.
  - A port whose device Open vSwitch has lost is repaired by making it a patch port for an instant, in a transaction
    of its own, whose peer is called C(netns.fabric.reopen.TYPE). A run that is killed in between leaves it like
    that, and the next one completes it.
  - After a veth was made anew its far end has another hardware address, and neighbours may hold the old one for a
    while.
  - The link of an internal port is made anew, without its addresses and on the host, when the port moves to another
    bridge or was lost.
  - Bonds are left alone, other than that O(state=absent) removes one that is named.
seealso:
  - module: netns.fabric.ovs_bridge
  - module: netns.fabric.veth
  - name: ovs-vswitchd.conf.db(5)
    description: Every column of the tables of Open vSwitch.
    link: https://www.openvswitch.org/support/dist-docs/ovs-vswitchd.conf.db.5.html
"""

EXAMPLES = r"""
- name: A namespace and a cable from it to the host
  netns.fabric.netns:
    name: red

- name: The cable
  netns.fabric.veth:
    name: eth0
    namespace: red
    peer: {name: red-tap}

- name: A bridge
  netns.fabric.ovs_bridge:
    name: int_br

- name: The cable is plugged into the bridge
  netns.fabric.ovs_port:
    name: red-tap
    bridge: int_br

- name: It is put into a VLAN
  netns.fabric.ovs_port:
    name: red-tap
    tag: 7

- name: Ports of several kinds in one pass, marked as the lab's
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

- name: Every port of the lab's is gone
  netns.fabric.ovs_port:
    ports: []
    owner: lab
    prune: true

- name: A port is gone, and its link stays
  netns.fabric.ovs_port:
    name: red-tap
    state: absent
"""

RETURN = r"""
commands:
  description: The equivalent shell lines, in order; pasted into a shell on the same host they give the same result.
  returned: success
  type: list
  elements: str
  sample:
    - ovs-vsctl add-port int_br red-tap tag=7
    - ip netns exec red ethtool -K eth0 tx off
diff:
  description: For every object that changes, its attributes before and after.
  returned: success
  type: list
  elements: dict
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

#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.ovs_bridge."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_bridge
short_description: Manage Open vSwitch bridges
version_added: 1.0.0
description:
  - Creates and removes bridges of Open vSwitch, and sets what a bridge has, on existing bridges as well as on new
    ones.
  - A bridge that does not work since its datapath type does not work on this host, or since the link of its name was
    deleted, is repaired in place.
  - Manages one bridge, or many in one pass with O(bridges).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
  - netns.fabric.state_module
  - netns.fabric.vsctl
  - netns.fabric.vsctl.database
options:
  name:
    description:
      - The bridge's name, at most 15 bytes. The bridge makes a link of this name on the host, which is where an
        address of its own goes, with M(netns.fabric.link).
      - Required unless O(bridges) is given.
    type: str
  datapath_type:
    description:
      - V(system) is the datapath of the kernel, and needs its module C(openvswitch). V(netdev) is the one that
        C(ovs-vswitchd) has itself, in userspace.
      - V(auto) takes the kernel's where that works and the other where it does not. An existing bridge keeps its
        type as long as it works.
      - Omitted, a new bridge is treated as with V(auto), and an existing one keeps its type.
      - Another type for an existing bridge keeps its ports, but interrupts their traffic for a moment. The links of
        the bridge and of its internal ports are made anew, without their addresses.
    type: str
    choices: [auto, system, netdev]
  fail_mode:
    description:
      - What the bridge does without a connection to its controller. V(standalone) has it switch by itself,
        V(secure) has it forward by the flows it has, and nothing else.
      - Omitted, it stays as it is; Open vSwitch takes a bridge without a mode as V(standalone).
    type: str
    choices: [standalone, secure]
  mac:
    description:
      - The hardware address of the bridge's own link, kept in C(other_config:hwaddr).
      - Omitted, it stays as it is; a new bridge takes that of one of its ports, or a random one, and changes it
        with them.
    type: str
  mtu:
    description:
      - The largest packet of the bridge's own link in bytes, V(68) to V(65535), which C(ovs-vswitchd) sets, and sets
        again should somebody change it.
      - Omitted, it stays as it is; Open vSwitch gives the link the smallest MTU of the bridge's ports, and changes it
        with them, also where M(netns.fabric.link) has set another.
    type: int
  external_ids:
    description:
      - Keys for other systems' use, each with its value. What YAML takes for a number or a boolean is stored as text.
      - V(null) removes a key. Keys that are not named stay as they are.
    type: dict
  other_config:
    description:
      - Further settings, as ovs-vswitchd.conf.db(5) lists them for the table C(Bridge), each with its value.
      - V(null) removes a key. Keys that are not named stay as they are.
    type: dict
  protocols:
    description:
      - Exactly the versions of OpenFlow that controllers may speak to the bridge.
      - An empty list leaves it to Open vSwitch. Omitted, they stay as they are.
    type: list
    elements: str
    choices: [OpenFlow10, OpenFlow11, OpenFlow12, OpenFlow13, OpenFlow14, OpenFlow15]
  state:
    description:
      - V(present) has the bridge exist.
      - V(absent) removes it with its ports. With O(owner) it stays while another owner's mark is on it, or a port
        is on it that does not bear the owner's mark; then only the mark goes, and a warning says so.
    type: str
    choices: [present, absent]
    default: present
  bridges:
    description: Several bridges in one pass, each with the options of a single one.
    type: list
    elements: dict
    suboptions:
      name:
        description: See O(name).
        type: str
        required: true
      datapath_type:
        description: See O(datapath_type).
        type: str
        choices: [auto, system, netdev]
      fail_mode:
        description: See O(fail_mode).
        type: str
        choices: [standalone, secure]
      mac:
        description: See O(mac).
        type: str
      mtu:
        description: See O(mtu).
        type: int
      external_ids:
        description: See O(external_ids).
        type: dict
      other_config:
        description: See O(other_config).
        type: dict
      protocols:
        description: See O(protocols).
        type: list
        elements: str
        choices: [OpenFlow10, OpenFlow11, OpenFlow12, OpenFlow13, OpenFlow14, OpenFlow15]
      state:
        description: See O(state).
        type: str
        choices: [present, absent]
        default: present
notes:
  - The mark of O(owner) is the key C(netns.fabric/OWNER) in C(external_ids). A bridge that somebody made without a
    mark is used and never owned; one that bears another owner's mark gets the second beside it, and goes with the
    last of them.
  - The kernel module is not loaded here, since an C(ovs-vswitchd) that was started without it does not find it
    later. Load it first, then start or restart Open vSwitch; the role netns.fabric.openvswitch does.
  - On the userspace datapath, TCP needs the transmit checksum offload of the far ends of veths to be off;
    M(netns.fabric.ovs_port) sees to it. Run it after a bridge has changed to V(netdev).
seealso:
  - module: netns.fabric.ovs_port
  - module: netns.fabric.link
  - name: ovs-vswitchd.conf.db(5)
    description: Every column of the tables of Open vSwitch.
    link: https://www.openvswitch.org/support/dist-docs/ovs-vswitchd.conf.db.5.html
"""

EXAMPLES = r"""
- name: A bridge, on the datapath that works here
  netns.fabric.ovs_bridge:
    name: int_br

- name: Two bridges, marked as the lab's
  netns.fabric.ovs_bridge:
    bridges:
      - name: lab-core
        datapath_type: auto
        mac: "02:00:00:00:00:01"
        other_config:
          mac-aging-time: 60
      - name: lab-edge
        fail_mode: secure
        protocols: [OpenFlow13]
        external_ids:
          site: "rack 7, left"
    owner: lab

- name: One key is taken away, the others stay
  netns.fabric.ovs_bridge:
    name: lab-edge
    external_ids:
      site: null

- name: Of the lab's bridges only one is left
  netns.fabric.ovs_bridge:
    bridges:
      - name: lab-core
    owner: lab
    prune: true

- name: A bridge is gone, with its ports
  netns.fabric.ovs_bridge:
    name: int_br
    state: absent
"""

RETURN = r"""
bridges:
  description: The bridges that are to be present, in the order of the input.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The bridge's name.
      type: str
      returned: success
      sample: int_br
    datapath_type:
      description: Its datapath type in effect; in check mode the one that it would have.
      type: str
      returned: success
      sample: netdev
  sample:
    - name: int_br
      datapath_type: netdev
commands:
  description: The equivalent shell lines, in order; pasted into a shell on the same host they give the same result.
  returned: success
  type: list
  elements: str
  sample:
    - ovs-vsctl add-br int_br -- set Bridge int_br datapath_type=netdev fail_mode=secure
diff:
  description: For every object that changes, its attributes before and after.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: bridge int_br
      after_header: bridge int_br
      before: "fail_mode: -\n"
      after: "fail_mode: secure\n"
"""

from ansible_collections.netns.fabric.plugins.module_utils._core.runner import run
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_bridge import BridgeResource


def main() -> None:
    run(BridgeResource())


if __name__ == "__main__":
    main()

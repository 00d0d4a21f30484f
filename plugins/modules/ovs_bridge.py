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
  - Creates and deletes bridges of Open vSwitch, and configures existing bridges as well as new ones.
  - A bridge that does not work, because its datapath type is not available on this host or because the link with its
    name was deleted, is repaired in place.
  - Manages one bridge, or many in one call with O(bridges).
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
  name:
    description:
      - The name of the bridge, at most 15 bytes.
      - The bridge creates a link with this name on the host, its local port. M(netns.fabric.link) sets its addresses.
      - Required unless O(bridges) is given.
    type: str
  datapath_type:
    description:
      - The datapath of the bridge.
      - V(system) is the datapath of the kernel, which needs the kernel module C(openvswitch). V(netdev) is the
        userspace datapath of C(ovs-vswitchd).
      - V(auto) chooses the kernel's datapath if it works on this host, otherwise the userspace one. An existing bridge
        keeps its type as long as it works.
      - If omitted, a new bridge is created as with V(auto), and an existing one is left unchanged.
      - A change of the type keeps the ports of the bridge, but interrupts their traffic for a moment. The links of the
        bridge and of its internal ports are re-created, without their addresses.
    type: str
    choices: [auto, system, netdev]
  fail_mode:
    description:
      - How the bridge forwards packets without a connection to its controller.
      - With V(standalone) it forwards as a learning switch. With V(secure) it forwards by its OpenFlow rules only.
      - If omitted, it is left unchanged, with a warning if the bridge forwards nothing because of it; O(exact) removes
        it in this case. A bridge without a mode behaves as with V(standalone).
    type: str
    choices: [standalone, secure]
  mac:
    description:
      - The hardware address of the bridge's local port, stored in C(other_config:hwaddr).
      - If omitted, it is left unchanged; the local port of a new bridge gets the address of one of the bridge's ports,
        or a random one, which changes when ports are added or removed.
      - It must not be the address of a link behind one of the ports, such as the other end of a veth pair.
    type: str
  mtu:
    description:
      - The MTU of the bridge's local port in bytes, V(68) to V(65535).
      - C(ovs-vswitchd) sets it, and restores it if other software changes it.
      - If omitted, it is left unchanged; Open vSwitch uses the smallest MTU of the bridge's ports, and changes it with
        them, even if M(netns.fabric.link) has set another one.
    type: int
  external_ids:
    description:
      - Keys and values for use by other systems.
      - Numbers and booleans of YAML are stored as text.
      - V(null) removes a key. Keys that are not listed are left unchanged.
    type: dict
  other_config:
    description:
      - Further settings, keys and values, as ovs-vswitchd.conf.db(5) lists them for the table C(Bridge).
      - V(null) removes a key. Keys that are not listed are left unchanged.
    type: dict
  protocols:
    description:
      - The exact list of OpenFlow versions that controllers may use.
      - An empty list selects the default of Open vSwitch. If omitted, they are left unchanged.
    type: list
    elements: str
    choices: [OpenFlow10, OpenFlow11, OpenFlow12, OpenFlow13, OpenFlow14, OpenFlow15]
  stp:
    description:
      - Whether the bridge runs the Spanning Tree Protocol (IEEE 802.1D). It excludes O(rstp).
      - Its priority and times are keys of O(other_config), such as C(stp-priority), in this table and in that of ports.
      - If omitted, it is left unchanged; a new bridge does not run it.
    type: bool
  rstp:
    description:
      - Whether the bridge runs the Rapid Spanning Tree Protocol (IEEE 802.1D-2004). It excludes O(stp).
      - If omitted, it is left unchanged; a new bridge does not run it.
    type: bool
  mcast_snooping:
    description:
      - Whether the bridge sends multicast packets only to the ports that have asked for them by IGMP or MLD.
      - Its times and limits are keys of O(other_config), such as C(mcast-snooping-aging-time).
      - If omitted, it is left unchanged; a new bridge sends them to all ports.
    type: bool
  controllers:
    description:
      - The exact list of the OpenFlow controllers of the bridge. A controller that stays is changed in place, and keeps
        its connection.
      - What an entry omits has the default of Open vSwitch.
      - An empty list removes all controllers. If omitted, they are left unchanged.
    type: list
    elements: dict
    suboptions:
      target:
        description:
          - How the controller is reached, for example V(tcp:192.0.2.10:6653), V(ssl:192.0.2.10:6653) or
            V(unix:/run/controller.sock); V(ptcp:), V(pssl:) and V(punix:) wait for a controller.
          - V(ssl:) and V(pssl:) need O(ssl).
        type: str
        required: true
      connection_mode:
        description: Whether the controller is reached through the bridge itself, V(in-band), or otherwise.
        type: str
        choices: [in-band, out-of-band]
      inactivity_probe:
        description: Milliseconds without a message after which the connection is probed. V(0) disables the probes.
        type: int
      max_backoff:
        description: The longest time in milliseconds between two attempts to connect, at least V(1000).
        type: int
      rate_limit:
        description: The highest number of packets per second that are sent to the controller, at least V(100).
        type: int
      burst_limit:
        description: The number of packets above O(controllers[].rate_limit) that are kept for later, at least V(25).
        type: int
  flow_tables:
    description:
      - The exact list of the OpenFlow tables that have settings of their own.
      - What an entry omits has the default of Open vSwitch.
      - An empty list removes all settings. If omitted, they are left unchanged.
    type: list
    elements: dict
    suboptions:
      id:
        description: The number of the table, V(0) to V(254).
        type: int
        required: true
      name:
        description: The name of the table, for controllers.
        type: str
      flow_limit:
        description: The highest number of flows in the table.
        type: int
      overflow_policy:
        description: Whether a flow above O(flow_tables[].flow_limit) is refused, or evicts another one.
        type: str
        choices: [refuse, evict]
      groups:
        description: The fields by which flows are grouped, so that those of the largest group are evicted first.
        type: list
        elements: str
      prefixes:
        description: The fields of addresses, V(ip_src) for example, whose prefixes speed up the lookup.
        type: list
        elements: str
  netflow:
    description:
      - The export of flows by NetFlow.
      - What is omitted has the default of Open vSwitch. An empty dictionary removes it.
      - If omitted, it is left unchanged.
    type: dict
    suboptions:
      targets:
        description: The collectors, each as C(ADDRESS:PORT). Required unless all options are omitted.
        type: list
        elements: str
      engine_id:
        description: The engine ID in the messages, V(0) to V(255).
        type: int
      engine_type:
        description: The engine type in the messages, V(0) to V(255).
        type: int
      add_id_to_interface:
        description: Whether the number of an interface has seven bits of the engine ID in it.
        type: bool
      active_timeout:
        description: Seconds after which a long flow is reported. V(0) is 600; V(-1) reports it at its end only.
        type: int
  sflow:
    description:
      - The export of sampled packets by sFlow.
      - What is omitted has the default of Open vSwitch. An empty dictionary removes it.
      - If omitted, it is left unchanged.
    type: dict
    suboptions:
      targets:
        description: The collectors, each as C(ADDRESS:PORT). Required unless all options are omitted.
        type: list
        elements: str
      agent:
        description: The link whose address is that of the agent. Open vSwitch finds one by the route to the collector.
        type: str
      header:
        description: The number of bytes of a sampled packet that are sent.
        type: int
      polling:
        description: Seconds between two reports of the counters.
        type: int
      sampling:
        description: One of so many packets is sampled.
        type: int
  ipfix:
    description:
      - The export of sampled flows by IPFIX (RFC 7011).
      - What is omitted has the default of Open vSwitch. An empty dictionary removes it.
      - If omitted, it is left unchanged.
    type: dict
    suboptions:
      targets:
        description: The collectors, each as C(ADDRESS:PORT). Required unless all options are omitted.
        type: list
        elements: str
      sampling:
        description: One of so many packets is sampled.
        type: int
      obs_domain_id:
        description: The observation domain ID in the messages.
        type: int
      obs_point_id:
        description: The observation point ID in the messages.
        type: int
      cache_active_timeout:
        description: Seconds for which a flow is aggregated, V(0) to V(4200).
        type: int
      cache_max_flows:
        description: The highest number of flows that are aggregated.
        type: int
  state:
    description:
      - Whether the bridge exists.
      - V(absent) deletes it with its ports. With O(owner), a bridge that other owners own as well, or that has ports
        which the owner does not own, is kept; only the owner is removed from it, with a warning.
    type: str
    choices: [present, absent]
    default: present
  exact:
    description:
      - Whether O(mtu) that is omitted is removed from the bridge, and O(fail_mode) likewise if the bridge forwards
        nothing because of it, having neither OpenFlow rules nor a controller with O(fail_mode=secure).
      - With O(owner), from bridges that have an owner; others are left unchanged.
    type: bool
    default: false
  ssl:
    description:
      - The key and the certificates by which Open vSwitch speaks TLS. There is one set of them for all bridges and
        controllers of the host; it has no owner, and stays when the bridges are deleted.
      - C(ovs-vswitchd) reads the files. The module does not.
      - An empty dictionary removes the set. If omitted, it is left unchanged.
    type: dict
    suboptions:
      key:
        description: The path of the private key. Required unless all options are omitted.
        type: path
      certificate:
        description: The path of the certificate for the key. Required unless all options are omitted.
        type: path
      ca_certificate:
        description: The path of the certificate of the authority that has signed those of the controllers. Required
          unless all options are omitted.
        type: path
      bootstrap:
        description: Whether the first certificate that a controller presents is stored in O(ssl.ca_certificate) if that
          file does not exist. An attacker may present it.
        type: bool
  bridges:
    # BEGIN bridges (generated by tools/docs.py)
    description:
      - Several bridges in one call. Each entry takes the options of the single form.
      - Mutually exclusive with the options of the single form.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the bridge, at most 15 bytes. See O(name).
        type: str
        required: true
      datapath_type:
        description: The datapath of the bridge. See O(datapath_type).
        type: str
        choices: [auto, system, netdev]
      fail_mode:
        description: How the bridge forwards packets without a connection to its controller. See O(fail_mode).
        type: str
        choices: [standalone, secure]
      mac:
        description: The hardware address of the bridge's local port, stored in C(other_config:hwaddr). See O(mac).
        type: str
      mtu:
        description: The MTU of the bridge's local port in bytes, V(68) to V(65535). See O(mtu).
        type: int
      external_ids:
        description: Keys and values for use by other systems. See O(external_ids).
        type: dict
      other_config:
        description: Further settings, keys and values, as ovs-vswitchd.conf.db(5) lists them for the table C(Bridge).
          See O(other_config).
        type: dict
      protocols:
        description: The exact list of OpenFlow versions that controllers may use. See O(protocols).
        type: list
        elements: str
        choices: [OpenFlow10, OpenFlow11, OpenFlow12, OpenFlow13, OpenFlow14, OpenFlow15]
      stp:
        description: Whether the bridge runs the Spanning Tree Protocol (IEEE 802.1D). See O(stp).
        type: bool
      rstp:
        description: Whether the bridge runs the Rapid Spanning Tree Protocol (IEEE 802.1D-2004). See O(rstp).
        type: bool
      mcast_snooping:
        description: Whether the bridge sends multicast packets only to the ports that have asked for them by IGMP or
          MLD. See O(mcast_snooping).
        type: bool
      controllers:
        description: The exact list of the OpenFlow controllers of the bridge. See O(controllers).
        type: list
        elements: dict
        suboptions:
          target:
            description: How the controller is reached, for example V(tcp:192.0.2.10:6653), V(ssl:192.0.2.10:6653) or
              V(unix:/run/controller.sock); V(ptcp:), V(pssl:) and V(punix:) wait for a controller. See
              O(controllers[].target).
            type: str
            required: true
          connection_mode:
            description: Whether the controller is reached through the bridge itself, V(in-band), or otherwise. See
              O(controllers[].connection_mode).
            type: str
            choices: [in-band, out-of-band]
          inactivity_probe:
            description: Milliseconds without a message after which the connection is probed. See
              O(controllers[].inactivity_probe).
            type: int
          max_backoff:
            description: The longest time in milliseconds between two attempts to connect, at least V(1000). See
              O(controllers[].max_backoff).
            type: int
          rate_limit:
            description: The highest number of packets per second that are sent to the controller, at least V(100). See
              O(controllers[].rate_limit).
            type: int
          burst_limit:
            description: The number of packets above O(controllers[].rate_limit) that are kept for later, at least
              V(25). See O(controllers[].burst_limit).
            type: int
      flow_tables:
        description: The exact list of the OpenFlow tables that have settings of their own. See O(flow_tables).
        type: list
        elements: dict
        suboptions:
          name:
            description: The name of the table, for controllers. See O(flow_tables[].name).
            type: str
          flow_limit:
            description: The highest number of flows in the table. See O(flow_tables[].flow_limit).
            type: int
          overflow_policy:
            description: Whether a flow above O(flow_tables[].flow_limit) is refused, or evicts another one. See
              O(flow_tables[].overflow_policy).
            type: str
            choices: [refuse, evict]
          groups:
            description: The fields by which flows are grouped, so that those of the largest group are evicted first.
              See O(flow_tables[].groups).
            type: list
            elements: str
          prefixes:
            description: The fields of addresses, V(ip_src) for example, whose prefixes speed up the lookup. See
              O(flow_tables[].prefixes).
            type: list
            elements: str
          id:
            description: The number of the table, V(0) to V(254). See O(flow_tables[].id).
            type: int
            required: true
      netflow:
        description: The export of flows by NetFlow. See O(netflow).
        type: dict
        suboptions:
          targets:
            description: The collectors, each as C(ADDRESS:PORT). See O(netflow.targets).
            type: list
            elements: str
          engine_id:
            description: The engine ID in the messages, V(0) to V(255). See O(netflow.engine_id).
            type: int
          engine_type:
            description: The engine type in the messages, V(0) to V(255). See O(netflow.engine_type).
            type: int
          add_id_to_interface:
            description: Whether the number of an interface has seven bits of the engine ID in it. See
              O(netflow.add_id_to_interface).
            type: bool
          active_timeout:
            description: Seconds after which a long flow is reported. See O(netflow.active_timeout).
            type: int
      sflow:
        description: The export of sampled packets by sFlow. See O(sflow).
        type: dict
        suboptions:
          targets:
            description: The collectors, each as C(ADDRESS:PORT). See O(sflow.targets).
            type: list
            elements: str
          agent:
            description: The link whose address is that of the agent. See O(sflow.agent).
            type: str
          header:
            description: The number of bytes of a sampled packet that are sent. See O(sflow.header).
            type: int
          polling:
            description: Seconds between two reports of the counters. See O(sflow.polling).
            type: int
          sampling:
            description: One of so many packets is sampled. See O(sflow.sampling).
            type: int
      ipfix:
        description: The export of sampled flows by IPFIX (RFC 7011). See O(ipfix).
        type: dict
        suboptions:
          targets:
            description: The collectors, each as C(ADDRESS:PORT). See O(ipfix.targets).
            type: list
            elements: str
          sampling:
            description: One of so many packets is sampled. See O(ipfix.sampling).
            type: int
          obs_domain_id:
            description: The observation domain ID in the messages. See O(ipfix.obs_domain_id).
            type: int
          obs_point_id:
            description: The observation point ID in the messages. See O(ipfix.obs_point_id).
            type: int
          cache_active_timeout:
            description: Seconds for which a flow is aggregated, V(0) to V(4200). See O(ipfix.cache_active_timeout).
            type: int
          cache_max_flows:
            description: The highest number of flows that are aggregated. See O(ipfix.cache_max_flows).
            type: int
      state:
        description: Whether the bridge exists. See O(state).
        type: str
        choices: [present, absent]
        default: present
    # END bridges
notes:
  - The owner is stored as the key C(netns.fabric/OWNER) in C(external_ids). A bridge that was created without an owner
    is used and never owned. A bridge that is owned by another owner gets O(owner) as a further one, and is deleted with
    its last owner.
  - A device of the userspace datapath that C(ovs-vswitchd) left on the host when it died, and that O(owner) owns, is
    deleted before a new bridge of its name is created, and with O(state=absent). A device without an owner is taken
    over by a new bridge of the userspace datapath.
  - Where the kernel's datapath was deleted under C(ovs-vswitchd) (C(ovs-dpctl del-dp)), no bridge on it works, whoever
    owns it, and C(ovs-vswitchd) creates the datapath again only once every bridge has left it. So all of them are
    moved to the userspace datapath in one transaction, and back in the next one. Nothing else in their rows changes.
  - C(Flow_Sample_Collector_Set) rows that refer to a bridge are deleted with it.
  - This module does not load the kernel module, because an C(ovs-vswitchd) that was started without it does not find it
    later. Load it first, then start or restart Open vSwitch, as the role P(netns.fabric.openvswitch#role) does.
  - On the userspace datapath, TCP works only if transmit checksum offload is disabled at the far ends of veth pairs.
    M(netns.fabric.ovs_port) disables it. Run it after a bridge has changed to V(netdev).
seealso:
  - module: netns.fabric.ovs_port
  - module: netns.fabric.ovs_flow
  - module: netns.fabric.link
  - name: ovs-vswitchd.conf.db(5)
    description: Every column of the tables of Open vSwitch.
    link: https://www.openvswitch.org/support/dist-docs/ovs-vswitchd.conf.db.5.html
"""

EXAMPLES = r"""
- name: Create a bridge, with the datapath that works on this host
  netns.fabric.ovs_bridge:
    name: int_br

- name: Create two bridges that are owned by lab
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

- name: Connect a bridge to its controllers over TLS, and sample its packets
  netns.fabric.ovs_bridge:
    name: int_br
    rstp: true
    controllers:
      - target: ssl:192.0.2.10:6653
        connection_mode: out-of-band
      - target: ssl:192.0.2.11:6653
        connection_mode: out-of-band
    ssl:
      key: /etc/openvswitch/sc-privkey.pem
      certificate: /etc/openvswitch/sc-cert.pem
      ca_certificate: /etc/openvswitch/cacert.pem
    sflow:
      targets: ["192.0.2.20:6343"]
      sampling: 64

- name: Remove one key and leave the others unchanged
  netns.fabric.ovs_bridge:
    name: lab-edge
    external_ids:
      site: null

- name: Delete all bridges of the owner lab but one
  netns.fabric.ovs_bridge:
    bridges:
      - name: lab-core
    owner: lab
    prune: true

- name: Delete a bridge with its ports
  netns.fabric.ovs_bridge:
    name: int_br
    state: absent
"""

RETURN = r"""
bridges:
  description: The bridges with O(state=present), in the order of the input.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the bridge.
      type: str
      returned: success
      sample: int_br
    datapath_type:
      description: The datapath type in effect; in check mode the one after the real run.
      type: str
      returned: success
      sample: netdev
  sample:
    - name: int_br
      datapath_type: netdev
commands:
  # BEGIN commands (generated by tools/docs.py)
  description: The equivalent shell commands, in order. Run in a shell on the same host before the call, they have the
    same result.
  returned: success
  type: list
  elements: str
  # END commands
  sample:
    - ovs-vsctl add-br int_br -- set Bridge int_br datapath_type=netdev fail_mode=secure
diff:
  # BEGIN diff (generated by tools/docs.py)
  description: The objects that change, each with the attributes that change, before and after.
  returned: success
  type: list
  elements: dict
  # END diff
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

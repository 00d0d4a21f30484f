#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.topology_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: topology_info
short_description: Look at namespaces, links, switches and NAT
version_added: 1.0.0
description:
  - Returns what is on the host now, whoever has made it - network namespaces with and without a name and the processes
    in them, and of each namespace and of the host links with their far ends, addresses, routes, neighbours, listening
    sockets, kernel parameters and what its packet filter does with forwarded packets; and the bridges and ports of
    Open vSwitch.
  - Returns the same as lists for the other modules of this collection, see RV(declarations). Given back to them, they
    change nothing.
  - What is missing on the host is no error. Without Open vSwitch, C(nft) or C(iptables) the result says so, in
    RV(openvswitch.reason) and RV(unreadable).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes.info_module
  - netns.fabric.attributes.action_group
  - netns.fabric.vsctl.database
requirements:
  - pyroute2 0.7.2 or newer on the managed host
options:
  gather_subset:
    description:
      - What to gather. Namespaces and links are always gathered.
      - V(all) is everything, V(min) nothing more. A name adds a part, and with V(!) before it takes it out; where only
        such are given, they are taken out of V(all).
      - V(addresses), V(counters) of links, V(neighbours) and V(routes) are read from the kernel, as are V(sysctls).
      - V(processes) are those inside namespaces. V(sockets) are those that listen, with the processes that hold them.
      - V(firewall) are the tables of the packet filter and the rules about NAT and forwarding. In a namespace that has
        tables C(nft) or C(iptables-save) is run once for it, which takes some milliseconds for each such namespace.
      - V(openvswitch) are bridges and ports, by one call of C(ovs-vsctl).
    type: list
    elements: str
    choices:
      - all
      - min
      - addresses
      - counters
      - firewall
      - neighbours
      - openvswitch
      - processes
      - routes
      - sockets
      - sysctls
      - "!addresses"
      - "!counters"
      - "!firewall"
      - "!neighbours"
      - "!openvswitch"
      - "!processes"
      - "!routes"
      - "!sockets"
      - "!sysctls"
    default: [all]
  namespaces:
    description:
      - Return only these namespaces, each by its name or, where it has none, by what stands for it in
        RV(namespaces[].name). One that is not there is left out.
      - RV(host) is returned all the same, and the far ends of cables are told wherever they are. In RV(declarations)
        is only what is in these namespaces.
      - Omitted, all.
    type: list
    elements: str
  bridges:
    description:
      - Return only these bridges of Open vSwitch, with their ports. One that is not there is left out.
      - Omitted, all.
    type: list
    elements: str
  owner:
    description:
      - Return only what bears the mark of this owner, and what is in a namespace or on a bridge that bears it. Of the
        host and of other namespaces only marked links and rules are left, with the routes and neighbours of these
        links.
      - RV(declarations) are then to be given back with the same O(owner).
      - Omitted, everything, whosever it is.
    type: str
  timeout:
    description: Seconds that Open vSwitch has to answer, from 1.
    type: int
    default: 10
notes:
  - It waits while another module of this collection changes the host, so that the picture is not one of half a change.
  - A namespace without a name is found by the processes in it, and where it is mounted elsewhere than in C(/run/netns),
    as container runtimes do. One that only an open file or a socket keeps alive cannot be found.
  - Of names that are no UTF-8 the bytes that are not are written as C(\xNN).
  - With sock_diag(7) the kernel may load its modules tcp_diag and udp_diag, as it does for ss(8).
seealso:
  - module: netns.fabric.reachability
  - name: lsns(8)
    description: The system's own list of namespaces.
    link: https://man7.org/linux/man-pages/man8/lsns.8.html
"""

EXAMPLES = r"""
- name: Two namespaces
  netns.fabric.netns:
    namespaces:
      - name: red
      - name: blue

- name: Look at everything
  netns.fabric.topology_info:
  register: topology

- name: What is there can be declared, and is there already
  netns.fabric.netns:
    namespaces: "{{ topology.declarations.namespaces }}"

- name: Who listens where in the namespace red
  netns.fabric.topology_info:
    namespaces: [red]
    gather_subset: [sockets]
  register: red

- name: Tell
  ansible.builtin.debug:
    msg: "{{ red.namespaces[0].sockets }}"

- name: All that belongs to one topology, without what takes longest
  netns.fabric.topology_info:
    owner: default
    gather_subset: ["!firewall", "!counters"]
  register: mine

- name: Ports that do not work
  ansible.builtin.debug:
    msg: "{{ topology.openvswitch.bridges | map(attribute='ports') | flatten | selectattr('error') }}"
"""

RETURN = r"""
host:
  description: The host's own namespace, with the keys of an element of RV(namespaces). Its processes are not listed.
  returned: success
  type: dict
  sample:
    name: null
    named: false
    inode: 4026531840
    path: /proc/self/ns/net
namespaces:
  description:
    - The other network namespaces, those with a name first.
    - What was not gathered is empty in them.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name in C(/run/netns); of a namespace without one C(net:[INODE]), as C(/proc/PID/ns/net) has it.
      returned: success
      type: str
      sample: ns01
    named:
      description: Whether it has a name in C(/run/netns).
      returned: success
      type: bool
      sample: true
    inode:
      description: The number that tells it from all other namespaces. A namespace with two names is listed twice.
      returned: success
      type: int
      sample: 4026532345
    nsid:
      description: Its number as seen from the host (C(ip netns list-id)), null if it has none there.
      returned: success
      type: int
      sample: 0
    path:
      description: A file that stands for it, for instance for C(nsenter --net=PATH).
      returned: success
      type: str
      sample: /run/netns/ns01
    owners:
      description: Whose it is, from the mark on its loopback.
      returned: success
      type: list
      elements: str
      sample: [default]
    processes:
      description: The processes inside, each with its process id, command line and user.
      returned: success
      type: list
      elements: dict
      sample:
        - pid: 4711
          command: python3 -m http.server
          user: www-data
    links:
      description:
        - The links. C(state) is the operational state, C(enabled) whether it is set up. C(kind) is the kernel's, or
          V(loopback) or V(physical).
        - C(peer) is the far end of a veth. Its C(namespace) is null for the host's own; its C(name) is null where it is
          in a namespace that was not found. C(master) is the link that it is enslaved to.
        - C(bridge_port) is the port of Open vSwitch that the link is. C(tx_checksum) is told of veths only.
        - Addresses that are C(made_by_kernel) are link-local, autoconfigured or the loopback's. Their C(peer) is the
          far address of a point-to-point link.
      returned: success
      type: list
      elements: dict
      sample:
        - name: veth-ns01
          index: 2
          kind: veth
          state: up
          enabled: true
          mac: "0a:58:c0:a8:64:01"
          mtu: 1500
          alias: netns.fabric:default
          owners: [default]
          master: null
          peer: {namespace: null, name: ns01_tap, index: 5}
          bridge_port: null
          tx_checksum: false
          addresses:
            - {address: 192.168.100.1/24, peer: null, made_by_kernel: false}
          counters:
            rx_bytes: 1314
            rx_dropped: 0
            rx_errors: 0
            rx_packets: 15
            tx_bytes: 1314
            tx_dropped: 0
            tx_errors: 0
            tx_packets: 15
    routes:
      description:
        - The routes of all tables but V(255), in which the kernel has what follows from the addresses.
        - C(special) ones have more to them than M(netns.fabric.route) can say, such as several next hops, or another
          C(type) than V(unicast).
      returned: success
      type: list
      elements: dict
      sample:
        - destination: default
          gateway: 192.168.100.254
          device: veth-ns01
          metric: 0
          table: 254
          source: null
          protocol: static
          version: 4
          type: unicast
          special: false
    neighbours:
      description: Who was met on the links, as C(ip neighbour) lists them.
      returned: success
      type: list
      elements: dict
      sample:
        - {address: 192.168.100.254, mac: "0a:58:c0:a8:64:fe", device: veth-ns01, state: reachable}
    sockets:
      description:
        - Sockets of TCP that listen, and of UDP that are connected to nobody. C(device) is the link that one is bound
          to.
        - C(processes) are those that have it open, in whichever namespace they are.
      returned: success
      type: list
      elements: dict
      sample:
        - protocol: tcp
          address: 0.0.0.0
          port: 8080
          version: 4
          device: null
          uid: 33
          processes:
            - {pid: 4711, command: python3 -m http.server, user: www-data}
    sysctls:
      description:
        - What decides about forwarding, and about which packets and ARP requests are taken - C(net.ipv4.ip_forward),
          C(net.ipv4.conf.all.rp_filter), C(net.ipv4.conf.default.rp_filter), C(net.ipv4.conf.all.arp_ignore),
          C(net.ipv4.conf.all.arp_announce), C(net.ipv4.conf.all.proxy_arp), C(net.ipv4.ip_nonlocal_bind),
          C(net.ipv4.ip_unprivileged_port_start), C(net.ipv6.conf.all.forwarding), C(net.ipv6.conf.all.disable_ipv6)
          and C(net.ipv6.conf.default.accept_ra).
        - One that the kernel does not have is left out.
      returned: success
      type: dict
      sample:
        net.ipv4.ip_forward: "0"
    firewall:
      description: The packet filter.
      returned: success
      type: dict
      contains:
        tables:
          description: All tables. C(backend) is V(nftables), V(iptables-nft) or V(iptables-legacy).
          returned: success
          type: list
          elements: dict
          sample:
            - {backend: nftables, family: ip, name: netns_fabric}
        chains:
          description: The chains that do NAT or see what is forwarded, and those that they call.
          returned: success
          type: list
          elements: dict
          sample:
            - backend: nftables
              family: ip
              table: netns_fabric
              name: postrouting
              type: nat
              hook: postrouting
              policy: accept
        rules:
          description:
            - The rules of these chains, in their order. C(owner) is whose mark the rule bears, empty for that of this
              collection without an owner, null for what somebody else has made.
          returned: success
          type: list
          elements: dict
          sample:
            - backend: nftables
              family: ip
              table: netns_fabric
              chain: postrouting
              verdict: masquerade
              target: ""
              criteria: [daddr != 192.168.100.0/24, daddr != 224.0.0.0/4, saddr 192.168.100.0/24]
              comment: netns.fabric:default
              owner: default
        masquerade:
          description: What M(netns.fabric.nat_masquerade) has made of it.
          returned: success
          type: list
          elements: dict
          sample:
            - {source: 192.168.100.0/24, out_interface: null, owner: default, backend: nftables}
openvswitch:
  description: Open vSwitch.
  returned: success
  type: dict
  contains:
    available:
      description: Whether it could be asked.
      returned: success
      type: bool
      sample: true
    reason:
      description: Why not; else empty.
      returned: success
      type: str
      sample: ""
    running:
      description: Whether C(ovs-vswitchd) runs, null where that cannot be told.
      returned: success
      type: bool
      sample: true
    bridges:
      description:
        - The bridges with their ports, the bridge's own one (C(local)) among them.
        - C(error) of a port says why it does not work, also where Open vSwitch does not say so itself. It is empty for
          one that does.
      returned: success
      type: list
      elements: dict
      sample:
        - name: int_br
          datapath_type: netdev
          fail_mode: null
          protocols: []
          owners: [default]
          external_ids: {}
          other_config: {}
          works: true
          controllers:
            - {target: "tcp:192.0.2.10:6653", connected: true, role: other}
          ports:
            - name: ns01_tap
              bridge: int_br
              local: false
              type: system
              tag: null
              trunks: []
              vlan_mode: null
              protected: false
              mac: "0a:58:c0:a8:64:11"
              mtu: 1500
              ofport: 1
              options: {}
              external_ids: {}
              other_config: {}
              owners: [default]
              interfaces: [ns01_tap]
              error: ""
stale:
  description: Names in C(/run/netns) that no namespace stands behind, such as a killed program leaves.
  returned: success
  type: list
  elements: str
  sample: [half-made]
owners:
  description: Everyone whose mark was seen, whatever was asked for.
  returned: success
  type: list
  elements: str
  sample: [default]
unreadable:
  description: What could not be read, and why.
  returned: success
  type: list
  elements: str
  sample: []
declarations:
  description:
    - What was found, as the bulk lists of the modules and under their names. A module that is given its list, and the
      same O(owner) as this call had, changes nothing. With an O(owner) the lists have what bears its mark, and the
      routes in its namespaces; without one, address translation that bears the mark without an owner, and all else.
    - A parameter is in a namespace's C(sysctls) if it differs from what the kernel starts with, and a resolver's file
      if it is one of M(netns.fabric.netns).
    - Of C(links), which are all links but veths, hardware addresses are not declared. Ports are declared with
      C(tx_checksum=keep), since it is the pairs that say it.
    - What was not gathered is not declared either.
  returned: success
  type: dict
  contains:
    namespaces:
      description: For M(netns.fabric.netns).
      returned: success
      type: list
      elements: dict
      sample:
        - name: ns01
    pairs:
      description: For M(netns.fabric.veth).
      returned: success
      type: list
      elements: dict
      sample:
        - name: veth-ns01
          namespace: ns01
          addresses: [192.168.100.1/24]
          mac: "0a:58:c0:a8:64:01"
          mtu: 1500
          enabled: true
          tx_checksum: false
          peer:
            name: ns01_tap
            addresses: []
            mac: "0a:58:c0:a8:64:11"
            mtu: 1500
            enabled: true
            tx_checksum: true
    links:
      description: For M(netns.fabric.link).
      returned: success
      type: list
      elements: dict
      sample:
        - {name: int_br, addresses: [192.168.100.254/24], enabled: true}
    routes:
      description: For M(netns.fabric.route).
      returned: success
      type: list
      elements: dict
      sample:
        - {namespace: ns01, destination: default, gateway: 192.168.100.254, device: veth-ns01}
    bridges:
      description: For M(netns.fabric.ovs_bridge).
      returned: success
      type: list
      elements: dict
      sample:
        - {name: int_br, datapath_type: netdev}
    ports:
      description: For M(netns.fabric.ovs_port).
      returned: success
      type: list
      elements: dict
      sample:
        - {name: ns01_tap, bridge: int_br, tx_checksum: keep}
    rules:
      description: For M(netns.fabric.nat_masquerade).
      returned: success
      type: list
      elements: dict
      sample:
        - {source: 192.168.100.0/24, ip_forward: true, accept_forward: auto}
    forwards:
      description: For M(netns.fabric.nat_port_forward).
      returned: success
      type: list
      elements: dict
      sample:
        - {protocol: tcp, port: "8080", to_address: 192.168.100.1, to_port: 80, ip_forward: true, accept_forward: auto}
undeclared:
  description: What was found and cannot be declared, and why.
  returned: success
  type: list
  elements: str
  sample:
    - 'ports: bond0: it is a bond'
"""

from ansible_collections.netns.fabric.plugins.module_utils._entry.topology_info import run


def main() -> None:
    run()


if __name__ == "__main__":
    main()

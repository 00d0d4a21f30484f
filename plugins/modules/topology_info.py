#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.topology_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: topology_info
short_description: Gather facts about namespaces, links, switches and NAT
version_added: 1.0.0
description:
  - Returns the network configuration of the host, by whatever software it was created. This covers network namespaces
    with and without a name and the processes in them; for the host and each namespace links with their peers,
    addresses, routes, neighbours, listening sockets, kernel parameters, and how the packet filter handles forwarded
    packets; and the bridges and ports of Open vSwitch.
  - Also returns it as lists for the other modules of this collection, see RV(declarations). A module that is given its
    list changes nothing.
  - Software that is not installed is not an error. Without Open vSwitch, C(nft) or C(iptables) the result reports it,
    in RV(openvswitch.reason) and RV(unreadable).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes.info_module
  - netns.fabric.attributes.action_group
  - netns.fabric.vsctl.database
attributes:
  action_group:
    membership: [netns.fabric.all, netns.fabric.ovs]
requirements:
  - pyroute2 0.7.2 or newer on the managed host
options:
  gather_subset:
    description:
      - The parts to gather. Namespaces and links are always gathered.
      - V(all) selects every part but V(exposure), V(min) no further one. A name adds a part, and a name with V(!) in
        front excludes it. If only excluded parts are given, all other parts are gathered but V(exposure).
      - V(addresses), V(counters) and V(qdiscs) of links, V(neighbours), V(routes) and V(sysctls) are read from the
        kernel. V(routes) includes the rules of policy routing.
      - V(processes) are those in namespaces. V(sockets) are listening sockets, with the processes that hold them.
      - V(firewall) is the tables of the packet filter, and the rules about NAT, forwarding and policies. For each
        namespace that has tables C(nft) or C(iptables-save) is run once, which takes some milliseconds.
      - V(openvswitch) is the bridges and ports, by one call of C(ovs-vsctl).
      - V(exposure) is what of each namespace can be reached from where, see RV(exposure). It includes V(addresses),
        V(firewall), V(openvswitch), V(routes) and V(sockets), from which it is computed, and reads every namespace,
        whatever O(namespaces) and O(owner) say. It takes some tenths of a millisecond for each service and each group
        of namespaces in the same position. What would take half a minute is not computed, see RV(unreadable); limit it
        by O(namespaces).
      - V(northbound) is OVN's northbound database, see RV(northbound), by one call of C(ovn-nbctl). It is that of all
        hosts, and only gathered if it is named.
    type: list
    elements: str
    choices:
      [all, min, exposure, northbound, addresses, counters, firewall, neighbours, openvswitch, processes, qdiscs,
       routes, sockets, sysctls, "!addresses", "!counters", "!firewall", "!neighbours", "!openvswitch", "!processes",
       "!qdiscs", "!routes", "!sockets", "!sysctls"]
    default: [all]
  namespaces:
    description:
      - Return only these namespaces, each by its name or, without one, by its RV(namespaces[].name). Namespaces that do
        not exist are left out.
      - RV(host) is returned as well, and peers are reported wherever they are. RV(declarations) contains only what is
        in these namespaces.
      - If omitted, all namespaces are returned.
    type: list
    elements: str
  bridges:
    description:
      - Return only these bridges of Open vSwitch, with their ports. Bridges that do not exist are left out.
      - If omitted, all bridges are returned.
    type: list
    elements: str
  owner:
    description:
      - Return only objects that are owned by this owner, and what is in its namespaces or on its bridges. Of the host
        and of other namespaces only links and rules of the owner are returned, with the routes and neighbours of these
        links.
      - Pass RV(declarations) to the modules with the same O(owner).
      - If omitted, objects are returned regardless of their owner.
    type: str
  northbound:
    description:
      - How the northbound database is reached, with V(northbound) in O(gather_subset).
      - If omitted, C(ovn-nbctl) uses its default, the socket of this host.
    type: dict
    suboptions:
      database:
        description:
          - The server of the database, see O(netns.fabric.ovn_switch#module:database).
          - If omitted, it is the default of C(ovn-nbctl).
        type: str
      private_key:
        description: The file with the private key of this host, for TLS. If omitted, there is none.
        type: path
      certificate:
        description: The file with the certificate for O(northbound.private_key). If omitted, there is none.
        type: path
      ca_certificate:
        description:
          - The file with the certificate of the authority by which the server is verified. If omitted, there is none.
        type: path
  timeout:
    description: The seconds that Open vSwitch, or OVN's northbound database, has to answer, from 1.
    type: int
    default: 10
notes:
  - The module waits while another module of this collection changes the host, so that it does not report a partial
    change.
  - A namespace without a name is found by the processes in it, or by a mount outside C(/run/netns), as container
    runtimes create it. A namespace that only an open file or a socket keeps alive cannot be found.
  - In names that are not valid UTF-8, invalid bytes are written as C(\xNN).
  - With sock_diag(7) the kernel may load its modules tcp_diag and udp_diag, as it does for ss(8).
seealso:
  - module: netns.fabric.reachability
  - name: lsns(8)
    description: The system's own list of namespaces.
    link: https://man7.org/linux/man-pages/man8/lsns.8.html
"""

EXAMPLES = r"""
- name: Create two namespaces
  netns.fabric.netns:
    namespaces:
      - name: red
      - name: blue

- name: Gather all facts
  netns.fabric.topology_info:
  register: topology

- name: Declare the namespaces that exist, which changes nothing
  netns.fabric.netns:
    namespaces: "{{ topology.declarations.namespaces }}"

- name: Gather the listening sockets of the namespace red
  netns.fabric.topology_info:
    namespaces: [red]
    gather_subset: [sockets]
  register: red

- name: Show the listening sockets
  ansible.builtin.debug:
    msg: "{{ red.namespaces[0].sockets }}"

- name: Gather the facts about one topology, without the parts that take longest
  netns.fabric.topology_info:
    owner: default
    gather_subset: ["!firewall", "!counters"]
  register: lab

- name: Compute what can be reached from where
  netns.fabric.topology_info:
    gather_subset: [exposure]
  register: seen

- name: Fail if a service of the namespace red may be reached from outside this machine
  ansible.builtin.assert:
    that: services | map(attribute='reached_from') | flatten | rejectattr('verdict', 'eq', 'closed')
          | map(attribute='outside') | flatten | length == 0
  vars:
    services: "{{ (seen.exposure | selectattr('namespace', 'eq', 'red') | first).services }}"

- name: Show the ports that do not work
  ansible.builtin.debug:
    msg: "{{ topology.openvswitch.bridges | map(attribute='ports') | flatten | selectattr('error') }}"
"""

RETURN = r"""
host:
  description: The namespace of the host, with the keys of RV(namespaces). Its processes are not listed.
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
    - Parts that were not gathered are empty.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name in C(/run/netns); without one C(net:[INODE]), the target of the link C(/proc/PID/ns/net).
      returned: success
      type: str
      sample: ns01
    named:
      description: Whether the namespace has a name in C(/run/netns).
      returned: success
      type: bool
      sample: true
    inode:
      description: The inode number that identifies the namespace. A namespace with two names is listed twice.
      returned: success
      type: int
      sample: 4026532345
    nsid:
      description: The id of the namespace for the host (C(ip netns list-id)), null if it has none.
      returned: success
      type: int
      sample: 0
    path:
      description: A file that refers to the namespace, for instance for C(nsenter --net=PATH).
      returned: success
      type: str
      sample: /run/netns/ns01
    owners:
      description: The owners of the namespace, from the alias of its loopback.
      returned: success
      type: list
      elements: str
      sample: [default]
    processes:
      description: The processes in the namespace, each with its process id, command line and user.
      returned: success
      type: list
      elements: dict
      sample:
        - pid: 4711
          command: python3 -m http.server
          user: www-data
    links:
      description:
        - The links of the namespace.
        - C(state) is the operational state, C(enabled) the administrative one. C(kind) is the kind that the kernel
          reports, or V(loopback) or V(physical).
        - C(peer) is the other end of a veth pair. Its C(namespace) is null for the host; its C(name) is null if it is
          in a namespace that was not found. C(master) is the link that this one is attached to.
        - C(parent) is the link that this one is on, C(options) are those of its kind, as M(netns.fabric.link) takes
          them.
        - C(bridge_port) is the port of Open vSwitch with this link. C(tx_checksum) is reported for veth pairs only.
        - C(qdiscs) are those that are not the kernel's own choice, with the options that M(netns.fabric.qdisc) takes.
        - Addresses with C(made_by_kernel) are link-local, autoconfigured or those of the loopback. The C(peer) of an
          address is the remote address of a point-to-point link.
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
          parent: null
          options: {}
          bridge_port: null
          tx_checksum: false
          addresses:
            - {address: 192.168.100.1/24, peer: null, made_by_kernel: false}
          qdiscs:
            - {kind: netem, parent: root, handle: "7ab0:", options: {delay: 20ms, loss: 1%}}
          counters: {rx_bytes: 1314, rx_dropped: 0, rx_errors: 0, rx_packets: 15,
                     tx_bytes: 1314, tx_dropped: 0, tx_errors: 0, tx_packets: 15}
    routes:
      description:
        - The routes of all tables but V(255), which contains what the kernel derives from the addresses.
        - Routes with C(special) have attributes that M(netns.fabric.route) does not manage, such as an encapsulation.
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
          nexthops: []
          onlink: false
          mtu: null
          special: false
    rules:
      description:
        - The rules of policy routing, in the order in which they are tried, with V(routes) in O(gather_subset).
        - C(special) has what M(netns.fabric.rule) does not manage, as C(ip rule) writes it.
        - With O(owner), those of the owner's namespaces.
      returned: success
      type: list
      elements: dict
      sample:
        - priority: 1000
          version: 4
          action: lookup
          table: 100
          l3mdev: false
          suppress_prefixlength: null
          from: 192.168.100.1/32
          to: null
          iif: null
          oif: null
          fwmark: null
          ipproto: null
          sport: null
          dport: null
          protocol: static
          special: []
    neighbours:
      description: The neighbour entries, as C(ip neighbour) lists them, and the addresses that are answered for
        (C(proxy)).
      returned: success
      type: list
      elements: dict
      sample:
        - {address: 192.168.100.254, mac: "0a:58:c0:a8:64:fe", device: veth-ns01, state: reachable, proxy: false}
    sockets:
      description:
        - The listening TCP sockets, and the UDP sockets that are not connected. C(device) is the link that a socket is
          bound to.
        - C(processes) are those that hold the socket, in whichever namespace they are.
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
        - Kernel parameters about forwarding and about the packets and ARP requests that are accepted.
        - They are C(net.ipv4.ip_forward), C(net.ipv4.conf.all.rp_filter), C(net.ipv4.conf.default.rp_filter),
          C(net.ipv4.conf.all.arp_ignore), C(net.ipv4.conf.all.arp_announce), C(net.ipv4.conf.all.proxy_arp),
          C(net.ipv4.ip_nonlocal_bind), C(net.ipv4.ip_unprivileged_port_start), C(net.ipv6.conf.all.forwarding),
          C(net.ipv6.conf.all.disable_ipv6) and C(net.ipv6.conf.default.accept_ra).
        - Parameters that the kernel does not have are left out.
      returned: success
      type: dict
      sample:
        net.ipv4.ip_forward: "0"
    firewall:
      description: The tables, chains and rules of the packet filter.
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
          description: The chains for NAT, for forwarded packets and for policies, and those that they call.
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
            - The rules of these chains, in their order. C(target) is the chain that a packet goes on to, or the address
              that C(dnat) leads to. C(owner) is the owner of the rule, empty for a rule that this
              collection has created without an owner, null for any other rule.
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
          description: The rules of M(netns.fabric.nat_masquerade).
          returned: success
          type: list
          elements: dict
          sample:
            - {source: 192.168.100.0/24, out_interface: null, to_source: null, owner: default, backend: nftables}
openvswitch:
  description: The state of Open vSwitch.
  returned: success
  type: dict
  contains:
    available:
      description: Whether its database could be read.
      returned: success
      type: bool
      sample: true
    reason:
      description: Why it could not be read, otherwise empty.
      returned: success
      type: str
      sample: ""
    running:
      description: Whether C(ovs-vswitchd) runs, null if this is not known.
      returned: success
      type: bool
      sample: true
    bridges:
      description:
        - The bridges with their ports, including the local port of the bridge (C(local)).
        - C(error) of a port is the reason why it does not work, even if Open vSwitch reports none, otherwise empty.
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
          stp: false
          rstp: false
          mcast_snooping: false
          controllers:
            - target: "tcp:192.0.2.10:6653"
              connection_mode: out-of-band
              inactivity_probe: null
              max_backoff: null
              rate_limit: null
              burst_limit: null
              connected: true
              role: other
          flow_tables: []
          netflow: {}
          sflow: {targets: ["192.0.2.20:6343"], sampling: 64}
          ipfix: {}
          mirrors:
            - name: watch
              select_all: true
              select_vlans: []
              select_src_ports: []
              select_dst_ports: []
              output_port: monitor0
              output_vlan: null
              snaplen: null
              external_ids: {}
              owners: [default]
          flows:
            - {flow: "priority=100,tcp,in_port=ns01_tap,tp_dst=23 actions=drop", owner: default}
          ports:
            - name: ns01_tap
              bridge: int_br
              local: false
              type: system
              tag: null
              trunks: []
              vlan_mode: null
              protected: false
              iface_id: null
              mac: "0a:58:c0:a8:64:11"
              mtu: 1500
              ofport: 1
              options: {}
              external_ids: {}
              other_config: {}
              owners: [default]
              interfaces: [ns01_tap]
              bond_mode: null
              bond_updelay: 0
              bond_downdelay: 0
              lacp: null
              lacp_time: null
              cvlans: []
              qos: {type: linux-htb, max_rate: 10000000, queues: [], other_config: {}, owners: [default]}
              interface_external_ids: {}
              interface_other_config: {}
              ingress_policing_rate: 0
              ingress_policing_burst: 0
              error: ""
northbound:
  description:
    - OVN's northbound database, with V(northbound) in O(gather_subset). Of an O(owner), only what it owns itself.
    - RV(northbound.available) is V(false), with the reason, if it could not be read or was not asked for.
  returned: success
  type: dict
  contains:
    available:
      description: Whether it could be read.
      returned: success
      type: bool
      sample: true
    reason:
      description: Why it could not be read, otherwise empty.
      returned: success
      type: str
      sample: ""
    switches:
      description:
        - The logical switches. C(columns) are those of the database that are configured (ovn-nb(5)), with the rows that
          belong to the switch in the place of references. C(dhcp) is what its ports are served, C(up) the ports that a
          host has connected.
      returned: success
      type: list
      elements: dict
      sample:
        - name: lab/front
          owners: [lab]
          columns:
            external_ids: {}
            ports: [{name: lab/web/eth0, addresses: '02:00:00:00:00:01 10.10.1.1', options: {requested-chassis: alpha}}]
          dhcp: [{cidr: 10.10.1.0/24, options: {router: 10.10.1.254}}]
          up: [lab/web/eth0]
    routers:
      description: The logical routers, in the same form.
      returned: success
      type: list
      elements: dict
      sample:
        - name: lab
          owners: [lab]
          columns:
            external_ids: {}
            ports: [{name: 'lab/front:router', mac: '02:00:00:00:00:fe', networks: 10.10.1.254/24}]
    port_groups:
      description: The groups of ports, with their rules, in the same form.
      returned: success
      type: list
      elements: dict
      sample:
        - name: lab.web.3c1f20aa
          owners: [lab]
          columns: {acls: [], external_ids: {}, ports: [lab/web/eth0]}
    address_sets:
      description: The sets of addresses, in the same form.
      returned: success
      type: list
      elements: dict
      sample: []
stale:
  description: Names in C(/run/netns) without a namespace, for instance after a program was killed.
  returned: success
  type: list
  elements: str
  sample: [half-made]
owners:
  description: All owners that were found, regardless of the options.
  returned: success
  type: list
  elements: str
  sample: [default]
unreadable:
  description: The parts that could not be read, each with the reason.
  returned: success
  type: list
  elements: str
  sample: []
exposure:
  description:
    - What of the host and of each namespace can be reached from where, if O(gather_subset) has V(exposure), otherwise
      empty. It is computed from what is on the host, by whatever software it was created, and no packet is sent.
    - Taken into account are bridges of Open vSwitch and of the kernel with their VLANs, veth pairs and bonds; addresses
      and routes of the main table; the kernel parameters for forwarding, C(rp_filter) and C(arp_ignore); the rules of
      nftables and of both variants of iptables on every hook, address translation included; and the way of the answers.
    - What is not understood is not guessed. The answer then is V(depends), with the reason. Such are rules with sets,
      maps or extensions, a packet filter that could not be read or has more than 5000 rules, tables of nftables that
      filter frames, links of kinds such as macvlan, policy routing, and bridges with OpenFlow rules of a controller.
    - Not read are OpenFlow rules that were added by hand, programs of tc, XDP and BPF, static neighbour entries and
      IPsec policies. Broadcast and multicast are not considered, nor what a program does with a connection.
  returned: success
  type: list
  elements: dict
  contains:
    namespace:
      description: The namespace, by its RV(namespaces[].name); null for the host.
      returned: success
      type: str
      sample: ns01
    paths:
      description: From where it is reached by TCP at a port that no rule is about, whether anything listens or not.
      returned: success
      type: list
      elements: dict
      sample:
        - verdict: open
          namespaces: [ns02]
          host: true
          outside: []
          at: [192.168.100.1]
          routers: []
          published: false
          reasons: []
        - verdict: closed
          namespaces: []
          host: false
          outside: [eth0]
          at: []
          routers: []
          published: false
          reasons:
            - 'the packet filter of the host: nftables ip netns_fabric fabric-to-int_br (a rule with drop)'
    services:
      description:
        - What listens in the namespace for others, the lowest ports first, no more than 64. Sockets that are bound to
          the loopback are left out; all sockets of a port are one service.
        - A UDP service counts as reached if a datagram gets to it and an answer gets back.
      returned: success
      type: list
      elements: dict
      contains:
        protocol:
          description: V(tcp) or V(udp).
          returned: success
          type: str
          sample: tcp
        port:
          description: The port.
          returned: success
          type: int
          sample: 80
        addresses:
          description: The addresses that its sockets are bound to.
          returned: success
          type: list
          elements: str
          sample: [0.0.0.0]
        device:
          description: The link that it is bound to, null for any.
          returned: success
          type: str
          sample: null
        processes:
          description: The processes that hold the sockets, in whichever namespace they are.
          returned: success
          type: list
          elements: dict
          sample:
            - {pid: 4711, command: python3 -m http.server, user: www-data}
        reached_from:
          description:
            - From where it is reached. Every other namespace, the host and each link that leads off this machine is in
              exactly one of the entries.
            - C(verdict) is V(open), V(depends) or V(closed). C(reasons) say on what it depends, or what is in the way.
            - C(namespaces) and C(host) are the sources on this machine. C(outside) are links that lead off it, such as
              a NIC, a tunnel, or a link to a namespace that was not found. A neighbour there is assumed to have routes
              by this machine to all of its networks.
            - C(at) are the addresses with which it is reached. If they are C(published), all of them are ports that
              rules lead there. C(routers) are the namespaces that forward the packets, null for the host.
          returned: success
          type: list
          elements: dict
          sample:
            - verdict: open
              namespaces: []
              host: false
              outside: [eth0]
              at: ["198.51.100.1:8080"]
              routers: [null]
              published: true
              reasons: []
    further_services:
      description: The number of services that RV(exposure[].services) leaves out.
      returned: success
      type: int
      sample: 0
declarations:
  description:
    - The objects that were found, as the bulk lists of the modules. A module that is given its list, and the same
      O(owner) as this call, changes nothing.
    - With O(owner) the lists contain the objects of this owner, and the routes, rules and static neighbours in its
      namespaces. Without it they contain all objects, but only NAT rules without an owner.
    - The C(sysctls) of a namespace contain the parameters that differ from the kernel's defaults. The resolver
      configuration is included if M(netns.fabric.netns) wrote it. C(host_sysctls) contains the parameters of the host
      whose former values M(netns.fabric.netns) has recorded, which it does for an owner.
    - C(links) are all links but veth pairs, without their hardware addresses. Ports have C(tx_checksum=keep), because
      the pairs declare the checksum offload.
    - Parts that were not gathered are not declared.
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
    host_sysctls:
      description: For the option C(host_sysctls) of M(netns.fabric.netns).
      returned: success
      type: dict
      sample:
        net.ipv4.conf.all.rp_filter: "2"
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
    qdiscs:
      description: For M(netns.fabric.qdisc).
      returned: success
      type: list
      elements: dict
      sample:
        - {namespace: ns01, link: veth-ns01, kind: netem, netem: {delay: 20ms, loss: 1%}}
    routes:
      description: For M(netns.fabric.route).
      returned: success
      type: list
      elements: dict
      sample:
        - {namespace: ns01, destination: default, gateway: 192.168.100.254, device: veth-ns01}
    routing_rules:
      description: For M(netns.fabric.rule).
      returned: success
      type: list
      elements: dict
      sample:
        - {namespace: ns01, priority: 1000, from: 192.168.100.1/32, table: 100}
    neighbours:
      description: For M(netns.fabric.neighbour).
      returned: success
      type: list
      elements: dict
      sample:
        - {namespace: ns01, address: 192.168.100.9, device: veth-ns01, mac: "02:00:00:00:00:09"}
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
    flows:
      description: For M(netns.fabric.ovs_flow); those of O(owner), or without one, those that have none.
      returned: success
      type: list
      elements: dict
      sample:
        - {bridge: int_br, flows: ["priority=100,tcp,in_port=ns01_tap,tp_dst=23 actions=drop"]}
    mirrors:
      description: For M(netns.fabric.ovs_mirror).
      returned: success
      type: list
      elements: dict
      sample:
        - {name: watch, bridge: int_br, select_all: true, output_port: monitor0}
    qos:
      description: For M(netns.fabric.ovs_qos).
      returned: success
      type: list
      elements: dict
      sample:
        - {port: ns01_tap, type: linux-htb, max_rate: 10000000}
    chassis:
      description: For M(netns.fabric.ovn_chassis).
      returned: success
      type: list
      elements: dict
      sample:
        - {bridge: br-int, remotes: ["ssl:192.0.2.10:6642"], encap_type: geneve, encap_ip: 192.0.2.11}
    isolation:
      description: For M(netns.fabric.isolation).
      returned: success
      type: list
      elements: dict
      sample:
        - {link: int_br, networks: [192.168.100.0/24], outbound: [{source: 192.168.100.0/24}]}
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
    policies:
      description: For M(netns.fabric.policy).
      returned: success
      type: list
      elements: dict
      sample:
        - {namespace: ns01, incoming: deny, outgoing: allow, rules: [{action: allow, protocol: tcp, ports: ["80"]}]}
undeclared:
  description: The objects that were found and cannot be declared, each with the reason.
  returned: success
  type: list
  elements: str
  sample:
    - 'ports: vlan7: it is a VLAN bridge (ovs-vsctl calls it fake)'
"""

from ansible_collections.netns.fabric.plugins.module_utils._entry.topology_info import run


def main() -> None:
    run()


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.reachability."""

from __future__ import annotations

DOCUMENTATION = r"""
module: reachability
short_description: Check which addresses are reachable from namespaces
version_added: 1.0.0
description:
  - Sends probes from the host and from network namespaces, and fails unless every result is as expected. The message
    names each probe that is not as expected, its cause and, where it can be determined, the likely reason.
  - A V(icmp) probe is an echo request. It is repeated within the timeout, because the first one may be lost during
    address resolution.
  - A V(tcp) probe with a O(port) succeeds when the connection is established.
  - A V(tcp) probe without a port is sent to an address of the host or of a named namespace. The module listens there
    itself for the time of the probe, sends data in both directions and compares them. It detects failures that neither
    ping nor a TCP handshake shows, such as a broken transmit checksum or an MTU that is too small on the path.
  - A V(udp) probe is a datagram that has to be answered. Without a O(port) it is sent to an address of the host or of a
    named namespace, where the module listens and answers itself. It is repeated within the timeout, as an echo request
    is.
  - A program that listens on a UDP port need not answer, so that its silence proves nothing. With a O(port) at an
    address of the host or of a named namespace, the module therefore reads a copy of what arrives at the port of that
    program (raw(7)), behind the packet filter, and answers from the port. The program gets the datagram, too, which has
    twenty random bytes. If nothing listens on the port, the kernel reports V(port unreachable). At any other address
    only an answer of the program itself shows that it is reached.
  - All probes run at the same time, in one process. Nothing needs to be installed in the namespaces. No program is run,
    except for C(nft) and C(iptables-save), which read the packet filters on the path of a probe that gets no answer.
  - Runs one probe, or many in one call with O(probes).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes.action_group
attributes:
  action_group:
    membership: [netns.fabric.all]
  check_mode:
    support: full
    description:
      - Checks the options and sends nothing, because what an earlier task would create may not exist yet. The probes
        are returned with the RV(probes[].result) V(skipped), and the module does not fail.
  diff_mode:
    support: none
    description: Changes nothing, so there is no diff.
  idempotent:
    support: full
    description: Changes nothing.
  platform:
    support: full
    platforms: linux
    description: The operating systems that the module runs on.
requirements:
  - Linux and Python 3.9 or newer on the managed host
  - root on the managed host (C(become))
  - pyroute2 0.7.2 or newer on the managed host
options:
  namespace:
    description: The namespace that sends the probe; if omitted, the host.
    type: str
  to:
    description:
      - The IPv4 or IPv6 address that is probed.
      - Required unless O(probes) or O(listen) is given.
    type: str
  protocol:
    description: The protocol of the probe.
    type: str
    choices: [icmp, tcp, udp]
    default: icmp
  port:
    description:
      - The TCP or UDP port of a service that listens at O(to).
      - To probe a port on which nothing needs to listen, give the address as O(forwarded_to), too. The module then
        listens on the port itself.
      - If omitted with V(tcp) or V(udp), the module listens there itself, on a free port. If several namespaces have
        the address, in separate networks, it listens in all of them, and RV(probes[].answered_by) reports which one
        answered.
    type: int
  forwarded_to:
    description:
      - The address that the published O(port) of O(to) leads to, see M(netns.fabric.nat_port_forward).
      - The module listens at this address itself, in the namespace that has it, so that the probe shows where the port
        leads to. If a service listens there already, a TCP probe is a connection to that, and a UDP probe is answered
        by the module in its place.
      - If omitted, the port is one of O(to) itself.
    type: str
  forwarded_port:
    description:
      - The port at O(forwarded_to).
      - If omitted, it is the number of O(port).
    type: int
  expect:
    description:
      - The result that is expected.
      - With V(delivered), a probe from a namespace to an address of the host has to arrive there. If the host's own
        packet filter then refuses it, the probe is as expected, and RV(refused) names the filter. That it arrives is
        shown by the filter's answer; or, if the filter drops it silently, by a probe of the host over the same path,
        whose answers the filter lets in; or, if the filter drops these as well, by the neighbour that the kernel
        has resolved. For other addresses it is the same as V(reachable).
      - With V(unreachable), the probe must not be answered, for whatever RV(probes[].cause). The others are stricter.
        With V(silent), nothing answers (the causes V(silence), and V(filtered) by the namespace's own packet filter, as
        a rule with C(drop) has them). With V(rejected), the packets are refused (V(refused), V(prohibited) and
        V(port unreachable), as a rule with C(reject) has them, and a port on which nothing listens). With V(no_route),
        they do not get as far as the destination (V(no route), V(no neighbour), V(host unreachable) and
        V(network unreachable)).
      - A kernel limits the errors that it sends to one host, by default to six at once and then one in a second
        (C(net.ipv4.icmp_ratelimit)). With more probes than that with V(rejected) to one host, set a O(timeout) of as
        many seconds.
      - With V(masqueraded), what is sent to O(to) has to leave O(router) with an address of that, whether it is
        answered or not. The router's connection tracking shows it (C(conntrack -L)). Give an address that the router
        has to send on, such as one for documentation (V(192.0.2.1)). The packet ends at the first router beyond, as its
        hop limit is two. If the router has no route there, nothing is sent, and RV(not_probed) reports why.
      - A probe that cannot be sent, for instance because its namespace does not exist, is never as expected.
    type: str
    choices: [reachable, unreachable, silent, rejected, no_route, delivered, masqueraded]
    default: reachable
  timeout:
    description:
      - How long to wait for an answer, in seconds, up to V(300).
      - It is also the longest pause within an exchange over TCP.
      - A stale neighbour entry, of a link that was re-created with another MAC address, keeps an address unreachable
        for ten seconds or more. To avoid this, add a probe that starts where the address is. When its answer is late,
        the neighbour is resolved again, which updates the entry.
    type: float
    default: 2.0
  full_size:
    description:
      - Whether a second echo request must be answered, too, whose IP packet has the size of the smaller MTU of both
        ends and must not be fragmented (DF). If the far end is not on this host, it is the MTU of the near end.
      - It is sent once the first one is answered, and detects a smaller MTU between the ends, which drops larger
        packets without an error. The cause is V(large packets lost) then. A router that reports its smaller MTU is
        right.
      - Only with O(protocol=icmp), and where an answer is expected.
    type: bool
    default: false
  router:
    description:
      - The namespace that masquerades what is sent, see M(netns.fabric.nat_masquerade); if omitted, the host.
      - Only with O(expect=masqueraded).
    type: str
  out_interface:
    description:
      - The interface of O(router) that the masquerading is limited to. If the router sends to O(to) by another one,
        nothing is sent, and RV(not_probed) reports why.
      - If omitted, it may leave by any.
      - Only with O(expect=masqueraded).
    type: str
  listen:
    description:
      - Ports of this host that are to answer probes of other hosts, in place of sending probes. A process of its own
        keeps them open when the module has ended, so that the probes of other hosts find them open, with O(to) and
        O(port), and ends when its time is over.
      - It accepts connections and closes them. It answers datagrams of twenty bytes, which is the size
        of those of probes, with nineteen.
      - A port that a program listens on already is left to that.
    type: dict
    suboptions:
      name:
        description: A name of the ports. A further call with the same name closes those that the former has opened.
        type: str
        required: true
      seconds:
        description: How long the ports stay open at most, up to V(3600).
        type: int
        default: 60
      ports:
        description: The ports. With an empty list, none is opened.
        type: list
        elements: dict
        required: true
        suboptions:
          namespace:
            description: The namespace that has the address; if omitted, the host.
            type: str
          address:
            description: The address.
            type: str
            required: true
          protocol:
            description: The protocol.
            type: str
            choices: [tcp, udp]
            default: tcp
          port:
            description: The port.
            type: int
            required: true
  probes:
    # BEGIN probes (generated by tools/docs.py)
    description:
      - Several probes in one call. Each entry takes the options of the single form.
      - Mutually exclusive with the options of the single form.
    type: list
    elements: dict
    suboptions:
      namespace:
        description: The namespace that sends the probe; if omitted, the host. See O(namespace).
        type: str
      to:
        description: The IPv4 or IPv6 address that is probed. See O(to).
        type: str
        required: true
      protocol:
        description: The protocol of the probe. See O(protocol).
        type: str
        choices: [icmp, tcp, udp]
        default: icmp
      port:
        description: The TCP or UDP port of a service that listens at O(to). See O(port).
        type: int
      forwarded_to:
        description: The address that the published O(port) of O(to) leads to, see M(netns.fabric.nat_port_forward). See
          O(forwarded_to).
        type: str
      forwarded_port:
        description: The port at O(forwarded_to). See O(forwarded_port).
        type: int
      expect:
        description: The result that is expected. See O(expect).
        type: str
        choices: [reachable, unreachable, silent, rejected, no_route, delivered, masqueraded]
        default: reachable
      timeout:
        description: How long to wait for an answer, in seconds, up to V(300). See O(timeout).
        type: float
        default: 2.0
      full_size:
        description: Whether a second echo request must be answered, too, whose IP packet has the size of the smaller
          MTU of both ends and must not be fragmented (DF). See O(full_size).
        type: bool
        default: false
      router:
        description: The namespace that masquerades what is sent, see M(netns.fabric.nat_masquerade); if omitted, the
          host. See O(router).
        type: str
      out_interface:
        description: The interface of O(router) that the masquerading is limited to. See O(out_interface).
        type: str
    # END probes
notes:
  - Without O(listen), the module leaves nothing on the host but entries in the kernel's neighbour tables, and in those
    of connection tracking until they expire. Its listeners accept only connections, and answer only datagrams,
    that present the secret of the call.
  - The kernel has one neighbour table for each address family, for all namespaces together. It refuses entries beyond
    C(net.ipv4.neigh.default.gc_thresh3) and C(net.ipv6.neigh.default.gc_thresh3), which are 1024 by default. The module
    removes the entries that it no longer needs, and uses at most half of the table. Probes without an answer keep their
    entries until the timeout. If there are more of these than half of the table can hold, some 500 by default, the
    remaining ones take another timeout.
  - The kernel resolves a neighbour by a broadcast or multicast on the link, which a bridge copies to each of its ports.
    The first sixteen probes use this resolution. For further probes between two ends on this host and in one subnet,
    the module creates the neighbour entries that the resolution would give. Existing entries are left unchanged. If a
    probe gets no answer with such an entry, the neighbour is resolved by the kernel after all, so that the result is
    that of ordinary traffic.
  - A call takes about as long as the longest O(timeout) if any probe gets no answer, and a fraction of a second
    otherwise. All pairs of a hundred namespaces, 9,900 ICMP probes, take about two seconds.
seealso:
  - module: netns.fabric.veth
  - module: netns.fabric.ovs_port
  - module: netns.fabric.nat_masquerade
  - module: ansible.builtin.wait_for
  - name: arp(7)
    description: What the limits of the neighbour table mean.
    link: https://man7.org/linux/man-pages/man7/arp.7.html
  - name: raw(7)
    description: What a raw socket receives.
    link: https://man7.org/linux/man-pages/man7/raw.7.html
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
    addresses: [192.0.2.1/24, "2001:db8::1/64"]
    peer:
      name: eth0
      namespace: blue
      addresses: [192.0.2.2/24, "2001:db8::2/64"]

- name: Check that red reaches blue
  netns.fabric.reachability:
    namespace: red
    to: 192.0.2.2

- name: Check that both reach each other, by TCP and IPv6 too, and nothing else
  netns.fabric.reachability:
    probes:
      - namespace: red
        to: 192.0.2.2
        protocol: tcp
      - namespace: blue
        to: 192.0.2.1
        protocol: tcp
      - namespace: red
        to: 2001:db8::2
      - namespace: red
        to: 198.51.100.1
        expect: unreachable
  register: reachability

- name: Show the results as a table
  ansible.builtin.debug:
    var: reachability.matrix

- name: Check that the DNS server in blue is reachable from red by UDP, whether it runs already or not
  netns.fabric.reachability:
    namespace: red
    to: 192.0.2.2
    protocol: udp
    port: 53
    forwarded_to: 192.0.2.2

- name: Have blue answer on a port while another host probes it
  netns.fabric.reachability:
    listen:
      name: lab
      seconds: 300
      ports:
        - namespace: blue
          address: 192.0.2.2
          port: 7

- name: Check from here that it is open, as another host would
  netns.fabric.reachability:
    namespace: red
    to: 192.0.2.2
    protocol: tcp
    port: 7

- name: Close it
  netns.fabric.reachability:
    listen:
      name: lab
      ports: []

- name: Connect red to the host
  netns.fabric.veth:
    name: eth1
    namespace: red
    addresses: [198.18.0.2/30]
    peer:
      name: to-red
      addresses: [198.18.0.1/30]

- name: Let red send by the host
  netns.fabric.route:
    namespace: red
    destination: default
    gateway: 198.18.0.1

- name: Masquerade what red sends
  netns.fabric.nat_masquerade:
    source: 198.18.0.0/30

- name: Check that what red sends to the outside is masqueraded by the host
  netns.fabric.reachability:
    namespace: red
    to: 203.0.113.1
    expect: masqueraded

- name: Check that no service listens in blue
  netns.fabric.reachability:
    namespace: red
    to: 192.0.2.2
    protocol: tcp
    port: 80
    expect: unreachable
    timeout: 0.5
"""

RETURN = r"""
probes:
  description: The probes, in the order of the input, each with its result.
  returned: unless the options are wrong
  type: list
  elements: dict
  contains:
    namespace:
      description: The namespace that sent the probe; V(null) is the host.
      type: str
    to:
      description: The address that was probed.
      type: str
    protocol:
      description: The protocol of the probe.
      type: str
    port:
      description: The TCP or UDP port that was given.
      type: int
    expect:
      description: The result that was expected.
      type: str
    result:
      description: V(reachable), V(masqueraded), V(silent), V(rejected), V(no_route), or V(unreachable) for any other
        cause, see O(expect); V(skipped) for a probe that was not sent, as in check mode.
      type: str
    ok:
      description: Whether the result is as expected; V(null) for a probe that was not sent.
      type: bool
    round_trip_ms:
      description: The round trip time in milliseconds, for TCP that of the handshake; V(null) without an answer.
      type: float
    cause:
      description:
        - Why the address was not reached; V(null) if it was.
        - V(silence), no answer; V(no neighbour), nobody on the link answers for the address; V(no route); V(refused),
          by a TCP reset; V(large packets lost), small ones pass, see
          O(full_size); V(stalled), no more data after the connection was established; V(closed), the connection was
          closed too early; V(corrupted), the received data differ from the data sent; V(misdirected), a program answers
          that is not where the UDP port should lead to; V(filtered), by the firewall of
          the namespace itself; V(prohibited), V(host unreachable), V(network unreachable), V(port unreachable),
          V(packet too big) and V(hop limit exceeded), by a router or the destination.
        - V(no such namespace), V(no owner) (no namespace to listen in) and V(error) mean that the probe could not be
          sent.
      type: str
    detail:
      description: Details of the cause, as text.
      type: str
    answered_by:
      description:
        - The namespace whose listener answered a TCP or UDP probe, or V(the host).
        - V(null) for other probes.
      type: str
    refused_by:
      description:
        - The packet filter of the host that has refused a probe with O(expect=delivered) which has arrived, and what
          opens it.
        - V(null) for other probes.
      type: str
    skipped_because:
      description: Why a probe with O(expect=masqueraded) was not sent; V(null) for other probes.
      type: str
  sample:
    - namespace: ns01
      to: 192.168.100.254
      protocol: tcp
      port: null
      expect: reachable
      result: reachable
      ok: true
      round_trip_ms: 0.217
      cause: null
      detail: null
      answered_by: the host
      refused_by: null
      skipped_because: null
listening:
  description: The ports that stay open, as lines of text.
  returned: with O(listen)
  type: list
  elements: str
  sample: ["tcp port 7 of 192.0.2.2 (blue)"]
not_probed:
  description: The probes with O(expect=masqueraded) that were not sent, with the reason, as lines of text.
  returned: unless the options are wrong
  type: list
  elements: str
  sample:
    - "ns01 -> 192.0.2.1 masquerading was not probed: the host has no route to 192.0.2.1, such as a default route"
refused:
  description: What the host's own packet filter refuses of the probes with O(expect=delivered), and what opens it, as
    lines of text.
  returned: unless the options are wrong
  type: list
  elements: str
  sample:
    - >-
      tcp to 192.168.100.254 of the host arrives there from ns01, ns02, and the packet filter of the host refuses this:
      iptables-nft ip filter INPUT (policy drop); `ufw allow in on int_br` lets in what comes by int_br
matrix:
  description:
    - The results as lines of text, with a table for each protocol, port and address family. Rows are the namespaces
      that sent the probes, columns are the addresses.
    - With many columns there is one character for each probe, which distinguishes silence, a rejection and no route,
      and the columns are numbered.
  returned: unless the options are wrong
  type: list
  elements: str
  sample:
    - "icmp  192.168.100.1  192.168.100.2  192.168.100.254"
    - "ns01              .       0.061 ms         0.094 ms"
    - "ns02       0.058 ms              .        ! silence"
    - ""
    - "!: not as expected; .: not probed"
summary:
  description: The number of probes, in total and by result.
  returned: unless the options are wrong
  type: dict
  contains:
    probes:
      description: All probes.
      type: int
    as_expected:
      description: Probes whose result is as expected.
      type: int
    not_as_expected:
      description: Probes whose result is not as expected.
      type: int
    reachable:
      description: Probes that were answered.
      type: int
    unreachable:
      description: Probes that were not answered, including the following three.
      type: int
    silent:
      description: Probes that nothing answered.
      type: int
    rejected:
      description: Probes that were refused.
      type: int
    no_route:
      description: Probes that did not get as far as the destination.
      type: int
    masqueraded:
      description: Probes that left the router with an address of that.
      type: int
    skipped:
      description: Probes that were not sent, as in check mode.
      type: int
  sample:
    probes: 4
    as_expected: 3
    not_as_expected: 1
    reachable: 3
    unreachable: 1
    silent: 1
    rejected: 0
    no_route: 0
    masqueraded: 0
    skipped: 0
msg:
  description: The probes that are not as expected, one on each line, then the likely causes.
  returned: failure
  type: str
  sample: |-
    1 of 4 probes is not as expected:
    ns02 -> 192.168.100.254 tcp: silence (expected reachable)
    Likely cause (ns02 -> 192.168.100.254 tcp): ping works on this path but TCP does not: ...
"""

from ansible_collections.netns.fabric.plugins.module_utils._entry.reachability import run


def main() -> None:
    run()


if __name__ == "__main__":
    main()

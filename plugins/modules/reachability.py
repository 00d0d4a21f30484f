#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.reachability."""

from __future__ import annotations

DOCUMENTATION = r"""
module: reachability
short_description: Check what reaches what, from inside namespaces
version_added: 1.0.0
description:
  - Sends probes from the host and from inside network namespaces, and fails unless every one of them turns out as
    expected. The message names each leg that does not, the cause, and where it can be told what is likely behind it.
  - A V(icmp) probe is an echo request, repeated within the timeout as the first one may be lost while a neighbour is
    looked up.
  - A V(tcp) probe with a O(port) succeeds when the connection is made.
  - A V(tcp) probe without one leads to an address of the host or of a namespace with a name. The module listens there
    itself for as long as the probe lasts, sends content both ways and compares it. So it also notices what ping or the
    handshake of TCP does not, such as a broken transmit checksum, or an MTU that is too small on the way.
  - All probes are under way at the same time, in one process. No program is run, and the namespaces need nothing
    installed in them.
  - Makes one probe, or many in one pass with O(probes).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes.action_group
attributes:
  check_mode:
    support: full
    description:
      - Checks the options and sends nothing, as what an earlier task would have made may not exist yet. The probes are
        returned with the RV(probes[].result) V(skipped), and the module does not fail.
  diff_mode:
    support: none
    description: Nothing is ever changed.
  idempotent:
    support: full
    description: Nothing is ever changed.
  platform:
    support: full
    platforms: linux
    description: The operating systems that the module works on.
requirements:
  - "Linux, Python 3.9 or newer, and root on the managed host (C(become: true))"
  - pyroute2 0.7.2 or newer on the managed host
options:
  namespace:
    description: The namespace that the probe starts from; omitted, it starts from the host.
    type: str
  to:
    description:
      - The IPv4 or IPv6 address that the probe leads to.
      - Required unless O(probes) is given.
    type: str
  protocol:
    description: What is sent.
    type: str
    choices: [icmp, tcp]
    default: icmp
  port:
    description:
      - The TCP port of a service that listens at O(to).
      - Omitted with O(protocol=tcp), the module listens there itself, on a port that is free. If several namespaces
        have that address, on networks apart, it listens in all of them, and RV(probes[].answered_by) says which one it
        was.
    type: int
  expect:
    description:
      - What the probe is expected to show.
      - A probe that cannot be made, since its namespace does not exist for instance, is never as expected.
    type: str
    choices: [reachable, unreachable]
    default: reachable
  timeout:
    description:
      - How long to wait for an answer, in seconds, up to V(300). An exchange over TCP may pause for so long.
      - A stale neighbour entry, left of a link that was made anew with another MAC address, keeps an address
        unreachable for ten seconds and more. Where that is not to count, have a probe start from where the address is
        as well. One whose answer is late then has it look for its neighbour, which brings the entry up to date.
    type: float
    default: 2.0
  probes:
    description: Several probes in one pass, each with the options of a single one.
    type: list
    elements: dict
    suboptions:
      namespace:
        description: See O(namespace).
        type: str
      to:
        description: See O(to).
        type: str
        required: true
      protocol:
        description: See O(protocol).
        type: str
        choices: [icmp, tcp]
        default: icmp
      port:
        description: See O(port).
        type: int
      expect:
        description: See O(expect).
        type: str
        choices: [reachable, unreachable]
        default: reachable
      timeout:
        description: See O(timeout).
        type: float
        default: 2.0
notes:
  - Nothing is left behind but entries in the kernel's neighbour tables. A listener accepts what presents the secret of
    the call, and drops everything else.
  - The kernel has one neighbour table for each address family, for all namespaces together, and refuses entries beyond
    C(net.ipv4.neigh.default.gc_thresh3) and C(net.ipv6.neigh.default.gc_thresh3), which are 1024 unless somebody has
    raised them. The module removes the entries that it no longer needs and leaves half of the table to others.
    Probes that nobody answers keep theirs until the timeout. Where there are more of these than there is room for, some
    500 by default, the rest takes another timeout.
  - A neighbour that is not in that table is asked for by a question to all on the link, which a bridge copies to each
    of its ports. The first sixteen legs find each other so. The two ends of further legs are introduced to each other,
    where both are on this host and on one subnet, by the entries that they would have asked for. A leg that stays
    without an answer then asks as well, so that the verdict is that of ordinary traffic. An entry that is there
    already is left alone.
  - A call takes about as long as the longest O(timeout) if anything is silent, and a fraction of a second if all is
    answered. All pairs of a hundred namespaces, 9,900 probes by ICMP, take about two seconds.
seealso:
  - module: netns.fabric.veth
  - module: netns.fabric.ovs_port
  - module: netns.fabric.nat_masquerade
  - module: ansible.builtin.wait_for
  - name: arp(7)
    description: What the limits of the neighbour table mean.
    link: https://man7.org/linux/man-pages/man7/arp.7.html
"""

EXAMPLES = r"""
- name: Two namespaces
  netns.fabric.netns:
    namespaces:
      - name: red
      - name: blue

- name: One cable between them
  netns.fabric.veth:
    name: eth0
    namespace: red
    addresses: [192.0.2.1/24, "2001:db8::1/64"]
    peer:
      name: eth0
      namespace: blue
      addresses: [192.0.2.2/24, "2001:db8::2/64"]

- name: The one reaches the other
  netns.fabric.reachability:
    namespace: red
    to: 192.0.2.2

- name: Both reach each other, by TCP and IPv6 too, and nothing else
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

- name: A table for people
  ansible.builtin.debug:
    var: reachability.matrix

- name: No service listens in blue
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
  description: The probes, in their order, and what became of each.
  returned: unless the options are wrong
  type: list
  elements: dict
  contains:
    namespace:
      description: The namespace that it started from; V(null) is the host.
      type: str
    to:
      description: The address that it led to.
      type: str
    protocol:
      description: What was sent.
      type: str
    port:
      description: The port that was asked for.
      type: int
    expect:
      description: What was expected.
      type: str
    result:
      description: V(reachable) or V(unreachable), and V(skipped) in check mode.
      type: str
    ok:
      description: Whether the result is as expected; V(null) in check mode.
      type: bool
    round_trip_ms:
      description: The round trip time in milliseconds, over TCP that of the handshake; V(null) if there was no answer.
      type: float
    cause:
      description:
        - Why it was not reached; V(null) if it was.
        - V(silence), no answer; V(no neighbour), nobody on the link answers for the address; V(no route); V(refused),
          by a reset of TCP; V(stalled), the connection was made and then nothing more came through; V(closed), the
          connection was ended too early; V(corrupted), other content came than was sent; V(filtered), by the firewall
          of the namespace itself; V(prohibited), V(host unreachable), V(network unreachable), V(port unreachable),
          V(packet too big) and V(hop limit exceeded), by a router or the destination.
        - V(no such namespace), V(no owner) (there is no place to listen) and V(error) say that the probe could not be
          made.
      type: str
    detail:
      description: More about the cause, for people.
      type: str
    answered_by:
      description:
        - The namespace whose listener answered a TCP probe without a port, or V(the host).
        - V(null) for other probes.
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
matrix:
  description:
    - Who reaches what, as lines for people, with a table for each protocol, port and address family. Rows are where the
      probes started, columns where they led.
    - With many columns there is one character for each probe, and the columns are numbered.
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
  description: How many probes there were, and of which outcome.
  returned: unless the options are wrong
  type: dict
  contains:
    probes:
      description: All of them.
      type: int
    as_expected:
      description: Those that turned out as expected.
      type: int
    not_as_expected:
      description: Those that did not.
      type: int
    reachable:
      description: Those that were answered.
      type: int
    unreachable:
      description: Those that were not.
      type: int
    skipped:
      description: Those that were not sent, in check mode.
      type: int
  sample:
    probes: 4
    as_expected: 3
    not_as_expected: 1
    reachable: 3
    unreachable: 1
    skipped: 0
msg:
  description: Every leg that is not as expected, one to a line, then the likely causes.
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

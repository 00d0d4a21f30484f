#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.sequence."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sequence
short_description: Run several modules of this collection in one task
version_added: 1.0.0
description:
  - Runs state modules of this collection one after the other, in one process, and can verify the result with probes, as
    M(netns.fabric.reachability) does.
  - The result is the same as with one task for each module, in the time of one task. A task costs about half a second,
    whatever it does, and what one step has read from the kernel is not read again by the next one.
  - All steps are planned before the first one writes, each as if the earlier ones had been applied. What a later step
    refuses, for example an interface that does not exist and that no earlier step creates, changes nothing on the host,
    and the errors of all steps are reported together.
  - Check mode ends there, so it predicts the real run. Separate tasks do not see the simulated changes of each other.
  - The role P(netns.fabric.topology#role) uses this module. Where time does not matter, separate tasks are easier to
    read.
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
attributes:
  action_group:
    membership: [netns.fabric.all]
  rollback:
    support: partial
    description:
      - If one operation of a step fails, all changes made by this step are rolled back, and the module fails with the
        cause. The changes of earlier steps stay, as with separate tasks; RV(commands) and RV(diff) report them.
      - A call that is killed is not rolled back; the next run completes what it left.
      - With O(confirm) all of it is rolled back, whatever fails, and a call that is killed as well.
options:
  steps:
    description:
      - The modules to run, in this order.
      - Errors in the options of all steps, and what they would refuse on this host, are reported together, before the
        first step writes anything.
      - A step that the kernel or Open vSwitch refuses nevertheless is rolled back and ends the task. The changes of
        earlier steps stay. Steps of M(netns.fabric.ovn_switch), M(netns.fabric.ovn_router) and M(netns.fabric.ovn_acl)
        that follow each other with the same database are one transaction, all or nothing.
    type: list
    elements: dict
    required: true
    suboptions:
      module:
        description: The name of the module, without the name of the collection.
        type: str
        choices:
          [boot, isolation, link, nat_masquerade, nat_port_forward, neighbour, netns, ovn_acl, ovn_chassis,
           ovn_router, ovn_switch, ovs_bridge, ovs_flow, ovs_mirror, ovs_port, ovs_qos, policy, qdisc, route, rule,
           veth]
        required: true
      options:
        description: The options of the module. Defaults that C(module_defaults) sets for it do not apply.
        type: dict
        required: true
  probes:
    description:
      - The probes to run after the last step, with the options of O(netns.fabric.reachability#module:probes).
      - The task fails if a result is not as expected; the changes of the steps stay.
      - In check mode nothing is sent.
      - Other calls may change the host while probes run, as between two tasks.
    type: list
    elements: dict
    default: []
  confirm:
    description:
      - Has the host roll back all that this call has changed, in the reverse order, unless it is confirmed in time with
        M(netns.fabric.confirmation) over a new connection. For calls that may cut the connection to the host.
      - A process of its own applies the steps and waits. It outlives the module, the SSH session and Ansible. What it
        has done is in the host's log.
      - While it waits, other calls that may change the host are refused, in check mode as well. It holds no lock.
      - A step of M(netns.fabric.boot) is carried out with the confirmation. A host that starts again before that has
        what was stored before.
      - If a step or a probe fails, all changes of the call are rolled back at once.
      - Without it, a step that would cut the SSH connection of the call is refused, as by the modules themselves. It
        would, if it moves or deletes the link that has the address of the connection, or a link below that, sets it
        down, makes it a member of a bridge or of another master, or removes the address. Firewall rules, routes
        and VLANs are not judged.
      - If nothing was changed there is nothing to confirm.
      - In check mode nothing of it is done, but what cuts the connection is not refused.
    type: dict
    suboptions:
      seconds:
        description:
          - The seconds that the changes wait for their confirmation, 5 to 300. They start when the call has ended.
          - V(0) is as if O(confirm) was omitted.
        type: int
        required: true
      id:
        description:
          - The name by which the call is confirmed. 1 to 64 ASCII letters, digits, V(.), V(_) and V(-).
          - A caller that chooses it can confirm a call whose result was lost with the connection.
          - If omitted, it is a random one, see RV(confirmation.id).
        type: str
seealso:
  - module: netns.fabric.confirmation
  - module: netns.fabric.netns
  - module: netns.fabric.veth
  - module: netns.fabric.isolation
  - module: netns.fabric.link
  - module: netns.fabric.qdisc
  - module: netns.fabric.route
  - module: netns.fabric.rule
  - module: netns.fabric.neighbour
  - module: netns.fabric.ovs_bridge
  - module: netns.fabric.ovs_port
  - module: netns.fabric.ovs_flow
  - module: netns.fabric.ovs_mirror
  - module: netns.fabric.ovs_qos
  - module: netns.fabric.ovn_chassis
  - module: netns.fabric.ovn_switch
  - module: netns.fabric.ovn_router
  - module: netns.fabric.ovn_acl
  - module: netns.fabric.nat_masquerade
  - module: netns.fabric.nat_port_forward
  - module: netns.fabric.policy
  - module: netns.fabric.boot
  - module: netns.fabric.reachability
"""

EXAMPLES = r"""
- name: Create two namespaces and a veth pair between them, and verify that it carries traffic
  netns.fabric.sequence:
    steps:
      - module: netns
        options:
          namespaces: [{name: red}, {name: blue}]
          owner: lab
          prune: true
      - module: veth
        options:
          pairs:
            - name: eth0
              namespace: red
              addresses: [192.0.2.1/24]
              peer: {name: eth0, namespace: blue, addresses: [192.0.2.2/24]}
          owner: lab
          prune: true
    probes:
      - {namespace: red, to: 192.0.2.2}
      - {namespace: blue, to: 192.0.2.1, protocol: tcp}
"""

RETURN = r"""
commands:
  # BEGIN commands (generated by tools/docs.py)
  description: The equivalent shell commands, in order. Run in a shell on the same host before the call, they have the
    same result.
  returned: success, and failure of a step or probe
  type: list
  elements: str
  # END commands
  sample:
    - ip netns add red
    - ip -n red link set dev lo up
diff:
  # BEGIN diff (generated by tools/docs.py)
  description: The objects that change, each with the attributes that change, before and after.
  returned: success, and failure of a step or probe
  type: list
  elements: dict
  # END diff
  sample:
    - before_header: namespace red
      after_header: namespace red
      before: ""
      after: "loopback: up\n"
steps:
  description: The steps, each with its module, whether it changed anything, and the further return values of the
    module.
  returned: success
  type: list
  elements: dict
  sample:
    - module: netns
      changed: true
    - module: veth
      changed: false
confirmation:
  description: The confirmation that the call waits for.
  returned: success with O(confirm), if something was changed
  type: dict
  contains:
    id:
      description: The name by which M(netns.fabric.confirmation) confirms the call.
      type: str
      sample: 9b1c0f2e5d7a4c36
    seconds:
      description: The seconds after which the host rolls it back otherwise.
      type: int
      sample: 60
matrix:
  description: The results of the probes as lines of text, see RV(netns.fabric.reachability#module:matrix).
  returned: with O(probes), unless a step has failed
  type: list
  elements: str
  sample:
    - "icmp  192.0.2.2"
    - "red    0.061 ms"
    - ""
    - "tcp   192.0.2.1"
    - "blue   0.058 ms"
    - ""
    - "!: not as expected; .: not probed"
summary:
  description: The number of probes, in total and by result, see RV(netns.fabric.reachability#module:summary).
  returned: with O(probes), unless a step has failed
  type: dict
  sample:
    probes: 2
    as_expected: 2
    not_as_expected: 0
    reachable: 2
    unreachable: 0
    silent: 0
    rejected: 0
    no_route: 0
    masqueraded: 0
    skipped: 0
not_probed:
  description: The probes that were not sent, see RV(netns.fabric.reachability#module:not_probed).
  returned: with O(probes), unless a step has failed
  type: list
  elements: str
  sample: []
refused:
  description: What the host's own packet filter refuses of the probes, see
    RV(netns.fabric.reachability#module:refused).
  returned: with O(probes), unless a step has failed
  type: list
  elements: str
  sample: []
"""

from ansible_collections.netns.fabric.plugins.module_utils._entry.sequence import run


def main() -> None:
    run()


if __name__ == "__main__":
    main()

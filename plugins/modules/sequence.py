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
  - Runs modules that manage something, one after the other, in one process. It does what as many tasks would do, in the
    same order and with the same result, in the time of one. After the last of them it can probe what they have made, as
    M(netns.fabric.reachability) does.
  - Each further task costs about half a second, whatever it has to do. What one step has read of the kernel the next
    one need not read again.
  - In check mode each step takes what the steps before it would have made or removed for made and removed, which tasks
    of their own cannot know of each other.
  - The role P(netns.fabric.topology#role) uses it. Where the time does not matter, tasks of their own read better.
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
options:
  steps:
    description:
      - What to run, in this order. Mistakes in the options of any step are told before the first one writes.
      - A step that fails leaves nothing of its own on the host, and ends the task. What the steps before it have done
        stays, as it would with a task for each; RV(commands) and RV(diff) have it.
      - Processes that keep M(netns.fabric.netns) from removing a namespace are told before the first step writes too.
    type: list
    elements: dict
    required: true
    suboptions:
      module:
        description: The module, without the name of the collection.
        type: str
        choices: [link, nat_masquerade, nat_port_forward, netns, ovs_bridge, ovs_port, route, veth]
        required: true
      options:
        description: The module's options. Defaults that C(module_defaults) sets for the module do not count here.
        type: dict
        required: true
  probes:
    description:
      - What to probe once all steps are done, each with the options that an entry of
        O(netns.fabric.reachability#module:probes) has. The task fails if one is not as expected; what the steps have
        done stays.
      - In check mode nothing is sent.
      - Other calls may change the host again while probes are under way, as they may between two tasks.
    type: list
    elements: dict
    default: []
seealso:
  - module: netns.fabric.netns
  - module: netns.fabric.veth
  - module: netns.fabric.link
  - module: netns.fabric.route
  - module: netns.fabric.ovs_bridge
  - module: netns.fabric.ovs_port
  - module: netns.fabric.nat_masquerade
  - module: netns.fabric.nat_port_forward
  - module: netns.fabric.reachability
"""

EXAMPLES = r"""
- name: Two namespaces and a cable between them, which carries traffic
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
  description: The equivalent shell lines, in order; pasted into a shell on the same host they give the same result.
  returned: always
  type: list
  elements: str
  sample:
    - ip netns add red
    - ip -n red link set dev lo up
diff:
  description: For every object that changes, its attributes before and after.
  returned: always
  type: list
  elements: dict
  sample:
    - before_header: namespace red
      after_header: namespace red
      before: ""
      after: "loopback: up\n"
steps:
  description: For every step its module, whether it has changed something, and what else the module returns.
  returned: success
  type: list
  elements: dict
  sample:
    - module: netns
      changed: true
    - module: veth
      changed: false
matrix:
  description: Who reaches what, as RV(netns.fabric.reachability#module:matrix) of M(netns.fabric.reachability) has it.
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
  description:
    - How many probes there were, and of which outcome, as RV(netns.fabric.reachability#module:summary) of
      M(netns.fabric.reachability) has it.
  returned: with O(probes), unless a step has failed
  type: dict
  sample:
    probes: 2
    as_expected: 2
    not_as_expected: 0
    reachable: 2
    unreachable: 0
    skipped: 0
"""

from ansible_collections.netns.fabric.plugins.module_utils._entry.sequence import run


def main() -> None:
    run()


if __name__ == "__main__":
    main()

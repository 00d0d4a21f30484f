#!/usr/bin/python
# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.netns."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netns
short_description: Manage named network namespaces
version_added: 1.0.0
description:
  - Creates and removes network namespaces with a name in C(/run/netns), as C(ip netns) does, and sets what belongs to a
    namespace as a whole, which is its resolver and its kernel parameters.
  - A new namespace has its loopback up.
  - Manages one namespace, or many in one pass with O(namespaces).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
  - netns.fabric.state_module
requirements:
  - pyroute2 0.7.2 or newer on the managed host
options:
  name:
    description:
      - The namespace's name, which is a file name in C(/run/netns).
      - Required unless O(namespaces) is given.
    type: str
  nameservers:
    description:
      - Addresses of the name servers that programs inside use, written to C(/etc/netns/NAME/resolv.conf), which
        C(ip netns exec) puts in the place of C(/etc/resolv.conf).
      - A file of somebody else's is kept beside it and comes back when the namespace is removed.
      - An empty list takes the name servers out of the file. Omitted, they stay as they are.
    type: list
    elements: str
  search:
    description:
      - The domains in which short host names are looked up, in the same file.
      - An empty list takes them out. Omitted, they stay as they are.
    type: list
    elements: str
  sysctls:
    description:
      - Kernel parameters below C(net.) with the values that they are to have inside the namespace.
      - V(null) leaves a parameter alone. Parameters that are not named are never touched.
    type: dict
  force:
    description:
      - With O(state=absent), removes the namespace though there are processes inside, and takes its links away from
        them.
      - Without it, processes inside make the module fail, and the message lists them.
    type: bool
    default: false
  state:
    description:
      - V(present) has the namespace exist. A plain file in its place, which a crash or a killed program leaves, is
        replaced.
      - V(absent) removes it, with the resolver's file if that is ours, and waits until the kernel has destroyed what
        was inside. A physical device inside returns to the host.
    type: str
    choices: [present, absent]
    default: present
  namespaces:
    description: Several namespaces in one pass, each with the options of a single one.
    type: list
    elements: dict
    suboptions:
      name:
        description: See O(name).
        type: str
        required: true
      nameservers:
        description: See O(nameservers).
        type: list
        elements: str
      search:
        description: See O(search).
        type: list
        elements: str
      sysctls:
        description: See O(sysctls).
        type: dict
      force:
        description: See O(force).
        type: bool
        default: false
      state:
        description: See O(state).
        type: str
        choices: [present, absent]
        default: present
notes:
  - The mark of O(owner) is the alias of the namespace's loopback. An existing namespace that bears nobody's mark is
    taken over only if it is bare (nothing in it but the loopback), which is what a killed run leaves; any other is
    used and left to whoever made it.
  - IPv4 forwarding is a parameter of a namespace too, C(net.ipv4.ip_forward).
seealso:
  - module: netns.fabric.veth
  - module: netns.fabric.link
  - module: netns.fabric.route
  - name: ip-netns(8)
    description: What a named network namespace is.
    link: https://man7.org/linux/man-pages/man8/ip-netns.8.html
"""

EXAMPLES = r"""
- name: A namespace
  netns.fabric.netns:
    name: red

- name: Two router namespaces with forwarding on, and their own resolver
  netns.fabric.netns:
    namespaces:
      - name: router1
        sysctls:
          net.ipv4.ip_forward: 1
        nameservers: [192.0.2.53]
      - name: router2
        sysctls:
          net.ipv4.ip_forward: 1
          net.ipv6.conf.all.forwarding: 1
    owner: lab

- name: Exactly these namespaces bear the mark of the lab
  netns.fabric.netns:
    namespaces:
      - name: router1
    owner: lab
    prune: true

- name: A namespace is gone, whatever runs in it
  netns.fabric.netns:
    name: red
    state: absent
    force: true
"""

RETURN = r"""
commands:
  description: The equivalent shell lines, in order; pasted into a shell on the same host they give the same result.
  returned: success
  type: list
  elements: str
  sample:
    - ip netns add red
    - ip -n red link set dev lo up
diff:
  description: For every namespace that changes, its attributes before and after.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: namespace red
      after_header: namespace red
      before: ""
      after: "loopback: up\n"
"""

from ansible_collections.netns.fabric.plugins.module_utils._core.runner import run
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns import NamespaceResource


def main() -> None:
    run(NamespaceResource())


if __name__ == "__main__":
    main()

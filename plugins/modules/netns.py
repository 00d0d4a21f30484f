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
  - Creates and deletes network namespaces with a name in C(/run/netns), as C(ip netns) does.
  - Sets what belongs to a namespace as a whole, which is its resolver configuration and its kernel parameters.
  - The loopback of a new namespace is up.
  - Manages one namespace, or many in one call with O(namespaces).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
  - netns.fabric.state_module
attributes:
  action_group:
    membership: [netns.fabric.all, netns.fabric.state]
requirements:
  - pyroute2 0.7.2 or newer on the managed host
options:
  name:
    description:
      - The name of the namespace, which is a file name in C(/run/netns).
      - Required unless O(namespaces) is given.
    type: str
  nameservers:
    description:
      - The addresses of the name servers that programs in the namespace use.
      - They are written to C(/etc/netns/NAME/resolv.conf), which C(ip netns exec) mounts over C(/etc/resolv.conf).
      - A file that other software has written is kept as C(/etc/netns/.resolv.conf.before-netns.fabric/NAME), and
        restored when the namespace is deleted.
      - An empty list removes the name servers from the file. If omitted, they are left unchanged.
    type: list
    elements: str
  search:
    description:
      - The domains in which short host names are looked up.
      - They are written to the same file as O(nameservers).
      - An empty list removes them from the file. If omitted, they are left unchanged.
    type: list
    elements: str
  sysctls:
    description:
      - Kernel parameters below C(net.), each with its value in the namespace.
      - V(null) leaves a parameter unchanged, and so do parameters that are not listed.
      - A parameter of one link, such as C(net.ipv4.conf.eth0.rp_filter), is set once the link exists; until then there
        is a warning. A dot in the link's name is written as a slash, as in C(net.ipv4.conf.eth0/10.rp_filter). The
        option C(sysctls) of M(netns.fabric.veth) and M(netns.fabric.link) sets it together with the link.
      - A parameter that only the host's own namespace may set, such as C(net.core.rmem_max), and a value that the
        kernel does not accept are refused before anything is changed. So is C(net.netfilter.nf_hooks_lwtunnel), which
        holds for the whole host in whichever namespace it is set.
    type: dict
  hosts:
    description:
      - Names that programs in the namespace resolve without a name server. Each name has an address, or a list of
        addresses, of both IP versions if need be.
      - They hold for every namespace of the call, and are written to C(/etc/netns/NAME/hosts), which C(ip netns exec)
        mounts over C(/etc/hosts), in a block that is marked with O(owner). Lines outside the block are left unchanged.
      - The block has the lines of the host's C(/etc/hosts) too, unless the rest of the file has C(localhost).
      - An empty dictionary removes the block. If omitted, it is left unchanged.
    type: dict
  host_sysctls:
    description:
      - Kernel parameters of the host itself below C(net.), each with its value. For those of a link, see O(sysctls) of
        M(netns.fabric.link).
      - With O(owner), what a parameter was before is recorded in C(/run/netns.fabric/sysctls.json), until the host
        starts again. V(null) restores it, and so does O(prune) with what is not listed; but not if somebody else has
        set the parameter since, and not the forwarding of the whole host, on which other software may depend, nor a
        C(stable_secret) that was unset, as the kernel cannot unset it.
      - A parameter to which another owner has given another value is refused.
      - If omitted, the parameters are left unchanged.
    type: dict
  force:
    description:
      - Whether O(state=absent) deletes the namespace although processes run in it. Its links are deleted as well.
      - With V(false), processes in the namespace make the module fail, and the message lists them.
    type: bool
    default: false
  state:
    description:
      - Whether the namespace exists.
      - With V(present), a plain file in its place, which a crash or a killed program leaves, is replaced.
      - V(absent) deletes it, with the resolver configuration that this module wrote, and waits until the kernel has
        destroyed its links. A physical device, and a link that M(netns.fabric.link) moved into the namespace, returns
        to the host as it was there. If another link of the host has its name, it gets that name with a number, and the
        module warns.
    type: str
    choices: [present, absent]
    default: present
  namespaces:
    # BEGIN namespaces (generated by tools/docs.py)
    description:
      - Several namespaces in one call. Each entry takes the options of the single form.
      - Mutually exclusive with the options of the single form.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the namespace, which is a file name in C(/run/netns). See O(name).
        type: str
        required: true
      nameservers:
        description: The addresses of the name servers that programs in the namespace use. See O(nameservers).
        type: list
        elements: str
      search:
        description: The domains in which short host names are looked up. See O(search).
        type: list
        elements: str
      sysctls:
        description: Kernel parameters below C(net.), each with its value in the namespace. See O(sysctls).
        type: dict
      force:
        description: Whether O(state=absent) deletes the namespace although processes run in it. See O(force).
        type: bool
        default: false
      state:
        description: Whether the namespace exists. See O(state).
        type: str
        choices: [present, absent]
        default: present
    # END namespaces
notes:
  - Where the C(hosts) line of the host's C(/etc/nsswitch.conf) asks a daemon of the host, as C(resolve) does, programs
    in a namespace would have the names of the host's network. A namespace for which this module writes name servers,
    search domains or O(hosts) then gets C(/etc/netns/NAME/nsswitch.conf), with C(files) and C(dns) only in that line.
  - The owner is stored in the alias of the namespace's loopback.
  - An existing namespace without an owner is adopted only if it is empty, with no link but the loopback and no address,
    which is what a killed run leaves. Any other existing namespace is used and stays without this owner.
  - A namespace is used under the name that is listed, and only once. A further name in C(/run/netns) that other
    programs have given it, such as C(ip netns attach), stays. A name of the host's own namespace is refused.
  - A file in C(/run/netns) that is not a namespace is replaced where it is listed, and ignored otherwise. A directory
    is refused.
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
- name: Create a namespace
  netns.fabric.netns:
    name: red

- name: Create two router namespaces with forwarding and a resolver configuration
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

- name: Let the programs in two namespaces find each other by name
  netns.fabric.netns:
    namespaces:
      - name: web
      - name: db
    hosts:
      web: 10.1.0.1
      db: [10.1.0.2, "fd00:1::2"]
    owner: lab

- name: Delete all other namespaces of the owner lab
  netns.fabric.netns:
    namespaces:
      - name: router1
    owner: lab
    prune: true

- name: Delete a namespace, even if processes run in it
  netns.fabric.netns:
    name: red
    state: absent
    force: true
"""

RETURN = r"""
commands:
  # BEGIN commands (generated by tools/docs.py)
  description: The equivalent shell commands, in order. Run in a shell on the same host before the call, they have the
    same result.
  returned: success
  type: list
  elements: str
  # END commands
  sample:
    - ip netns add red
    - ip -n red link set dev lo up
diff:
  # BEGIN diff (generated by tools/docs.py)
  description: The objects that change, each with the attributes that change, before and after.
  returned: success
  type: list
  elements: dict
  # END diff
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

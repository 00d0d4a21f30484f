# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The become plugin netns; the command line that it gives is built in module_utils, apart from Ansible."""

from __future__ import annotations

DOCUMENTATION = r"""
name: netns
author:
  - netns.fabric contributors (@netns-fabric)
version_added: 1.0.0
short_description: Run tasks inside a network namespace of the managed host
description:
  - Any module of any collection runs inside a network namespace of the managed host, over any connection that takes
    become plugins (V(ssh), V(local), V(docker) and others). Its sockets, links, addresses and routes are then those
    of the namespace.
  - Uses C(ip netns exec), so that the files in C(/etc/netns/NAME/) are in effect (C(resolv.conf), C(hosts)), and
    C(sudo) where the login is not root. The managed host needs iproute2; for O(become_user) it needs C(runuser) of
    util-linux.
  - A namespace that does not exist fails the task with a message that says so.
notes:
  - Ansible's own become options keep their meaning, as with P(ansible.builtin.sudo#become). With C(ansible_become)
    and C(ansible_become_method) among a host's variables, every task of that host runs inside; the inventory plugin
    P(netns.fabric.topology#inventory) makes such a host of each namespace.
  - Files, processes, users and packages are the host's. C(ip netns exec) gives the command mounts of its own, so that
    what a task mounts is gone after it, and a C(/sys) of the namespace without what is mounted below it
    (C(/sys/fs/cgroup)).
  - A service that a task starts by its init system runs outside, because it is the init system that starts it.
  - Action plugins that work on the controller (M(ansible.builtin.debug), M(ansible.builtin.set_fact)) do not enter a
    namespace, nor does copying files to the host, and with C(delegate_to) the other host's variables count.
  - Copying the table of mounts costs 4 to 10 ms a task on a host with hundreds of namespaces.
options:
  namespace:
    description:
      - The namespace's name, as C(ip netns) lists it. Without one, the task fails.
    type: str
    vars:
      - name: ansible_netns
    env:
      - name: ANSIBLE_NETNS
    ini:
      - section: netns_become_plugin
        key: namespace
  become_user:
    description:
      - Who runs the task inside the namespace. Root, if it is not set.
    type: str
    vars:
      - name: ansible_become_user
    env:
      - name: ANSIBLE_BECOME_USER
    ini:
      - section: privilege_escalation
        key: become_user
      - section: netns_become_plugin
        key: user
    keyword:
      - name: become_user
  become_exe:
    description:
      - C(sudo), by which a login other than root becomes root. Root does not need it.
    type: str
    default: sudo
    vars:
      - name: ansible_become_exe
    env:
      - name: ANSIBLE_BECOME_EXE
    ini:
      - section: privilege_escalation
        key: become_exe
      - section: netns_become_plugin
        key: executable
    keyword:
      - name: become_exe
  become_flags:
    description:
      - Options for O(become_exe). With O(become_pass), C(-n) is left out.
    type: str
    default: -H -S -n
    vars:
      - name: ansible_become_flags
    env:
      - name: ANSIBLE_BECOME_FLAGS
    ini:
      - section: privilege_escalation
        key: become_flags
      - section: netns_become_plugin
        key: flags
    keyword:
      - name: become_flags
  become_pass:
    description:
      - The password for O(become_exe), if it asks for one.
    type: str
    vars:
      - name: ansible_become_password
      - name: ansible_become_pass
    env:
      - name: ANSIBLE_BECOME_PASS
    ini:
      - section: netns_become_plugin
        key: password
seealso:
  - plugin: netns.fabric.topology
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Make a namespace on each host
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: A namespace
      netns.fabric.netns:
        name: ns01

- name: Run two tasks inside it
  hosts: all
  gather_facts: false
  become: true
  become_method: netns.fabric.netns
  vars:
    ansible_netns: ns01
  tasks:
    - name: Look at the namespace's links and addresses
      ansible.builtin.setup:
        gather_subset: [network]

    - name: Look who listens there
      ansible.builtin.command:
        argv: [ss, --tcp, --udp, --listening]
      changed_when: false
"""

import shlex
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.become import BecomeBase

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import namespace_name
from ansible_collections.netns.fabric.plugins.plugin_utils._become.command_line import ROOT, Sudo, command_line


class _UserInside(str):
    """The user inside a namespace, who is never the same as the user at the login.

    Where both have one name Ansible leaves become out, and the task would run outside of the namespace. It asks with
    ``!=`` there, and with ``in`` where it asks for the rights to files, in which they are the same.
    """

    __slots__ = ()

    def __ne__(self, other: object) -> bool:
        return True


class BecomeModule(BecomeBase):  # type: ignore[misc]  # ansible-core is untyped
    """What Ansible looks for."""

    name = "netns.fabric.netns"

    # What sudo says to a wrong password, and where it would have to ask for one and may not.
    fail = ("Sorry, try again.",)
    missing = ("Sorry, a password is required to run sudo", "sudo: a password is required")

    def get_option(self, option: str, hostvars: Any = None, playcontext: Any = None) -> Any:
        """Return an option's value; see BecomeBase."""
        value = super().get_option(option, hostvars=hostvars, playcontext=playcontext)
        return _UserInside(value) if option == "become_user" and value else value

    def build_become_command(self, cmd: str, shell: Any) -> str:
        """Return what to run so that ``cmd`` runs inside the namespace.

        :raises AnsibleError: if the namespace's name cannot be one.
        """
        super().build_become_command(cmd, shell)
        if not cmd:
            return cmd
        given = self.get_option("namespace")
        if given is None:
            raise AnsibleError(
                "the namespace to run in is not named; set the variable ansible_netns, for instance to 'ns01'"
            )
        try:
            namespace = namespace_name(given)
        except ValueError as error:
            raise AnsibleError(f"ansible_netns, the namespace to run in: {error}") from None
        self.prompt = f"[sudo via ansible, key={self._id}] password:" if self.get_option("become_pass") else ""
        sudo = Sudo(
            executable=self.get_option("become_exe") or "sudo",
            flags=tuple(shlex.split(self.get_option("become_flags") or "")),
            prompt=self.prompt,
        )
        return command_line(
            namespace,
            self._build_success_command(cmd, shell),
            success=self.success,
            user=str(self.get_option("become_user") or ROOT),
            sudo=sudo,
        )

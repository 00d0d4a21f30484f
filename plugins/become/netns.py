# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The become plugin netns; the command line is built in plugin_utils, independent of Ansible."""

from __future__ import annotations

DOCUMENTATION = r"""
name: netns
author:
  - netns.fabric contributors (@netns-fabric)
version_added: 1.0.0
short_description: Run tasks inside a network namespace of the managed host
description:
  - Any module of any collection runs inside a network namespace of the managed host, over any connection that supports
    become plugins (V(ssh), V(local), V(docker) and others). It then has the sockets, links, addresses and routes of the
    namespace.
  - Uses C(ip netns exec), so that the files in C(/etc/netns/NAME/) (C(resolv.conf), C(hosts)) take effect, and C(sudo)
    if the login is not root. The managed host needs iproute2 (C(ip) of busybox has no namespaces); for another
    O(become_user) than root it also needs C(runuser) of util-linux. Both are searched in the system's directories, not
    in C(PATH).
  - If the namespace does not exist, the task fails with a message that says so.
notes:
  - Ansible's own become options keep their meaning, as with P(ansible.builtin.sudo#become). With C(ansible_become)
    and C(ansible_become_method) among a host's variables, every task of that host runs inside; the inventory plugin
    P(netns.fabric.topology#inventory) adds such a host for each namespace.
  - Files, processes, users and packages are the host's. C(ip netns exec) gives the command its own mount namespace, so
    that what a task mounts is unmounted when it ends. In it, C(/sys) is that of the network namespace, without what is
    mounted below it on the host (C(/sys/fs/cgroup)).
  - A service that a task starts with the init system runs outside the namespace, because the init system starts it.
  - Action plugins that run on the controller (M(ansible.builtin.debug), M(ansible.builtin.set_fact)) do not enter a
    namespace, and copying files to the host does not either. With C(delegate_to), the other host's variables are used.
  - Copying the table of mounts costs 4 to 10 ms per task on a host with hundreds of namespaces.
options:
  namespace:
    description:
      - The namespace's name, as C(ip netns) lists it. Required; if it is not set, the task fails.
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
      - The user who runs the task inside the namespace. C(~) in paths and the files of asynchronous tasks are in this
        user's home directory.
    type: str
    default: root
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
      - The C(sudo) command by which a login other than root becomes root. It is not used if the login is root.
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
      - Options for O(become_exe). If O(become_pass) is set, C(-n) (never ask for a password) is removed from them.
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
      - The password for O(become_exe). If omitted, no password is sent, and C(sudo) must not ask for one.
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
- name: Create a namespace on each host
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: Create the namespace
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
    - name: Gather the namespace's links and addresses as facts
      ansible.builtin.setup:
        gather_subset: [network]

    - name: List its listening sockets
      ansible.builtin.command:
        argv: [ss, --tcp, --udp, --listening]
      changed_when: false
"""

import shlex
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.become import BecomeBase

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import namespace_name
from ansible_collections.netns.fabric.plugins.plugin_utils._become.command_line import Sudo, command_line


class _UserInside(str):
    """The user inside a namespace, who always differs from the user of the login.

    Where both have the same name, Ansible does not use become, and the task would run outside the namespace. There it
    compares them with ``!=``; for access to files it compares with ``in``, where they are the same.
    """

    __slots__ = ()

    def __ne__(self, other: object) -> bool:
        return True


class BecomeModule(BecomeBase):  # type: ignore[misc]  # ansible-core is untyped
    """The become plugin, for Ansible."""

    name = "netns.fabric.netns"

    # The messages of sudo for a wrong password, and where it needs one and must not ask for it.
    fail = ("Sorry, try again.",)
    missing = ("Sorry, a password is required to run sudo", "sudo: a password is required")

    def get_option(self, option: str, hostvars: Any = None, playcontext: Any = None) -> Any:
        """Return an option's value; see BecomeBase."""
        value = super().get_option(option, hostvars=hostvars, playcontext=playcontext)
        return _UserInside(value) if option == "become_user" and value else value

    def build_become_command(self, cmd: str, shell: Any) -> str:
        """Return the command line that runs ``cmd`` inside the namespace.

        Raises:
            AnsibleError: If the namespace's name is not set or invalid.
        """
        super().build_become_command(cmd, shell)
        if not cmd:
            return cmd
        given = self.get_option("namespace")
        if given is None:
            raise AnsibleError(
                "ansible_netns: is not set; set it to the name of the namespace to run in, for instance 'ns01'"
            )
        try:
            namespace = namespace_name(given)
        except ValueError as error:
            raise AnsibleError(f"ansible_netns: {error}") from None
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
            user=str(self.get_option("become_user")),
            sudo=sudo,
        )

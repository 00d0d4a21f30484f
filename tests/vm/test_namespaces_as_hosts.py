# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of a machine as hosts of the inventory, over ssh as a login that becomes root by sudo."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.lab import Lab

INVENTORY = """
plugin: netns.fabric.topology
hosts: [fabric]
"""
PLAY = """
- name: Work in the namespaces
  hosts: namespaces
  gather_facts: true
  tasks:
    - name: Compare the facts with the namespace
      ansible.builtin.assert:
        that: ansible_facts.interfaces | sort == ['lo', 'veth-' ~ ansible_netns]

    - name: Write a page
      ansible.builtin.copy:
        content: "from {{ ansible_netns }}"
        dest: /run/page-{{ ansible_netns }}
        mode: "0644"

    - name: Ensure that a package is installed
      ansible.builtin.package:
        name: iproute2
        state: present
      throttle: 1  # the namespaces of a host share its database of packages, which one of them locks

    - name: Ensure that a service runs
      ansible.builtin.service:
        name: dbus
        state: started

    - name: Serve the page
      ansible.builtin.command:
        argv: [python3, -m, http.server, --directory, /run, "8080"]
      async: 3600
      poll: 0
      changed_when: false  # Nothing of the host is changed.

    - name: Work in the background and wait for it
      ansible.builtin.command:
        argv: [sleep, "1"]
      async: 120
      poll: 2
      changed_when: false  # Nothing of the host is changed.

    - name: Fetch the page of the other namespace
      ansible.builtin.uri:
        url: "http://{{ {'ns01': '192.168.100.2', 'ns02': '192.168.100.1'}[ansible_netns] }}:8080/page-{{ other }}"
        return_content: true
      register: fetched
      until: fetched is succeeded
      retries: 20
      failed_when: fetched.content | default('') != 'from ' ~ other
      vars:
        other: "{{ {'ns01': 'ns02', 'ns02': 'ns01'}[ansible_netns] }}"
"""


@long
def test_modules_run_in_the_namespaces(built_lab: Lab, tmp_path: Path) -> None:
    inventory, play = tmp_path / "all.netns.yml", tmp_path / "play.yml"
    inventory.write_text(INVENTORY, encoding="utf-8")
    play.write_text(PLAY, encoding="utf-8")
    played = built_lab.play(play, "--inventory", str(inventory))
    assert "ns01.fabric" in played.output
    assert "ns02.fabric" in played.output

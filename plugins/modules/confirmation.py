#!/usr/bin/python

# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module netns.fabric.confirmation."""

from __future__ import annotations

DOCUMENTATION = r"""
module: confirmation
short_description: Confirm a run, or roll it back at once
version_added: 1.0.0
description:
  - Decides about a run of M(netns.fabric.sequence) with O(netns.fabric.sequence#module:confirm), which the host rolls
    back on its own unless it is confirmed in time.
  - A confirmation shows that the host can be reached as before, so it has to come over a new connection. One that comes
    by the SSH connection of the run itself is refused. Over other connections than SSH that is not checked.
  - The role P(netns.fabric.topology#role) confirms its own runs with C(topology_confirm).
author:
  - netns.fabric contributors (@netns-fabric)
extends_documentation_fragment:
  - netns.fabric.attributes
  - netns.fabric.attributes.action_group
attributes:
  action_group:
    membership: [netns.fabric.all]
  diff_mode:
    support: none
    description: The run has returned what it changed.
  idempotent:
    support: partial
    description: Rolling back is idempotent. A run can be confirmed once.
  rollback:
    support: full
options:
  id:
    description:
      - The run that the decision is about, RV(netns.fabric.sequence#module:confirmation.id). While another one waits,
        the module fails.
      - If omitted, it is the run that waits, of which a host has one at a time.
    type: str
  state:
    description:
      - V(confirmed) keeps what the run has changed. The module fails if the run was rolled back, because no
        confirmation came in time or for another reason, and returns that reason; or if no run waits.
      - V(rolled_back) rolls the run back at once, instead of at the end of its time. Without a run that waits it
        changes nothing. The module fails if something could not be undone.
    type: str
    choices: [confirmed, rolled_back]
    default: confirmed
notes:
  - What the process that waits has done is in the host's log, for example C(journalctl -t netns-fabric).
seealso:
  - module: netns.fabric.sequence
  - ref: ansible_collections.netns.fabric.docsite.confirmation
    description: The guide.
"""

EXAMPLES = r"""
- name: Create a namespace, which is removed again in half a minute unless the host answers as before
  netns.fabric.sequence:
    steps:
      - module: netns
        options: {name: red}
    confirm:
      seconds: 30
  register: result

- name: Close the connection, so that the next task has a new one
  ansible.builtin.meta: reset_connection

- name: Keep the changes
  netns.fabric.confirmation:
    id: "{{ result.confirmation.id }}"
  when: result.confirmation is defined

- name: Roll back a run that still waits
  netns.fabric.confirmation:
    state: rolled_back
"""

RETURN = r"""
"""

from ansible_collections.netns.fabric.plugins.module_utils._entry.confirmation import run


def main() -> None:
    run()


if __name__ == "__main__":
    main()

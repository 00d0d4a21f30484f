# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The attributes of the modules: check mode, diff, rollback, what they run on."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    support: full
    description:
      - Writes nothing, and returns the same RV(ignore:changed), RV(ignore:diff) and RV(ignore:commands) as a run with
        the same options. What the kernel or Open vSwitch would refuse is refused.
      - An object that an earlier task would have created (a namespace, a bridge, a link) is assumed to exist, with a
        warning.
  diff_mode:
    support: full
    description: Returns the attributes that change of every object, before and after, in check mode as well.
  idempotent:
    support: full
    description: A second run with the same options makes no changes; every attribute of existing objects is compared.
  rollback:
    support: full
    description:
      - If one operation fails, all changes made by the call are rolled back, and the module fails with the cause. If a
        change cannot be undone, the message says which.
      - A call that is killed is not rolled back; the next run completes what it left.
  platform:
    support: full
    platforms: linux
    description: The operating systems that the module runs on.
requirements:
  - Linux and Python 3.9 or newer on the managed host
  - root on the managed host (C(become))
"""

    ACTION_GROUP = r"""
options: {}
attributes:
  action_group:
    support: full
    description:
      - The groups by which C(module_defaults) sets options for this module, for example C(group/netns.fabric.state).
      - A group sets an option for all its modules, and a module fails if it has no such option. So each group is for
        the options that its modules share.
      - The modules of C(netns.fabric.state) share C(owner), those of C(netns.fabric.ovs) C(database) and C(timeout),
        those of C(netns.fabric.ovn) the C(database) of OVN, C(private_key), C(certificate), C(ca_certificate) and
        C(timeout), and those of C(netns.fabric.nat) C(backend). C(netns.fabric.all) has all modules, which share no
        option.
"""

    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: N/A
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
"""

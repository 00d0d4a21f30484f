# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all state modules promise."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    support: full
    description:
      - Writes nothing, and returns the same RV(ignore:changed), RV(ignore:diff) and RV(ignore:commands) as the run that
        would follow.
      - What does not exist yet but would have been made by an earlier task (a namespace, a bridge, a link) is taken as
        there; a warning says so.
  diff_mode:
    support: full
    description: Returns what becomes of every object that changes, in check mode too.
  idempotent:
    support: full
    description: A second run with the same options changes nothing, every attribute of an existing object counted.
  platform:
    support: full
    platforms: linux
    description: The operating systems that the module works on.
requirements:
  - Linux and Python 3.9 or newer on the managed host
  - root there, by C(become)
"""

    ACTION_GROUP = r"""
options: {}
attributes:
  action_group:
    support: full
    membership:
      - netns.fabric.all
    description: Use C(group/netns.fabric.all) in C(module_defaults) to set options for this module.
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
    description: The operating systems that the module works on.
requirements:
  - Linux and Python 3.9 or newer on the managed host
  - root there, by C(become)
"""

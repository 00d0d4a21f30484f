# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of ownership."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  owner:
    description:
      - The owner of the objects that the module creates, usually the name of a topology. The owner is stored on the
        object itself and lives as long as the object.
      - With an owner, C(state=absent) removes only what this owner owns. Other objects are left alone, with a warning.
        An object that other owners own as well stays, and only this owner is removed from it.
      - If omitted, objects are created without an owner.
      - 1 to 64 ASCII letters, digits, V(.), V(_) and V(-).
    type: str
  prune:
    description:
      - Remove the objects that are owned by O(owner) and not listed. Nothing else is ever removed.
      - Requires O(owner) and the bulk list; an empty list removes everything that is owned by O(owner).
    type: bool
    default: false
attributes:
  ownership:
    support: full
    description:
      - Objects that the module creates are owned by O(owner). O(prune), and C(state=absent) with O(owner), never remove
        an object that has no owner or other owners only.
"""

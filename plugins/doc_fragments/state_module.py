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
      - Whose objects these are, usually the name of a topology. What the module creates bears this mark, on the object
        itself, for as long as the object lives.
      - With it, C(state=absent) removes only what bears the mark. What somebody else made is left alone, with a
        warning.
      - Letters, digits, V(.), V(_) and V(-), at most 64.
    type: str
  prune:
    description:
      - Remove what bears the mark of O(owner) and is not in the list. Nothing else is ever removed.
      - Needs O(owner) and the bulk list; an empty list removes all that bears the mark.
    type: bool
    default: false
"""

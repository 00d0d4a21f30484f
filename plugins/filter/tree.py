# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter tree; the tree is rendered in plugin_utils, independent of Ansible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.tree import render_tree
from ansible_collections.netns.fabric.plugins.plugin_utils._filters.errors import filter_errors


def tree(info: Any) -> list[str]:
    """Return the facts of topology_info as lines for people.

    Raises:
        AnsibleFilterError: If the input is not a result of topology_info.
    """
    with filter_errors("tree"):
        return render_tree(info)


class FilterModule:
    """The filters of this file, for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"tree": tree}

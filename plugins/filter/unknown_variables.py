# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter unknown_variables; the check is in plugin_utils, independent of Ansible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._filters.errors import filter_errors
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.role_variables import find_unknown


def unknown_variables(names: Any, role: str) -> list[str]:
    """Return an error for each variable that a role does not have.

    Raises:
        AnsibleFilterError: If the collection has no such role.
    """
    with filter_errors("unknown_variables"):
        return find_unknown(names, role)


class FilterModule:
    """The filters of this file, for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"unknown_variables": unknown_variables}

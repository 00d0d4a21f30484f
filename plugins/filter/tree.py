# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter tree; what it does is in module_utils, apart from Ansible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams import tree as render


def tree(info: Any) -> list[str]:
    """What topology_info has returned as lines for people.

    :raises AnsibleFilterError: it is something else.
    """
    try:
        return render.tree(info)
    except (KeyError, TypeError, AttributeError) as error:
        raise AnsibleFilterError(
            f"tree: this is not what netns.fabric.topology_info returns ({error!r}); give the registered result"
        ) from None


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"tree": tree}

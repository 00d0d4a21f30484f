# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter compile_topology; what it does is in module_utils, apart from Ansible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import TopologyError
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology as compile_


def compile_topology(variables: Any, *, mistakes: str = "fail") -> dict[str, Any]:
    """Check a topology as a whole and give each module its list.

    :raises AnsibleFilterError: with every mistake there is, unless they are to be returned.
    """
    if mistakes not in ("fail", "return"):
        raise AnsibleFilterError(
            f"compile_topology: mistakes: {mistakes!r} is not one of fail, return; give one of these"
        )
    try:
        return {"mistakes": "", **compile_(variables)}
    except TopologyError as error:
        if mistakes == "return":
            return {"mistakes": str(error)}
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"compile_topology": compile_topology}

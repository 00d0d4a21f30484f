# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter compile_topology; the compiler is in plugin_utils, independent of Ansible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology as compile_
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import TopologyError


def compile_topology(variables: Any, *, errors: str = "fail") -> dict[str, Any]:
    """Check a topology as a whole and return one list per module.

    Raises:
        AnsibleFilterError: With all errors, unless they are returned.
    """
    if errors not in ("fail", "return"):
        raise AnsibleFilterError(f"compile_topology: errors: {errors!r} is not one of fail, return; use one of these")
    try:
        return {"errors": "", **compile_(variables)}
    except TopologyError as error:
        if errors == "return":
            return {"errors": str(error)}
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """The filters of this file, for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"compile_topology": compile_topology}

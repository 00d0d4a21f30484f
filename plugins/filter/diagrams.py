# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters mermaid and dot; the diagrams are in plugin_utils, independent of Ansible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.build import build_diagram
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.dot import write_dot
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.mermaid import write_mermaid
from ansible_collections.netns.fabric.plugins.plugin_utils._filters.errors import filter_errors


def mermaid(topology: Any, declared: Any = None) -> str:
    """Return a topology as a Mermaid flowchart.

    Raises:
        AnsibleFilterError: If the topology has an error, or cannot be compared.
    """
    with filter_errors("mermaid"):
        return write_mermaid(build_diagram(topology, declared))


def dot(topology: Any, declared: Any = None) -> str:
    """Return a topology in the DOT language of Graphviz.

    Raises:
        AnsibleFilterError: If the topology has an error, or cannot be compared.
    """
    with filter_errors("dot"):
        return write_dot(build_diagram(topology, declared))


class FilterModule:
    """The filters of this file, for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"mermaid": mermaid, "dot": dot}

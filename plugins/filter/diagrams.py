# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters mermaid and dot; what they do is in module_utils, apart from Ansible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.build import diagram
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.dot import dot as write_dot
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.mermaid import mermaid as write_mermaid
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import Diagram


def mermaid(topology: Any, declared: Any = None) -> str:
    """Draw a topology as a Mermaid flowchart.

    :raises AnsibleFilterError: if the topology has mistakes in it, or cannot be compared.
    """
    return _written(write_mermaid, topology, declared)


def dot(topology: Any, declared: Any = None) -> str:
    """Draw a topology in the language of Graphviz.

    :raises AnsibleFilterError: if the topology has mistakes in it, or cannot be compared.
    """
    return _written(write_dot, topology, declared)


def _written(write: Callable[[Diagram], str], topology: Any, declared: Any) -> str:
    try:
        return write(diagram(topology, declared))
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"mermaid": mermaid, "dot": dot}

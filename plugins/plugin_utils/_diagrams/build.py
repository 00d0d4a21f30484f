# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The diagram of a filter's input: the declared topology, the actual one, or the drift between the two. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.drift import compare
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.from_facts import diagram_from_facts, is_facts
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.from_variables import diagram_from_variables
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import Diagram
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.reader import to_plain


def build_diagram(topology: Any, declared: Any = None) -> Diagram:
    """Return a diagram.

    Args:
        topology: The role's variables without ``topology_`` before their names, or a result of topology_info.
        declared: The variables that a result of topology_info is compared with.

    Raises:
        ValueError: If the variables have an error, or `declared` is given for an input that is not a result of
            topology_info.
    """
    given = to_plain(topology)
    if declared is None:
        return diagram_from_facts(given) if is_facts(given) else diagram_from_variables(given)[0]
    if not is_facts(given):
        raise ValueError(
            "declared: the input is not a result of netns.fabric.topology_info with all of its subsets, and nothing "
            "else can be compared; gather it, or omit `declared`"
        )
    wanted, name = diagram_from_variables(declared, as_built=True)
    return compare(wanted, diagram_from_facts(given, name))

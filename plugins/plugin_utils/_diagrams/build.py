# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The diagram of what the filters are given: what shall be, what is, or the drift between the two. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.from_facts import found, is_found
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.from_variables import declared
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import Diagram, compare
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import plain


def diagram(topology: Any, against: Any = None) -> Diagram:
    """Return a diagram.

    :param topology: the role's variables without ``topology_`` before their names, or a result of topology_info.
    :param against: the variables that a result of topology_info is to be compared with.
    :raises ValueError: if there is a mistake in the variables, or something is compared with what it cannot be.
    """
    given = plain(topology)
    if against is None:
        return found(given) if is_found(given) else declared(given)[0]
    if not is_found(given):
        raise ValueError(
            "only a result of netns.fabric.topology_info can be compared with `declared`, and the input is none; "
            "gather it, with all of its keys, or leave `declared` out"
        )
    wanted, name = declared(against)
    return compare(wanted, found(given, name))
